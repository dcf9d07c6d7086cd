"""The baseline's fields of the stored days, kept as the days of the baseline say."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pipeline.care.record import PatientRecord
from pipeline.points import Point
from pipeline.rollup.baseline import BAND_FIELDS, READ_FIELDS, Baseline, baselines
from pipeline.rollup.replacing import EVER, TimeSpan, fields_of, point_of, remove
from pipeline.store import Store
from pipeline.tables import FieldValue

__all__ = ["is_settled", "settle_bands", "with_bands"]

_SIDES = ("left", "right", "both")


def with_bands(points: Iterable[Point], bands: Mapping[str, Baseline]) -> list[Point]:
    """Return the points, those of `daily` with the band of their side where it has one."""
    return [_with_band(point, bands) if point.measurement == "daily" else point for point in points]


def _with_band(point: Point, bands: Mapping[str, Baseline]) -> Point:
    band = _expected(bands, dict(point.tags)["side"], point.time_ns)
    return msgspec.structs.replace(point, fields={**point.fields, **band})


def _expected(
    bands: Mapping[str, Baseline], side: str, day_start_ns: int
) -> Mapping[str, FieldValue]:
    return bands[side].on(day_start_ns) if side in bands else {}


def is_settled(bands: Mapping[str, Baseline], day_starts_ns: Sequence[int]) -> bool:
    """Say whether these days can have changed no baseline: all sides have one, of earlier days."""
    return all(
        side in bands and bands[side].last_day_ns < start_ns
        for side in _SIDES
        for start_ns in day_starts_ns
    )


async def settle_bands(store: Store, record: PatientRecord) -> dict[str, Baseline]:
    """Compute the baselines of a patient and write the bands that differ from the stored ones.

    Returns the baseline of each side that has one; raises as `Store.read` and `Store.write`.
    """
    rows = await store.read("daily", patient=record.patient, fields=READ_FIELDS, **EVER)
    bands = baselines(rows, record)
    due: list[Point] = []
    for row in rows:
        expected = _expected(bands, row["side"], row["time_ns"])
        present = {name: row[name] for name in BAND_FIELDS if row[name] is not None}
        if present.keys() - expected.keys():
            await _rewrite(store, record.patient, row["time_ns"], bands)
        elif expected != present:
            tags = (("patient", record.patient), ("side", row["side"]))
            due.append(Point("daily", tags, dict(expected), row["time_ns"]))
    if due:
        await store.write(due)
    return bands


async def _rewrite(store: Store, patient: str, time_ns: int, bands: Mapping[str, Baseline]) -> None:
    """Write a day anew without the band that it has no more."""
    span: TimeSpan = {"start_ns": time_ns, "stop_ns": time_ns + 1}
    rows = await store.read("daily", patient=patient, **span)
    bare = [{name: None if name in BAND_FIELDS else row[name] for name in row} for row in rows]
    points = with_bands([point_of("daily", row) for row in bare if fields_of(row)], bands)
    await remove(store, "daily", patient, time_ns, time_ns + 1)
    await store.write(points)

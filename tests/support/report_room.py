"""A virtual patient's stored days with their rollups and record, for the report's tests."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import month
from month_people import Person

from edge import wire
from pipeline.care.days import day_span
from pipeline.care.record import Note, PatientRecord, PlanChange, Span
from pipeline.points import Point
from pipeline.registry import Registry
from pipeline.rollup.bands import settle_bands
from pipeline.rollup.day import roll_up
from pipeline.rollup.rows import read_day
from pipeline.store import Store

__all__ = ["CONFIG", "fill", "record_of", "rows_of_strides", "settings_file"]

CONFIG = """
[store]
path = "{folder}/store.db"
[rollups]
path = "{folder}/rollups.db"
[registry]
path = "{folder}/registry.db"
"""


def record_of(person: Person, patient: str = "") -> PatientRecord:
    """Return what is set for a virtual patient: leg, zone, plan, orthoses as `month`, two notes."""

    def at(day: int, hour: float = 0.0) -> int:
        return person.time_ns(month.FIRST_DAY + dt.timedelta(days=day), hour)

    return PatientRecord(
        patient=patient or person.patient,
        zone=person.zone,
        zone_is_set=True,
        affected=person.affected,
        plans=(
            PlanChange(since_ns=at(0), plan=month.PLAN[:3]),
            PlanChange(since_ns=at(12, 11.0), plan=month.PLAN),
        ),
        spans=(
            Span(orthosis="none", since_ns=at(0), until_ns=at(9)),
            Span(orthosis="afo", since_ns=at(9), until_ns=at(19)),
            Span(orthosis="fes", since_ns=at(19)),
        ),
        notes=(
            Note(time_ns=at(10, 15.0), text="Brace rubs at the ankle, padded."),
            Note(time_ns=at(14, 10.5), text="Walks on the garden path again."),
        ),
    )


async def fill(
    store: Store,
    rollups: Store,
    record: PatientRecord,
    points: Iterable[Sequence[Point]],
    days: Iterable[dt.date],
) -> None:
    """Store points day by day and compute the rollups of these days."""
    for batch in points:
        await store.write(batch)
    for day in days:
        rows = await read_day(store, record.patient, *day_span(day, record.zone))
        await rollups.write(roll_up(rows, record, day))
    await settle_bands(rollups, record)


def rows_of_strides(
    times_ns: Iterable[int], side: wire.Side = "left", **fields: object
) -> Iterator[dict[str, object]]:
    """Yield rows as a store gives them for the report: healthy strides but for `fields`."""
    row = {
        "patient": "p0123456789ab",
        "device": "insole-1",
        "side": side,
        "strike": "heel",
        "toe_drag": "none",
        "valid_swing": True,
        "orthosis": None,
        "pitch_at_contact_deg": 12.0,
        "pitch_at_toe_off_deg": -50.0,
        "max_dorsiflexion_deg": 15.0,
    }
    for time_ns in times_ns:
        yield {"time_ns": time_ns, **row, **fields}


async def settings_file(folder: Path, *devices: str) -> tuple[Path, str]:
    """Write a configuration of files in a folder; return it and a patient of its registry."""
    path = folder / "pipeline.toml"
    path.write_text(CONFIG.format(folder=folder))
    registry = Registry(folder / "registry.db")
    patient = await registry.add_patient("Wilhelmine Schlurfenberg")
    for device in devices:
        await registry.assign(device, patient)
    await registry.close()
    return path, patient

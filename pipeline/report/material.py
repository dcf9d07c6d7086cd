"""What a report is made of: rows of both databases, read once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pipeline.care.record import PatientRecord
from pipeline.report.span import Span
from pipeline.report.strides import StrideFold
from pipeline.store import Store
from pipeline.summary import SIDES, Row

__all__ = ["EVENTS", "Material", "focus", "gather"]

ROLLUPS: Final = ("daily", "day_hours", "completeness", "programme")
EVENTS: Final = ("bout", "alert", "acknowledge", "exercise", "near_trip", "gap", "cue", "practice")
_BOUT_FIELDS: Final = (
    "duration_s",
    "continues",
    "strides_left",
    "strides_right",
    "curve_left",
    "curve_right",
)
_WINDOW_DAYS: Final = 7
"""Strides are read in weeks, so that memory stays small."""
_LATE_NS: Final = 7 * 24 * 3600 * 10**9
"""Acknowledgements that came so long after the range still belong to its alerts."""


@dataclass(frozen=True)
class Material:
    """Rows by measurement, and the folded strides.

    Attributes
    ----------
    record : PatientRecord
        What is set for the patient.
    rows : dict
        Of `EVENTS`, `completeness` and `programme`; ascending by time.
    daily, hours : dict
        Rows of `daily` and `day_hours` by (side, day number); side left, right or both.
    """

    record: PatientRecord
    span: Span
    rows: dict[str, list[Row]]
    daily: dict[tuple[str, int], Row]
    hours: dict[tuple[str, int], Row]
    strides: StrideFold = field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Nothing came of the patient in the range; what was prescribed alone is no data."""
        came = ("bout", "exercise", "practice", "alert", "gap", "completeness")
        steps = any(row["steps"] or row["worn_s"] for row in self.daily.values())
        return not (steps or self.strides.sums or any(self.rows[name] for name in came))


def focus(record: PatientRecord) -> tuple[str, ...]:
    """Return the sides that the report is about: the affected ones, or both."""
    return (record.affected,) if record.affected in SIDES else SIDES


async def gather(
    store: Store,
    rollups: Store,
    record: PatientRecord,
    span: Span,
    compares: bool,
    progress: Callable[[float], None] = lambda share: None,
) -> Material:
    """Return what both databases hold of a patient in the span.

    `compares`: strides are read for a comparison by orthosis, too, which takes longer.

    Raises
    ------
    StoreUnavailable
        A store cannot be read now.
    """
    rows: dict[str, list[Row]] = {}
    for name in (*EVENTS, *ROLLUPS):
        late_ns = _LATE_NS if name == "acknowledge" else 0
        rows[name] = [
            *await (rollups if name in ROLLUPS else store).read(
                name,
                patient=record.patient,
                start_ns=span.start_ns,
                stop_ns=span.stop_ns + late_ns,
                fields=_BOUT_FIELDS if name == "bout" else (),
            )
        ]
    fold = StrideFold(span, rows["bout"], compares)
    windows = span.windows(_WINDOW_DAYS)
    folding: Awaitable[None] = asyncio.sleep(0)
    for number, (start_ns, stop_ns) in enumerate(windows, start=1):
        reading = store.read(
            "stride",
            patient=record.patient,
            start_ns=start_ns,
            stop_ns=stop_ns,
            fields=fold.fields(start_ns, stop_ns),
        )
        # the last week is folded while the store looks for the next
        strides, _ = await asyncio.gather(reading, folding)
        folding = asyncio.to_thread(fold.add, strides)
        progress(number / len(windows))
    await folding
    daily, hours = (_by_day(span, rows.pop(name)) for name in ("daily", "day_hours"))
    return Material(record, span, rows, daily, hours, fold)


def _by_day(span: Span, rows: list[Row]) -> dict[tuple[str, int], Row]:
    return {(row["side"], span.index(row["time_ns"])): row for row in rows}

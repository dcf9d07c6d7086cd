"""What is read to compute one patient's day, and how far around the day."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.rollup.strides import STRIDE_COLUMNS
from pipeline.store import Store

__all__ = ["BEFORE_NS", "HOUR_NS", "REACH_NS", "DayRows", "Row", "hour_of", "read_day"]

Row = dict[str, Any]
HOUR_NS: Final = 3600 * 10**9
_MILLISECOND_NS: Final = 10**6
REACH_NS: Final = 65 * 60 * 10**9
"""What happens less than this from a day may change it. A device that runs shows a sign of life at
least every hour: its tally."""
BEFORE_NS: Final = 12 * HOUR_NS
"""A state of wear that began up to this long before the day still counts in it."""
_BOUT_COLUMNS: Final = (
    "duration_s",
    "continues",
    "cadence_per_min",
    "stance_symmetry_index",
    "swing_symmetry_index",
    "stride_time_cv_percent",
)


@dataclass(slots=True)
class DayRows:
    """Rows of one patient's day start_ns..stop_ns and what is around it, each by time.

    A tally that an agent sent again after it was killed lies in the same millisecond as the first:
    it counts once.
    """

    start_ns: int
    stop_ns: int
    stride: list[Row] = field(default_factory=list)
    bout: list[Row] = field(default_factory=list)
    wear: list[Row] = field(default_factory=list)
    tally: list[Row] = field(default_factory=list)
    gap: list[Row] = field(default_factory=list)
    near_trip: list[Row] = field(default_factory=list)
    cue: list[Row] = field(default_factory=list)
    exercise: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        once = {(row["device"], row["time_ns"] // _MILLISECOND_NS): row for row in self.tally}
        self.tally = list(once.values())

    def within(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows of the day itself."""
        return [row for row in rows if self.start_ns <= row["time_ns"] < self.stop_ns]

    @property
    def is_seen(self) -> bool:
        """Whether the device gave any sign of life on this day."""
        kinds = (self.tally, self.wear, self.stride, self.bout, self.exercise, self.cue)
        return any(self.within(rows) for rows in kinds)


def hour_of(time_ns: int) -> int:
    """Return the clock hour (UTC) of a moment, counted since 1970."""
    return time_ns // HOUR_NS


def wanted_of(start_ns: int, stop_ns: int) -> list[tuple[str, tuple[int, int], tuple[str, ...]]]:
    """Return what a day is made of: measurement, from when to when, and which fields of it."""
    whole_hours = (hour_of(start_ns) * HOUR_NS, -(-stop_ns // HOUR_NS) * HOUR_NS)
    around = (start_ns - REACH_NS, stop_ns + REACH_NS)
    day = (start_ns, stop_ns)
    return [
        ("stride", whole_hours, STRIDE_COLUMNS),
        ("bout", around, _BOUT_COLUMNS),
        ("wear", (start_ns - BEFORE_NS, stop_ns + REACH_NS), ()),
        ("tally", around, ()),
        ("gap", day, ("what", "lost", "duration_s")),
        ("near_trip", day, ()),
        ("cue", day, ("given",)),
        ("exercise", day, ()),
    ]


async def read_day(store: Store, patient: str, start_ns: int, stop_ns: int) -> DayRows:
    """Return what is needed for the day; raises as `Store.read`."""
    wanted = wanted_of(start_ns, stop_ns)
    answers = await asyncio.gather(
        *(
            store.read(name, patient=patient, start_ns=start, stop_ns=stop, fields=fields)
            for name, (start, stop), fields in wanted
        )
    )
    names = (name for name, _, _ in wanted)
    return DayRows(start_ns, stop_ns, **dict(zip(names, answers, strict=True)))

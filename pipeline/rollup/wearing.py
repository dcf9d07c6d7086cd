"""How long insoles were worn, and how long their wearer sat or walked.

A state of wear lasts until the device's next one, but only while the device shows signs of life: a
device that was switched off while worn is not worn ever after. Between two signs (a tally's begin
and end, a bout's, a change of wear) lies at most an hour where the device runs.

The device's own tally of worn seconds, made from every sample, goes before the states.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import fsum

from pipeline.rollup.intervals import Interval, clip, length_s, overlap, union, without
from pipeline.rollup.rows import HOUR_NS, REACH_NS, DayRows, Row, hour_of

__all__ = ["Wearing"]


@dataclass(slots=True)
class Wearing:
    """What the wear states and tallies of all devices of a day say of any span within it."""

    known: list[Interval] = field(default_factory=list)
    worn: list[Interval] = field(default_factory=list)
    sitting: list[Interval] = field(default_factory=list)
    walking: list[Interval] = field(default_factory=list)
    tallies: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, rows: DayRows) -> "Wearing":
        """Return the wearing of a day."""
        wearing = cls(tallies=[row for row in rows.tally if row["worn_s"] is not None])
        wearing.walking = union(map(_extent, rows.bout))
        for device in sorted({row["device"] or "" for row in rows.wear}):
            wearing._add(device, rows)
        for name in ("known", "worn", "sitting"):
            setattr(wearing, name, union(getattr(wearing, name)))
        return wearing

    def _add(self, device: str, rows: DayRows) -> None:
        alive = _alive(device, rows)
        tallied = union(
            (hour_of(row["time_ns"]) * HOUR_NS, (hour_of(row["time_ns"]) + 1) * HOUR_NS)
            for row in self.tallies
            if row["device"] == device
        )
        states = _states([row for row in rows.wear if row["device"] == device], rows.stop_ns)
        for state, intervals in states.items():
            lived = overlap(union(intervals), alive)
            self.known += lived
            self.worn += without(lived, tallied) if state != "off" else []
            self.sitting += lived if state == "sitting" else []

    def fields(self, start_ns: int, stop_ns: int) -> dict[str, float | None]:
        """Return worn_s, sitting_s and walking_s of a span; None: not known."""
        tallied = [row["worn_s"] for row in self.tallies if start_ns <= row["time_ns"] < stop_ns]
        worn_s = fsum(tallied) + length_s(clip(self.worn, start_ns, stop_ns))
        known = bool(clip(self.known, start_ns, stop_ns))
        walking = clip(self.walking, start_ns, stop_ns)
        return {
            "worn_s": min(worn_s, (stop_ns - start_ns) / 1e9) if known or tallied else None,
            "sitting_s": length_s(clip(self.sitting, start_ns, stop_ns)) if known else None,
            "walking_s": length_s(walking) if known or tallied or walking else None,
        }


def _extent(row: Row) -> Interval:
    return (row["time_ns"], row["time_ns"] + round((row["duration_s"] or 0.0) * 1e9))


def _tallied_extent(row: Row) -> Interval:
    """Return the time that a tally is of; its own lies some milliseconds into its hour."""
    start_ns, stop_ns = _extent(row)
    return (start_ns, min(stop_ns, (hour_of(start_ns) + 1) * HOUR_NS))


def _alive(device: str, rows: DayRows) -> list[Interval]:
    """Return when a device was running, as far as its signs of life say."""
    extents = [_extent(row) for row in rows.bout if row["device"] == device]
    extents += [_tallied_extent(row) for row in rows.tally if row["device"] == device]
    moments = {row["time_ns"] for row in rows.wear if row["device"] == device}
    signs = sorted(moments.union(*extents))
    between = ((a, b) for a, b in pairwise(signs) if b - a <= REACH_NS)
    return union((*extents, *between))


def _states(changes: Iterable[Row], stop_ns: int) -> dict[str, list[Interval]]:
    """Return the intervals of each state, the last one until the day ends."""
    states: dict[str, list[Interval]] = {}
    ordered = sorted(changes, key=lambda row: row["time_ns"])
    ends = [row["time_ns"] for row in ordered[1:]] + [stop_ns]
    for row, end in zip(ordered, ends, strict=True):
        states.setdefault(row["state"], []).append((row["time_ns"], end))
    return states

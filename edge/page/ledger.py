"""What was walked, by quarters of an hour of wall time; what has no wall time yet waits.

A quarter is the unit because every time zone's days and hours are made of whole quarters: the
patient's zone may change and no number has to be counted again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime, time, tzinfo
from typing import Final

__all__ = ["HOURS", "MINUTE_NS", "QUARTER_NS", "Counts", "Ledger", "local", "row", "total"]

MINUTE_NS: Final = 60 * 10**9
QUARTER_NS: Final = 15 * MINUTE_NS
HOURS: Final = 24
_LONGEST_DAY: Final = 27 * 4
"""Quarters from midnight on: a day of 25 hours, and two that a zone may have skipped."""


def local(wall_ns: int, zone: tzinfo | None) -> datetime:
    """Return a wall time [ns] in a zone; None: this machine's."""
    return datetime.fromtimestamp(wall_ns / 1e9, zone)


@dataclass(slots=True)
class Counts:
    """Landings of both feet (`steps`); the rest is of the watched leg or legs alone.

    `heel`, `flat` and `toe` are strike types among the landings whose type is known; `drags` is
    among `swings`, the valid ones.
    """

    steps: int = 0
    heel: int = 0
    flat: int = 0
    toe: int = 0
    swings: int = 0
    drags: int = 0

    @property
    def known(self) -> int:
        """Landings with a known strike type: the denominator of every share."""
        return self.heel + self.flat + self.toe

    def add(self, other: "Counts") -> None:
        """Add what another counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Ledger:
    """Counts by quarter (its number since 1970), and by minute of the monotonic clock what waits.

    `touched` holds the quarters that changed since they were last stored; their stored numbers
    are replaced by these, so that storing twice changes nothing.
    """

    def __init__(
        self,
        quarters: Mapping[int, Counts] | None = None,
        waiting: Mapping[int, Counts] | None = None,
    ) -> None:
        self.quarters = dict(quarters or {})
        self.waiting = dict(waiting or {})
        self.touched: set[int] = set()

    def add(self, mono_ns: int, offset_ns: int | None, counts: Counts) -> None:
        """Count something that happened at a monotonic time; `offset_ns` None: no wall time."""
        if offset_ns is None:
            self.waiting.setdefault(mono_ns // MINUTE_NS, Counts()).add(counts)
            return
        self._into((mono_ns + offset_ns) // QUARTER_NS, counts)

    def place(self, offset_ns: int) -> bool:
        """Give what waits its wall time; return whether anything waited."""
        waiting, self.waiting = self.waiting, {}
        for minute, counts in waiting.items():
            self._into((minute * MINUTE_NS + offset_ns) // QUARTER_NS, counts)
        return bool(waiting)

    def _into(self, quarter: int, counts: Counts) -> None:
        self.quarters.setdefault(quarter, Counts()).add(counts)
        self.touched.add(quarter)

    def hours(self, day: date, zone: tzinfo | None) -> list[Counts]:
        """Return a local day's counts by hour of the clock; a repeated hour is one of them."""
        hours = [Counts() for _ in range(HOURS)]
        midnight = datetime.combine(day, time(), zone).timestamp()
        first = int(midnight * 10**9) // QUARTER_NS
        for quarter in range(first - 8, first + _LONGEST_DAY):
            counts = self.quarters.get(quarter)
            if counts is not None:
                begin = local(quarter * QUARTER_NS, zone)
                if begin.date() == day:
                    hours[begin.hour].add(counts)
        return hours

    def unplaced(self) -> Counts:
        """Return what waits for the wall clock, in one."""
        return total(self.waiting.values())

    def forget(self, before_ns: int) -> None:
        """Remove what was before a wall time; a quarter that it cuts goes whole."""
        for quarter in [q for q in self.quarters if q * QUARTER_NS < before_ns]:
            del self.quarters[quarter]
            self.touched.discard(quarter)


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum."""
    found = Counts()
    for some in counts:
        found.add(some)
    return found


def row(counts: Counts) -> tuple[int, ...]:
    """Return the counts in the order of the fields, as they are stored."""
    return astuple(counts)

"""The days a report is about, in the patient's time zone."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise

from pipeline.care.days import day_of, day_start_ns, zone_info
from pipeline.report.errors import ReportError

__all__ = ["LONGEST_DAYS", "Span"]

LONGEST_DAYS = 732
"""Two years: beyond them a day is narrower than a pixel."""
_PERIOD_DAYS = 28
_DAY_NS = 24 * 3600 * 10**9


@dataclass(frozen=True)
class Span:
    """All days from `first` to `last`, both included.

    A day begins at local midnight, so one with a change to or from daylight saving has 23 or 25 h.

    Attributes
    ----------
    first, last : date
    zone : str
        IANA name of a zone that exists.

    Raises
    ------
    ReportError
        No day at all, or more than `LONGEST_DAYS`.
    """

    first: date
    last: date
    zone: str

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ReportError(
                f"the range from {self.first} to {self.last} is empty: --from comes first"
            )
        if (self.last - self.first).days >= LONGEST_DAYS:
            raise ReportError(f"a report covers {LONGEST_DAYS} days at most: shorten the range")

    @cached_property
    def days(self) -> tuple[date, ...]:
        """Every day, ascending."""
        count = (self.last - self.first).days + 1
        return tuple(self.first + timedelta(days=n) for n in range(count))

    @cached_property
    def edges_ns(self) -> tuple[int, ...]:
        """The begin of each day and the end of the last, ns since 1970."""
        after = self.last + timedelta(days=1)
        return tuple(day_start_ns(day, self.zone) for day in (*self.days, after))

    @property
    def start_ns(self) -> int:
        """The first instant of the range."""
        return self.edges_ns[0]

    @property
    def stop_ns(self) -> int:
        """The first instant after the range."""
        return self.edges_ns[-1]

    def index(self, time_ns: int) -> int:
        """Return the number of the day that a time of the range falls on, from 0."""
        return bisect_right(self.edges_ns, time_ns) - 1

    def day(self, time_ns: int) -> date:
        """Return the local day of any time."""
        return day_of(time_ns, self.zone)

    def local(self, time_ns: int) -> datetime:
        """Return a time on the patient's clock."""
        return datetime.fromtimestamp(time_ns // 10**9, zone_info(self.zone))

    def windows(self, days: int) -> Sequence[tuple[int, int]]:
        """Return (start_ns, stop_ns) of stretches of so many days that cover the range."""
        edges = [*self.edges_ns[:-1:days], self.stop_ns]
        return list(pairwise(edges))

    @cached_property
    def clock_changes(self) -> tuple[date, ...]:
        """The days that do not have 24 hours."""
        days = zip(self.days, pairwise(self.edges_ns), strict=True)
        return tuple(day for day, (start, stop) in days if stop - start != _DAY_NS)

    @cached_property
    def periods(self) -> tuple[range, range]:
        """The numbers of the earlier and the later days that are compared with each other.

        The first and the last half of the range, 28 days of each at most.
        """
        count = len(self.days)
        length = min(count // 2, _PERIOD_DAYS)
        return range(length), range(count - length, count)

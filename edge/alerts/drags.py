"""Repeated toe drags: `drags` of the last `drags_window` valid swings, and above what is usual."""

from collections import deque
from collections.abc import Iterable
from statistics import fmean, stdev
from typing import Any, Final

from edge.alerts.rule import Change, Rule, Situation
from hw.source import SIDES, Side
from kernels import GaitStride

__all__ = ["LEAST_SWINGS", "DailyShares", "RepeatedToeDrag"]

MOST_SWINGS: Final = 1000
"""The widest window that `wire.Thresholds` allows."""
LEAST_SWINGS: Final = 100
"""A day with fewer valid swings says nothing of what is usual."""
MOST_DAYS: Final = 60
"""The longest baseline that `wire.Thresholds` allows."""


class DailyShares:
    """Valid swings and drags of one leg per local day: the first days make the baseline.

    The first days, not the last ones: a slow decline must not become what is usual.
    """

    def __init__(self) -> None:
        self._days: dict[str, list[int]] = {}
        self._undated = [0, 0]

    def add(self, day: str | None, drag: bool) -> None:
        """Count a swing; without a clock it counts for the day when the clock becomes known."""
        if day is None:
            self._undated[0] += 1
            self._undated[1] += drag
            return
        if day not in self._days:
            self._close_days(day)
            if len(self._days) >= MOST_DAYS + 1:
                return
        count = self._days.setdefault(day, [0, 0])
        count[0] += 1 + self._undated[0]
        count[1] += drag + self._undated[1]
        self._undated = [0, 0]

    def _close_days(self, today: str) -> None:
        """Another day begins: those before it with too few swings say nothing."""
        self._days = {
            day: count
            for day, count in self._days.items()
            if day >= today or count[0] >= LEAST_SWINGS
        }

    def usual(self, days: int, today: str | None) -> tuple[float, float] | None:
        """Return mean and standard deviation of the daily share; None before `days` days."""
        whole = [
            drags / swings
            for day, (swings, drags) in sorted(self._days.items())
            if swings >= LEAST_SWINGS and (today is None or day < today)
        ]
        if len(whole) < days:
            return None
        return fmean(whole[:days]), stdev(whole[:days]) if days > 1 else 0.0

    def keep(self) -> Any:
        """Return plain values."""
        return {"days": self._days, "undated": self._undated}

    def restore(self, kept: Any) -> None:
        """Take up what `keep` returned."""
        self._days = {str(day): [int(n) for n in count] for day, count in kept["days"].items()}
        self._undated = [int(n) for n in kept["undated"]]

    def forget(self, before: str) -> None:
        """Drop days before a date."""
        self._days = {day: count for day, count in self._days.items() if day >= before}
        self._undated = [0, 0]


class RepeatedToeDrag(Rule):
    """Raise at `drags` and `drags_share` of the last `drags_window` valid swings of a leg and,
    once a baseline exists, above its mean and `baseline_sd` standard deviations; clear under
    `clear_share` over the last `clear_window`."""

    name = "repeated_toe_drag"
    priority = "medium"

    def __init__(self) -> None:
        self._swings: dict[Side, deque[bool]] = {s: deque(maxlen=MOST_SWINGS) for s in SIDES}
        self._days = {side: DailyShares() for side in SIDES}

    def stride(self, stride: GaitStride, now: Situation) -> Iterable[Change]:
        """Count a valid swing whose drag is known."""
        if not stride.valid_swing or stride.toe_drag is None or not self.watches(stride.side, now):
            return
        drag = stride.toe_drag != "none"
        moment = now.local(stride.time_ns)
        today = moment.date().isoformat() if moment else None
        self._swings[stride.side].append(drag)
        self._days[stride.side].add(today, drag)
        if (self.name, stride.side) in now.raised:
            yield from self._clear(stride, now)
        else:
            yield from self._raise(stride, now, today)

    def _last(self, side: Side, count: int) -> tuple[int, int]:
        """Return the drags among the last `count` swings, and how many there are."""
        swings = self._swings[side]
        number = min(count, len(swings))
        return sum(list(swings)[-number:]), number

    def _raise(self, stride: GaitStride, now: Situation, today: str | None) -> Iterable[Change]:
        limits = now.thresholds
        drags, swings = self._last(stride.side, limits.drags_window)
        share = drags / swings
        if drags < limits.drags or share < limits.drags_share:
            return
        detail = f"{drags} of the last {swings} swings of the {stride.side} leg dragged"
        usual = self._days[stride.side].usual(limits.baseline_days, today)
        if usual is not None:
            mean, spread = usual
            if share <= mean + limits.baseline_sd * spread:
                return
            detail += f", usually {100 * mean:.0f} of 100"
        yield Change(True, stride.side, stride.time_ns, detail)

    def _clear(self, stride: GaitStride, now: Situation) -> Iterable[Change]:
        window = now.thresholds.clear_window
        drags, swings = self._last(stride.side, window)
        if swings == window and drags < now.thresholds.clear_share * swings:
            detail = f"{drags} of the last {swings} swings of the {stride.side} leg dragged"
            yield Change(False, stride.side, stride.time_ns, detail)

    def keep(self) -> Any:
        """Return windows as text of 0 and 1, and the days."""
        return {
            side: {
                "swings": "".join("01"[drag] for drag in self._swings[side]),
                "daily": self._days[side].keep(),
            }
            for side in SIDES
        }

    def restore(self, kept: Any) -> None:
        """Take up windows and days: neither hangs on the monotonic clock."""
        for side in SIDES:
            self._swings[side].extend(drag == "1" for drag in kept[side]["swings"])
            self._days[side].restore(kept[side]["daily"])

    def forget(self, before: str) -> None:
        """Drop the windows, and the days before a date."""
        for side in SIDES:
            self._swings[side].clear()
            self._days[side].forget(before)

"""High trip risk that lasts, and near-trips."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from edge.alerts.rule import Change, Rule, Situation
from hw.source import SIDES, Side
from kernels import GaitEvent, GaitStride

__all__ = ["HighTripRisk", "NearTrips"]

HALF_HOUR_NS: Final = 1800 * 10**9
HOUR_NS: Final = 3600 * 10**9
LONGEST_STRIDE_MS: Final = 3000
"""A longer one holds a pause, which is no walking."""
MOST_NEAR_TRIPS: Final = 100
"""The most that `wire.Thresholds` can ask for."""


class _Leg:
    """Walking at high risk within the last half hour, and since then below it."""

    def __init__(self) -> None:
        self.high: deque[tuple[int, int]] = deque()
        self.high_ms = 0
        self.below_ms = 0

    def add(self, time_ns: int, ms: int, is_high: bool) -> None:
        while self.high and self.high[0][0] <= time_ns - HALF_HOUR_NS:
            self.high_ms -= self.high.popleft()[1]
        if is_high:
            self.high.append((time_ns, ms))
            self.high_ms += ms
            self.below_ms = 0
        else:
            self.below_ms += ms


class HighTripRisk(Rule):
    """Raise at `risk_minutes` of walking at the level high within half an hour; clear after as
    long a walk without it. Standing and sitting prove nothing."""

    name = "high_trip_risk"
    priority = "high"

    def __init__(self) -> None:
        self._legs: dict[Side, _Leg] = {side: _Leg() for side in SIDES}

    def stride(self, stride: GaitStride, now: Situation) -> Iterable[Change]:
        """Add up strides whose risk is known."""
        if (
            stride.trip_level is None
            or stride.stride_s is None
            or not self.watches(stride.side, now)
        ):
            return
        leg = self._legs[stride.side]
        leg.add(
            stride.time_ns,
            min(round(1000 * stride.stride_s), LONGEST_STRIDE_MS),
            stride.trip_level == "high",
        )
        needed_ms = 60_000 * now.thresholds.risk_minutes
        if (self.name, stride.side) in now.raised:
            if leg.below_ms >= needed_ms:
                detail = f"{leg.below_ms / 60_000:.1f} minutes of walking without high trip risk"
                yield Change(False, stride.side, stride.time_ns, detail)
        elif leg.high_ms >= needed_ms:
            why = ", ".join(reason.replace("_", " ") for reason in stride.trip_reasons)
            detail = (
                f"{leg.high_ms / 60_000:.1f} minutes of walking at high trip risk in half an hour"
            )
            detail += f", {stride.side} leg" + (f": {why}" if why else "")
            yield Change(True, stride.side, stride.time_ns, detail)

    def keep(self) -> Any:
        """Return the strides of the last half hour of each leg."""
        return {side: [list(leg.high), leg.below_ms] for side, leg in self._legs.items()}

    def restore(self, kept: Any) -> None:
        """Take up how long they walked without high risk."""
        for side in SIDES:
            self._legs[side].below_ms = int(kept[side][1])

    def restore_times(self, kept: Any, shift_ns: int) -> None:
        """Take up the strides of the last half hour; what came since stands behind them."""
        for side in SIDES:
            leg = self._legs[side]
            old = [(int(at) + shift_ns, int(ms)) for at, ms in kept[side][0]]
            leg.high.extendleft(reversed(old))
            leg.high_ms = sum(ms for _, ms in leg.high)

    def forget(self, before: str) -> None:
        """Begin anew."""
        self._legs = {side: _Leg() for side in SIDES}


class NearTrips(Rule):
    """Raise at `near_trips` within an hour, of either foot; clear after an hour and
    `clear_window` strides without one."""

    name = "near_trips"
    priority = "high"

    def __init__(self) -> None:
        self._times: deque[int] = deque(maxlen=MOST_NEAR_TRIPS)
        self._strides = 0

    def moment(self, event: GaitEvent, now: Situation) -> Iterable[Change]:
        """Count a near-trip."""
        if event.event != "near_trip":
            return
        self._times.append(event.time_ns)
        self._strides = 0
        count = sum(at > event.time_ns - HOUR_NS for at in self._times)
        if count >= now.thresholds.near_trips and (self.name, None) not in now.raised:
            yield Change(True, None, event.time_ns, f"{count} near-trips within an hour")

    def stride(self, stride: GaitStride, now: Situation) -> Iterable[Change]:
        """Walking without one is what clears."""
        self._strides += 1
        last_ns = self._times[-1] if self._times else stride.time_ns - HOUR_NS
        if (
            (self.name, None) in now.raised
            and self._strides >= now.thresholds.clear_window
            and stride.time_ns - last_ns >= HOUR_NS
        ):
            detail = f"no near-trip in {self._strides} strides"
            yield Change(False, None, stride.time_ns, detail)

    def keep(self) -> Any:
        """Return the times and the strides since the last."""
        return [list(self._times), self._strides]

    def restore(self, kept: Any) -> None:
        """Take up the strides since the last near-trip."""
        self._strides = int(kept[1])

    def restore_times(self, kept: Any, shift_ns: int) -> None:
        """Take up the times; what came since stands behind them."""
        self._times.extendleft(int(at) + shift_ns for at in reversed(kept[0]))

    def forget(self, before: str) -> None:
        """Begin anew."""
        self._times.clear()
        self._strides = 0

"""A device's clock on the host's monotonic clock.

A sample is stamped by its device; it arrives later, by a delay that is never negative. So every
arrival bounds the offset host - device from above, and every question the host sent before the
device stamped it bounds it from below. Over a window the least of the first and the greatest of the
second close in on the truth; with the first alone the link's least delay stays in it as a bias.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["ClockMap", "LinkDelay", "Unwrapper"]

_NS = 1_000_000_000
_SLEW = 0.01
_EARLY_NS = 3e6
_LATE_NS = 5e6
_RECENT_S = 5.0
_REFIT_NS = 100_000_000

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class LinkDelay:
    """What is known beforehand of a one-way link.

    Attributes
    ----------
    least_ns : int
        The delay of the quickest packet in a minute, as far as it is known; taken out.
    spread_ns : int
        How far that may be off, either way: the uncertainty without a two-way exchange.
    drift : float
        The most that the device's clock may run fast or slow, as a share: 100 ppm for a crystal.
    drift_span_s : float
        How long to listen before the drift is estimated; shorter where delays hardly vary.
    """

    least_ns: int = 0
    spread_ns: int = 8_000_000
    drift: float = 100e-6
    drift_span_s: float = 20.0


class Unwrapper:
    """A counter that starts again at `modulus_ns`, made continuous; the host's clock is the guide.

    Wraps that nobody saw, because the device was away for longer than one turn of its counter, are
    counted too, as long as both clocks agree to half a turn.
    """

    def __init__(self, modulus_ns: int | None) -> None:
        self._modulus_ns = modulus_ns
        self._last: tuple[int, int] | None = None

    def unwrap(self, raw_ns: int, host_ns: int) -> int:
        """Return the continuous device time [ns] of a raw one that arrived at `host_ns`."""
        if self._modulus_ns is None:
            return raw_ns
        if self._last is None:
            self._last = (raw_ns, host_ns)
            return raw_ns
        device_ns, last_host_ns = self._last
        expected_ns = device_ns + host_ns - last_host_ns
        turns = (expected_ns - raw_ns + self._modulus_ns // 2) // self._modulus_ns
        time_ns = raw_ns + turns * self._modulus_ns
        if time_ns > device_ns:
            self._last = (time_ns, host_ns)
        return time_ns


class _Bound:
    """The tightest bound of each second of a sliding window, as points (device s, offset ns)."""

    def __init__(self, tighter: Callable[[float, float], bool], window_s: float) -> None:
        self._tighter = tighter
        self._window_s = window_s
        self._by_second: dict[int, Point] = {}

    def __bool__(self) -> bool:
        return bool(self._by_second)

    def points(self) -> list[Point]:
        """Return the points in the order of device time."""
        return sorted(self._by_second.values())

    def add(self, x: float, y: float) -> bool:
        """Take one bound in; return whether it is news."""
        second = math.floor(x)
        held = self._by_second.get(second)
        if held is not None and not self._tighter(y, held[1]):
            return False
        self._by_second[second] = (x, y)
        if held is None:
            self.forget(x - self._window_s)
        return True

    def forget(self, before_x: float) -> None:
        """Drop the points before a device time."""
        self._by_second = {s: p for s, p in self._by_second.items() if p[0] >= before_x}


class ClockMap:
    """Device time to host time, from one-way arrivals and, where the device can, two-way exchanges.

    The offset is the line below all arrivals of the last `window_s` that lies closest to them: the
    edge of their lower convex hull over their mean abscissa (Zhang, Liu, Xia: "Clock
    synchronization algorithms for network measurements", IEEE INFOCOM 2002,
    doi:10.1109/INFCOM.2002.1019257).
    With exchanges it is the middle between that line and the one above all questions.
    The applied offset moves towards it by at most 10 ms a second, so that mapped times increase.
    """

    def __init__(
        self, delay: LinkDelay | None = None, window_s: float = 60.0, warm_up_s: float = 0.5
    ) -> None:
        self._delay = delay or LinkDelay()
        self._window_s = window_s
        self._warm_up_s = warm_up_s
        self.reset()

    def reset(self) -> None:
        """Forget all: the device was away, its clock may have been set."""
        self._upper = _Bound(lambda new, old: new < old, self._window_s)
        self._lower = _Bound(lambda new, old: new > old, self._window_s)
        self._origin: tuple[int, int] | None = None
        self._applied: tuple[int, float] | None = None
        self._slope = 0.0
        self._level = math.nan
        self._half_width_ns = math.nan
        self._arrivals = 0
        self._newest_x = 0.0
        self._fitted_ns: int | None = None

    @property
    def ready(self) -> bool:
        """Whether enough arrived for a first estimate."""
        return self._arrivals >= 8 and self._newest_x >= self._warm_up_s

    @property
    def two_way(self) -> bool:
        """Whether exchanges hold the offset from below."""
        return bool(self._lower)

    @property
    def drift(self) -> float:
        """How much slower the device's clock runs than the host's, as a share; 0 until known."""
        return self._slope / _NS

    @property
    def uncertainty_ns(self) -> float:
        """Half of the interval that holds the true offset [ns]; NaN before the first arrival."""
        return self._half_width_ns

    def arrival(self, device_ns: int, host_ns: int) -> None:
        """Take in a packet stamped `device_ns` (continuous) that arrived at `host_ns`."""
        x, y = self._point(device_ns, host_ns)
        self._arrivals += 1
        early = y < self._slope * x + self._level - self._bias_ns() - self._early_ns(x)
        if early:  # sooner than possible: the device's clock was put forward
            self._forget(x)
        news = self._upper.add(x, y)
        self._newest_x = max(self._newest_x, x)
        if early or self._fitted_ns is None or (news and device_ns - self._fitted_ns > _REFIT_NS):
            self._fit(device_ns)

    def exchange(self, sent_ns: int, device_ns: int, received_ns: int) -> None:
        """Take in a question: sent, stamped by the device, and answered at these times."""
        self.bracket(sent_ns, device_ns, device_ns, received_ns)

    def bracket(self, sent_ns: int, least_ns: int, most_ns: int, received_ns: int) -> None:
        """Take in a question whose answer tells the device's time only as within two bounds."""
        x, y = self._point(most_ns, sent_ns)
        if y > self._slope * x + self._level + self._half_width_ns + _EARLY_NS:
            self._forget(x)  # later than possible: the device's clock was put back
        self._lower.add(x, y)
        self._upper.add(*self._point(least_ns, received_ns))
        self._newest_x = max(self._newest_x, x)
        self._fit(most_ns)

    def host_ns(self, device_ns: int, floor_ns: int | None = None) -> int:
        """Return the host time [ns] of a device time; both increase from call to call.

        `floor_ns` is the earliest answer allowed: after `reset`, one more than the last given.
        """
        if self._origin is None:
            raise ValueError("no arrival yet: call arrival() or exchange() first")
        x = (device_ns - self._origin[0]) / _NS
        target = self._slope * x + self._level
        if self._applied is not None:
            last_ns, last = self._applied
            reach = (_SLEW + abs(self._slope) / _NS) * max(0, device_ns - last_ns)
            target = min(max(target, last - reach), last + reach)
        base_ns = device_ns + self._origin[1]
        if floor_ns is not None:
            target = max(target, float(floor_ns - base_ns))
        self._applied = (device_ns, target)
        return base_ns + round(target)

    def _point(self, device_ns: int, host_ns: int) -> Point:
        if self._origin is None:
            self._origin = (device_ns, host_ns - device_ns)
        return (
            (device_ns - self._origin[0]) / _NS,
            float(host_ns - device_ns - self._origin[1]),
        )

    def _bias_ns(self) -> float:
        return 0.0 if self.two_way else float(self._delay.least_ns)

    def _early_ns(self, x: float) -> float:
        """By how much an arrival may beat the estimate, while the drift is not known."""
        points = self._upper.points()
        if not points or _span_s(points) >= self._delay.drift_span_s:
            return _EARLY_NS
        return _EARLY_NS + self._delay.drift * (x - points[0][0]) * _NS

    def _forget(self, before_x: float) -> None:
        """Drop what was learned before a step of the device's clock."""
        self._upper.forget(before_x)
        self._lower.forget(before_x)

    def _fit(self, device_ns: int) -> None:
        self._fitted_ns = device_ns
        self._drop_outdated()
        uppers = self._upper.points()
        self._slope = _drift(uppers, self._delay) if uppers else 0.0
        upper = min((y - self._slope * x for x, y in uppers), default=math.inf)
        lower = max((y - self._slope * x for x, y in self._lower.points()), default=-math.inf)
        if lower > -math.inf and upper < math.inf:
            self._level = (upper + lower) / 2
            self._half_width_ns = abs(upper - lower) / 2
            return
        self._level = upper - self._delay.least_ns
        self._half_width_ns = float(self._delay.spread_ns)

    def _drop_outdated(self) -> None:
        """Keep only the last seconds where they lie well above the line: the clock was put back."""
        points = self._upper.points()
        if self.two_way or not points or _span_s(points) < 2 * _RECENT_S:
            return  # with exchanges, `bracket` sees it
        edge = points[-1][0] - _RECENT_S
        line = self._level + self._delay.least_ns
        excess = min(y - self._slope * x for x, y in points if x >= edge) - line
        if excess > _LATE_NS:
            self._forget(edge)


def _drift(points: Sequence[Point], delay: LinkDelay) -> float:
    """Return the slope [ns/s] of the lower hull's edge over the points' mean abscissa."""
    if _span_s(points) < delay.drift_span_s:
        return 0.0
    hull: list[Point] = []
    for point in points:
        while len(hull) > 1 and _turns_right(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    mean = sum(x for x, _ in points) / len(points)
    for (x0, y0), (x1, y1) in pairwise(hull):
        if x0 <= mean <= x1:
            limit = delay.drift * _NS
            return max(-limit, min(limit, (y1 - y0) / (x1 - x0)))
    return 0.0


def _span_s(points: Sequence[Point]) -> float:
    return points[-1][0] - points[0][0]


def _turns_right(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0

"""Peak-valley counting of one signal (gait.md, "Home exercises")."""

from collections import deque
from statistics import median
from typing import Final, NamedTuple

__all__ = ["AMPLITUDE_SHARE", "Cycle", "CycleCounter", "Point"]

AMPLITUDE_SHARE: Final = 0.4
"""A repetition has at least this share of the running median amplitude."""
RETURN_SHARE: Final = 0.6
"""It is counted when so much of the amplitude is taken back."""
REFRACTORY_NS: Final = 200_000_000
NEAR_PEAK: Final = 0.15
"""Held: within this share of the amplitude of the peak."""
REMEMBERED: Final = 7
PARTIAL: Final = 0.7
"""Share of the least amplitude that is a movement, if no repetition."""
LONGEST_FRAMES: Final = 375
"""15 s: a posture that lasts longer is no repetition."""


class Point(NamedTuple):
    """The signal at a frame, with the loads that go with it."""

    time_ns: int
    value: float
    heel: float
    fore: float
    total: float


class Cycle(NamedTuple):
    """One way up and back: `top`, the points above the middle; `rest`, the one before the rise."""

    begin_ns: int
    end_ns: int
    amplitude: float
    held_frames: int
    top: list[Point]
    rest: Point


class CycleCounter:
    """Counts repetitions on their return.

    Parameters
    ----------
    least : float
        Smallest amplitude, in the signal's unit, before there is a median.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._amplitudes: deque[float] = deque(maxlen=REMEMBERED)
        self._rest: Point | None = None
        self._low = 0.0
        self._up: list[Point] = []
        self._peak = 0.0
        self._ended_ns = -REFRACTORY_NS
        self._is_partial = False
        self._partials = 0
        self.moved_ns = -1
        """The last movement that was too small for a repetition began then."""

    @property
    def is_up(self) -> bool:
        """Whether the foot is on its way or raised now."""
        return bool(self._up)

    def forget(self) -> None:
        """Drop the repetition under way, after a gap."""
        self._rest, self._up = None, []

    def new_set(self) -> None:
        """Forget the amplitudes: a new set may be smaller."""
        self._amplitudes.clear()

    def accept(self, cycle: Cycle) -> None:
        """Take a cycle as a repetition: its amplitude counts in the running median."""
        self._amplitudes.append(cycle.amplitude)

    def take_partials(self) -> int:
        """Return how many movements too small for a repetition there were since the last call."""
        partials, self._partials = self._partials, 0
        return partials

    def held_since_ns(self) -> int | None:
        """Return since when the foot is in the raised position; None where it is not."""
        if not self._up or self._rest is None:
            return None
        size = max(self._peak - self._low, self._threshold())
        wanted = self._low + (1 - 2 * NEAR_PEAK) * size
        since = None
        for point in reversed(self._up):
            if point.value < wanted:
                break
            since = point.time_ns
        return since

    def update(self, point: Point) -> Cycle | None:
        """Take the next frame; return the repetition that it completes."""
        if self._rest is None:
            self._rest, self._low = point, point.value
            return None
        if self._up:
            return self._raised(point)
        self._rising(point)
        return None

    def _threshold(self) -> float:
        usual = AMPLITUDE_SHARE * median(self._amplitudes) if self._amplitudes else 0.0
        return max(self._least, usual)

    def _rising(self, point: Point) -> None:
        self._low = min(self._low, point.value)
        if point.value <= self._low + 0.25 * self._least:
            self._rest = point
        rise = point.value - self._low
        if rise >= self._threshold():
            self._up, self._peak = [point], point.value
            self._partials -= self._is_partial
            self._is_partial = False
        elif rise >= PARTIAL * self._least and not self._is_partial:
            self._is_partial = True
            self._partials += 1
            self.moved_ns = point.time_ns
        elif rise < 0.5 * PARTIAL * self._least:
            self._is_partial = False

    def _raised(self, point: Point) -> Cycle | None:
        self._up.append(point)
        self._peak = max(self._peak, point.value)
        if len(self._up) > LONGEST_FRAMES:
            self._restart(point)
            return None
        amplitude = self._peak - self._low
        if self._peak - point.value < RETURN_SHARE * amplitude:
            return None
        return self._close(point, amplitude)

    def _close(self, point: Point, amplitude: float) -> Cycle | None:
        rest, up = self._rest, self._up
        self._restart(point)
        if rest is None or point.time_ns - self._ended_ns < REFRACTORY_NS:
            return None
        self._ended_ns = point.time_ns
        near, middle = self._peak - NEAR_PEAK * amplitude, self._peak - 0.5 * amplitude
        held = sum(p.value >= near for p in up)
        top = [p for p in up if p.value >= middle]
        return Cycle(rest.time_ns, point.time_ns, amplitude, held, top, rest)

    def _restart(self, point: Point) -> None:
        self._up = []
        self._rest, self._low = point, point.value

"""Event times that are unique within their series, so that a point only ever overwrites itself.

A series is what the store tells apart besides the patient: kind and side. Two events of one
series at the same nanosecond are put one apart. When a second offset to wall time comes into
use (another boot, a corrected clock) its events may fall among earlier ones that are long
gone from the outbox. Below the ceiling of all earlier event times, the last ten bits (1 us) of
an event's time therefore carry the number of its offset.
"""

from collections import deque
from collections.abc import Iterable

__all__ = ["REMEMBERED", "EventTimes", "Series"]

Series = tuple[str, str]
REMEMBERED = 1024
"""Event times that are remembered per series; an equal time comes at once or never."""
_TAGGED = 1024


class EventTimes:
    """Gives wall times under the offset in use.

    Attributes
    ----------
    offset_ns : int or None
        Wall less monotonic time; None while the clock is not known to be right.
    tag : int
        Number of this offset, from 0; enters the time below the ceiling.
    ceiling_ns : int
        No event of an earlier offset lies at or above it.
    """

    def __init__(self) -> None:
        self.offset_ns: int | None = None
        self.tag = 0
        self.ceiling_ns = 0
        self._taken: dict[Series, tuple[deque[int], set[int]]] = {}

    def use(self, offset_ns: int, tag: int, ceiling_ns: int) -> None:
        """Give times under this offset from now on."""
        self.offset_ns, self.tag, self.ceiling_ns = offset_ns, tag, ceiling_ns

    def assign(self, series: Series, mono_ns: int) -> int | None:
        """Return a wall time that no other event of the series has; None without an offset."""
        if self.offset_ns is None:
            return None
        wall_ns = max(0, mono_ns + self.offset_ns)
        if wall_ns >= self.ceiling_ns:
            return self.unique(series, wall_ns)
        tagged_ns = wall_ns - wall_ns % _TAGGED + (2 * self.tag + 1) % _TAGGED
        return self.unique(series, tagged_ns, _TAGGED)

    def unique(self, series: Series, wall_ns: int, step_ns: int = 1) -> int:
        """Return `wall_ns`, or the next free time in steps of `step_ns`, and remember it."""
        taken = self._taken.get(series)
        while taken is not None and wall_ns in taken[1]:
            wall_ns += step_ns
        self._remember(series, wall_ns)
        return wall_ns

    def remember(self, times: Iterable[tuple[str, str, int]]) -> None:
        """Take note of times (kind, side, wall_ns) that were given before a restart."""
        for kind, side, wall_ns in times:
            self._remember((kind, side), wall_ns)

    def _remember(self, series: Series, wall_ns: int) -> None:
        order, members = self._taken.setdefault(series, (deque(), set()))
        order.append(wall_ns)
        members.add(wall_ns)
        if len(order) > REMEMBERED:
            members.discard(order.popleft())

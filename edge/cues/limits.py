"""How many cues are too many, and when there are none: pause, rate, duty; quiet hours."""

from collections import deque
from datetime import UTC, datetime, time
from typing import Final, Literal
from zoneinfo import ZoneInfo

__all__ = ["Limits", "QuietHours"]

_MINUTE_NS: Final = 60_000_000_000


class Limits:
    """Remembers the cues of the last minute.

    Parameters
    ----------
    pause_s : float
        From the start of one cue to the next, at least.
    per_minute, duty_percent : int, float
        Within any minute, at most.
    pulse_ms : float
        How long a cue lasts.
    """

    def __init__(
        self, pause_s: float, per_minute: int, duty_percent: float, pulse_ms: float
    ) -> None:
        self._pause_ns = round(pause_s * 1e9)
        self._per_minute = per_minute
        self._busy_ns = duty_percent / 100 * _MINUTE_NS
        self._pulse_ns = round(pulse_ms * 1e6)
        self._starts: deque[int] = deque()

    def objection(self, start_ns: int) -> Literal["pause", "rate", "duty"] | None:
        """Return what forbids a cue at `start_ns`; those granted and not begun count as well."""
        while self._starts and self._starts[0] <= start_ns - _MINUTE_NS:
            self._starts.popleft()
        if self._starts and start_ns - max(self._starts) < self._pause_ns:
            return "pause"
        if len(self._starts) >= self._per_minute:
            return "rate"
        return "duty" if (len(self._starts) + 1) * self._pulse_ns > self._busy_ns else None

    def take(self, start_ns: int) -> None:
        """Take note of a cue that is granted."""
        self._starts.append(start_ns)

    def give_back(self, start_ns: int) -> None:
        """Forget a cue that was granted and not given."""
        if start_ns in self._starts:
            self._starts.remove(start_ns)


class QuietHours:
    """Hours of the patient's day without cues.

    Parameters
    ----------
    begin, end : str
        "HH:MM"; both empty: there are none.
    zone : str
        The patient's time zone; empty: this machine's.
    """

    def __init__(self, begin: str, end: str, zone: str) -> None:
        self._span = (time.fromisoformat(begin), time.fromisoformat(end)) if begin else None
        self.use_zone(zone)

    def use_zone(self, zone: str) -> None:
        """Count the hours in this time zone from now on.

        Raises
        ------
        KeyError, ValueError, OSError
            There is no such time zone; the one before stays.
        """
        self._zone = ZoneInfo(zone) if zone else None

    def objection(self, wall_ns: int | None) -> Literal["time unknown", "quiet hours"] | None:
        """Return what forbids a cue at a wall time in UTC; None is an unknown time."""
        if self._span is None:
            return None
        if wall_ns is None:
            return "time unknown"
        local = datetime.fromtimestamp(wall_ns / 1e9, UTC).astimezone(self._zone).time()
        begin, end = self._span
        inside = begin <= local < end if begin < end else local >= begin or local < end
        return "quiet hours" if inside else None

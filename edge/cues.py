"""When the patient gets a cue: the rules alone, without a clock, a pin or a sound.

A record of the kernel is judged once. The first objection silences it:

    off           cues, or cues for this cause, are not wanted
    other leg     not a leg with foot drop
    muted         the button was pressed
    stale         the newest sample of this foot is too old, or there is none
    unworn        the insole is not known to be worn
    uncalibrated  the device is not known to be calibrated
    time unknown  quiet hours are set, and nobody knows what time it is
    quiet hours
    late          the cue would be about another step
    pause, rate, duty   too many cues

Whatever is unknown silences as well: a cue that is missing does no harm, a wrong one may. Each
record that a cue could be about is counted, as given or with its reason.
"""

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from edge.config import Affected, CueConfig
from edge.events import Record
from hw.source import Side
from kernels import GaitEvent

__all__ = ["Cause", "Conditions", "CueCounts", "CuePolicy", "Reason", "Verdict"]

Cause = Literal["toe_strike", "toe_drag", "near_trip"]
Reason = Literal[
    "off",
    "other leg",
    "muted",
    "stale",
    "unworn",
    "uncalibrated",
    "time unknown",
    "quiet hours",
    "late",
    "pause",
    "rate",
    "duty",
    "failed",
]

_MINUTE_NS = 60_000_000_000
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known of a foot now: its newest sample's arrival [monotonic ns], whether it is worn
    and whether its device is calibrated. None is unknown, and unknown silences."""

    last_sample_ns: int | None = None
    worn: bool | None = None
    calibrated: bool | None = None


class Verdict(NamedTuple):
    """What becomes of a record: a cue at `start_ns`, by no means after `latest_ns` [monotonic], or
    none for a `reason`."""

    cause: Cause
    side: Side
    start_ns: int
    latest_ns: int
    reason: Reason | None

    @property
    def given(self) -> bool:
        """Whether there is to be a cue."""
        return self.reason is None


@dataclass(slots=True)
class CueCounts:
    """Since the start: cues given by cause, records that got none by cause and reason."""

    given: Counter[Cause] = field(default_factory=Counter)
    suppressed: Counter[tuple[Cause, Reason]] = field(default_factory=Counter)


class CuePolicy:
    """Judges records one after the other; time is passed in.

    Parameters
    ----------
    config : CueConfig
        Causes, limits and quiet hours.
    affected : {"none", "left", "right", "both"}
        The leg or legs with foot drop; the others get no cues.
    """

    def __init__(self, config: CueConfig, affected: Affected) -> None:
        self.counts = CueCounts()
        self._config = config
        self._affected = affected
        self._pulse_ns = round(config.pulse_ms * _MS)
        self._zone = ZoneInfo(config.zone) if config.zone else None
        self._quiet = _span(config.quiet_from, config.quiet_to)
        self._starts: deque[int] = deque()
        self._muted_until_ns: float = -math.inf

    # -- the button -------------------------------------------------------------------------

    def press_mute(self, now_ns: int) -> bool:
        """Mute, or end a mute that holds; return whether it is muted now."""
        if self.muted(now_ns):
            self._muted_until_ns = -math.inf
            return False
        minutes = self._config.mute_min
        self._muted_until_ns = now_ns + minutes * _MINUTE_NS if minutes else math.inf
        return True

    def muted(self, now_ns: int) -> bool:
        """Say whether the button holds."""
        return now_ns < self._muted_until_ns

    # -- judging ----------------------------------------------------------------------------

    def judge(
        self, record: Record, now_ns: int, wall_ns: int | None, conditions: Conditions
    ) -> Verdict | None:
        """Return what becomes of a record; None where it is nothing that a cue is about.

        Parameters
        ----------
        record : GaitEvent, GaitStride or GaitBout
            As the kernel gave it.
        now_ns, wall_ns : int, int or None
            Monotonic time; wall time in UTC, None while it is not known.
        conditions : Conditions
            Of the record's foot.
        """
        cause = _cause(record)
        if cause is None or not isinstance(record, GaitEvent):
            return None
        start_ns = max(now_ns, self._earliest_ns(cause, record))
        latest_ns = self._latest_ns(cause, record)
        reason = (
            self._unwanted(cause, record.side)
            or self.objection(now_ns, conditions)
            or self._hour(wall_ns)
            or ("late" if start_ns > latest_ns else None)
            or self._too_many(start_ns)
        )
        if reason is None:
            self._starts.append(start_ns)
            self.counts.given[cause] += 1
        else:
            self.counts.suppressed[cause, reason] += 1
        return Verdict(cause, record.side, start_ns, latest_ns, reason)

    def objection(self, now_ns: int, conditions: Conditions) -> Reason | None:
        """Return what silences every cue of this foot now; to be asked again when one begins."""
        if self.muted(now_ns):
            return "muted"
        last_ns = conditions.last_sample_ns
        if last_ns is None or now_ns - last_ns > self._config.fresh_s * 1e9:
            return "stale"
        if conditions.worn is not True:
            return "unworn"
        return None if conditions.calibrated is True else "uncalibrated"

    def withdraw(self, verdict: Verdict, reason: Reason) -> Verdict:
        """Take back a cue that was granted and not begun; it is counted with its reason."""
        if verdict.start_ns in self._starts:
            self._starts.remove(verdict.start_ns)
        self.counts.given[verdict.cause] -= 1
        self.counts.suppressed[verdict.cause, reason] += 1
        return verdict._replace(reason=reason)

    def _unwanted(self, cause: Cause, side: Side) -> Reason | None:
        wanted: dict[Cause, bool] = {
            "toe_strike": self._config.toe_strike,
            "toe_drag": self._config.toe_drag,
            "near_trip": self._config.near_trip,
        }
        if not (self._config.enabled and wanted[cause]):
            return "off"
        return None if self._affected in (side, "both") else "other leg"

    def _hour(self, wall_ns: int | None) -> Reason | None:
        if self._quiet is None:
            return None
        if wall_ns is None:
            return "time unknown"
        local = datetime.fromtimestamp(wall_ns / 1e9, UTC).astimezone(self._zone).time()
        begin, end = self._quiet
        inside = begin <= local < end if begin < end else local >= begin or local < end
        return "quiet hours" if inside else None

    def _earliest_ns(self, cause: Cause, event: GaitEvent) -> int:
        delay_ms = self._config.delay_ms if cause == "toe_strike" else 0.0
        return event.time_ns + round(delay_ms * _MS)

    def _latest_ns(self, cause: Cause, event: GaitEvent) -> int:
        since_ns = event.time_ns if cause == "toe_strike" else event.decided_ns
        return since_ns + round(self._config.latest_ms * _MS)

    def _too_many(self, start_ns: int) -> Reason | None:
        """Cues granted and not begun yet count as well."""
        while self._starts and self._starts[0] <= start_ns - _MINUTE_NS:
            self._starts.popleft()
        if self._starts and start_ns - max(self._starts) < self._config.pause_s * 1e9:
            return "pause"
        if len(self._starts) >= self._config.most_per_minute:
            return "rate"
        busy_ns = (len(self._starts) + 1) * self._pulse_ns
        return "duty" if busy_ns > self._config.most_duty_percent / 100 * _MINUTE_NS else None


def _cause(record: Record) -> Cause | None:
    if not isinstance(record, GaitEvent):
        return None
    if record.event == "initial_contact":
        return "toe_strike" if record.detail == "toe" else None
    if record.event in ("toe_drag", "near_trip"):
        return record.event
    return None


def _span(begin: str, end: str) -> tuple[time, time] | None:
    return (time.fromisoformat(begin), time.fromisoformat(end)) if begin else None

"""Everyday cues: judges the kernel's records one by one, without a clock, a pin or a sound.

Each record that a cue could be about is counted, as given or with the first objection (`rules`).
"""

import math
from typing import Final

from edge.config import Affected, CueConfig
from edge.cues.limits import Limits, QuietHours
from edge.cues.repeated import Repeated
from edge.cues.rules import Cause, Conditions, CueCounts, Reason, Verdict
from edge.events import Record
from hw.source import SIDES, Side
from kernels import GaitEvent

__all__ = ["CuePolicy", "minute_limits"]

_MINUTE_NS: Final = 60_000_000_000
_MS: Final = 1_000_000
WORD_MS: Final = 1000.0


class CuePolicy:
    """Judges records; time is passed in.

    Parameters
    ----------
    config : CueConfig
        Causes, limits and quiet hours.
    affected : {"none", "left", "right", "both"}
        The leg or legs with foot drop; the others get no cues. May be set anew.
    """

    def __init__(self, config: CueConfig, affected: Affected) -> None:
        self.counts = CueCounts()
        self.affected = affected
        self.quiet = QuietHours(config.quiet_from, config.quiet_to, config.zone)
        self._config = config
        self._limits = minute_limits(config)
        self._steps = {side: Repeated(config.failures, config.failures_of) for side in SIDES}
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
        self,
        record: Record,
        now_ns: int,
        wall_ns: int | None,
        conditions: Conditions,
        *,
        practising: bool = False,
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
        practising : bool
            A practice session runs: it judges landings itself.
        """
        if not isinstance(record, GaitEvent):
            return None
        self._see(record)
        cause = _cause(record)
        if cause is None or (practising and cause == "toe_strike"):
            return None
        start_ns = max(now_ns, self._earliest_ns(cause, record))
        latest_ns = self._latest_ns(cause, record)
        reason = (
            self._unwanted(cause, record.side)
            or ("practice" if practising else None)
            or self._seldom(cause, record.side)
            or self.objection(now_ns, conditions)
            or self.quiet.objection(wall_ns)
            or ("late" if start_ns > latest_ns else None)
            or self._limits.objection(start_ns)
        )
        verdict = Verdict(cause, record.side, record.time_ns, now_ns, start_ns, latest_ns, reason)
        self.counts.add(verdict)
        if verdict.given:
            self._limits.take(start_ns)
            self._steps[record.side].cued()
        return verdict

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
        self._limits.give_back(verdict.start_ns)
        self.counts.given[verdict.cause] -= 1
        withdrawn = verdict._replace(reason=reason)
        self.counts.add(withdrawn)
        return withdrawn

    def _see(self, event: GaitEvent) -> None:
        steps = self._steps[event.side]
        if event.event == "initial_contact":
            known = event.detail != "unknown"
            steps.contact(event.time_ns, event.detail == "toe" if known else None)
        elif event.event == "toe_drag":
            steps.drag(event.time_ns)

    def _seldom(self, cause: Cause, side: Side) -> Reason | None:
        return None if cause == "near_trip" or self._steps[side].due else "not repeated"

    def _unwanted(self, cause: Cause, side: Side) -> Reason | None:
        wanted = {
            "toe_strike": self._config.toe_strike,
            "toe_drag": self._config.toe_drag,
            "near_trip": self._config.near_trip,
        }
        if not (self._config.enabled and wanted[cause]):
            return "off"
        return None if self.affected in (side, "both") else "other leg"

    def _earliest_ns(self, cause: Cause, event: GaitEvent) -> int:
        delay_ms = self._config.delay_ms if cause == "toe_strike" else 0.0
        return event.time_ns + round(delay_ms * _MS)

    def _latest_ns(self, cause: Cause, event: GaitEvent) -> int:
        since_ns = event.time_ns if cause == "toe_strike" else event.decided_ns
        return since_ns + round(self._config.latest_ms * _MS)


def minute_limits(config: CueConfig) -> Limits:
    """Return the limits of everyday life; a spoken word counts as the second it may last."""
    lasts_ms = WORD_MS if config.voice else config.pulse_ms
    return Limits(config.pause_s, config.most_per_minute, config.most_duty_percent, lasts_ms)


def _cause(event: GaitEvent) -> Cause | None:
    if event.event == "initial_contact":
        return "toe_strike" if event.detail == "toe" else None
    if event.event in ("toe_drag", "near_trip"):
        return event.event
    return None

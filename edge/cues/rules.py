"""The words of cues: causes, reasons, verdicts.

The first objection silences a cue:

    off           cues for this cause are not wanted
    other leg     not a leg with foot drop
    practice      a practice session runs, and has its own
    not repeated  too few of the last steps failed
    fading        the step's turn for feedback has not come (practice)
    muted         the button was pressed
    stale         the newest sample of this foot is too old, or there is none
    unworn        the insole is not known to be worn
    uncalibrated  the device is not known to be calibrated
    time unknown  quiet hours are set, and nobody knows what time it is
    quiet hours
    late          the cue would be about another step
    pause, rate, duty   too many cues
    failed        no output could give it
    stopped       the agent ended before it began

Whatever is unknown silences as well: a cue that is missing does no harm, a wrong one may.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from edge import wire
from edge.events import FIRST_SEQ
from hw.source import Side

__all__ = ["Cause", "Conditions", "CueCounts", "Mode", "Reason", "Verdict"]

Cause = Literal["toe_strike", "toe_drag", "near_trip", "off_target"]
Mode = Literal["everyday", "practice"]
Reason = Literal[
    "off",
    "other leg",
    "practice",
    "not repeated",
    "fading",
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
    "stopped",
]
NO_EVENT: frozenset[Reason] = frozenset({"off", "other leg"})
"""Nobody wanted a cue there, so none was suppressed: counted, but no event."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known of a foot now: its newest sample's arrival [monotonic ns], whether it is worn
    and whether its device is calibrated. None is unknown, and unknown silences."""

    last_sample_ns: int | None = None
    worn: bool | None = None
    calibrated: bool | None = None


class Verdict(NamedTuple):
    """What becomes of a cause that began at `time_ns` and was judged at `judged_ns`: a cue at
    `start_ns`, by no means after `latest_ns` [all monotonic], or none for a `reason`."""

    cause: Cause
    side: Side
    time_ns: int
    judged_ns: int
    start_ns: int
    latest_ns: int
    reason: Reason | None
    mode: Mode = "everyday"

    @property
    def given(self) -> bool:
        """Whether there is to be a cue."""
        return self.reason is None

    def event(self, begun_ns: int | None) -> wire.Cue | None:
        """Return what the therapist sees of it, its time monotonic; None: it is no event.

        `begun_ns` is when the outputs had it [monotonic], None where it was suppressed.
        """
        if self.reason in NO_EVENT:
            return None
        return wire.Cue(
            seq=FIRST_SEQ,
            time_ns=self.time_ns,
            side=self.side,
            cause=self.cause,
            given=self.given,
            reason=self.reason or "",
            mode=self.mode,
            delay_ms=None if begun_ns is None else max(0, begun_ns - self.judged_ns) / 1e6,
        )


@dataclass(slots=True)
class CueCounts:
    """Since the start: cues given by cause, causes that got none by cause and reason."""

    given: Counter[Cause] = field(default_factory=Counter)
    suppressed: Counter[tuple[Cause, Reason]] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """Count a verdict."""
        if verdict.reason is None:
            self.given[verdict.cause] += 1
        else:
            self.suppressed[verdict.cause, verdict.reason] += 1

"""One practice session: two or three minutes of walking with a sound for every step, then for less.

Feedback is given on a share of the steps that falls within the session and from one to the next:
help that never ends is leaned on (reduced frequency of knowledge of results: Winstein & Schmidt
1990, doi:10.1037/0278-7393.16.4.677).

    start = max(0.4, 1 - 0.1 x sessions so far)    share = start           in the first half
    end   = start / 2                                      start .. end    in the second half

A step on target gets praise, the others a cue: silence alone would pass for good news, and may be
a lost insole. A step whose number is not known is no step of the session.
"""

from dataclasses import dataclass
from typing import Final, Literal

from edge import wire
from edge.cues.levels import Measure, Target
from edge.errors import EdgeError
from edge.events import FIRST_SEQ
from hw.source import Side

__all__ = ["PracticeRefused", "PracticeState", "Session", "share_at"]

FULL: Final = 0.5
"""Part of the session before feedback begins to fade."""
LEAST_START: Final = 0.4
_REMEDIES: Final = {
    "running": "Stop the running session first",
    "muted": "End the mute first",
    "stale": "No data come from the insole: switch it on and wait until it is connected",
    "unworn": "Put both insoles on and walk a few steps",
    "uncalibrated": "Calibrate first: heelfirst calibrate",
    "no leg": "Say which leg has foot drop: `affected` in the settings",
    "closed": "The agent is ending; start it again",
}


class PracticeRefused(EdgeError, RuntimeError):  # noqa: N818 - says what happened
    """A session cannot begin; `reason` is a key for messages, `remedy` says what to do."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.remedy = _REMEDIES[reason]
        super().__init__(f"no practice now ({reason}). {self.remedy}")


@dataclass(frozen=True, slots=True)
class PracticeState:
    """What a page shows. `steps` are those that could be judged; `share` of them gets feedback now.

    `target`, `last_value` are in degrees of pitch, or milliseconds of heel lead, by `measure`; None
    is unknown, or the heel for `strike`. `refusal` is empty where a session could begin now.
    Numbers of a session that ended stay until the next one begins.
    """

    running: bool = False
    side: Side | None = None
    elapsed_s: float = 0.0
    remaining_s: float = 0.0
    steps: int = 0
    on_target: int = 0
    last: Literal["on_target", "off_target"] | None = None
    last_value: float | None = None
    measure: Measure | None = None
    target: float | None = None
    level: float = 0.0
    share: float = 0.0
    refusal: str = ""


def share_at(faded: int, progress: float) -> float:
    """Return the share of steps with feedback after `faded` sessions, `progress` 0..1 into one."""
    start = max(LEAST_START, (10 - faded) / 10)
    return start * (1.0 - 0.5 * max(0.0, min(1.0, progress) - FULL) / (1.0 - FULL))


class Session:
    """Counts one leg's steps against a target; time is passed in [monotonic ns].

    Parameters
    ----------
    target : Target
        What a step is to reach, and how far feedback has faded.
    begin_ns : int
        Its begin.
    minutes : float
        How long it lasts.
    """

    def __init__(self, target: Target, begin_ns: int, minutes: float) -> None:
        self.target = target
        self.begin_ns = begin_ns
        self.end_ns = begin_ns + round(minutes * 60e9)
        self.steps = 0
        self.on_target = 0
        self.cues = 0
        """Steps off target that got a cue."""
        self.last: bool | None = None
        self.last_value: float | None = None
        self._credit = 0.0

    def is_over(self, now_ns: int) -> bool:
        """Say whether its time is up."""
        return now_ns >= self.end_ns

    def holds(self, time_ns: int) -> bool:
        """Say whether a step at this time belongs to it."""
        return self.begin_ns <= time_ns < self.end_ns

    def step(self, reached: bool, value: float | None, now_ns: int) -> bool:
        """Count a step; return whether its turn for feedback has come."""
        self.steps += 1
        self.on_target += reached
        self.last, self.last_value = reached, value
        self._credit += self.share(now_ns)
        if self._credit < 1.0 - 1e-9:
            return False
        self._credit -= 1.0
        return True

    def share(self, now_ns: int) -> float:
        """Return the share of steps that gets feedback now."""
        length_ns = max(1, self.end_ns - self.begin_ns)
        return share_at(self.target.faded, (now_ns - self.begin_ns) / length_ns)

    def state(self, now_ns: int, running: bool, refusal: str) -> PracticeState:
        """Return what a page shows of it."""
        until_ns = min(now_ns, self.end_ns)
        return PracticeState(
            running=running,
            side=self.target.side,
            elapsed_s=(until_ns - self.begin_ns) / 1e9,
            remaining_s=(self.end_ns - until_ns) / 1e9 if running else 0.0,
            steps=self.steps,
            on_target=self.on_target,
            last=None if self.last is None else "on_target" if self.last else "off_target",
            last_value=self.last_value,
            measure=self.target.measure,
            target=self.target.value,
            level=self.target.level,
            share=self.share(now_ns) if running else 0.0,
            refusal=refusal,
        )

    def event(self) -> wire.Practice:
        """Return the record of it when it has ended, its time monotonic."""
        missed = self.steps - self.on_target
        is_pitch = self.target.measure == "pitch"
        return wire.Practice(
            seq=FIRST_SEQ,
            time_ns=self.begin_ns,
            side=self.target.side,
            duration_s=(self.end_ns - self.begin_ns) / 1e9,
            steps=self.steps,
            on_target=self.on_target,
            target_deg=self.target.value if is_pitch else None,
            level=self.target.level,
            fading=min(1.0, self.cues / missed) if missed else None,
        )

"""Practice sessions of the running agent: started and stopped by a page, kept over a restart.

start ─> Session <─ landing (a stride of the leg that practises) ─> cue or praise
           └─ time is up, or stop ─> wire.Practice, and the level of the next session
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from edge import wire
from edge.companion import Emit
from edge.config import CueConfig
from edge.cues.levels import Levels, load, save
from edge.cues.limits import Limits
from edge.cues.policy import CuePolicy
from edge.cues.practice import PracticeRefused, PracticeState, Session
from edge.cues.rules import Conditions, Reason, Verdict
from hw.source import Clock, Side
from kernels import GaitStride

__all__ = ["LATEST_S", "LEVELS_FILE", "Practising"]

log = logging.getLogger(__name__)

LEVELS_FILE: Final = "practice.json"
LATEST_S: Final = 1.5
"""After a contact; and never once the foot has landed again: it would be about another step."""
LIMITS: Final = {"pause_s": 0.5, "per_minute": 60, "duty_percent": 20.0}
"""The patient asked for a sound with every step, for minutes."""
LONGEST_MIN: Final = 5.0
SAVE_STRIDES: Final = 20
"""The baseline is kept on disk after so many new strides."""


class Practising:
    """What a page starts, stops and shows; for the event loop's thread.

    Parameters
    ----------
    config : CueConfig
        Length of a session and of a pulse.
    policy : CuePolicy
        Mute, affected leg, what silences a foot, and the counts.
    clock : Clock
        The samples' clock.
    conditions : callable
        Says what is known of a foot now.
    signal : callable
        Gives a signal ("on_target", "begin", "end") to the outputs.
    folder : Path, optional
        Where baseline and levels are kept; None: they are not.
    """

    def __init__(
        self,
        config: CueConfig,
        policy: CuePolicy,
        clock: Clock,
        conditions: Callable[[Side], Conditions],
        signal: Callable[[str], bool],
        folder: Path | None = None,
    ) -> None:
        self.target_deg: float | None = None
        """The therapist's; None: from the own baseline."""
        self.emit: Emit | None = None
        self._minutes = config.practice_min
        self._pulse_ms = config.pulse_ms
        self._policy = policy
        self._clock = clock
        self._conditions = conditions
        self._signal = signal
        self._path = folder / LEVELS_FILE if folder else None
        self._levels = load(self._path) if self._path else Levels()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="practice")
        self._unsaved = 0
        self._session: Session | None = None
        self._running = False
        self._closed = False
        self._limits = self._new_limits()
        self._contact_ns: dict[Side, int] = {}
        self._landed_ns: dict[Side, int] = {}

    # -- the page's ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a session runs."""
        return self._running

    def start(self, minutes: float | None = None, side: Side | None = None) -> PracticeState:
        """Begin a session of one leg; None: the configured length, the leg that practised least.

        It takes 1 to 5 minutes, whatever is asked for, and ends by itself. Quiet hours do not hold
        it up: somebody asked for it now.

        Raises
        ------
        PracticeRefused
            A session runs; or the foot is muted, silent, unworn or uncalibrated; or no leg of this
            name has foot drop.
        """
        leg = side or self._leg()
        refusal = self._refusal(leg)
        if leg is None or refusal:
            raise PracticeRefused(refusal or "no leg")
        now_ns = self._clock.monotonic_ns()
        target = self._levels.target(leg, self.target_deg)
        length_min = min(LONGEST_MIN, max(1.0, self._minutes if minutes is None else minutes))
        self._session = Session(target, now_ns, length_min)
        self._running = True
        self._limits = self._new_limits()
        self._signal("begin")
        return self.state()

    def stop(self) -> PracticeState:
        """End a running session; what was practised counts."""
        for event in self._end(self._clock.monotonic_ns()):
            if self.emit is not None:
                self.emit(event)
        return self.state()

    def state(self) -> PracticeState:
        """Return what there is to show now."""
        refusal = self._refusal(self._leg())
        if self._session is None:
            return PracticeState(refusal=refusal)
        return self._session.state(self._clock.monotonic_ns(), self._running, refusal)

    # -- the detection loop's -----------------------------------------------------------------

    def contact(self, side: Side, time_ns: int) -> None:
        """Take note of a landing: what is about an earlier one is too late from here on."""
        self._contact_ns[side] = time_ns

    def landing(self, stride: GaitStride, now_ns: int) -> Verdict | None:
        """Judge a landing of the leg that practises, once; praise it, or return its cue."""
        session = self._session
        if session is None or not self._running or stride.side != session.target.side:
            return None
        is_new = stride.time_ns > self._landed_ns.get(stride.side, -1)
        self._landed_ns[stride.side] = max(stride.time_ns, self._landed_ns.get(stride.side, -1))
        reached = session.target.reached(stride)
        if reached is None or not is_new or not session.holds(stride.time_ns):
            return None
        due = session.step(reached, session.target.number(stride), now_ns)
        reason: Reason | None = None if due else "fading"
        return self._answer(stride, reached, now_ns, reason or self._objection(stride, now_ns))

    def learn(self, stride: GaitStride) -> None:
        """Take a complete stride into the baseline, if it was outside practice."""
        if self._session is not None and self._session.holds(stride.time_ns):
            return
        if self._levels.learn(stride, self._clock.wall_ns()):
            self._unsaved += 1
            if self._unsaved >= SAVE_STRIDES:
                self._save()

    def cued(self) -> None:
        """Take note that a cue of the session reached an output."""
        if self._session is not None:
            self._session.cues += 1

    def tick(self, now_ns: int) -> Iterable[wire.Event]:
        """End a session whose time is up."""
        if self._session is not None and self._session.is_over(now_ns):
            return self._end(now_ns)
        return ()

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """The agent ends: close the session, keep what was learnt."""
        events = list(self._end(now_ns))
        self._closed = True
        self._save()
        return events

    def forget(self, before_ns: int) -> None:
        """Remove what was learnt from strides before a wall time, or at an unknown one."""
        if self._levels.since_ns is not None and self._levels.since_ns >= before_ns:
            return
        self._levels = Levels()
        if self._path is not None and not self._closed:
            self._disk.submit(_erase, self._path)

    def close(self) -> None:
        """Wait for the disk; may be called twice."""
        self._closed = True
        self._disk.shutdown(wait=True)

    # -- helpers ------------------------------------------------------------------------------

    def _answer(
        self, stride: GaitStride, reached: bool, now_ns: int, reason: Reason | None
    ) -> Verdict | None:
        if reason is None:
            self._limits.take(now_ns)
        if reached:
            if reason is None:
                self._signal("on_target")
            return None
        latest_ns = stride.time_ns + round(LATEST_S * 1e9)
        verdict = Verdict(
            "off_target", stride.side, stride.time_ns, now_ns, now_ns, latest_ns, reason, "practice"
        )
        self._policy.counts.add(verdict)
        return verdict

    def _objection(self, stride: GaitStride, now_ns: int) -> Reason | None:
        side = stride.side
        late = now_ns - stride.time_ns > LATEST_S * 1e9
        late = late or self._contact_ns.get(side, stride.time_ns) > stride.time_ns
        return (
            self._policy.objection(now_ns, self._conditions(side))
            or ("late" if late else None)
            or self._limits.objection(now_ns)
        )

    def _end(self, now_ns: int) -> Iterable[wire.Event]:
        session = self._session
        if session is None or not self._running or self._closed:
            return ()
        self._running = False
        session.end_ns = min(session.end_ns, now_ns)
        self._signal("end")
        own = self.target_deg is None or session.target.measure != "pitch"
        side = session.target.side
        self._levels.practised(side, session.steps, session.on_target, own=own)
        self._save()
        return (session.event(),)

    def _leg(self) -> Side | None:
        affected = self._policy.affected
        if affected == "both":
            legs = self._levels
            return "right" if legs.right.sessions < legs.left.sessions else "left"
        return None if affected == "none" else affected

    def _refusal(self, leg: Side | None) -> str:
        if self._closed:
            return "closed"
        if self._running:
            return "running"
        if leg is None or self._policy.affected not in (leg, "both"):
            return "no leg"
        return self._policy.objection(self._clock.monotonic_ns(), self._conditions(leg)) or ""

    def _new_limits(self) -> Limits:
        return Limits(**LIMITS, pulse_ms=self._pulse_ms)  # type: ignore[arg-type]  # mypy joins the table's values

    def _save(self) -> None:
        self._unsaved = 0
        if self._path is not None:
            self._disk.submit(save, self._path, msgspec.json.encode(self._levels))


def _erase(path: Path) -> None:
    for name in (path.name, f"{path.name}.damaged", f".{path.name}.draft"):
        try:
            path.with_name(name).unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s could not be removed: %s", path.with_name(name), error)

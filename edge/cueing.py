"""Cues on their way from the detection loop to what the patient feels and hears.

    record ─> CuePolicy ─ verdict ─┬─> (wait for the start) ─> every output: pulse ─> wire.Cue
    landing ─> Practising ─────────┘

Fails silent: an output that breaks is stopped and not used again; whatever goes wrong here never
reaches detection.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from edge import wire
from edge.companion import Companion, Emit
from edge.config import Affected, CueConfig
from edge.cues.policy import CuePolicy
from edge.cues.rules import Conditions, Reason, Verdict
from edge.events import Record
from edge.practising import Practising
from hw.source import Clock, Side
from kernels import GaitEvent, GaitStride

__all__ = ["Cueing", "Output"]

log = logging.getLogger(__name__)


class Output(Protocol):
    """A buzzer, a motor, a lamp, a loudspeaker."""

    def pulse(self, seconds: float, signal: str = "") -> bool:
        """Begin a signal and return at once whether it did; it ends by itself, whatever the caller
        does then. Signals: the causes of cues, "on_target", "begin", "end"."""
        ...

    def stop(self) -> None:
        """Be silent now."""
        ...


class Cueing(Companion):
    """Gives cues and tells of each, given or suppressed; `close` silences everything.

    Parameters
    ----------
    config : CueConfig
        Limits and causes.
    affected : {"none", "left", "right", "both"}
        The leg or legs with foot drop, where the therapist has not said so.
    clock : Clock
        The samples' clock.
    outputs : sequence of Output
        Each gives every cue.
    conditions : callable
        Says what is known of a foot now.
    folder : Path, optional
        The state directory, for baseline and levels of practice; None: they are not kept.

    Attributes
    ----------
    practice : Practising
        Practice sessions, for a page.
    policy : CuePolicy
        The rules of everyday life, and the counts of both.
    """

    def __init__(
        self,
        config: CueConfig,
        affected: Affected,
        clock: Clock,
        outputs: Sequence[Output],
        conditions: Callable[[Side], Conditions],
        folder: Path | None = None,
    ) -> None:
        self.policy = CuePolicy(config, affected)
        self.practice = Practising(config, self.policy, clock, conditions, self._signal, folder)
        self._config = config
        self._affected = affected
        self._clock = clock
        self._outputs = list(outputs)
        self._conditions = conditions
        self._pending: dict[asyncio.Task[None], Verdict] = {}
        self._emit: Emit | None = None
        self._closed = False

    # -- the page's and the button's ------------------------------------------------------------

    @property
    def muted(self) -> bool:
        """Whether the button, or the page, has muted cues."""
        return self.policy.muted(self._clock.monotonic_ns())

    def press_mute(self) -> bool:
        """Mute, or end a mute; what sounds is silenced. For the event loop's thread.

        Returns whether it is muted now.
        """
        muted = self.policy.press_mute(self._clock.monotonic_ns())
        log.info("cues muted" if muted else "cues no longer muted")
        if muted:
            self.silence()
        return muted

    def silence(self) -> None:
        """Stop every output now."""
        for output in tuple(self._outputs):
            self._use(output, output.stop)

    def close(self) -> None:
        """End: cues that wait are dropped, every output is silent. May be called twice."""
        self._closed = True
        self._drop_pending()
        self.silence()
        self.practice.close()

    # -- a companion ----------------------------------------------------------------------------

    def started(self, emit: Emit) -> None:
        """Take the way to the outbox."""
        self._emit = self.practice.emit = emit

    def record(self, record: Record, now_ns: int) -> Iterable[wire.Event]:
        """Judge a record of the kernel that came with samples of `now_ns`, and give its cue."""
        if self._closed:
            return ()
        if isinstance(record, GaitStride):
            self.practice.learn(record)
            return self.landing(record, now_ns)
        if not isinstance(record, GaitEvent):
            return ()
        if record.event == "initial_contact":
            self.practice.contact(record.side, record.time_ns)
        verdict = self.policy.judge(
            record,
            self._clock.monotonic_ns(),
            self._clock.wall_ns(),
            self._conditions(record.side),
            practising=self.practice.running,
        )
        return self._carry_out(verdict, now_ns)

    def landing(self, stride: GaitStride, now_ns: int) -> Iterable[wire.Event]:
        """Judge a stride as one foot alone gives it, soon after its contact; the complete one, that
        `record` brings later, is then not judged again."""
        if self._closed:
            return ()
        verdict = self.practice.landing(stride, self._clock.monotonic_ns())
        return self._carry_out(verdict, now_ns)

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """End a practice session whose time is up."""
        return self.practice.tick(now_ns)

    def setup(self, setup: wire.Setup) -> None:
        """Use the therapist's leg, time zone and target; what is not set is the agent's own."""
        self.policy.affected = setup.affected or self._affected
        self.practice.target_deg = setup.targets.pitch_at_contact_deg
        try:
            self.policy.quiet.use_zone(setup.zone or self._config.zone)
        except (KeyError, ValueError, OSError):
            log.warning("no such time zone: %s; quiet hours stay as they were", setup.zone)

    def request(self, request: wire.Request) -> None:
        """Forget the baseline when the patient's data are to be forgotten."""
        if isinstance(request, wire.Forget):
            self.practice.forget(request.before_ns)

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """Drop cues that wait, each with its event; close a practice session."""
        dropped = [self.policy.withdraw(verdict, "stopped") for verdict in self._drop_pending()]
        events = [verdict.event(None) for verdict in dropped]
        return [*(event for event in events if event), *self.practice.finish(now_ns)]

    # -- giving ---------------------------------------------------------------------------------

    def _carry_out(self, verdict: Verdict | None, arrival_ns: int) -> Iterable[wire.Event]:
        if verdict is None:
            return ()
        verdict = verdict._replace(judged_ns=arrival_ns)
        if not verdict.given:
            return self._told(verdict, None)
        if verdict.start_ns <= self._clock.monotonic_ns():
            return self._give(verdict)
        task = asyncio.create_task(self._wait_and_give(verdict))
        self._pending[task] = verdict
        task.add_done_callback(lambda done: self._pending.pop(done, None))
        return ()

    async def _wait_and_give(self, verdict: Verdict) -> None:
        await self._clock.sleep((verdict.start_ns - self._clock.monotonic_ns()) / 1e9)
        try:
            for event in self._give_if_still_right(verdict):
                if self._emit is not None:
                    self._emit(event)
        except Exception:
            log.exception("no cue: the rules failed")

    def _give_if_still_right(self, verdict: Verdict) -> Iterable[wire.Event]:
        now_ns = self._clock.monotonic_ns()
        reason: Reason | None = self.policy.objection(now_ns, self._conditions(verdict.side))
        if reason is None and now_ns > verdict.latest_ns:
            reason = "late"
        if reason is not None:
            return self._told(self.policy.withdraw(verdict, reason), None)
        return self._give(verdict)

    def _give(self, verdict: Verdict) -> Iterable[wire.Event]:
        if not self._signal(verdict.cause):
            return self._told(self.policy.withdraw(verdict, "failed"), None)
        if verdict.mode == "practice":
            self.practice.cued()
        return self._told(verdict, self._clock.monotonic_ns())

    def _told(self, verdict: Verdict, begun_ns: int | None) -> Iterable[wire.Event]:
        event = verdict.event(begun_ns)
        return () if event is None else (event,)

    def _drop_pending(self) -> list[Verdict]:
        verdicts = list(self._pending.values())
        for task in tuple(self._pending):
            task.cancel()
        self._pending.clear()
        return verdicts

    def _signal(self, signal: str) -> bool:
        """Give a signal on every output; return whether one of them had it."""
        seconds = self._config.pulse_ms / 1e3
        begun = False
        for output in tuple(self._outputs):
            begun |= self._use(output, lambda output=output: output.pulse(seconds, signal))  # type: ignore[misc]  # mypy takes no default in a lambda
        return begun

    def _use(self, output: Output, call: Callable[[], bool | None]) -> bool:
        try:
            return bool(call())
        except Exception:
            log.exception("an output for cues failed and is not used again")
            self._outputs.remove(output)
            return False

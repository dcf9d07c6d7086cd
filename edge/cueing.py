"""Cues on their way from the detection loop to what the patient feels.

    observer ─ record ─> CuePolicy ─ verdict ─> (wait for the start) ─> every output: pulse

Fails silent: an output that breaks is stopped and not used again; whatever goes wrong here never
reaches detection.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from edge.config import Affected, CueConfig
from edge.cues import Conditions, CuePolicy, Verdict
from edge.events import Record
from hw.source import Clock, Side
from kernels import GaitEvent

__all__ = ["Cueing", "Output"]

log = logging.getLogger(__name__)


class Output(Protocol):
    """A buzzer, a motor, a lamp, a loudspeaker."""

    def pulse(self, seconds: float) -> None:
        """Begin a cue and return at once; it ends by itself, whatever the caller does then."""
        ...

    def stop(self) -> None:
        """Be silent now."""
        ...


class Cueing:
    """Gives cues. `observe` goes to the agent as its observer; `close` silences everything.

    Parameters
    ----------
    config : CueConfig
        Limits and causes.
    affected : {"none", "left", "right", "both"}
        The leg or legs with foot drop.
    clock : Clock
        The samples' clock.
    outputs : sequence of Output
        Each gives every cue.
    conditions : callable
        Says what is known of a foot now.
    """

    def __init__(
        self,
        config: CueConfig,
        affected: Affected,
        clock: Clock,
        outputs: Sequence[Output],
        conditions: Callable[[Side], Conditions],
    ) -> None:
        self.policy = CuePolicy(config, affected)
        self._pulse_s = config.pulse_ms / 1e3
        self._clock = clock
        self._outputs = list(outputs)
        self._conditions = conditions
        self._pending: set[asyncio.Task[None]] = set()
        self._closed = False

    def observe(self, record: Record, arrival_ns: int) -> None:
        """Judge a record of the kernel, and give its cue; never blocks, never raises."""
        try:
            self._observe(record)
        except Exception:
            log.exception("no cue: the rules failed")

    def press_mute(self) -> None:
        """Take note of the mute button; what sounds is silenced. For the event loop's thread."""
        muted = self.policy.press_mute(self._clock.monotonic_ns())
        log.info("cues muted" if muted else "cues no longer muted")
        if muted:
            self.silence()

    def silence(self) -> None:
        """Stop every output now."""
        for output in tuple(self._outputs):
            self._use(output, output.stop)

    def close(self) -> None:
        """End: cues that wait are dropped, every output is silent. May be called twice."""
        self._closed = True
        for task in self._pending:
            task.cancel()
        self.silence()

    def _observe(self, record: Record) -> None:
        if self._closed or not isinstance(record, GaitEvent):
            return
        now_ns = self._clock.monotonic_ns()
        conditions = self._conditions(record.side)
        verdict = self.policy.judge(record, now_ns, self._clock.wall_ns(), conditions)
        if verdict is None or not verdict.given:
            return
        if verdict.start_ns <= now_ns:
            self._give(verdict)
        else:
            task = asyncio.create_task(self._wait_and_give(verdict))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _wait_and_give(self, verdict: Verdict) -> None:
        await self._clock.sleep((verdict.start_ns - self._clock.monotonic_ns()) / 1e9)
        now_ns = self._clock.monotonic_ns()
        reason = self.policy.objection(now_ns, self._conditions(verdict.side))
        if reason is None and now_ns > verdict.latest_ns:
            reason = "late"
        if reason is not None:
            self.policy.withdraw(verdict, reason)
            return
        self._give(verdict)

    def _give(self, verdict: Verdict) -> None:
        for output in tuple(self._outputs):
            self._use(output, lambda output=output: output.pulse(self._pulse_s))  # type: ignore[misc]  # mypy takes no default in a lambda
        if not self._outputs:
            self.policy.withdraw(verdict, "failed")

    def _use(self, output: Output, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("an output for cues failed and is not used again")
            self._outputs.remove(output)

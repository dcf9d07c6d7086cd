"""The agent's companions as one: every call goes to each, and none can harm detection."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from edge import wire
from edge.companion import Companion, Emit
from edge.events import Record
from hw.source import Block
from kernels import GaitStride

__all__ = ["Companions"]

log = logging.getLogger(__name__)
_Call = Callable[[Companion], Iterable[wire.Event] | None]


class Companions:
    """Passes calls on to companions and brings what they return to the outbox.

    Parameters
    ----------
    members : sequence of Companion
        In the order in which they are called.
    emit : callable
        Takes the events that they add.
    """

    def __init__(self, members: Sequence[Companion], emit: Emit) -> None:
        self._members = tuple(members)
        self._emit = emit
        self.failures = 0
        self._each(lambda member: member.started(emit))

    def block(self, block: Block, now_ns: int) -> None:
        """Pass on the samples of one foot."""
        self._each(lambda member: member.block(block, now_ns))

    def record(self, record: Record, now_ns: int) -> None:
        """Pass on a record of the kernel."""
        self._each(lambda member: member.record(record, now_ns))

    def landing(self, stride: GaitStride, now_ns: int) -> None:
        """Pass on a stride as one foot alone gives it."""
        self._each(lambda member: member.landing(stride, now_ns))

    def event(self, event: wire.Event, now_ns: int) -> None:
        """Pass on an event that goes to the outbox."""
        self._each(lambda member: member.event(event, now_ns))

    def tick(self, now_ns: int, offset_ns: int | None) -> None:
        """Pass on that a commit interval is over."""
        self._each(lambda member: member.tick(now_ns, offset_ns))

    def setup(self, setup: wire.Setup) -> None:
        """Pass on what the therapist has set."""
        self._each(lambda member: member.setup(setup))

    def request(self, request: wire.Request) -> None:
        """Pass on a one-off request."""
        self._each(lambda member: member.request(request))

    def finish(self, now_ns: int) -> None:
        """Pass on that the agent ends."""
        self._each(lambda member: member.finish(now_ns))

    def facts(self) -> dict[str, Any]:
        """Return what all say for the status; a failing one says nothing."""
        facts: dict[str, Any] = {}
        self._each(lambda member: facts.update(member.facts()))
        return facts

    def _each(self, call: _Call) -> None:
        for member in self._members:
            try:
                for event in call(member) or ():
                    self._emit(event)
            except Exception:
                self.failures += 1
                if self.failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th: no log is flooded
                    log.exception("%s failed %d times", type(member).__name__, self.failures)

"""What runs beside detection in the agent: alert rules, exercises, cues, habits, tallies.

A companion sees the samples, the kernel's records and every event on its way to the outbox, and
may add events of its own. All calls come from the detection loop, in order, and must not block.
One that raises is logged and left out of that call; detection goes on.

    source ─ block ─┬─> kernel ─ record ─> event ─┬─> outbox
                    └──────> companions <─────────┘
                                 └─ events of their own ─> outbox
"""

from collections.abc import Callable, Iterable
from typing import Any

from edge import wire
from edge.events import Record
from hw.source import Block
from kernels import GaitStride

__all__ = ["Companion", "Emit"]

Emit = Callable[[wire.Event], None]
"""Brings an event, its time monotonic, into the outbox; only from the event loop's thread."""


class Companion:
    """Override what you need; what is returned goes to the outbox with its time monotonic [ns].

    Events carry `edge.events.FIRST_SEQ`; the outbox gives number and wall time.
    """

    def started(self, emit: Emit) -> None:
        """Take note of the way to the outbox, for events that no call below gives rise to."""

    def block(self, block: Block, now_ns: int) -> Iterable[wire.Event]:
        """Look at the samples of one foot, after the kernel did."""
        return ()

    def record(self, record: Record, now_ns: int) -> Iterable[wire.Event]:
        """Look at a kernel's record (contacts and toe offs are records, not events)."""
        return ()

    def landing(self, stride: GaitStride, now_ns: int) -> Iterable[wire.Event]:
        """Look at a stride as one foot alone gives it, about 0.2 s after its contact; `record`
        brings it again, complete and in order, about 1 s after the contact."""
        return ()

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Look at an event on its way to the outbox; a companion's own events come by too."""
        return ()

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """Called every commit interval; `offset_ns` is wall less monotonic time, None: unknown."""
        return ()

    def setup(self, setup: wire.Setup) -> None:
        """Use what the therapist has set; called at the start with the last known, and anew."""

    def request(self, request: wire.Request) -> None:
        """Carry out a one-off request; the same may come twice."""

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """The agent ends: close what is open, keep what must survive."""
        return ()

    def facts(self) -> dict[str, Any]:
        """Return what `Status` says of this, by field name; for status and metrics."""
        return {}

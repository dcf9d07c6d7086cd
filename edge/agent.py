"""The agent: samples in, events committed, sent and receipted. One asyncio process.

    source ─ blocks ─> Walk ─ records ─> events ─> commit (writer thread) ─> Publisher ─> broker
                                                     outbox <──────────────── receipts

The detection loop only appends to a list. A second task commits it every second or ten events,
and at once for what is urgent; neither the disk nor the network can hold up detection.
"""

import asyncio
import logging
import random
import signal
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from edge import wire
from edge.analyse import foot_configs
from edge.clock import WallOffset
from edge.companion import Companion
from edge.companions import Companions
from edge.config import AgentConfig
from edge.events import URGENT, Record, to_wire
from edge.losses import priority_of
from edge.publish import Publisher
from edge.samplegaps import SampleGaps
from edge.service import OutboxService
from edge.setup import SetupDesk
from edge.state import AgentState
from edge.status import Facts, LinkShare
from edge.wear import WearChange, WearWatch
from hw.source import SIDES, Block, Clock, Side, Source, joined
from kernels import GaitEvent, GaitStride, KernelInputError, Walk

__all__ = ["GRACE_S", "MAX_UNCOMMITTED", "Agent"]

log = logging.getLogger(__name__)

GRACE_S = 3.0
"""At a stop, so long for the last events to be sent and receipted; what is not, waits on disk."""
MAX_UNCOMMITTED = 10_000
"""Events that wait in memory while the disk hangs: over an hour of brisk walking."""
WEAR_NS = 250_000_000
"""Samples gathered before the wear state is looked at."""
REOPEN_S = (1.0, 30.0)
"""Bounds of the wait before a failed source is opened again [s]."""
STILL_NS = 30_000_000_000
"""Without a contact for so long nobody walks: the kernel may be made anew."""
Observer = Callable[[Record, int], None]


class Agent:
    """One device's agent.

    Parameters
    ----------
    config : AgentConfig
        Device, affected leg, commit interval, feet.
    source : Source
        What yields the samples.
    clock : Clock
        The clock of the samples; a simulated one runs everything but the network's timers.
    outbox : OutboxService
        Where events go; closed at the end.
    publisher : Publisher or None
        What sends them; None: they wait on disk.
    once : bool
        End when the source ends (a recording); else it is opened again.
    observer : callable, optional
        Called in the detection loop with each gait record and the arrival of the block that
        decided it [monotonic ns]: for cues and measurements. It must not block.
    companions : sequence of Companion
        What runs beside detection and adds events of its own.
    desk : SetupDesk, optional
        What the therapist has set, and requests; None: the agent's own settings hold.
    source_facts : callable, optional
        What the source's driver says for the status, such as `edge.status.battery_facts`.
    state : AgentState, optional
        The one to fill, where others look at it too.
    holds_back : callable, optional
        Says of an event that it must not go to the outbox; companions see it all the same.
    """

    def __init__(
        self,
        config: AgentConfig,
        source: Source,
        clock: Clock,
        outbox: OutboxService,
        publisher: Publisher | None = None,
        *,
        once: bool = False,
        observer: Observer | None = None,
        companions: Sequence[Companion] = (),
        desk: SetupDesk | None = None,
        source_facts: Facts = dict,
        state: AgentState | None = None,
        holds_back: Callable[[wire.Event], bool] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.state = AgentState() if state is None else state
        self._holds_back = holds_back or (lambda event: False)
        self._config = config
        self._source = source
        self._clock = clock
        self._outbox = outbox
        self._publisher = publisher
        self._once = once
        self._observer = observer
        self.companions = Companions(companions, self._queue)
        self._rng = rng or random.Random()
        sides: tuple[Side, ...] = SIDES
        if config.source.side != "both":
            sides = (config.source.side,)
        self._sides = sides
        self._desk = desk
        self._affected = config.affected
        if desk is not None and desk.current is not None and desk.current.affected is not None:
            self._affected = desk.current.affected
        self._walk = Walk(foot_configs(source.profile, sides), self._affected, self._landed)
        self._affected_due = self._affected
        self._source_facts = source_facts
        self._links = {side: LinkShare() for side in sides}
        self._gaps = {side: SampleGaps(side) for side in sides}
        self._wear = WearWatch(source.profile, sides)
        self._wear_waiting: dict[Side, list[Block]] = {side: [] for side in sides}
        self._sync_ns: dict[Side, int | None] = dict.fromkeys(sides)
        self._offset = WallOffset(clock, outbox.offset_ns)
        self._events: list[wire.Event] = []
        self._due = asyncio.Event()
        self._stop = asyncio.Event()
        self._detected_all = False
        self._grace_s = GRACE_S
        if publisher is not None:
            publisher.facts = self.facts
        if desk is not None:
            desk.on_setup, desk.on_request = self._take_setup, self.companions.request
            if desk.current is not None:
                self.companions.setup(desk.current)

    @property
    def offset_ns(self) -> int | None:
        """Wall less monotonic time in use; None while the wall clock is not known."""
        return self._offset.offset_ns

    def facts(self) -> dict[str, Any]:
        """Return what is known for the status, by the field names of `wire.Status`."""
        links = {
            f"link_{side}_percent": link.percent(self._gaps[side].period_ns)
            for side, link in self._links.items()
        }
        own: dict[str, Any] = {
            "worn": self.state.worn,
            "clock_known": self.offset_ns is not None,
            "setup_revision": None if self._desk is None else self._desk.revision,
        }
        return {**links, **self._source_facts(), **self.companions.facts(), **own}

    def said(self) -> dict[str, Any]:
        """Return all that a status would say now, the outbox included."""
        return self.facts() if self._publisher is None else self._publisher.said()

    # -- running ----------------------------------------------------------------------------

    def stop(self) -> None:
        """End cleanly: nothing detected is lost. A second call waits for no receipts."""
        if self._stop.is_set():
            self._grace_s = 0.0
            if self._publisher is not None:
                self._publisher.stop(0.0)
        self._stop.set()

    def handle_signals(self) -> None:
        """Stop on SIGTERM and SIGINT; to be called within the running event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    async def run(self) -> None:
        """Run until `stop`, or until the source ends where `once` says so.

        Raises
        ------
        Exception
            With `once`, what the source raised; everything before it is committed.
        """
        await self._follow_clock()
        publishing = asyncio.create_task(self._publish())
        committing = asyncio.create_task(self._commit_loop())
        ticking = asyncio.create_task(self._tick())
        try:
            await self._detect_until_stopped()
        finally:
            await self._wind_up(ticking, committing, publishing)

    async def _detect_until_stopped(self) -> None:
        detecting = asyncio.create_task(self._detect_loop())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((detecting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if detecting.done():
                detecting.result()
        finally:
            for task in (detecting, stopping):
                task.cancel()
            await asyncio.gather(detecting, stopping, return_exceptions=True)

    async def _wind_up(
        self,
        ticking: asyncio.Task[None],
        committing: asyncio.Task[None],
        publishing: asyncio.Task[None],
    ) -> None:
        """Finish the kernels, commit, give the sending a little time, close."""
        ticking.cancel()
        self._take(self._walk.finish(), self._clock.monotonic_ns())
        self._close_gaps()
        self.companions.finish(self._clock.monotonic_ns())
        self._detected_all = True
        self._due.set()
        await asyncio.gather(ticking, committing, return_exceptions=True)
        await self._follow_clock()
        if self._publisher is not None:
            self._publisher.stop(self._grace_s)
            await asyncio.wait((publishing,), timeout=self._grace_s + 2.0)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await self._outbox.close()
        self._refresh()

    async def _publish(self) -> None:
        """Run the publisher; an error that nobody foresaw stops neither it nor the agent."""
        while self._publisher is not None and not self._detected_all:
            try:
                await self._publisher.run()
            except Exception:
                log.exception("sending failed; tried again in %.0f s", REOPEN_S[1])
                await asyncio.sleep(REOPEN_S[1])
            else:
                return  # it was stopped

    # -- detection --------------------------------------------------------------------------

    async def _detect_loop(self) -> None:
        """Read the source; open it again after failures, unless it is a recording."""
        wait_s = REOPEN_S[0]
        while True:
            begin_ns = self._clock.monotonic_ns()
            try:
                await self._detect()
                problem = "the source ended"
            except Exception as error:
                if self._once:
                    raise
                problem = f"the source failed: {error or type(error).__name__}"
            if self._once:
                return
            self.state.source_failures += 1
            self.state.last_error = problem
            if self._clock.monotonic_ns() - begin_ns > 10 * REOPEN_S[1] * 1e9:
                wait_s = REOPEN_S[0]
            log.warning("%s; opened again in %.0f s", problem, wait_s)
            await self._clock.sleep(wait_s)
            wait_s = min(REOPEN_S[1], self._rng.uniform(REOPEN_S[0], wait_s * 3))

    async def _detect(self) -> None:
        async with aclosing(self._source.blocks()) as blocks:  # type: ignore[type-var]  # every source's iterator is a generator
            async for block in blocks:
                if block.side in self._gaps:
                    self._take_block(block)

    def _take_block(self, block: Block) -> None:
        arrival_ns = self._clock.monotonic_ns()
        foot = self.state.foot(block.side)
        self._sync_ns[block.side] = block.sync_uncertainty_ns
        try:
            records = self._walk.push(block.side, block.time_ns, block.load, block.imu)
        except KernelInputError as error:
            self.state.blocks_refused += 1
            self.state.last_error = str(error)
            log.warning("block of the %s foot refused: %s", block.side, error)
            return
        self._gaps[block.side].see(block)
        foot.samples += len(block.time_ns)
        foot.last_sample_ns = arrival_ns
        if records:
            self._take(records, arrival_ns)
        self._watch_wear(block)
        self.companions.block(block, arrival_ns)

    def _watch_wear(self, block: Block) -> None:
        """Gather a quarter of a second: wear changes slowly, and small blocks cost the most."""
        if not len(block.time_ns):
            return
        waiting = self._wear_waiting[block.side]
        waiting.append(block)
        if block.time_ns[-1] - waiting[0].time_ns[0] >= WEAR_NS:
            self._take_wear(self._wear.push(joined(waiting)))
            waiting.clear()

    def _take_wear(self, changes: list[WearChange]) -> None:
        for change in changes:
            self.state.worn = self._wear.worn
            self._queue(change.event())

    def _take(self, records: list[Record], arrival_ns: int) -> None:
        """Turn gait records into events that wait for the next commit."""
        for record in records:
            self._show(record)
            if isinstance(record, GaitEvent) and record.event == "initial_contact":
                self._take_wear(self._wear.contact(record.side, record.time_ns))
            if self._observer is not None:
                self._observer(record, arrival_ns)
            self.companions.record(record, arrival_ns)
            try:
                event = to_wire(record)
            except wire.WireError as error:
                self.state.last_error = str(error)
                log.error("event not sent: %s", error)
                self._outbox.note_loss(1, 1, record.time_ns, "refused by the wire")
                continue
            if event is not None:
                self._queue(self._synchronised(event))

    def _synchronised(self, event: wire.Event) -> wire.Event:
        """Say of a stride how well its foot's device clock is known."""
        uncertainty_ns = self._sync_ns[event.side] if isinstance(event, wire.Stride) else None
        if uncertainty_ns is None:
            return event
        return msgspec.structs.replace(event, sync_uncertainty_ms=uncertainty_ns / 1e6)

    def _landed(self, stride: GaitStride) -> None:
        self.companions.landing(stride, self._clock.monotonic_ns())

    def _show(self, record: Record) -> None:
        if isinstance(record, GaitEvent):
            self.state.take_event(record)
        elif isinstance(record, GaitStride):
            self.state.take_stride(record)
        else:
            self.state.bouts += 1

    def _queue(self, event: wire.Event) -> None:
        if self._holds_back(event):
            self.companions.event(event, self._clock.monotonic_ns())
            return
        self.state.detected += 1
        if len(self._events) >= MAX_UNCOMMITTED:
            self._shed()
        self._events.append(event)
        self.companions.event(event, self._clock.monotonic_ns())
        if isinstance(event, URGENT) or len(self._events) >= self._config.outbox.commit_events:
            self._due.set()

    def _shed(self) -> None:
        """The disk hangs: let the oldest of the least important events go, and count it."""
        index = min(range(len(self._events)), key=lambda i: (priority_of(self._events[i]), i))
        lost = self._events.pop(index)
        self._outbox.note_loss(priority_of(lost), 1, lost.time_ns, "disk hung")

    def _take_gaps(self, now_ns: int | None) -> None:
        for gaps in self._gaps.values():
            gap = gaps.take(now_ns)
            if gap is not None:
                self._queue(gap)

    def _close_gaps(self) -> None:
        """At the end: a foot that fell silent before the other one has lost the rest."""
        ends = [gaps.last_ns for gaps in self._gaps.values() if gaps.last_ns is not None]
        for gaps in self._gaps.values():
            gaps.silent_until(max(ends, default=0))
        self._take_gaps(None)

    # -- what the therapist has set ---------------------------------------------------------

    def _take_setup(self, setup: wire.Setup) -> None:
        """Use a new setup; the kernel gets another affected leg when nobody walks."""
        log.info("setup %d is in use", setup.revision)
        self._affected_due = self._config.affected if setup.affected is None else setup.affected
        self.companions.setup(setup)

    def _follow_affected(self, now_ns: int) -> None:
        """Make the kernel anew for another affected leg, as a restart would: its baseline of the
        person begins again. Not while somebody walks: no stride is lost or counted twice."""
        if self._affected_due == self._affected:
            return
        contacts = [
            foot.contacts[-1] for foot in (self.state.left, self.state.right) if foot.contacts
        ]
        if any(now_ns - contact.time_ns < STILL_NS for contact in contacts):
            return
        self._affected = self._affected_due
        self._take(self._walk.finish(), now_ns)
        feet = foot_configs(self._source.profile, self._sides)
        self._walk = Walk(feet, self._affected, self._landed)
        log.info("affected: %s, from now on", self._affected)

    # -- committing -------------------------------------------------------------------------

    async def _commit_loop(self) -> None:
        """Commit when something is due, until all is detected and committed."""
        while not (self._detected_all and not self._events):
            await self._due.wait()
            self._due.clear()
            events, self._events = self._events, []
            if events or self._outbox.has_work:
                await self._outbox.commit(events)
                if self._publisher is not None:
                    self._publisher.wake()
            self.state.commit_rounds += 1
            self._refresh()

    async def _tick(self) -> None:
        """Every commit interval: commit what is there, look at the clock and at the gaps."""
        while True:
            await self._clock.sleep(self._config.outbox.commit_s)
            self._take_gaps(self._clock.monotonic_ns())
            self._take_wear(self._wear.tick(self._clock.monotonic_ns()))
            for side, link in self._links.items():
                link.see(self._clock.monotonic_ns(), self.state.foot(side).samples)
            self._follow_affected(self._clock.monotonic_ns())
            await self._follow_clock()
            self.companions.tick(self._clock.monotonic_ns(), self.offset_ns)
            self._due.set()

    async def _follow_clock(self) -> None:
        """Stamp what waits when the wall clock becomes known, or turns out to have been wrong."""
        has_changed, offset_ns = self._offset.update(), self._offset.offset_ns
        if offset_ns is None or not (has_changed or self._outbox.is_behind(offset_ns)):
            return
        stamped = await self._outbox.stamp(offset_ns)
        if has_changed or stamped:
            log.info("wall clock known; %d waiting events stamped", stamped)
            if self._publisher is not None:
                self._publisher.read_again()

    def _refresh(self) -> None:
        """Bring the counts of outbox and publisher into the state."""
        state, counts = self.state, self._outbox.counts
        state.committed, state.receipted = counts.committed, counts.receipted
        state.dropped, state.waiting = counts.dropped, self._outbox.waiting
        state.clock_known = self._offset.offset_ns is not None
        if self._publisher is not None:
            sending = self._publisher.state
            state.sent, state.connected = sending.sent, sending.connected
            state.messages_refused = sending.refused_messages

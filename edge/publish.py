"""From the outbox to the broker, until the pipeline's receipt.

Rules:
1. A row leaves the outbox on a receipt only; the broker's PUBACK deletes nothing.
2. A few batches are under way at once (the window). What is not receipted in time is sent again,
   on a live connection only. While nobody answers just the oldest batch is tried, ever more
   rarely; the first receipt brings the others.
3. What was committed since the connection began goes first, then what had waited: after three
   days of outage a drag of this minute is not behind three days of strides.
4. Reconnection waits 1-45 s with decorrelated jitter (Brooker 2015, AWS Architecture Blog,
   "Exponential Backoff And Jitter"), so that many agents do not come back at once. With an attempt
   under way (10 s) events flow again within 60 s of a fault's end.
5. The status is retained; the last will turns it to offline. It is sent every minute, and at once
   when the insoles are put on or off or sharing is paused.
6. What comes on `config` and `command` is checked and handed on; what is wrong is refused, counted,
   and changes nothing.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from edge import wire
from edge.clock import LoopClock
from edge.errors import EdgeError
from edge.link import Connector, Link, Will
from edge.rows import Row
from edge.service import OutboxService
from edge.status import Facts, StatusWriter
from hw.source import Clock

__all__ = ["Handler", "PublishSettings", "PublishState", "Publisher", "next_delay"]

log = logging.getLogger(__name__)


_AT_ONCE = ("worn", "is_paused")
"""A status goes out as soon as one of these is different."""


class Handler(Protocol):
    """Where the pipeline's messages for this device go; raises `WireError` for a refused one."""

    async def setup(self, setup: wire.Setup) -> None:
        """Use what the therapist has set."""

    async def command(self, command: wire.Command) -> None:
        """Carry out requests; the same may come twice."""


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """Sizes and times of the sending.

    Attributes
    ----------
    batch_events, batch_bytes : int
        Caps of one message; the wire allows 500 events and 64 KiB.
    window, live_window : int
        Batches without a receipt at one time; `live_window` of them are kept for new events.
    receipt_s, receipt_max_s : float
        A batch is sent again after `receipt_s`, doubled each time up to `receipt_max_s` [s].
    retry_min_s, retry_max_s : float
        Bounds of the wait before a reconnection [s].
    stable_s : float
        A connection that lasted so long starts the waits from the least again [s].
    status_s : float
        The status is sent again so often [s].
    """

    batch_events: int = 200
    batch_bytes: int = 60_000
    window: int = 8
    live_window: int = 2
    receipt_s: float = 10.0
    receipt_max_s: float = 30.0
    retry_min_s: float = 1.0
    retry_max_s: float = 45.0
    stable_s: float = 10.0
    status_s: float = 60.0


@dataclass(slots=True)
class PublishState:
    """What the publisher did; read by the live view and by `doctor`."""

    connected: bool = False
    connections: int = 0
    sent: int = 0
    resent_batches: int = 0
    receipts: int = 0
    refused_messages: int = 0
    last_error: str = ""


@dataclass(slots=True)
class _Lane:
    """Rows to be read: those above `after`, up to `upto` (None: no end)."""

    after: int
    upto: int | None


@dataclass(slots=True, eq=False)
class _Flight:
    """A batch under way."""

    boot: str
    open: set[int]
    oldest_ns: int
    payload: bytes
    due_ns: int = 0
    attempts: int = 0
    task: asyncio.Task[None] | None = field(default=None)


def next_delay(previous_s: float, settings: PublishSettings, rng: random.Random) -> float:
    """Return the wait before the next connection [s], between its bounds."""
    longest = max(settings.retry_min_s, previous_s * 3)
    return min(settings.retry_max_s, rng.uniform(settings.retry_min_s, longest))


class Publisher:
    """Sends what the outbox holds and brings back the receipts.

    Parameters
    ----------
    device : str
        The device's id.
    outbox : OutboxService
        Where events wait.
    connector : Connector
        Makes connections: `edge.link.MqttConnector`, or a simulated broker.
    clock : Clock, optional
        For all waits; None: real time.
    rng : random.Random, optional
        Draws the waits; give a seeded one for a repeatable run.
    version : str
        The program's version, sent in the status.
    wall_ns : callable, optional
        Gives the wall time for the status, None while unknown.
    facts : callable, optional
        Gives what the status says beside that, by its field names; others are left out.
    handler : Handler, optional
        Takes setups and requests; None: they are not subscribed to.
    """

    def __init__(
        self,
        device: str,
        outbox: OutboxService,
        connector: Connector,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        settings: PublishSettings | None = None,
        version: str = "",
        wall_ns: Callable[[], int | None] = lambda: None,
        facts: Facts = dict,
        handler: Handler | None = None,
    ) -> None:
        self.state = PublishState()
        self._device = device
        self._outbox = outbox
        self._connector = connector
        self._clock: Clock = clock or LoopClock()
        self._rng = rng or random.Random()
        self._settings = settings or PublishSettings()
        self._writer = StatusWriter(device, version, outbox, wall_ns)
        self.facts = facts
        self._handler = handler
        self._events = wire.topic(device, "events")
        self._receipt = wire.topic(device, "receipt")
        self._config = wire.topic(device, "config")
        self._command = wire.topic(device, "command")
        self._flights: list[_Flight] = []
        self._oldest_ns: int | None = None
        self._live = _Lane(0, None)
        self._backlog = _Lane(0, 0)
        self._answered = True
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stop_ns: int | None = None

    # -- from outside -----------------------------------------------------------------------

    def wake(self) -> None:
        """Look for something to send: new rows were committed."""
        self._wake.set()

    def read_again(self) -> None:
        """Look through the whole outbox again: rows that were passed over can now be sent."""
        self._backlog = _Lane(0, self._outbox.last_seq)
        self.wake()

    def stop(self, grace_s: float) -> None:
        """Send what waits for at most `grace_s`, say goodbye and let `run` end."""
        self._stop_ns = self._clock.monotonic_ns() + round(grace_s * 1e9)
        self._stopping.set()
        self.wake()

    async def run(self) -> None:
        """Connect, send, and connect again, until `stop`."""
        delay_s = self._settings.retry_min_s
        while self._stop_ns is None:
            begin_ns = self._clock.monotonic_ns()
            receipts = self.state.receipts
            try:
                async with self._connector.connect(self._will(), self._topics()) as link:
                    await self._serve(link)
            except* EdgeError as group:
                self.state.last_error = str(_first(group))
                log.warning("%s", self.state.last_error)
            finally:
                self.state.connected = False
            lasted_s = (self._clock.monotonic_ns() - begin_ns) / 1e9
            if lasted_s >= self._settings.stable_s and self.state.receipts > receipts:
                delay_s = self._settings.retry_min_s
            if self._stop_ns is None:
                delay_s = next_delay(delay_s, self._settings, self._rng)
                await self._pause(delay_s)

    def _topics(self) -> list[str]:
        own = [] if self._handler is None else [self._config, self._command]
        return [self._receipt, *own]

    # -- one connection ---------------------------------------------------------------------

    async def _serve(self, link: Link) -> None:
        self._begin()
        self.state.connections += 1
        await link.publish(*self._status(online=True), retain=True)
        self.state.connected = True
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._receive(link)),
                group.create_task(self._tick(link, group)),
            ]
            await self._send(link, group)
            await link.publish(*self._status(online=False), retain=True)
            for task in [*helpers, *(f.task for f in self._flights if f.task)]:
                task.cancel()

    def _begin(self) -> None:
        """Forget the last connection: all that has no receipt is read again."""
        last = self._outbox.last_seq
        self._flights.clear()
        self._backlog, self._live = _Lane(0, last), _Lane(last, None)
        self._answered = True

    async def _send(self, link: Link, group: asyncio.TaskGroup) -> None:
        """Keep the window full until `stop`, and then until all is receipted or time is up."""
        while not self._is_over():
            self._wake.clear()
            if await self._send_one(link, group):
                continue
            if self._stop_ns is not None and self._outbox.has_work:
                await self._outbox.commit()
            if not self._is_over():
                await self._wake.wait()

    def _is_over(self) -> bool:
        if self._stop_ns is None:
            return False
        return not self._outbox.waiting or self._clock.monotonic_ns() >= self._stop_ns

    async def _send_one(self, link: Link, group: asyncio.TaskGroup) -> bool:
        """Send one batch, new rows first; return whether there was one and room for it."""
        settings = self._settings
        free = settings.window - len(self._flights)
        for lane, room in ((self._live, free), (self._backlog, free - settings.live_window)):
            last = self._outbox.last_seq if lane.upto is None else lane.upto
            if room <= 0 or lane.after >= last:
                continue
            rows = await self._read(lane, last)
            if rows:
                self._dispatch(rows, link, group)
                return True
        return False

    async def _read(self, lane: _Lane, last: int) -> list[Row]:
        """Return the lane's next rows that are not under way."""
        settings = self._settings
        while True:
            rows = await self._outbox.pending(
                lane.after, last, settings.batch_events, settings.batch_bytes
            )
            if not rows:
                if lane.upto is not None and not self._outbox.is_to_be_read_again:
                    lane.after = last
                return []
            lane.after = rows[-1].seq
            fresh = [row for row in rows if not self._is_under_way(row)]
            if fresh:
                return fresh

    def _is_under_way(self, row: Row) -> bool:
        return any(f.boot == row.boot and row.seq in f.open for f in self._flights)

    def _dispatch(self, rows: list[Row], link: Link, group: asyncio.TaskGroup) -> None:
        batch = wire.Batch(
            device=self._device, boot=rows[0].boot, events=tuple(row.event for row in rows)
        )
        seqs, oldest_ns = {row.seq for row in rows}, min(row.event.time_ns for row in rows)
        flight = _Flight(rows[0].boot, seqs, oldest_ns, wire.encode(batch))
        self._flights.append(flight)
        self.state.sent += len(rows)
        self._launch(flight, link, group)

    def _launch(self, flight: _Flight, link: Link, group: asyncio.TaskGroup) -> None:
        settings = self._settings
        wait_s = min(settings.receipt_s * 2 ** min(flight.attempts, 10), settings.receipt_max_s)
        flight.attempts += 1
        flight.due_ns = self._clock.monotonic_ns() + round(wait_s * 1e9)
        flight.task = group.create_task(link.publish(self._events, flight.payload))

    # -- answers and time -------------------------------------------------------------------

    async def _receive(self, link: Link) -> None:
        async for topic, payload in link.messages():
            try:
                await self._hand_on(topic, payload)
            except wire.WireError as error:
                self.state.refused_messages += 1
                if self.state.refused_messages.bit_count() == 1:  # the 1st, 2nd, 4th, 8th
                    log.warning("message on %.100s refused: %.300s", topic, error)

    async def _hand_on(self, topic: str, payload: bytes) -> None:
        if topic == self._receipt:
            receipt = wire.decode(payload, wire.Receipt)
            self._outbox.receipt(receipt.boot, receipt.ranges)
            self._land(receipt)
        elif topic == self._config and self._handler is not None and payload:
            await self._handler.setup(wire.decode(payload, wire.Setup))
        elif topic == self._command and self._handler is not None:
            await self._handler.command(wire.decode(payload, wire.Command))

    def _land(self, receipt: wire.Receipt) -> None:
        """Take what is receipted out of the window."""
        self.state.receipts += 1
        self._answered = True
        for flight in self._flights:
            if flight.boot == receipt.boot:
                flight.open -= _within(flight.open, receipt.ranges)
        self._flights = [flight for flight in self._flights if flight.open]
        self.wake()

    async def _tick(self, link: Link, group: asyncio.TaskGroup) -> None:
        """Every second: send again what is overdue, and the status now and then."""
        said = self._urgent_facts()
        for second in itertools.count(1):
            await self._clock.sleep(1.0)
            self._send_overdue(link, group)
            self.wake()
            before, said = said, self._urgent_facts()
            is_due = second % round(self._settings.status_s) == 0 or said != before
            if is_due and self._stop_ns is None:
                await link.publish(*self._status(online=True), retain=True)

    def _send_overdue(self, link: Link, group: asyncio.TaskGroup) -> None:
        now_ns = self._clock.monotonic_ns()
        overdue = [
            f for f in self._flights if f.due_ns <= now_ns and (f.task is None or f.task.done())
        ]
        if not self._answered:
            overdue = [f for f in overdue if f is self._flights[0]]
        for flight in overdue:
            self.state.resent_batches += 1
            self._launch(flight, link, group)
        if overdue:
            self._answered = False

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until `stop`."""
        tasks = {
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._stopping.wait()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- status -----------------------------------------------------------------------------

    def _urgent_facts(self) -> tuple[Any, ...]:
        facts = self.facts()
        return tuple(facts.get(name) for name in _AT_ONCE)

    def _status(self, online: bool) -> tuple[str, bytes]:
        status = self._writer.status(self.facts(), online, *self._progress())
        return self._writer.topic, status

    def said(self) -> dict[str, Any]:
        """Return what a status would say now, by the field names of `wire.Status`."""
        return self._writer.said(self.facts(), *self._progress())

    def _progress(self) -> tuple[int | None, int]:
        """Return the wall time of the oldest event that waits, and how often it was reconnected.

        Without a connection it is the oldest one known from before.
        """
        under_way = [flight.oldest_ns for flight in self._flights]
        if under_way or not self._outbox.waiting:
            self._oldest_ns = min(under_way, default=None)
        return self._oldest_ns, max(0, self.state.connections - 1)

    def _will(self) -> Will:
        return Will(self._writer.topic, self._writer.will())


def _within(seqs: Iterable[int], ranges: Iterable[tuple[int, int]]) -> set[int]:
    spans = tuple(ranges)
    return {seq for seq in seqs if any(first <= seq <= last for first, last in spans)}


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

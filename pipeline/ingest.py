"""The ingester: MQTT deliveries in, points into the store, receipts back.

    broker ──delivery──> inbox ──gathered 50 ms──> write ──> receipt to the device, then
                                                     │       acknowledgement to the broker
               unknown device ──> quarantine <───────┼─────> dead letters (refused for good)
                                                     └─ store down: no receipt, no
                                                        acknowledgement, the same again later

What is receipted is on a disk: in the store, in the quarantine or among the dead letters. Nothing
else makes an agent forget an event, so any crash in between only repeats idempotent writes.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from edge import wire
from pipeline.backoff import Backoff
from pipeline.companion import Annotator, Companion
from pipeline.config import PipelineConfig
from pipeline.deadletter import DeadLetters
from pipeline.errors import LinkFull, LinkLost, StoreRefused, StoreUnavailable
from pipeline.inbox import Inbox, Sorted, sort
from pipeline.link import Delivery, Link, Session
from pipeline.points import Point
from pipeline.receipts import receipts
from pipeline.registry import Quarantined, Registry
from pipeline.sender import Sender
from pipeline.store import Store

__all__ = ["Ingest", "IngestState"]

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_INBOX_DELIVERIES: Final = 2000
_IDLE_S: Final = 1.0
_RECONNECT_S: Final = 15.0  # so that a resent batch finds a reader within a minute of the fault
_STOP_GRACE_S: Final = 5.0
_RELEASE_EVENTS: Final = 500
_STRANGERS: Final = 1000


@dataclass(slots=True)
class IngestState:
    """What the ingester has done since it began; events are counted as often as they came.

    Attributes
    ----------
    received, stored, receipted : int
        Events that came, that the store took, that were receipted to their device.
    refused, quarantined, held_back : int
        Events that went to the dead letters, to the quarantine, or (the quarantine is full)
        nowhere: they stay at their device.
    erased : int
        Events of erased patients: dropped, and receipted so that their device forgets them.
    malformed : int
        Messages that nobody can read.
    connected, reconnections : bool, int
        The connection to the broker, and how often it was lost or could not be made.
    rounds : int
        Grows with every round and every try of the writer, also without events.
    problem : str
        What keeps events from being stored at this moment; empty: nothing.
    """

    received: int = 0
    stored: int = 0
    receipted: int = 0
    refused: int = 0
    quarantined: int = 0
    held_back: int = 0
    erased: int = 0
    malformed: int = 0
    connected: bool = False
    reconnections: int = 0
    rounds: int = 0
    problem: str = ""


class Ingest:
    """Takes what the devices send, until `stop`.

    Parameters
    ----------
    config : PipelineConfig
    store : Store
    registry : Registry
    link : Link
        The way to the broker. Store, registry and link stay the caller's to close.
    companions : sequence of Companion
        Told of every stored point before its receipt goes out.
    senders : sequence of Sender
        Send to devices over the same sessions.
    annotator : Annotator, optional
        Adds to points what is not on the wire.
    now_ns : callable
        This machine's wall clock [ns since 1970, UTC].
    rng : random.Random
        Draws the waits between tries.
    """

    def __init__(
        self,
        config: PipelineConfig,
        store: Store,
        registry: Registry,
        link: Link,
        *,
        companions: Sequence[Companion] = (),
        senders: Sequence[Sender] = (),
        annotator: Annotator | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        rng: random.Random | None = None,
    ) -> None:
        self.state = IngestState()
        self._companions = tuple(companions)
        self._senders = tuple(senders)
        self._annotator = annotator
        self._settings = config.ingest
        self._store = store
        self._registry = registry
        self._link = link
        self._now_ns = now_ns
        self._rng = rng or random.Random()
        letters = config.deadletter
        self._dead = DeadLetters(Path(letters.path), letters.max_bytes, letters.keep)
        self._inbox = Inbox()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._stopping = asyncio.Event()
        self._session: Session | None = None
        self._release_due = True
        self._strangers: set[str] = set()

    async def run(self) -> None:
        """Take and store until `stop`; what is in hand by then is settled for a short grace."""
        tasks = {
            asyncio.create_task(self._read_loop()),
            asyncio.create_task(self._stopping.wait()),
        }
        writer = asyncio.create_task(self._write_loop())
        try:
            done, _ = await asyncio.wait({writer, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await asyncio.wait({writer}, timeout=_STOP_GRACE_S)
        finally:
            for task in (writer, *tasks):
                task.cancel()
            await asyncio.gather(writer, *tasks, return_exceptions=True)

    def stop(self) -> None:
        """End `run` in good order; may be called from a signal handler of the loop."""
        self._stopping.set()
        self._arrived.set()

    # ---- reading

    async def _read_loop(self) -> None:
        backoff = Backoff(1.0, _RECONNECT_S, self._rng)
        while True:
            try:
                async with self._link.connect() as session:
                    _LOG.info("connected to the broker")
                    self._session, self.state.connected = session, True
                    async with self._serving(session):
                        await self._read(session, backoff)
            except LinkLost as error:
                _LOG.warning("%s", error)
                self.state.reconnections += 1
                wait_s = 0.0 if isinstance(error, LinkFull) else backoff.next_s()
            finally:
                self._session, self.state.connected = None, False
            await asyncio.sleep(wait_s)

    @contextlib.asynccontextmanager
    async def _serving(self, session: Session) -> AsyncIterator[None]:
        """Let the senders work as long as the session lasts."""
        tasks = [asyncio.create_task(self._serve(sender, session)) for sender in self._senders]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, sender: Sender, session: Session) -> None:
        """Run a sender; an error that nobody foresaw harms neither events nor later sending."""
        while True:
            try:
                await sender.serve(session)
            except LinkLost as error:
                _LOG.info("%s", error)  # a slow broker, or the reader sees it in a moment
            except Exception:
                _LOG.exception("%s failed; tried again", type(sender).__name__)
            await asyncio.sleep(_RECONNECT_S)

    async def _read(self, session: Session, backoff: Backoff) -> None:
        while True:
            try:
                delivery = await session.receive()
            except LinkFull:
                await self._settled.wait()  # acknowledged before the session ends: it is progress
                raise
            backoff.reset()
            if self._stopping.is_set():
                continue  # not acknowledged: the broker keeps it
            self._settled.clear()
            self._take(delivery)
            self._arrived.set()
            while self._full():
                self._room.clear()
                await self._room.wait()

    def _full(self) -> bool:
        inbox = self._inbox
        return (
            len(inbox.events) >= 2 * self._settings.max_events
            or len(inbox.deliveries) >= _INBOX_DELIVERIES
        )

    def _take(self, delivery: Delivery) -> None:
        known = len(self._inbox.statuses)
        try:
            self.state.received += self._inbox.take(delivery, self._now_ns())
        except wire.WireError as error:
            self.state.malformed += 1
            if self.state.malformed.bit_count() == 1:  # the 1st, 2nd, 4th, 8th: no log is flooded
                _LOG.warning(
                    "%d malformed messages, the last on %.100r: %.200s; see malformed.jsonl",
                    self.state.malformed,
                    delivery.topic,
                    error,
                )
        for status, _ in self._inbox.statuses[known:]:
            for sender in self._senders:
                sender.seen(status)

    # ---- writing

    async def _write_loop(self) -> None:
        while True:
            self.state.rounds += 1
            await self._gather()
            inbox, self._inbox = self._inbox, Inbox()
            self._room.set()
            settled = await self._insist(partial(self._keep, inbox))
            if settled is None:
                return
            for delivery in inbox.deliveries:
                delivery.session.acknowledge(delivery)
            await self._send_receipts(settled)
            if not self._inbox.deliveries:
                self._settled.set()
            if self._stopping.is_set() or await self._insist(self._release) is None:
                return

    async def _gather(self) -> None:
        """Wait until the inbox is worth a write, or something else may be due."""
        if not await self._arrival(0.0 if self._release_due else _IDLE_S):
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.coalesce_ms / 1000
        while len(self._inbox.events) < self._settings.max_events and loop.time() < deadline:
            if self._stopping.is_set() or not await self._arrival(self._settings.quiet_ms / 1000):
                return

    async def _arrival(self, timeout_s: float) -> bool:
        """Return whether something arrived since the last call, waiting for it so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            return False
        self._arrived.clear()
        return True

    async def _insist(self, work: Callable[[], Awaitable[_T]]) -> _T | None:
        """Return what `work` returns, however often it takes; None: stopped before it succeeded."""
        backoff = Backoff(0.2, 15.0, self._rng)
        while True:
            self.state.rounds += 1
            try:
                result = await work()
            except OSError as error:  # StoreUnavailable, or no room for a dead letter
                self._trouble(error)
                asked_s = error.retry_after_s if isinstance(error, StoreUnavailable) else None
                if not self._stopping.is_set():
                    await self._pause(backoff.next_s(asked_s))
                if self._stopping.is_set():
                    return None
            else:
                self.state.problem = ""
                return result

    def _trouble(self, error: OSError) -> None:
        if str(error) != self.state.problem:
            _LOG.warning("nothing is lost, it is tried again: %s", error)
        self.state.problem = str(error)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _keep(self, inbox: Inbox) -> list[Quarantined]:
        """Bring everything in the inbox onto a disk; return the events that are to be receipted.

        Raises OSError, having counted nothing, where that did not work.
        """
        if await self._registry.refresh():
            self._release_due = True
        if self._annotator is not None:
            await self._annotator.refresh()
        parts = sort(inbox, self._registry, self._now_ns())
        refused = await self._store_points(parts)
        kept = not parts.unknown or await self._registry.quarantine(parts.unknown)
        await self._dead.add("refused", parts.letters)
        with contextlib.suppress(OSError):  # counted already; no event waits for their sake
            await self._dead.add("malformed", inbox.malformed)
        self.state.stored += len(parts.sources) - refused
        self.state.refused += len(parts.letters)
        self.state.erased += parts.erased
        if kept:
            self.state.quarantined += len(parts.unknown)
            self._tell_of_strangers(parts.unknown)
            return inbox.events
        self.state.held_back += len(parts.unknown)
        held_back = set(map(id, parts.unknown))
        return [event for event in inbox.events if id(event) not in held_back]

    def _tell_of_strangers(self, unknown: Sequence[Quarantined]) -> None:
        """Say of each device once that it belongs to nobody."""
        for device in {event.device for event in unknown} - self._strangers:
            if len(self._strangers) < _STRANGERS:
                self._strangers.add(device)
                remedy = f"heelfirst patients add --device {device}"
                _LOG.warning("%s belongs to no patient, its events wait: %s", device, remedy)

    async def _store_points(self, parts: Sorted) -> int:
        """Write the points; return how many events among them were refused for good."""
        if not parts.points:
            return 0
        if self._annotator is not None:
            self._annotator.annotate(parts.points)
        try:
            await self._store.write(parts.points)
        except StoreRefused as error:
            _LOG.error("%s; see refused.jsonl", error)
            refused = parts.refuse(error.refusals, self._now_ns())
        else:
            refused = 0
        for companion in self._companions:
            await companion.take(parts.points)
        await self._annotate_again(parts.points)
        return refused

    async def _annotate_again(self, points: Sequence[Point]) -> None:
        """Bring to stored points what was said while they were being stored, or in one of them.

        What is said from now on finds them in the store.
        """
        while self._annotator is not None and await self._annotator.refresh():
            changed = self._annotator.annotate(points)
            if not changed:
                return
            with contextlib.suppress(StoreRefused):  # as before: they are dead letters already
                await self._store.write(changed)
            for companion in self._companions:
                await companion.take(changed)

    async def _release(self) -> int:
        """Store some of the quarantine, where devices have a patient by now; return how many."""
        if not self._release_due:
            return 0
        events = await self._registry.releasable(_RELEASE_EVENTS)
        known = [e for e in events if self._registry.patient_of(e.device, e.event.time_ns)]
        self._release_due = len(events) == _RELEASE_EVENTS or len(known) < len(events)
        try:
            if known:
                await self._keep(Inbox(events=known))  # may see a change: then more is due
                await self._registry.release(known)
                _LOG.info("%d events left the quarantine for the store", len(known))
        except OSError:
            self._release_due = True
            raise
        return len(known)

    async def _send_receipts(self, events: list[Quarantined]) -> None:
        session = self._session
        if session is None or not events:
            return  # the devices send again, and are receipted then
        sends = [
            (count, session.publish(wire.topic(device, "receipt"), wire.encode(receipt)))
            for device, receipt, count in receipts(events)
        ]
        results = await asyncio.gather(*(send for _, send in sends), return_exceptions=True)
        for (count, _), result in zip(sends, results, strict=True):
            if result is None:
                self.state.receipted += count
            elif not isinstance(result, LinkLost):
                raise result

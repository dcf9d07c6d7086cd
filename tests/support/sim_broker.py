"""A simulated MQTT broker and the network around it: QoS 1, sessions, and everything that fails.

What the real ones do and nobody likes: a full queue drops and still acknowledges, a kill takes the
persistence file along, a connection breaks between a message and its acknowledgement, a
half-open one says nothing at all. The pipeline's session is persistent, the agents' are not.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from edge.link import LinkError, Will
from pipeline.errors import LinkLost
from pipeline.link import Delivery

__all__ = ["Net", "SimBroker"]

TIMEOUT_S = 20.0
KEEPALIVE_S = 30.0
QUEUE = 1000
"""Messages the broker keeps for an absent subscriber; mosquitto's default."""


@dataclass(slots=True)
class Net:
    """How one client's way to the broker is now.

    Attributes
    ----------
    delay_s : (float, float)
        Bounds of a message's time on the way, one direction [s].
    cut, repeat : float
        Probability per message that the connection breaks, and that it comes twice.
    is_up, is_silent : bool
        Down: nobody can connect. Silent: half-open, no packet passes in either direction.
    """

    delay_s: tuple[float, float] = (0.005, 0.05)
    cut: float = 0.0
    repeat: float = 0.0
    is_up: bool = True
    is_silent: bool = False


@dataclass(slots=True, eq=False)
class _Connection:
    """One client's connection; `inbox` takes what comes, None ends it."""

    net: Net
    will: Will | None = None
    inbox: asyncio.Queue[tuple[int, str, bytes, bool] | None] = field(default_factory=asyncio.Queue)
    broken: asyncio.Event = field(default_factory=asyncio.Event)


class SimBroker:
    """The broker; `link` and `connector` are the clients' ports.

    Attributes
    ----------
    is_up : bool
        Set it with `kill` and `start`.
    dropped : int
        Messages that it acknowledged and lost.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.is_up = True
        self.dropped = 0
        self.accepted = 0
        self.connects: list[tuple[str, float]] = []
        self._numbers = itertools.count(1)
        self._devices: dict[str, _Connection] = {}
        self._pipeline: _Connection | None = None
        self._has_session = False
        self._queue: dict[int, tuple[str, bytes]] = {}
        self._retained: dict[str, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- the broker's life ------------------------------------------------------------------

    def kill(self, loses_all: bool) -> None:
        """Stop without a word; `loses_all`: its persistence file is gone as well."""
        self.is_up = False
        for connection in [*self._devices.values(), self._pipeline]:
            if connection is not None:
                self._break(connection, with_will=False)
        if loses_all:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._retained.clear()
            self._has_session = False

    def start(self) -> None:
        self.is_up = True

    def cut_all(self, net: Net) -> None:
        """Break the connections that go over this way."""
        for connection in [*self._devices.values(), self._pipeline]:
            if connection is not None and connection.net is net:
                self._break(connection)

    def _break(self, connection: _Connection, with_will: bool = True) -> None:
        if connection.broken.is_set():
            return
        connection.broken.set()
        connection.inbox.put_nowait(None)
        if with_will and connection.will is not None and self.is_up:
            self.accept(connection.will.topic, connection.will.payload, True)

    # -- messages ---------------------------------------------------------------------------

    def accept(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Take a message and pass it on; what nobody has a session for is lost."""
        self.accepted += 1
        if retain:
            self._retained[topic] = payload
        device, channel = topic.split("/")[2:4]
        if channel == "receipt":
            connection = self._devices.get(device)
            if connection is not None:
                self._post(connection, (0, topic, payload, False))
            return
        if not self._has_session or len(self._queue) >= QUEUE:
            self.dropped += 1
            return
        number = next(self._numbers)
        self._queue[number] = topic, payload
        if self._pipeline is not None:
            self._post(self._pipeline, (number, topic, payload, False))

    def _post(self, connection: _Connection, message: tuple[int, str, bytes, bool]) -> None:
        copies = 2 if self.rng.random() < connection.net.repeat else 1
        for _ in range(copies):
            self._spawn(connection, message)

    def _spawn(self, connection: _Connection, message: tuple[int, str, bytes, bool]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(connection, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, connection: _Connection, message: tuple[int, str, bytes, bool]) -> None:
        await asyncio.sleep(self.rng.uniform(*connection.net.delay_s))
        if connection.net.is_silent or connection.broken.is_set():
            return
        if self.rng.random() < connection.net.cut:
            self._break(connection)
            return
        connection.inbox.put_nowait(message)

    async def send(
        self, connection: _Connection, topic: str, payload: bytes, retain: bool
    ) -> str | None:
        """Carry a client's message and its acknowledgement; return what went wrong."""
        for is_answer in (False, True):
            await asyncio.sleep(self.rng.uniform(*connection.net.delay_s))
            if connection.net.is_silent and not connection.broken.is_set():
                await _wait(connection.broken, TIMEOUT_S)
                return "timed out"
            if self.rng.random() < connection.net.cut:
                self._break(connection)
            if connection.broken.is_set():
                return "connection lost"
            if not is_answer:
                for _ in range(2 if self.rng.random() < connection.net.repeat else 1):
                    self.accept(topic, payload, retain)
        return None

    async def open(self, who: str, net: Net, will: Will | None) -> _Connection | None:
        """Connect; None where nobody answers."""
        self.connects.append((who, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.rng.uniform(*net.delay_s))
        if net.is_silent:
            await asyncio.sleep(10.0)
            return None
        return _Connection(net, will) if self.is_up and net.is_up else None

    async def watch(self, connection: _Connection) -> None:
        """The client's keepalive: a connection silent for so long is given up."""
        silent_s = 0.0
        while not connection.broken.is_set():
            await _wait(connection.broken, 5.0)
            silent_s = silent_s + 5.0 if connection.net.is_silent else 0.0
            if silent_s >= KEEPALIVE_S:
                self._break(connection)

    # -- ports ------------------------------------------------------------------------------

    def connector(self, device: str, net: Net) -> "SimConnector":
        """Return a device's `edge.link.Connector`."""
        return SimConnector(self, device, net)

    def link(self, net: Net) -> "SimLink":
        """Return the pipeline's `pipeline.link.Link`."""
        return SimLink(self, net)

    def join(self, device: str, connection: _Connection) -> None:
        known = self._devices.get(device)
        if known is not None:
            self._break(known)
        self._devices[device] = connection

    def leave(self, device: str, connection: _Connection) -> None:
        connection.broken.set()
        if self._devices.get(device) is connection:
            del self._devices[device]

    def subscribe(self, connection: _Connection) -> None:
        """Take up the pipeline's session: what it did not acknowledge comes again."""
        if self._pipeline is not None:
            self._break(self._pipeline)
        self._pipeline = connection
        for topic, payload in self._retained.items():
            self._post(connection, (0, topic, payload, True))
        for number, (topic, payload) in self._queue.items():
            self._post(connection, (number, topic, payload, False))
        self._has_session = True

    def unsubscribe(self, connection: _Connection) -> None:
        connection.broken.set()
        if self._pipeline is connection:
            self._pipeline = None

    def acknowledged(self, number: int) -> None:
        self._queue.pop(number, None)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


class SimConnector:
    """A device's way to the broker; a dead machine's connects no more."""

    def __init__(self, broker: SimBroker, device: str, net: Net) -> None:
        self._broker, self._device, self.net = broker, device, net

    @asynccontextmanager
    async def connect(self, will: Will | None, topics: Sequence[str]) -> AsyncIterator["_EdgeLink"]:
        connection = await self._broker.open(self._device, self.net, will)
        if connection is None:
            raise LinkError("simulated:1883", "nobody answers")
        self._broker.join(self._device, connection)
        watching = asyncio.create_task(self._broker.watch(connection))
        try:
            yield _EdgeLink(self._broker, connection)
        finally:
            watching.cancel()
            self._broker.leave(self._device, connection)


class _EdgeLink:
    def __init__(self, broker: SimBroker, connection: _Connection) -> None:
        self._broker, self._connection = broker, connection

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        problem = await self._broker.send(self._connection, topic, payload, retain)
        if problem:
            raise LinkError("simulated:1883", problem)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        while (message := await self._connection.inbox.get()) is not None:
            yield message[1], message[2]
        raise LinkError("simulated:1883", "connection lost")


class SimLink:
    """The pipeline's way to the broker."""

    def __init__(self, broker: SimBroker, net: Net) -> None:
        self._broker, self.net = broker, net

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["_Session"]:
        connection = await self._broker.open("pipeline", self.net, None)
        if connection is None:
            raise LinkLost("simulated:1883: nobody answers")
        self._broker.subscribe(connection)
        watching = asyncio.create_task(self._broker.watch(connection))
        try:
            yield _Session(self._broker, connection)
        finally:
            watching.cancel()
            self._broker.unsubscribe(connection)


class _Session:
    def __init__(self, broker: SimBroker, connection: _Connection) -> None:
        self._broker, self._connection = broker, connection

    async def receive(self) -> Delivery:
        message = await self._connection.inbox.get()
        if message is None:
            self._connection.inbox.put_nowait(None)
            raise LinkLost("connection lost")
        number, topic, payload, retained = message
        return Delivery(topic, payload, retained, number, 1, self)

    def acknowledge(self, delivery: Delivery) -> None:
        net = self._connection.net
        if not (self._connection.broken.is_set() or net.is_silent):
            self._broker.acknowledged(delivery.mid)

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        problem = await self._broker.send(self._connection, topic, payload, retain)
        if problem:
            raise LinkLost(problem)

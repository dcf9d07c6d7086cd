"""Peripherals, and a radio to reach them in the same process, with faults, on any clock."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hw.devices.errors import DeviceError, DeviceLostError
from hw.devices.gatt import Advertisement
from hw.source import Clock

__all__ = ["LinkFaults", "Peripheral", "SimulatedLink", "SimulatedRadio"]

_TRIP_S = 0.015


class Peripheral(Protocol):
    """The device's side of Bluetooth Low Energy."""

    address: str
    name: str
    services: Mapping[str, Mapping[str, Sequence[str]]]
    manufacturer: Mapping[int, bytes]

    def read(self, uuid: str) -> bytes:
        """Return a characteristic's value."""
        ...

    def write(self, uuid: str, data: bytes) -> None:
        """Take a written value."""
        ...

    def subscribe(self, uuid: str, send: Callable[[bytes], object] | None) -> None:
        """Send notifications of a characteristic by `send` from now on; None: no longer."""
        ...


@dataclass
class LinkFaults:
    """What a link does to packets; `dropped` is the truth that a driver's count must match.

    Loss and duplicates are shares of packets; `delay_s` is uniform between its two numbers. Packets
    that `spares` is true of are only delayed.
    """

    loss: float = 0.0
    duplicates: float = 0.0
    delay_s: tuple[float, float] = (0.003, 0.003)
    seed: int = 0
    dropped: int = 0
    duplicated: int = 0
    spares: Callable[[bytes], bool] | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def copies(self, data: bytes) -> int:
        """Return how many times this packet arrives."""
        if self.spares is not None and self.spares(data):
            return 1
        draw = self._random.random()
        if draw < self.loss:
            self.dropped += 1
            return 0
        if draw < self.loss + self.duplicates:
            self.duplicated += 1
            return 2
        return 1

    def next_delay_s(self) -> float:
        """Return the next packet's delay [s]."""
        return self._random.uniform(*self.delay_s)


class SimulatedRadio:
    """The port of gatt.py over peripherals in this process.

    `away` names addresses out of reach; `break_at` the call of the next connection (0 is the first
    read, write or subscription) at which its link breaks; `links` the connections that stand.
    """

    def __init__(
        self, peripherals: Sequence[Peripheral], clock: Clock, faults: LinkFaults | None = None
    ) -> None:
        self._peripherals = {item.address: item for item in peripherals}
        self._clock = clock
        self.faults = faults or LinkFaults()
        self.away: set[str] = set()
        self.break_at: int | None = None
        self.links: dict[str, SimulatedLink] = {}

    async def scan(self, seconds: float) -> list[Advertisement]:
        """Return the peripherals in reach."""
        await self._clock.sleep(seconds)
        return [
            Advertisement(item.address, item.name, -50, (), dict(item.manufacturer))
            for item in self._peripherals.values()
            if item.address not in self.away
        ]

    async def connect(self, address: str, timeout_s: float) -> "SimulatedLink":
        """Return a connection, or raise `DeviceError` after `timeout_s`."""
        if address in self.away or address not in self._peripherals:
            await self._clock.sleep(timeout_s)
            raise DeviceError(address, "not heard", "bring it into reach")
        await self._clock.sleep(_TRIP_S)
        break_at, self.break_at = self.break_at, None
        link = SimulatedLink(self._peripherals[address], self._clock, self.faults, break_at)
        self.links[address] = link
        return link

    def drop(self, address: str) -> None:
        """Break the link to a peripheral."""
        self.links.pop(address).drop()


class SimulatedLink:
    """One connection in this process: calls take a round trip, notifications keep their order."""

    def __init__(
        self, peripheral: Peripheral, clock: Clock, faults: LinkFaults, break_at: int | None
    ) -> None:
        self._peripheral = peripheral
        self._clock = clock
        self._faults = faults
        self._calls_left = break_at
        self._open = True
        self._subscribed: set[str] = set()
        self._queue: deque[tuple[int, Callable[[bytes], None], bytes]] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._last_ns = 0

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        return self._open

    async def read(self, uuid: str) -> bytes:
        """Return a characteristic's value."""
        await self._trip()
        value = self._peripheral.read(uuid)
        await self._trip(back=True)
        return value

    async def write(self, uuid: str, data: bytes) -> None:
        """Write a characteristic."""
        await self._trip()
        self._peripheral.write(uuid, data)
        await self._trip(back=True)

    async def subscribe(self, uuid: str, callback: Callable[[bytes], None]) -> None:
        """Call back for each notification that the link lets through."""
        await self._trip()
        self._subscribed.add(uuid)
        self._peripheral.subscribe(uuid, lambda data: self._notify(callback, data))

    async def close(self) -> None:
        """End the connection."""
        self.drop()

    def drop(self) -> None:
        """Break the link at once; what was under way is lost."""
        self._open = False
        for uuid in self._subscribed:
            self._peripheral.subscribe(uuid, None)
        self._subscribed.clear()
        if self._pump is not None:
            self._pump.cancel()

    async def _trip(self, back: bool = False) -> None:
        """Half a round trip; on the way there the link may break, as it was told."""
        await self._clock.sleep(_TRIP_S / 2)
        if self._calls_left is not None and not back:
            if self._calls_left == 0:
                self.drop()
            self._calls_left -= 1
        if not self._open:
            raise DeviceLostError(self._peripheral.address, "the link broke", "trying again")

    def _notify(self, callback: Callable[[bytes], None], data: bytes) -> None:
        for _ in range(self._faults.copies(data)):
            due_ns = self._clock.monotonic_ns() + round(self._faults.next_delay_s() * 1e9)
            self._last_ns = max(self._last_ns, due_ns)
            self._queue.append((self._last_ns, callback, data))
        if self._queue and (self._pump is None or self._pump.done()):
            self._pump = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        while self._queue:
            due_ns, callback, data = self._queue.popleft()
            wait_ns = due_ns - self._clock.monotonic_ns()
            if wait_ns > 0:
                await self._clock.sleep(wait_ns / 1e9)
            callback(data)

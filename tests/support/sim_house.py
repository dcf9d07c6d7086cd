"""The whole system on simulated time: agents, disks, network, broker, ingester, database.

`House` holds the parts; `SimDevice` is one machine with a real `Agent` that is fed with events in
place of samples, and can be killed, cut from power, or set to the wrong time.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from edge_tools import PROFILE, SECOND, WALL_NS, config_text
from sim_broker import Net, SimBroker
from sim_check import Ledger, Told, violations
from sim_disk import SimDisk
from sim_influx import POISON, SimInflux
from sim_loop import SimClock

from edge import wire
from edge.agent import Agent
from edge.companion import Companion
from edge.config import parse
from edge.outbox import Outbox
from edge.outbox_file import OutboxError
from edge.publish import Publisher
from edge.service import OutboxService
from hw.source import Block, Source
from pipeline.companion import Companion as PipelineCompanion
from pipeline.config import DeadLetterConfig, PipelineConfig, RegistryConfig
from pipeline.influx import InfluxStore
from pipeline.ingest import Ingest
from pipeline.registry import Registry

__all__ = ["House", "SimDevice", "house", "made_event"]

COUNTS = {
    f"{name}_{side}": 1
    for name in ("strides", "valid_swings", "heel_first", "flat", "toe_first", "drags")
    for side in ("left", "right")
}


class _Silent:
    """A source that yields nothing: the test puts the events in."""

    profile = PROFILE

    async def blocks(self) -> AsyncIterator[Block]:
        await asyncio.Event().wait()
        yield Block("left", None, None, None)  # type: ignore[arg-type]  # never reached


class _Watched(Outbox):
    """An outbox that tells the ledger what became durable."""

    def watch(self, offered: list[Told]) -> None:
        self._offered = offered

    def commit(
        self, events: Sequence[wire.Event], receipts: Sequence[tuple[str, object]] = ()
    ) -> int:
        durable = super().commit(events, receipts)  # type: ignore[arg-type]  # passed on as it is
        if durable:
            for told in self._offered:
                told.is_committed = True
            self._offered.clear()
        return durable


def made_event(number: int, kind: str, side: str, mono_ns: int, poison: bool = False) -> wire.Event:
    """An event that carries its number to wherever it is stored."""
    if kind == "stride":
        return wire.Stride(
            seq=1,
            time_ns=mono_ns,
            side=side,  # type: ignore[arg-type]  # a literal
            strike="heel",
            heel_lead_ms=float(number),
            flags=(POISON,) if poison else (),
        )
    if kind == "alert":
        return wire.Alert(
            seq=1, time_ns=mono_ns, id=str(number), rule="drags", priority="high", raised=True
        )
    return wire.Bout(seq=1, time_ns=mono_ns, duration_s=number / 1000, **COUNTS)  # type: ignore[arg-type]  # counts


class SimDevice:
    """One machine on a body: its disk, its clock, its agent.

    Attributes
    ----------
    ledger : Ledger
        What it detected.
    net : Net
        Its way to the broker.
    """

    def __init__(
        self, name: str, disk: SimDisk, broker: SimBroker, rng: random.Random, max_rows: int = 10**6
    ) -> None:
        self.name = name
        self.disk = disk
        self.ledger = Ledger(name)
        self.net = Net()
        self.rng = rng
        self.agent: Agent | None = None
        self.outbox: _Watched | None = None
        self.source: Source = _Silent()
        self.is_being_restarted = False
        self.companions: Callable[[SimDevice], Sequence[Companion]] = lambda _: ()
        self._broker = broker
        self._max_rows = max_rows
        self._machine = 0
        self._number = 0
        self._offered: list[Told] = []
        self._task: asyncio.Task[None] | None = None
        self.power_on()

    def power_on(self, knows_time: bool = True) -> None:
        """Begin a machine's boot: a new monotonic clock."""
        self._machine += 1
        self.clock = SimClock(asyncio.get_running_loop())
        if knows_time:
            self.learn_time()

    def learn_time(self, error_ns: int = 0) -> None:
        """The machine finds a time server."""
        self.clock.wall_offset_ns = self.true_offset_ns + error_ns

    @property
    def true_offset_ns(self) -> int:
        """What this boot's wall clock should show less its monotonic one."""
        return WALL_NS + self.clock.begin_ns

    def start(self, once: bool = False) -> None:
        """Start the agent."""
        config = parse(config_text(1883, self.disk.folder).replace("test-1", self.name))
        boot = f"{self.rng.getrandbits(64):016x}"
        name = f"machine-{self._machine}"
        self.outbox = _Watched(
            config.outbox_path, clock_name=name, boot=boot, max_rows=self._max_rows
        )
        self._offered = []
        self.outbox.watch(self._offered)
        service = OutboxService(self.outbox)
        publisher = Publisher(
            self.name,
            service,
            self._broker.connector(self.name, self.net),
            clock=self.clock,
            rng=random.Random(self.rng.random()),
            wall_ns=self.clock.wall_ns,
        )
        companions = self.companions(self)
        self.agent = Agent(
            config, self.source, self.clock, service, publisher, once=once, companions=companions
        )
        self._task = asyncio.create_task(self.agent.run())

    async def start_again(self) -> None:
        """Start the agent as its supervisor does: once more where the disk does not let it."""
        while True:
            try:
                return self.start()
            except OutboxError:
                await asyncio.sleep(1.0)

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def waiting(self) -> int:
        """Events that have no receipt, or are not even committed."""
        if self.outbox is None or self.agent is None:
            return 0
        return self.outbox.waiting + len(self._offered)

    def detect(self, count: int = 1, poison: float = 0.0) -> None:
        """Let the agent find some events, a little in the past, in order."""
        assert self.agent is not None
        for index in range(count):
            self._number += 1
            kind = self.rng.choices(("stride", "alert", "bout"), (90, 5, 5))[0]
            side = ("left", "right")[self._number % 2] if kind == "stride" else ""
            mono_ns = max(0, self.clock.monotonic_ns() - 200_000_000) + index * 1_000_000
            if index and self.rng.random() < 0.1:
                mono_ns -= 1_000_000  # as the one before: within its series they must part
            told = Told(
                (kind, str(self._number), f"machine-{self._machine}"),
                side,
                kind,
                WALL_NS + self.clock.begin_ns + mono_ns,
                self._number,
            )
            self.ledger.offer(told)
            self._offered.append(told)
            is_poison = kind == "stride" and self.rng.random() < poison
            event = made_event(self._number, kind, side, mono_ns, is_poison)
            self.agent._queue(event)

    async def crash(self, power: bool) -> None:
        """Stop at this instant (or where the disk already stopped), by a kill or a power cut."""
        image = self.disk.crashed or self.disk.image(self.rng if power else None)
        self.disk.dead = True
        self.net.is_up = False
        self._broker.cut_all(self.net)
        assert self._task is not None and self.outbox is not None
        if power and self.outbox.offset_ns is None:
            self._forget_true_times()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.outbox._table.db.close()  # SQLite knows files by inode, and inodes are used again
        self.disk.restore(image)
        self.net.is_up = True
        self.agent = None

    def _forget_true_times(self) -> None:
        """This machine's clock was never right: when its events were, nobody can know."""
        for told in self.ledger.events.values():
            if told.identity[2] == f"machine-{self._machine}":
                told.true_ns = None

    async def stop(self) -> None:
        """End the agent in good order."""
        assert self._task is not None
        if self.agent is not None:
            self.agent.stop()
            await self._task


class House:
    """Broker, database and ingester, and the devices that were added.

    Parameters
    ----------
    folder : Path
        Registry and dead letters.
    rng : random.Random
        Draws everything.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.broker = SimBroker(random.Random(rng.random()))
        self.database = SimInflux(random.Random(rng.random()))
        self.net = Net()
        self.devices: list[SimDevice] = []
        self.spare_disks: list[SimDisk] = []
        self.patient = ""
        self.registry = Registry(folder / "registry.db")
        self.letters = folder / "dead"
        self.ingest: Ingest | None = None
        self.companions: Sequence[PipelineCompanion] = ()
        self._ingesting: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def now_ns(self) -> int:
        """True wall time."""
        return WALL_NS + round(self._loop.time() * SECOND)

    async def add(self, disk: SimDisk, *, is_known: bool = True, **settings: int) -> SimDevice:
        """Add a device and start its agent."""
        name = f"insole-{len(self.devices) + 1}"
        rng = random.Random(self.rng.random())
        device = SimDevice(name, disk, self.broker, rng, **settings)
        self.devices.append(device)
        if is_known:
            await self.assign(device)
        device.start()
        return device

    async def assign(self, device: SimDevice) -> None:
        """Give a device to the patient."""
        self.patient = self.patient or await self.registry.add_patient()
        await self.registry.assign(device.name, self.patient)

    def start_ingest(self) -> None:
        config = PipelineConfig(
            registry=RegistryConfig(path=str(self.folder / "registry.db")),
            deadletter=DeadLetterConfig(path=str(self.letters)),
        )
        self._own_registry = Registry(config.registry.path)  # a process of its own
        self.ingest = Ingest(
            config,
            InfluxStore(self.database),
            self._own_registry,
            self.broker.link(self.net),
            companions=self.companions,
            now_ns=self.now_ns,
            rng=random.Random(self.rng.random()),
        )
        self._ingesting = asyncio.create_task(self.ingest.run())

    async def kill_ingest(self) -> None:
        """End the ingester wherever it is."""
        assert self._ingesting is not None
        self.broker.cut_all(self.net)
        self._ingesting.cancel()
        await asyncio.gather(self._ingesting, return_exceptions=True)
        await self._own_registry.close()
        self.ingest = None

    async def stop_ingest(self) -> None:
        assert self.ingest is not None and self._ingesting is not None
        self.ingest.stop()
        await self._ingesting
        await self._own_registry.close()

    @property
    def waiting(self) -> int:
        """Events of all devices that are not receipted."""
        return sum(device.waiting for device in self.devices)

    async def drained(self, limit_s: float) -> float:
        """Wait until nothing waits; return how long that took [s], or fail."""
        begin_s = self._loop.time()
        while self.waiting or await self.registry.quarantined():
            if self._loop.time() - begin_s > limit_s:
                raise AssertionError(f"H: {self.waiting} events wait {limit_s} s after the fault")
            await asyncio.sleep(0.5)
        return self._loop.time() - begin_s

    def violations(self, *, may_lose: bool = False) -> list[str]:
        """What the checker finds in all devices."""
        return [
            f"{device.name}: {problem}"
            for device in self.devices
            for problem in violations(device.ledger, self.database, self.letters, may_lose=may_lose)
        ]


@asynccontextmanager
async def house(folder: Path, rng: random.Random) -> AsyncIterator[House]:
    """A house with a running ingester; at the end everything is stopped in good order."""
    made = House(folder, rng)
    made.start_ingest()
    try:
        yield made
    finally:
        for device in made.devices:
            if device.is_running:
                await device.stop()
        if made.ingest is not None:
            await made.stop_ingest()
        await made.registry.close()

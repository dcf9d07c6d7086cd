"""Outbox, sending, broker, ingester and store as in a home, on real servers and real time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from edge_tools import WALL_NS, stride, until
from servers import Server

from edge.config import BrokerConfig
from edge.link import MqttConnector
from edge.outbox import Outbox
from edge.publish import Publisher, PublishSettings
from edge.service import InlineWorker, OutboxService
from pipeline.config import BrokerConfig as PipelineBroker
from pipeline.config import DeadLetterConfig, PipelineConfig
from pipeline.ingest import Ingest
from pipeline.link import MqttLink
from pipeline.registry import Registry
from pipeline.store import Store

__all__ = ["QUICK", "Chain", "Pipeline", "Sender", "chain", "pipeline_on", "sender"]

QUICK = PublishSettings(receipt_s=1.0, receipt_max_s=2.0, retry_min_s=0.1, retry_max_s=0.4)


class Sender:
    """One device's outbox that fills, and what sends it."""

    def __init__(self, service: OutboxService, publisher: Publisher) -> None:
        self.service, self.publisher = service, publisher
        self.count = 0

    async def walk(self, seconds: float, per_s: int = 20) -> None:
        """Commit events, ten times a second."""
        for _ in range(max(1, round(seconds * 10))):
            await self.commit(per_s // 10)
            await asyncio.sleep(0.1)

    async def commit(self, count: int, flags: tuple[str, ...] = ()) -> None:
        """Commit so many events; the n-th lies n seconds after `WALL_NS`."""
        events = [
            msgspec.structs.replace(stride(self.count + number), flags=flags)
            for number in range(1, count + 1)
        ]
        self.count += count
        await self.service.commit(events)
        self.publisher.wake()

    async def settle(self, seconds: float = 60.0) -> None:
        """Wait until all is receipted."""
        for _ in range(round(seconds * 10)):
            await self.service.commit()
            if not self.service.waiting:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"H: {self.service.waiting} events wait {seconds} s after the fault")


class Pipeline:
    """An ingester that can be killed and started again."""

    def __init__(self, config: PipelineConfig, store: Store, registry: Registry) -> None:
        self.config, self.store, self.registry = config, store, registry
        self.malformed = 0
        self.start()

    def start(self) -> None:
        """Begin anew, as after a kill."""
        link = MqttLink(self.config.broker)
        self.ingest = Ingest(self.config, self.store, self.registry, link, rng=random.Random(1))
        self._running = asyncio.create_task(self.ingest.run())

    async def kill(self) -> None:
        """End wherever it is: nothing more is written, receipted or acknowledged."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def stop(self) -> None:
        """End in good order."""
        self.ingest.stop()
        await asyncio.gather(self._running, return_exceptions=True)

    async def seconds(self) -> list[int]:
        """Return the times of all stored strides [s after `WALL_NS`], ascending."""
        rows = await self.store.read("stride", start_ns=0, stop_ns=2**62)
        return sorted((row["time_ns"] - WALL_NS) // 10**9 for row in rows)


class Chain(Sender):
    """Both ends; `stored` settles and returns what arrived."""

    def __init__(self, edge: Sender, pipeline: Pipeline) -> None:
        super().__init__(edge.service, edge.publisher)
        self.pipeline = pipeline

    async def assert_complete(self) -> None:
        """After the fault everything arrives, once."""
        await self.settle()
        assert await self.pipeline.seconds() == list(range(1, self.count + 1))


@asynccontextmanager
async def sender(port: int, folder: Path, device: str = "insole-1") -> AsyncIterator[Sender]:
    """A device that sends to the broker at this port."""
    outbox = Outbox(folder / f"{device}.db", clock_name="one")
    outbox.stamp(WALL_NS)
    service = OutboxService(outbox, InlineWorker())
    connector = MqttConnector(BrokerConfig(port=port), device)
    publisher = Publisher(device, service, connector, settings=QUICK)
    running = asyncio.create_task(publisher.run())
    try:
        yield Sender(service, publisher)
    finally:
        publisher.stop(0.0)
        await running
        await service.close()


@asynccontextmanager
async def pipeline_on(
    port: int, folder: Path, store: Store, devices: int = 1
) -> AsyncIterator[Pipeline]:
    """An ingester for `insole-1` and so on, all of one patient; it closes the store at the end."""
    config = PipelineConfig(
        broker=PipelineBroker(port=port), deadletter=DeadLetterConfig(path=str(folder / "dead"))
    )
    registry = Registry(folder / "registry.db")
    patient = await registry.add_patient()
    for number in range(1, devices + 1):
        await registry.assign(f"insole-{number}", patient)
    pipeline = Pipeline(config, store, registry)
    try:
        await until(lambda: pipeline.ingest.state.connected)
        yield pipeline
    finally:
        await pipeline.stop()
        await registry.close()
        await store.close()


@asynccontextmanager
async def chain(
    broker: Server, folder: Path, store: Store, edge_port: int = 0
) -> AsyncIterator[Chain]:
    """One device and the ingester; `edge_port`: the device goes through a proxy."""
    async with AsyncExitStack() as stack:
        pipeline = await stack.enter_async_context(pipeline_on(broker.port, folder, store))
        edge = await stack.enter_async_context(sender(edge_port or broker.port, folder))
        yield Chain(edge, pipeline)

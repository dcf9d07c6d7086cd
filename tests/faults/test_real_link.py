"""Faults 13 and 14 on a real broker, a real ingester and a real database file, through a proxy."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from edge_tools import WALL_NS, stride, until
from servers import Server
from tcp_proxy import Proxy, proxy_to

from edge.config import BrokerConfig
from edge.link import MqttConnector
from edge.outbox import Outbox
from edge.publish import Publisher, PublishSettings
from edge.service import OutboxService
from pipeline.config import BrokerConfig as PipelineBroker
from pipeline.config import DeadLetterConfig, PipelineConfig
from pipeline.ingest import Ingest
from pipeline.link import MqttLink
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore

QUICK = PublishSettings(receipt_s=1.0, receipt_max_s=2.0, retry_min_s=0.1, retry_max_s=0.4)


class Chain:
    """An outbox that fills, and the store at the other end."""

    def __init__(self, service: OutboxService, publisher: Publisher, store: SqliteStore) -> None:
        self.service, self.publisher, self.store = service, publisher, store
        self.count = 0

    async def walk(self, seconds: float) -> None:
        """Commit twenty events a second."""
        for _ in range(round(seconds * 10)):
            await self.service.commit([stride(self.count + 1), stride(self.count + 2)])
            self.count += 2
            self.publisher.wake()
            await asyncio.sleep(0.1)

    async def settle(self) -> list[int]:
        """Wait until all is receipted; return the stored times in seconds."""
        for _ in range(600):
            await self.service.commit()
            if not self.service.waiting:
                break
            await asyncio.sleep(0.1)
        assert self.service.waiting == 0
        rows = await self.store.read("stride", start_ns=0, stop_ns=2**62)
        return [(row["time_ns"] - WALL_NS) // 10**9 for row in rows]


@asynccontextmanager
async def chain(broker: Server, proxy: Proxy, folder: Path) -> AsyncIterator[Chain]:
    """Agent's sending and the ingester, both through the proxy."""
    outbox = Outbox(folder / "outbox.db")
    outbox.stamp(WALL_NS)
    service = OutboxService(outbox)
    connector = MqttConnector(BrokerConfig(port=proxy.port), "insole-1")
    publisher = Publisher("insole-1", service, connector, settings=QUICK)
    config = PipelineConfig(
        broker=PipelineBroker(port=broker.port),
        deadletter=DeadLetterConfig(path=str(folder / "dead")),
    )
    registry, store = Registry(folder / "registry.db"), SqliteStore(folder / "store.db")
    await registry.assign("insole-1", await registry.add_patient())
    ingest = Ingest(config, store, registry, MqttLink(config.broker), rng=random.Random(1))
    sending = asyncio.create_task(publisher.run())
    storing = asyncio.create_task(ingest.run())
    try:
        await until(lambda: ingest.state.connected)
        yield Chain(service, publisher, store)
    finally:
        publisher.stop(0.0)
        ingest.stop()
        await asyncio.gather(sending, storing)
        await service.close()
        await registry.close()
        await store.close()


@pytest.mark.parametrize(
    "flaps", [8, pytest.param(200, marks=pytest.mark.soak(fault="14", runs=200))]
)
async def test_a_flapping_link_loses_and_doubles_nothing(
    mosquitto: Server, tmp_path: Path, flaps: int
) -> None:
    async with proxy_to(mosquitto.port) as proxy, chain(mosquitto, proxy, tmp_path) as edge:
        rng = random.Random(flaps)
        for _ in range(flaps):
            await edge.walk(rng.uniform(0.05, 0.5))
            proxy.cut()
        assert await edge.settle() == list(range(1, edge.count + 1))
        assert edge.publisher.state.connections > flaps // 3


async def test_a_slow_lossy_and_half_open_link_loses_and_doubles_nothing(
    mosquitto: Server, tmp_path: Path
) -> None:
    async with proxy_to(mosquitto.port) as proxy, chain(mosquitto, proxy, tmp_path) as edge:
        proxy.delay_s, proxy.loss = 0.5, 0.2
        await edge.walk(3)
        proxy.is_silent = True
        await edge.walk(3)
        proxy.cut()
        await edge.walk(0.5)
        proxy.is_silent, proxy.delay_s, proxy.loss = False, 0.0, 0.0
        assert await edge.settle() == list(range(1, edge.count + 1))

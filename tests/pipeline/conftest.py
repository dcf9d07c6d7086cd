"""An ingester on a real broker, with stores and files in the test's own folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from gait_device import until
from servers import Server

from pipeline.config import (
    BrokerConfig,
    DeadLetterConfig,
    PipelineConfig,
    RegistryConfig,
    StoreConfig,
)
from pipeline.ingest import Ingest
from pipeline.link import Link, MqttLink
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore
from pipeline.store import Store

RunIngest = Callable[..., AbstractAsyncContextManager[Ingest]]


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Server) -> PipelineConfig:
    return PipelineConfig(
        broker=BrokerConfig(port=mosquitto.port),
        store=StoreConfig(path=str(tmp_path / "store.db")),
        registry=RegistryConfig(path=str(tmp_path / "registry.db")),
        deadletter=DeadLetterConfig(path=str(tmp_path / "dead")),
    )


@pytest.fixture
async def registry(settings: PipelineConfig) -> AsyncIterator[Registry]:
    registry = Registry(settings.registry.path)
    yield registry
    await registry.close()


@pytest.fixture
async def patient(registry: Registry) -> str:
    """A patient who wears insole-1."""
    patient = await registry.add_patient("bed 7")
    await registry.assign("insole-1", patient)
    return patient


@pytest.fixture
async def store(settings: PipelineConfig) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(settings.store.path)
    yield store
    await store.close()


@pytest.fixture
def ingesting(settings: PipelineConfig, registry: Registry) -> RunIngest:
    """Return a context that runs an ingester and stops it in good order."""

    @asynccontextmanager
    async def run(
        store: Store, config: PipelineConfig = settings, link: Link | None = None
    ) -> AsyncIterator[Ingest]:
        ingest = Ingest(config, store, registry, link or MqttLink(config.broker))
        running = asyncio.create_task(ingest.run())
        try:
            await until(
                lambda: ingest.state.connected or ingest.state.reconnections > 0 or running.done()
            )
            yield ingest
        finally:
            ingest.stop()
            await running

    return run

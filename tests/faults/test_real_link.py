"""Faults 13 and 14 on a real broker, a real ingester and a real database file, through a proxy."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from real_chain import Chain, chain
from servers import Server
from tcp_proxy import Proxy, proxy_to

from pipeline.sqlite import SqliteStore


@asynccontextmanager
async def through_proxy(broker: Server, folder: Path) -> AsyncIterator[tuple[Proxy, Chain]]:
    """The device goes through the proxy, the ingester does not."""
    store = SqliteStore(folder / "store.db")
    async with proxy_to(broker.port) as proxy, chain(broker, folder, store, proxy.port) as edge:
        yield proxy, edge


@pytest.mark.parametrize(
    "flaps", [8, pytest.param(200, marks=pytest.mark.soak(fault="14", runs=200))]
)
async def test_a_flapping_link_loses_and_doubles_nothing(
    mosquitto: Server, tmp_path: Path, flaps: int
) -> None:
    async with through_proxy(mosquitto, tmp_path) as (proxy, edge):
        rng = random.Random(flaps)
        for _ in range(flaps):
            await edge.walk(rng.uniform(0.05, 0.5))
            proxy.cut()
        await edge.assert_complete()
        assert edge.publisher.state.connections > flaps // 3


async def test_a_slow_lossy_and_half_open_link_loses_and_doubles_nothing(
    mosquitto: Server, tmp_path: Path
) -> None:
    async with through_proxy(mosquitto, tmp_path) as (proxy, edge):
        proxy.delay_s, proxy.loss = 0.5, 0.2
        await edge.walk(3)
        proxy.is_silent = True
        await edge.walk(3)
        proxy.cut()
        await edge.walk(0.5)
        proxy.is_silent, proxy.delay_s, proxy.loss = False, 0.0, 0.0
        await edge.assert_complete()

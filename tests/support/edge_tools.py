"""Pieces that the edge's tests share: events, a synthetic walk, a pipeline of a few lines."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import numpy as np
from numpy.typing import NDArray

from edge import wire
from edge.outbox import Outbox
from hw.source import Block, FootProfile, FootSeries, Profile, Recording, Side

SECOND = 1_000_000_000
WALL_NS = 1_750_000_000 * SECOND


def stride(second: float, side: Side = "left") -> wire.Stride:
    """A stride whose time is `second` of the monotonic clock."""
    return wire.Stride(seq=1, time_ns=round(second * SECOND), side=side, strike="heel")


def alert(second: float) -> wire.Alert:
    """An alert at `second` of the monotonic clock."""
    return wire.Alert(
        seq=1,
        time_ns=round(second * SECOND),
        id="drags",
        rule="drags",
        priority="high",
        raised=True,
    )


def everything(outbox: Outbox) -> list[wire.Event]:
    """All events that can be sent, over all runs."""
    found: list[wire.Event] = []
    after = 0
    while rows := outbox.pending(after, limit=10_000, limit_bytes=10**9):
        found += [row.event for row in rows]
        after = rows[-1].seq
    return found


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition; fail with its name when it does not come true."""
    for _ in range(round(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {condition}")


class Collector:
    """The pipeline's part in a few lines: keeps events by identity and sends receipts."""

    def __init__(self, port: int, receipts: bool = True) -> None:
        self.port = port
        self.receipts = receipts
        self.events: dict[tuple[str, int], wire.Event] = {}
        self.messages = 0
        self.statuses: list[wire.Status] = []

    async def run(self) -> None:
        """Collect until cancelled; a broken connection is made again."""
        while True:
            try:
                await self._collect()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)

    async def _collect(self) -> None:
        async with aiomqtt.Client("127.0.0.1", self.port, timeout=3) as client:
            await client.subscribe(wire.topic("+", "events"), qos=1)
            await client.subscribe(wire.topic("+", "status"), qos=1)
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                device, channel = wire.parse_topic(str(message.topic))
                if channel == "status":
                    self.statuses.append(wire.decode(message.payload, wire.Status))
                    continue
                batch = wire.decode(message.payload, wire.Batch)
                assert batch.device == device
                self.messages += 1
                await self._keep(client, batch)

    async def _keep(self, client: aiomqtt.Client, batch: wire.Batch) -> None:
        self.events.update({(batch.boot, event.seq): event for event in batch.events})
        if not self.receipts:
            return
        ranges = tuple((event.seq, event.seq) for event in batch.events)
        receipt = wire.Receipt(boot=batch.boot, ranges=ranges)
        await client.publish(wire.topic(batch.device, "receipt"), wire.encode(receipt), qos=1)


@asynccontextmanager
async def collecting(port: int, receipts: bool = True) -> AsyncIterator[Collector]:
    """A `Collector` that runs within the block."""
    collector = Collector(port, receipts)
    task = asyncio.create_task(collector.run())
    try:
        yield collector
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


PROFILE = Profile(
    name="four cells",
    left=FootProfile(x=(0.1, 0.45, 0.75, 0.95), y=(0.5, 0.8, 0.4, 0.5)),
    right=FootProfile(x=(0.1, 0.45, 0.75, 0.95), y=(0.5, 0.8, 0.4, 0.5)),
    claim="virtual",
)


def _foot_load(phase: NDArray[np.float64]) -> NDArray[np.float32]:
    """Heel first, then forefoot, empty in swing (phase 0.6 to 1) [N]."""
    centres, widths = (0.12, 0.3, 0.42, 0.5), (0.14, 0.18, 0.16, 0.1)
    cells = [
        300 * np.clip(1 - ((phase - c) / w) ** 2, 0, None)
        for c, w in zip(centres, widths, strict=True)
    ]
    return np.stack(cells, axis=1).astype(np.float32)


def walk(
    seconds: float, rate_hz: float = 100.0, stride_s: float = 1.1, stand_s: float = 2.0
) -> Recording:
    """Two feet that stand for `stand_s` and then walk, heel first, pressure only."""
    count = round(seconds * rate_hz)
    time_ns = (np.arange(count) * (SECOND / rate_hz)).astype(np.int64)
    feet: dict[Side, FootSeries] = {}
    for side, lag in (("left", 0.0), ("right", 0.5)):
        phase = (time_ns / 1e9 - stand_s) / stride_s - lag
        load = _foot_load(np.where(phase < 0, 0.3, phase % 1.0))
        feet[side] = FootSeries(time_ns, load, None)  # type: ignore[index]  # the literals are sides
    return Recording("synthetic", PROFILE, feet)


def bouts(count: int, seconds: float = 40.0) -> Recording:
    """So many times the same: stand for six seconds, then walk."""
    one = walk(seconds, stand_s=6.0)
    feet: dict[Side, FootSeries] = {}
    for side, series in one.feet.items():
        assert series.load is not None
        shifts = np.repeat(np.arange(count), len(series.time_ns)) * round(seconds * SECOND)
        times = np.tile(series.time_ns, count) + shifts
        feet[side] = FootSeries(times, np.tile(series.load, (count, 1)), None)
    return Recording("bouts", PROFILE, feet)


class ListSource:
    """A source that hands out blocks, then ends or raises."""

    def __init__(self, blocks: list[Block], error: Exception | None = None) -> None:
        self.profile = PROFILE
        self.opened = 0
        self._blocks = blocks
        self._error = error

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield what was given, once."""
        self.opened += 1
        if self.opened == 1:
            for block in self._blocks:
                await asyncio.sleep(0)
                yield block
        if self._error is not None:
            raise self._error


def config_text(port: int, folder: Path, extra: str = "") -> str:
    """Settings of an agent for a test."""
    return (
        f'device = "test-1"\n{extra}\n[broker]\nport = {port}\n[state]\ndir = "{folder}"\n'
        "[outbox]\ncommit_s = 0.2\n"
    )

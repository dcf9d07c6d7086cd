"""The whole agent over a synthetic walk, with a real broker and a pipeline of a few lines."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from edge_tools import (
    WALL_NS,
    ListSource,
    collecting,
    config_text,
    everything,
    until,
    walk,
)

from edge import wire
from edge.agent import Agent
from edge.analyse import analyse
from edge.config import parse
from edge.events import to_wire
from edge.link import MqttConnector
from edge.outbox import Outbox
from edge.publish import Publisher
from edge.service import InlineWorker, OutboxService
from hw.clock import VirtualClock
from hw.replay import Replay
from hw.source import Block

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
START_NS = 5_000_000_000


def offline(folder: Path, source: object, clock: VirtualClock, *, once: bool = True) -> Agent:
    """An agent without a broker, all in one thread: a simulation."""
    config = parse(config_text(1883, folder))
    service = OutboxService(Outbox(config.outbox_path), InlineWorker())
    return Agent(config, source, clock, service, once=once)  # type: ignore[arg-type]  # a Source


def stored(folder: Path) -> list[wire.Event]:
    outbox = Outbox(folder / "outbox.db")
    events = everything(outbox)
    outbox.close()
    return events


def known_clock() -> VirtualClock:
    return VirtualClock(start_ns=START_NS, wall_start_ns=WALL_NS)


def without_identity(events: list[wire.Event], shift_ns: int = 0) -> set[str]:
    """Events as text, without number, their time moved by `shift_ns`."""
    fields = [
        {**{name: getattr(e, name) for name in e.__struct_fields__}, "seq": 0} for e in events
    ]
    return {repr({**f, "time_ns": f["time_ns"] - shift_ns}) for f in fields}


def gait(events: list[wire.Event]) -> list[wire.Event]:
    """What the gait kernel found, without the wear states."""
    return [event for event in events if not isinstance(event, wire.Wear)]


async def test_what_the_kernel_finds_is_sent_and_receipted_field_by_field(mosquitto, tmp_path):
    config = parse(config_text(mosquitto.port, tmp_path))
    clock = known_clock()
    service = OutboxService(Outbox(config.outbox_path))
    publisher = Publisher(config.device, service, MqttConnector(config.broker, config.device))
    agent = Agent(config, Replay(walk(30), clock), clock, service, publisher, once=True)
    async with collecting(mosquitto.port) as pipeline:
        await agent.run()
    found = analyse(walk(30))
    expected = [to_wire(record) for record in [*found.strides, *found.bouts]]
    assert len(expected) > 20
    got = list(pipeline.events.values())
    assert without_identity(gait(got), WALL_NS) == without_identity([e for e in expected if e])
    assert "walking" in {event.state for event in got if isinstance(event, wire.Wear)}
    assert agent.state.waiting == 0
    assert agent.state.receipted == agent.state.committed == len(got)


async def test_simulated_clock_and_inline_disk_give_the_same_events(tmp_path):
    clock = known_clock()
    agent = offline(tmp_path, Replay(walk(30), clock), clock)
    await agent.run()
    found = analyse(walk(30))
    expected = [to_wire(record) for record in [*found.strides, *found.bouts]]
    got = without_identity(gait(stored(tmp_path)), WALL_NS)
    assert got == without_identity([e for e in expected if e])
    assert agent.state.left.strikes["heel"] > 10
    assert agent.state.cadence_per_min == pytest.approx(120 / 1.1, rel=0.02)


async def test_wall_clock_that_comes_late_stamps_what_waited(tmp_path):
    clock = VirtualClock(start_ns=START_NS)
    agent = offline(tmp_path, Replay(walk(30), clock), clock)
    task = asyncio.create_task(agent.run())
    await clock.sleep(20)
    assert not agent.state.clock_known
    clock._wall_offset_ns = WALL_NS
    await task
    times = [event.time_ns for event in stored(tmp_path) if isinstance(event, wire.Stride)]
    assert len(times) > 20
    assert all(WALL_NS + START_NS <= time < WALL_NS + START_NS + 30e9 for time in times)


@pytest.mark.parametrize("step_s", [-3600, 1, 3600, 315_360_000])
async def test_stepped_wall_clock_moves_no_event(tmp_path, step_s):
    for folder, step_ns in ((tmp_path / "calm", 0), (tmp_path / "stepped", step_s * 10**9)):
        clock = known_clock()
        agent = offline(folder, Replay(walk(30), clock), clock)
        task = asyncio.create_task(agent.run())
        await clock.sleep(15)
        assert clock._wall_offset_ns is not None
        clock._wall_offset_ns += step_ns
        await task
    calm, stepped = stored(tmp_path / "calm"), stored(tmp_path / "stepped")
    assert without_identity(calm) == without_identity(stepped)


# -- sources ------------------------------------------------------------------------------------


def blocks_of(seconds: float, skip: tuple[float, float] | None = None) -> list[Block]:
    """A walk in blocks of 0.1 s; samples in `skip` [s] never came."""
    found = []
    for side, series in walk(seconds).feet.items():
        keep = np.ones(len(series.time_ns), bool)
        if skip is not None:
            keep = (series.time_ns < skip[0] * 1e9) | (series.time_ns >= skip[1] * 1e9)
        time_ns, load = series.time_ns[keep], series.load[keep]
        found += [
            Block(side, time_ns[i : i + 10], load[i : i + 10], None)
            for i in range(0, len(time_ns), 10)
        ]
    return sorted(found, key=lambda block: int(block.time_ns[-1]))


async def test_lost_samples_leave_a_gap_record_with_their_number(tmp_path):
    clock = known_clock()
    source = ListSource(blocks_of(20, skip=(10.0, 10.5)))
    await offline(tmp_path, source, clock).run()
    gaps = [event for event in stored(tmp_path) if isinstance(event, wire.Gap)]
    assert {gap.side for gap in gaps} == {"left", "right"}
    assert [gap.lost for gap in gaps] == [50, 50]
    assert all(gap.duration_s == pytest.approx(0.5) for gap in gaps)


async def test_insole_that_is_lost_for_good_leaves_a_gap_until_the_end(tmp_path):
    blocks = [b for b in blocks_of(20) if b.side == "left" or b.time_ns[0] < 8e9]
    clock = known_clock()
    await offline(tmp_path, ListSource(blocks), clock).run()
    (gap,) = [event for event in stored(tmp_path) if isinstance(event, wire.Gap)]
    assert (gap.side, gap.lost) == ("right", 1200)


async def test_source_that_fails_is_opened_again_until_stopped(tmp_path):
    clock = known_clock()
    source = ListSource(blocks_of(20), OSError("radio gone"))
    agent = offline(tmp_path, source, clock, once=False)
    task = asyncio.create_task(agent.run())
    await clock.sleep(120)
    agent.stop()
    await task
    assert source.opened > 3
    assert agent.state.source_failures >= 3
    assert "radio gone" in agent.state.last_error
    assert sum(isinstance(event, wire.Stride) for event in stored(tmp_path)) > 10


async def test_failing_recording_ends_the_agent_with_everything_before_it_committed(tmp_path):
    clock = known_clock()
    agent = offline(tmp_path, ListSource(blocks_of(20), OSError("torn")), clock)
    with pytest.raises(OSError, match="torn"):
        await agent.run()
    assert sum(isinstance(event, wire.Stride) for event in stored(tmp_path)) > 10


async def test_block_that_the_kernel_refuses_is_counted_and_the_walk_goes_on(tmp_path):
    blocks = blocks_of(20)
    turned = Block(blocks[50].side, blocks[50].time_ns[::-1].copy(), blocks[50].load, None)
    clock = known_clock()
    agent = offline(tmp_path, ListSource([*blocks[:50], turned, *blocks[50:]]), clock)
    await agent.run()
    assert agent.state.blocks_refused == 1
    assert sum(isinstance(event, wire.Stride) for event in stored(tmp_path)) > 20


async def test_detection_goes_on_while_the_disk_hangs(tmp_path):
    class HungDisk(InlineWorker):
        """A disk that does not come back until it is let go."""

        released = asyncio.Event()

        async def run(self, call):
            await self.released.wait()
            return call()

    clock = known_clock()
    config = parse(config_text(1883, tmp_path))
    disk = HungDisk()
    disk.released.set()
    service = OutboxService(Outbox(config.outbox_path), disk)
    agent = Agent(config, Replay(walk(60), clock), clock, service, once=True)
    task = asyncio.create_task(agent.run())
    await clock.sleep(1)
    disk.released.clear()
    await clock.sleep(30)
    assert agent.state.left.strides > 15
    assert agent.state.committed < 5
    disk.released.set()
    await task
    assert agent.state.committed == agent.state.detected > 80


# -- a real process -----------------------------------------------------------------------------


@asynccontextmanager
async def agent_process(port: int, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{SUPPORT}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SUPPORT / "agent_process.py"),
        str(port),
        str(folder),
        stdout=asyncio.subprocess.PIPE,
        env=env,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def last_words(process: asyncio.subprocess.Process) -> dict[str, int]:
    assert process.stdout is not None
    counts: dict[str, int] = json.loads(await process.stdout.readline())
    assert await process.wait() == 0
    return counts


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_stop_signal_loses_nothing(mosquitto, tmp_path, signum):
    async with collecting(mosquitto.port) as pipeline:
        async with agent_process(mosquitto.port, tmp_path) as process:
            await until(lambda: len(pipeline.events) > 20)
            process.send_signal(signum)
            counts = await last_words(process)
        assert counts["committed"] == counts["detected"] > 20
        assert counts["waiting"] == 0
        assert {seq for _, seq in pipeline.events} == set(range(1, counts["detected"] + 1))
    assert any(isinstance(event, wire.Bout) for event in pipeline.events.values())


async def test_stop_signal_without_a_broker_keeps_all_on_disk(mosquitto, tmp_path):
    mosquitto.stop()
    async with agent_process(mosquitto.port, tmp_path) as process:
        await asyncio.sleep(2)
        process.send_signal(signal.SIGTERM)
        counts = await last_words(process)
    assert counts["waiting"] == counts["committed"] == counts["detected"] > 10
    assert len(stored(tmp_path)) == counts["waiting"]


async def test_killed_agent_leaves_every_committed_event_on_disk_or_sent(mosquitto, tmp_path):
    async with collecting(mosquitto.port) as pipeline:
        for run in range(1, 4):
            async with agent_process(mosquitto.port, tmp_path) as process:
                await until(lambda run=run: len(pipeline.events) > 8 * run)
                process.kill()
                await process.wait()
        on_disk = {event.seq for event in stored(tmp_path)}
        await asyncio.sleep(0.3)
    sent = {seq for _, seq in pipeline.events}
    assert on_disk | sent == set(range(1, max(on_disk | sent) + 1))

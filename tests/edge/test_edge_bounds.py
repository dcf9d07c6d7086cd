"""What the agent may cost: flat memory, few bytes written per event; and a bench that runs."""

import asyncio
import tracemalloc
from pathlib import Path

import pytest
from edge_tools import WALL_NS, bouts, config_text, stride

import edge.bench
from edge.agent import Agent
from edge.bench import bench_agent, bench_kernel
from edge.config import parse
from edge.outbox import Outbox
from edge.service import InlineWorker, OutboxService
from edge.synthetic import drop_foot_walk
from hw.clock import VirtualClock
from hw.replay import Replay


async def test_memory_stays_flat_without_a_network(tmp_path):
    config = parse(config_text(1883, tmp_path))
    clock = VirtualClock(wall_start_ns=WALL_NS)
    service = OutboxService(Outbox(config.outbox_path), InlineWorker())
    agent = Agent(config, Replay(bouts(9), clock), clock, service, once=True)
    sizes: list[int] = []

    async def measure() -> None:
        tracemalloc.start()
        for _ in range(2):
            await clock.sleep(150)
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        agent.stop()

    await asyncio.gather(agent.run(), measure())
    assert agent.state.committed > 350
    assert sizes[1] - sizes[0] < 200_000


def bytes_written() -> int:
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        pytest.skip("no /proc/self/io here: bytes written cannot be counted")
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def test_one_event_a_second_writes_at_most_four_kibibytes_each(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.stamp(WALL_NS)
    outbox.commit([stride(0)])
    begin, count = bytes_written(), 3000
    for second in range(1, count + 1):
        seq = outbox.pending(second - 1)[-1].seq
        outbox.commit([stride(second)], [(outbox.boot, [(seq, seq)])])
    assert outbox.waiting == 1
    assert (bytes_written() - begin) / count <= 4096


def test_bench_counts_frames():
    assert bench_kernel(drop_foot_walk(5), 50, at_least_s=0.01) > 0


async def test_bench_measures_a_real_agent_process(monkeypatch):
    monkeypatch.setattr(edge.bench, "WARM_UP_S", 0.5)
    figures = await bench_agent(6, drop_foot_walk(10))
    assert figures.events > 5
    assert figures.cpu_percent > 0
    assert 10 < figures.rss_mb <= figures.peak_mb
    assert figures.from_sample_ms
    assert all(ms > 0 for ms in figures.from_arrival_ms)

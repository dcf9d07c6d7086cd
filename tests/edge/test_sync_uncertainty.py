"""Each stride says how well the clock of its device was known."""

from pathlib import Path

from edge import wire
from edge.agent import Agent
from edge.config import AgentConfig
from edge.outbox import Outbox
from edge.service import InlineWorker, OutboxService
from hw.clock import VirtualClock
from hw.registry import SourceSettings, open_source, simulate

WALL_NS = 1_800_000_000_000_000_000


async def strides(source: object, clock: VirtualClock, folder: Path) -> list[wire.Stride]:
    outbox = Outbox(folder / "outbox.db")
    service = OutboxService(outbox, InlineWorker())
    config = AgentConfig(device="insole-1")
    agent = Agent(config, source, clock, service, once=True)  # type: ignore[arg-type]  # a source
    await agent.run()
    reader = Outbox(folder / "outbox.db")
    rows = reader.pending(0, None, 500, 10_000_000)
    reader.close()
    return [row.event for row in rows if isinstance(row.event, wire.Stride)]


async def test_strides_of_a_device_carry_it(tmp_path: Path) -> None:
    clock = VirtualClock(wall_start_ns=WALL_NS)
    async with simulate("openfoot", SourceSettings(seconds=25), clock) as source:
        found = await strides(source, clock, tmp_path)
    assert len(found) > 10
    known = [stride.sync_uncertainty_ms for stride in found]
    assert all(value is not None and 0 < value < 20 for value in known[5:])


async def test_strides_of_one_clock_leave_it_unknown(tmp_path: Path) -> None:
    clock = VirtualClock(wall_start_ns=WALL_NS)
    source = open_source("virtual", SourceSettings(seconds=25), clock)
    found = await strides(source, clock, tmp_path)
    assert len(found) > 10
    assert {stride.sync_uncertainty_ms for stride in found} == {None}

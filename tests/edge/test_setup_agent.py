"""What the therapist has set, in the running agent: companions, kernel, status."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from edge_tools import PROFILE, SECOND, WALL_NS, ListSource, config_text, until, walk
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.agent import Agent
from edge.assembly import SETUP_FILE, assemble
from edge.companion import Companion
from edge.config import parse
from edge.outbox import Outbox
from edge.service import InlineWorker, OutboxService
from edge.setup import SetupDesk, SetupFile
from edge.status import WINDOW_NS, LinkShare, battery_facts
from hw.clock import VirtualClock
from hw.replay import Replay
from hw.source import Recording

DEVICE = "test-1"


class Witness(Companion):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.setups: list[wire.Setup] = []
        self.requests: list[wire.Request] = []

    def setup(self, setup: wire.Setup) -> None:
        self.setups.append(setup)

    def request(self, request: wire.Request) -> None:
        self.requests.append(request)

    def facts(self) -> dict[str, Any]:
        return {"is_paused": True}


def agent_with(
    folder: Path, source: Any, clock: VirtualClock, *companions: Companion, **more: Any
) -> tuple[Agent, SetupDesk]:
    config = parse(config_text(1883, folder, 'affected = "right"'))
    service = OutboxService(Outbox(config.outbox_path), InlineWorker())
    desk = SetupDesk(SetupFile(folder / SETUP_FILE, DEVICE), DEVICE)
    agent = Agent(
        config, source, clock, service, once=True, companions=companions, desk=desk, **more
    )
    return agent, desk


def known_clock() -> VirtualClock:
    return VirtualClock(start_ns=5 * SECOND, wall_start_ns=WALL_NS)


async def test_companions_get_what_was_kept_at_the_start_and_what_comes_anew(
    tmp_path: Path,
) -> None:
    kept = wire.Setup(device=DEVICE, revision=3)
    SetupFile(tmp_path / SETUP_FILE, DEVICE).save(kept)
    witness, clock = Witness(), known_clock()
    agent, desk = agent_with(tmp_path, Replay(walk(5), clock), clock, witness)
    assert witness.setups == [kept]
    new = wire.Setup(device=DEVICE, revision=4, zone="Europe/Berlin")
    await desk.setup(new)
    forget = wire.Forget(before_ns=7)
    await desk.command(wire.Command(device=DEVICE, requests=(forget,)))
    assert (witness.setups, witness.requests) == ([kept, new], [forget])
    assert (agent.facts()["setup_revision"], agent.facts()["is_paused"]) == (4, True)
    await agent.run()


@pytest.mark.parametrize(("affected", "used"), [(None, "right"), ("left", "left")])
async def test_the_kernel_begins_with_the_affected_leg_of_the_setup(
    tmp_path: Path, affected: Any, used: str
) -> None:
    setup = wire.Setup(device=DEVICE, revision=3, affected=affected)
    SetupFile(tmp_path / SETUP_FILE, DEVICE).save(setup)
    clock = known_clock()
    agent, _ = agent_with(tmp_path, Replay(walk(5), clock), clock)
    assert agent._walk._affected == used
    await agent.run()


async def test_another_affected_leg_counts_when_nobody_walks_and_no_stride_is_lost(
    tmp_path: Path,
) -> None:
    """The same walk, a long stand, the walk again; the word comes in the middle of the first."""
    recording = walk_stand_walk(stand_s=60.0)
    alone_clock = known_clock()
    alone, _ = agent_with(tmp_path / "alone", Replay(recording, alone_clock), alone_clock)
    await alone.run()

    clock = known_clock()
    agent, desk = agent_with(tmp_path / "told", Replay(recording, clock), clock)
    used: list[tuple[float, str]] = []

    class Speaker(Companion):
        def tick(self, now_ns: int, offset_ns: int | None) -> tuple[wire.Event, ...]:
            at_s = now_ns / SECOND - 5
            used.append((at_s, agent._walk._affected))
            return ()

    agent.companions._members = (Speaker(),)
    running = asyncio.create_task(agent.run())
    await until(lambda: bool(used) and used[-1][0] > 10)
    await desk.setup(wire.Setup(device=DEVICE, revision=1, affected="left"))
    await running
    changed_s = next(at_s for at_s, affected in used if affected == "left")
    assert 20 + 28 < changed_s < 80
    for foot, other in (
        (agent.state.left, alone.state.left),
        (agent.state.right, alone.state.right),
    ):
        assert (foot.strides, sum(foot.strikes.values())) == (
            other.strides,
            sum(other.strikes.values()),
        )


def walk_stand_walk(stand_s: float) -> Recording:
    """Twenty seconds of walking, standing, twenty seconds of walking."""
    one, two = walk(20.0), walk(20.0 + stand_s, stand_s=stand_s)
    feet = {}
    for side, series in one.feet.items():
        later = two.feet[side]
        assert series.load is not None
        assert later.load is not None
        step = series.time_ns[1] - series.time_ns[0]
        times = np.concatenate([series.time_ns, later.time_ns + series.time_ns[-1] + step])
        feet[side] = type(series)(times, np.concatenate([series.load, later.load]), None)
    return Recording("walk, stand, walk", PROFILE, feet)


async def test_an_assembled_agent_keeps_its_setup_in_the_state_directory(tmp_path: Path) -> None:
    kept = wire.Setup(device=DEVICE, revision=3)
    SetupFile(tmp_path / "setup.json", DEVICE).save(kept)
    witness, clock = Witness(), known_clock()
    config = parse(config_text(1, tmp_path))
    source = ListSource([])
    agent = assemble(config, source, clock, once=True, companions=[witness])
    assert witness.setups == [kept]
    agent.stop()
    agent.stop()
    await agent.run()


# -- the status's facts -------------------------------------------------------------------------


@given(st.integers(1, 200), st.floats(0, 1))
def test_the_share_of_samples_is_of_the_last_minute(rate_hz: int, share: float) -> None:
    link = LinkShare()
    came = 0
    assert link.percent(1e9 / rate_hz) is None
    for second in range(300):
        came += rate_hz if second < 200 else round(share * rate_hz)
        link.see(second * SECOND, came)
    expected = 100 * round(share * rate_hz) / rate_hz
    assert link.percent(1e9 / rate_hz) == pytest.approx(expected, abs=1e-6)
    assert WINDOW_NS == 60 * SECOND


def test_a_foot_that_never_came_is_not_judged_and_a_silent_one_has_nothing() -> None:
    link = LinkShare()
    for second in range(100):
        link.see(second * SECOND, 0)
    assert link.percent(10_000_000) is None
    for second in range(100, 200):
        link.see(second * SECOND, 50)
    assert link.percent(10_000_000) == 0.0


async def test_facts_of_a_walk(tmp_path: Path) -> None:
    clock = known_clock()
    recording = walk(20)
    blocks = Replay(recording, clock)
    health = {"left": SimpleNamespace(battery_percent=55.0), "right": SimpleNamespace()}
    source = SimpleNamespace(health=lambda: health)
    agent, _ = agent_with(tmp_path, blocks, clock, source_facts=lambda: battery_facts(source))
    running = asyncio.create_task(agent.run())
    await until(lambda: agent.state.left.samples > 1500)
    facts = agent.facts()
    assert facts["link_left_percent"] == pytest.approx(100.0, abs=10.0)
    assert facts["battery_left_percent"] == 55.0
    assert "battery_right_percent" not in facts
    assert facts["worn"] is True
    assert facts["clock_known"] is True
    assert facts["setup_revision"] is None
    await running


def test_a_source_that_knows_no_battery_says_nothing() -> None:
    assert battery_facts(ListSource([])) == {}
    assert battery_facts(SimpleNamespace(health=3)) == {}

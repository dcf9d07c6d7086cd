"""Moticon lines on simulated time: steps of the software clock, a second sender, one foot only."""

import numpy as np
import pytest
from device_rigs import START_NS, MoticonRig, telling_feed

from hw.devices import profiles
from hw.devices.moticon_udp.driver import MoticonUdpSource
from hw.devices.moticon_udp.simulator import MoticonSoftware
from hw.devices.simulation.frames import SimulatedFrames
from hw.source import Block


def times_s(blocks: list[Block], side: str) -> np.ndarray:
    mine = [block.time_ns for block in blocks if block.side == side]
    return (np.concatenate(mine) - START_NS) / 1e9


@pytest.mark.parametrize("step_s", [7.0, -3.0, 3600.0, -3600.0])
async def test_a_step_of_the_softwares_clock_makes_up_no_gap(step_s: float) -> None:
    rig = MoticonRig()
    blocks = await rig.collect(20.0, [(10.0, lambda: rig.software.step_clock(step_s * 1e6))])
    for side in rig.sides:
        mine = times_s(blocks, side)
        assert rig.source.health()[side].counts.clock_steps == 1
        assert (np.diff(mine) > 0).all()
        assert np.diff(mine).max() < 0.06
        assert len(mine) == pytest.approx(1990, abs=15)
    assert sum(block.lost for block in blocks) <= 8


async def test_a_second_computer_is_not_mixed_in() -> None:
    rig = MoticonRig()
    feeds = {side: telling_feed(profiles.load("moticon_udp").foot(side)) for side in rig.sides}
    other = MoticonSoftware(feeds, rig.clock, first_s=900.0)
    rig.link = SimulatedFrames({"10.0.0.9:1": rig.software, "10.0.0.8:2": other}, rig.clock)
    rig.source = MoticonUdpSource(rig.clock, rig.link)
    blocks = await rig.collect(10.0)
    assert len(times_s(blocks, "left")) == pytest.approx(1000, abs=10)
    assert sum(block.lost for block in blocks) == 0
    assert rig.source.health()["left"].rejected["second sender"] > 900


async def test_one_insole_alone_gives_one_foot() -> None:
    rig = MoticonRig()
    feed = telling_feed(profiles.load("moticon_udp").right)
    software = MoticonSoftware({"right": feed}, rig.clock)
    rig.source = MoticonUdpSource(rig.clock, SimulatedFrames({"pc": software}, rig.clock))
    blocks = await rig.collect(5.0)
    assert {block.side for block in blocks} == {"right"}
    assert not rig.source.health()["left"].connected


async def test_lines_that_do_not_fit_are_counted_and_the_rest_goes_on() -> None:
    rig = MoticonRig()
    rig.link._on_air = lambda line: line[:-30] if line.startswith(b"15.0") else line
    blocks = await rig.collect(6.0)
    assert rig.source.health()["left"].rejected == {"length": 10}
    assert sum(block.lost for block in blocks) == 20

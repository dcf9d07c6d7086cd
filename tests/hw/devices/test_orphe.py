"""ORPHE over simulated links and over real bleak: handshake, breaks, sides, midnight, opinions."""

import asyncio
import logging
from itertools import pairwise

import pytest
from device_rigs import START_NS, OrphePullRig, OrpheRig, telling_feed
from servers import find_server

from hw.clock import SystemClock
from hw.devices import profiles
from hw.devices.bluetooth import BleakRadio
from hw.devices.errors import DeviceRefusedError
from hw.devices.orphe.driver import OrpheDevice, OrpheSource
from hw.devices.orphe.simulator import OrpheInsole
from hw.devices.simulation.bluez import SimulatedBluez
from hw.devices.simulation.gatt import SimulatedRadio
from hw.source import SIDES, Block

HANDSHAKE_CALLS = 8
"""Four reads, the mode, the time, two subscriptions."""


def total(blocks: list[Block]) -> int:
    return sum(len(block.time_ns) for block in blocks)


@pytest.mark.parametrize("step", range(HANDSHAKE_CALLS))
async def test_a_break_at_any_step_of_the_handshake_is_survived(step: int) -> None:
    rig = OrpheRig()
    rig.radio.break_at = step
    blocks = await rig.collect(15.0)
    for side in SIDES:
        mine = [block for block in blocks if block.side == side]
        assert total(mine) > 900
        assert rig.source.health()[side].connections == 1
        assert rig.source.health()[side].trouble == ""


async def test_the_handshake_has_as_many_calls_as_are_broken_above() -> None:
    rig = OrpheRig()
    rig.radio.break_at = HANDSHAKE_CALLS
    blocks = await rig.collect(5.0)
    assert all(health.connections == 1 for health in rig.source.health().values())
    assert total(blocks) > 700


async def test_a_dropped_link_is_made_again_and_its_loss_is_exact() -> None:
    rig = OrpheRig()
    address = rig.insoles[0].address
    blocks = await rig.collect(30.0, [(t, lambda: rig.radio.drop(address)) for t in (8.0, 16.0)])
    left = [block for block in blocks if block.side == "left"]
    assert rig.source.health()["left"].connections == 3
    assert rig.source.health()["right"].connections == 1
    steps = [round((b.time_ns[0] - a.time_ns[-1]) / 1e7) for a, b in pairwise(left)]
    assert sum(step - 1 for step in steps) == sum(block.lost for block in left) > 0


async def test_midnight_and_the_serial_wrap_leave_no_trace() -> None:
    rig = OrpheRig(first_serial=65_535 - 500)
    blocks = await rig.collect(20.0)
    health = rig.source.health()
    assert [health[side].counts.clock_steps for side in SIDES] == [0, 0]
    assert sum(block.lost for block in blocks) == 0
    assert total(blocks) > 3900


async def test_an_insole_on_the_other_foot_is_refused_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = OrpheRig()
    rig.insoles[0].side = "right"
    with caplog.at_level(logging.WARNING):
        blocks = await rig.collect(60.0)
    assert {block.side for block in blocks} == {"right"}
    trouble = rig.source.health()["left"].trouble
    assert "it says right, but is configured as left" in trouble
    assert rig.insoles[0].address in trouble
    assert len([r for r in caplog.records if "configured as left" in r.getMessage()]) == 1


async def test_a_side_can_be_put_right_while_running() -> None:
    rig = OrpheRig()
    rig.insoles[0].side = "right"
    blocks = await rig.collect(60.0, [(30.0, lambda: setattr(rig.insoles[0], "side", "left"))])
    assert {block.side for block in blocks} == {"left", "right"}


def test_two_insoles_of_one_side_are_refused() -> None:
    rig = OrpheRig()
    pair = [OrpheDevice("AA:00:00:00:00:00", "left"), OrpheDevice("AA:00:00:00:00:01", "left")]
    with pytest.raises(DeviceRefusedError, match="do not make a pair"):
        OrpheSource(pair, SimulatedRadio(rig.insoles, rig.clock), rig.clock)


async def test_garbage_notifications_are_counted_and_named_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = OrpheRig()
    insole = rig.insoles[0]

    def garbage() -> None:
        for data in (b"", b"\x38", bytes(104), b"\x38" + b"\xff" * 103, b"\x32" + bytes(103)):
            insole._send(data)

    with caplog.at_level(logging.WARNING):
        blocks = await rig.collect(50.0, [(5.0 + t, garbage) for t in range(40)])
    rejected = rig.source.health()["left"].rejected
    assert rejected == {"length": 80, "header": 40, "time": 40, "mode": 40}
    assert sum(block.lost for block in blocks) == 0
    said = [r.getMessage() for r in caplog.records if "rejected" in r.getMessage()]
    assert len(said) == len(rejected)


async def test_its_own_opinion_of_a_step_is_kept() -> None:
    rig = OrpheRig()
    insole = rig.insoles[1]
    await rig.collect(6.0, [(5.0, lambda: insole.say_step(640.0, -8.0))])
    (opinion,) = rig.source.opinions
    assert (opinion.side, opinion.step.strike) == ("right", "heel")
    assert opinion.host_ns == pytest.approx(START_NS + 5_003_000_000, abs=5_000_000)


async def test_pulling_repairs_what_the_air_lost() -> None:
    rig = OrphePullRig()
    rig.faults.loss = 0.15
    rig.faults.seed = 3
    blocks = await rig.collect(40.0)
    assert rig.faults.dropped > 300
    assert sum(block.lost for block in blocks) == 0
    assert total(blocks) > 2 * 208 * 33


@pytest.fixture
def dbus_daemon() -> str:
    return find_server("dbus-daemon", "dbus")


async def test_unmodified_bleak_streams_two_insoles_and_reconnects(dbus_daemon: str) -> None:
    clock = SystemClock(trust_wall=True)
    profile = profiles.load("orphe")
    insoles = [
        OrpheInsole(f"AA:00:00:00:00:0{i}", side, telling_feed(profile.foot(side)), clock)
        for i, side in enumerate(SIDES)
    ]
    devices = [OrpheDevice(insole.address, insole.side) for insole in insoles]
    async with SimulatedBluez(insoles) as stack:
        radio = BleakRadio()
        heard = await radio.scan(0.3)
        assert {item.name for item in heard} == {insole.name for insole in insoles}
        assert {item.manufacturer[0][14] for item in heard} == {87}
        source = OrpheSource(devices, radio, clock)
        stream = source.blocks()
        counts = dict.fromkeys(SIDES, 0)
        lost = dict.fromkeys(SIDES, 0)
        dropped = False
        async with asyncio.timeout(45):
            async for block in stream:
                counts[block.side] += len(block.time_ns)
                lost[block.side] += block.lost
                if min(counts.values()) > 100 and not dropped:
                    dropped = True
                    stack.drop(insoles[0].address)
                if source.health()["left"].connections == 2 and min(counts.values()) > 200:
                    break
        await stream.aclose()
        assert lost["left"] > 0
        assert lost["right"] == 0
        assert source.health()["right"].connections == 1


@pytest.mark.parametrize("step", [0, 4, 6])
async def test_bleak_survives_a_break_in_the_handshake(dbus_daemon: str, step: int) -> None:
    clock = SystemClock(trust_wall=True)
    feed = telling_feed(profiles.load("orphe").left)
    insole = OrpheInsole("AA:00:00:00:00:03", "left", feed, clock)
    async with SimulatedBluez([insole]) as stack:
        stack.break_at = step
        source = OrpheSource([OrpheDevice(insole.address, "left")], BleakRadio(), clock)
        stream = source.blocks()
        async with asyncio.timeout(45):
            block = await anext(stream)
        assert block.side == "left"
        assert stack.break_at is None
        await stream.aclose()

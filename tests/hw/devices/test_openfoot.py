"""OpenFoot over its three transports: sides, restarts, clock steps, real sockets and lines."""

import asyncio
import os
import socket
import termios

import numpy as np
import pytest
from device_rigs import OpenFootBluetoothRig, OpenFootRig, OpenFootSerialRig, telling_feed

from hw.clock import SystemClock
from hw.devices import profiles
from hw.devices.errors import DeviceError
from hw.devices.links import SerialLine, UdpSocket
from hw.devices.openfoot.driver import OpenFootLink, OpenFootSource, over_serial, over_udp
from hw.devices.openfoot.simulator import OpenFootInsole, stuffed
from hw.devices.simulation.frames import SimulatedFrames
from hw.source import SIDES, Block


def total(blocks: list[Block]) -> int:
    return sum(len(block.time_ns) for block in blocks)


async def test_a_second_insole_on_one_foot_is_refused_and_counted() -> None:
    rig = OpenFootRig()
    feed = telling_feed(profiles.load("openfoot").left)
    rig.insoles["10.0.0.77:5710"] = OpenFootInsole("left", feed, rig.clock)
    rig.connect()
    blocks = await rig.collect(10.0)
    for side in SIDES:
        assert total([b for b in blocks if b.side == side]) == pytest.approx(1000, abs=10)
    assert rig.source.health()["left"].rejected["second device on the left foot"] > 400
    assert sum(b.lost for b in blocks) == 0


async def test_a_spare_insole_may_take_over_after_five_seconds_of_silence() -> None:
    rig = OpenFootRig()
    feed = telling_feed(profiles.load("openfoot").left)
    spare = OpenFootInsole("left", feed, rig.clock)
    first = rig.insoles["10.0.0.0:5710"]
    spare.mute = True
    rig.insoles["10.0.0.77:5710"] = spare
    rig.connect()

    def swap() -> None:
        first.mute, spare.mute = True, False

    blocks = await rig.collect(30.0, [(10.0, swap)])
    left = [b for b in blocks if b.side == "left"]
    times = np.concatenate([b.time_ns for b in left])
    assert (np.diff(times) > 0).all()
    assert total(left) > 2400
    assert rig.source.health()["left"].counts.restarts == 1
    assert sum(b.lost for b in left) == pytest.approx(500, abs=6)


@pytest.mark.parametrize("rig_type", [OpenFootSerialRig, OpenFootBluetoothRig])
async def test_an_insole_of_the_other_side_is_refused(rig_type: type[OpenFootRig]) -> None:
    rig = rig_type()
    for insole in rig.insoles.values():
        if insole.side == "left":
            insole.side = "right"
            break
    blocks = await rig.collect(10.0)
    assert {b.side for b in blocks} == {"right"}
    assert total(blocks) == pytest.approx(1000, abs=20)


async def test_an_insole_that_changes_its_side_is_refused_while_it_streams() -> None:
    rig = OpenFootRig()
    left = rig.insoles["10.0.0.0:5710"]
    rig.insoles.pop("10.0.0.1:5710")
    rig.connect()
    blocks = await rig.collect(8.0, [(5.0, lambda: setattr(left, "side", "right"))])
    assert {b.side for b in blocks} == {"left"}
    assert rig.source.health()["left"].rejected["changed its side"] > 100


async def test_a_profile_that_does_not_fit_the_frames_yields_nothing() -> None:
    rig = OpenFootRig()
    source = OpenFootSource(
        [OpenFootLink("udp", rig.link, shared=True)], rig.clock, profiles.load("orphe")
    )
    rig.source = source
    assert await rig.collect(5.0) == []
    assert not any(health.connected for health in source.health().values())


async def test_a_step_of_its_clock_is_taken_out_by_the_serials() -> None:
    rig = OpenFootRig()
    left = rig.insoles["10.0.0.0:5710"]
    blocks = await rig.collect(
        30.0, [(10.0, lambda: left.step_clock(7e6)), (20.0, lambda: left.step_clock(-3e6))]
    )
    assert rig.source.health()["left"].counts.clock_steps == 2
    assert sum(b.lost for b in blocks) == 0
    mine = [b for b in blocks if b.side == "left" and b.time_ns[0] > blocks[0].time_ns[0] + 3e9]
    said_s = np.concatenate([b.time_ns for b in mine]) / 1e9
    true_s = np.concatenate([rig.truth_s(b) for b in mine])
    assert np.ptp(said_s - true_s) < 0.012


async def test_a_restart_of_the_insole_is_a_gap_told_by_the_clock() -> None:
    rig = OpenFootRig(first_serial=5000)
    left = rig.insoles["10.0.0.0:5710"]

    def restart() -> None:
        left._first_serial = -500
        left._first_us = 0
        left.mute = False

    blocks = await rig.collect(20.0, [(10.0, lambda: setattr(left, "mute", True)), (12.0, restart)])
    mine = [b for b in blocks if b.side == "left"]
    assert rig.source.health()["left"].counts.restarts == 1
    assert sum(b.lost for b in mine) == pytest.approx(200, abs=6)
    assert (np.diff(np.concatenate([b.time_ns for b in mine])) > 0).all()


async def test_real_datagrams_on_loopback_with_two_way_clock() -> None:
    clock = SystemClock()
    link = over_udp(0, "127.0.0.1")
    source = OpenFootSource([link], clock)
    stream = source.blocks()
    first = asyncio.ensure_future(anext(stream))
    udp = link.link
    assert isinstance(udp, UdpSocket)
    while not udp.connected:  # noqa: ASYNC110 - the port has no event to wait for
        await asyncio.sleep(0.01)
    insole = OpenFootInsole("right", telling_feed(profiles.load("openfoot").right), clock)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setblocking(False)
    sender.connect(("127.0.0.1", udp.port))
    loop = asyncio.get_running_loop()
    loop.add_reader(sender, lambda: insole.answer(sender.recv(100), sender.send))
    task = asyncio.create_task(insole.run(sender.send))
    async with asyncio.timeout(20):
        block = await first
        while source.health()["right"].sync_uncertainty_s >= 0.006:
            await anext(stream)
    assert block.side == "right"
    assert source._feet["right"].stream.clock_map.two_way
    loop.remove_reader(sender)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await stream.aclose()
    sender.close()


async def test_a_real_serial_line_and_its_hang_up() -> None:
    clock = SystemClock()
    ours, theirs = os.openpty()
    termios.tcgetattr(ours)
    source = OpenFootSource([over_serial(os.ttyname(theirs), "left")], clock)
    stream = source.blocks()
    insole = OpenFootInsole("left", telling_feed(profiles.load("openfoot").left), clock)
    task = asyncio.create_task(insole.run(lambda frame: os.write(ours, stuffed(frame))))
    async with asyncio.timeout(20):
        block = await anext(stream)
        assert (block.side, block.load is not None) == ("left", True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        os.close(ours)
        os.close(theirs)
        while source.health()["left"].connected:  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.02)
    await stream.aclose()


async def test_a_port_in_use_says_what_to_do() -> None:
    first = UdpSocket(0, "127.0.0.1")
    await first.open(lambda data, peer: None)
    with pytest.raises(DeviceError, match="choose another"):
        await UdpSocket(first.port, "127.0.0.1").open(lambda data, peer: None)
    await first.close()


async def test_a_serial_line_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match="plug the insole in"):
        await SerialLine("/dev/no-such-line", 460800).open(lambda data, peer: None)
    with pytest.raises(DeviceError, match="no such speed"):
        await SerialLine("/dev/null", 12345).open(lambda data, peer: None)
    with pytest.raises(DeviceError, match="not a serial line"):
        await SerialLine("/dev/null", 460800).open(lambda data, peer: None)


async def test_a_link_that_does_not_open_is_tried_again() -> None:
    rig = OpenFootSerialRig()
    rig.lines[0].fail_open = 2
    blocks = await rig.collect(12.0)
    assert isinstance(rig.lines[0], SimulatedFrames)
    assert {b.side for b in blocks} == set(SIDES)

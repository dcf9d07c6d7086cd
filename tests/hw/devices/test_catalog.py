"""Every device opens by name, simulated from a recording, and real ones say what they lack."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest
from servers import find_server

from hw.clock import SystemClock, VirtualClock
from hw.devices import catalog, profiles
from hw.devices.errors import DeviceError
from hw.replay import read
from hw.source import FootProfile, FootSeries, Profile, Recording, Side


def recording(*sides: Side) -> Recording:
    time_ns = np.arange(0, 5_000_000_000, 10_000_000, dtype=np.int64)
    load = np.abs(np.sin(time_ns / 1e9))[:, None].astype(np.float32) * np.ones((1, 3), np.float32)
    imu = np.tile(np.array([0, 0, 9.80665, 0, 0, 0], np.float32), (len(time_ns), 1))
    foot = FootProfile(x=(0.1, 0.5, 0.9), y=(0.5, 0.5, 0.5), mount="foot")
    feet = {side: FootSeries(time_ns, load, imu) for side in sides}
    return Recording("test", Profile("test", foot, foot), feet)


@pytest.mark.parametrize("device", catalog.DEVICES)
@pytest.mark.parametrize("sides", [("left", "right"), ("right",)])
async def test_every_device_can_be_simulated(device: str, sides: tuple[Side, ...]) -> None:
    clock = VirtualClock(wall_start_ns=1_790_000_000_000_000_000)
    async with catalog.simulate(device, recording(*sides), clock) as source:
        seen: set[str] = set()
        stream = source.blocks()
        async for block in stream:
            seen.add(block.side)
            cells = len(source.profile.foot(block.side).x)
            assert block.load is None or block.load.shape == (len(block.time_ns), cells)
            assert block.imu is None or block.imu.shape == (len(block.time_ns), 6)
            if seen == set(sides):
                break
        await stream.aclose()
    assert seen == set(sides)


async def test_a_real_walk_goes_through_bleak(recordings: Path) -> None:
    find_server("dbus-daemon", "dbus")
    walk = read(recordings / "moticon_opengo" / "230927_102114.txt")
    async with catalog.simulate("orphe", walk, SystemClock(trust_wall=True)) as source:
        stream = source.blocks()
        async with asyncio.timeout(30):
            blocks = [await anext(stream) for _ in range(150)]
        await stream.aclose()
    up = np.concatenate([b.imu[:, 2] for b in blocks if b.imu is not None])
    assert 6 < np.median(up) < 13  # the subject begins standing: gravity is upward
    assert {b.side for b in blocks} == {"left", "right"}


def test_the_table_holds_every_device_folder() -> None:
    folders = {p.parent.name for p in Path(profiles.__file__).parent.glob("*/profile.toml")}
    assert set(catalog.DEVICES) == folders


def test_an_unknown_device_is_named_with_the_known_ones() -> None:
    with pytest.raises(DeviceError, match=r"choose one of orphe, openfoot"):
        catalog.open_source("orfe", {}, VirtualClock())


def test_real_devices_open_from_settings_without_touching_hardware() -> None:
    clock = VirtualClock()
    with pytest.raises(DeviceError, match="neither left nor right"):
        catalog.open_source("orphe", {}, clock)
    orphe = catalog.open_source("orphe", {"left": "AA:BB:CC:DD:EE:FF", "mode": "pull"}, clock)
    assert set(orphe.health()) == {"left"}
    serial = catalog.open_source("openfoot", {"left": "/dev/ttyUSB0"}, clock)
    assert list(serial.sessions()) == ["/dev/ttyUSB0"]
    shared = catalog.open_source("openfoot", {}, clock)
    assert re.fullmatch(r"udp:\d+", next(iter(shared.sessions())))
    for device in ("moticon_udp", "lsm6dsox", "mcp3208"):
        assert catalog.open_source(device, {}, clock).profile.claim == "spec-tested"

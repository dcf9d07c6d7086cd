"""Real devices by name from settings, and simulated for the demo."""

from pathlib import Path
from typing import Any

import pytest

from hw.clock import VirtualClock
from hw.devices import catalog
from hw.devices.errors import DeviceError
from hw.registry import DEVICE_NAMES, DRIVERS, DriverError, SourceSettings, open_source, simulate


def opened(name: str, **settings: Any) -> Any:
    return open_source(name, SourceSettings(**settings), VirtualClock())


def test_every_device_of_the_catalogue_is_a_driver() -> None:
    assert set(DEVICE_NAMES) == set(catalog.DEVICES)
    assert set(DEVICE_NAMES) < set(DRIVERS)
    assert all(DRIVERS[name].endless for name in DEVICE_NAMES)


def test_insoles_by_address_and_mode() -> None:
    source = opened("orphe", left="AA:00:00:00:00:01", right="AA:00:00:00:00:02", mode="200 Hz")
    assert list(source.sessions()) == ["AA:00:00:00:00:01", "AA:00:00:00:00:02"]
    assert source._mode == "200 Hz"
    assert opened("orphe", left="AA", adapter="hci1")._radio._adapter == "hci1"
    with pytest.raises(DeviceError, match="neither left nor right"):
        opened("orphe")


def test_openfoot_by_port_line_and_address() -> None:
    assert list(opened("openfoot", port=5999).sessions()) == ["udp:5999"]
    lines = opened("openfoot", left="/dev/ttyUSB0", right="AA:00:00:00:00:02").sessions()
    assert list(lines) == ["/dev/ttyUSB0", "AA:00:00:00:00:02"]


def test_moticon_by_port() -> None:
    assert opened("moticon_udp", port=9999)._link.port == 9999
    assert opened("moticon_udp")._link.port == 8888


def test_imus_by_address_and_bus() -> None:
    assert set(opened("lsm6dsox").health()) == {"left", "right"}
    one = opened("lsm6dsox", right="0x6B", bus=3)
    assert one._addresses == {"right": 0x6B}
    assert one._bus._number == 3
    with pytest.raises(DeviceError, match="no I2C address"):
        opened("lsm6dsox", left="left one")


def test_converters_by_their_devices() -> None:
    assert set(opened("mcp3208").health()) == {"left", "right"}
    one = opened("mcp3208", left="/dev/spidev1.0 /dev/spidev1.1")
    assert set(one.health()) == {"left"}


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[cells]\nunit = "raw"\nx = [0.1, 0.9]\ny = [0.5, 0.5]\n')
    assert opened("openfoot", profile=path).profile.name == "mine"
    assert opened("mcp3208", profile=path).profile.name == "mine"


@pytest.mark.parametrize("name", DEVICE_NAMES)
async def test_a_simulated_device_walks_and_ends(name: str) -> None:
    clock = VirtualClock(wall_start_ns=1_790_000_000_000_000_000)
    settings = SourceSettings(preset="moderate", affected="right", seed=3, seconds=4.0)
    times: dict[str, list[int]] = {"left": [], "right": []}
    async with simulate(name, settings, clock) as source:
        async for block in source.blocks():
            times[block.side] += block.time_ns.tolist()
    for found in times.values():
        assert 3.5 < (found[-1] - found[0]) / 1e9 < 4.5


async def test_what_is_no_device_cannot_be_simulated() -> None:
    with pytest.raises(DriverError, match="choose one of orphe"):
        async with simulate("virtual", SourceSettings(), VirtualClock()):
            raise AssertionError("not reached")

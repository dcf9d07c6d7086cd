"""Finding devices: simulated ones are found with their foot, and every obstacle is one line."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from device_rigs import telling_feed
from servers import find_server

from hw.clock import SystemClock, VirtualClock
from hw.devices import profiles
from hw.devices.bluetooth import BleakRadio
from hw.devices.buses import SystemI2c
from hw.devices.errors import DeviceError, DeviceLostError
from hw.devices.lsm6dsox.simulator import Lsm6dsoxChip, SimulatedI2c
from hw.devices.moticon_udp.simulator import MoticonSoftware
from hw.devices.openfoot.simulator import OpenFootInsole, OpenFootPeripheral, stuffed
from hw.devices.orphe.simulator import OrpheInsole
from hw.devices.simulation.bluez import SimulatedBluez
from hw.devices.simulation.frames import SimulatedFrames
from hw.devices.simulation.gatt import SimulatedRadio
from hw.discovery import (
    DiscoveryError,
    Found,
    Note,
    choose,
    discover,
    machine_probes,
    probe_bluetooth,
    probe_i2c,
    probe_moticon,
    probe_openfoot,
    probe_spi,
)
from hw.source import SIDES, Clock, Side

WALL_NS = 1_790_000_000_000_000_000


def feed(device: str, side: Side) -> Any:
    return telling_feed(profiles.load(device).foot(side))


def orphe(address: str, side: Side, clock: Clock) -> OrpheInsole:
    return OrpheInsole(address, side, feed("orphe", side), clock)


async def test_insoles_on_the_air_say_name_foot_battery_and_signal() -> None:
    clock = VirtualClock(wall_start_ns=WALL_NS)
    insole = OpenFootInsole("right", feed("openfoot", "right"), clock)
    left, right = (
        orphe("AA:00:00:00:00:01", "left", clock),
        orphe("AA:00:00:00:00:02", "right", clock),
    )
    phone = orphe("AA:00:00:00:00:03", "left", clock)
    phone.name = "somebody's phone"
    radio = SimulatedRadio(
        [left, right, phone, OpenFootPeripheral("BB:00:00:00:00:01", insole)], clock
    )
    found = await probe_bluetooth(radio, clock)
    devices = [item for item in found if isinstance(item, Found)]
    assert [(d.driver, d.address, d.sides, d.rssi_dbm) for d in devices] == [
        ("orphe", "AA:00:00:00:00:01", ("left",), -50),
        ("orphe", "AA:00:00:00:00:02", ("right",), -50),
        ("openfoot", "BB:00:00:00:00:01", ("right",), -50),
    ]
    assert devices[0].name == left.name
    assert devices[0].battery == "87"
    assert len(found) == 3


async def test_an_insole_that_goes_away_while_asked_is_listed_without_its_foot() -> None:
    clock = VirtualClock(wall_start_ns=WALL_NS)
    radio = SimulatedRadio([orphe("AA:00:00:00:00:01", "left", clock)], clock)
    radio.break_at = 0
    device, note = await probe_bluetooth(radio, clock)
    assert isinstance(device, Found)
    assert device.sides == ()
    assert device.battery == "87"
    assert isinstance(note, Note)
    assert "its foot is not known" in note.text


async def test_through_unmodified_bleak() -> None:
    find_server("dbus-daemon", "dbus")
    clock = SystemClock(trust_wall=True)
    insoles = [
        orphe("AA:00:00:00:00:01", "left", clock),
        orphe("AA:00:00:00:00:02", "right", clock),
    ]
    async with SimulatedBluez(insoles):
        found = await discover({"bluetooth": lambda: probe_bluetooth(BleakRadio(), clock, 0.5)})
    assert found.notes == ()
    assert choose(found.devices) == {
        "driver": "orphe",
        "left": "AA:00:00:00:00:01",
        "right": "AA:00:00:00:00:02",
    }


async def bluetooth_note(stack: SimulatedBluez | None = None) -> str:
    clock = SystemClock(trust_wall=True)
    found = await discover({"bluetooth": lambda: probe_bluetooth(BleakRadio(), clock, 0.2)})
    (note,) = found.notes
    assert "\n" not in note.text
    return note.text


async def test_an_adapter_that_is_off_says_how_to_turn_it_on() -> None:
    find_server("dbus-daemon", "dbus")
    async with SimulatedBluez([]) as stack:
        from dbus_fast import Variant

        stack._objects["/org/bluez/hci0"]["org.bluez.Adapter1"]["Powered"] = Variant("b", False)
        assert await bluetooth_note() == (
            "the adapter is off; rfkill unblock bluetooth; bluetoothctl power on"
        )


async def test_a_machine_without_an_adapter() -> None:
    find_server("dbus-daemon", "dbus")
    async with SimulatedBluez([]) as stack:
        stack._objects.clear()
        assert (await bluetooth_note()).startswith("no adapter")


async def test_a_bus_without_bluetoothd() -> None:
    find_server("dbus-daemon", "dbus")
    async with SimulatedBluez([]) as stack:
        await stack._bus.release_name("org.bluez")
        assert "systemctl enable --now bluetooth" in await bluetooth_note()


async def test_no_system_bus_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    assert "systemctl enable --now bluetooth" in await bluetooth_note()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            "no connection ([org.freedesktop.DBus.Error.AccessDenied] Rejected)",
            "usermod -aG bluetooth",
        ),
        ("no connection ([org.bluez.Error.NotAuthorized] no)", "usermod -aG bluetooth"),
        ("no connection ([org.freedesktop.DBus.Error.ServiceUnknown] The name)", "enable --now"),
        ("something new", "try this"),
    ],
)
async def test_what_bleak_says_becomes_plain(reason: str, said: str) -> None:
    async def probe() -> list[Found]:
        raise DeviceError("bluetooth", reason, "try this")

    (note,) = (await discover({"bluetooth": probe})).notes
    assert said in note.text


async def test_chips_on_i2c_by_their_addresses() -> None:
    clock = VirtualClock()
    chip = Lsm6dsoxChip(feed("lsm6dsox", "right"), clock)
    assert await probe_i2c(SimulatedI2c({0x6B: chip})) == [
        Found("lsm6dsox", "0x6B", "LSM6DSOX", ("right",))
    ]
    chip.identity = 0x33
    chip.power_up()
    assert await probe_i2c(SimulatedI2c({0x6B: chip})) == []


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOENT, "raspi-config nonint do_i2c 0"), (errno.EACCES, "-aG i2c")]
)
async def test_i2c_that_is_off_or_forbidden(
    monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(self: SystemI2c) -> object:
        raise OSError(number, "no")

    monkeypatch.setattr(SystemI2c, "_open", refuse)
    (note,) = (await discover({"i2c": lambda: probe_i2c(SystemI2c())})).notes
    assert said in note.text


async def test_spi_says_how_to_turn_it_on_and_never_makes_up_a_converter(tmp_path: Path) -> None:
    (off,) = await probe_spi(tmp_path)
    assert "do_spi 0" in off.text
    (tmp_path / "spidev0.0").touch()
    (on,) = await probe_spi(tmp_path)
    assert "does not say that it is there" in on.text


async def test_openfoot_over_udp_and_serial() -> None:
    clock = VirtualClock()
    insoles = {side: OpenFootInsole(side, feed("openfoot", side), clock) for side in SIDES}
    (found,) = await probe_openfoot(SimulatedFrames(insoles, clock), "udp:5710", clock)
    assert (found.address, found.sides) == ("udp:5710", SIDES)
    line = SimulatedFrames({"left": insoles["left"]}, clock, on_air=stuffed)
    (found,) = await probe_openfoot(line, "/dev/ttyUSB0", clock, stuffed=True)
    assert (found.address, found.sides) == ("/dev/ttyUSB0", ("left",))
    assert await probe_openfoot(SimulatedFrames({}, clock), "udp:5710", clock) == []


async def test_moticon_over_udp() -> None:
    clock = VirtualClock()
    software = MoticonSoftware({side: feed("moticon_udp", side) for side in SIDES}, clock)
    (found,) = await probe_moticon(SimulatedFrames({"10.0.0.9:50000": software}, clock), clock)
    assert (found.driver, found.sides) == ("moticon_udp", SIDES)
    assert "10.0.0.9" in found.name


async def test_the_probes_of_this_machine_never_raise() -> None:
    async with asyncio.timeout(60):
        findings = await discover(machine_probes(SystemClock(), seconds=0.1, bus=99))
    assert any(note.where == "i2c" for note in findings.notes)


async def test_one_broken_bus_does_not_hide_the_others() -> None:
    async def broken() -> list[Found]:
        raise DeviceLostError("x", "gone", "look")

    async def well() -> list[Found]:
        return [Found("orphe", "AA", "INS1", ("left",))]

    findings = await discover({"a": broken, "b": well})
    assert len(findings.devices) == len(findings.notes) == 1


# -- choosing -------------------------------------------------------------------------------------

LEFT = Found("orphe", "A1", "INS1", ("left",))
RIGHT = Found("orphe", "A2", "INS2", ("right",))
CHIP = Found("lsm6dsox", "0x6A", "LSM6DSOX", ("left",))
UDP = Found("openfoot", "udp:5710", "OpenFoot", SIDES)


@pytest.mark.parametrize(
    ("found", "driver", "values"),
    [
        ([LEFT, RIGHT], "", {"driver": "orphe", "left": "A1", "right": "A2"}),
        ([RIGHT], "", {"driver": "orphe", "left": "", "right": "A2"}),
        ([LEFT, CHIP], "lsm6dsox", {"driver": "lsm6dsox", "left": "0x6A", "right": ""}),
        ([UDP], "", {"driver": "openfoot", "left": "", "right": ""}),
        ([], "mcp3208", {"driver": "mcp3208", "left": "", "right": ""}),
    ],
)
def test_what_was_found_becomes_settings(
    found: list[Found], driver: str, values: dict[str, str]
) -> None:
    assert choose(found, driver) == values


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "switch it on"),
        ([LEFT, CHIP], "--driver"),
        ([LEFT, Found("orphe", "A3", "INS3", ("left",))], "both on the left foot"),
        ([Found("orphe", "A3", "INS3")], "does not say its foot"),
    ],
)
def test_what_is_not_clear_is_asked(found: list[Found], said: str) -> None:
    with pytest.raises(DiscoveryError, match=said):
        choose(found)


def test_addresses_by_hand_need_their_driver() -> None:
    assert choose([], "orphe", right="B2") == {"driver": "orphe", "left": "", "right": "B2"}
    with pytest.raises(DiscoveryError, match="give --driver"):
        choose([], left="B1")

"""The devices by name: how to open each, and how to open its simulation. Adding one is one row."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hw.clock import SystemClock
from hw.devices import profiles
from hw.devices.bluetooth import BleakRadio
from hw.devices.buses import SpiDevice, SystemI2c
from hw.devices.errors import DeviceError
from hw.devices.gatt import GattRadio
from hw.devices.links import UdpSocket
from hw.devices.lsm6dsox.driver import Lsm6dsoxSource
from hw.devices.lsm6dsox.simulator import Lsm6dsoxChip, SimulatedI2c
from hw.devices.mcp3208.driver import Mcp3208Source
from hw.devices.mcp3208.simulator import Mcp3208Chip
from hw.devices.moticon_udp.driver import MoticonUdpSource
from hw.devices.moticon_udp.simulator import MoticonSoftware
from hw.devices.openfoot.driver import OpenFootLink as _Link
from hw.devices.openfoot.driver import OpenFootSource, over_bluetooth, over_serial, over_udp
from hw.devices.openfoot.simulator import OpenFootInsole
from hw.devices.orphe.driver import OrpheDevice, OrpheSource
from hw.devices.orphe.simulator import OrpheInsole
from hw.devices.runtime import DeviceSource
from hw.devices.simulation.feed import FootFeed, feet_of
from hw.devices.simulation.frames import SimulatedFrames
from hw.devices.simulation.gatt import SimulatedRadio
from hw.source import SIDES, Clock, Profile, Recording, Side

__all__ = ["DEVICES", "Device", "open_source", "simulate"]

Settings = Mapping[str, Any]
Feeds = Mapping[Side, FootFeed]


@dataclass(frozen=True, slots=True)
class Device:
    """A row of the table.

    `open` takes the settings of its configuration (left, right: an address or a path; mode, port,
    bus, adapter, profile where the device has them). `imitate` opens the driver on simulated
    hardware.
    """

    title: str
    open: Callable[[Settings, Clock], DeviceSource]
    imitate: Callable[[Feeds, Clock], AbstractAsyncContextManager[DeviceSource]]


def open_source(device: str, settings: Settings, clock: Clock) -> DeviceSource:
    """Return the source of a real device; raise `DeviceError` for settings that do not fit."""
    return _row(device).open(settings, clock)


@asynccontextmanager
async def simulate(device: str, recording: Recording, clock: Clock) -> AsyncIterator[DeviceSource]:
    """Open the real driver on simulated hardware that two feet of a recording are moving.

    On the machine's own clock an ORPHE runs through unmodified bleak and a simulated Bluetooth
    stack (needs dbus-daemon); on other clocks, and for the other devices, through links in this
    process.
    """
    row = _row(device)
    profile = profiles.load(device)
    async with row.imitate(feet_of(recording, profile.left, profile.right), clock) as source:
        yield source


def _row(device: str) -> Device:
    if device not in DEVICES:
        raise DeviceError(device, "no such device", f"choose one of {', '.join(DEVICES)}")
    return DEVICES[device]


def _configured(settings: Settings, device: str) -> dict[Side, str]:
    found = {side: settings[side] for side in SIDES if settings.get(side)}
    if not found:
        raise DeviceError(device, "neither left nor right is configured", "name one of them")
    return found


def _own_profile(settings: Settings) -> Profile | None:
    from hw.profile import load

    return load(settings["profile"]) if settings.get("profile") else None


def _open_orphe(settings: Settings, clock: Clock) -> DeviceSource:
    feet = _configured(settings, "orphe")
    devices = [OrpheDevice(address, side) for side, address in feet.items()]
    radio = BleakRadio(settings.get("adapter"))
    return OrpheSource(devices, radio, clock, settings.get("mode", "100 Hz"))


@asynccontextmanager
async def _imitate_orphe(feeds: Feeds, clock: Clock) -> AsyncIterator[DeviceSource]:
    insoles = [
        OrpheInsole(f"AA:00:00:00:00:0{i}", side, feed, clock)
        for i, (side, feed) in enumerate(feeds.items())
    ]
    devices = [OrpheDevice(insole.address, insole.side) for insole in insoles]
    radio: GattRadio = SimulatedRadio(insoles, clock)
    if not isinstance(clock, SystemClock):
        yield OrpheSource(devices, radio, clock)
        return
    from hw.devices.simulation.bluez import SimulatedBluez

    async with SimulatedBluez(insoles):
        yield OrpheSource(devices, BleakRadio(), clock)


def _open_openfoot(settings: Settings, clock: Clock) -> DeviceSource:
    profile = _own_profile(settings)
    feet = {side: settings[side] for side in SIDES if settings.get(side)}
    if not feet:
        return OpenFootSource([over_udp(settings.get("port"))], clock, profile)
    radio = BleakRadio(settings.get("adapter"))
    links = [
        over_serial(where, side) if where.startswith("/") else over_bluetooth(radio, where, side)
        for side, where in feet.items()
    ]
    return OpenFootSource(links, clock, profile)


@asynccontextmanager
async def _imitate_openfoot(feeds: Feeds, clock: Clock) -> AsyncIterator[DeviceSource]:
    insoles = {f"{side} insole": OpenFootInsole(side, feed, clock) for side, feed in feeds.items()}
    link = _Link("simulated", SimulatedFrames(insoles, clock), shared=True)
    yield OpenFootSource([link], clock)


def _open_moticon(settings: Settings, clock: Clock) -> DeviceSource:
    port = settings.get("port")
    return MoticonUdpSource(clock, UdpSocket(port) if port else None)


@asynccontextmanager
async def _imitate_moticon(feeds: Feeds, clock: Clock) -> AsyncIterator[DeviceSource]:
    software = MoticonSoftware(feeds, clock)
    yield MoticonUdpSource(clock, SimulatedFrames({"PC software": software}, clock))


def _open_lsm6dsox(settings: Settings, clock: Clock) -> DeviceSource:
    wire = profiles.wire("lsm6dsox")
    addresses = {side: _number(settings[side]) for side in SIDES if settings.get(side)}
    if not addresses:
        addresses = {side: wire[f"{side}_address"] for side in SIDES}
    bus = SystemI2c(settings.get("bus", wire["bus"]))
    return Lsm6dsoxSource(bus, clock, addresses, _own_profile(settings))


def _number(address: str | int) -> int:
    try:
        return address if isinstance(address, int) else int(address, 0)
    except ValueError:
        remedy = "give it as 0x6A or 0x6B"
        raise DeviceError("lsm6dsox", f"{address!r} is no I2C address", remedy) from None


@asynccontextmanager
async def _imitate_lsm6dsox(feeds: Feeds, clock: Clock) -> AsyncIterator[DeviceSource]:
    wire = profiles.wire("lsm6dsox")
    addresses: dict[Side, int] = {side: wire[f"{side}_address"] for side in feeds}
    chips = {addresses[side]: Lsm6dsoxChip(feed, clock) for side, feed in feeds.items()}
    yield Lsm6dsoxSource(SimulatedI2c(chips), clock, addresses)


def _open_mcp3208(settings: Settings, clock: Clock) -> DeviceSource:
    wire = profiles.wire("mcp3208")
    worn = [side for side in SIDES if settings.get(side)] or SIDES
    paths = {side: settings.get(side, "").split() or wire[side] for side in worn}
    chips = {side: [SpiDevice(path) for path in paths[side]] for side in worn}
    return Mcp3208Source(clock, chips, _own_profile(settings))


@asynccontextmanager
async def _imitate_mcp3208(feeds: Feeds, clock: Clock) -> AsyncIterator[DeviceSource]:
    chips = {
        side: [Mcp3208Chip(feed, clock, first) for first in (0, 8)] for side, feed in feeds.items()
    }
    yield Mcp3208Source(clock, chips)


DEVICES: dict[str, Device] = {
    "orphe": Device("ORPHE INSOLE (Bluetooth)", _open_orphe, _imitate_orphe),
    "openfoot": Device("OpenFoot (UDP, serial, Bluetooth)", _open_openfoot, _imitate_openfoot),
    "moticon_udp": Device("Moticon OpenGo (UDP)", _open_moticon, _imitate_moticon),
    "lsm6dsox": Device("LSM6DSOX (I2C)", _open_lsm6dsox, _imitate_lsm6dsox),
    "mcp3208": Device("FSR insole on MCP3208 (SPI)", _open_mcp3208, _imitate_mcp3208),
}

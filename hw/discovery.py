"""Which devices are near: asks Bluetooth, UDP, serial lines, I2C and SPI, each for itself.

A probe returns what it found and raises `DeviceError` where its bus cannot be used; `discover` runs
them all, and makes of each error one note that says what to do.

DiscoveryError (HwError, ValueError)     what was found does not make a source
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hw.devices import profiles
from hw.devices.bluetooth import BleakRadio
from hw.devices.buses import I2cBus, SystemI2c
from hw.devices.errors import DeviceError, DeviceLostError
from hw.devices.gatt import Advertisement, GattRadio
from hw.devices.links import FrameLink, UdpSocket
from hw.devices.lsm6dsox.codec import WHO_AM_I
from hw.devices.moticon_udp.codec import Layout, MoticonCodec
from hw.devices.openfoot.codec import Cobs, Frame, OpenFootCodec
from hw.devices.openfoot.driver import over_bluetooth, over_serial
from hw.devices.orphe.codec import OrpheCodec
from hw.devices.waiting import within
from hw.source import SIDES, Clock, HwError, Side

__all__ = [
    "DiscoveryError",
    "Findings",
    "Found",
    "Note",
    "choose",
    "discover",
    "machine_probes",
    "probe_bluetooth",
    "probe_i2c",
    "probe_moticon",
    "probe_openfoot",
    "probe_spi",
]

_ORPHE_NAME: Final = "INS"
_OPENFOOT_NAME: Final = "OpenFoot"
_BATTERY_COMPANY, _BATTERY_AT = 0x0000, 14
_LSM6DSOX_ID: Final = 0x6C
_CONNECT_S: Final = 10.0
_LISTEN_S: Final = 3.0
_SERIAL_FOLDER: Final = Path("/dev/serial/by-id")
_SPI_FOLDER: Final = Path("/dev")


class DiscoveryError(HwError, ValueError):
    """What was found does not make a source; `remedy` says what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Found:
    """A device that is near.

    Attributes
    ----------
    driver : str
        Its name in hw.registry.
    address : str
        What stands behind `left` or `right` in the configuration; "udp:PORT" stands nowhere.
    name : str
        For people.
    sides : tuple of {"left", "right"}
        The feet it says it is on; empty: it did not say.
    battery : str
        As it says it, "" unknown; an ORPHE's number has no published scale.
    rssi_dbm : int or None
        Signal strength.
    """

    driver: str
    address: str
    name: str
    sides: tuple[Side, ...] = ()
    battery: str = ""
    rssi_dbm: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One line on a bus: what is to be known of it, and what to do."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found, and what kept us from finding more."""

    devices: tuple[Found, ...]
    notes: tuple[Note, ...]


Probe = Callable[[], Awaitable[Sequence[Found | Note]]]


async def discover(probes: Mapping[str, Probe]) -> Findings:
    """Run the probes, all at once; a bus that cannot be used gives a note and no error."""
    results = await asyncio.gather(*(_guarded(name, probe) for name, probe in probes.items()))
    found = [item for result in results for item in result]
    devices = tuple(item for item in found if isinstance(item, Found))
    return Findings(devices, tuple(item for item in found if isinstance(item, Note)))


def machine_probes(
    clock: Clock, seconds: float = 5.0, bus: int = 1, adapter: str = ""
) -> dict[str, Probe]:
    """Return the probes of this machine's own buses; `seconds` is how long each listens."""
    openfoot, moticon = (profiles.wire(name)["udp_port"] for name in ("openfoot", "moticon_udp"))
    probes: dict[str, Probe] = {
        "bluetooth": lambda: probe_bluetooth(BleakRadio(adapter or None), clock, seconds),
        "i2c": lambda: probe_i2c(SystemI2c(bus)),
        "spi": probe_spi,
        "udp OpenFoot": lambda: probe_openfoot(
            UdpSocket(openfoot), f"udp:{openfoot}", clock, seconds
        ),
        "udp Moticon": lambda: probe_moticon(UdpSocket(moticon), clock, seconds),
    }
    for path in sorted(_SERIAL_FOLDER.glob("*")):
        probes[str(path)] = _serial_probe(str(path), clock, seconds)
    return probes


async def _guarded(name: str, probe: Probe) -> Sequence[Found | Note]:
    try:
        return await probe()
    except DeviceError as error:
        return [Note(name, _plain(error))]


def _plain(error: DeviceError) -> str:
    """Return reason and remedy; bleak's texts for common causes are made into plain ones."""
    causes = {
        "AccessDenied": (
            "this user may not use Bluetooth",
            "sudo usermod -aG bluetooth $USER, then log in again",
        ),
        "NotAuthorized": (
            "this user may not use Bluetooth",
            "sudo usermod -aG bluetooth $USER, then log in again",
        ),
        "ServiceUnknown": (
            "bluetoothd does not run",
            "sudo systemctl enable --now bluetooth",
        ),
        "was not provided": (
            "bluetoothd does not run",
            "sudo systemctl enable --now bluetooth",
        ),
        "No powered": ("the adapter is off", "rfkill unblock bluetooth; bluetoothctl power on"),
        "adapter is off": ("the adapter is off", "rfkill unblock bluetooth; bluetoothctl power on"),
        "No Bluetooth": ("no adapter", "plug one in, or see `bluetoothctl list`"),
    }
    for mark, (reason, remedy) in causes.items():
        if mark in error.reason:
            return f"{reason}; {remedy}"
    return f"{error.reason}; {error.remedy}"


# -- the buses ----------------------------------------------------------------------------------


async def probe_bluetooth(
    radio: GattRadio, clock: Clock, seconds: float = 5.0
) -> list[Found | Note]:
    """Return the insoles that are heard, strongest first; each is asked which foot it is on."""
    heard = sorted(await radio.scan(seconds), key=lambda item: -item.rssi_dbm)
    found: list[Found | Note] = []
    for item in heard:
        asked = _recognised(item)
        if asked is None:
            continue
        try:
            found.append(await _ask_side(asked, radio, clock))
        except (DeviceError, TimeoutError) as error:
            found += [asked, Note(item.address, f"its foot is not known: {error}")]
    return found


def _recognised(item: Advertisement) -> Found | None:
    services = {service.lower() for service in item.services}
    orphe, openfoot = profiles.wire("orphe"), profiles.wire("openfoot")
    sensors = {orphe["service_information"], orphe["service_sensors"]}
    if item.name.startswith(_ORPHE_NAME) or services & sensors:
        data = item.manufacturer.get(_BATTERY_COMPANY, b"")
        battery = str(data[_BATTERY_AT]) if len(data) > _BATTERY_AT else ""
        return Found("orphe", item.address, item.name, (), battery, item.rssi_dbm)
    if item.name.startswith(_OPENFOOT_NAME) or openfoot["service"] in services:
        return Found("openfoot", item.address, item.name, (), "", item.rssi_dbm)
    return None


async def _ask_side(found: Found, radio: GattRadio, clock: Clock) -> Found:
    if found.driver == "openfoot":
        link = over_bluetooth(radio, found.address).link
        heard = await probe_openfoot(link, found.address, clock, _LISTEN_S)
        if not heard:
            raise DeviceError(found.address, "it sends no frames", "see its firmware")
        return replace(heard[0], name=found.name, rssi_dbm=found.rssi_dbm)
    connection = await radio.connect(found.address, _CONNECT_S)
    try:
        uuid = profiles.wire("orphe")["device_information"]
        said = OrpheCodec().information(await within(clock, _CONNECT_S, connection.read(uuid)))
    finally:
        await connection.close()
    if said is None:
        raise DeviceError(found.address, "it does not say what it is", "switch it off and on")
    return replace(found, sides=(said.side,), battery=str(said.battery))


async def probe_openfoot(
    link: FrameLink, name: str, clock: Clock, seconds: float = _LISTEN_S, stuffed: bool = False
) -> list[Found]:
    """Listen to a link; return one device with the feet that its frames name, or none."""
    codec = OpenFootCodec()
    cobs = Cobs(codec.rejected) if stuffed else None
    batteries: dict[Side, str] = {}

    def take(data: bytes, peer: str) -> None:
        for part in cobs.feed(data) if cobs else (data,):
            frame = codec.decode(part)
            if isinstance(frame, Frame):
                percent = frame.battery_percent
                batteries[frame.side] = "" if percent is None else f"{percent} %"

    await _listen(link, take, clock, seconds)
    if not batteries:
        return []
    sides = tuple(side for side in SIDES if side in batteries)
    battery = ", ".join(batteries[side] for side in sides if batteries[side])
    return [Found("openfoot", name, "OpenFoot", sides, battery)]


async def probe_moticon(link: FrameLink, clock: Clock, seconds: float = _LISTEN_S) -> list[Found]:
    """Listen for lines of Moticon's PC software; each carries both feet."""
    wire = profiles.wire("moticon_udp")
    codec = MoticonCodec(Layout(wire["columns"]))
    peers: set[str] = set()

    def take(data: bytes, peer: str) -> None:
        if codec.decode(data):
            peers.add(peer)

    await _listen(link, take, clock, seconds)
    address = f"udp:{wire['udp_port']}"
    return [Found("moticon_udp", address, f"OpenGo from {peer}", SIDES) for peer in sorted(peers)]


async def _listen(
    link: FrameLink, take: Callable[[bytes, str], None], clock: Clock, seconds: float
) -> None:
    try:
        await link.open(take)
        await clock.sleep(seconds)
    finally:
        await link.close()


def _serial_probe(path: str, clock: Clock, seconds: float) -> Probe:
    async def probe() -> Sequence[Found | Note]:
        return await probe_openfoot(over_serial(path).link, path, clock, seconds, stuffed=True)

    return probe


async def probe_i2c(bus: I2cBus) -> list[Found]:
    """Return the LSM6DSOX chips at their two addresses; the address says which foot."""
    wire = profiles.wire("lsm6dsox")
    found: list[Found] = []
    try:
        for side in SIDES:
            address = wire[f"{side}_address"]
            try:
                identity = await bus.read(address, WHO_AM_I, 1)
            except DeviceLostError:
                continue
            if identity == bytes((_LSM6DSOX_ID,)):
                found.append(Found("lsm6dsox", f"0x{address:02X}", "LSM6DSOX", (side,)))
    finally:
        await bus.close()
    return found


async def probe_spi(folder: Path = _SPI_FOLDER) -> list[Note]:
    """Say whether SPI can be used; an MCP3208 does not say that it is there."""
    return [Note("spi", _spi(folder))]


def _spi(folder: Path) -> str:
    devices = sorted(folder.glob("spidev*"))
    if not devices:
        remedy = "sudo raspi-config nonint do_spi 0, then restart"
        return f"SPI is off; for force-sensing resistors: {remedy}"
    if not os.access(devices[0], os.R_OK | os.W_OK):
        return "not allowed; sudo usermod -aG spi $USER, then log in again"
    return "on; a converter does not say that it is there: heelfirst devices add --driver mcp3208"


# -- from what was found to settings ------------------------------------------------------------


def choose(
    found: Iterable[Found], driver: str = "", left: str = "", right: str = ""
) -> dict[str, str]:
    """Return the keys of the agent's [source] section for devices that were found or are named.

    Parameters
    ----------
    found : iterable of Found
        From `discover`; not looked at where `left` or `right` is given.
    driver : str
        Takes this one's devices only; empty: there must be only one kind.
    left, right : str
        Addresses that a person gives.

    Raises
    ------
    DiscoveryError
        Nothing was found, devices of several kinds, two of one foot, or one that did not say its
        foot.
    """
    if left or right or driver == "mcp3208":
        if not driver:
            raise DiscoveryError("addresses without a driver", "give --driver as well")
        return {"driver": driver, "left": left, "right": right}
    near = [item for item in found if driver in ("", item.driver)]
    kinds = sorted({item.driver for item in near})
    if not kinds:
        remedy = "switch it on; stop the agent, which holds it: sudo systemctl stop heelfirst-agent"
        raise DiscoveryError(f"no {driver or 'device'} was found", remedy)
    if len(kinds) > 1:
        raise DiscoveryError(f"found {', '.join(kinds)}", "choose one with --driver")
    return {"driver": kinds[0], "left": "", "right": ""} | _by_side(near)


def _by_side(near: list[Found]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for item in near:
        if not item.sides:
            remedy = f"name it yourself: --driver {item.driver} --left {item.address}"
            raise DiscoveryError(f"{item.address} does not say its foot", remedy)
        if item.address.startswith("udp:"):
            continue
        for side in item.sides:
            if side in chosen:
                both = f"{chosen[side]} and {item.address} are both on the {side} foot"
                raise DiscoveryError(both, f"switch one off, or name it with --{side}")
            chosen[side] = item.address
    return chosen

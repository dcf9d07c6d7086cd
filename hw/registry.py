"""The one list of drivers: how a source is made from its name and settings.

Adding a device is one row of `DRIVERS`; nobody else knows a driver by name.
"""

import difflib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hw.source import Block, Clock, HwError, Profile, Recording, Side, Source

__all__ = [
    "CELLS",
    "DEVICE_NAMES",
    "DRIVERS",
    "Driver",
    "DriverError",
    "Ending",
    "SourceSettings",
    "open_source",
    "simulate",
]


_WALKED_S = 600.0


class DriverError(HwError, ValueError):
    """No such driver, or a setting that it needs is missing; `driver` names it."""

    def __init__(self, driver: str, reason: str) -> None:
        super().__init__(f"driver {driver!r}: {reason}")
        self.driver = driver
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What a driver may be told; each takes what it needs.

    Attributes
    ----------
    path : pathlib.Path or None
        Recording to replay.
    profile : pathlib.Path or None
        TOML of the device that was recorded.
    preset : str
        Which virtual patient, see `hw.virtual.PRESETS`.
    affected : {"left", "right"}
        The virtual patient's leg with foot drop.
    seed : int
        Of the virtual patient.
    rate_hz : float
        Of the virtual device.
    cells : int
        Per foot of the virtual device.
    seconds : float or None
        After which the virtual patient's source ends; None: never.
    block_s : float
        Time between blocks.
    left, right : str
        Where each foot's device is: an address, a serial line, SPI devices by spaces; see
        hw/README.md.
    mode : str
        Of an ORPHE INSOLE; empty: its default.
    port : int
        UDP port; 0: the driver's own.
    bus : int
        I2C bus.
    adapter : str
        Bluetooth adapter; empty: the default one.
    """

    path: Path | None = None
    profile: Path | None = None
    preset: str = "moderate"
    affected: Side = "left"
    seed: int = 0
    rate_hz: float = 100.0
    cells: int = 16
    seconds: float | None = None
    block_s: float = 0.02
    left: str = ""
    right: str = ""
    mode: str = ""
    port: int = 0
    bus: int = 1
    adapter: str = ""

    def for_device(self) -> dict[str, Any]:
        """Return what `hw.devices.catalog` takes: only what is set."""
        names = ("left", "right", "mode", "port", "bus", "adapter", "profile")
        return {
            name: value for name in names if (value := getattr(self, name)) not in ("", 0, None)
        }


@dataclass(frozen=True, slots=True)
class Driver:
    """How to open a source, what it is in one line, and whether it ends by itself."""

    open: Callable[[SourceSettings, Clock], Source]
    summary: str
    endless: bool


def _virtual(settings: SourceSettings, clock: Clock) -> Source:
    from hw.virtual import DeviceConfig, VirtualPatient, VirtualSource, preset

    device = DeviceConfig(cells=settings.cells, rate_hz=settings.rate_hz)
    config = preset(settings.preset, settings.affected, device=device)
    patient = VirtualPatient(config, settings.seed)
    return VirtualSource(patient, clock, settings.block_s, settings.seconds)


def _replay(settings: SourceSettings, clock: Clock) -> Source:
    from hw.replay import Replay, read

    if settings.path is None:
        raise DriverError("replay", "which recording? give its path")
    return Replay(read(settings.path, settings.profile), clock, settings.block_s)


def _device(name: str, settings: SourceSettings, clock: Clock) -> Source:
    from hw.devices import catalog

    return catalog.open_source(name, settings.for_device(), clock)


_DEVICES = {
    "orphe": "ORPHE INSOLE over Bluetooth",
    "openfoot": "home-made insoles over UDP, serial or Bluetooth",
    "moticon_udp": "Moticon OpenGo by its PC software's UDP output",
    "lsm6dsox": "IMU on the Pi's I2C",
    "mcp3208": "force-sensing resistors on the Pi's SPI",
}
DEVICE_NAMES = tuple(_DEVICES)
"""The drivers of hw.devices.catalog, which is imported only when one of them is used."""

CELLS: Mapping[str, Mapping[str, Any]] = {
    "mcp3208": {"kind": "force"},  # its driver gives conductance, which grows with force
    "orphe": {"full_scale": 65535.0},
}
"""What a guided calibration is told of a device's cells (`hw.calibration.GuidedCalibration`)."""

DRIVERS: Mapping[str, Driver] = {
    "virtual": Driver(_virtual, "a virtual patient with foot drop", endless=True),
    "replay": Driver(_replay, "a recording, at the pace of the clock", endless=False),
} | {name: Driver(partial(_device, name), text, endless=True) for name, text in _DEVICES.items()}


def open_source(name: str, settings: SourceSettings, clock: Clock) -> Source:
    """Return the source of a driver.

    Raises
    ------
    DriverError
        For an unknown name or a missing setting.
    HwError
        For what the driver itself refuses, such as a recording that cannot be read.
    """
    driver = DRIVERS.get(name)
    if driver is None:
        near = difflib.get_close_matches(name, DRIVERS, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise DriverError(name, f"not known; known are {', '.join(DRIVERS)}{hint}")
    return driver.open(settings, clock)


class Ending:
    """A source that ends after so many seconds of samples, for a device that never would."""

    def __init__(self, source: Source, seconds: float) -> None:
        self._source = source
        self._span_ns = round(seconds * 1e9)

    @property
    def profile(self) -> Profile:
        """The device's own."""
        return self._source.profile

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks until one begins later than `seconds` after the first."""
        end_ns: int | None = None
        async with aclosing(self._source.blocks()) as blocks:  # type: ignore[type-var]  # every source's iterator is a generator
            async for block in blocks:
                begin_ns = int(block.time_ns[0])
                end_ns = begin_ns + self._span_ns if end_ns is None else end_ns
                if begin_ns > end_ns:
                    return
                yield block


@asynccontextmanager
async def simulate(
    name: str, settings: SourceSettings, clock: Clock, recording: Recording | None = None
) -> AsyncIterator[Source]:
    """Open a device's real driver on simulated hardware, in which somebody walks.

    `recording` is who walks; without one the virtual patient does, whom `settings.preset`,
    `affected` and `seed` describe. With `settings.seconds` the source ends after so long; else the
    recording, or ten minutes of the patient, is walked again and again.

    Raises
    ------
    DriverError
        For an unknown device.
    """
    from hw.devices import catalog
    from hw.virtual import VirtualPatient, preset

    if name not in DEVICE_NAMES:
        raise DriverError(name, f"no device to simulate; choose one of {', '.join(DEVICE_NAMES)}")
    if recording is None:
        patient = VirtualPatient(preset(settings.preset, settings.affected), settings.seed)
        recording = patient.recording(settings.seconds or _WALKED_S)[0]
    async with catalog.simulate(name, recording, clock) as source:
        yield source if settings.seconds is None else Ending(source, settings.seconds)

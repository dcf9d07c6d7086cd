"""The one list of drivers: how a source is made from its name and settings.

Adding a device is one row of `DRIVERS`; nobody else knows a driver by name.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hw.source import Clock, HwError, Side, Source

__all__ = ["DRIVERS", "Driver", "DriverError", "SourceSettings", "open_source"]


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


DRIVERS: Mapping[str, Driver] = {
    "virtual": Driver(_virtual, "a virtual patient with foot drop", endless=True),
    "replay": Driver(_replay, "a recording, at the pace of the clock", endless=False),
}


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

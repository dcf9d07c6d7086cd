"""What every device, recording and virtual patient looks like to the rest of the house.

A `Source` yields `Block`s, each of one foot, in the frames and units of the project:

    time_ns   int64[n]          one monotonic clock for both feet, strictly increasing per foot
    load      float32[n, cells] non-negative, in the unit its profile names; NaN = missing sample
    imu       float32[n, 6]     acceleration x y z in m/s2 with gravity, angular rate x y z in rad/s

in the foot frame: x to the toes, y to the left, z up, right-handed, for both feet.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SIDES",
    "AccelerationUnit",
    "AngularRateUnit",
    "Block",
    "CellUnit",
    "ClaimLevel",
    "Clock",
    "FootProfile",
    "FootSeries",
    "HwError",
    "Mount",
    "Profile",
    "Recording",
    "Side",
    "Source",
    "joined",
]

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
Mount = Literal["foot", "shank"]
CellUnit = Literal["N", "kPa", "N/cm2", "raw"]
AccelerationUnit = Literal["m/s2", "g"]
AngularRateUnit = Literal["rad/s", "deg/s"]
ClaimLevel = Literal["virtual", "spec-tested", "replayed from a real capture", "bench-verified"]


class HwError(Exception):
    """Root of all errors of this room."""


@dataclass(frozen=True, slots=True)
class FootProfile:
    """One foot's sensors: where the cells lie and how the IMU sits.

    Attributes
    ----------
    x, y : tuple of float
        Place per cell: x from heel (0) to toe (1), y from medial (0) to lateral (1).
        Empty where the device has no pressure cells.
    cell_unit : {"N", "kPa", "N/cm2", "raw"}
        Unit of the cells as the device gives them.
    mount : {"foot", "shank"} or None
        None where the device has no IMU.
    acceleration, angular_rate : str
        Units as the device gives them; a reader converts to m/s2 and rad/s.
    axes : tuple of str
        The device axes that point along the foot's x, y, z; "-y" is turned over.
    to_toe_m : tuple of float or None
        From the IMU to the toe point in the foot frame [m].
    """

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    cell_unit: CellUnit = "N"
    mount: Mount | None = None
    acceleration: AccelerationUnit = "m/s2"
    angular_rate: AngularRateUnit = "rad/s"
    axes: tuple[str, str, str] = ("x", "y", "z")
    to_toe_m: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A device: its name, its claim level, and one `FootProfile` per side."""

    name: str
    left: FootProfile
    right: FootProfile
    foot_length_m: float | None = None
    claim: ClaimLevel = "spec-tested"

    def foot(self, side: Side) -> FootProfile:
        """Return the sensors of one side."""
        return self.left if side == "left" else self.right


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of one foot, as they came in one go (see the module's docstring for shapes, units).

    `lost` counts the samples of this foot known to be lost since its previous block;
    `sync_uncertainty_ns` is the half width of the interval that holds a sample's true time on the
    common clock, None where no device clock was mapped to it.
    """

    side: Side
    time_ns: NDArray[np.int64]
    load: NDArray[np.float32] | None
    imu: NDArray[np.float32] | None
    lost: int = 0
    sync_uncertainty_ns: int | None = None


def joined(run: Sequence[Block]) -> Block:
    """Return consecutive blocks of one foot as one; a sensor missing in any is missing in it."""

    def join(parts: list[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
        present = [part for part in parts if part is not None]
        return np.concatenate(present) if len(present) == len(parts) else None

    return Block(
        run[0].side,
        np.concatenate([block.time_ns for block in run]),
        join([block.load for block in run]),
        join([block.imu for block in run]),
        sum(block.lost for block in run),
        run[-1].sync_uncertainty_ns,
    )


@dataclass(frozen=True, slots=True)
class FootSeries:
    """All samples of one foot of a recording; same shapes and units as a `Block`."""

    time_ns: NDArray[np.int64]
    load: NDArray[np.float32] | None
    imu: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole walk in memory: the feet that were recorded, and what device recorded them."""

    name: str
    profile: Profile
    feet: Mapping[Side, FootSeries] = field(default_factory=dict)


class Source(Protocol):
    """Whatever yields samples: a device, a recording, a virtual patient."""

    @property
    def profile(self) -> Profile:
        """The device's cells, axes and units."""
        ...

    def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks in the order they arrive, until the device or the recording ends."""
        ...


class Clock(Protocol):
    """Time as a port: real, scaled, or simulated."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step; the clock that detection runs on."""
        ...

    def wall_ns(self) -> int | None:
        """Nanoseconds since 1970 in UTC, or None while the clock is not known to be right."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock's time."""
        ...

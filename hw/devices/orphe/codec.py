"""ORPHE INSOLE's bytes: big-endian packets of sensor values, information, steps and replies.

SENSOR_VALUES   104 bytes: u8 header, u16 serial, u8 hour, minute, second, u16 ms, blocks
    header 56   2 blocks: quaternion, gyro, acceleration, 6 cells
    header 55   4 blocks: gyro, acceleration, 6 cells (54: the same, pulled)
    header 50   4 blocks: quaternion, gyro, acceleration, u8 ms since the older neighbour
    The last block is the oldest; the time is the oldest sample's.
    header 53   replies to the pull commands: 1 newest serial, 2 no such data
STEP_ANALYSIS   20 bytes, header 51; kind 2 carries f32 force (at 4) and f32 strike angle (at 8)
"""

import struct
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw.source import Side

__all__ = [
    "ACCELERATION_RANGES_G",
    "GYRO_DPS_PER_COUNT",
    "SATURATED",
    "DeviceInformation",
    "NewestSerial",
    "NoData",
    "OrpheCodec",
    "SensorValues",
    "StepAnalysis",
    "ask_data",
    "ask_newest",
    "date_time",
    "set_mode",
]

PACKET_BYTES: Final = 104
SATURATED: Final = 65535
SERIALS: Final = 1 << 16
MAX_RANGES: Final = 30
ACCELERATION_RANGES_G: Final = (2, 4, 8, 16)
GYRO_DPS_PER_COUNT: Final = (0.00875, 0.0175, 0.035, 0.07)

_HEAD = struct.Struct(">BHBBBH")
_STEP = struct.Struct(">ff")
_REPLY = struct.Struct(">HBH")
_RANGE = struct.Struct(">HH")
_STEP_HEADER = 51
_REPLY_HEADER = 53
REPLY_MARK: Final = bytes((_REPLY_HEADER,))
_QUATERNION = ("quaternion", ">i2", (4,))
_MOTION = [("gyro", ">i2", (3,)), ("acceleration", ">i2", (3,))]
_CELLS = ("pressure", ">u2", (6,))
_FULL = np.dtype([_QUATERNION, *_MOTION, _CELLS])
_FAST = np.dtype([*_MOTION, _CELLS])
_TURNING = np.dtype([_QUATERNION, *_MOTION, ("since_older_ms", "u1")])


class _Layout(NamedTuple):
    blocks: int
    block: np.dtype[np.void]
    offset: int
    strides: tuple[int]


def _layout(count: int, block: np.dtype[np.void]) -> _Layout:
    """Blocks from byte 8 on, read from the last, the oldest, to the first."""
    return _Layout(count, block, 8 + (count - 1) * block.itemsize, (-block.itemsize,))


_LAYOUTS: Final = {
    56: _layout(2, _FULL),
    55: _layout(4, _FAST),
    54: _layout(4, _FAST),
    50: _layout(4, _TURNING),
}


class SensorValues(NamedTuple):
    """A packet of samples, oldest first, in counts.

    `blocks` is a structured array with `gyro` int16[3], `acceleration` int16[3] and, by header,
    `pressure` uint16[6], `quaternion` int16[4] (/ 16384, w x y z), `since_older_ms` uint8.
    `time_ms` is the device's time of day [ms] of the oldest sample.
    """

    header: int
    serial: int
    time_ms: int
    blocks: NDArray[np.void]


class StepAnalysis(NamedTuple):
    """The device's own opinion of a step; the unit of force is not published."""

    landing_force: float
    strike_angle_deg: float

    @property
    def strike(self) -> Literal["toe", "flat", "heel"]:
        """Which part landed first, by the device's own limits of the strike angle."""
        if self.strike_angle_deg > 2:
            return "toe"
        return "flat" if self.strike_angle_deg > -3 else "heel"


class NewestSerial(NamedTuple):
    """Reply to `ask_newest`: the newest packet kept, and how many are."""

    serial: int
    kept: int


class NoData(NamedTuple):
    """Reply to `ask_data`: these packets are gone."""

    serial: int
    packets: int


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """DEVICE_INFORMATION; the scale of `battery` is not published."""

    battery: int
    side: Side
    dorsal: bool
    acceleration_range_g: int
    gyro_dps_per_count: float


class OrpheCodec:
    """Decodes notifications; what it rejects is counted by reason in `rejected`."""

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()

    def sensor_values(self, data: bytes) -> SensorValues | None:
        """Return the samples of a 104-byte packet, or None for a packet that is not one."""
        if len(data) != PACKET_BYTES:
            self.rejected["length"] += 1
            return None
        header, serial, hour, minute, second, millisecond = _HEAD.unpack_from(data)
        layout = _LAYOUTS.get(header)
        if layout is None:
            self.rejected["header"] += 1
            return None
        if hour > 23 or minute > 59 or second > 59 or millisecond > 999:
            self.rejected["time"] += 1
            return None
        count, block, offset, strides = layout
        blocks: NDArray[np.void] = np.ndarray((count,), block, data, offset, strides)
        time_ms = ((hour * 60 + minute) * 60 + second) * 1000 + millisecond
        return SensorValues(header, serial, time_ms, blocks)

    def reply(self, data: bytes) -> NewestSerial | NoData | None:
        """Return the reply to a pull command; None for other replies and for wrong bytes."""
        if len(data) < 2 or data[0] != _REPLY_HEADER:
            self.rejected["header"] += 1
            return None
        if data[1] == 1 and len(data) >= 7:
            serial, _, kept = _REPLY.unpack_from(data, 2)
            return NewestSerial(serial, kept)
        if data[1] == 2 and len(data) >= 6:
            return NoData(*_RANGE.unpack_from(data, 2))
        if data[1] in (1, 2):
            self.rejected["length"] += 1
        return None

    def step(self, data: bytes) -> StepAnalysis | None:
        """Return the device's opinion of a step; None for other kinds and for wrong bytes."""
        if len(data) != 20:
            self.rejected["length"] += 1
            return None
        if data[0] != _STEP_HEADER:
            self.rejected["header"] += 1
            return None
        if data[1] != 2:
            return None
        force, angle = _STEP.unpack_from(data, 4)
        if not (abs(angle) <= 180 and abs(force) < 1e6):  # also refuses NaN
            self.rejected["range"] += 1
            return None
        return StepAnalysis(force, angle)

    def information(self, data: bytes) -> DeviceInformation | None:
        """Return what DEVICE_INFORMATION says, or None where it is too short or out of range."""
        if len(data) < 10:
            self.rejected["length"] += 1
            return None
        if data[8] > 3 or data[9] > 3:
            self.rejected["range"] += 1
            return None
        return DeviceInformation(
            battery=data[0],
            side="right" if data[1] & 1 else "left",
            dorsal=bool(data[1] & 2),
            acceleration_range_g=ACCELERATION_RANGES_G[data[8]],
            gyro_dps_per_count=GYRO_DPS_PER_COUNT[data[9]],
        )


def set_mode(mode: Literal["pull", "200 Hz", "100 Hz"]) -> bytes:
    """Return the command that chooses what is streamed; written to DEVICE_INFORMATION."""
    return bytes((0x0D, {"pull": 2, "200 Hz": 3, "100 Hz": 4}[mode]))


def ask_newest() -> bytes:
    """Return the command that asks for the newest serial kept."""
    return b"\x0b\x01"


def ask_data(ranges: list[tuple[int, int]]) -> bytes:
    """Return the command for up to 30 ranges (serial, count); unused places are zero."""
    if len(ranges) > MAX_RANGES:
        raise ValueError(f"{len(ranges)} ranges in one command; ask for {MAX_RANGES} at a time")
    body = b"".join(_RANGE.pack(serial % SERIALS, count) for serial, count in ranges)
    return b"\x0b\x02" + body.ljust(MAX_RANGES * _RANGE.size, b"\0")


def date_time(wall_ns: int) -> bytes:
    """Return DATE_TIME (YY MM DD hh mm ss cs, UTC) for nanoseconds since 1970."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    now = datetime.fromtimestamp(seconds, UTC)
    return bytes(
        (now.year % 100, now.month, now.day, now.hour, now.minute, now.second, rest // 10_000_000)
    )

"""LSM6DSOX's registers and FIFO words, in counts: 208 Hz, 16 g, 2000 deg/s, timestamps.

A FIFO word is 7 bytes: tag (sensor << 3 | slot << 1 | parity), then 3 x i16 or u32 ticks of 25 us.
Words of one instant carry the same two-bit slot. After an overrun the first may be mid-record.
"""

import struct
from collections import Counter
from typing import Final, NamedTuple

__all__ = [
    "DPS_PER_COUNT",
    "G_PER_COUNT",
    "SETUP",
    "TICKS",
    "TICK_NS",
    "FifoCodec",
    "FifoStatus",
    "MotionSample",
]

WHO_AM_I: Final = 0x0F
IDENTITY: Final = 0x6C
RESET: Final = (0x12, 0x01)
SETUP: Final = (
    (0x12, 0x44),  # registers keep still while read, addresses count up
    (0x19, 0x20),  # time stamps on
    (0x0A, 0x00),  # FIFO empty
    (0x09, 0x55),  # both sensors into it at 208 Hz
    (0x0A, 0x46),  # continuous, a time stamp with every sample
    (0x10, 0x54),  # accelerometer 208 Hz, 16 g
    (0x11, 0x5C),  # gyroscope 208 Hz, 2000 deg/s
)
FIFO_STATUS: Final = 0x3A
FIFO_DATA: Final = 0x78
TIMESTAMP: Final = 0x40
WORD_BYTES: Final = 7
CAPACITY: Final = 512
TICK_NS: Final = 25_000
TICKS: Final = 1 << 32
RATE_HZ: Final = 208.0
G_PER_COUNT: Final = 16 / 32768
DPS_PER_COUNT: Final = 0.07
FULL_COUNT: Final = 32767

_GYRO: Final = 1
_ACCELERATION: Final = 2
_TIME: Final = 4
_KNOWN: Final = frozenset((_GYRO, _ACCELERATION, _TIME))
_VECTOR = struct.Struct("<3h")
_TICKS = struct.Struct("<I")


class FifoStatus(NamedTuple):
    """How many words wait, and whether older ones were overwritten."""

    words: int
    overrun: bool


class MotionSample(NamedTuple):
    """One instant, in counts, with the chip's time [25 us]."""

    ticks: int
    acceleration: tuple[int, int, int]
    gyro: tuple[int, int, int]


class FifoCodec:
    """Words to samples; what it rejects is counted by reason in `rejected`."""

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self._slot: int | None = None
        self._parts: dict[int, bytes] = {}

    def status(self, data: bytes) -> FifoStatus:
        """Return what the two status bytes at 3A say."""
        return FifoStatus(data[0] | (data[1] & 3) << 8, bool(data[1] & 0x40))

    def broken(self) -> None:
        """Words were overwritten: what is half read has no other half."""
        if self._parts:
            self.rejected["partial record"] += 1
        self._slot, self._parts = None, {}

    def decode(self, data: bytes) -> list[MotionSample]:
        """Return the samples that these words complete; the rest waits for the next call."""
        if len(data) % WORD_BYTES:
            self.rejected["length"] += 1
            data = data[: len(data) // WORD_BYTES * WORD_BYTES]
        samples = []
        for at in range(0, len(data), WORD_BYTES):
            sensor, slot = data[at] >> 3, data[at] >> 1 & 3
            if sensor not in _KNOWN:
                self.rejected["header"] += 1
                continue
            if slot != self._slot or sensor in self._parts:
                if self._parts:
                    self.rejected["partial record"] += 1
                self._slot, self._parts = slot, {}
            self._parts[sensor] = data[at + 1 : at + WORD_BYTES]
            if len(self._parts) == len(_KNOWN):
                samples.append(self._complete())
        return samples

    def _complete(self) -> MotionSample:
        parts, self._parts = self._parts, {}
        (ticks,) = _TICKS.unpack_from(parts[_TIME])
        return MotionSample(
            ticks, _VECTOR.unpack(parts[_ACCELERATION]), _VECTOR.unpack(parts[_GYRO])
        )


def ticks(data: bytes) -> int:
    """Return the chip's time [25 us] from the four bytes at 40."""
    value: int = _TICKS.unpack_from(data)[0]
    return value

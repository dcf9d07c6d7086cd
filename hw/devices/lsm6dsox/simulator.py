"""The chip behind its registers: sampling, time stamps, a FIFO of 512 words that overruns."""

import struct
from collections import deque
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.devices.errors import DeviceLostError
from hw.devices.simulation.feed import FootFeed
from hw.source import Clock

__all__ = ["Lsm6dsoxChip", "SimulatedI2c"]

_RATES: Final = {1: 12.5, 2: 26.0, 3: 52.0, 4: 104.0, 5: 208.0, 6: 417.0, 7: 833.0}
_G_RANGES: Final = {0: 2, 1: 16, 2: 4, 3: 8}
_DPS_PER_COUNT: Final = {0: 0.00875, 1: 0.0175, 2: 0.035, 3: 0.07}
_FIFO_WORDS: Final = 512
_STANDARD_G: Final = 9.80665


class Lsm6dsoxChip:
    """One chip; its oscillator is off by `rate_error`. `dead` it answers nobody."""

    def __init__(self, feed: FootFeed, clock: Clock, rate_error: float = 0.0) -> None:
        self._feed = feed
        self._clock = clock
        self._speed = 1 + rate_error
        self.dead = False
        self.overwritten = 0
        self._born_ns = clock.monotonic_ns()
        self.identity = 0x6C
        self.power_up()

    def power_up(self) -> None:
        """Forget all settings, as after a loss of power."""
        self._registers = bytearray(256)
        self._registers[0x0F] = self.identity
        self._fifo: deque[bytes] = deque()
        self._overrun = False
        self._slot = 0
        self._sampled = 0
        self._began_ns = self._clock.monotonic_ns()

    def write(self, register: int, value: int) -> None:
        """Write a register."""
        self._sample()
        if register == 0x12 and value & 1:
            self.power_up()
            return
        self._registers[register] = value
        if register == 0x0A and value & 7 == 0:
            self._fifo.clear()
        if register == 0x10:
            self._began_ns = self._clock.monotonic_ns()
            self._sampled = 0

    def read(self, register: int, count: int) -> bytes:
        """Read from a register on; 78..7E is the FIFO's next word, again and again."""
        self._sample()
        if register == 0x78:
            words = [self._fifo.popleft() if self._fifo else bytes(7) for _ in range(count // 7)]
            return b"".join(words)
        if register == 0x3A:
            level = len(self._fifo)
            state = bytes((level & 0xFF, level >> 8 & 3 | (0x40 if self._overrun else 0)))
            self._overrun = False
            return state[:count]
        if register == 0x40:
            return struct.pack("<I", self._ticks(self._age_s()))[:count]
        return bytes(self._registers[register : register + count])

    def _age_s(self) -> float:
        return (self._clock.monotonic_ns() - self._began_ns) / 1e9 * self._speed

    def _ticks(self, age_s: float) -> int:
        return int(age_s / 25e-6) & 0xFFFFFFFF

    def _sample(self) -> None:
        """Take the samples that fell due since the last look, as many as the FIFO can show."""
        rate = _RATES.get(self._registers[0x10] >> 4)
        if rate is None or self._registers[0x0A] & 7 != 6:
            return
        due = int(self._age_s() * rate)
        skip = max(0, due - self._sampled - _FIFO_WORDS)
        if skip:
            self._sampled += skip
            self._slot += skip
            self.overwritten += skip
            self._overrun = True
        if due > self._sampled:
            numbers = np.arange(self._sampled + 1, due + 1)
            began_s = (self._began_ns - self._born_ns) / 1e9
            _, imu = self._feed.at(began_s + numbers / rate / self._speed)
            for number, motion in zip(numbers, imu, strict=True):
                self._store(float(number) / rate, motion)
            self._sampled = due

    def _store(self, age_s: float, motion: NDArray[np.float64]) -> None:
        g_range = _G_RANGES[self._registers[0x10] >> 2 & 3]
        dps = _DPS_PER_COUNT[self._registers[0x11] >> 2 & 3]
        gyro = [_count(value / dps) for value in np.degrees(motion[3:])]
        acceleration = [_count(value / _STANDARD_G / g_range * 32768) for value in motion[:3]]
        words = [
            (1, struct.pack("<3h", *gyro)),
            (2, struct.pack("<3h", *acceleration)),
            (4, struct.pack("<IH", self._ticks(age_s), 0)),
        ]
        self._slot = (self._slot + 1) & 3
        for sensor, data in words:
            tag = sensor << 3 | self._slot << 1
            tag |= tag.bit_count() & 1
            if len(self._fifo) >= _FIFO_WORDS:
                gone = self._fifo.popleft()
                self._overrun = True
                self.overwritten += gone[0] >> 3 == 4
            self._fifo.append(bytes((tag,)) + data)


class SimulatedI2c:
    """The port of buses.py over chips by address."""

    def __init__(self, chips: Mapping[int, Lsm6dsoxChip]) -> None:
        self._chips = chips

    async def read(self, address: int, register: int, count: int) -> bytes:
        """Read from a chip."""
        return self._chip(address).read(register, count)

    async def write(self, address: int, register: int, value: int) -> None:
        """Write to a chip."""
        self._chip(address).write(register, value)

    async def close(self) -> None:
        """Nothing to close."""

    def _chip(self, address: int) -> Lsm6dsoxChip:
        chip = self._chips.get(address)
        if chip is None or chip.dead:
            reason = f"nobody answers at 0x{address:02x}"
            raise DeviceLostError("simulated I2C", reason, "check the wires")
        return chip


def _count(value: float) -> int:
    return max(-32768, min(32767, round(value)))

"""Converters with resistors on their inputs, behind the port of buses.py."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hw.devices.errors import DeviceLostError
from hw.devices.simulation.feed import FootFeed
from hw.source import Clock

__all__ = ["Mcp3208Chip"]

_RESISTOR_OHM = 2200.0
_FULL_SCALE_S = 1.2e-3


class Mcp3208Chip:
    """One converter whose eight inputs are cells `first` to `first + 7` of a foot.

    `unplugged` nothing drives the line, which then floats high; `dead` the bus itself fails;
    `full_scale_s` is the conductance of a fully loaded cell [S].
    """

    def __init__(
        self, feed: FootFeed, clock: Clock, first: int = 0, full_scale_s: float = _FULL_SCALE_S
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._first = first
        self._full_scale_s = full_scale_s
        self._born_ns = clock.monotonic_ns()
        self.unplugged = False
        self.dead = False
        self.saturate = False

    async def transfer(self, requests: Sequence[bytes]) -> list[bytes]:
        """Convert the channel each request names."""
        if self.dead:
            raise DeviceLostError("simulated SPI", "input/output error", "check the wires")
        if self.unplugged:
            return [b"\xff\xff\xff" for _ in requests]
        age_s = (self._clock.monotonic_ns() - self._born_ns) / 1e9
        loads, _ = self._feed.at(np.array([age_s]))
        return [self._convert(request, loads[0]) for request in requests]

    async def close(self) -> None:
        """Nothing to close."""

    def _convert(self, request: bytes, loads: NDArray[np.float64]) -> bytes:
        if len(request) != 3 or request[0] & 0x06 != 0x06:
            return b"\xff\xff\xff"
        channel = (request[0] & 1) << 2 | request[1] >> 6
        cell = self._first + channel
        load = float(loads[cell]) if cell < len(loads) else 0.0
        siemens = load * self._full_scale_s
        share = siemens * _RESISTOR_OHM / (1 + siemens * _RESISTOR_OHM)
        code = 4095 if self.saturate else min(4095, int(share * 4096))
        return bytes((0xFF, 0xE0 | code >> 8, code & 0xFF))

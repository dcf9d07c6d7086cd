"""The PC software's side: a line of both feet every 10 ms."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from hw.devices.simulation.feed import FootFeed
from hw.source import SIDES, Clock, Side

__all__ = ["MoticonSoftware"]

_FULL_N_CM2: Final = 50.0
_AREA_CM2: Final = 10.0
_G: Final = 9.80665


class MoticonSoftware:
    """Sends what two feet do; a `hw.devices.simulation.frames.FrameSender`.

    A foot without a feed is sent as nan. Columns: time, then acceleration 3, gyro 3, cop 2, cells
    16, force 1 of the left foot, then of the right.
    """

    def __init__(
        self,
        feeds: Mapping[Side, FootFeed],
        clock: Clock,
        first_s: float = 0.0,
        drift_ppm: float = 0,
    ) -> None:
        self._feeds = feeds
        self._clock = clock
        self._first_s = first_s
        self._rate = 1 + drift_ppm * 1e-6
        self._born_ns = clock.monotonic_ns()
        self.mute = False
        self.saturate = False

    def step_clock(self, microseconds: float) -> None:
        """Step its clock."""
        self._first_s += microseconds / 1e6

    async def run(self, send: Callable[[bytes], object]) -> None:
        """Send for ever."""
        number = math.ceil(self._age_s() * 100)
        while True:
            if self.mute:
                await self._clock.sleep(0.05)
                number = math.ceil(self._age_s() * 100)
                continue
            await self._clock.sleep((number / 100 - self._age_s()) / self._rate)
            if not self.mute:
                send(self.line(number))
            number += 1

    def answer(self, data: bytes, send: Callable[[bytes], object]) -> None:
        """Ignore what the host sends."""

    def line(self, number: int) -> bytes:
        """Return line `number`."""
        fields = [f"{self._first_s + number / 100:.3f}"]
        for side in SIDES:
            feed = self._feeds.get(side)
            fields += ["nan"] * 25 if feed is None else self._foot(feed, number / 100 / self._rate)
        return (" ".join(fields) + "\n").encode()

    def _foot(self, feed: FootFeed, age_s: float) -> list[str]:
        loads, imu = feed.at(np.array([age_s]))
        share = np.ones_like(loads[0]) if self.saturate else np.minimum(loads[0], 1.0)
        cells = np.round(share * _FULL_N_CM2 * 4) / 4
        acceleration, gyro = imu[0, :3] / _G, np.degrees(imu[0, 3:])
        force = cells.sum() * _AREA_CM2
        return [
            *(f"{value:.4f}" for value in acceleration),
            *(f"{value:.2f}" for value in gyro),
            "0.000",
            "0.000",
            *(f"{value:.2f}" for value in cells),
            f"{force:.1f}",
        ]

    def _age_s(self) -> float:
        return (self._clock.monotonic_ns() - self._born_ns) / 1e9 * self._rate

"""A simulated person who does the steps of the guided session: for tests, and for a first try."""

from collections.abc import AsyncIterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from hw.source import SIDES, Block, Clock, FootProfile, Profile, Side
from hw.virtual import DeviceConfig, PatientConfig, VirtualPatient
from hw.virtual.sensors import GRAVITY, CellSensors

__all__ = ["Pose", "Rehearsal", "RehearsalSource"]

Pose = Literal["stand", "left", "right", "heels", "toes", "sit", "fidget", "seated"]
FLAT: Final = (0.50, 0.12, 0.33, 0.05)
"""Shares of heel, midfoot, metatarsals and toes."""
POSES: Final[dict[str, tuple[tuple[float, float], tuple[float, ...]]]] = {
    "stand": ((0.5, 0.5), FLAT),
    "left": ((1.0, 0.0), FLAT),
    "right": ((0.0, 1.0), FLAT),
    "heels": ((0.5, 0.5), (0.86, 0.07, 0.05, 0.02)),
    "toes": ((0.5, 0.5), (0.02, 0.06, 0.72, 0.20)),
    "sit": ((0.0, 0.0), FLAT),
    "seated": ((0.09, 0.09), FLAT),
    "fidget": ((0.5, 0.5), FLAT),
}
SWAY: Final = 0.012
SWAY_HZ: Final = 0.31
FIDGET: Final = 0.3
LEAN: Final = 0.15


class Rehearsal:
    """The person and the virtual device; each call of `blocks` goes on where the last one ended.

    Parameters
    ----------
    device : DeviceConfig, optional
        Gains, preload, drift and noise of the insoles.
    seed : int
    body_weight_n : float
    swapped : bool
        The insoles lie in the wrong shoes.
    dead : mapping of side to cell numbers from 0, optional
        Cells that stay at one value.
    """

    def __init__(
        self,
        device: DeviceConfig | None = None,
        seed: int = 0,
        body_weight_n: float = 750.0,
        swapped: bool = False,
        dead: dict[Side, tuple[int, ...]] | None = None,
    ) -> None:
        self.device = device or DeviceConfig()
        self.body_weight_n = body_weight_n
        self.profile: Profile = VirtualPatient(PatientConfig(device=self.device)).profile
        self._swapped, self._dead = swapped, dead or {}
        rngs = np.random.default_rng(seed).spawn(4)
        self._cells = {
            side: CellSensors(self.device, *_places(self.profile.foot(side)), rngs[k])
            for k, side in enumerate(SIDES)
        }
        self._noise = {side: rngs[2 + k] for k, side in enumerate(SIDES)}
        self._next = 0

    def true_load(self, pose: Pose, side: Side) -> float:
        """Return what the foot bears in a pose, without sway [N]."""
        return POSES[pose][0][SIDES.index(side)] * self.body_weight_n

    def blocks(
        self, pose: Pose, seconds: float, block_s: float = 0.1, start_ns: int = 0
    ) -> list[Block]:
        """Return the blocks of both feet while the person keeps a pose, in order of time."""
        out: list[Block] = []
        rate = self.device.rate_hz
        end = self._next + round(seconds * rate)
        while self._next < end:
            index = np.arange(self._next, min(end, self._next + max(1, round(block_s * rate))))
            self._next = int(index[-1]) + 1
            out += [self._block(side, pose, index, start_ns) for side in SIDES]
        return out

    def _block(self, side: Side, pose: Pose, index: NDArray[np.int64], start_ns: int) -> Block:
        t = index / self.device.rate_hz
        noise = self._noise[side].standard_normal((len(t), self.device.cells + 6))
        foot: Side = side
        if self._swapped:
            foot = "right" if side == "left" else "left"
        regions = self._force(foot, pose, t)[:, None] * np.array(POSES[pose][1])
        lean = np.full(len(t), LEAN)
        load = self._cells[side].sample(t, regions, lean, noise[:, 6:])
        for cell in self._dead.get(side, ()):
            load[:, cell] = 3.0
        time_ns = np.rint(index * (1e9 / self.device.rate_hz)).astype(np.int64) + start_ns
        imu = self._imu(pose, t, noise[:, :6]) if self.device.imu else None
        return Block(side, time_ns, load, imu)

    def _force(self, foot: Side, pose: Pose, t: NDArray[np.float64]) -> NDArray[np.float64]:
        share = POSES[pose][0][SIDES.index(foot)]
        sign = 1 if foot == "left" else -1
        size = FIDGET if pose == "fidget" else SWAY
        hz = 1.3 if pose == "fidget" else SWAY_HZ
        sway = sign * size * np.sin(2 * np.pi * hz * t) if 0 < share < 1 else np.zeros_like(t)
        return np.asarray((share + sway * 2 * share) * self.body_weight_n)

    def _imu(
        self, pose: Pose, t: NDArray[np.float64], noise: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        device = self.device
        out = noise * np.repeat([device.acc_noise, device.gyr_noise], 3)
        out[:, 2] += GRAVITY
        if pose == "fidget":
            out[:, 4] += 1.5 * np.sin(2 * np.pi * 1.3 * t)
        return np.asarray(out, dtype=np.float32)


def _places(foot: FootProfile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(foot.x), np.array(foot.y)


class RehearsalSource:
    """A rehearsal as a source; set `pose` from what the session says. Never ends by itself."""

    def __init__(self, rehearsal: Rehearsal, clock: Clock, block_s: float = 0.05) -> None:
        self.pose: Pose = "stand"
        self._rehearsal, self._clock, self._block_s = rehearsal, clock, block_s

    @property
    def profile(self) -> Profile:
        """The virtual device."""
        return self._rehearsal.profile

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield the blocks of both feet at the pace of the clock."""
        start_ns = self._clock.monotonic_ns()
        while True:
            await self._clock.sleep(self._block_s)
            for block in self._rehearsal.blocks(self.pose, self._block_s, self._block_s, start_ns):
                yield block

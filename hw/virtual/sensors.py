"""What the virtual insole and IMU make of loads and motion: sampling, mounting, noise and loss."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hw.virtual.config import DeviceConfig
from hw.virtual.load import cell_weights
from hw.virtual.motion import Pose

__all__ = ["GRAVITY", "CellSensors", "ImuSensor", "PacketLoss"]

GRAVITY = 9.80665
Array = NDArray[np.float64]


class CellSensors:
    """The cells of one foot, each with its own gain, preload and drift."""

    def __init__(self, device: DeviceConfig, x: Array, y: Array, rng: np.random.Generator) -> None:
        cells = len(x)
        self._device = device
        self._medial, self._level, self._lateral = (cell_weights(x, y, k) for k in (-1.0, 0.0, 1.0))
        self._gain = np.maximum(0.2, 1 + device.gain_spread * rng.standard_normal(cells))
        self._preload = device.preload_n * rng.random(cells)
        self._drift = device.drift_n_per_h / 3600 * rng.uniform(-1, 1, cells)

    def sample(self, t: Array, regions: Array, lean: Array, noise: Array) -> NDArray[np.float32]:
        """Return load[n, cells] in N of the regions' forces [n, regions] at times t [s].

        `lean[n]` is how far the load lies to the lateral border (1) or the medial one (-1).
        """
        aside = np.abs(lean)[:, None]
        force = (1 - aside) * (regions @ self._level)
        force += np.maximum(lean, 0)[:, None] * (regions @ self._lateral)
        force += np.maximum(-lean, 0)[:, None] * (regions @ self._medial)
        force = force * self._gain + self._preload + np.outer(t, self._drift)
        force += self._device.cell_noise_n * noise
        if self._device.quantum_n > 0:
            force = np.rint(force / self._device.quantum_n) * self._device.quantum_n
        clipped = np.clip(force, 0.0, self._device.saturation_n)
        return np.asarray(clipped, dtype=np.float32)


class ImuSensor:
    """An IMU on the instep, turned nose up by the mounting's tilt.

    A sample is the mean over the time around it, as a real sensor's filter gives it: acceleration
    is the second difference of the position, angular rate the first difference of the angles, so
    that sums of samples give back way and angle.
    """

    def __init__(self, device: DeviceConfig, place_m: Array, rng: np.random.Generator) -> None:
        self._device = device
        self._place = place_m
        self._bias = np.concatenate(
            [device.acc_bias * rng.standard_normal(3), device.gyr_bias * rng.standard_normal(3)]
        )
        tilt = np.radians(device.imu_tilt_deg)
        c, s = np.cos(tilt), np.sin(tilt)
        self._mount = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])

    def sample(
        self, t: Array, step_s: float, pose: Callable[[Array], Pose], noise: Array
    ) -> NDArray[np.float32]:
        """Return imu[n, 6] at times t [s], `step_s` apart; `pose` gives the foot at any times."""
        n = len(t)
        fine = t[0] + 0.5 * step_s * np.arange(-2, 2 * n + 1)
        foot = pose(fine)
        place = foot.point(*self._place)[::2]
        acceleration = (place[2:] - 2 * place[1:-1] + place[:-2]) / step_s**2
        acceleration[:, 2] += GRAVITY
        angles = np.column_stack([foot.yaw, foot.pitch, foot.roll])
        rates = (angles[3:-1:2] - angles[1:-3:2]) / step_s
        body = _body_frame(angles[2:-2:2], acceleration, rates)
        body[:, :3] = body[:, :3] @ self._mount.T
        body[:, 3:] = body[:, 3:] @ self._mount.T
        sigma = [self._device.acc_noise] * 3 + [self._device.gyr_noise] * 3
        return np.asarray(body + self._bias + noise * sigma, dtype=np.float32)


def _body_frame(angles: Array, acceleration: Array, rates: Array) -> Array:
    """Return acceleration and angular rate [n, 6] in the foot's frame; angles yaw, pitch, roll."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles).T, np.sin(angles).T
    x, y, z = acceleration.T
    along, left = cy * x + sy * y, cy * y - sy * x
    forward, up = cp * along + sp * z, cp * z - sp * along
    yaw, pitch, roll = rates.T
    # R = Rz(yaw) Ry(-pitch) Rx(roll): pitch is positive with the toes up, against the y axis.
    return np.column_stack(
        [
            forward,
            cr * left + sr * up,
            cr * up - sr * left,
            roll + sp * yaw,
            -cr * pitch + sr * cp * yaw,
            sr * pitch + cr * cp * yaw,
        ]
    )


class PacketLoss:
    """Which samples arrive: packets are lost one by one, at random."""

    def __init__(self, device: DeviceConfig, rng: np.random.Generator) -> None:
        self._device = device
        self._rng = rng
        self._decided = 0
        self._last = True

    def arrives(self, first: int, count: int) -> NDArray[np.bool_]:
        """Return for `count` samples from number `first` on whether they arrive; ask in order."""
        packet = np.arange(first, first + count) // self._device.packet
        fresh = int(packet[-1]) + 1 - self._decided
        fates = [self._last, *(self._rng.random(max(0, fresh)) >= self._device.loss)]
        base = self._decided - 1
        self._decided += max(0, fresh)
        self._last = bool(fates[-1])
        return np.array(fates)[packet - base]

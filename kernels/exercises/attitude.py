"""Which way is up in a foot's IMU, from means over a frame: pitch, and acceleration upwards.

The direction of gravity is turned by the angular rate and drawn towards the accelerometer where
that shows little else: a complementary filter (Mahony et al. 2008, doi 10.1109/TAC.2008.923738)
without heading. It is coarser than the kernel's own pose, and cheap in plain Python.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["GRAVITY", "Attitude", "Tilt"]

GRAVITY: Final = 9.80665
_STILL_RAD_S: Final = 0.25
_STILL_M_S2: Final = 0.6
_QUIET_M_S2: Final = 1.5
_TAU_STILL_S: Final = 0.4
_TAU_S: Final = 3.0
_TAU_BIAS_S: Final = 4.0
_LARGEST_BIAS: Final = 0.1


class Tilt(NamedTuple):
    """How the foot is tilted and moves.

    Attributes
    ----------
    pitch_deg, roll_deg : float
        Of the IMU, toes up and inner edge of a right foot up; mounting included.
    up_m_s2, ahead_m_s2 : float
        Acceleration upwards without gravity, and level along the foot.
    rate_rad_s : float
        Size of the angular rate, its offset taken off.
    is_still : bool
        Neither turns nor speeds up.
    step_s : float
        The time that it stands for.
    """

    pitch_deg: float
    roll_deg: float
    up_m_s2: float
    ahead_m_s2: float
    rate_rad_s: float
    is_still: bool
    step_s: float


class Attitude:
    """Follows the direction of gravity in the IMU's frame."""

    def __init__(self) -> None:
        self._up: tuple[float, float, float] | None = None
        self._bias = (0.0, 0.0, 0.0)
        self._gravity = GRAVITY

    def forget(self) -> None:
        """Begin anew after a gap; offset and scale stay."""
        self._up = None

    def update(self, acc: Sequence[float], gyr: Sequence[float], step_s: float) -> Tilt:
        """Take the means of a frame [m/s2, rad/s], `step_s` after the one before."""
        size = math.sqrt(acc[0] ** 2 + acc[1] ** 2 + acc[2] ** 2)
        wx, wy, wz = gyr[0] - self._bias[0], gyr[1] - self._bias[1], gyr[2] - self._bias[2]
        rate = math.sqrt(wx * wx + wy * wy + wz * wz)
        is_still = rate < _STILL_RAD_S and abs(size - self._gravity) < _STILL_M_S2
        if self._up is None:
            self._up = self._unit(acc, size)
        else:
            self._turn(wx * step_s, wy * step_s, wz * step_s)
        if size > 0:
            self._correct(acc, size, is_still, step_s)
        if is_still:
            self._learn(gyr, size, step_s)
        x, y, z = self._up
        upwards = x * acc[0] + y * acc[1] + z * acc[2]
        return Tilt(
            math.degrees(math.asin(max(-1.0, min(1.0, x)))),
            math.degrees(math.atan2(y, z)),
            upwards - self._gravity,
            (acc[0] - x * upwards) / math.sqrt(max(1 - x * x, 1e-3)),
            rate,
            is_still,
            step_s,
        )

    @staticmethod
    def _unit(acc: Sequence[float], size: float) -> tuple[float, float, float]:
        if not size > 0:
            return (0.0, 0.0, 1.0)
        return (acc[0] / size, acc[1] / size, acc[2] / size)

    def _turn(self, rx: float, ry: float, rz: float) -> None:
        """Turn the vector against the foot's rotation (Rodrigues)."""
        x, y, z = self._up or (0.0, 0.0, 1.0)
        angle2 = rx * rx + ry * ry + rz * rz
        angle = math.sqrt(angle2)
        s = math.sin(angle) / angle if angle > 1e-9 else 1.0
        c = (1 - math.cos(angle)) / angle2 if angle > 1e-9 else 0.5
        along = (rx * x + ry * y + rz * z) * c
        keep = 1 - c * angle2
        self._up = (
            keep * x + (y * rz - z * ry) * s + rx * along,
            keep * y + (z * rx - x * rz) * s + ry * along,
            keep * z + (x * ry - y * rx) * s + rz * along,
        )

    def _correct(self, acc: Sequence[float], size: float, is_still: bool, step_s: float) -> None:
        x, y, z = self._up or (0.0, 0.0, 1.0)
        if abs(size - self._gravity) < _QUIET_M_S2:
            k = step_s / (_TAU_STILL_S if is_still else _TAU_S)
            ux, uy, uz = self._unit(acc, size)
            x, y, z = x + k * (ux - x), y + k * (uy - y), z + k * (uz - z)
        length = math.sqrt(x * x + y * y + z * z)
        self._up = (x / length, y / length, z / length)

    def _learn(self, gyr: Sequence[float], size: float, step_s: float) -> None:
        """Follow the rate's offset and the size of gravity while the foot is still."""
        k = step_s / _TAU_BIAS_S
        x, y, z = self._bias
        self._bias = (
            _limited(x + k * (gyr[0] - x)),
            _limited(y + k * (gyr[1] - y)),
            _limited(z + k * (gyr[2] - z)),
        )
        self._gravity += k * (size - self._gravity)


def _limited(bias: float) -> float:
    return min(_LARGEST_BIAS, max(-_LARGEST_BIAS, bias))

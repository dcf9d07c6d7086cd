"""A plain synthetic walk for measuring speed: two feet, 16 cells, IMU, a drag now and then.

Not a believable person: that is the virtual patient of the hw room. It has what costs time and
what makes every kind of event.
"""

import numpy as np
from numpy.typing import NDArray

from hw.source import FootProfile, FootSeries, Profile, Recording, Side

__all__ = ["drop_foot_walk"]

STRIDE_S = 1.2
STANCE = 0.62
DRAG = (0.72, 0.82)
"""The part of a stride in which a scuff lasts: mid-swing."""
CELLS_X = tuple(np.linspace(0.05, 0.95, 16).round(3).tolist())
CELLS_Y = (0.3, 0.7) * 8
GRAVITY = 9.81


def drop_foot_walk(seconds: float, rate_hz: float = 100.0) -> Recording:
    """Return two feet that stand for two seconds and walk on; both drag in every second swing.

    Loads in N, peak about 800 N; acceleration in m/s2 with gravity, angular rate in rad/s.
    """
    foot = FootProfile(x=CELLS_X, y=CELLS_Y, mount="foot")
    profile = Profile("synthetic", foot, foot, foot_length_m=0.27, claim="virtual")
    time_ns = (np.arange(round(seconds * rate_hz)) * (1e9 / rate_hz)).astype(np.int64)
    lags: dict[Side, float] = {"left": 0.0, "right": 0.5}
    feet: dict[Side, FootSeries] = {}
    for side, lag in lags.items():
        stride = (time_ns / 1e9 - 2.0) / STRIDE_S - lag
        walking = stride >= 0
        phase = np.where(walking, stride % 1.0, 0.3 * STANCE)
        drags = walking & (np.floor(stride) % 2 == 1)
        feet[side] = FootSeries(time_ns, _load(phase, drags), _imu(phase, walking))
    return Recording("synthetic walk", profile, feet)


def _load(phase: NDArray[np.float64], drags: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the cells' loads: the heel first, the toes last, two humps of force."""
    progress = np.clip(phase / STANCE, 0, 1)
    force = 800 * np.sin(np.pi * progress) ** 0.6 * (phase < STANCE)
    centre = 0.08 + 0.84 * progress
    spread = np.exp(-(((np.array(CELLS_X) - centre[:, None]) / 0.16) ** 2))
    load = force[:, None] * spread / spread.sum(axis=1, keepdims=True)
    scuffing = drags & (phase > DRAG[0]) & (phase < DRAG[1])
    load[np.ix_(scuffing, np.array(CELLS_X) > 0.75)] += 25.0
    return np.asarray(load, np.float32)


def _imu(phase: NDArray[np.float64], walking: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return a pitch that turns heel up at push-off and toes up before contact, with gravity."""
    swing = np.clip((phase - STANCE) / (1 - STANCE), 0, 1)
    push = np.clip((phase - 0.7 * STANCE) / (0.3 * STANCE), 0, 1)
    pitch = np.where(phase < STANCE, -0.6 * push**2, -0.6 + 0.9 * (1 - np.cos(np.pi * swing)) / 2)
    pitch = np.where(phase < 0.1, 0.3 * (1 - phase / 0.1), pitch) * walking
    imu = np.zeros((len(phase), 6), np.float32)
    imu[:, 0], imu[:, 2] = GRAVITY * np.sin(pitch), GRAVITY * np.cos(pitch)
    imu[:, 4] = -np.gradient(pitch) * 100
    return imu

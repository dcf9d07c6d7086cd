"""The zero of each cell, followed through swings: slow, bounded, and never learnt from a drag."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.calibration.records import FootCalibration
from hw.calibration.regions import FOREFOOT, regions_of
from hw.calibration.windows import PERCENTILE
from hw.source import FootProfile

__all__ = ["ZeroTracker"]

LOADED: Final = 0.40
"""Share of the body weight on a foot that stands in walking."""
LOW: Final = 0.12
"""Below it the foot may be in swing; a toe drag carries up to a fifth, a forgotten preload less."""
MIN_SWING_S: Final = 0.20
MAX_SWING_S: Final = 2.0
GAP_NS: Final = 30_000_000
TURN_RAD_S: Final = 0.8
"""A swing turns the foot at least so fast; a weight shift does not (see kernels.config)."""
GAIN: Final = 0.2
"""Share of the difference that one swing may teach."""
SLEW_PER_H: Final = 0.10
"""A cell's zero moves at most by this share of its part of the body weight per hour: twice the
drift of 5 %/h that gait.md asks to bear."""
MAX_BUDGET_H: Final = 2.0
DRAG_SHARE: Final = 0.02
"""A forefoot that is this much over its zero, the rest of the foot not, is dragged: no teacher."""

Array = NDArray[np.float64]


class ZeroTracker:
    """One foot's zeros; the same for any cut of the stream where there is an IMU.

    A swing lies between two stances that bore weight, lasts 0.2 .. 2 s without a gap, and is
    confirmed by rotation of the foot, or without an IMU by the other foot's load. An unworn foot
    has none of it; `frozen` stops the learning altogether.

    Parameters
    ----------
    foot : FootProfile
    calibration : FootCalibration
        Where it begins.
    full_load : float
        The body weight in calibrated units.
    """

    def __init__(self, foot: FootProfile, calibration: FootCalibration, full_load: float) -> None:
        self.frozen = False
        self.swings = 0
        self._calibrated = np.array(calibration.zero)
        self.zero: Array = self._calibrated.copy()
        gain = [np.nan if g is None else g for g in calibration.gain]
        self._gain = np.array(gain)
        self._low = np.array(calibration.low)
        self._fore = regions_of(foot) == FOREFOOT
        self._full = full_load
        self._rows: list[Array] = []
        self._began_ns = 0
        self._turn = 0.0
        self._confirmed = False
        self._armed = False
        self._last_ns: int | None = None
        self._learnt_ns: int | None = None

    @property
    def moved(self) -> Array:
        """How far each zero lies from the calibrated one [shares of the body weight]."""
        return np.asarray((self.zero - self._calibrated) * self._gain / self._full)

    def push(
        self,
        time_ns: NDArray[np.int64],
        values: Array,
        imu: NDArray[np.float32] | None,
        other_loaded: bool = False,
    ) -> None:
        """Take linearised readings [n, cells] and imu [n, 6]."""
        share = np.nansum((values - self.zero) * self._gain, axis=1) / self._full
        known = np.asarray(np.isfinite(values).any(axis=1))
        turn = None if imu is None else np.linalg.norm(imu[:, 3:], axis=1)
        for i, now in enumerate(time_ns.tolist()):
            gap = self._last_ns is not None and now - self._last_ns > GAP_NS
            self._last_ns = now
            if gap or not known[i]:
                self._disarm()
            elif share[i] >= LOADED:
                self._land(now)
            elif share[i] < LOW and self._armed:
                self._swing(now, values[i], other_loaded if turn is None else float(turn[i]))

    def _disarm(self) -> None:
        self._armed, self._rows = False, []

    def _swing(self, now_ns: int, row: Array, sign: float | bool) -> None:
        if not self._rows:
            self._began_ns, self._turn, self._confirmed = now_ns, 0.0, False
        self._rows.append(np.array(row))
        if isinstance(sign, bool):
            self._confirmed |= sign
        elif np.isfinite(sign):
            self._turn = max(self._turn, sign)
        if now_ns - self._began_ns > MAX_SWING_S * 1e9:
            self._disarm()

    def _land(self, now_ns: int) -> None:
        long = now_ns - self._began_ns >= MIN_SWING_S * 1e9
        if self._rows and long and (self._confirmed or self._turn >= TURN_RAD_S):
            self._learn(np.array(self._rows), now_ns)
        if self._learnt_ns is None:
            self._learnt_ns = now_ns
        self._armed, self._rows = True, []

    def _learn(self, rows: Array, now_ns: int) -> None:
        known = np.isfinite(rows).sum(axis=0) > 0.5 * len(rows)
        if self.frozen or not known.any():
            return
        low = np.full(rows.shape[1], np.nan)
        low[known] = np.nanpercentile(rows[:, known], PERCENTILE, axis=0)
        offset = (low - self._low) - (self.zero - self._calibrated)
        if self._dragged(offset * self._gain / self._full):
            return
        hours = min(MAX_BUDGET_H, (now_ns - (self._learnt_ns or now_ns)) / 3.6e12)
        part = self._full / np.count_nonzero(np.isfinite(self._gain))
        most = SLEW_PER_H * hours * part / self._gain
        step = np.clip(GAIN * offset, -most, most)
        self.zero = self.zero + np.where(np.isfinite(step), step, 0.0)
        self._learnt_ns = now_ns
        self.swings += 1

    def _dragged(self, offset: Array) -> bool:
        """Tell whether the forefoot alone carries; `offset` in shares of the body weight."""
        fore, rest = offset[self._fore], offset[~self._fore]
        fore, rest = fore[np.isfinite(fore)], rest[np.isfinite(rest)]
        if not fore.size or fore.sum() < DRAG_SHARE:
            return False
        return not rest.size or bool(rest.mean() < 0.5 * fore.mean())

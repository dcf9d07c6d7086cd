"""Trip risk of one foot: how often its recent swings went wrong. A margin, not a prediction."""

import math
from collections import deque
from statistics import fmean, median, pstdev

from kernels.clearance import believable
from kernels.plausible import stride_time_s
from kernels.walk_records import GaitStride, Level

__all__ = ["LEAST_STRIDES_FOR_CV", "LEAST_SWINGS", "WINDOW", "TripRisk", "cv_percent"]

WINDOW = 30
"""Valid swings that are looked back on."""
LEAST_SWINGS = 10
"""Fewer valid swings say nothing: the risk is None."""
LEAST_STRIDES_FOR_CV = 30
"""Fewer strides give no stride-time CV (gait.md)."""
TIMES_KEPT = 40
"""Stride times that are looked back on: 30 and some pauses."""
REASON_FROM = 0.1
LOW_CLEARANCE_MM = 5.0
RAISED, HIGH, RELEASE = 0.3, 0.6, 0.1


def cv_percent(stride_times_s: list[float]) -> float | None:
    """Return the coefficient of variation [%] of at least 30 stride times, else None.

    Pauses and half steps of a turn, outside 0.7-1.5 of the median, are no steady walking and are
    left out; so the 30 are counted without them.
    """
    if not stride_times_s:
        return None
    usual = median(stride_times_s)
    steady = [t for t in stride_times_s if 0.7 * usual <= t <= 1.5 * usual]
    if len(steady) < LEAST_STRIDES_FOR_CV:
        return None
    return 100.0 * pstdev(steady) / fmean(steady)


class TripRisk:
    """Trip risk 0-1 over the last 30 valid swings of one foot, None under 10 of them.

    With, over those n swings,

        d = 1 - exp(-drags / n / 0.10)                drags: one swing in ten gives 0.63
        t = 0.6 * toe-first contacts / n              stairs left out of both counts
        c = 0.25 * P(clearance < 5 mm)                over the swings of known clearance, >= 10
        v = 0.25 * clip((CV - 3 %) / 3 %, 0, 1)       stride-time CV of the last 30-40 strides

    the risk is 1 - (1 - d)(1 - t)(1 - c)(1 - v): each cause raises it, none can hide another. A
    part that cannot be known adds nothing; clearance is not known where over a fifth of the values
    is impossible (`kernels.clearance`). Reasons are the parts >= 0.1: toe_drag, toe_first,
    low_clearance, variability. Levels: raised from 0.3, high from 0.6, left again 0.1 lower.

    The weights are a proposal of this project. Drags and toe-first contacts are seen; each alone
    can reach the raised level. Clearance and CV are indirect, and neither alone can: a foot IMU's
    +-8 mm puts healthy swings under 5 mm, laboratory clearance did not predict trips in the
    community, and without an IMU a walk's turns pass for variability (a CV over 4-5 % is a marker
    of risk; all gait.md). Both together can.
    """

    def __init__(self) -> None:
        self._swings: deque[tuple[bool, bool | None, float | None]] = deque(maxlen=WINDOW)
        self._times: deque[float] = deque(maxlen=TIMES_KEPT)
        self._level: Level = "low"

    def add(self, stride: GaitStride) -> tuple[float | None, Level | None, tuple[str, ...]]:
        """Take the next stride of the foot; return risk, level and reasons after it."""
        stride_s = stride_time_s(stride)
        if stride_s is not None:
            self._times.append(stride_s)
        if stride.valid_swing:
            toe = None if stride.strike == "unknown" or "stairs" in stride.flags else False
            toe = True if toe is False and stride.strike == "toe" else toe
            dragged = stride.toe_drag not in (None, "none")
            self._swings.append((dragged, toe, stride.clearance_mm))
        if len(self._swings) < LEAST_SWINGS:
            return None, None, ()
        parts = self._parts()
        risk = 1.0 - math.prod(1.0 - part for part in parts.values())
        self._level = self._step(risk)
        reasons = tuple(name for name, part in parts.items() if part >= REASON_FROM)
        return risk, self._level, reasons

    def _parts(self) -> dict[str, float]:
        drags = fmean(dragged for dragged, _, _ in self._swings)
        toes = [toe for _, toe, _ in self._swings if toe is not None]
        clearances = believable([mm for _, _, mm in self._swings if mm is not None])
        low = 0.0
        if len(clearances) >= LEAST_SWINGS:
            low = fmean(mm < LOW_CLEARANCE_MM for mm in clearances)
        cv = cv_percent(list(self._times))
        return {
            "toe_drag": 1.0 - math.exp(-drags / 0.10),
            "toe_first": 0.6 * fmean(toes) if toes else 0.0,
            "low_clearance": 0.25 * low,
            "variability": 0.0 if cv is None else 0.25 * min(max((cv - 3.0) / 3.0, 0.0), 1.0),
        }

    def _step(self, risk: float) -> Level:
        if risk >= HIGH or (self._level == "high" and risk >= HIGH - RELEASE):
            return "high"
        if risk >= RAISED or (self._level != "low" and risk >= RAISED - RELEASE):
            return "raised"
        return "low"

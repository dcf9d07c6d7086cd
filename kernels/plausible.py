"""Plausible ranges of stride numbers (gait.md): outside they are flagged, kept, not averaged."""

from kernels.clearance import is_possible
from kernels.walk_records import GaitStride

__all__ = ["implausible", "speed_m_s", "stride_time_s"]

STRIDE_S = (0.46, 3.0)
LENGTH_M = (0.15, 2.19)
SPEED_M_S = (0.08, 2.22)


def _inside(value: float | None, limits: tuple[float, float]) -> bool:
    return value is None or limits[0] <= value <= limits[1]


def _speed(stride: GaitStride) -> float | None:
    if stride.stride_length_m is None or not stride.stride_s:
        return None
    return stride.stride_length_m / stride.stride_s


def implausible(stride: GaitStride) -> bool:
    """Say whether a number of the stride lies outside its range."""
    return not (
        _inside(stride.stride_s, STRIDE_S)
        and _inside(stride.stride_length_m, LENGTH_M)
        and _inside(_speed(stride), SPEED_M_S)
        and (stride.clearance_mm is None or is_possible(stride.clearance_mm))
    )


def stride_time_s(stride: GaitStride) -> float | None:
    """Return the stride time [s] if it may be averaged: plausible, and not of a turn."""
    if "turn" in stride.flags or not _inside(stride.stride_s, STRIDE_S):
        return None
    return stride.stride_s


def speed_m_s(stride: GaitStride) -> float | None:
    """Return the stride's speed [m/s] if it may be averaged."""
    speed = _speed(stride)
    usable = _inside(speed, SPEED_M_S) and _inside(stride.stride_length_m, LENGTH_M)
    return speed if usable and stride_time_s(stride) is not None else None

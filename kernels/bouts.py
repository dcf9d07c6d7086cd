"""Walking bouts: strides of both feet in contact order, gathered until walking stops."""

from statistics import fmean

from kernels.records import CURVE_POINTS
from kernels.risk import cv_percent
from kernels.walk_records import Affected, GaitBout, GaitStride, Side

__all__ = ["BOUT_END_NS", "LEAST_CONTACTS", "BoutBuilder", "double_support_percent"]

BOUT_END_NS = 4_000_000_000
"""A bout ends when no foot lands for so long: the slowest stride (gait.md) has ended by then."""
LEAST_CONTACTS = 3
"""Alternating contacts that make a bout."""


def double_support_percent(stride: GaitStride, others: list[GaitStride]) -> float | None:
    """Return the share of a stride [%] in which both feet were loaded.

    `others` are landings of the other foot. Within the stride the other foot leaves the ground once
    and lands once; both must have been seen, in that order, else None.
    """
    start, toe_off = stride.previous_contact_ns, stride.toe_off_ns
    if start is None or toe_off is None:
        return None
    inside = [o for o in others if start < o.time_ns < stride.time_ns]
    if len(inside) != 1 or inside[0].toe_off_ns is None:
        return None
    other_off, other_on = inside[0].toe_off_ns, inside[0].time_ns
    if not start <= other_off <= other_on <= toe_off:
        return None
    both = (other_off - start) + (toe_off - other_on)
    return 100.0 * both / (stride.time_ns - start)


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None


class BoutBuilder:
    """One stretch of walking under construction."""

    def __init__(self, affected: Affected) -> None:
        self._affected = affected
        self._strides: list[GaitStride] = []
        self._alternating = self._longest = 0
        self._curves: dict[Side, list[float]] = {}
        self._curve_count: dict[Side, int] = {"left": 0, "right": 0}

    @property
    def last_contact_ns(self) -> int | None:
        """The bout's last contact so far; None before the first."""
        return self._strides[-1].time_ns if self._strides else None

    def add(self, stride: GaitStride, curve: list[float] | None) -> None:
        """Add the next landing and the load curve of its stance (3 x 21, share of the peak)."""
        other = bool(self._strides) and self._strides[-1].side != stride.side
        self._alternating = self._alternating + 1 if other else 1
        self._longest = max(self._longest, self._alternating)
        self._strides.append(stride)
        if curve is not None:
            total = self._curves.setdefault(stride.side, [0.0] * (3 * CURVE_POINTS))
            for i, value in enumerate(curve):
                total[i] += value
            self._curve_count[stride.side] += 1

    def close(self, one_foot: bool) -> GaitBout | None:
        """Return the bout, or None where it was no walking: no three alternating contacts.

        With one foot only (`one_foot`) alternation cannot be seen: three of its contacts suffice.
        """
        strides = self._strides
        if not strides or max(self._longest, len(strides) if one_foot else 0) < LEAST_CONTACTS:
            return None
        good = [s for s in strides if not {"implausible", "turn"} & set(s.flags)]
        times = [s.stride_s for s in good if s.stride_s is not None]
        speeds = [s.stride_length_m / s.stride_s for s in good if s.stride_length_m and s.stride_s]
        double = [s.double_support_percent for s in good if s.double_support_percent is not None]
        stride_s = _mean(times)
        return GaitBout(
            time_ns=strides[0].time_ns,
            duration_s=(strides[-1].time_ns - strides[0].time_ns) / 1e9,
            **self._counts(),
            cadence_per_min=None if stride_s is None else 120.0 / stride_s,
            double_support_percent=_mean(double),
            stance_symmetry_index=self._symmetry(good),
            stride_time_cv_percent=cv_percent(times),
            speed_m_s=_mean(speeds),
            curve_left=self._curve("left"),
            curve_right=self._curve("right"),
        )

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for side in ("left", "right"):
            own = [s for s in self._strides if s.side == side]
            counts[f"strides_{side}"] = sum(s.previous_contact_ns is not None for s in own)
            counts[f"valid_swings_{side}"] = sum(s.valid_swing for s in own)
            counts[f"heel_first_{side}"] = sum(s.strike == "heel" for s in own)
            counts[f"flat_{side}"] = sum(s.strike == "flat" for s in own)
            counts[f"toe_first_{side}"] = sum(s.strike == "toe" for s in own)
            counts[f"drags_{side}"] = sum(s.toe_drag not in (None, "none") for s in own)
        return counts

    def _symmetry(self, strides: list[GaitStride]) -> float | None:
        """Return (P - NP) / (0.5 (P + NP)) * 100 of the mean stance times.

        P is the affected leg; the left one where none is. With both affected neither leg is a
        reference: None. (Robinson et al. 1987, J Manipulative Physiol Ther 10:172.)
        """
        if self._affected == "both":
            return None
        stance = {
            side: _mean([s.stance_s for s in strides if s.side == side and s.stance_s is not None])
            for side in ("left", "right")
        }
        right_is_p = self._affected == "right"
        p, n = stance["right" if right_is_p else "left"], stance["left" if right_is_p else "right"]
        if p is None or n is None:
            return None
        return (p - n) / (0.5 * (p + n)) * 100.0

    def _curve(self, side: Side) -> tuple[float, ...]:
        count = self._curve_count[side]
        return tuple(value / count for value in self._curves[side]) if count else ()

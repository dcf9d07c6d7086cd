"""Walking bouts: strides of both feet in contact order, gathered until walking stops."""

from statistics import fmean, median
from typing import Any

from kernels.clearance import margin
from kernels.personal import CIRCUMDUCTION_OVER_MM, STEPPAGE_OVER_PERCENT
from kernels.plausible import speed_m_s, stride_time_s
from kernels.records import CURVE_POINTS
from kernels.risk import cv_percent
from kernels.walk_records import Affected, GaitBout, GaitStride, Side

__all__ = [
    "BOUT_END_NS",
    "LEAST_CONTACTS",
    "LONGEST_NS",
    "BoutBuilder",
    "double_support_percent",
]

BOUT_END_NS = 4_000_000_000
"""A bout ends when no foot lands for so long: the slowest stride (gait.md) has ended by then."""
LONGEST_NS = 600_000_000_000
"""A bout is closed after ten minutes, and the next `continues` it: memory stays bounded and what
was found does not wait for the end of a long walk."""
LEAST_CONTACTS = 3
"""Alternating contacts that make a bout."""
LEAST_TRAVEL_M = 0.15
"""Strides whose median length is less go nowhere: stepping on the spot (gait.md: walking needs
forward travel, and strides are 0.15 m at least)."""
ASYMMETRIC_PERCENT = 10.0
"""Symmetry index from which a bout is `asymmetric`. gait.md."""
SIDES: tuple[Side, Side] = ("left", "right")


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


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _index(p: float | None, n: float | None) -> float | None:
    """Return (P - NP) / (0.5 (P + NP)) * 100 (Robinson et al. 1987, J Manipulative Physiol Ther
    10:172)."""
    return None if p is None or n is None else (p - n) / (0.5 * (p + n)) * 100.0


class BoutBuilder:
    """One stretch of walking under construction.

    Parameters
    ----------
    affected : {"none", "left", "right", "both"}
    continued : bool
        It goes on where a bout was closed for its length: each of its landings has one before.
    """

    def __init__(self, affected: Affected, continued: bool = False) -> None:
        self._affected = affected
        self.continued = continued
        self._strides: list[GaitStride] = []
        self._alternating = self._longest = 0
        self._curves: dict[Side, list[float]] = {}
        self._curve_count: dict[Side, int] = {"left": 0, "right": 0}

    @property
    def last_contact_ns(self) -> int | None:
        """The bout's last contact so far; None before the first."""
        return self._strides[-1].time_ns if self._strides else None

    def is_full(self, now_ns: int) -> bool:
        """Say whether a contact at `now_ns` comes over ten minutes after the bout's first."""
        return bool(self._strides) and now_ns - self._strides[0].time_ns > LONGEST_NS

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

    def close(self, one_foot: bool, continues: bool = False) -> GaitBout | None:
        """Return the bout, or None where it was no walking: no three alternating contacts.

        With one foot only (`one_foot`) alternation cannot be seen: three of its contacts suffice.
        Where stride lengths are known, they must be of walking.
        """
        strides = self._strides
        if not strides or max(self._longest, len(strides) if one_foot else 0) < LEAST_CONTACTS:
            return None
        lengths = [s.stride_length_m for s in strides if s.stride_length_m is not None]
        if len(lengths) >= LEAST_CONTACTS and median(lengths) < LEAST_TRAVEL_M:
            return None
        good = [s for s in strides if stride_time_s(s) is not None]
        times = [s.stride_s for s in good if s.stride_s is not None]
        stride_s = fmean(times) if times else None
        return GaitBout(
            time_ns=strides[0].time_ns,
            duration_s=(strides[-1].time_ns - strides[0].time_ns) / 1e9,
            **self._of_each_foot(),
            **self._symmetry(good),
            cadence_per_min=None if stride_s is None else 120.0 / stride_s,
            double_support_percent=_mean([s.double_support_percent for s in good]),
            stride_time_cv_percent=cv_percent(times),
            speed_m_s=_mean([speed_m_s(s) for s in good]),
            curve_left=self._curve("left"),
            curve_right=self._curve("right"),
            continues=continues,
        )

    def _of_each_foot(self) -> dict[str, Any]:
        numbers: dict[str, Any] = {}
        for side in SIDES:
            own = [s for s in self._strides if s.side == side]
            for name, value in (_counts(own) | _over(own) | _clearance(own)).items():
                numbers[f"{name}_{side}"] = value
        return numbers

    def _symmetry(self, strides: list[GaitStride]) -> dict[str, Any]:
        """Return the symmetry of the mean stance and swing times.

        P is the affected leg; the left one where none is. With both affected neither leg is a
        reference: None.
        """
        if self._affected == "both":
            return {"stance_symmetry_index": None}
        p: Side = "right" if self._affected == "right" else "left"
        stance, swing = (
            [_mean([getattr(s, name) for s in strides if (s.side == p) == is_p]) for is_p in (1, 0)]
            for name in ("stance_s", "swing_s")
        )
        index = _index(*stance)
        return {
            "stance_symmetry_index": index,
            "swing_symmetry_index": _index(*swing),
            "stance_time_ratio": None if index is None else stance[0] / stance[1],  # type: ignore[operator] # an index has both
            "asymmetric": None if index is None else abs(index) > ASYMMETRIC_PERCENT,
        }

    def _curve(self, side: Side) -> tuple[float, ...]:
        count = self._curve_count[side]
        return tuple(value / count for value in self._curves[side]) if count else ()


def _counts(strides: list[GaitStride]) -> dict[str, Any]:
    return {
        "strides": sum(s.previous_contact_ns is not None for s in strides),
        "valid_swings": sum(s.valid_swing for s in strides),
        "heel_first": sum(s.strike == "heel" for s in strides),
        "flat": sum(s.strike == "flat" for s in strides),
        "toe_first": sum(s.strike == "toe" for s in strides),
        "drags": sum(s.toe_drag not in (None, "none") for s in strides),
    }


def _over(strides: list[GaitStride]) -> dict[str, Any]:
    """Return steppage and circumduction with the strides that could be judged."""
    numbers: dict[str, Any] = {}
    for name, field, limit in (
        ("steppage", "lift_over_percent", STEPPAGE_OVER_PERCENT),
        ("circumduction", "excursion_over_mm", CIRCUMDUCTION_OVER_MM),
    ):
        known = [value for s in strides if (value := getattr(s, field)) is not None]
        numbers[name] = sum(value > limit for value in known) if known else None
        numbers[f"{name}_judged"] = len(known)
    return numbers


def _clearance(strides: list[GaitStride]) -> dict[str, Any]:
    found = margin([s.clearance_mm for s in strides if s.clearance_mm is not None])
    return {f"clearance_{name}": getattr(found, name) for name in found.__slots__}

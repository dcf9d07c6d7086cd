"""What is usual for this person, and what stands out of it: steppage and circumduction.

The baseline is learnt while the person walks and lives as long as the `Walk` that learns it.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from kernels.clearance import believable
from kernels.plausible import stride_time_s
from kernels.walk_records import Affected, GaitStride, Side

__all__ = ["LEAST_STRIDES", "Baseline", "Personal", "teaches"]

KEPT = 100
"""Strides of a foot that are remembered."""
LEAST_STRIDES = 10
"""Fewer give no baseline."""
ALIKE = 0.10
"""Strides whose length differs by less than this share are compared: lift and excursion grow with
stride length, and a brisk walk after a slow one is no steppage."""
SHUFFLE_LIFT_MM = 50.0
"""A swing with less lift of the heel is a shuffle; in slow walking it is 150 mm and more."""
STEPPAGE_OVER_PERCENT = 25.0
"""Lift over the reference that makes steppage. gait.md (proposal)."""
CIRCUMDUCTION_OVER_MM = 30.0
"""Lateral excursion over the reference that makes circumduction. gait.md (proposal)."""
_NEVER = {"turn", "stairs"}


@dataclass(frozen=True, slots=True)
class Baseline:
    """The medians of one foot's plain strides; None: never measured in them.

    Attributes
    ----------
    strides : int
        How many it rests on, at most the last 100.
    """

    strides: int
    stride_s: float | None
    lift_mm: float | None
    lateral_excursion_mm: float | None
    pitch_at_contact_deg: float | None
    clearance_mm: float | None


def teaches(stride: GaitStride) -> bool:
    """Say whether a stride is plain enough to learn from.

    It is whole, straight, level, of a plausible time, and is no shuffle: the foot was seen free of
    load in a valid swing without a drag, and where there is an IMU it rose by at least 50 mm.
    Without pressure the rise alone must do.
    """
    if stride_time_s(stride) is None or _NEVER & set(stride.flags):
        return False
    if stride.lift_mm is not None and stride.lift_mm < SHUFFLE_LIFT_MM:
        return False
    if "pressure" in stride.sources:
        return stride.valid_swing and stride.toe_drag == "none"
    return stride.lift_mm is not None


class _Plain(NamedTuple):
    """The numbers of a plain stride that a baseline needs."""

    stride_s: float | None
    stride_length_m: float | None
    lift_mm: float | None
    lateral_excursion_mm: float | None
    pitch_at_contact_deg: float | None
    clearance_mm: float | None


def _middle(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) >= LEAST_STRIDES else None


class Personal:
    """The baselines of both feet.

    Parameters
    ----------
    affected : {"none", "left", "right", "both"}
        Decides what a stride is compared with (`reference`).
    """

    def __init__(self, affected: Affected) -> None:
        self._affected = affected
        self._known: dict[Side, deque[_Plain]] = {
            "left": deque(maxlen=KEPT),
            "right": deque(maxlen=KEPT),
        }

    def baseline(self, side: Side) -> Baseline | None:
        """Return a foot's baseline; None before ten plain strides."""
        known = self._known[side]
        if len(known) < LEAST_STRIDES:
            return None
        return Baseline(
            strides=len(known),
            stride_s=_middle([s.stride_s for s in known]),
            lift_mm=_middle([s.lift_mm for s in known]),
            lateral_excursion_mm=_middle([s.lateral_excursion_mm for s in known]),
            pitch_at_contact_deg=_middle([s.pitch_at_contact_deg for s in known]),
            clearance_mm=_middle(
                [*believable([s.clearance_mm for s in known if s.clearance_mm is not None])]
            ),
        )

    def compare(self, stride: GaitStride) -> tuple[float | None, float | None]:
        """Return lift over the reference [%] and lateral excursion over it [mm].

        None where the stride is not straight and level, was not measured, or has no reference of
        ten strides of like length. Steppage is over the foot's own baseline, and for an affected
        leg over the unaffected foot's too: the larger counts. Circumduction is over the other
        foot's; over the own where the other one is the affected leg, or both are.
        """
        if stride.stride_length_m is None or {"turn", "stairs"} & set(stride.flags):
            return None, None
        own: Side = stride.side
        other: Side = "right" if own == "left" else "left"
        lifts = [self._lift(stride, own)]
        if self._affected == own:
            lifts.append(self._lift(stride, other))
        known = [value for value in lifts if value is not None]
        across = other if self._affected in ("none", own) else own
        return max(known) if known else None, self._excursion(stride, across)

    def learn(self, stride: GaitStride) -> None:
        """Remember a stride if it `teaches` and does not stand out of the foot's own baseline."""
        if not teaches(stride):
            return
        if stride.stride_length_m is not None:
            lift, excursion = self._lift(stride, stride.side), self._excursion(stride, stride.side)
            if (lift or 0.0) > STEPPAGE_OVER_PERCENT or (excursion or 0.0) > CIRCUMDUCTION_OVER_MM:
                return
        plain = _Plain(*(getattr(stride, name) for name in _Plain._fields))
        self._known[stride.side].append(plain)

    def _lift(self, stride: GaitStride, side: Side) -> float | None:
        usual = _middle([s.lift_mm for s in self._alike(stride, side)])
        if usual is None or stride.lift_mm is None:
            return None
        return 100.0 * (stride.lift_mm / usual - 1.0)

    def _excursion(self, stride: GaitStride, side: Side) -> float | None:
        usual = _middle([s.lateral_excursion_mm for s in self._alike(stride, side)])
        if usual is None or stride.lateral_excursion_mm is None:
            return None
        return stride.lateral_excursion_mm - usual

    def _alike(self, stride: GaitStride, side: Side) -> list[_Plain]:
        length = stride.stride_length_m
        assert length is not None
        return [
            s
            for s in self._known[side]
            if s.stride_length_m is not None
            and abs(s.stride_length_m - length) <= ALIKE * s.stride_length_m
        ]

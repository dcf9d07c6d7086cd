"""Toe clearance over many swings: what can be believed, and the margin that is left.

A foot IMU reads minimum toe clearance within about +-8 mm per stride (gait.md), so one value is no
verdict; a distribution is. Laboratory clearance did not predict trips in the community beyond fall
history (gait.md): this is a margin, not a prediction of falls.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "IMPOSSIBLE_BELOW_MM",
    "IMPOSSIBLE_SHARE",
    "LEAST_CLEARANCES",
    "ClearanceCheck",
    "Margin",
    "believable",
    "is_possible",
    "margin",
]

IMPOSSIBLE_BELOW_MM = -8.0
"""The toes cannot be under the ground; what is lower than the sensor's own error is impossible."""
IMPOSSIBLE_SHARE = 0.2
"""With more impossible ones among them, the possible ones rest on the same wrong lever arm or on
a sole that bends under the sensor: then none is used (proposal)."""
CLEARED_SHARE = 0.1
LEAST_CLEARANCES = 10
"""Fewer give no margin."""
LEAST_TO_JUDGE = 5
RECENT = 30


def is_possible(clearance_mm: float) -> bool:
    """Say whether a foot can have had this clearance [mm]."""
    return clearance_mm >= IMPOSSIBLE_BELOW_MM


def believable(clearances_mm: Sequence[float]) -> list[float]:
    """Return the possible ones among clearances [mm]; none where over a fifth is impossible."""
    possible = [mm for mm in clearances_mm if is_possible(mm)]
    impossible = len(clearances_mm) - len(possible)
    return possible if impossible <= IMPOSSIBLE_SHARE * len(clearances_mm) else []


@dataclass(frozen=True, slots=True)
class Margin:
    """Clearance margin of some swings of one foot.

    Attributes
    ----------
    swings : int
        Swings it rests on: their clearance is known and possible.
    impossible : int
        Swings whose clearance read under -8 mm; not among `swings`.
    under_5mm, under_10mm, under_15mm : float or None
        Share of the swings with less clearance, empirical; None under 10 swings.
    p1_mm, spread_mm : float or None
        First percentile (linear between order statistics) and standard deviation [mm].
    """

    swings: int = 0
    impossible: int = 0
    under_5mm: float | None = None
    under_10mm: float | None = None
    under_15mm: float | None = None
    p1_mm: float | None = None
    spread_mm: float | None = None


def margin(clearances_mm: Sequence[float]) -> Margin:
    """Return the margin of the swings with these clearances [mm], impossible ones included."""
    known = believable(clearances_mm)
    impossible = sum(not is_possible(mm) for mm in clearances_mm)
    if len(known) < LEAST_CLEARANCES:
        return Margin(len(known), impossible)
    values = np.array(known)
    return Margin(
        swings=len(known),
        impossible=impossible,
        under_5mm=float(np.mean(values < 5.0)),
        under_10mm=float(np.mean(values < 10.0)),
        under_15mm=float(np.mean(values < 15.0)),
        p1_mm=float(np.percentile(values, 1)),
        spread_mm=float(values.std(ddof=1)),
    )


class ClearanceCheck:
    """Whether the recent clearances of one foot can be believed, with hysteresis."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self.faulty = False

    def add(self, clearance_mm: float) -> bool:
        """Take the next clearance [mm]; return whether over a fifth of the last 30 is impossible.

        Five are needed for a first verdict; it is taken back at a tenth.
        """
        self._recent.append(is_possible(clearance_mm))
        if len(self._recent) >= LEAST_TO_JUDGE:
            share = self._recent.count(False) / len(self._recent)
            self.faulty = share > (CLEARED_SHARE if self.faulty else IMPOSSIBLE_SHARE)
        return self.faulty

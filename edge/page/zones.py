"""The load under a foot in five zones, for two quiet pictures instead of a rainbow."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.source import FootProfile

__all__ = ["LEVELS", "ZONES", "ZoneView"]

ZONES: Final = ("heel", "midfoot", "ball_inner", "ball_outer", "toes")
LEVELS: Final = 10
"""A zone is shown at one of so many steps of the foot's own largest load."""
_HEEL_END, _MIDFOOT_END, _BALL_END = 0.33, 0.62, 0.84
"""Of the foot's length from the heel, as in the insole's drawing (proposal)."""
_FADE: Final = 0.9995
"""Per update: at ten a second the largest load is forgotten by half in two minutes."""
_LEAST_N: Final = 15.0
"""Mean load of a cell [N] that is never shown as full; other units have no such floor."""


class ZoneView:
    """Turns one sample of one foot into a level per zone.

    Parameters
    ----------
    foot : FootProfile
        Where the cells lie; a half of the ball without cells shows the other half's.
    """

    def __init__(self, foot: FootProfile) -> None:
        x, inner = np.array(foot.x), np.array(foot.y) < 0.5
        ball = (x >= _MIDFOOT_END) & (x < _BALL_END)
        members = [
            x < _HEEL_END,
            (x >= _HEEL_END) & (x < _MIDFOOT_END),
            ball & inner,
            ball & ~inner,
            x >= _BALL_END,
        ]
        for half, other in ((2, 3), (3, 2)):
            if not members[half].any():
                members[half] = members[other]
        self._members = [np.flatnonzero(some) for some in members]
        self._most = _LEAST_N if foot.cell_unit == "N" else 0.0

    def levels(self, load: NDArray[np.float32]) -> list[int | None]:
        """Return a level 0 .. `LEVELS` per zone of `ZONES`; None: no cell there, or no number.

        `load` is one sample, float32[cells], NaN where it is missing.
        """
        means = [_mean(load, cells) for cells in self._members]
        self._most = max([self._most * _FADE, *(mean for mean in means if mean is not None)])
        return [None if mean is None else self._level(mean) for mean in means]

    def _level(self, mean: float) -> int:
        return round(LEVELS * mean / self._most) if self._most > 0 else 0


def _mean(load: NDArray[np.float32], cells: NDArray[np.intp]) -> float | None:
    known = [value for value in load[cells].tolist() if value == value]  # NaN is not itself
    return sum(known) / len(known) if known else None

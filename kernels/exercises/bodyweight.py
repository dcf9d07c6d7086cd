"""Loads as shares of the body weight, and whether the person sits."""

from collections.abc import Mapping, Sequence
from typing import Final

from kernels.exercises.frames import FRAME_S, Frame
from kernels.exercises.records import Side

__all__ = ["BodyWeight"]

PRIOR_N: Final = 500.0
"""Of a light adult, for cells in newtons, until the person stood."""
SEATED_BELOW: Final = 0.45
SEATED_ABOVE: Final = 0.55
"""Shares of the body weight on the feet at which sitting begins and ends."""
TAU_S: Final = 1.0
FADE_PER_S: Final = 1e-6
"""The learnt weight fades by a third in 100 h, should it once have been too large."""
FLOOR_RISE_PER_S: Final = 1e-4
"""Share of the body weight by which a foot's floor rises while on foot; each swing brings it down
to what the empty foot shows. Seated feet rest for hours: then it stays."""
FLOOR_MOST: Final = 0.10
"""Preload and drift may make so much of the body weight, per foot."""
SPREAD: Final = 2.2
"""Without newtons the weight is known once the feet bore so many times their least."""


class BodyWeight:
    """Learns what both feet bear in standing, each foot's preload, and judges sitting by it."""

    def __init__(self, sides: Sequence[Side], body_weight: float | None, is_newton: bool) -> None:
        self.is_seated: bool | None = None
        self._given = body_weight
        self._prior = PRIOR_N if is_newton else None
        self._most = 0.0
        self._least: float | None = None
        self._mean: float | None = None
        self._floor: dict[Side, list[float] | None] = dict.fromkeys(sides)

    @property
    def weight(self) -> float:
        """The body weight in the cells' unit, as far as it is known."""
        return self._given or max(self._most, self._prior or 0.0)

    def shares(self, frames: Mapping[Side, Frame | None]) -> dict[Side, tuple[float, float, float]]:
        """Return heel, forefoot and total load per foot with cells, as shares of the weight."""
        loads: dict[Side, list[float]] = {}
        for side, frame in frames.items():
            if frame is None or frame.heel is None or frame.fore is None or frame.total is None:
                continue
            loads[side] = self._over_floor(side, [frame.heel, frame.fore, frame.total])
        self._learn(loads)
        whole = self.weight
        if not whole > 0:
            return dict.fromkeys(loads, (0.0, 0.0, 0.0))
        return {side: (v[0] / whole, v[1] / whole, v[2] / whole) for side, v in loads.items()}

    def _over_floor(self, side: Side, values: list[float]) -> list[float]:
        floor = self._floor[side]
        if floor is None:
            floor = self._floor[side] = list(values)
        weight = self.weight
        rise = weight * FLOOR_RISE_PER_S * FRAME_S if self.is_seated is False else 0.0
        most = FLOOR_MOST * weight
        for k, value in enumerate(values):
            low = floor[k] = min(value, floor[k] + rise)
            values[k] = value - min(low, most)
        return values

    def _learn(self, loads: Mapping[Side, list[float]]) -> None:
        if len(loads) < len(self._floor):
            return  # a foot is missing: the sum is no body weight
        total = sum(values[2] for values in loads.values())
        was = total if self._mean is None else self._mean
        self._mean = was + FRAME_S / TAU_S * (total - was)
        self._most = max(self._mean, self._most * (1 - FADE_PER_S * FRAME_S))
        if self._mean > 0.05 * self._most:
            self._least = self._mean if self._least is None else min(self._least, self._mean)
        self._judge()

    def _judge(self) -> None:
        """Say whether the person sits; None while the weight is not known."""
        is_known = self._given is not None or self._prior is not None
        if not is_known and (self._least is None or self._most < SPREAD * self._least):
            self.is_seated = None
            return
        share = (self._mean or 0.0) / self.weight
        limit = SEATED_ABOVE if self.is_seated else SEATED_BELOW
        self.is_seated = share < limit

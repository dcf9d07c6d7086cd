"""Gains from a guided session: what the steps say about cells and regions.

In every step both feet together bear the body weight. With the readings over zero summed per region
and foot, each step is one equation; six unknown region gains are found by least squares that hold
on to one gain per foot where the steps say nothing (ridge regression; Hoerl & Kennard 1970,
doi 10.1080/00401706.1970.10488634). How a region's load spreads over its own cells is not known to
anybody who stands on them, so cells of a region share its gain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from hw.calibration.errors import CalibrationError
from hw.calibration.linear import two_point_weights
from hw.calibration.records import Verdict
from hw.calibration.regions import MIDFOOT, REGIONS, regions_of
from hw.calibration.windows import FootWindow
from hw.source import SIDES, Profile, Side

__all__ = ["CellKind", "Fit", "Step", "fit"]

Step = Literal["stand", "left", "right", "heels", "toes", "sit"]
CellKind = Literal["force", "counts"]
Held = Mapping[Step, list[Mapping[Side, FootWindow]]]

BODY_SIGMA: Final = 0.02
"""Body weight in quiet standing is constant within this share: breath and heart beat."""
GAIN_SIGMA: Final = 0.30
"""Regions of an insole differ in gain by so much."""
DEAD_SIGMAS: Final = 1.5
"""A rise below so much of a sample's noise, or of its region's, is no answer; the mean of a step is
twenty times finer."""
DEAD_SHARE: Final = 0.03
WEAK_SHARE: Final = 0.25
LEAST_GAIN: Final = 0.2
SEPARATED: Final = {"heels", "toes"}

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Foot:
    """One foot's outcome; arrays [cells]; gain in body weights per linearised unit, NaN: dead."""

    zero: Array
    low: Array
    noise: Array
    gain: Array
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """Both feet's outcome, how far the steps disagree [%], and what could not be separated."""

    feet: Mapping[Side, Foot]
    error_percent: float
    separated: bool


def fit(profile: Profile, held: Held, kind: CellKind) -> Fit:
    """Return gains and verdicts from the windows of the accepted steps.

    Raises
    ------
    CalibrationError
        Heel or forefoot of a foot has no cell that answers.
    """
    feet = {side: _Side(profile, side, held, kind) for side in SIDES}
    steps: list[Step] = [step for step in held if step != "sit" and held[step]]
    rows = np.array([np.concatenate([feet[s].sums(held[step]) for s in SIDES]) for step in steps])
    usual = np.repeat([feet[side].usual_gain(held[side]) for side in SIDES], len(REGIONS))
    scaled = rows * usual
    ridge = np.eye(len(usual)) / GAIN_SIGMA**2
    left = scaled.T @ scaled / BODY_SIGMA**2 + ridge
    right = scaled.T @ np.ones(len(steps)) / BODY_SIGMA**2 + ridge @ np.ones(len(usual))
    found = np.maximum(np.linalg.solve(left, right), LEAST_GAIN)
    wrong = float(np.sqrt(np.mean((scaled @ found - 1) ** 2)))
    gains = (found * usual).reshape(len(SIDES), len(REGIONS))
    done = {side: feet[side].outcome(gains[k]) for k, side in enumerate(SIDES)}
    return Fit(done, 100 * wrong, set(steps) >= SEPARATED)


class _Side:
    """One foot: zero, rise of each cell, weights and verdicts."""

    def __init__(self, profile: Profile, side: Side, held: Held, kind: CellKind) -> None:
        self.side: Side = side
        self.region = regions_of(profile.foot(side))
        lifted: Step = "right" if side == "left" else "left"
        levels = {step: _mean(windows, side) for step, windows in held.items() if windows}
        empty: list[Step] = [step for step in (lifted, "sit") if held.get(step)]
        self.zero = np.fmin.reduce(np.array([levels[step] for step in empty]))
        lows = [np.array([window[side].low for window in held[step]]) for step in empty]
        self.low = np.fmin.reduce(np.array([rows.mean(axis=0) for rows in lows]))
        self.noise = np.sqrt(
            np.nanmean([window[side].noise ** 2 for window in held[lifted]], axis=0)
        )
        self.rise = np.fmax.reduce(np.array(list(levels.values()))) - self.zero
        tops = [window[side].saturated for windows in held.values() for window in windows]
        self.verdicts = self._verdicts(np.logical_or.reduce(np.array(tops)))
        alive = np.array([verdict != "dead" for verdict in self.verdicts])
        self.weight = np.where(alive, 1.0, np.nan)
        if kind == "counts":
            self._normalise(levels)

    def _verdicts(self, saturated: NDArray[np.bool_]) -> tuple[Verdict, ...]:
        out: list[Verdict] = []
        for cell, rise in enumerate(self.rise.tolist()):
            region = self.region == self.region[cell]
            usual = float(np.nanmedian(self.rise[region])) if region.any() else 0.0
            strongest = float(np.nanmax(self.rise, initial=0.0))
            least = max(DEAD_SIGMAS * self.noise[cell], DEAD_SHARE * max(usual, 0.2 * strongest))
            if not rise > least:
                out.append("untouched" if self._arch(cell) else "dead")
            elif saturated[cell]:
                out.append("saturated")
            else:
                weak = rise < WEAK_SHARE * usual and not self._arch(cell)
                out.append("weak" if weak else "good")
        self._require(out)
        return tuple(out)

    def _arch(self, cell: int) -> bool:
        return bool(self.region[cell] == MIDFOOT and np.isfinite(self.rise[cell]))

    def _require(self, verdicts: list[Verdict]) -> None:
        for number, name in enumerate(REGIONS):
            cells = [v for v, r in zip(verdicts, self.region.tolist(), strict=True) if r == number]
            if cells and number != MIDFOOT and all(v == "dead" for v in cells):
                raise CalibrationError(
                    f"{self.side} insole",
                    f"no cell of the {name} answers",
                    "check that the insole lies in the shoe, then its plug; else it is broken",
                )

    def _normalise(self, levels: Mapping[Step, Array]) -> None:
        """Weight the cells of each region by the step that loads the region most."""
        for number in range(len(REGIONS)):
            cells = np.flatnonzero(self.region == number)
            if not len(cells):
                continue
            over = {step: level[cells] - self.zero[cells] for step, level in levels.items()}
            best = max(over, key=lambda step: float(np.nansum(over[step])))
            weights = two_point_weights(np.zeros(len(cells)), np.nan_to_num(over[best]))
            self.weight[cells] *= np.where(weights > 0, weights, np.nan)

    def sums(self, windows: list[Mapping[Side, FootWindow]]) -> Array:
        """Return the weighted readings over zero per region [regions] in a step."""
        over = (_mean(windows, self.side) - self.zero) * self.weight
        return np.array([np.nansum(over[self.region == r]) for r in range(len(REGIONS))])

    def usual_gain(self, alone: list[Mapping[Side, FootWindow]]) -> float:
        """Return the gain [body weights per unit] if all regions had the same."""
        return float(1.0 / max(self.sums(alone).sum(), 1e-9))

    def outcome(self, gains: Array) -> Foot:
        """Return the foot with the gain of each cell's region."""
        gain = gains[self.region] * self.weight
        return Foot(self.zero, self.low, self.noise, gain, self.verdicts)


def _mean(windows: list[Mapping[Side, FootWindow]], side: Side) -> Array:
    rows = np.array([window[side].mean for window in windows])
    return np.where(np.isfinite(rows).all(axis=0), rows.mean(axis=0), np.nan)

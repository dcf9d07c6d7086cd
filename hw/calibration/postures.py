"""What a person does in each step, judged from half a second of both feet."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.calibration.fit import Step
from hw.calibration.regions import FOREFOOT, HEEL, regions_of
from hw.calibration.windows import FootWindow
from hw.source import SIDES, Profile, Side

__all__ = ["STEPS", "TEXTS", "Posture", "refusal"]

STEPS: Final[tuple[Step, ...]] = ("stand", "left", "right", "heels", "toes", "sit")
TEXTS: Final[Mapping[Step, str]] = {
    "stand": "Stand still on both feet, a chair within reach.",
    "left": "Stand on your left foot. Lift the right one a little. Touch the chair lightly.",
    "right": "Stand on your right foot. Lift the left one a little. Touch the chair lightly.",
    "heels": "Put your weight on both heels. Lean back a little if your toes do not lift.",
    "toes": "Put your weight on the balls of both feet.",
    "sit": "Sit down and lift both feet off the floor, keep them still.",
}
STILL_RAD_S: Final = 0.35
"""A foot on the floor that turns faster is moving; sensor noise stays under a tenth of it."""
STILL_LIFTED_RAD_S: Final = 2.0
"""A lifted foot is never quite still."""
SPREAD: Final = 0.06
"""Standard deviation of a foot's load within half a second, as a share of its level in standing."""
CHANGE: Final = 0.20
"""Weight has gone over when both feet's readings change by this share of those in standing."""
ON_REGION: Final = 0.65
LIFTED: Final = 0.10

Feet = Mapping[Side, FootWindow]
Array = NDArray[np.float64]


class Posture:
    """What is known so far of this person's readings: standing, and each foot unloaded."""

    def __init__(self, profile: Profile) -> None:
        self.region = {side: regions_of(profile.foot(side)) for side in SIDES}
        self.standing: dict[Side, Array] = {}
        self.zero: dict[Side, Array] = {}

    def learn(self, step: Step, windows: list[Feet]) -> None:
        """Keep what an accepted step says."""
        means = {s: np.array([window[s].mean for window in windows]).mean(axis=0) for s in SIDES}
        if step == "stand":
            self.standing = means
        elif step in ("left", "right"):
            lifted: Side = "right" if step == "left" else "left"
            self.zero[lifted] = means[lifted]

    def change(self, side: Side, window: FootWindow) -> float:
        """Return the change of a foot's sum since standing [shares of that in standing]."""
        level = float(np.nansum(self.standing[side]))
        return (window.total - level) / max(abs(level), 1e-9)

    def over_zero(self, side: Side, window: FootWindow) -> Array:
        """Return readings over zero [cells] in shares of the foot's sum in standing."""
        zero = self.zero[side]
        level = float(np.nansum(self.standing[side] - zero))
        return np.asarray(np.nan_to_num(window.mean - zero) / max(level, 1e-9))

    def region_share(self, feet: Feet, region: int) -> float:
        """Return the share of both feet's load that a region bears."""
        part = whole = 0.0
        for side in SIDES:
            over = self.over_zero(side, feet[side])
            part += float(over[self.region[side] == region].sum())
            whole += float(over.sum())
        return part / max(whole, 1e-9)


def refusal(step: Step, feet: Feet, posture: Posture) -> str:
    """Return in plain words why a window is not the step that was asked for; "" accepts it."""
    for foot in SIDES:
        if foot not in feet:
            return f"No data from the {foot} insole. Is it switched on and near?"
    if step == "stand":
        return _standing(feet)
    if step in ("left", "right"):
        side: Side = "left" if step == "left" else "right"
        return _one_foot(side, feet, posture)
    if step == "sit":
        return _sitting(feet, posture)
    return _on_region(step, feet, posture)


def _moving(feet: Feet, levels: Mapping[Side, float], still: Mapping[Side, float]) -> str:
    for side in SIDES:
        turning = feet[side].turn_rad_s > still[side]
        if turning or feet[side].spread > SPREAD * levels[side]:
            return f"Your {side} foot is moving. Keep still."
    return ""


def _levels(posture: Posture) -> dict[Side, float]:
    """Return what counts as one foot's load: the sum over zero where known, else the whole sum."""
    out: dict[Side, float] = {}
    for side in SIDES:
        zero = posture.zero.get(side, np.zeros_like(posture.standing[side]))
        out[side] = float(np.nansum(posture.standing[side] - zero))
    return out


def _standing(feet: Feet) -> str:
    for side in SIDES:
        if not feet[side].total > 0:
            return f"The {side} insole feels nothing. Is the shoe on?"
    levels: dict[Side, float] = {side: feet[side].total for side in SIDES}
    return _moving(feet, levels, dict.fromkeys(SIDES, STILL_RAD_S))


def _one_foot(side: Side, feet: Feet, posture: Posture) -> str:
    other: Side = "right" if side == "left" else "left"
    mine, others = (posture.change(s, feet[s]) for s in (side, other))
    if mine < -CHANGE and others > CHANGE:
        return (
            f"That is the {other} insole. Stand on your {side} foot; "
            "if you do, the insoles are swapped."
        )
    if mine < CHANGE or others > -CHANGE:
        return f"Put all your weight on the {side} foot and lift the {other} one."
    still: dict[Side, float] = {side: 2 * STILL_RAD_S, other: STILL_LIFTED_RAD_S}
    return _moving(feet, {s: 2 * level for s, level in _levels(posture).items()}, still)


def _on_region(step: Step, feet: Feet, posture: Posture) -> str:
    region, name = (HEEL, "heels") if step == "heels" else (FOREFOOT, "balls of your feet")
    usual = float(
        sum(
            np.nan_to_num(posture.standing[s] - posture.zero[s])[posture.region[s] == region].sum()
            for s in SIDES
        )
    ) / max(sum(_levels(posture).values()), 1e-9)
    if posture.region_share(feet, region) < min(0.9, max(ON_REGION, usual + 0.15)):
        return f"More weight on the {name}."
    return _moving(feet, _levels(posture), dict.fromkeys(SIDES, 2 * STILL_RAD_S))


def _sitting(feet: Feet, posture: Posture) -> str:
    for side in SIDES:
        if posture.over_zero(side, feet[side]).sum() > LIFTED:
            return f"Your {side} foot still touches the floor. Sit and lift both feet."
    return _moving(feet, _levels(posture), dict.fromkeys(SIDES, STILL_LIFTED_RAD_S))

"""The calibration of one device in one shoe: what is kept, and what its numbers mean.

    load = max(0, (linearised - zero) * gain)

per cell, in newtons where the person's weight was given, else in shares of the body weight.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hw.calibration.linear import Divider
from hw.source import SIDES, Profile, Side

__all__ = ["Calibration", "CalibrationKey", "FootCalibration", "Problem", "Verdict", "judge"]

Verdict = Literal["good", "weak", "untouched", "dead", "saturated"]
Problem = Literal["missing", "foreign", "stale", "age unknown", "damaged"]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.+ :-]{1,64}$")]
Positive = Annotated[float, Meta(gt=0)]
DAY_NS = 86_400_000_000_000
MAX_AGE_DAYS = 30.0
"""Sensitivities of film and resistor cells wander over weeks; settable."""


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


@dataclass(frozen=True, slots=True)
class CalibrationKey:
    """What a calibration belongs to: a device, in a shoe, with a firmware."""

    device: str
    shoe: str = "shoe"
    firmware: str = "unknown"


class FootCalibration(_Struct, frozen=True):
    """One foot, a number per cell.

    Attributes
    ----------
    zero : tuple of float
        The linearised reading of the worn, unloaded foot: offset and lacing preload.
    gain : tuple of (float or None)
        Load per linearised unit; None for a cell that does not answer: its samples become NaN.
    low : tuple of float
        10th percentile of the unloaded reading: what swings are compared with. Noise that a device
        cuts off at 0, or rounds, is in it.
    noise : tuple of float
        Standard deviation of the unloaded reading, linearised units.
    verdicts : tuple of str
        good; weak (answers a quarter of its region or less); untouched (an arch that does not reach
        the insole); dead; saturated.
    """

    zero: tuple[float, ...]
    gain: tuple[Positive | None, ...]
    low: tuple[float, ...]
    noise: tuple[Annotated[float, Meta(ge=0)], ...]
    verdicts: tuple[Verdict, ...]


class Calibration(_Struct, frozen=True):
    """A device's calibration.

    Attributes
    ----------
    made_ns : int or None
        When it was made [ns since 1970, UTC]; None where the wall clock was not known.
    body_weight_n : float or None
        None: loads are in shares of the body weight.
    divider : Divider or None
        How raw converter codes become conductance, before zero and gain.
    full_scale : float or None
        The device's own number from which on a sample is saturated.
    fit_error_percent : float
        How far the steps of the session disagree about the body weight, root mean square.
    separated : bool
        Heel and forefoot have gains of their own (heel and toe stand were done).
    notes : tuple of str
        What a person should know, in plain words.
    """

    device: Name
    shoe: Name
    firmware: Name
    fit_error_percent: Annotated[float, Meta(ge=0)]
    separated: bool
    version: Literal[1] = 1
    made_ns: Annotated[int, Meta(ge=0)] | None = None
    body_weight_n: Positive | None = None
    divider: Divider | None = None
    full_scale: float | None = None
    left: FootCalibration | None = None
    right: FootCalibration | None = None
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> CalibrationKey:
        """What it belongs to."""
        return CalibrationKey(self.device, self.shoe, self.firmware)

    @property
    def full_load(self) -> float:
        """The body weight in the unit of the calibrated loads."""
        return 1.0 if self.body_weight_n is None else self.body_weight_n

    def foot(self, side: Side) -> FootCalibration | None:
        """Return one foot's numbers."""
        return self.left if side == "left" else self.right

    def age_days(self, wall_ns: int | None) -> float | None:
        """Return its age; None where either time is not known, or it is from the future."""
        if self.made_ns is None or wall_ns is None or wall_ns < self.made_ns:
            return None
        return (wall_ns - self.made_ns) / DAY_NS


def judge(
    calibration: Calibration,
    key: CalibrationKey,
    profile: Profile,
    wall_ns: int | None,
    max_age_days: float = MAX_AGE_DAYS,
) -> tuple[Problem, str] | None:
    """Return why a calibration should not be trusted for a device, and that in words; None: use it.

    A stale one, or one whose age is not known, may be used with the remark; a foreign one may not.
    """
    if calibration.key != key:
        return "foreign", f"made for {calibration.key}, not {key}: calibrate again"
    for side in SIDES:
        foot, cells = calibration.foot(side), len(profile.foot(side).x)
        if cells and (foot is None or not _fits(foot, cells)):
            return "foreign", f"does not fit the {cells} cells of the {side} foot: calibrate again"
    age = calibration.age_days(wall_ns)
    if age is None:
        return "age unknown", "its age is not known: set the clock, or calibrate again"
    if age > max_age_days:
        return "stale", f"{age:.0f} days old, at most {max_age_days:.0f}: calibrate again"
    return None


def _fits(foot: FootCalibration, cells: int) -> bool:
    rows = (foot.zero, foot.gain, foot.low, foot.noise, foot.verdicts)
    return all(len(row) == cells for row in rows)

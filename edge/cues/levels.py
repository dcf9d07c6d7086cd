"""The own baseline of each leg, and the target of practice in steps of one standard deviation.

    baseline   mean and standard deviation of the first 200 plain strides outside practice,
               then frozen: it is what the steps are counted from
    target     mean + level x standard deviation of the pitch at contact [deg]; without an IMU of
               the heel lead [ms]; while neither has 50 strides, a landing on the heel
    level      starts at 0: the own mean, which half of the steps reach. After a session of at
               least 20 steps: up by 1 where 80 % were on target, down by 1 under 40 %
    fading     counts sessions: `practice.Session` gives less feedback in each. A new level takes
               two of them back

One step of difficulty at a time, by success, follows the challenge point framework (Guadagnoli &
Lee 2004, doi:10.3200/JMBR.36.2.212-224); the numbers are ours. No target is over what is usual in
healthy walking.
"""

import logging
import math
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from edge.wholefile import replace_file
from hw.source import Side
from kernels import GaitStride

__all__ = ["Levels", "Measure", "Spread", "Target", "load", "save"]

log = logging.getLogger(__name__)

Measure = Literal["pitch", "heel_lead", "strike"]
BASELINE_STRIDES: Final = 200
LEAST_STRIDES: Final = 50
"""Fewer give no standard deviation worth a target."""
LEAST_STEPS: Final = 20
"""A session with fewer steps changes nothing."""
UP_SHARE, DOWN_SHARE = 0.80, 0.40
LOWEST, HIGHEST = -2, 5
LEAST_SD: Final = {"pitch": 1.0, "heel_lead": 5.0}
MOST: Final = {"pitch": 20.0, "heel_lead": 60.0}
"""Targets end here [deg, ms]."""
BACK: Final = 2
_NOT_PLAIN: Final = frozenset({"turn", "stairs", "implausible", "out_of_range"})


class Spread(msgspec.Struct, forbid_unknown_fields=True):
    """Mean and spread of what was seen (Welford 1962, doi:10.1080/00401706.1962.10490022)."""

    n: Annotated[int, Meta(ge=0)] = 0
    mean: float = 0.0
    squares: Annotated[float, Meta(ge=0)] = 0.0

    def add(self, value: float) -> None:
        """Take a value."""
        self.n += 1
        off = value - self.mean
        self.mean += off / self.n
        self.squares += off * (value - self.mean)

    @property
    def sd(self) -> float | None:
        """Standard deviation; None of fewer than two values."""
        return math.sqrt(self.squares / (self.n - 1)) if self.n > 1 else None


class Leg(msgspec.Struct, forbid_unknown_fields=True):
    """One leg's baseline, level and sessions."""

    pitch: Spread = msgspec.field(default_factory=Spread)
    heel_lead: Spread = msgspec.field(default_factory=Spread)
    level: Annotated[int, Meta(ge=LOWEST, le=HIGHEST)] = 0
    faded: Annotated[int, Meta(ge=0)] = 0
    sessions: Annotated[int, Meta(ge=0)] = 0


class Target(NamedTuple):
    """What a step of a session is to reach: `value` or more [deg, ms]; of `strike`: the heel."""

    side: Side
    measure: Measure
    value: float | None
    level: float
    faded: int

    def reached(self, stride: GaitStride) -> bool | None:
        """Say whether a stride's landing reached it; None: not known."""
        if _NOT_PLAIN & set(stride.flags):
            return None
        if self.value is None:
            return None if stride.strike == "unknown" else stride.strike == "heel"
        number = self.number(stride)
        return None if number is None else number >= self.value

    def number(self, stride: GaitStride) -> float | None:
        """Return what is compared with `value`; None: not known, or not a number."""
        return {
            "pitch": stride.pitch_at_contact_deg,
            "heel_lead": stride.heel_lead_ms,
            "strike": None,
        }[self.measure]


class Levels(msgspec.Struct, forbid_unknown_fields=True):
    """What practice knows of a person; `since_ns` is the wall time of the first stride in it."""

    left: Leg = msgspec.field(default_factory=Leg)
    right: Leg = msgspec.field(default_factory=Leg)
    since_ns: int | None = None
    version: Literal[1] = 1

    def leg(self, side: Side) -> Leg:
        """Return one leg's."""
        return self.left if side == "left" else self.right

    def learn(self, stride: GaitStride, wall_ns: int | None) -> bool:
        """Take a stride outside practice; return whether the baseline took it."""
        leg = self.leg(stride.side)
        if _NOT_PLAIN & set(stride.flags):
            return False
        took = False
        for spread, value in (
            (leg.pitch, stride.pitch_at_contact_deg),
            (leg.heel_lead, stride.heel_lead_ms),
        ):
            if value is not None and spread.n < BASELINE_STRIDES:
                spread.add(value)
                took = True
        if took and self.since_ns is None:
            self.since_ns = wall_ns
        return took

    def target(self, side: Side, pitch_deg: float | None = None) -> Target:
        """Return the target of the next session; `pitch_deg` is the therapist's, None: the own.

        The therapist's is used where this leg's pitch was ever measured.
        """
        leg = self.leg(side)
        if pitch_deg is not None and leg.pitch.n:
            sd = max(leg.pitch.sd or 0.0, LEAST_SD["pitch"])
            level = (pitch_deg - leg.pitch.mean) / sd if leg.pitch.n >= LEAST_STRIDES else 0.0
            return Target(side, "pitch", pitch_deg, min(10.0, max(-10.0, level)), leg.faded)
        for measure, spread in (("pitch", leg.pitch), ("heel_lead", leg.heel_lead)):
            if spread.n >= LEAST_STRIDES:
                sd = max(spread.sd or 0.0, LEAST_SD[measure])
                value = min(spread.mean + leg.level * sd, MOST[measure])
                return Target(side, measure, value, leg.level, leg.faded)  # type: ignore[arg-type]  # mypy widens the tuple's literals
        return Target(side, "strike", None, 0.0, leg.faded)

    def practised(self, side: Side, steps: int, on_target: int, *, own: bool) -> None:
        """Take a session's result; the level moves only where the target was the own one."""
        leg = self.leg(side)
        if steps < LEAST_STEPS:
            return
        leg.sessions += 1
        leg.faded += 1
        share = on_target / steps
        step = (share >= UP_SHARE) - (share < DOWN_SHARE)
        level = min(HIGHEST, max(LOWEST, leg.level + step))
        if own and level != leg.level:
            leg.level = level
            leg.faded = max(0, leg.faded - BACK)


def load(path: Path) -> Levels:
    """Return what the file holds; a new beginning where it is missing or damaged.

    A damaged file is said once and put aside with the ending `.damaged`.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Levels)
    except FileNotFoundError:
        return Levels()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("%s is damaged; baseline and targets are learnt anew: %s", path, error)
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
    except OSError as error:
        log.warning("%s could not be put aside: %s", path, error)
    return Levels()


def save(path: Path, data: bytes) -> None:
    """Write encoded levels, whole or not at all; a disk that refuses is said and no more."""
    try:
        replace_file(path, data)
    except OSError as error:
        log.warning("targets of practice are not kept over a restart: %s", error)

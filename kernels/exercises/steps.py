"""Landings of one foot, as heel walks and step-ups need them: when, how loaded, how high."""

from typing import Final, NamedTuple

from kernels.exercises.attitude import Tilt
from kernels.exercises.frames import FRAME_S, Frame
from kernels.exercises.records import Side

__all__ = ["FULL_WEIGHT", "Climb", "Landing", "StepFoot"]

ON: Final = 0.20
OFF: Final = 0.08
"""Shares of the body weight at which a foot's stance begins and ends."""
FULL_WEIGHT: Final = 0.65
"""Share of the body weight that is a full transfer."""
BEARS: Final = 0.35
"""Share of the body weight that a landing bears at least."""
JUDGED_S: Final = 0.4
"""So long after the contact, or until toe off, the forefoot is watched."""
TOES_UP: Final = 0.10
"""Share of the body weight on the forefoot that a heel walker stays under."""
TOES_UP_DEG: Final = 5.0
FLAT_TAU_S: Final = 2.0
STILL_FRAMES: Final = 2
LONGEST_S: Final = 4.0
LEAST_MOVE_S: Final = 0.2
HEEL_FIRST: Final = 0.6


class Landing(NamedTuple):
    """A landing that bears weight, judged 0.4 s after it at the latest."""

    side: Side
    time_ns: int
    end_ns: int
    toes_up: bool
    pitch_deg: float | None
    heel_first: bool


class Climb(NamedTuple):
    """From one rest of the foot to the next: the height it gained and its way ahead [m].

    Both are NaN where unknown.

    `weight_ns` is when the last stance before it began that bore the body's weight; -1: none.
    """

    side: Side
    begin_ns: int
    end_ns: int
    height_m: float
    ahead_m: float
    weight_ns: int
    heel_first: bool | None


class StepFoot:
    """Follows one foot's stances and its height."""

    def __init__(self, side: Side) -> None:
        self._side: Side = side
        self._is_on = False
        self._begun_ns = 0
        self._judged = True
        self._fore_most = self._most = 0.0
        self._pitches: list[float] = []
        self._first: list[tuple[float, float]] = []
        self._flat_deg: float | None = None
        self._heel_first: bool | None = None
        self._still = 0
        self._way: list[Tilt] = []
        self._move_ns = 0
        self._weight_ns = -1

    def gap(self) -> None:
        """Samples are missing: the stance and the way under way are unknown."""
        self._is_on, self._judged = False, True
        self._way.clear()
        self._still = 0

    # -- stances ----------------------------------------------------------------------------

    def landing(self, frame: Frame, heel: float, fore: float, total: float) -> Landing | None:
        """Take a frame with loads as shares of the body weight; return the landing it decides."""
        self._learn_flat(frame, heel, fore, total)
        if not self._is_on and total > ON:
            self._is_on, self._judged, self._begun_ns = True, False, frame.time_ns
            self._fore_most = self._most = 0.0
            self._pitches, self._first, self._heel_first = [], [], None
        ends = self._is_on and total < OFF
        if self._is_on:
            self._most = max(self._most, total)
        if ends:
            self._is_on = False
            if self._most > FULL_WEIGHT:
                self._weight_ns = self._begun_ns
        if self._judged:
            return None
        if not ends:
            self._watch(frame, heel, fore, total)
        since_s = (frame.time_ns - self._begun_ns) / 1e9
        return self._judge(frame) if ends or since_s >= JUDGED_S else None

    def _watch(self, frame: Frame, heel: float, fore: float, total: float) -> None:
        self._fore_most = max(self._fore_most, fore)
        if len(self._first) < 2:
            self._first.append((heel, fore))
            both = [sum(values) for values in zip(*self._first, strict=True)]
            self._heel_first = both[0] > HEEL_FIRST * sum(both)
        if frame.tilt is not None:
            self._pitches.append(frame.tilt.pitch_deg)

    def _judge(self, frame: Frame) -> Landing | None:
        self._judged = True
        if self._most < BEARS:
            return None
        pitch = None
        if self._pitches and self._flat_deg is not None:
            late = self._pitches[len(self._pitches) // 2 :]
            pitch = sum(late) / len(late) - self._flat_deg
        up = self._fore_most < TOES_UP and (pitch is None or pitch > TOES_UP_DEG)
        return Landing(
            self._side,
            self._begun_ns,
            frame.time_ns,
            up,
            pitch,
            bool(self._heel_first),
        )

    def _learn_flat(self, frame: Frame, heel: float, fore: float, total: float) -> None:
        """Follow the pitch of the flat foot: still, loaded at both ends."""
        tilt = frame.tilt
        if tilt is None or not tilt.is_still or total < 0.06:
            return
        if min(heel, fore) < 0.15 * total:
            return
        was = self._flat_deg if self._flat_deg is not None else tilt.pitch_deg
        self._flat_deg = was + FRAME_S / FLAT_TAU_S * (tilt.pitch_deg - was)

    # -- height -----------------------------------------------------------------------------

    def climb(self, frame: Frame) -> Climb | None:
        """Take a frame; return the way that ended with it, at the second still frame."""
        tilt = frame.tilt
        if tilt is None:
            self._way.clear()
            return None
        self._still = self._still + 1 if tilt.is_still else 0
        if self._still == 0 and not self._way:
            self._move_ns = frame.time_ns
        if self._still and not self._way:
            return None
        self._way.append(tilt)
        if len(self._way) * FRAME_S > LONGEST_S:
            return self._arrive(frame, float("nan"), float("nan"))
        if self._still < STILL_FRAMES:
            return None
        if len(self._way) * FRAME_S < LEAST_MOVE_S:
            self._way.clear()
            return None
        ups = displacement([(tilt.up_m_s2, tilt.step_s) for tilt in self._way])
        ahead = displacement([(tilt.ahead_m_s2, tilt.step_s) for tilt in self._way])
        return self._arrive(frame, ups, ahead)

    def _arrive(self, frame: Frame, height_m: float, ahead_m: float) -> Climb:
        self._way.clear()
        first = self._heel_first if self._is_on else None
        return Climb(
            self._side, self._move_ns, frame.time_ns, height_m, ahead_m, self._weight_ns, first
        )


def displacement(parts: list[tuple[float, float]]) -> float:
    """Return the way [m] from rest to rest by accelerations [m/s2], each for a time [s].

    The velocity's error at the end is taken off in proportion to time (zero velocity update, Skog
    et al. 2010, doi 10.1109/TBME.2010.2060723).
    """
    speed = way = since_s = moment = 0.0
    for acceleration, step_s in parts:
        way += speed * step_s + 0.5 * acceleration * step_s**2
        moment += (since_s + 0.5 * step_s) * step_s
        speed += acceleration * step_s
        since_s += step_s
    return way - speed / since_s * moment

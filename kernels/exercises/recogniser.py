"""The recogniser: samples of both feet in, sets of exercises and crossed legs out.

Works on frames of 40 ms (`kernels.exercises.frames`), so the device's rate (25-300 Hz) does not
matter; cutting the same stream at any places gives the same output, to the bit, as long as one foot
is not pushed over 2 s ahead of the other.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.errors import KernelInputError
from kernels.exercises.afoot import HeelWalk, StepUps
from kernels.exercises.bodyweight import BodyWeight
from kernels.exercises.crossing import CrossingWatch
from kernels.exercises.frames import FRAME_NS, Frame, FrameMaker
from kernels.exercises.records import ExerciseName, ExerciseSet, LegsCrossed, LiveSet, Side
from kernels.exercises.seated import SeatedFoot
from kernels.exercises.signatures import recognisable
from kernels.exercises.steps import StepFoot

__all__ = ["ExerciseRecogniser", "FootSensors", "Found"]

Found = ExerciseSet | LegsCrossed
LAG: Final = 50
"""Frames that a foot may be behind the other one before it counts as silent: 2 s."""


@dataclass(frozen=True, slots=True)
class FootSensors:
    """What one foot has: its cells' places along the foot (heel 0 .. toe 1), an IMU on the foot."""

    x: tuple[float, ...] = ()
    has_imu: bool = False


class _Foot:
    """One foot's frames that wait for the other foot's, and its recognisers."""

    def __init__(self, side: Side, sensors: FootSensors) -> None:
        self.maker = FrameMaker(sensors.x, sensors.has_imu)
        self.waiting: deque[Frame] = deque()
        self.newest = -1
        self.seated = SeatedFoot(side)
        self.steps = StepFoot(side)
        self.crossing = CrossingWatch(side)
        self.can = recognisable(bool(sensors.x), sensors.has_imu)

    def take(self, number: int) -> Frame | None:
        """Return the frame of this number; frames before it came too late."""
        while self.waiting and self.waiting[0].number < number:
            self.waiting.popleft()
        if self.waiting and self.waiting[0].number == number:
            return self.waiting.popleft()
        return None


class ExerciseRecogniser:
    """Recognises the four exercises and crossed legs of one person, streaming, in constant memory.

    Parameters
    ----------
    feet : mapping of side to FootSensors
        The feet that are listened to.
    body_weight : float, optional
        In the cells' unit, where it is known; else it is learnt from standing and walking.
    is_newton : bool
        The cells are in newtons: until it is learnt, half a light adult's weight is taken.
    """

    def __init__(
        self,
        feet: Mapping[Side, FootSensors],
        body_weight: float | None = None,
        is_newton: bool = False,
    ) -> None:
        if not feet:
            raise KernelInputError("config", "no foot is listened to; give at least one")
        self._feet = {side: _Foot(side, sensors) for side, sensors in feet.items()}
        self._weight = BodyWeight(tuple(feet), body_weight, is_newton)
        self._heel_walk = HeelWalk(len(feet))
        self._step_ups = StepUps()
        self._next: int | None = None
        self._now_ns = 0

    def can_see(self, name: ExerciseName, side: Side | None = None) -> bool:
        """Say whether the sensors can show this exercise; `side` None: on every foot there is."""
        sides = [side] if side is not None else list(self._feet)
        return all(s in self._feet and name in self._feet[s].can for s in sides)

    def push(
        self,
        side: Side,
        time_ns: NDArray[np.int64],
        load: ArrayLike | None = None,
        imu: ArrayLike | None = None,
    ) -> list[Found]:
        """Take samples of one foot; return what ended, ascending in time of decision.

        Parameters
        ----------
        side : {"left", "right"}
        time_ns : int64[n]
            Strictly increasing over all pushes of a foot.
        load : float[n, cells], optional
        imu : float[n, 6], optional
            Foot frame, m/s2 and rad/s (gait.md).

        Raises
        ------
        KernelInputError
            A foot that is not listened to.
        """
        foot = self._feet.get(side)
        if foot is None:
            raise KernelInputError("side", f"the {side} foot is not listened to")
        if len(time_ns):
            self._queue(foot, foot.maker.push(time_ns, load, imu))
        return self._advance(LAG)

    def finish(self) -> list[Found]:
        """Return what the end of the samples ends."""
        for foot in self._feet.values():
            self._queue(foot, foot.maker.finish())
        found = self._advance(0) + self.close()
        crossings = [foot.crossing.close() for foot in self._feet.values()]
        return found + [one for one in crossings if one is not None]

    def expect(self, name: ExerciseName | None, side: Side | None = None) -> None:
        """A guide asks for this exercise now: of it one repetition is a set. None: for nothing."""
        sides = frozenset(s for s in self._feet if side in (None, s))
        self._heel_walk.is_expected = name == "heel_walk"
        self._step_ups.expected = sides if name == "step_ups" else frozenset()
        for own, foot in self._feet.items():
            foot.seated.expected = name if own in sides else None

    def close(self) -> list[Found]:
        """End the sets under way now, and return those that were one."""
        found: list[ExerciseSet | None] = [self._heel_walk.close()]
        found += [self._step_ups.close(side) for side in self._feet]
        found += [foot.seated.close() for foot in self._feet.values()]
        return [one for one in found if one is not None]

    def live(self) -> LiveSet | None:
        """Return the set under way that was added to last; None where nothing is done."""
        walk = [(self._heel_walk.last_ns, self._heel_walk.live())]
        steps = [(self._step_ups.last_ns, self._step_ups.live())]
        seated = [(f.seated.last_ns, f.seated.live()) for f in self._feet.values()]
        found = [(last, live) for last, live in walk + steps + seated if live is not None]
        return max(found, key=lambda one: one[0])[1] if found else None

    def crossed(self) -> LegsCrossed | None:
        """Return the crossing under way, once it has lasted 20 s."""
        for side, foot in self._feet.items():
            since_ns = foot.crossing.live_since_ns()
            if since_ns is not None:
                certainty = round(foot.crossing.certainty(), 3)
                return LegsCrossed(side, since_ns, self._now_ns, certainty)
        return None

    # -- frames -----------------------------------------------------------------------------

    def _queue(self, foot: _Foot, frames: list[Frame]) -> None:
        if not frames:
            return
        foot.waiting.extend(frames)
        foot.newest = frames[-1].number
        if self._next is None:
            self._next = frames[0].number

    def _advance(self, lag: int) -> list[Found]:
        """Judge the frames that all feet have, or that one has waited for too long."""
        found: list[Found] = []
        if self._next is None:
            return found
        newest = [foot.newest for foot in self._feet.values()]
        last = max(min(newest), max(newest) - lag)
        while self._next <= last:
            frames = {side: foot.take(self._next) for side, foot in self._feet.items()}
            if not any(frames.values()):
                self._skip(last)
                continue
            self._now_ns = self._next * FRAME_NS + FRAME_NS // 2
            found += self._judge(frames)
            self._next += 1
        return found

    def _skip(self, last: int) -> None:
        """No foot has this frame: what is under way is void; go to the next one there is."""
        for side, foot in self._feet.items():
            self._miss(side, foot)
        heads = [foot.waiting[0].number for foot in self._feet.values() if foot.waiting]
        self._next = min([*heads, last + 1])

    def _miss(self, side: Side, foot: _Foot) -> None:
        foot.seated.gap()
        foot.steps.gap()
        self._step_ups.gap(side)

    def _judge(self, frames: dict[Side, Frame | None]) -> list[Found]:
        shares = self._weight.shares(frames)
        is_seated = self._weight.is_seated
        found: list[Found | None] = [self._heel_walk.tick(self._now_ns)]
        found += self._step_ups.tick(self._now_ns)
        for side, foot in self._feet.items():
            frame = frames[side]
            if frame is None:
                self._miss(side, foot)
                continue
            found.append(foot.seated.update(frame, is_seated))
            share = shares.get(side)
            if share is None:
                continue
            landing = foot.steps.landing(frame, *share)
            if landing is not None:
                found.append(self._heel_walk.update(landing))
            climb = foot.steps.climb(frame)
            if climb is not None:
                found += self._step_ups.update(climb)
            other = next((s[2] for k, s in shares.items() if k != side), None)
            found.append(foot.crossing.update(frame, share[2], other, is_seated))
        return [one for one in found if one is not None]

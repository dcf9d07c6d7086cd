"""Exercises on foot: heel walks and step-ups, from the landings and climbs of both feet."""

import math
from typing import Final

from kernels.exercises.records import ExerciseSet, LiveSet, Repetition, Side
from kernels.exercises.signatures import SIGNATURES
from kernels.exercises.steps import Climb, Landing

__all__ = ["HeelWalk", "StepUps"]

STEP_PAUSE_NS: Final = 3 * 10**9
"""A heel walk is over when no step came for so long."""
FLAT_STEPS: Final = 5
"""Steps in a row with the toes down that end a heel walk."""
GOOD_SHARE: Final = 0.55
MOST: Final = 1000
"""A heel walk is closed after so many steps, and begins again: memory stays flat."""
RISE_M: Final = (0.06, 0.28)
"""Height of one step; over it, one of a stair's strides."""
DOUBT: Final = 0.07
"""Height that is in doubt per way ahead: an error of 4 deg in the attitude."""
STRIDE_M: Final = 0.6
"""So far ahead is a stride of a walk, on stairs or not."""
LONGEST_NS: Final = 12 * 10**9
"""For one step-up."""
PAUSE_NS: Final = 20 * 10**9
"""From one step-up to the next."""
LEVEL_STEPS: Final = 3
"""Strides on the level that end a set of step-ups: the person walks."""


class HeelWalk:
    """Follows the landings of both feet for steps on the heels."""

    def __init__(self, feet: int) -> None:
        self._feet = feet
        self.is_expected = False
        """A guide asked for it: one step is a set."""
        self._steps: list[tuple[Landing, bool]] = []
        self._now_ns = 0

    def update(self, landing: Landing) -> ExerciseSet | None:
        """Take a landing; return the set that it ends."""
        done = self.tick(landing.time_ns)
        if landing.toes_up or self._steps:
            self._steps.append((landing, landing.toes_up))
        if self._flat_run() >= FLAT_STEPS or len(self._steps) >= MOST:
            return self.close() or done
        return done

    def tick(self, now_ns: int) -> ExerciseSet | None:
        """Return the set that ended because no step came."""
        self._now_ns = now_ns
        if self._steps and now_ns - self._steps[-1][0].time_ns > STEP_PAUSE_NS:
            return self.close()
        return None

    def close(self) -> ExerciseSet | None:
        """End the walk; None where it was none."""
        steps = self._kept()
        self._steps = []
        if not self._is_walk(steps, 1 if self.is_expected else SIGNATURES["heel_walk"].least):
            return None
        found = tuple(
            Repetition(one.time_ns, one.end_ns, range_deg=one.pitch_deg, is_good=up)
            for one, up in steps
        )
        return ExerciseSet("heel_walk", None, found[0].begin_ns, found[-1].end_ns, found)

    def live(self) -> LiveSet | None:
        """Return the walk under way once it has three steps."""
        steps = self._kept()
        if not self._is_walk(steps, 3):
            return None
        return LiveSet("heel_walk", None, steps[0][0].time_ns, self._now_ns, len(steps))

    @property
    def last_ns(self) -> int:
        """The last step."""
        return self._steps[-1][0].time_ns if self._steps else -1

    def _flat_run(self) -> int:
        run = 0
        for _, up in reversed(self._steps):
            if up:
                break
            run += 1
        return run

    def _kept(self) -> list[tuple[Landing, bool]]:
        """Return the steps up to the last one on the heels."""
        return self._steps[: len(self._steps) - self._flat_run()]

    def _is_walk(self, steps: list[tuple[Landing, bool]], least: int) -> bool:
        if len(steps) < max(1, least):
            return False
        good = sum(up for _, up in steps)
        sides = {one.side for one, _ in steps}
        return good >= GOOD_SHARE * len(steps) and (len(sides) == self._feet or len(steps) < 2)


class StepUps:
    """Follows the climbs of both feet for steps up and down again.

    A foot that goes up, bears the body's weight and comes down again makes a repetition, whichever
    foot it is; the first one up leads. Where the leading foot's way was lost with its samples, the
    other foot's pair counts for the set under way.
    """

    def __init__(self) -> None:
        self.expected: frozenset[Side] = frozenset()
        """The leading feet that a guide asked for: of those one repetition is a set."""
        self._up: dict[Side, Climb] = {}
        self._level = 0
        self._found: dict[Side, list[Repetition]] = {"left": [], "right": []}
        self._now_ns = 0

    def gap(self, side: Side) -> None:
        """Samples of a foot are missing: the step-up under way is not counted by it."""
        self._up.pop(side, None)

    def update(self, climb: Climb) -> list[ExerciseSet]:
        """Take a climb of either foot; return the sets that it ends."""
        done = self.tick(climb.end_ns)
        height, ahead = climb.height_m, abs(climb.ahead_m)
        if math.isnan(height) or abs(height) > RISE_M[1]:
            self.gap(climb.side)
        elif ahead > STRIDE_M or abs(height) < RISE_M[0] + DOUBT * ahead:
            done += self._on_level(climb)
        elif height < 0:
            self._down(climb)
        elif climb.side in self._up:  # a second step up: stairs
            self._up.clear()
        else:
            self._level = 0
            self._up[climb.side] = climb
        return done

    def tick(self, now_ns: int) -> list[ExerciseSet]:
        """Return the sets that ended because nothing came."""
        self._now_ns = now_ns
        late = [side for side, up in self._up.items() if now_ns - up.begin_ns > LONGEST_NS]
        for side in late:
            self.gap(side)
        over = [
            side
            for side, found in self._found.items()
            if found and now_ns - found[-1].end_ns > PAUSE_NS
        ]
        return [done for side in over if (done := self.close(side)) is not None]

    def close(self, side: Side) -> ExerciseSet | None:
        """End the set that this foot leads; None where it was none."""
        found, self._found[side] = self._found[side], []
        if len(found) < (1 if side in self.expected else SIGNATURES["step_ups"].least):
            return None
        return ExerciseSet("step_ups", side, found[0].begin_ns, found[-1].end_ns, tuple(found))

    def live(self) -> LiveSet | None:
        """Return the set under way from its first repetition on."""
        side = self._latest()
        found = self._found[side]
        if not found:
            return None
        is_up = bool(self._up)
        return LiveSet("step_ups", side, found[0].begin_ns, self._now_ns, len(found), is_up)

    @property
    def last_ns(self) -> int:
        """The last return."""
        return self._end_of(self._latest())

    def _latest(self) -> Side:
        return "left" if self._end_of("left") >= self._end_of("right") else "right"

    def _end_of(self, side: Side) -> int:
        found = self._found[side]
        return found[-1].end_ns if found else -1

    def _down(self, climb: Climb) -> None:
        self._level = 0
        up = self._up.pop(climb.side, None)
        last_ns = self.last_ns
        if up is None or climb.weight_ns < up.begin_ns or up.begin_ns < last_ns:
            return
        height_m = (up.height_m - climb.height_m) / 2
        first = up.heel_first
        one = Repetition(up.begin_ns, climb.end_ns, height_m=height_m, is_good=first)
        self._found[self._leader(climb.side, up)].append(one)

    def _leader(self, side: Side, up: Climb) -> Side:
        """Return the foot that leads: this one, if the other one went up after it."""
        other: Side = "right" if side == "left" else "left"
        if other in self._up and self._up[other].begin_ns >= up.begin_ns:
            return side
        return self._latest() if self.last_ns >= 0 else side

    def _on_level(self, climb: Climb) -> list[ExerciseSet]:
        self._level += 1
        self.gap(climb.side)  # walks on, up there
        if self._level < LEVEL_STEPS:
            return []
        self._up.clear()
        sides: tuple[Side, Side] = ("left", "right")
        return [done for side in sides if (done := self.close(side)) is not None]

"""Exercises of a seated foot: ankle dorsiflexions and toe taps, of one foot.

A repetition is a cycle of the foot's pitch (without an IMU: of the load that leaves the forefoot)
in which the forefoot empties, under less load than in standing. Whether it is a dorsiflexion or a
tap follows from the tempo alone; whether it is either, from the load and from being regular.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from kernels.exercises.cycles import Cycle, CycleCounter, Point
from kernels.exercises.frames import FRAME_S, Frame
from kernels.exercises.records import ExerciseName, ExerciseSet, LiveSet, Repetition, Side
from kernels.exercises.signatures import SIGNATURES

__all__ = ["SeatedFoot"]

LEAST_DEG: Final = 3.5
NO_IMU_SCALE: Final = 15.0
"""A forefoot that empties counts as so many degrees where there is no IMU."""
HEEL_STAYS: Final = 0.5
"""Share of its resting load that the heel keeps at least."""
HEEL_RESTS: Final = 0.3
"""Share of its raised load that the heel has at rest at least: else the foot rocked on its toes."""
FORE_EMPTIES: Final = 0.65
FORE_EMPTY: Final = 0.25
"""The forefoot's load when raised, as a share of its own and of the whole foot's at rest."""
IRREGULAR: Final = 0.28
"""Median deviation of periods or amplitudes, as a share of their median, that is no exercise."""
GOOD_SHARE: Final = 0.25
"""Share of the repetitions in which the heel stays: in none of them, the whole leg is lifted."""
PAUSE_S: Final = (4.0, 16.0)
PAUSE_PERIODS: Final = 3.6
LONGEST_PAUSE_S: Final = 30.0
"""Movements too small for a repetition keep a set going for so long."""
LATELY: Final = 16
"""So many last repetitions say what goes on now."""
MOST: Final = 1000
"""A set is closed after so many, and begins again: memory stays flat."""


class SeatedFoot:
    """Counts the seated exercises of one foot."""

    def __init__(self, side: Side) -> None:
        self._side: Side = side
        self._counter = CycleCounter(LEAST_DEG)
        self._fore_full = 0.0
        self._found: list[Repetition] = []
        self._partials: list[int] = []
        self._now_ns = 0
        self.expected: ExerciseName | None = None
        """What a guide asked this foot for: of that one repetition is a set, regular or not."""
        self._was_seated: bool | None = None

    def gap(self) -> None:
        """Samples are missing: the repetition under way is not counted."""
        self._counter.forget()

    def update(self, frame: Frame, is_seated: bool | None) -> ExerciseSet | None:
        """Take a frame; return the set that ended.

        Parameters
        ----------
        is_seated : bool or None
            Both feet bear little; None: not known yet, taken as seated.
        """
        self._now_ns = frame.time_ns
        learnt = is_seated is not None and self._was_seated is None
        self._was_seated = is_seated
        if learnt:
            self._drop()
        if is_seated is False:
            self._counter.forget()
            return self.close()
        done = self.close() if self._is_over() else None
        value = self._value(frame)
        if value is None or frame.total is None:
            self._counter.forget()
            return done
        point = Point(frame.time_ns, value, frame.heel or 0.0, frame.fore or 0.0, frame.total)
        cycle = self._counter.update(point)
        if cycle is not None and self._is_repetition(cycle):
            self._counter.accept(cycle)
            self._partials.append(self._counter.take_partials())
            self._found.append(self._repetition(cycle, frame.tilt is not None))
        return done

    def _drop(self) -> None:
        """Forget what was done while nobody knew whether the person sat: now it is known."""
        self._found.clear()
        self._partials.clear()
        self._counter.forget()
        self._counter.new_set()

    def close(self) -> ExerciseSet | None:
        """End the set under way; None where it was none."""
        found, self._found = self._found, []
        partials, self._partials = self._partials, []
        self._counter.new_set()
        name = self._name(found)
        if name is None:
            return None
        is_set = len(found) >= SIGNATURES[name].least and _is_regular(found, partials)
        if name != self.expected and not is_set:
            return None
        return ExerciseSet(name, self._side, found[0].begin_ns, found[-1].end_ns, tuple(found))

    def live(self) -> LiveSet | None:
        """Return the set under way, or a first repetition that has begun."""
        since_ns = self._counter.held_since_ns()
        if not self._found and since_ns is None:
            return None
        begin_ns = self._found[0].begin_ns if self._found else int(since_ns or 0)
        hold_s = 0.0 if since_ns is None else (self._now_ns - since_ns) / 1e9
        name = self._name(self._found[-LATELY:]) if len(self._found) > 1 else None
        return LiveSet(
            name, self._side, begin_ns, self._now_ns, len(self._found), since_ns is not None, hold_s
        )

    @property
    def last_ns(self) -> int:
        """End of the last repetition of the set under way."""
        return self._found[-1].end_ns if self._found else -1

    def _value(self, frame: Frame) -> float | None:
        if frame.tilt is not None:
            return frame.tilt.pitch_deg
        if frame.fore is None:
            return None
        self._fore_full = max(frame.fore, self._fore_full * (1 - FRAME_S / 20.0))
        return -NO_IMU_SCALE * frame.fore / self._fore_full if self._fore_full > 0 else None

    def _is_repetition(self, cycle: Cycle) -> bool:
        """Say whether the forefoot emptied, and the foot did not rock on its toes."""
        rest, top = cycle.rest, cycle.top
        least = min(top, key=lambda point: point.fore)
        if rest.fore <= 0 or least.fore > FORE_EMPTIES * rest.fore:
            return False
        highest = max(point.heel for point in top)
        return least.fore <= FORE_EMPTY * rest.total and rest.heel >= HEEL_RESTS * highest

    def _repetition(self, cycle: Cycle, has_imu: bool) -> Repetition:
        stays = min(point.heel for point in cycle.top) >= HEEL_STAYS * cycle.rest.heel
        return Repetition(
            cycle.begin_ns,
            cycle.end_ns,
            hold_s=cycle.held_frames * FRAME_S,
            range_deg=cycle.amplitude if has_imu else None,
            is_good=stays,
        )

    def _is_over(self) -> bool:
        if not self._found or len(self._found) >= MOST:
            return bool(self._found)
        periods = _periods(self._found[-LATELY:])
        usual = median(periods) if periods else PAUSE_S[1] / PAUSE_PERIODS
        pause_s = min(PAUSE_S[1], max(PAUSE_S[0], PAUSE_PERIODS * usual))
        end_ns = self._found[-1].end_ns
        moved_ns = max(end_ns, self._counter.moved_ns)
        is_late = self._now_ns - end_ns > LONGEST_PAUSE_S * 1e9
        return is_late or self._now_ns - moved_ns > pause_s * 1e9

    def _name(self, found: Sequence[Repetition]) -> ExerciseName | None:
        """Return what the tempo says; a single repetition has only its own length."""
        if not found:
            return None
        good = sum(bool(one.is_good) for one in found)
        if good < GOOD_SHARE * len(found):
            return None
        periods = _periods(found)
        usual = median(periods) if periods else (found[0].end_ns - found[0].begin_ns) / 1e9
        for name, row in SIGNATURES.items():
            if row.is_seated and row.period_s[0] <= usual < row.period_s[1]:
                return name
        return None


def _periods(found: Sequence[Repetition]) -> list[float]:
    ends = [one.end_ns for one in found]
    return [(b - a) / 1e9 for a, b in pairwise(ends)]


def _is_regular(found: Sequence[Repetition], partials: Sequence[int]) -> bool:
    """Say whether tempo and range are even; movements that were too small share their time."""
    turns = [
        period / (1 + more) for period, more in zip(_periods(found), partials[1:], strict=True)
    ]
    sizes = [one.range_deg for one in found if one.range_deg is not None]
    return all(_deviation(values) <= IRREGULAR for values in (turns, sizes) if len(values) > 2)


def _deviation(values: Sequence[float]) -> float:
    """Return the median absolute deviation as a share of the median."""
    middle = median(values)
    return median(abs(value - middle) for value in values) / middle if middle > 0 else 0.0

"""What a seated foot does: toes up and down, crossed over the other leg, tucked in, fidgeting.

A gesture goes smoothly from the foot's rest to a posture, holds it and goes back. Where the toes go
up the foot turns about its heel, where they go down about the toe point; the load follows from what
still touches the floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw.source import Side
from hw.virtual.manner import Manner
from hw.virtual.motion import Pose, smooth

__all__ = [
    "Act",
    "Gesture",
    "Repetition",
    "SetRecord",
    "crossing",
    "dorsiflexions",
    "fidgets",
    "toe_taps",
]

Array = NDArray[np.float64]
_GIVE_RAD: Final = float(np.radians(3.0))  # shoe and flesh: so far until a part of the foot is free
_GIVE_M: Final = 0.006
_SMACK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Gesture:
    """From rest at `start_s` to a posture, and back after `hold_s`.

    Attributes
    ----------
    pitch, roll : float
        Of the sole [rad]; toes up is positive.
    lift_m, ahead_m : float
        How far the whole foot goes up and forward.
    smack : float
        How hard the forefoot comes down, as a share of its load.
    other_gain : float
        By how much the load of the other foot grows.
    """

    start_s: float
    rise_s: float
    hold_s: float
    fall_s: float
    pitch: float = 0.0
    roll: float = 0.0
    lift_m: float = 0.0
    ahead_m: float = 0.0
    smack: float = 0.0
    other_gain: float = 0.0

    @property
    def end_s(self) -> float:
        """When the foot is back."""
        return self.start_s + self.rise_s + self.hold_s + self.fall_s

    def share(self, t: Array) -> Array:
        """Return how far it has gone at times t [s], 0 .. 1."""
        up = smooth((t - self.start_s) / self.rise_s)
        back = self.start_s + self.rise_s + self.hold_s
        return np.asarray(up - smooth((t - back) / self.fall_s))


class Repetition(NamedTuple):
    """The truth about a repetition; see `hw.virtual.labels.REPETITION_DTYPE`."""

    start_s: float
    end_s: float
    hold_s: float
    size: float
    counts: bool
    is_good: bool


@dataclass(frozen=True, slots=True)
class SetRecord:
    """The truth about a set."""

    exercise: str
    side: str
    start_s: float
    end_s: float
    repetitions: Sequence[Repetition]


@dataclass(frozen=True, slots=True)
class Act:
    """Gestures of one foot, ascending in time, and the set that they are, if they are one."""

    side: Side
    gestures: Sequence[Gesture]
    record: SetRecord | None = None
    crosses: bool = False

    @property
    def start_s(self) -> float:
        """The first movement."""
        return self.gestures[0].start_s

    @property
    def end_s(self) -> float:
        """The end of the last movement."""
        return self.gestures[-1].end_s

    def near(self, t: Array) -> list[Gesture]:
        """Return the gestures that times t [s] touch."""
        begin, end = t[0], t[-1]
        return [g for g in self.gestures if g.start_s <= end and g.end_s + 0.3 >= begin]

    def move(self, t: Array, pose: Pose, length_m: float) -> Pose:
        """Return the pose at times t [s] of a foot that would rest in `pose`."""
        heel, pitch, roll = pose.heel.copy(), pose.pitch.copy(), pose.roll.copy()
        for gesture in self.near(t):
            share = gesture.share(t)
            turn = gesture.pitch * share
            pitch += turn
            roll += gesture.roll * share
            heel[:, 2] += gesture.lift_m * share + length_m * np.sin(np.maximum(-turn, 0.0))
            heel[:, 0] += gesture.ahead_m * share * np.cos(pose.yaw)
            heel[:, 1] += gesture.ahead_m * share * np.sin(pose.yaw)
        return Pose(heel, pose.yaw, pitch, roll)

    def load(self, t: Array, regions: Array) -> None:
        """Change the regions' forces [n, 4] of the foot, in place."""
        for gesture in self.near(t):
            share = gesture.share(t)
            turn = gesture.pitch * share
            heel_free = np.clip(-turn / _GIVE_RAD, 0.0, 1.0)
            fore_free = np.clip(turn / _GIVE_RAD, 0.0, 1.0)
            to_heel = regions[:, 1:] * fore_free[:, None]
            to_fore = regions[:, 0] * heel_free
            regions[:, 1:] -= to_heel
            regions[:, 0] += to_heel.sum(axis=1) - to_fore
            regions[:, 2] += to_fore
            regions *= (1 - np.clip(gesture.lift_m * share / _GIVE_M, 0.0, 1.0))[:, None]
            since = t - gesture.end_s + 0.15 * gesture.fall_s
            blow = np.where(since > 0, np.exp(-np.maximum(since, 0.0) / _SMACK_S), 0.0)
            regions[:, 2:] *= (1 + gesture.smack * blow)[:, None]

    def other_gain(self, t: Array) -> Array:
        """Return the factor on the other foot's load."""
        gain = np.ones_like(t)
        for gesture in self.near(t):
            gain += gesture.other_gain * gesture.share(t)
        return gain


def dorsiflexions(start_s: float, manner: Manner, rng: np.random.Generator) -> Act:
    """Return a set of ankle dorsiflexions against a band."""
    return _repeated("ankle_dorsiflexion", start_s, manner, rng, (0.30, 0.36, 0.0))


def toe_taps(start_s: float, manner: Manner, rng: np.random.Generator) -> Act:
    """Return a set of toe taps: down faster than up, with a smack."""
    return _repeated("toe_taps", start_s, manner, rng, (0.5, 0.3, 0.6))


def _repeated(
    exercise: str,
    start_s: float,
    manner: Manner,
    rng: np.random.Generator,
    shape: tuple[float, float, float],
) -> Act:
    gestures: list[Gesture] = []
    truths: list[Repetition] = []
    at = start_s
    up, down, smack = shape
    for k in range(10 * manner.repetitions):
        tempo, size = np.clip(1 + manner.spread * rng.standard_normal(2), 0.5, 1.6)
        draws = rng.random(3)
        counts = bool(draws[0] >= manner.half_share) or k == 0
        is_good = bool(draws[1] >= manner.fault_share)
        period = max(0.21, manner.period_s * tempo)
        free = period - min(manner.hold_s, 0.6 * period)
        hold = period - free
        degrees = max(4.5, manner.range_deg * size)
        if not counts:
            degrees = manner.range_deg * (0.15 + 0.15 * draws[2])
        gesture = Gesture(
            start_s=at,
            rise_s=up * free,
            hold_s=hold,
            fall_s=down * free,
            pitch=float(np.radians(degrees)),
            lift_m=0.0 if is_good else 0.02 + 0.02 * draws[2],
            smack=smack * float(draws[2]),
        )
        gestures.append(gesture)
        truths.append(Repetition(at, gesture.end_s, hold, degrees, counts, is_good))
        at += period
        if sum(truth.counts for truth in truths) == manner.repetitions:
            break
    record = SetRecord(exercise, manner.side, start_s, gestures[-1].end_s, truths)
    return Act(manner.side, gestures, record)


def crossing(side: Side, start_s: float, seconds: float, rng: np.random.Generator) -> Act:
    """Return a leg laid over the other one: knee over knee, or the ankle on the knee."""
    on_knee = rng.random() < 0.4
    roll = rng.uniform(45, 70) if on_knee else rng.uniform(5, 20)
    pitch = rng.uniform(-15, 5) if on_knee else rng.uniform(-35, -12)
    sign = 1.0 if side == "right" else -1.0
    over = Gesture(
        start_s,
        1.3,
        max(1.0, seconds - 2.6),
        1.3,
        pitch=float(np.radians(pitch)),
        roll=sign * float(np.radians(roll)),
        lift_m=float(rng.uniform(0.3, 0.45)),
        ahead_m=float(rng.uniform(-0.05, 0.25)),
        other_gain=float(rng.uniform(0.4, 0.9)),
    )
    return Act(side, [over], crosses=True)


def fidgets(
    side: Side, start_s: float, end_s: float, rng: np.random.Generator, often: float = 1.0
) -> list[Act]:
    """Return what a seated foot does now and then: about `often` times a minute."""
    acts: list[Act] = []
    at = start_s + float(rng.exponential(40.0 / often))
    while at < end_s - 4.0:
        gestures = _fidget(int(rng.integers(5)), at, end_s - 1.0, rng)
        if gestures and gestures[-1].end_s < end_s:
            acts.append(Act(side, gestures))
            at = gestures[-1].end_s
        at += 1.0 + float(rng.exponential(60.0 / often))
    return acts


def _fidget(kind: int, at: float, end_s: float, rng: np.random.Generator) -> list[Gesture]:
    a, b, c = rng.random(3)
    if kind == 0:  # tucked under the chair
        hold = min(5 + 60 * c, max(1.0, end_s - at - 3))
        pitch = float(np.radians(-15 - 25 * a))
        return [Gesture(at, 0.8, hold, 0.8, pitch=pitch, ahead_m=-0.15 - 0.1 * b)]
    if kind == 1:  # stretched out, on the heel
        hold = min(5 + 60 * c, max(1.0, end_s - at - 3))
        pitch = float(np.radians(12 + 25 * a))
        return [Gesture(at, 0.9, hold, 0.9, pitch=pitch, ahead_m=0.2 + 0.1 * b)]
    if kind == 2:  # the leg jiggles on its toes
        period, count = 0.16 + 0.08 * a, 8 + int(60 * b)
        pitch = float(np.radians(-3 - 5 * c))
        turns = [at + k * period for k in range(count)]
        return [Gesture(t, 0.5 * period, 0.0, 0.5 * period, pitch=pitch) for t in turns]
    if kind == 3:  # the toes come up once or twice or thrice, idly
        gestures = []
        for _ in range(1 + int(3 * a)):
            up, hold = rng.uniform(0.2, 0.8), rng.uniform(0.0, 3.0)
            pitch = float(np.radians(rng.uniform(4, 20)))
            gestures.append(Gesture(at, up, hold, up, pitch=pitch))
            at = gestures[-1].end_s + float(rng.uniform(0.2, 5.0))
        return gestures
    lift, ahead = 0.01 + 0.04 * a, 0.1 * (b - 0.5)  # put elsewhere and back
    return [Gesture(at, 0.4, 1 + 20 * c, 0.4, lift_m=lift, ahead_m=ahead)]

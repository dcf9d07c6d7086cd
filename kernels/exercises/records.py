"""What the recogniser returns: plain frozen records. None is unknown, never 0."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["ExerciseName", "ExerciseSet", "LegsCrossed", "LiveSet", "Repetition", "Side"]

Side = Literal["left", "right"]
ExerciseName = Literal["ankle_dorsiflexion", "heel_walk", "toe_taps", "step_ups"]


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition, or one step of a heel walk; times are the samples' [ns].

    Attributes
    ----------
    begin_ns, end_ns : int
        From leaving the resting position to the return, on which it is counted.
    hold_s : float or None
        How long it was held near its peak.
    range_deg : float or None
        Amplitude of the foot's pitch; None without an IMU. Of a heel walk: the pitch over that of
        the flat foot.
    height_m : float or None
        How high a step-up went.
    is_good : bool or None
        Done as the exercise asks: the heel stayed down, the forefoot stayed up, the heel landed
        first. None: not to be seen.
    """

    begin_ns: int
    end_ns: int
    hold_s: float | None = None
    range_deg: float | None = None
    height_m: float | None = None
    is_good: bool | None = None


@dataclass(frozen=True, slots=True)
class ExerciseSet:
    """A set that ended. `side` is None where the exercise takes both legs."""

    name: ExerciseName
    side: Side | None
    begin_ns: int
    end_ns: int
    repetitions: tuple[Repetition, ...]

    @property
    def count(self) -> int:
        """The repetitions; of a heel walk the steps."""
        return len(self.repetitions)

    @property
    def duration_s(self) -> float:
        """From the begin of the first to the end of the last repetition."""
        return (self.end_ns - self.begin_ns) / 1e9


@dataclass(frozen=True, slots=True)
class LiveSet:
    """A set that is under way, as far as it is known at `now_ns`.

    Attributes
    ----------
    name : str or None
        None: something regular is done, but it is not yet certain, or cannot be told with the
        sensors there are, which of the exercises it is.
    side : {"left", "right"} or None
    begin_ns, now_ns : int
        The set's first movement; the newest sample.
    count : int
        Repetitions (steps of a heel walk) counted so far.
    is_up : bool
        The foot is in the raised position now.
    hold_s : float
        For how long it has been; 0 where it is not.
    """

    name: ExerciseName | None
    side: Side | None
    begin_ns: int
    now_ns: int
    count: int
    is_up: bool = False
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LegsCrossed:
    """A leg lay over the other while sitting, from `begin_ns` to `end_ns`.

    `side` is the leg on top; `certainty` 0-1, see `kernels.exercises.crossing`.
    """

    side: Side
    begin_ns: int
    end_ns: int
    certainty: float

"""How the virtual patient does the exercises of the physiotherapist's programme, well or badly."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from hw.source import HwError, Side

__all__ = [
    "EXERCISES",
    "MISTAKES",
    "Manner",
    "Mistake",
    "VirtualConfigError",
    "check_within",
    "manner",
]

Mistake = Literal["", "small", "fast", "uneven", "careless", "half"]
"""Too little range, too fast, uneven in range and tempo, done wrongly (see `fault_share`), or a
part of the repetitions only a third of the way."""
MISTAKES: Final[tuple[Mistake, ...]] = get_args(Mistake)


class VirtualConfigError(HwError, ValueError):
    """A setting of the virtual patient that no person could have; `key` names it."""

    def __init__(self, key: str, value: object, wanted: str) -> None:
        super().__init__(f"{key} is {value!r}; give {wanted}")
        self.key = key
        self.value = value


def check_within(key: str, value: float, low: float, high: float) -> None:
    """Raise `VirtualConfigError` for a value outside the range."""
    if not low <= value <= high:
        raise VirtualConfigError(key, value, f"a number from {low:g} to {high:g}")


@dataclass(frozen=True, slots=True)
class Manner:
    """How one set of an exercise is done.

    Attributes
    ----------
    side : {"left", "right"}
        The leg that exercises; leads, in step-ups. Heel walks take both.
    repetitions : int
        Of a heel walk: steps.
    period_s : float
        From one repetition to the next [s]; a heel walk has the cadence of its speed.
    range_deg : float
        How far the toes go up; of a heel walk, how high they are held.
    hold_s : float
        How long they stay up; shortened where the period leaves no time.
    rise_m : float
        Height of the step of step-ups.
    spread : float
        Coefficient of variation of range and tempo.
    half_share : float
        Share of repetitions that go a third of the way or less (of step-ups: without weight on the
        step). They are no repetitions.
    fault_share : float
        Share done wrongly: the heel comes up from the floor; in a heel walk the forefoot comes
        down; in step-ups the foot lands on its toes.
    """

    side: Side = "left"
    repetitions: int = 12
    period_s: float = 4.0
    range_deg: float = 18.0
    hold_s: float = 0.0
    rise_m: float = 0.15
    spread: float = 0.06
    half_share: float = 0.0
    fault_share: float = 0.0

    def __post_init__(self) -> None:
        check_within("repetitions", self.repetitions, 1, 200)
        check_within("period_s", self.period_s, 0.22, 12)
        check_within("range_deg", self.range_deg, 5, 35)
        check_within("hold_s", self.hold_s, 0, 10)
        check_within("rise_m", self.rise_m, 0.08, 0.25)
        check_within("spread", self.spread, 0, 0.4)
        check_within("half_share", self.half_share, 0, 0.6)
        check_within("fault_share", self.fault_share, 0, 1)


EXERCISES: Final[Mapping[str, Manner]] = {
    "ankle_dorsiflexion": Manner(repetitions=12, period_s=4.2, range_deg=18.0, hold_s=2.0),
    "toe_taps": Manner(repetitions=60, period_s=0.6, range_deg=14.0),
    "heel_walk": Manner(repetitions=36, range_deg=13.0),
    "step_ups": Manner(repetitions=10, period_s=4.6),
}
"""Each exercise done well (gait.md, "Home exercises")."""

_BADLY: Final[Mapping[str, Mapping[Mistake, Mapping[str, Any]]]] = {
    "ankle_dorsiflexion": {
        "small": {"range_deg": 7.0},
        "fast": {"period_s": 1.6, "hold_s": 0.2},
        "uneven": {"spread": 0.22},
        "careless": {"fault_share": 0.4},
        "half": {"half_share": 0.25},
    },
    "toe_taps": {
        "small": {"range_deg": 6.5},
        "fast": {"period_s": 0.29},
        "uneven": {"spread": 0.22},
        "careless": {"fault_share": 0.3},
        "half": {"half_share": 0.2},
    },
    "heel_walk": {
        "small": {"range_deg": 8.0},
        "uneven": {"spread": 0.2},
        "careless": {"fault_share": 0.25},
    },
    "step_ups": {
        "small": {"rise_m": 0.11},
        "fast": {"period_s": 3.4},
        "uneven": {"spread": 0.15},
        "careless": {"fault_share": 0.8},
        "half": {"half_share": 0.25},
    },
}


def manner(exercise: str, side: Side = "left", mistake: Mistake = "", **changes: Any) -> Manner:
    """Return how a set is done; a mistake that the exercise does not know makes it uneven.

    Raises
    ------
    VirtualConfigError
        For an unknown exercise.
    """
    if exercise not in EXERCISES:
        raise VirtualConfigError("exercise", exercise, f"one of {', '.join(EXERCISES)}")
    badly = _BADLY[exercise]
    wrong = badly.get(mistake, badly["uneven"]) if mistake else {}
    return replace(EXERCISES[exercise], side=side, **{**wrong, **changes})

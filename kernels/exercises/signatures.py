"""What each exercise looks like: one row per exercise (gait.md, "Home exercises").

The limits leave room for an exercise done badly; how well it was done: `kernels.exercises.quality`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kernels.exercises.records import ExerciseName

__all__ = ["SIGNATURES", "Sensor", "Signature", "recognisable"]

Sensor = Literal["cells", "imu"]


@dataclass(frozen=True, slots=True)
class Signature:
    """How an exercise is told from others, and what a good set of it is.

    Attributes
    ----------
    is_seated : bool
        Cycles of one foot under little load; else steps under the body's weight.
    needs : frozenset of {"cells", "imu"}
        Sensors without which the name stays unknown.
    least : int
        Repetitions (steps of a heel walk) that make a set without a guide.
    period_s : (float, float)
        Shortest and longest time from one repetition to the next, for the name.
    good_period_s : (float, float)
        The same for a tempo that needs no advice.
    good_size : float
        Pitch [deg], or height of step-ups [m], that needs no advice.
    good_hold_s : float
        How long a repetition is to be held; 0: not at all.
    """

    is_seated: bool
    needs: frozenset[Sensor]
    least: int
    period_s: tuple[float, float]
    good_period_s: tuple[float, float]
    good_size: float
    good_hold_s: float = 0.0


SIGNATURES: Final[Mapping[ExerciseName, Signature]] = {
    # 0.2-0.7 Hz; a hold may stretch it. 0.84 Hz lies halfway to the taps, on a scale of ratios.
    "ankle_dorsiflexion": Signature(
        True, frozenset({"cells"}), 6, (1.19, 12.0), (1.43, 7.5), 12.0, 2.0
    ),
    "toe_taps": Signature(True, frozenset({"cells"}), 8, (0.2, 1.19), (0.33, 1.05), 10.0),
    "heel_walk": Signature(False, frozenset({"cells"}), 6, (0.25, 3.0), (0.35, 2.0), 10.0),
    "step_ups": Signature(False, frozenset({"cells", "imu"}), 3, (1.5, 12.0), (3.0, 8.0), 0.10),
}


def recognisable(has_cells: bool, has_imu: bool) -> frozenset[ExerciseName]:
    """Return the exercises that a foot with these sensors can show; the IMU on the foot itself."""
    there = {name for name, has in (("cells", has_cells), ("imu", has_imu)) if has}
    return frozenset(name for name, row in SIGNATURES.items() if row.needs <= there)

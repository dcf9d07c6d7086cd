"""All that is said about a range, as numbers; words and plots are made from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.changes import AboveBaseline, Change, above_baseline, changes
from pipeline.report.compare import Comparison, compare
from pipeline.report.compare import Worn as Orthosis
from pipeline.report.events import (
    AlertCount,
    CueCount,
    ExerciseCount,
    Fatigue,
    alert_counts,
    cue_counts,
    exercise_counts,
    fatigue,
)
from pipeline.report.material import Material, focus
from pipeline.report.worn import Worn, look_at_worn

__all__ = ["Facts", "NearTrips", "find"]


@dataclass(frozen=True, slots=True)
class NearTrips:
    """Near-trips of both feet; `number` is None where no IMU could have seen one.

    Attributes
    ----------
    walked_s : float or None
        Time walked in the range [s].
    """

    number: int | None
    walked_s: float | None


@dataclass(frozen=True)
class Facts:
    """What was found; every part has its denominators.

    Attributes
    ----------
    comparisons : tuple
        Empty where no comparison was asked for.
    """

    material: Material
    worn: Worn
    changes: tuple[Change, ...]
    above: tuple[AboveBaseline, ...]
    fatigue: tuple[Fatigue, ...]
    near_trips: NearTrips
    comparisons: tuple[Comparison, ...]
    exercises: tuple[ExerciseCount, ...]
    cues: CueCount
    alerts: tuple[AlertCount, ...]

    @property
    def gait_alerts(self) -> Sequence[AlertCount]:
        """Alerts about the gait."""
        return [each for each in self.alerts if not each.technical]

    def change(self, name: str) -> list[Change]:
        """Return the changes of a metric, by side."""
        return [each for each in self.changes if each.metric.name == name]


def find(material: Material, orthosis: Orthosis | None = None) -> Facts:
    """Return the facts of a range; with an orthosis also the comparison with and without it."""
    sides = focus(material.record) if orthosis else ()
    worn = look_at_worn(material)
    return Facts(
        material,
        worn,
        tuple(changes(material)),
        tuple(above_baseline(material)),
        tuple(fatigue(material)),
        _near_trips(material, worn),
        tuple(compare(material.strides, side, orthosis) for side in sides if orthosis),
        tuple(exercise_counts(material)),
        cue_counts(material),
        tuple(alert_counts(material)),
    )


def _near_trips(material: Material, worn: Worn) -> NearTrips:
    number = len(material.rows["near_trip"])
    by_imu = any(row["pitch_strides"] for row in material.daily.values())
    return NearTrips(number if number or by_imu else None, worn.walking_s)

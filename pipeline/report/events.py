"""Exercises against what was prescribed; alerts and what people said about them; fatigue."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Final, get_args

from edge.wire import Dose, ExerciseName
from pipeline.report.intervals import Interval, Ratio, difference, ratio
from pipeline.report.material import Material, focus
from pipeline.report.strides import LAST_MINUTE
from pipeline.summary import Row

__all__ = [
    "EXERCISES",
    "AlertCount",
    "CueCount",
    "ExerciseCount",
    "Fatigue",
    "alert_counts",
    "cue_counts",
    "exercise_counts",
    "fatigue",
]

EXERCISES: Final[tuple[str, ...]] = get_args(ExerciseName)
FRESH: Final = range(2)
"""Minutes into a stretch of walking that count as its begin."""
TIRED: Final = range(5, LAST_MINUTE + 1)
"""Minutes that count as later on."""
_LEAST_SWINGS: Final = 200


@dataclass(frozen=True, slots=True)
class ExerciseCount:
    """One exercise over the range.

    Attributes
    ----------
    prescribed, done : int
        Sets, over the days on which something was seen of the device. Done is a set that reached
        its dose, up to what was prescribed for that day and side.
    days, seen_days : int
        On which it was prescribed; of these, with anything from the device.
    sets, repetitions, guided : int
        Sets that were recognised, whole or not; what is in them; those done with the guide.
    quality : float or None
        0-1, the median of the sets with one.
    """

    exercise: str
    prescribed: int
    done: int
    days: int
    seen_days: int
    sets: int
    repetitions: int
    guided: int
    quality: float | None


def exercise_counts(material: Material) -> list[ExerciseCount]:
    """Return every exercise that was prescribed or recognised."""
    found = [_exercise_count(material, name) for name in EXERCISES]
    return [each for each in found if each.days or each.sets]


def _exercise_count(material: Material, name: str) -> ExerciseCount:
    sets = [row for row in material.rows["exercise"] if row["exercise"] == name]
    by_day: dict[date, list[Row]] = defaultdict(list)
    for row in sets:
        by_day[material.span.day(row["time_ns"])].append(row)
    due = {
        day: doses
        for day in material.span.days
        if (doses := [d for d in material.record.due_on(day) if d.exercise == name])
    }
    seen = [day for day in due if day in _seen_days(material)]
    qualities = [row["quality"] for row in sets if row["quality"] is not None]
    return ExerciseCount(
        name,
        prescribed=sum(dose.sets for day in seen for dose in due[day]),
        done=sum(_done(due[day], by_day[day]) for day in seen),
        days=len(due),
        seen_days=len(seen),
        sets=len(sets),
        repetitions=sum(row["repetitions"] or 0 for row in sets),
        guided=sum(bool(row["guided"]) for row in sets),
        quality=median(qualities) if qualities else None,
    )


def _seen_days(material: Material) -> set[date]:
    """Return the days on which the device gave a sign of life: the rollup says what was done."""
    names = [f"{name}_sets_done" for name in EXERCISES]
    return {
        material.span.day(row["time_ns"])
        for row in material.rows["programme"]
        if any(row[name] is not None for name in names)
    }


def _done(doses: Sequence[Dose], sets: Sequence[Row]) -> int:
    """Return how many prescribed sets were done; none counts for two doses."""
    waiting = Counter(row["side"] for row in sets if row["is_complete"] is not False)
    done = 0
    # doses of one side first: one of any side takes what they leave
    for dose in sorted(doses, key=lambda dose: dose.side is None):
        left = dose.sets
        for side in (dose.side,) if dose.side else tuple(waiting):
            taken = min(left, waiting[side])
            waiting[side] -= taken
            left -= taken
        done += dose.sets - left
    return done


@dataclass(frozen=True, slots=True)
class CueCount:
    """Cues to the patient, and practice with them.

    Attributes
    ----------
    given, held_back : int
        Held back: there was a cause, and a reason not to cue.
    sessions, steps, on_target : int
        Practice: its steps, and those of them that met the target.
    """

    given: int
    held_back: int
    sessions: int
    steps: int
    on_target: int


def cue_counts(material: Material) -> CueCount:
    """Return what was cued and practised."""
    cues, practice = material.rows["cue"], material.rows["practice"]
    given = sum(bool(row["given"]) for row in cues)
    return CueCount(
        given,
        len(cues) - given,
        len(practice),
        sum(row["steps"] or 0 for row in practice),
        sum(row["on_target"] or 0 for row in practice),
    )


@dataclass(frozen=True, slots=True)
class AlertCount:
    """The alerts of one rule.

    Attributes
    ----------
    raised, acknowledged : int
        Distinct alerts; of these, seen by somebody.
    right, wrong : int
        Of those acknowledged, said to be right or false; of the others nothing was said.
    last_ns : int
    """

    rule: str
    technical: bool
    raised: int
    acknowledged: int
    right: int
    wrong: int
    last_ns: int


def alert_counts(material: Material) -> list[AlertCount]:
    """Return the alerts by rule, those about the gait first; an alert counts once."""
    raised = {row["id"]: row for row in material.rows["alert"] if row["raised"]}
    said: dict[str, set[bool]] = defaultdict(set)
    for row in material.rows["acknowledge"]:
        said[row["id"]] |= {row["true_alarm"]} - {None}
    groups: dict[tuple[bool, str], list[Row]] = defaultdict(list)
    for row in raised.values():
        groups[bool(row["technical"]), row["rule"]].append(row)
    return [
        _alert_count(rule, technical, groups[technical, rule], said)
        for technical, rule in sorted(groups)
    ]


def _alert_count(
    rule: str, technical: bool, rows: Sequence[Row], said: dict[str, set[bool]]
) -> AlertCount:
    # who says right and false of one alert has said nothing that counts
    words = Counter(
        next(iter(said[row["id"]])) for row in rows if len(said.get(row["id"], ())) == 1
    )
    return AlertCount(
        rule,
        technical,
        raised=len(rows),
        acknowledged=sum(row["id"] in said for row in rows),
        right=words[True],
        wrong=words[False],
        last_ns=max(row["time_ns"] for row in rows),
    )


@dataclass(frozen=True, slots=True)
class Fatigue:
    """Drags at the begin of a stretch of walking against later on.

    Attributes
    ----------
    fresh, tired : Ratio
        Drags of valid swings in the first two minutes, and from the sixth minute on.
    interval : Interval or None
        Of tired less fresh; None: too few days or swings.
    """

    side: str
    fresh: Ratio
    tired: Ratio
    interval: Interval | None


def fatigue(material: Material) -> list[Fatigue]:
    """Return for each affected foot whether drags come with the minutes."""
    found = []
    for side in focus(material.record):
        fresh, tired = (material.strides.minute_clusters(side, when) for when in (FRESH, TIRED))
        enough = min(sum(c.of for c in part) for part in (fresh, tired)) >= _LEAST_SWINGS
        interval = difference(tired, fresh) if enough else None
        found.append(Fatigue(side, ratio(fresh), ratio(tired), interval))
    return found

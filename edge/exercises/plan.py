"""The exercise plan: what is to be done, what of it is done, and the programme without a plan."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from edge import wire

__all__ = ["STANDARD", "Progress", "dose_of", "is_complete", "progress"]

STANDARD: Final[tuple[wire.Dose, ...]] = (
    *(
        wire.Dose(
            exercise="ankle_dorsiflexion", side=side, sets=3, repetitions=12, hold_s=2.0, rest_s=60
        )
        for side in ("left", "right")
    ),
    *(
        wire.Dose(exercise="toe_taps", side=side, sets=3, seconds=30.0, rest_s=45)
        for side in ("left", "right")
    ),
    wire.Dose(exercise="heel_walk", sets=3, seconds=20.0, rest_s=60),
    *(
        wire.Dose(exercise="step_ups", side=side, sets=2, repetitions=10, rest_s=60)
        for side in ("left", "right")
    ),
)
"""The physiotherapist's programme (gait.md), to try where no plan was set: no prescription."""


class Progress(NamedTuple):
    """One dose of a day: how many of its sets are complete, and how many were begun besides."""

    dose: wire.Dose
    complete: int
    partial: int

    @property
    def is_done(self) -> bool:
        """Whether all prescribed sets are complete."""
        return self.complete >= self.dose.sets


def dose_of(
    plan: Iterable[wire.Dose], exercise: wire.ExerciseName, side: wire.Side | None
) -> wire.Dose | None:
    """Return the dose that a set belongs to: that of its side, else the one for both."""
    mine = [dose for dose in plan if dose.exercise == exercise]
    exact = [dose for dose in mine if dose.side == side]
    either = [dose for dose in mine if dose.side is None or side is None]
    return next(iter(exact or either), None)


def is_complete(
    dose: wire.Dose | None, repetitions: int, duration_s: float, tempo_per_min: float | None
) -> bool | None:
    """Say whether a set reached its dose; None: nothing is prescribed.

    A dose in seconds is reached up to one repetition, because a set ends with its last return.
    """
    if dose is None or (dose.repetitions is None and dose.seconds is None):
        return None
    if dose.repetitions is not None:
        return repetitions >= dose.repetitions
    slack_s = 60.0 / tempo_per_min if tempo_per_min else 0.0
    return duration_s + slack_s >= (dose.seconds or 0.0)


def progress(
    plan: Iterable[wire.Dose], done: Sequence[wire.Exercise], day: str | None = None
) -> list[Progress]:
    """Return how far a day's plan is done.

    Parameters
    ----------
    plan : iterable of wire.Dose
    done : sequence of wire.Exercise
        The sets of that day.
    day : str, optional
        The weekday ("mon"), to leave out what is not prescribed for it; None: every dose.
    """
    doses = [dose for dose in plan if day is None or day in dose.days]
    counts = {id(dose): [0, 0] for dose in doses}
    for one in done:
        dose = dose_of(doses, one.exercise, one.side)
        if dose is None:
            continue
        tempo = one.tempo_per_min
        reached = is_complete(dose, one.repetitions, one.duration_s, tempo)
        counts[id(dose)][0 if reached else 1] += 1
    return [Progress(dose, *counts[id(dose)]) for dose in doses]

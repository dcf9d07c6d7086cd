"""Exercises done against those prescribed, per patient and day."""

from collections.abc import Sequence
from math import fsum

from edge import wire
from pipeline.points import Point
from pipeline.rollup.rows import DayRows, Row
from pipeline.rollup.strides import percent, quantile
from pipeline.tables import FieldValue

__all__ = ["programme_points"]


def programme_points(rows: DayRows, patient: str, due: Sequence[wire.Dose]) -> list[Point]:
    """Return the day's point; none where nothing was prescribed and nothing done.

    A set is done where it reached its dose, or nobody prescribed one; `done_percent` is of the
    prescribed sets, each dose counted up to what it asks for and on the side it asks for. On a day
    without any sign of the device only what was prescribed is known.
    """
    sets = rows.within(rows.exercise)
    fields: dict[str, FieldValue] = {}
    for dose in due:
        name = f"{dose.exercise}_sets_prescribed"
        fields[name] = int(fields.get(name, 0)) + dose.sets
    if rows.is_seen:
        for exercise in sorted({row["exercise"] for row in sets} | {dose.exercise for dose in due}):
            fields |= _done(exercise, [row for row in sets if row["exercise"] == exercise])
        share = percent(_done_of(due, sets), sum(dose.sets for dose in due))
        fields |= {} if share is None else {"done_percent": share}
    tags = (("patient", patient),)
    return [Point("programme", tags, fields, rows.start_ns)] if fields else []


def _done(exercise: str, sets: Sequence[Row]) -> dict[str, FieldValue]:
    quality = sorted(row["quality"] for row in sets if row["quality"] is not None)
    fields: dict[str, FieldValue] = {
        f"{exercise}_sets_done": sum(row["is_complete"] is not False for row in sets),
        f"{exercise}_repetitions": sum(row["repetitions"] or 0 for row in sets),
        f"{exercise}_guided": sum(bool(row["guided"]) for row in sets),
        f"{exercise}_seconds": fsum(row["duration_s"] or 0.0 for row in sets),
    }
    return fields | ({f"{exercise}_quality": quantile(quality, 0.5)} if quality else {})


def _done_of(due: Sequence[wire.Dose], sets: Sequence[Row]) -> int:
    """Return how many of the prescribed sets were done; none counts for two doses."""
    waiting = [row for row in sets if row["is_complete"] is not False]
    done = 0
    # Doses for one side first: a dose for any side takes what they leave.
    for dose in sorted(due, key=lambda dose: dose.side is None):
        mine = [
            row
            for row in waiting
            if row["exercise"] == dose.exercise and dose.side in (None, row["side"])
        ][: dose.sets]
        done += len(mine)
        waiting = [row for row in waiting if not any(row is taken for taken in mine)]
    return done

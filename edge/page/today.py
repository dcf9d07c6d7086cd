"""Today in the patient's time zone: steps by hour, the plan, what is worn."""

from datetime import date, tzinfo
from typing import Any, Final

from edge import wire
from edge.page.history import ExerciseDone
from edge.page.ledger import Counts, Ledger, local, total

__all__ = ["FEW", "TodayView"]

FEW: Final = 20
"""Landings with a known strike type under which no share is shown: it would be chance."""
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class TodayView:
    """What the day has brought so far.

    While the clock is not known there is no "today": what was counted since then is shown
    instead, and said so.

    Parameters
    ----------
    ledger : Ledger
    exercises : list of ExerciseDone
        Sets that ended, also of earlier days.
    zone : tzinfo or None
        The patient's; None: this machine's.
    """

    def __init__(
        self, ledger: Ledger, exercises: list[ExerciseDone], zone: tzinfo | None = None
    ) -> None:
        self.ledger = ledger
        self.exercises = exercises
        self.undated: list[ExerciseDone] = []
        """Sets that wait for the wall clock; their time is monotonic."""
        self.zone = zone
        self.targets = wire.Targets()
        self.plan: tuple[wire.Dose, ...] = ()

    def day(self, wall_ns: int | None) -> date | None:
        """Return the local day; None while the clock is not known."""
        return None if wall_ns is None else local(wall_ns, self.zone).date()

    def hours(self, wall_ns: int | None) -> list[Counts]:
        """Return today by hour; empty while the clock is not known."""
        day = self.day(wall_ns)
        return [] if day is None else self.ledger.hours(day, self.zone)

    def summary(self, wall_ns: int | None) -> dict[str, Any]:
        """Return today against its goals, and by hour as [steps, known, heel first]."""
        hours = self.hours(wall_ns)
        counts = total(hours) if hours else self.ledger.unplaced()
        return {
            "clock": wall_ns is not None,
            "hour": None if wall_ns is None else local(wall_ns, self.zone).hour,
            "steps": counts.steps,
            "goal": self.targets.steps_per_day,
            "known": counts.known,
            "heel": counts.heel,
            "few": counts.known < FEW,
            "heel_goal": round(self.targets.heel_first_percent),
            "swings": counts.swings,
            "drags": counts.drags,
            "hours": [[hour.steps, hour.known, hour.heel] for hour in hours],
        }

    def done(self, wall_ns: int | None) -> list[ExerciseDone]:
        """Return the sets of today."""
        day = self.day(wall_ns)
        if day is None:
            return self.undated
        return [done for done in self.exercises if self.day(done.wall_ns) == day]

    def doses(self, wall_ns: int | None) -> list[wire.Dose]:
        """Return what the plan asks for today; with an unknown clock, for any day."""
        day = self.day(wall_ns)
        if day is None:
            return list(self.plan)
        return [dose for dose in self.plan if _DAYS[day.weekday()] in dose.days]

    def exercise_rows(self, wall_ns: int | None) -> list[dict[str, Any]]:
        """Return the plan of today with what is done of it, then what was done beside it."""
        done = self.done(wall_ns)
        rows: list[dict[str, Any]] = []
        planned: set[int] = set()
        for index, dose in enumerate(self.doses(wall_ns)):
            mine = [d for d in done if d.exercise == dose.exercise and _fits(d.side, dose.side)]
            planned.update(id(d) for d in mine)
            rows.append(
                {
                    "index": index,
                    "exercise": dose.exercise,
                    "side": dose.side,
                    "sets": dose.sets,
                    "repetitions": dose.repetitions,
                    "seconds": dose.seconds,
                    "hold_s": dose.hold_s,
                    "done": sum(d.is_complete is not False for d in mine),
                    "partly": sum(d.is_complete is False for d in mine),
                }
            )
        beside = [d for d in done if id(d) not in planned]
        for exercise, side in sorted({(d.exercise, d.side or "") for d in beside}):
            count = sum((d.exercise, d.side or "") == (exercise, side) for d in beside)
            rows.append({"exercise": exercise, "side": side or None, "done": count, "index": None})
        return rows


def _fits(done: str | None, asked: str | None) -> bool:
    return asked is None or done is None or done == asked

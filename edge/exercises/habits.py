"""Habits: long sitting, and legs crossed while sitting; with a reminder that can be switched off.

Long sitting follows from the wear states: `sitting` without a break of a minute. Its certainty is
that of the state itself: 0.9 with cells under both feet, 0.7 under one, 0.4 without cells, where
rest is called sitting. That of crossed legs is the recogniser's (`kernels.exercises.crossing`).
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge import wire
from edge.events import FIRST_SEQ
from edge.wholefile import replace_file
from kernels.exercises import LegsCrossed

__all__ = ["BREAK_S", "HabitName", "HabitWatch", "Reminder", "ReminderSwitch"]

HabitName = Literal["long_sitting", "legs_crossed"]
BREAK_S: Final = 60.0
"""Standing or walking for shorter does not end a sitting."""
LEAST_CERTAINTY: Final = 0.5
"""Under it a foot in the air is not called a crossed leg."""
LEAST_CROSSED_S: Final = 60.0
AGAIN_S: Final = 1800.0
"""A reminder that was seen comes again after so long."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A habit that goes on for longer than it should; `since_ns` is monotonic."""

    habit: HabitName
    since_ns: int
    duration_s: float
    certainty: float


class ReminderSwitch:
    """Whether the patient wants reminders; kept in a file, wanted where it cannot be read."""

    def __init__(self, path: Path | None = None, default: bool = True) -> None:
        self._path = path
        self._is_on = default
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                kept = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(kept, dict) and isinstance(kept.get("reminders"), bool):
                    self._is_on = kept["reminders"]

    @property
    def is_on(self) -> bool:
        """Whether reminders are wanted."""
        return self._is_on

    def turn(self, is_on: bool) -> None:
        """Switch; a full disk keeps it until the next start only."""
        self._is_on = is_on
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            replace_file(self._path, json.dumps({"reminders": is_on}).encode())


class HabitWatch:
    """Follows the wear states and crossings, and makes habits of them.

    Parameters
    ----------
    long_sitting_s : float
        A sitting so long is a habit.
    crossed_s : float
        Legs crossed for so long bring a reminder; from a minute on they are a habit.
    certainty : float
        Of the state `sitting`.
    """

    def __init__(
        self, long_sitting_s: float = 3600.0, crossed_s: float = 600.0, certainty: float = 0.9
    ) -> None:
        self._long_s = long_sitting_s
        self._crossed_s = crossed_s
        self._certainty = certainty
        self._since_ns: int | None = None
        self._left_ns: int | None = None
        self._seen_ns: dict[HabitName, int] = {}

    def wear(self, change: wire.Wear) -> list[wire.Habit]:
        """Take a change of the wear state; return the sitting that it ends."""
        if change.state == "sitting":
            ended = self._ended(change.time_ns)
            if self._since_ns is None:
                self._since_ns = change.time_ns
            self._left_ns = None
            return ended
        if self._since_ns is not None and self._left_ns is None:
            self._left_ns = change.time_ns
        return self.end() if change.state == "off" else []

    def tick(self, now_ns: int) -> list[wire.Habit]:
        """Return the sitting that a break of a minute ended."""
        return self._ended(now_ns)

    def end(self, now_ns: int | None = None) -> list[wire.Habit]:
        """End what goes on, at the end of the data or of wearing."""
        since_ns, end_ns = self._since_ns, self._left_ns or now_ns
        self._since_ns = self._left_ns = None
        if since_ns is None or end_ns is None:
            return []
        duration_s = (end_ns - since_ns) / 1e9
        if duration_s < self._long_s:
            return []
        return [_habit("long_sitting", since_ns, duration_s, self._certainty)]

    def crossed(self, found: LegsCrossed) -> list[wire.Habit]:
        """Return a crossing that ended as a habit; a short or doubtful one is none."""
        duration_s = (found.end_ns - found.begin_ns) / 1e9
        if duration_s < LEAST_CROSSED_S or found.certainty < LEAST_CERTAINTY:
            return []
        return [_habit("legs_crossed", found.begin_ns, duration_s, found.certainty)]

    def reminder(self, now_ns: int, crossed: LegsCrossed | None) -> Reminder | None:
        """Return what is to be said gently now; None: nothing, or it was seen lately."""
        found: list[Reminder] = []
        if crossed is not None and crossed.certainty >= LEAST_CERTAINTY:
            duration_s = (now_ns - crossed.begin_ns) / 1e9
            if duration_s >= self._crossed_s:
                found.append(
                    Reminder("legs_crossed", crossed.begin_ns, duration_s, crossed.certainty)
                )
        if self._since_ns is not None and self._left_ns is None:
            duration_s = (now_ns - self._since_ns) / 1e9
            if duration_s >= self._long_s:
                found.append(Reminder("long_sitting", self._since_ns, duration_s, self._certainty))
        return next((one for one in found if self._is_due(one, now_ns)), None)

    def seen(self, habit: HabitName, now_ns: int) -> None:
        """The patient closed a reminder: it comes again after half an hour at the earliest."""
        self._seen_ns[habit] = now_ns

    def _is_due(self, one: Reminder, now_ns: int) -> bool:
        seen_ns = self._seen_ns.get(one.habit)
        return seen_ns is None or seen_ns < one.since_ns or now_ns - seen_ns >= AGAIN_S * 1e9

    def _ended(self, now_ns: int) -> list[wire.Habit]:
        left_ns = self._left_ns
        if left_ns is None or now_ns - left_ns < BREAK_S * 1e9:
            return []
        return self.end()


def _habit(name: HabitName, since_ns: int, duration_s: float, certainty: float) -> wire.Habit:
    return wire.Habit(
        seq=FIRST_SEQ,
        time_ns=since_ns,
        habit=name,
        duration_s=min(duration_s, 864000.0),
        certainty=certainty,
    )

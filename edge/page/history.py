"""The page's own memory: a small SQLite file, written by a thread of its own, never in the way.

    quarters   counts by quarter of an hour of wall time
    waiting    counts by minute of a monotonic clock that has no wall time yet
    exercises  sets that ended
    marks      the rest by name, as JSON: language, sound, alerts, what is worn today

What is shown may be up to `edge.page.server.KEEP_S` older after a power cut; what was detected
is in the outbox, not here.
"""

import logging
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.page.ledger import Counts, Ledger, row

__all__ = ["Changes", "ExerciseDone", "History", "Loaded"]

log = logging.getLogger(__name__)

_VERSION: Final = 1
_COUNTS: Final = (
    "steps INTEGER, heel INTEGER, flat INTEGER, toe INTEGER, swings INTEGER, drags INTEGER"
)
_SCHEMA: Final = f"""
CREATE TABLE quarters (quarter INTEGER PRIMARY KEY, {_COUNTS});
CREATE TABLE waiting (clock TEXT, minute INTEGER, {_COUNTS}, PRIMARY KEY (clock, minute));
CREATE TABLE exercises (wall_ns INTEGER, exercise TEXT, side TEXT, repetitions INTEGER,
                        complete INTEGER, PRIMARY KEY (wall_ns, exercise, side));
CREATE TABLE marks (name TEXT PRIMARY KEY, value BLOB);
PRAGMA user_version = {_VERSION};
"""


class ExerciseDone(msgspec.Struct, frozen=True):
    """A set that ended; `wall_ns` is its begin. `is_complete` None: nothing was prescribed."""

    wall_ns: int
    exercise: str
    side: str | None
    repetitions: int
    is_complete: bool | None


@dataclass(slots=True)
class Changes:
    """What is to be stored; counts replace what is stored, so that twice is as once."""

    quarters: dict[int, Counts] = field(default_factory=dict)
    waiting: dict[int, Counts] | None = None
    exercises: list[ExerciseDone] = field(default_factory=list)
    marks: dict[str, Any] = field(default_factory=dict)
    forget_before_ns: int | None = None

    def __bool__(self) -> bool:
        return bool(
            self.quarters
            or self.waiting is not None
            or self.exercises
            or self.marks
            or self.forget_before_ns is not None
        )


@dataclass(slots=True)
class Loaded:
    """What was stored."""

    ledger: Ledger
    exercises: list[ExerciseDone]
    marks: dict[str, Any]


class History:
    """The file. A damaged one is moved aside; one that cannot be made is kept in memory.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    clock_name : str
        Name of the boot of the machine, whose minutes may still get their wall time.
    """

    def __init__(self, path: Path, clock_name: str) -> None:
        self._clock = clock_name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _opened(path)
        except (sqlite3.Error, OSError) as error:
            log.warning("the page's history is not kept: %s: %s", path, error)
            self._db = _opened(Path(":memory:"))

    def load(self) -> Loaded:
        """Return what is stored, without what waited for another boot's clock."""
        quarters = {
            int(values[0]): Counts(*values[1:])
            for values in self._db.execute("SELECT * FROM quarters")
        }
        waiting = {
            int(values[1]): Counts(*values[2:])
            for values in self._db.execute("SELECT * FROM waiting WHERE clock = ?", (self._clock,))
        }
        exercises = [
            ExerciseDone(wall_ns, exercise, side or None, repetitions, _truth(complete))
            for wall_ns, exercise, side, repetitions, complete in self._db.execute(
                "SELECT * FROM exercises ORDER BY wall_ns"
            )
        ]
        marks = {
            name: msgspec.json.decode(value)
            for name, value in self._db.execute("SELECT * FROM marks")
        }
        return Loaded(Ledger(quarters, waiting), exercises, marks)

    def store(self, changes: Changes) -> None:
        """Store all of it or nothing.

        Raises
        ------
        sqlite3.Error
            The disk does not take it; the same changes may be stored later.
        """
        with self._db:  # begins and commits, or rolls back
            if changes.forget_before_ns is not None:
                before_ns = changes.forget_before_ns
                self._db.execute(
                    "DELETE FROM quarters WHERE quarter * 900000000000 < ?", (before_ns,)
                )
                self._db.execute("DELETE FROM exercises WHERE wall_ns < ?", (before_ns,))
            self._db.executemany(
                "INSERT OR REPLACE INTO quarters VALUES (?,?,?,?,?,?,?)",
                [(quarter, *row(counts)) for quarter, counts in changes.quarters.items()],
            )
            if changes.waiting is not None:
                self._db.execute("DELETE FROM waiting")
                self._db.executemany(
                    "INSERT INTO waiting VALUES (?,?,?,?,?,?,?,?)",
                    [(self._clock, minute, *row(c)) for minute, c in changes.waiting.items()],
                )
            self._db.executemany(
                "INSERT OR REPLACE INTO exercises VALUES (?,?,?,?,?)",
                [
                    (
                        done.wall_ns,
                        done.exercise,
                        done.side or "",
                        done.repetitions,
                        done.is_complete,
                    )
                    for done in changes.exercises
                ],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO marks VALUES (?,?)",
                [(name, msgspec.json.encode(value)) for name, value in changes.marks.items()],
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _opened(path: Path) -> sqlite3.Connection:
    """Open the file, or a new one where it is damaged or another version's."""
    try:
        return _connected(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        log.warning("%s is damaged (%s): moved aside, the page's history begins anew", path, error)
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(path.with_name(f"{path.name}.damaged{suffix}"))
    return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        path.chmod(0o600) if path.exists() else None
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(_SCHEMA)
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"version {version}")
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("quick_check")
    except BaseException:
        db.close()
        raise
    return db

"""Which hours of which patient changed since their rollups were made: a durable set.

Hours are clock hours in UTC, so that marking needs neither the patient's time zone nor the care
record. One process works the set off; it holds the lock of the file beside it.
"""

import fcntl
import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.database import Database
from pipeline.points import Point
from pipeline.rollup.rows import BEFORE_NS, hour_of

__all__ = ["Hour", "Mark", "Touched"]

_SCHEMA: Final = """
create table if not exists touched (
    patient text not null,
    hour integer not null,
    times integer not null,
    primary key (patient, hour)
) without rowid;
create table if not exists basis (
    patient text primary key,
    basis text not null
) without rowid
"""
_ADD: Final = """
insert into touched values (?, ?, 1) on conflict do update set times = times + 1
"""
_COUNTED: Final = frozenset(
    {"stride", "bout", "wear", "tally", "gap", "near_trip", "cue", "exercise"}
)
"""The kinds that rollups are made of."""
Hour = tuple[str, int]
"""A patient and a clock hour (UTC) since 1970."""


class Mark(NamedTuple):
    """An hour that has to be looked at; `times` grows with every new touch."""

    patient: str
    hour: int
    times: int


class Touched:
    """The set, in one SQLite file; implements `pipeline.companion.Companion`.

    What is known to be in the file is not written again: a live patient costs one write each time
    his day has been made, not one per batch. That holds in the process that has the `lock`.

    Parameters
    ----------
    path : Path
        The file, made where missing, readable by its owner alone.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._database = Database(self._path, _SCHEMA, version=1)
        self._written: set[Hour] = set()
        self._begun = 0
        self._lock: int | None = None

    async def take(self, points: Sequence[Point]) -> None:
        """Mark the hours that the points lie in; see `Companion.take`."""
        hours = set()
        for point in points:
            if point.measurement not in _COUNTED:
                continue
            patient = next(value for name, value in point.tags if name == "patient")
            hours.add((patient, hour_of(point.time_ns)))
            if point.measurement == "wear":
                hours.add((patient, hour_of(point.time_ns + BEFORE_NS)))
        await self.add(hours)

    async def add(self, hours: Iterable[Hour]) -> None:
        """Mark hours; they are on disk when this returns. Raises `StoreUnavailable`."""
        fresh = set(hours) - self._written
        if not fresh:
            return

        def insert(connection: sqlite3.Connection) -> None:
            connection.executemany(_ADD, sorted(fresh))

        begun = self._begun
        await self._database.run(insert)
        if self._lock is not None and begun == self._begun:
            self._written |= fresh

    async def add_span(self, patient: str, start_ns: int, stop_ns: int) -> None:
        """Mark every day that lies in start..stop: rows there were rewritten or removed."""
        if start_ns < stop_ns:
            # No day is shorter than twelve hours, so a mark every twelve hours finds each.
            first, last = hour_of(start_ns), hour_of(stop_ns - 1)
            await self.add((patient, hour) for hour in (*range(first, last, 12), last))

    async def marks(self) -> list[Mark]:
        """Return what is marked, by patient and hour."""

        def select(connection: sqlite3.Connection) -> list[Mark]:
            rows = connection.execute("select * from touched order by patient, hour")
            return [Mark(*row) for row in rows]

        return await self._database.read(select)

    def begin(self, marks: Collection[Mark]) -> None:
        """Say that these are looked at from now on: what comes later marks them again."""
        self._begun += 1
        self._written -= {(mark.patient, mark.hour) for mark in marks}

    async def done(self, marks: Iterable[Mark]) -> None:
        """Forget marks that were worked off, but for those that were touched again since."""
        rows = [tuple(mark) for mark in marks]

        def delete(connection: sqlite3.Connection) -> None:
            sql = "delete from touched where patient = ? and hour = ? and times = ?"
            connection.executemany(sql, rows)

        await self._database.run(delete)

    async def basis(self, patient: str) -> str | None:
        """Return what the patient's rollups were last made by; None: nothing yet."""

        def select(connection: sqlite3.Connection) -> str | None:
            sql = "select basis from basis where patient = ?"
            found = connection.execute(sql, (patient,)).fetchone()
            return found[0] if found else None

        return await self._database.read(select)

    async def set_basis(self, patient: str, basis: str) -> None:
        """Keep what the patient's rollups are made by from now on."""

        def upsert(connection: sqlite3.Connection) -> None:
            connection.execute("insert or replace into basis values (?, ?)", (patient, basis))

        await self._database.run(upsert)

    async def forget(self, patient: str) -> None:
        """Forget all about a patient who is erased."""
        self._written = {hour for hour in self._written if hour[0] != patient}

        def delete(connection: sqlite3.Connection) -> None:
            for table in ("touched", "basis"):
                connection.execute(f"delete from {table} where patient = ?", (patient,))

        await self._database.run(delete)

    def lock(self) -> bool:
        """Become the one process that works the set off; False: another one does."""
        if self._lock is not None:
            return True
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path.with_name(f"{self._path.name}.lock")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._lock = handle
            return True
        os.close(handle)
        return False

    def unlock(self) -> None:
        """Let another process work the set off."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            self._written.clear()

    async def close(self) -> None:
        """Close the file and give the lock up."""
        self.unlock()
        await self._database.close()

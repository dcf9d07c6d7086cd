"""Salvage of a damaged outbox file: its whole rows go into a fresh one, and it is put aside."""

import logging
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from edge.outbox_layout import COLUMNS, FAILURES, PAGE_BYTES, connect, plain_connect

__all__ = ["Salvage", "checksum", "finish_salvage", "salvage"]

log = logging.getLogger(__name__)

_SUFFIXES = ("-wal", "-shm", "")
_CLOCKS = {"clocks": "id, name, offset_ns, tag", "boots": "boot, clock", "marks": "name, value"}
"""Tables that are kept where they can be read, with the columns that every version has."""


class Salvage(NamedTuple):
    """What came out of a damaged file.

    Attributes
    ----------
    rows : int
        Rows that were whole and now stand in the new file.
    lost : int or None
        Rows that were not: inserted so far, less deleted ones, less salvaged ones. `gone`, the
        number of deleted ones, is as old as the newest whole row: never too few are counted.
        None: nothing could be read, so nobody knows.
    """

    rows: int
    lost: int | None

    @property
    def reason(self) -> str:
        """What the gap record says."""
        if self.lost is None:
            return "outbox file partly unreadable: number of lost events unknown"
        return f"outbox file damaged: {self.rows} rows salvaged"

    def note(self, db: sqlite3.Connection) -> None:
        """Write it into the file, within the caller's transaction."""
        lost = -1 if self.lost is None else self.lost
        marks = (("salvaged rows", self.rows), ("salvaged lost", lost))
        db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", marks)

    @staticmethod
    def noted(db: sqlite3.Connection) -> "Salvage | None":
        """Return what a salvage wrote into the file and no gap record tells yet."""
        query = "SELECT value FROM marks WHERE name LIKE 'salvaged %' ORDER BY name"
        match [value for (value,) in db.execute(query)]:
            case [int(lost), int(rows)]:
                return Salvage(rows, None if lost < 0 else lost)
        return None

    @staticmethod
    def forget(db: sqlite3.Connection) -> None:
        """Remove the note, in the transaction that writes the gap record."""
        db.execute("DELETE FROM marks WHERE name LIKE 'salvaged %'")


def checksum(row: tuple[Any, ...]) -> int:
    """Return the CRC-32 of a row's columns without the last, in the order of `COLUMNS`."""
    return zlib.crc32(repr(row).encode())


def salvage(path: Path, problem: str) -> None:
    """Put a fresh file with the whole rows, clocks and marks in the place of a damaged one.

    A stop at any instant leaves either the damaged file, to be salvaged again, or the finished one.
    What it found stands in the fresh file until `Salvage.forget`: the gap record is yet to come.
    """
    part = path.with_name(f"{path.name}.salvage-part")
    for suffix in _SUFFIXES:
        part.with_name(part.name + suffix).unlink(missing_ok=True)
    with closing(connect(part)) as fresh:
        fresh.execute("BEGIN IMMEDIATE")
        inserted = gone = 0
        for row in _whole_rows(path):
            marks = ", ".join("?" * len(row))
            fresh.execute(f"INSERT OR IGNORE INTO rows ({COLUMNS}) VALUES ({marks})", row)
            inserted, gone = max(inserted, row[0]), max(gone, row[8])
        (rows,) = fresh.execute("SELECT count(*) FROM rows").fetchone()
        _keep_clocks(path, fresh)
        inserted = max(inserted, _numbers_given(path))
        found = Salvage(rows, max(0, inserted - gone - rows) if rows else None)
        found.note(fresh)
        fresh.execute("COMMIT")
    part.rename(_finished(path))
    log.error("outbox damaged (%s): %d rows salvaged, lost: %s", problem, rows, found.lost)
    finish_salvage(path)


def finish_salvage(path: Path) -> None:
    """Put a finished salvage in its place, and the damaged file aside."""
    if not _finished(path).exists():
        return
    aside = _free_name(path)
    for suffix in _SUFFIXES:
        damaged = path.with_name(path.name + suffix)
        if damaged.exists():
            damaged.rename(aside.with_name(aside.name + suffix))
    _finished(path).rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _finished(path: Path) -> Path:
    return path.with_name(f"{path.name}.salvaged")


def _free_name(path: Path) -> Path:
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    return path.with_name(f"{path.name}.damaged-{number}")


def _whole_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a damaged file whose checksum holds, going round unreadable places."""
    for mend in (lambda _: None, _transplant_first_page):
        mend(path)
        found = False
        with closing(plain_connect(path)) as damaged:
            span = _span(damaged)
            for row in _read_span(damaged, *span) if span else ():
                found = True
                yield row
        if found:
            return


def _transplant_first_page(path: Path) -> None:
    """Put a sound first page into a damaged file: it is the same in every file of a version.

    It holds the file's header and the tables' root pages. The list of free pages is left empty:
    nobody writes into that file any more.
    """
    donor = path.with_name(path.name + ".donor")
    donor.unlink(missing_ok=True)
    connect(donor).close()
    page = bytearray(donor.read_bytes()[:PAGE_BYTES])
    donor.unlink()
    page[28:40] = struct.pack(">III", path.stat().st_size // PAGE_BYTES, 0, 0)
    with path.open("r+b") as file:
        file.write(page)


def _span(damaged: sqlite3.Connection) -> tuple[int, int] | None:
    """Return the lowest and highest number, from the rows or else from SQLite's own count."""
    for query in (
        "SELECT min(seq), max(seq) FROM rows",
        "SELECT 1, seq FROM sqlite_sequence WHERE name = 'rows'",
    ):
        try:
            first, last = damaged.execute(query).fetchone()
        except (*FAILURES, TypeError):
            continue
        if first is not None:
            return first, last
    return None


def _numbers_given(path: Path) -> int:
    """Return the highest number that SQLite's own count knows of, 0 where it is unreadable."""
    with closing(plain_connect(path)) as damaged:
        try:
            row = damaged.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'").fetchone()
        except FAILURES:
            return 0
    return row[0] if row and isinstance(row[0], int) else 0


def _read_span(damaged: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    query = f"SELECT {COLUMNS} FROM rows WHERE seq BETWEEN ? AND ?"
    try:
        rows = damaged.execute(query, (first, last)).fetchall() if last - first < 1000 else None
    except FAILURES:
        if first == last:
            return
        rows = None
    if rows is None:
        middle = (first + last) // 2
        yield from _read_span(damaged, first, middle)
        yield from _read_span(damaged, middle + 1, last)
        return
    for row in rows:
        if checksum(row[:-1]) == row[-1]:
            yield row


def _keep_clocks(path: Path, fresh: sqlite3.Connection) -> None:
    with closing(plain_connect(path)) as damaged:
        for table, names in _CLOCKS.items():
            marks = ", ".join("?" * len(names.split(",")))
            put = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"
            try:
                for row in damaged.execute(f"SELECT {names} FROM {table}"):
                    fresh.execute(put, row)
            except FAILURES as error:
                log.error("outbox: %s of the damaged file are unreadable (%s)", table, error)

"""The outbox's SQLite file: layout, opening, checking, and salvage of a damaged one.

    rows    one event each, until its receipt
    clocks  monotonic clocks (boots of the machine) with the offset to wall time
    boots   runs of the agent, and the clock each ran on
    marks   ceilings kept ahead of time, so that they cost no write per event

The page is 1 KiB: a commit of one event then writes about 3 KiB instead of 12.
"""

import logging
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from edge.errors import EdgeError
from edge.walcheck import mend_log

__all__ = [
    "COLUMNS",
    "FAILURES",
    "SCHEMA_VERSION",
    "OutboxError",
    "Salvage",
    "checksum",
    "open_file",
]

log = logging.getLogger(__name__)

FAILURES = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises; the second where a damaged name stands in its message."""
_NOT_THE_FILE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_NOMEM,
)
SCHEMA_VERSION = 1
PAGE_BYTES = 1024
COLUMNS = "seq, boot, mono_ns, wall_ns, priority, kind, side, body, gone, crc"
_SCHEMA = """
CREATE TABLE clocks (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, offset_ns INTEGER,
                     tag INTEGER NOT NULL DEFAULT 0);
CREATE TABLE boots  (boot TEXT PRIMARY KEY, clock INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE marks  (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE rows   (seq INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL,
                     mono_ns INTEGER NOT NULL, wall_ns INTEGER, priority INTEGER NOT NULL,
                     kind TEXT NOT NULL, side TEXT NOT NULL, body BLOB NOT NULL,
                     gone INTEGER NOT NULL, crc INTEGER NOT NULL);
"""


_LAYOUT = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rootpage"


class OutboxError(EdgeError, OSError):
    """The outbox cannot be opened.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    remedy : str
        What to do about it.
    """

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")
        self.path = path
        self.remedy = remedy


class Salvage(NamedTuple):
    """What came out of a damaged file.

    Attributes
    ----------
    aside : Path
        Where the damaged file now lies.
    rows : int
        Rows that were whole and now stand in the new file.
    lost : int or None
        Rows that were not: inserted so far, less deleted ones, less salvaged ones. `gone`, the
        number of deleted ones, is as old as the newest whole row: never too few are counted.
        None: nothing could be read, so nobody knows.
    """

    aside: Path
    rows: int
    lost: int | None

    @property
    def reason(self) -> str:
        """What the gap record says."""
        if self.lost is None:
            return "outbox file partly unreadable: number of lost events unknown"
        return f"outbox file damaged: {self.rows} rows salvaged"


def checksum(row: tuple[Any, ...]) -> int:
    """Return the CRC-32 of a row's columns without the last, in the order of `COLUMNS`."""
    return zlib.crc32(repr(row).encode())


def open_file(path: Path) -> tuple[sqlite3.Connection, Salvage | None]:
    """Open or create the file; a damaged one is moved aside and its whole rows are kept.

    Raises
    ------
    OutboxError
        The folder is missing or not writable, another agent has the file, or a newer version
        of this program wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log_lost = mend_log(path, PAGE_BYTES)
        connection = _connect(path)
    except (OSError, *FAILURES) as error:
        if not _is_damage(error, path):
            raise _explained(path, error) from None
        return _salvage(path, str(error))
    try:
        problem = _inspect(connection, path)
    except FAILURES as error:
        problem = str(error)
    if problem is None:
        (rows,) = connection.execute("SELECT count(*) FROM rows").fetchone()
        return connection, Salvage(path, rows, None) if log_lost else None
    connection.close()
    return _salvage(path, problem)


def _is_damage(error: Exception, path: Path) -> bool:
    """Say whether it is the file that is ill, and not the folder, the disk or a second agent."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    if code & 0xFF == sqlite3.SQLITE_READONLY:
        return os.access(path, os.W_OK)
    return code & 0xFF not in _NOT_THE_FILE


def _plain_connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    """Open with exclusive lock, WAL and full synchronisation; create the tables where new."""
    connection = _plain_connect(path)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 1000")
        connection.execute("PRAGMA journal_size_limit = 4194304")
        connection.execute("PRAGMA cache_size = -1024")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
        if version in (0, SCHEMA_VERSION):
            # Written each time: a file that cannot be written shows it here and not later.
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except FAILURES:
        connection.close()
        raise
    return connection


def _inspect(connection: sqlite3.Connection, path: Path) -> str | None:
    """Return what is damaged, or None. Raises `OutboxError` for a newer version's file."""
    with closing(sqlite3.connect(":memory:")) as sound:
        sound.executescript(_SCHEMA)
        is_ours = connection.execute(_LAYOUT).fetchall() == sound.execute(_LAYOUT).fetchall()
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION and not is_ours:
        connection.close()
        raise OutboxError(
            path,
            f"has version {version}, this program knows {SCHEMA_VERSION}",
            "Install the newer program again, or move the file aside",
        )
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        return str(found)
    if is_ours and version == SCHEMA_VERSION:
        return None
    return "the tables are not as this version made them"


def _explained(path: Path, error: Exception) -> OutboxError:
    if "locked" in str(error):
        return OutboxError(path, "is in use", "Stop the other agent, or give this one its own file")
    return OutboxError(
        path, f"cannot be opened ({error})", "Check that the folder exists and is writable"
    )


def _salvage(path: Path, problem: str) -> tuple[sqlite3.Connection, Salvage]:
    aside = _free_name(path)
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    fresh = _connect(path)
    inserted = gone = 0
    fresh.execute("BEGIN IMMEDIATE")
    for row in _whole_rows(aside):
        marks = ", ".join("?" * len(row))
        fresh.execute(f"INSERT OR IGNORE INTO rows ({COLUMNS}) VALUES ({marks})", row)
        inserted, gone = max(inserted, row[0]), max(gone, row[8])
    (rows,) = fresh.execute("SELECT count(*) FROM rows").fetchone()
    _keep_clocks(aside, fresh)
    fresh.execute("COMMIT")
    inserted = max(inserted, _numbers_given(aside))
    salvage = Salvage(aside, rows, max(0, inserted - gone - rows) if rows else None)
    log.error("outbox damaged (%s): %d rows salvaged, lost: %s", problem, rows, salvage.lost)
    return fresh, salvage


def _free_name(path: Path) -> Path:
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    return path.with_name(f"{path.name}.damaged-{number}")


def _whole_rows(aside: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a damaged file whose checksum holds, going round unreadable places."""
    for mend in (lambda _: None, _transplant_first_page):
        mend(aside)
        found = False
        with closing(_plain_connect(aside)) as damaged:
            span = _span(damaged)
            for row in _read_span(damaged, *span) if span else ():
                found = True
                yield row
        if found:
            return


def _transplant_first_page(aside: Path) -> None:
    """Put a sound first page into a damaged file: it is the same in every file of a version.

    It holds the file's header and the tables' root pages. The list of free pages is left empty:
    nobody writes into that file any more.
    """
    donor = aside.with_name(aside.name + ".donor")
    donor.unlink(missing_ok=True)
    _connect(donor).close()
    page = bytearray(donor.read_bytes()[:PAGE_BYTES])
    donor.unlink()
    page[28:40] = struct.pack(">III", aside.stat().st_size // PAGE_BYTES, 0, 0)
    with aside.open("r+b") as file:
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


def _numbers_given(aside: Path) -> int:
    """Return the highest number that SQLite's own count knows of, 0 where it is unreadable."""
    with closing(_plain_connect(aside)) as damaged:
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


def _keep_clocks(aside: Path, fresh: sqlite3.Connection) -> None:
    with closing(_plain_connect(aside)) as damaged:
        for table, count in (("clocks", 4), ("boots", 2), ("marks", 2)):
            marks = ", ".join("?" * count)
            try:
                for row in damaged.execute(f"SELECT * FROM {table}"):
                    fresh.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
            except FAILURES as error:
                log.error("outbox: %s of the damaged file are unreadable (%s)", table, error)

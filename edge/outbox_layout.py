"""The layout of the outbox's file, version by version, and the ways up and down.

    1  rows, clocks, boots, marks
    2  boots.program: the version of the program that ran

An upgrade runs the steps in the transaction that opens the file, so a stop within it leaves the old
version. Each step leaves its way back among the marks (page 1 has no room for another table): an
older program, which cannot know the newer layout, reads there how to undo it. Where it cannot, the
file is refused and left alone.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "COLUMNS",
    "FAILURES",
    "PAGE_BYTES",
    "connect",
    "has_our_layout",
    "our_version",
    "plain_connect",
    "version_of",
]

FAILURES = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises; the second where a damaged name stands in its message."""
PAGE_BYTES = 1024
COLUMNS = "seq, boot, mono_ns, wall_ns, priority, kind, side, body, gone, crc"
_BASE = """
CREATE TABLE clocks (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, offset_ns INTEGER,
                     tag INTEGER NOT NULL DEFAULT 0);
CREATE TABLE boots  (boot TEXT PRIMARY KEY, clock INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE marks  (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE rows   (seq INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL,
                     mono_ns INTEGER NOT NULL, wall_ns INTEGER, priority INTEGER NOT NULL,
                     kind TEXT NOT NULL, side TEXT NOT NULL, body BLOB NOT NULL,
                     gone INTEGER NOT NULL, crc INTEGER NOT NULL);
"""


class Step(NamedTuple):
    """One version up, and back again; statements end with a semicolon.

    Root pages must stay where they are, and page 1 must hold the whole schema (45 bytes were free
    in version 1): salvage puts the first page of a fresh file into a damaged one.
    """

    up: str
    back: str


STEPS: tuple[Step, ...] = (
    Step(_BASE, ""),
    Step(
        "ALTER TABLE boots ADD COLUMN program TEXT",
        "ALTER TABLE boots DROP COLUMN program",
    ),
)
_LAYOUT = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rootpage"


def plain_connect(path: Path) -> sqlite3.Connection:
    """Open the file as it is."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """Open with exclusive lock, WAL and full synchronisation, in this program's version."""
    connection = plain_connect(path)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 1000")
        connection.execute("PRAGMA journal_size_limit = 4194304")
        connection.execute("PRAGMA cache_size = -1024")
        connection.execute("BEGIN IMMEDIATE")
        _reach_our_version(connection)
        connection.execute("COMMIT")
    except FAILURES:
        connection.close()
        raise
    return connection


def our_version() -> int:
    """Return the version of the layout that this program makes."""
    return len(STEPS)


def version_of(db: sqlite3.Connection) -> int:
    """Return the file's version; 0: it is new."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def _reach_our_version(db: sqlite3.Connection) -> None:
    """Bring the file up or down to this program's version, within the caller's transaction.

    A newer version without a way back is left as it is, and so is one that cannot be.
    """
    version = version_of(db)
    if version < 0:
        return
    for number, step in enumerate(STEPS[version:], version + 1):
        _run(db, step.up)
        if step.back:
            back = (f"back from {number}", step.back)
            db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", back)
    if version > len(STEPS) and not _go_back(db, version):
        return
    # Written each time: a file that cannot be written shows it here and not later.
    db.execute(f"PRAGMA user_version = {len(STEPS)}")


def _go_back(db: sqlite3.Connection, version: int) -> bool:
    """Undo what a newer program did, all or nothing; return whether the file is ours now."""
    db.execute("SAVEPOINT back")
    try:
        while version > len(STEPS):
            mark = (f"back from {version}",)
            (back,) = db.execute("SELECT value FROM marks WHERE name = ?", mark).fetchone()
            _run(db, back)
            db.execute("DELETE FROM marks WHERE name = ?", mark)
            version -= 1
        is_ours = has_our_layout(db)
    except (TypeError, AttributeError):  # no way back is written down
        is_ours = False
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # the disk, not the way back
            raise
        is_ours = False
    if not is_ours:
        db.execute("ROLLBACK TO back")
    db.execute("RELEASE back")
    return is_ours


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        db.execute(statement)


def has_our_layout(db: sqlite3.Connection) -> bool:
    """Say whether the tables are as this version makes them."""
    with closing(sqlite3.connect(":memory:")) as sound:
        for step in STEPS:
            _run(sound, step.up)
        return db.execute(_LAYOUT).fetchall() == sound.execute(_LAYOUT).fetchall()

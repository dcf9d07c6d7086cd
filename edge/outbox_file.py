"""The outbox's SQLite file: opening, checking, and salvage of a damaged one.

    rows    one event each, until its receipt
    clocks  monotonic clocks (boots of the machine) with the offset to wall time
    boots   runs of the agent: the clock each ran on, the program's version
    marks   ceilings kept ahead of time, so that they cost no write per event

The page is 1 KiB: a commit of one event then writes about 3 KiB instead of 12.
"""

import errno
import os
import sqlite3
from pathlib import Path

from edge.errors import EdgeError
from edge.outbox_layout import (
    FAILURES,
    PAGE_BYTES,
    connect,
    has_our_layout,
    our_version,
    version_of,
)
from edge.outbox_salvage import Salvage, finish_salvage, salvage
from edge.walcheck import mend_log

__all__ = ["OutboxError", "is_full", "open_file"]

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
_UNREADABLE = "unable to get the page"


class OutboxError(EdgeError, OSError):
    """The outbox cannot be opened.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    remedy : str
        What to do about it.
    is_full : bool
        Whether it is for want of room on the disk.
    """

    def __init__(self, path: Path, problem: str, remedy: str, *, is_full: bool = False) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")
        self.path = path
        self.remedy = remedy
        self.is_full = is_full


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
        finish_salvage(path)
        log_lost = mend_log(path, PAGE_BYTES)
        connection = _open_sound(path)
        if log_lost:
            (rows,) = connection.execute("SELECT count(*) FROM rows").fetchone()
            return connection, Salvage(rows, None)
        return connection, Salvage.noted(connection)
    except OutboxError:
        raise
    except (OSError, *FAILURES) as error:
        raise _explained(path, error) from None


def _open_sound(path: Path) -> sqlite3.Connection:
    """Open the file, after a salvage where it is damaged."""
    connection = None
    try:
        connection = connect(path)
        problem = _inspect(connection, path)
    except FAILURES as error:
        if connection is not None:
            connection.close()
        if not _is_damage(error, path):
            raise
        problem = str(error)
    if problem is None:
        assert connection is not None
        return connection
    if connection is not None:
        connection.close()
    salvage(path, problem)
    return connect(path)


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


def _inspect(connection: sqlite3.Connection, path: Path) -> str | None:
    """Return what is damaged, or None. Raises `OutboxError` for a newer version's file."""
    is_ours, version = has_our_layout(connection), version_of(connection)
    if version > our_version() and not is_ours:
        problem = f"has version {version}, this program knows {our_version()}"
        problem += _programs(connection)
        connection.close()
        raise OutboxError(path, problem, "Install the newer program again, or move the file aside")
    found = _check(connection)
    if _UNREADABLE in found:
        found = _check(connection)  # the disk may have failed only once: no reason to salvage
    if found != "ok":
        return found
    if is_ours and version == our_version():
        return None
    return "the tables are not as this version made them"


def _check(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])


def _programs(connection: sqlite3.Connection) -> str:
    """Return which programs ran on the file, as far as it says."""
    try:
        found = connection.execute("SELECT DISTINCT program FROM boots WHERE program <> ''")
        names = sorted(str(program) for (program,) in found)
    except FAILURES:
        names = []
    return f" (used by heelfirst {', '.join(names)})" if names else ""


def is_full(error: Exception) -> bool:
    """Return whether an error says that there is no room on the disk."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC


def _explained(path: Path, error: Exception) -> OutboxError:
    if "locked" in str(error):
        return OutboxError(path, "is in use", "Stop the other agent, or give this one its own file")
    if is_full(error):
        remedy = f"Free some room: df -h {path.parent}"
        return OutboxError(path, "cannot be opened, the disk is full", remedy, is_full=True)
    return OutboxError(
        path, f"cannot be opened ({error})", "Check that the folder exists and is writable"
    )

"""One SQLite file, used from one thread of its own, so that no event loop waits for a disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pipeline.errors import StoreUnavailable

__all__ = ["Database"]

_T = TypeVar("_T")


class Database:
    """A SQLite file that is opened at its first use and durable when a transaction returns.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made where missing, readable by their owner alone.
    schema : str
        SQL that makes the tables, run at each opening: `create table if not exists ..`.
    version : int
        The schema's version, kept in the file; a newer file is refused.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self.path = Path(path)
        self._schema = schema
        self._version = version
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self.path.name)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=10
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        (found,) = connection.execute("pragma user_version").fetchone()
        if found > self._version:
            raise StoreUnavailable(
                f"{self.path} has schema {found}, this version knows {self._version}: upgrade"
            )
        connection.executescript(self._schema)
        connection.execute(f"pragma user_version = {self._version}")

    def _run(self, begin: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return _transact(self._open(), begin, work)
        except (sqlite3.DatabaseError, OSError) as error:
            if isinstance(error, (sqlite3.IntegrityError, StoreUnavailable)):
                raise
            raise StoreUnavailable(f"{self.path}: {error}; check the file, its disk") from error

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return `work(connection)`, done in one transaction that is on disk when this returns.

        Raises
        ------
        StoreUnavailable
            The file cannot be opened, read or written now (locked, disk full, damaged).
        sqlite3.IntegrityError
            As `work` raises it.
        """
        return await self._in_thread("begin immediate", work)

    async def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return `work(connection)`, which only reads one state of the file; raises as `run`."""
        return await self._in_thread("begin", work)

    async def _in_thread(self, begin: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, begin, work)

    async def close(self) -> None:
        """Close the file and end its thread."""

        def shut() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        await asyncio.get_running_loop().run_in_executor(self._thread, shut)
        self._thread.shutdown()


def _transact(
    connection: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Connection], _T]
) -> _T:
    connection.execute(begin)
    try:
        result = work(connection)
        # Freed in another thread it would reset a statement that is in use here by then.
        assert not isinstance(result, sqlite3.Cursor), "a cursor must not leave its thread"
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return result

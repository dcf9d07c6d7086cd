"""Erasing a patient: from the stores and every file, for good, also against a late outbox.

    1 tombstone   from here on the patient's events are dropped and receipted, so that an outbox
                  that still holds some forgets them too; the label goes, devices are taken back
    2 forget      each device is told to remove its own histories
    3 files       what is set, the quarantine, notifications, rollups to do, dead letters
    4 events      the store          5 rollups     the rollups' store
    6 look        every store and file is searched for the pseudonym
    7 done        the tombstone says so, and the journal

Every step may be repeated: an erasure that was cut short is simply called again. What stays is the
tombstone, the assignments that say which events are meant, and the journal's lines. Earlier exports
lie where somebody put them; the journal knows how many there were.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from edge import wire
from pipeline.deadletter import DeadLetters
from pipeline.derived import ROLLED_UP
from pipeline.errors import PipelineError
from pipeline.journal import Journal
from pipeline.notify.intake import erase as erase_notifications
from pipeline.points import MEASUREMENTS
from pipeline.registry import Registry, Span
from pipeline.store import Store

__all__ = ["EraseError", "Erased", "Places", "erase"]

_FOREVER_NS: Final = 2**62
_KEPT_TABLES: Final = frozenset({"patients", "assignments", "erased"})
"""The tombstone, and which events are meant by it."""
_STEPS: Final = 7
Queue = Callable[[str, wire.Request], Awaitable[object]]


class EraseError(PipelineError, RuntimeError):
    """An erasure that is not complete: the tombstone holds, and it can be called again.

    Attributes
    ----------
    places : tuple of str
        Where something is left.
    """

    def __init__(self, patient: str, places: Iterable[str]) -> None:
        self.places = tuple(places)
        super().__init__(
            f"{patient}: something is still in {', '.join(self.places)}. Nothing new gets in; run "
            "the same command again, with the pipeline stopped if it is busy there"
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Everything that can hold something of a patient.

    Attributes
    ----------
    store, reader : Store
        The events, by the account that writes and by one that reads.
    files : sequence of Path
        SQLite files with tables that have a column `patient`, the registry's first.
    queue : async callable
        Takes a device and what it is to do.
    """

    registry: Registry
    store: Store
    reader: Store
    rollups: Store
    letters: DeadLetters
    journal: Journal
    files: Sequence[Path]
    queue: Queue


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done: devices told, rows and letters removed, exports made before."""

    patient: str
    devices: tuple[str, ...]
    rows: int
    letters: int
    exports: int


async def erase(
    places: Places,
    patient: str,
    *,
    now_ns: Callable[[], int] = time.time_ns,
    progress: Callable[[float], None] = lambda share: None,
) -> Erased:
    """Erase a patient; see the steps above.

    Raises
    ------
    RegistryError
        An unknown patient.
    StoreUnavailable
        A store cannot be reached or cannot remove; call it again.
    EraseError
        Something is left after all steps.
    """
    if await _is_done(places, patient):
        return Erased(patient, (), 0, 0, _exports(places.journal, patient))
    spans = await places.registry.bury(patient, now_ns())
    await asyncio.to_thread(places.journal.append, "erase", patient, step="begun")
    devices = tuple(sorted({span.device for span in spans}))
    progress(1 / _STEPS)
    for device in devices:
        last_ns = max(span.stop_ns for span in spans if span.device == device)
        await places.queue(device, wire.Forget(before_ns=min(last_ns, now_ns())))
    progress(2 / _STEPS)
    rows = 0
    for path in places.files:
        rows += await asyncio.to_thread(purge, path, patient, spans)
    letters = await asyncio.to_thread(places.letters.remove, _theirs(patient, spans))
    progress(3 / _STEPS)
    for number, store in enumerate((places.store, places.rollups), start=4):
        await store.remove(None, patient=patient, start_ns=0, stop_ns=_FOREVER_NS)
        progress(number / _STEPS)
    if left := await _left(places, patient):
        raise EraseError(patient, left)
    progress(6 / _STEPS)
    await asyncio.to_thread(places.journal.append, "erase", patient, step="done", rows=rows)
    await places.registry.buried(patient, now_ns())
    progress(1.0)
    return Erased(patient, devices, rows, letters, _exports(places.journal, patient))


async def _is_done(places: Places, patient: str) -> bool:
    return (await places.registry.tombstones()).get(patient) is not None


def _exports(journal: Journal, patient: str) -> int:
    entries = journal.entries()
    return sum(entry.action == "export" and entry.subject == patient for entry in entries)


def purge(path: Path, patient: str, spans: Sequence[Span]) -> int:
    """Remove the patient's rows from every table of a SQLite file, bytes included; count them."""
    if not path.exists():
        return 0
    removed = 0
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("pragma foreign_keys = on")
        connection.execute("begin immediate")
        tables = _tables(connection)
        if "episodes" in dict(tables):
            removed += erase_notifications(connection, patient)
        for table, columns in tables:
            if table == "quarantine":
                removed += _purge_quarantine(connection, spans)
            elif "patient" in columns and table not in _KEPT_TABLES:
                sql = f'delete from "{table}" where patient = ?'
                removed += connection.execute(sql, (patient,)).rowcount
        connection.execute("commit")
        connection.execute("vacuum")  # a deleted row's bytes stay in its page until then
        connection.execute("pragma wal_checkpoint(truncate)")
    return removed


def _tables(connection: sqlite3.Connection) -> list[tuple[str, set[str]]]:
    names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
    return [
        (name, {row[1] for row in connection.execute(f'pragma table_info("{name}")')})
        for (name,) in names
    ]


def _purge_quarantine(connection: sqlite3.Connection, spans: Sequence[Span]) -> int:
    sql = "delete from quarantine where device = ? and time_ns >= ? and time_ns < ?"
    values = [(span.device, span.start_ns, span.stop_ns) for span in spans]
    return sum(connection.execute(sql, value).rowcount for value in values)


def _theirs(patient: str, spans: Sequence[Span]) -> Callable[[bytes], bool]:
    """Return whether a dead letter's line is of the patient: by its event's device and time."""

    def is_theirs(line: bytes) -> bool:
        if patient.encode() in line:
            return True
        try:
            letter = msgspec.json.decode(line, type=dict[str, Any])
            device, time_ns = letter["device"], letter["event"]["time_ns"]
        except (msgspec.MsgspecError, KeyError, TypeError):
            return False
        return any(span.holds(device, time_ns) for span in spans)

    return is_theirs


async def _left(places: Places, patient: str) -> list[str]:
    """Return where the pseudonym or a row of its is still found."""
    left = []
    for name in MEASUREMENTS:
        store = places.rollups if name in ROLLED_UP else places.reader
        if await store.read(name, patient=patient, start_ns=0, stop_ns=_FOREVER_NS):
            left.append(name)
    paths = (*places.files[1:], *places.letters.files("refused"))
    files = [file for path in paths for file in (path, path.with_name(f"{path.name}-wal"))]
    found = await asyncio.to_thread(lambda: [str(f) for f in files if _mentions(f, patient)])
    return left + found


def _mentions(path: Path, patient: str) -> bool:
    return path.exists() and patient.encode() in path.read_bytes()

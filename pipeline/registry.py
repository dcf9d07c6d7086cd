"""The registry: who the patients are, which device each wears since when, and the quarantine.

Messages name a device; only the registry says whose record that is, by the time of the event. What
comes from a device without a patient is kept in the quarantine, durably, until it has one. Labels
(a name, a bed) never leave this file but on the operator's own screen.
"""

import bisect
import difflib
import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec

from edge import wire
from pipeline.database import Database
from pipeline.errors import RegistryError

__all__ = [
    "ERASED",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Assignment",
    "Patient",
    "Quarantined",
    "Registry",
    "Span",
    "assign_device",
    "check_patient",
    "label_of",
    "worn_now",
]

SCHEMA: Final = """
create table if not exists patients (
    patient text primary key,
    label text not null,
    created_ns integer not null
);
create table if not exists assignments (
    device text not null,
    since_ns integer not null,
    patient text references patients,  -- null: the device was taken back
    primary key (device, since_ns)
) without rowid;
create table if not exists quarantine (
    device text not null,
    boot text not null,
    seq integer not null,
    time_ns integer not null,
    event blob not null,
    primary key (device, boot, seq)
) without rowid;
create index if not exists quarantine_time on quarantine (device, time_ns);
create table if not exists erased (  -- tombstones: whose late events are dropped
    patient text primary key,
    since_ns integer not null,
    done_ns integer  -- null: the erasure is under way, or was cut short
);
"""
ERASED: Final = "erased"
"""Whose events belonged to a patient that was erased: they are dropped, and receipted."""
SCHEMA_VERSION: Final = 1
_EVENT: Final = msgspec.json.Decoder(wire.Event)


@dataclass(frozen=True, slots=True)
class Patient:
    """A pseudonymous patient; the label is the operator's and is not shown in logs."""

    patient: str
    label: str = field(repr=False)
    created_ns: int
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """A device belongs to a patient (None: to nobody) from this event time on."""

    device: str
    since_ns: int
    patient: str | None


@dataclass(frozen=True, slots=True)
class Span:
    """A device belonged to a patient from `start_ns` to before `stop_ns`."""

    device: str
    start_ns: int
    stop_ns: int

    def holds(self, device: str, time_ns: int) -> bool:
        """Whether an event of the device at this time falls into the span."""
        return device == self.device and self.start_ns <= time_ns < self.stop_ns


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An event that waits for its device to have a patient."""

    device: str
    boot: str
    event: wire.Event


class Registry:
    """Patients, assignments and quarantine in one SQLite file.

    `refresh` reads the assignments when another process (`heelfirst patients add`) changed them;
    `patient_of` answers from memory.

    Parameters
    ----------
    path : Path
        The file, made where missing, readable by its owner alone.
    quarantine_events : int
        Events kept at most for devices without a patient.
    """

    def __init__(self, path: Path | str, quarantine_events: int = 1_000_000) -> None:
        self._database = Database(Path(path), SCHEMA, SCHEMA_VERSION)
        self._cap = quarantine_events
        self._kept = quarantine_events  # an upper bound: counted again where it reaches the cap
        self._version: tuple[int, int] | None = None
        self._spans: dict[str, tuple[list[int], list[str | None]]] = {}
        self._erased: frozenset[str] = frozenset()

    async def add_patient(self, label: str = "") -> str:
        """Add a patient and return the new random id: 'p' and 12 hexadecimal digits."""

        def insert(connection: sqlite3.Connection) -> str:
            patient = f"p{secrets.token_hex(6)}"
            row = (patient, label, time.time_ns())
            connection.execute("insert into patients values (?, ?, ?)", row)
            return patient

        return await self._database.run(insert)

    async def assign(
        self, device: str, patient: str | None, since_ns: int | None = None
    ) -> Assignment:
        """Let a device belong to a patient, or with None to nobody, from `since_ns` on.

        Without `since_ns` a device that never had a patient gives all its events to this one, also
        those in quarantine; a device that is handed over changes now.

        Raises
        ------
        RegistryError
            An unknown patient, or a device name that the wire does not allow.
        """
        assignment = await self._database.run(
            lambda connection: assign_device(connection, device, patient, since_ns)
        )
        self._version = None
        return assignment

    async def patients(self) -> list[Patient]:
        """Return all patients, the oldest first, each with the devices that are theirs now."""

        def select(connection: sqlite3.Connection) -> list[Patient]:
            rows = connection.execute(
                "select * from patients where patient not in (select patient from erased) "
                "order by created_ns, patient"
            )
            worn = worn_now(connection, time.time_ns())
            return [
                Patient(patient, label, created_ns, tuple(worn.get(patient, ())))
                for patient, label, created_ns in rows.fetchall()
            ]

        return await self._database.read(select)

    async def assignments(self) -> list[Assignment]:
        """Return all assignments, by device and time."""

        def select(connection: sqlite3.Connection) -> list[Assignment]:
            rows = connection.execute("select * from assignments order by device, since_ns")
            return [Assignment(*row) for row in rows]

        return await self._database.read(select)

    async def refresh(self) -> bool:
        """Read the assignments where they changed, by this or any process; say whether they did."""

        def select(connection: sqlite3.Connection) -> tuple[Any, ...] | None:
            version = (
                connection.execute("pragma data_version").fetchone()[0],
                connection.execute("select count(*) from assignments").fetchone()[0],
            )
            if version == self._version:
                return None
            erased = connection.execute("select patient from erased").fetchall()
            rows = connection.execute("select * from assignments order by since_ns").fetchall()
            return version, frozenset(patient for (patient,) in erased), rows

        found = await self._database.read(select)
        if found is None:
            return False
        # All at once: a refresh that was cancelled in between is simply made again.
        self._version, self._erased, rows = found
        spans: dict[str, tuple[list[int], list[str | None]]] = {}
        for device, since_ns, patient in rows:
            since, patients = spans.setdefault(device, ([], []))
            since.append(since_ns)
            patients.append(patient)
        changed, self._spans = spans != self._spans, spans
        return changed

    def patient_of(self, device: str, time_ns: int) -> str | None:
        """Return whose event this is, as of the last `refresh`; None: nobody's; or `ERASED`."""
        since, patients = self._spans.get(device, ((), ()))
        index = bisect.bisect_right(since, time_ns) - 1
        patient = patients[index] if index >= 0 else None
        return ERASED if patient in self._erased else patient

    async def quarantine(self, events: Sequence[Quarantined]) -> bool:
        """Keep the events; True: all are on disk. False: there is no room, none was kept."""
        rows = [
            (q.device, q.boot, q.event.seq, q.event.time_ns, msgspec.json.encode(q.event))
            for q in events
        ]

        def insert(connection: sqlite3.Connection) -> bool:
            if self._kept + len(rows) > self._cap:
                self._kept = _count(connection)
            if self._kept + len(rows) > self._cap:
                return False
            sql = "insert or replace into quarantine values (?, ?, ?, ?, ?)"
            connection.executemany(sql, rows)
            self._kept += len(rows)
            return True

        return await self._database.run(insert)

    async def quarantined(self) -> dict[str, int]:
        """Return the number of events in quarantine per device."""

        def select(connection: sqlite3.Connection) -> dict[str, int]:
            sql = "select device, count(*) from quarantine group by device order by device"
            return dict(connection.execute(sql).fetchall())

        return await self._database.read(select)

    async def releasable(self, limit: int) -> list[Quarantined]:
        """Return quarantined events whose device has a patient by now, oldest first per device."""

        def select(connection: sqlite3.Connection) -> list[Quarantined]:
            rows = connection.execute(_RELEASABLE, (limit,))
            return [Quarantined(device, boot, _EVENT.decode(body)) for device, boot, body in rows]

        return await self._database.read(select)

    async def release(self, events: Sequence[Quarantined]) -> None:
        """Forget quarantined events, after the store took them."""
        rows = [(q.device, q.boot, q.event.seq) for q in events]

        def delete(connection: sqlite3.Connection) -> None:
            sql = "delete from quarantine where device = ? and boot = ? and seq = ?"
            connection.executemany(sql, rows)

        await self._database.run(delete)

    async def bury(self, patient: str, now_ns: int) -> list[Span]:
        """Set a tombstone: from now on the patient's events are dropped, also late ones.

        The label goes, devices worn now belong to nobody. Returns which devices were the patient's,
        and when. Safe to repeat.

        Raises
        ------
        RegistryError
            An unknown patient.
        """

        def work(connection: sqlite3.Connection) -> list[Span]:
            if not _exists(connection, "erased", "patient", patient):
                check_patient(connection, patient)
                for device in worn_now(connection, now_ns).get(patient, ()):
                    assign_device(connection, device, None, now_ns)
                connection.execute("update patients set label = '' where patient = ?", (patient,))
                connection.execute("insert into erased values (?, ?, null)", (patient, now_ns))
            return _spans_of(connection, patient)

        spans = await self._database.run(work)
        self._version = None
        return spans

    async def buried(self, patient: str, done_ns: int) -> None:
        """Note that an erasure is complete."""

        def work(connection: sqlite3.Connection) -> None:
            sql = "update erased set done_ns = ? where patient = ? and done_ns is null"
            connection.execute(sql, (done_ns, patient))

        await self._database.run(work)

    async def tombstones(self) -> dict[str, int | None]:
        """Return the erased patients, each with when that was complete [ns]; None: it is not."""

        def select(connection: sqlite3.Connection) -> dict[str, int | None]:
            return dict(connection.execute("select patient, done_ns from erased").fetchall())

        return await self._database.read(select)

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()


_RELEASABLE: Final = """
select device, boot, event from quarantine as q
where (
    select patient from assignments as a
    where a.device = q.device and a.since_ns <= q.time_ns
    order by a.since_ns desc limit 1
) is not null
order by device, time_ns limit ?
"""


def _count(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("select count(*) from quarantine").fetchone()
    return int(number)


def _exists(connection: sqlite3.Connection, table: str, column: str, value: str) -> bool:
    sql = f"select 1 from {table} where {column} = ? limit 1"
    return connection.execute(sql, (value,)).fetchone() is not None


_FOREVER_NS: Final = 2**63 - 1


def _spans_of(connection: sqlite3.Connection, patient: str) -> list[Span]:
    spans: list[Span] = []
    rows = connection.execute("select * from assignments order by device, since_ns").fetchall()
    for (device, since_ns, owner), after in zip_longest(rows, rows[1:]):
        if owner == patient:
            has_next = after is not None and after[0] == device
            spans.append(Span(device, since_ns, after[1] if has_next else _FOREVER_NS))
    return spans


def check_patient(connection: sqlite3.Connection, patient: str) -> None:
    """Raise `RegistryError`, naming the nearest known one, where there is no such patient."""
    if _exists(connection, "erased", "patient", patient):
        raise RegistryError(f"{patient} was erased: only the tombstone is left")
    if _exists(connection, "patients", "patient", patient):
        return
    known = [row[0] for row in connection.execute("select patient from patients")]
    close = difflib.get_close_matches(patient, known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise RegistryError(f"no patient {patient!r}; {hint}`heelfirst patients list` shows them")


def label_of(connection: sqlite3.Connection, patient: str) -> str:
    """Return a patient's label, to be kept out of what leaves the registry."""
    row = connection.execute("select label from patients where patient = ?", (patient,)).fetchone()
    return str(row[0]) if row else ""


def assign_device(
    connection: sqlite3.Connection, device: str, patient: str | None, since_ns: int | None
) -> Assignment:
    """Write an assignment within the caller's transaction; see `Registry.assign`."""
    try:
        wire.parse_topic(wire.topic(device, "events"))
    except wire.WireError as error:
        raise RegistryError(f"device {device!r}: {error}") from None
    if patient is not None:
        check_patient(connection, patient)
    since = since_ns
    if since is None:
        since = time.time_ns() if _exists(connection, "assignments", "device", device) else 0
    row = (device, since, patient)
    connection.execute("insert or replace into assignments values (?, ?, ?)", row)
    return Assignment(*row)


def worn_now(connection: sqlite3.Connection, now_ns: int) -> dict[str, list[str]]:
    """Return the devices that each patient wears now; under "" those that nobody wears."""
    sql = "select device, patient from assignments where since_ns <= ? order by since_ns"
    latest: dict[str, str | None] = dict(connection.execute(sql, (now_ns,)).fetchall())
    worn: dict[str, list[str]] = {}
    for device, patient in sorted(latest.items()):
        worn.setdefault(patient or "", []).append(device)
    return worn

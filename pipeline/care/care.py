"""`Care`: the records on disk, in tables of their own in the registry's file.

Every change is one transaction: the next record, what became of it for others (`changes_since`,
times whose strides are to be marked anew), and before the commit its line in the journal. Another
process sees it with its next `refresh`.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Final

import msgspec

from edge import wire
from pipeline.care.changes import Change, journal_entries, kinds_of
from pipeline.care.errors import CareError
from pipeline.care.names import word_of_label
from pipeline.care.orthoses import add_wearings, touched
from pipeline.care.outgoing import Queued, due, queue, setups
from pipeline.care.record import DEFAULT_ZONE, PatientRecord, Worn
from pipeline.database import Database
from pipeline.journal import Action, Journal
from pipeline.registry import (
    SCHEMA,
    SCHEMA_VERSION,
    Assignment,
    assign_device,
    check_patient,
    label_of,
    worn_now,
)

__all__ = ["Care", "Edit", "Rewrite"]

_SCHEMA: Final = """
create table if not exists care (
    patient text primary key references patients,
    revision integer not null,
    record blob not null
);
create table if not exists care_changes (
    number integer primary key autoincrement,
    patient text not null,
    kinds text not null,
    time_ns integer not null
);
create table if not exists care_rewrites (  -- times whose strides are to be marked anew
    number integer primary key autoincrement,
    patient text not null,
    start_ns integer not null,
    stop_ns integer  -- null: without an end
);
create table if not exists care_marks (  -- which revision's marks the rollups' store has
    patient text primary key,
    revision integer not null
);
create table if not exists care_setups (  -- the last `Setup` per device
    device text primary key,
    revision integer not null,
    body blob not null
);
create table if not exists care_requests (  -- for `Command`, until they are out of date
    number integer primary key autoincrement,
    device text not null,
    until_ns integer not null,
    request blob not null
);
"""
_LOG = logging.getLogger(__name__)
_DECODER: Final = msgspec.json.Decoder(PatientRecord)
Edit = Callable[[PatientRecord], PatientRecord]


class Rewrite(msgspec.Struct, frozen=True):
    """Strides of this time are to be marked anew; `stop_ns` None: without an end."""

    number: int
    patient: str
    start_ns: int
    stop_ns: int | None


class Care:
    """What is set for the patients.

    Parameters
    ----------
    path : Path
        The registry's file.
    zone : str
        The clinic's time zone, for patients without one of their own.
    journal : Journal, optional
        Takes every change before it is made; None: nothing is logged (read-only use, the words of
        patients).
    now_ns : callable, optional
        This machine's wall clock.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        zone: str = DEFAULT_ZONE,
        journal: Journal | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = Database(Path(path), SCHEMA + _SCHEMA, SCHEMA_VERSION)
        self._zone = zone
        self._journal = journal
        self._now_ns = now_ns
        self._seen: tuple[int, int] | None = None
        self._own_changes = 0
        self._records: dict[str, PatientRecord] = {}
        self.generation = 0
        """Grows with every change of what `known` answers."""

    # -- reading ------------------------------------------------------------------------------

    async def record(self, patient: str) -> PatientRecord:
        """Return a patient's record, as it is on disk now.

        Raises
        ------
        RegistryError
            An unknown patient.
        """

        def select(connection: Connection) -> PatientRecord:
            check_patient(connection, patient)
            return self._load(connection, patient)

        return await self._database.read(select)

    async def refresh(self) -> None:
        """Bring what `known` answers up to date with what any process changed."""

        def select(connection: Connection) -> list[PatientRecord] | None:
            version = self._version(connection)
            if version == self._seen:
                return None
            rows = connection.execute("select patient, revision from care").fetchall()
            news = [p for p, r in rows if p not in self._records or self._records[p].revision != r]
            gone = self._records.keys() - {patient for patient, _ in rows}
            loaded = [self._load_or_say(connection, patient) for patient in news]
            self._seen = version
            empty = [PatientRecord(patient=p, zone=self._zone) for p in gone]
            return [record for record in loaded if record is not None] + empty

        for record in await self._database.read(select) or ():
            self.generation += 1
            self._records[record.patient] = record
            if not record.revision:
                del self._records[record.patient]

    async def version(self) -> object:
        """Return what differs from the last time where the file was changed since."""
        return await self._database.read(self._version)

    def known(self, patient: str) -> PatientRecord:
        """Return a record as of the last `refresh`; an empty one where nothing is set."""
        return self._records.get(patient) or PatientRecord(patient=patient, zone=self._zone)

    async def changes_since(self, number: int) -> list[Change]:
        """Return the changes after a number, oldest first; begin with 0, go on with the last's."""

        def select(connection: Connection) -> list[Change]:
            sql = "select number, patient, kinds, time_ns from care_changes where number > ?"
            rows = connection.execute(f"{sql} order by number", (number,))
            return [Change(n, patient, tuple(kinds.split(",")), t) for n, patient, kinds, t in rows]

        return await self._database.read(select)

    # -- changing -----------------------------------------------------------------------------

    async def change(self, patient: str, edit: Edit) -> tuple[PatientRecord, PatientRecord]:
        """Let `edit` make the next record of the present one; return both, equal: no change.

        Raises
        ------
        RegistryError
            An unknown patient.
        CareError
            As `edit` raises it, or a note that holds a word of the patient's label.
        StoreUnavailable, JournalError
            The file or the journal cannot be written; nothing was changed.
        """

        def work(connection: Connection) -> tuple[PatientRecord, PatientRecord]:
            check_patient(connection, patient)
            old = self._load(connection, patient)
            new = edit(old)
            self._refuse_names(connection, old, new)
            return old, self._save(connection, old, new)

        old, new = await self._database.run(work)
        self._own_changes += 1
        return old, new

    async def said(self, words: dict[str, list[Worn]]) -> None:
        """Keep what patients said they wear; what is known, or of nobody, changes nothing."""

        def work(connection: Connection) -> None:
            known = {row[0] for row in connection.execute("select patient from patients")}
            for patient in sorted(words.keys() & known):
                old = self._load_or_say(connection, patient)
                if old is not None:
                    self._save(connection, old, add_wearings(old, words[patient]), logged=False)

        await self._database.run(work)
        self._own_changes += 1

    async def assign(
        self, device: str, patient: str | None, since_ns: int | None = None
    ) -> Assignment:
        """Assign a device as `Registry.assign` does; who had it before is forgotten on it.

        Raises
        ------
        RegistryError
            An unknown patient, or a device name that the wire does not allow.
        """

        def work(connection: Connection) -> Assignment:
            before = _wearer(connection, device, self._now_ns())
            made = assign_device(connection, device, patient, since_ns)
            if before is not None and before != patient:
                request = wire.Forget(before_ns=made.since_ns)
                queue(connection, device, request, self._now_ns())
            detail = {"device": device, "before": before, "since_ns": made.since_ns}
            self.log("assign", patient or "nobody", detail)
            return made

        made = await self._database.run(work)
        self._own_changes += 1
        return made

    def log(self, action: Action, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write a line into the journal, where there is one; raises as `Journal.append`."""
        if self._journal is not None:
            self._journal.append(action, subject, **(detail or {}))

    def _version(self, connection: Connection) -> tuple[int, int]:
        (others,) = connection.execute("pragma data_version").fetchone()
        return int(others), self._own_changes

    def _load(self, connection: Connection, patient: str) -> PatientRecord:
        row = connection.execute("select record from care where patient = ?", (patient,)).fetchone()
        if row is None:
            return PatientRecord(patient=patient, zone=self._zone)
        try:
            record = _DECODER.decode(row[0])
        except msgspec.MsgspecError as error:
            remedy = "Upgrade this program, or restore the registry's file from the backup"
            raise CareError(f"the record of {patient} cannot be read ({error})", remedy) from None
        return record if record.zone_is_set else msgspec.structs.replace(record, zone=self._zone)

    def _load_or_say(self, connection: Connection, patient: str) -> PatientRecord | None:
        """Return a record; None, said in the log, where it cannot be read: the others go on."""
        try:
            return self._load(connection, patient)
        except CareError as error:
            _LOG.error("%s", error)
            return None

    def _save(
        self, connection: Connection, old: PatientRecord, new: PatientRecord, logged: bool = True
    ) -> PatientRecord:
        if not new.zone_is_set:
            new = msgspec.structs.replace(new, zone=self._zone)
        kinds = kinds_of(old, new)
        if not kinds:
            return old
        new = msgspec.structs.replace(new, revision=old.revision + 1)
        patient, body = new.patient, msgspec.json.encode(new)
        sql = "insert or replace into care values (?, ?, ?)"
        connection.execute(sql, (patient, new.revision, body))
        sql = "insert into care_changes (patient, kinds, time_ns) values (?, ?, ?)"
        connection.execute(sql, (patient, ",".join(kinds), self._now_ns()))
        sql = "insert into care_rewrites (patient, start_ns, stop_ns) values (?, ?, ?)"
        connection.executemany(sql, [(patient, *span) for span in touched(old, new)])
        for action, detail in journal_entries(old, new) if logged else ():
            self.log(action, patient, detail)
        return new

    def _refuse_names(self, connection: Connection, old: PatientRecord, new: PatientRecord) -> None:
        label = label_of(connection, new.patient)
        for note in set(new.notes) - set(old.notes):
            if word := word_of_label(note.text, label):
                raise CareError(
                    f"the note holds {word!r}, a word of the patient's label",
                    "Notes go into reports and dashboards, names never: say it without",
                )

    # -- to the devices -----------------------------------------------------------------------

    async def setups(self) -> list[wire.Setup]:
        """Return the `Setup` of every device that ever had a patient; a new one is numbered."""

        def work(connection: Connection) -> list[wire.Setup]:
            worn = worn_now(connection, self._now_ns())
            records: dict[str, PatientRecord | None] = {}
            for patient, devices in worn.items():
                record = self._load_or_say(connection, patient) if patient else None
                if record is not None or not patient:
                    records.update(dict.fromkeys(devices, record))
            return setups(connection, records, self._now_ns())

        return await self._database.run(work)

    async def queue(self, device: str, request: wire.Request) -> None:
        """Keep a request for a device until it is out of date; see `pipeline.care.outgoing`."""
        await self._database.run(
            lambda connection: queue(connection, device, request, self._now_ns())
        )

    async def requests(self) -> list[Queued]:
        """Return the requests that are not out of date, oldest first."""
        return await self._database.read(lambda connection: due(connection, self._now_ns()))

    # -- what a change leaves to be done ------------------------------------------------------

    async def rewrites(self) -> list[Rewrite]:
        """Return the times whose strides are to be marked anew, oldest first."""

        def select(connection: Connection) -> list[Rewrite]:
            rows = connection.execute("select * from care_rewrites order by number")
            return [Rewrite(*row) for row in rows]

        return await self._database.read(select)

    async def rewritten(self, rewrite: Rewrite, until_ns: int | None) -> None:
        """Take note that the strides before `until_ns` are done; None: all of them."""

        def work(connection: Connection) -> None:
            if until_ns is None:
                sql = "delete from care_rewrites where number = ?"
                connection.execute(sql, (rewrite.number,))
                return
            sql = "update care_rewrites set start_ns = ? where number = ?"
            connection.execute(sql, (until_ns, rewrite.number))

        await self._database.run(work)

    async def unmarked(self) -> list[PatientRecord]:
        """Return the records whose marks the rollups' store does not have as they are."""

        def select(connection: Connection) -> list[PatientRecord]:
            sql = (
                "select c.patient from care as c left join care_marks as m on m.patient = c.patient"
                " where m.revision is null or m.revision != c.revision order by c.patient"
            )
            rows = connection.execute(sql).fetchall()
            records = [self._load_or_say(connection, patient) for (patient,) in rows]
            return [record for record in records if record is not None]

        return await self._database.read(select)

    async def marked(self, record: PatientRecord) -> None:
        """Take note that the rollups' store has the record's marks."""
        row = (record.patient, record.revision)
        sql = "insert or replace into care_marks values (?, ?)"

        def insert(connection: Connection) -> None:
            connection.execute(sql, row)

        await self._database.run(insert)

    async def forget(self, patient: str) -> None:
        """Remove all of one patient but the numbers of changes; for `heelfirst patients erase`."""

        def work(connection: Connection) -> None:
            for table in ("care", "care_changes", "care_rewrites", "care_marks"):
                connection.execute(f"delete from {table} where patient = ?", (patient,))

        await self._database.run(work)
        self._own_changes += 1

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()


def _wearer(connection: Connection, device: str, now_ns: int) -> str | None:
    pairs: Iterable[tuple[str, Sequence[str]]] = worn_now(connection, now_ns).items()
    return next((patient for patient, devices in pairs if patient and device in devices), None)

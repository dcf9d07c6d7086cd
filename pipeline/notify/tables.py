"""The notifier's SQLite file: its tables, and rows into episodes and back."""

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from pipeline.notify.model import ROLES, Ack, Case, Episode, Page, Priority, Role

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "active_patients",
    "episodes",
    "load_case",
    "open_counts",
    "save",
]

SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
create table if not exists events (  -- as they came; what follows from them is in episodes
    patient text not null, device text not null, id text not null,
    time_ns integer not null, raised integer not null,
    rule text not null, side text not null, priority integer not null,
    technical integer not null, detail text not null,
    primary key (patient, device, id, time_ns, raised)
) without rowid;
create table if not exists episodes (
    number integer primary key autoincrement,
    patient text not null, device text not null, id text not null, begin_ns integer not null,
    end_ns integer, rule text not null, side text not null, priority integer not null,
    technical integer not null, detail text not null, arrived_ns integer not null,
    late integer not null default 0, listed integer not null default 0,
    merged integer not null default 0, paged_patient_ns integer, paged_caregiver_ns integer,
    summed integer not null default 0, told integer not null default 0,
    done integer not null default 0,
    unique (patient, device, id, begin_ns)
);
create index if not exists active on episodes (patient) where done = 0;
create table if not exists acks (
    patient text not null, device text not null, id text not null, time_ns integer not null,
    by text not null, true_alarm integer, snooze_s real not null,
    primary key (patient, device, id, time_ns, by)
) without rowid;
create table if not exists messages (
    number integer primary key autoincrement,
    patient text not null, role integer not null, technical integer not null, kind text not null,
    priority integer not null, title text not null, body text not null, created_ns integer not null,
    episodes text not null  -- their numbers, the most urgent first
);
create index if not exists pages on messages (patient, kind);
create table if not exists deliveries (
    message integer not null references messages on delete cascade, target text not null,
    tries integer not null default 0, next_ns integer not null, sent_ns integer,
    primary key (message, target)
) without rowid;
create index if not exists unsent on deliveries (next_ns) where sent_ns is null;
create table if not exists summaries (
    patient text not null, role integer not null, day text not null, primary key (patient, role)
) without rowid;
create table if not exists marks (name text primary key, value text not null) without rowid;
create table if not exists points (number integer primary key autoincrement, point blob not null);
create table if not exists requests (
    device text not null, id text not null, until_ns integer not null, primary key (device, id)
) without rowid;
create table if not exists devices (
    device text primary key, patient text not null, seen_ns integer not null
) without rowid;
create table if not exists alarms (
    patient text primary key, time_ns integer not null, counts text not null
) without rowid;
"""
_COLUMNS: Final = (
    "number, patient, device, id, rule, side, priority, technical, detail, begin_ns, end_ns,"
    " arrived_ns, late, listed, merged, paged_patient_ns, paged_caregiver_ns, summed, told"
)
_LAST_PAGES: Final = 24


def episodes(db: sqlite3.Connection, where: str, values: Iterable[Any] = ()) -> list[Episode]:
    """Return episodes with their acknowledgements, by number."""
    rows = db.execute(f"select {_COLUMNS} from episodes where {where} order by number", (*values,))
    found = [_episode(row) for row in rows.fetchall()]
    for each in found:
        each.acks = _acks(db, each)
    return found


def _episode(row: tuple[Any, ...]) -> Episode:
    number, patient, device, name, rule, side, priority, technical, detail, begin, end, came = row[
        :12
    ]
    late, listed, merged, *paged, summed, told = row[12:]
    return Episode(
        number=number,
        patient=patient,
        device=device,
        id=name,
        rule=rule,
        side=side,
        priority=Priority(priority),
        technical=bool(technical),
        detail=detail,
        begin_ns=begin,
        end_ns=end,
        arrived_ns=came,
        is_late=bool(late),
        is_listed=bool(listed),
        is_merged=bool(merged),
        paged_ns={role: at for role, at in zip(ROLES, paged, strict=True) if at is not None},
        summed=Role(summed),
        told=Role(told),
    )


def _acks(db: sqlite3.Connection, episode: Episode) -> list[Ack]:
    """Return what was said of this episode: until the next one of the same id begins.

    A word before the first episode is a device's clock that was corrected: it belongs to the first.
    """
    key = (episode.patient, episode.device, episode.id)
    where = "patient = ? and device = ? and id = ?"
    begins = [
        begin
        for (begin,) in db.execute(
            f"select begin_ns from episodes where {where} and merged = 0 order by begin_ns", key
        )
    ]
    first = begins[0] if begins else episode.begin_ns
    since = episode.begin_ns if episode.begin_ns > first else -(2**63)
    until = next((begin for begin in begins if begin > episode.begin_ns), 2**63 - 1)
    rows = db.execute(
        "select time_ns, by, true_alarm, snooze_s from acks"
        f" where {where} and time_ns >= ? and time_ns < ? order by time_ns",
        (*key, since, until),
    )
    return [Ack(at, by, None if true is None else bool(true), s) for at, by, true, s in rows]


def active_patients(db: sqlite3.Connection) -> list[str]:
    """Return the patients of whom something may still have to be told."""
    rows = db.execute("select distinct patient from episodes where done = 0 order by patient")
    return [patient for (patient,) in rows]


def load_case(db: sqlite3.Connection, patient: str, zone: str, reach: Role) -> Case:
    """Return all that is open about a patient."""
    pages = db.execute(
        "select created_ns, role, technical, priority from messages"
        " where patient = ? and kind = 'page' order by number desc limit ?",
        (patient, _LAST_PAGES),
    ).fetchall()
    days = db.execute("select role, day from summaries where patient = ?", (patient,))
    return Case(
        patient,
        zone,
        reach,
        episodes(db, "patient = ? and done = 0", (patient,)),
        [Page(at, Role(role), bool(tech), Priority(prio)) for at, role, tech, prio in pages[::-1]],
        {Role(role): day for role, day in days},
    )


def save(db: sqlite3.Connection, episode: Episode) -> None:
    """Write what the policy changed of an episode."""
    db.execute(
        "update episodes set listed = ?, paged_patient_ns = ?, paged_caregiver_ns = ?, summed = ?,"
        " told = ?, done = ? where number = ?",
        (
            episode.is_listed,
            *(episode.paged_ns.get(role) for role in ROLES),
            int(episode.summed),
            int(episode.told),
            episode.is_done,
            episode.number,
        ),
    )


def open_counts(db: sqlite3.Connection, patient: str) -> dict[str, int]:
    """Return the fields of `alarms`: how many alerts are open, and the highest gait priority."""
    rows = db.execute(
        "select technical, priority, count(*) from episodes"
        " where patient = ? and end_ns is null and merged = 0 group by technical, priority",
        (patient,),
    ).fetchall()
    gait = {Priority(priority): count for technical, priority, count in rows if not technical}
    counts = {f"open_{each.word}": gait.get(each, 0) for each in Priority}
    counts["open_technical"] = sum(count for technical, _, count in rows if technical)
    return {"severity": max(gait, default=0), **counts}

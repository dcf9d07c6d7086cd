"""The desk: each second it is decided what is due, and put into the outbox.

The functions take the open connection; the caller commits. What a message follows from and the
message itself are one transaction, so that a crash at any point neither loses nor doubles one.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.notify.model import Planned, Role
from pipeline.notify.policy import Policy, list_time_ns, plan, plan_list
from pipeline.notify.tables import active_patients, episodes, load_case, save
from pipeline.notify.texts import Link, list_text, text

__all__ = ["Desk", "step"]


@dataclass(frozen=True)
class Desk:
    """What a step needs to know.

    Attributes
    ----------
    zones : mapping
        IANA time zone by patient; `zone` for others and for the therapist's list.
    targets : callable
        Returns the addresses of a role for a patient, as names that reveal nothing.
    link : Link
        Makes the acknowledgement link.
    """

    policy: Policy
    zone: str
    zones: Mapping[str, str]
    targets: Callable[[str, Role], Sequence[str]]
    link: Link

    def reach(self, patient: str) -> Role:
        """Return whom a message can reach."""
        found = Role.NONE
        for role in Role:
            if self.targets(patient, role):
                found |= role
        return found


def step(db: sqlite3.Connection, now_ns: int, desk: Desk) -> int:
    """Make the messages that are due now; return how many."""
    made = 0
    for patient in active_patients(db):
        zone = desk.zones.get(patient, desk.zone)
        case = load_case(db, patient, zone, desk.reach(patient))
        before = [each.progress for each in case.episodes]
        for planned in plan(case, now_ns, desk.policy):
            title, body = text(planned, zone, desk.link)
            _put_message(db, patient, planned, title, body, now_ns, desk)
            made += 1
            if planned.kind == "summary":
                day = (patient, int(planned.role), case.summaries[planned.role])
                db.execute("insert or replace into summaries values (?, ?, ?)", day)
        for episode, old in zip(case.episodes, before, strict=True):
            if (
                episode.progress != old or episode.is_done
            ):  # nothing is written where nothing happened
                save(db, episode)
    return made + _list(db, now_ns, desk)


def _list(db: sqlite3.Connection, now_ns: int, desk: Desk) -> int:
    """Once a day, put what nobody acknowledged on the therapist's list."""
    due = list_time_ns(now_ns, desk.zone, desk.policy)
    if due is None:
        return 0
    day, before_ns = due
    last = db.execute("select value from marks where name = 'list'").fetchone()
    if last is not None and last[0] == day.isoformat():
        return 0
    db.execute("insert or replace into marks values ('list', ?)", (day.isoformat(),))
    found = plan_list(episodes(db, "done = 0"), before_ns)
    for episode in found:
        episode.is_listed = True
        save(db, episode)
    if not found or not desk.targets("", Role.THERAPIST):
        return 0
    planned = Planned("list", Role.THERAPIST, False, tuple(found))
    _put_message(db, "", planned, *list_text(found, desk.zone), now_ns, desk)
    return 1


def _put_message(
    db: sqlite3.Connection,
    patient: str,
    planned: Planned,
    title: str,
    body: str,
    now_ns: int,
    desk: Desk,
) -> None:
    number = db.execute(
        "insert into messages (patient, role, technical, kind, priority, title, body,"
        " created_ns, episodes) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            patient,
            int(planned.role),
            planned.technical,
            planned.kind,
            int(max(each.priority for each in planned.episodes)),
            title,
            body,
            now_ns,
            " ".join(str(each.number) for each in planned.episodes),
        ),
    ).lastrowid
    for target in desk.targets(patient, planned.role):
        sql = "insert into deliveries (message, target, next_ns) values (?, ?, ?)"
        db.execute(sql, (number, target, now_ns))

"""Messages on their way: what is due, what was handed over, what is tried again."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.notify.model import Kind, Message, Priority, Role

__all__ = ["retarget", "settle", "unsent"]


def unsent(db: sqlite3.Connection, now_ns: int, longest_wait_ns: int) -> list[Message]:
    """Return what is to be sent now, urgent ones first; a clock that went back makes all due."""
    rows = db.execute(
        "select number, patient, role, target, kind, priority, title, body, created_ns, tries"
        " from deliveries join messages on number = message"
        " where sent_ns is null and (next_ns <= ? or next_ns > ?)"
        " order by priority desc, number, target limit 50",
        (now_ns, now_ns + longest_wait_ns),
    )
    return [_message(row) for row in rows]


def _message(row: tuple[Any, ...]) -> Message:
    number, patient, role, target, kind, priority, title, body, created_ns, tries = row
    kind = msgspec.convert(kind, Kind)
    return Message(
        number,
        patient,
        Role(role),
        target,
        kind,
        Priority(priority),
        title,
        body,
        created_ns,
        tries,
    )


def settle(db: sqlite3.Connection, message: Message, now_ns: int, next_ns: int | None) -> None:
    """Note that a message was sent (`next_ns` None), or when it is tried again."""
    sql = "update deliveries set tries = tries + 1, sent_ns = ?, next_ns = ?"
    values = (now_ns, now_ns) if next_ns is None else (None, next_ns)
    sql += " where message = ? and target = ?"
    db.execute(sql, (*values, message.number, message.target))


def retarget(db: sqlite3.Connection, message: Message, targets: Sequence[str], now_ns: int) -> None:
    """The address is no longer known: send to those that are, which did not have it yet."""
    key = (message.number, message.target)
    db.execute("delete from deliveries where message = ? and target = ?", key)
    sql = "insert or ignore into deliveries (message, target, next_ns) values (?, ?, ?)"
    db.executemany(sql, [(message.number, target, now_ns) for target in targets])

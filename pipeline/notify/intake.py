"""Events and people's words in: what the devices raised and cleared, what was acknowledged.

Every function takes the open connection; the caller commits. All of it may come again and in any
order: events are kept as they came, and what follows from them is found anew.
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from pipeline.notify.model import Ack, AlertError, By, Episode, Priority
from pipeline.notify.policy import Policy
from pipeline.notify.tables import episodes, open_counts
from pipeline.points import Point

__all__ = ["Journalled", "acknowledge", "erase", "fold", "put_point", "take"]

Journalled = Callable[[Episode | None, str, str, Ack], None]
"""Writes an acknowledgement into the journal: its episode if known, patient, id, the words."""
_KEY: Final = "patient = ? and device = ? and id = ?"
_SEEN_NS: Final = 30 * 86_400 * 10**9
"""A settled alert is not shown as new on the device's page for so long."""


def fold(events: Iterable[tuple[int, bool]]) -> list[tuple[int, int | None]]:
    """Return the episodes (begin, end or None) that raises and clears make, in any order given.

    A raise while open and a clear while closed change nothing; at one time the clear comes first.
    """
    spans: list[tuple[int, int | None]] = []
    for time_ns, raised in sorted(events):
        is_open = bool(spans) and spans[-1][1] is None
        if raised and not is_open:
            spans.append((time_ns, None))
        elif not raised and is_open:
            spans[-1] = spans[-1][0], time_ns
    return spans


def take(
    db: sqlite3.Connection,
    points: Iterable[Point],
    now_ns: int,
    policy: Policy,
    journal: Journalled,
    *,
    is_own: bool = False,
) -> bool:
    """Take alerts and acknowledgements; return whether any was new. The same may come again.

    `is_own`: found by the pipeline itself, so it cannot be late.
    """
    is_new = False
    for point in points:
        if point.measurement == "alert":
            is_new |= _take_alert(db, point, now_ns, None if is_own else policy.late_s)
        elif point.measurement == "acknowledge":
            is_new |= _take_ack(db, point, journal)
    return is_new


def _key(point: Point) -> tuple[str, str, str]:
    tags = dict(point.tags)
    return tags["patient"], tags.get("device", ""), str(point.fields["id"])


def _take_alert(db: sqlite3.Connection, point: Point, now_ns: int, late_s: float | None) -> bool:
    key, fields = _key(point), point.fields
    values = (
        *key,
        point.time_ns,
        bool(fields["raised"]),
        str(fields.get("rule", "")),
        dict(point.tags).get("side", ""),
        int(Priority[str(fields["priority"]).upper()]),
        bool(fields.get("technical", False)),
        str(fields.get("detail", "")),
    )
    sql = "insert or ignore into events values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    if not db.execute(sql, values).rowcount:
        return False
    _fold_again(db, key, now_ns, late_s)
    _count_alarms(db, key[0], now_ns)
    return True


def _fold_again(
    db: sqlite3.Connection, key: tuple[str, str, str], now_ns: int, late_s: float | None
) -> None:
    """Bring the episodes of an id into line with its events."""
    rows = db.execute(f"select time_ns, raised from events where {_KEY}", key)
    spans = dict(fold((time_ns, bool(raised)) for time_ns, raised in rows))
    known = dict(db.execute(f"select begin_ns, number from episodes where {_KEY}", key).fetchall())
    for begin_ns, number in known.items():
        values = (begin_ns not in spans, spans.get(begin_ns), number)
        db.execute("update episodes set merged = ?, end_ns = ?, done = 0 where number = ?", values)
    for begin_ns in spans.keys() - known.keys():
        is_late = late_s is not None and now_ns - begin_ns > late_s * 1e9
        db.execute(
            "insert into episodes (patient, device, id, begin_ns, end_ns, rule, side, priority,"
            " technical, detail, arrived_ns, late) select patient, device, id, time_ns, ?, rule,"
            f" side, priority, technical, detail, ?, ? from events where {_KEY} and time_ns = ?"
            " and raised = 1",
            (spans[begin_ns], now_ns, is_late, *key, begin_ns),
        )


def _count_alarms(db: sqlite3.Connection, patient: str, now_ns: int) -> None:
    """Leave a point for the dashboards where the number of open alerts changed."""
    counts = open_counts(db, patient)
    encoded = msgspec.json.encode(counts).decode()
    last = db.execute("select time_ns, counts from alarms where patient = ?", (patient,)).fetchone()
    if last is not None and last[1] == encoded:
        return
    time_ns = now_ns if last is None else max(now_ns, last[0] + 1)
    db.execute("insert or replace into alarms values (?, ?, ?)", (patient, time_ns, encoded))
    put_point(db, Point("alarms", (("patient", patient),), {**counts}, time_ns))


def put_point(db: sqlite3.Connection, point: Point) -> None:
    """Keep a point until the store has it."""
    db.execute("insert into points (point) values (?)", (msgspec.json.encode(point),))


def _take_ack(db: sqlite3.Connection, point: Point, journal: Journalled) -> bool:
    fields = point.fields
    ack = Ack(
        point.time_ns,
        msgspec.convert(fields["by"], By),
        None if "true_alarm" not in fields else bool(fields["true_alarm"]),
        float(fields.get("snooze_s", 0.0)),
    )
    return _put_ack(db, _key(point), ack, journal)


def _put_ack(
    db: sqlite3.Connection, key: tuple[str, str, str], ack: Ack, journal: Journalled
) -> bool:
    values = (*key, ack.time_ns, ack.by, ack.true_alarm, ack.snooze_s)
    if not db.execute("insert or ignore into acks values (?, ?, ?, ?, ?, ?, ?)", values).rowcount:
        return False
    found = episodes(db, f"{_KEY} and merged = 0", key)
    journal(next((each for each in found if ack in each.acks), None), key[0], key[2], ack)
    return True


# -- by people ----------------------------------------------------------------------------------


def acknowledge(
    db: sqlite3.Connection, number: int, ack: Ack, journal: Journalled
) -> tuple[Episode, bool]:
    """Acknowledge or snooze an episode by hand; return it, and whether that was new.

    The word also becomes a point of the store and a request to the device, so that its page shows
    the alert no longer as new.

    Raises
    ------
    AlertError
        There is no such alert.
    """
    found = episodes(db, "number = ? and merged = 0", (number,))
    if not found:
        raise AlertError(f"no alert {number}; `heelfirst alerts list --all` shows them")
    episode = found[0]
    key = (episode.patient, episode.device, episode.id)
    time_ns = _free_time(db, key, episode.begin_ns, ack)
    ack = Ack(time_ns, ack.by, ack.true_alarm, ack.snooze_s)
    if any(_same(ack, each) for each in episode.acks):
        return episode, False
    _put_ack(db, key, ack, journal)
    fields: dict[str, Any] = {"id": episode.id, "by": ack.by, "snooze_s": float(ack.snooze_s)}
    if ack.true_alarm is not None:
        fields["true_alarm"] = ack.true_alarm
    tags = (("device", episode.device), ("patient", episode.patient))
    put_point(db, Point("acknowledge", tags, fields, time_ns))
    until_ns = time_ns + (_SEEN_NS if ack.settles else round(ack.snooze_s * 1e9))
    sql = "insert or replace into requests values (?, ?, ?)"
    db.execute(sql, (episode.device, episode.id, until_ns))
    return episodes(db, "number = ?", (number,))[0], True


def _free_time(db: sqlite3.Connection, key: tuple[str, str, str], begin_ns: int, ack: Ack) -> int:
    """Return a time within the episode, by which the word is found to belong to it."""
    sql = f"select min(begin_ns) from episodes where {_KEY} and merged = 0 and begin_ns > ?"
    (next_ns,) = db.execute(sql, (*key, begin_ns)).fetchone()
    time_ns, step_ns = max(ack.time_ns, begin_ns), 1
    if next_ns is not None and time_ns >= next_ns:
        time_ns, step_ns = next_ns - 1, -1
    sql = f"select 1 from acks where {_KEY} and time_ns = ? and by = ?"
    while db.execute(sql, (*key, time_ns, ack.by)).fetchone():
        time_ns += step_ns
    return time_ns


def _same(ack: Ack, other: Ack) -> bool:
    """Say whether a word was said already: a second press of a button changes nothing."""
    if not ack.settles:
        return False
    return other.settles and (other.by, other.true_alarm) == (ack.by, ack.true_alarm)


def erase(db: sqlite3.Connection, patient: str) -> int:
    """Remove all of a patient; return how many rows went. What is open ends without a word."""
    went = 0
    devices = db.execute("select distinct device from episodes where patient = ?", (patient,))
    for (device,) in devices.fetchall():
        went += db.execute("delete from requests where device = ?", (device,)).rowcount
    for table in ("events", "episodes", "acks", "messages", "summaries", "devices", "alarms"):
        went += db.execute(f"delete from {table} where patient = ?", (patient,)).rowcount
    for number, body in db.execute("select number, point from points").fetchall():
        if ("patient", patient) in msgspec.json.decode(body, type=Point).tags:
            went += db.execute("delete from points where number = ?", (number,)).rowcount
    lists = db.execute("select number, body from messages where instr(body, ?)", (patient,))
    for number, body in lists.fetchall():
        left = "\n".join(line for line in body.splitlines() if patient not in line)
        went += db.execute("update messages set body = ? where number = ?", (left, number)).rowcount
    return went

"""What the dashboards read: weeks of virtual patients with their rollups, in a real InfluxDB.

Rollups are those of `pipeline.rollup`, computed here in memory, day by day.
"""

import datetime as dt
import urllib.parse
import urllib.request
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from month import day_points, days
from month_people import FIRST_DAY, Person
from servers import create_database

from pipeline.care.record import Note, PatientRecord, Span
from pipeline.care.worker import marks
from pipeline.derived import ROLLED_UP
from pipeline.points import Point, as_row, encode_points, measurement
from pipeline.rollup.bands import with_bands
from pipeline.rollup.baseline import baselines
from pipeline.rollup.day import roll_up
from pipeline.rollup.rows import DayRows, wanted_of

Row = dict[str, Any]
EVENTS, ROLLUPS = "gait", "gait_rollups"
BATCH = 10_000


def patient_points(
    person: Person, count: int, steps: int, first_day: dt.date = FIRST_DAY
) -> list[Point]:
    """Return all points of a patient: events, status, alarms, rollups, marks."""
    span = days(count, first_day)
    events = [point for day in span for point in day_points(person, day, steps, 1, first_day)]
    if not events:
        return []
    events += _alarms(person, events)
    return events + _rollups(person, events, span)


def _alarms(person: Person, events: Iterable[Point]) -> list[Point]:
    """How many gait and technical alerts are open after each alert."""
    open_now: dict[str, tuple[str, bool]] = {}
    made = []
    alerts = [point for point in events if point.measurement == "alert"]
    for point in sorted(alerts, key=lambda each: each.time_ns):
        name = str(point.fields["id"])
        if point.fields["raised"]:
            open_now[name] = (str(point.fields["priority"]), bool(point.fields["technical"]))
        else:
            open_now.pop(name, None)
        gait = [priority for priority, technical in open_now.values() if not technical]
        fields: dict[str, Any] = {f"open_{p}": gait.count(p) for p in ("high", "medium", "low")}
        fields["open_technical"] = len(open_now) - len(gait)
        fields["severity"] = max(({"low": 1, "medium": 2, "high": 3}[p] for p in gait), default=0)
        made.append(Point("alarms", (("patient", person.patient),), fields, point.time_ns))
    return made


def _record(person: Person, first_day: dt.date) -> PatientRecord:
    """Return what is set for the person, with the orthoses and a note."""
    changes = [person.time_ns(first_day + dt.timedelta(days=after), 0.0) for after in (9, 19)]
    spans = (
        Span(orthosis="afo", since_ns=changes[0], until_ns=changes[1], side=person.affected),
        Span(orthosis="fes", since_ns=changes[1], side=person.affected),
    )
    note = Note(time_ns=changes[0] + 15 * 3600 * 10**9, text="new shoes with a firmer heel")
    return msgspec.structs.replace(person.record(first_day), spans=spans, notes=(note,))


def _rollups(person: Person, events: Sequence[Point], span: Sequence[dt.date]) -> list[Point]:
    record = _record(person, span[0])
    rows: dict[str, list[Row]] = {}
    for point in sorted(events, key=lambda each: each.time_ns):
        table = measurement(point.measurement)
        row = as_row(table, point.time_ns, dict(point.tags), point.fields)
        rows.setdefault(point.measurement, []).append(row)
    made: list[Point] = []
    for day in span:
        start_ns, stop_ns = record.day_span(day)
        found = {
            name: _between(rows.get(name, []), *wanted)
            for name, wanted, _ in wanted_of(start_ns, stop_ns)
        }
        made += roll_up(DayRows(start_ns, stop_ns, **found), record, day)
    daily = [
        as_row(measurement("daily"), point.time_ns, dict(point.tags), point.fields)
        for point in made
        if point.measurement == "daily"
    ]
    return [*with_bands(made, baselines(daily, record)), *marks(record)]


def _between(rows: Sequence[Row], start_ns: int, stop_ns: int) -> list[Row]:
    def at(time_ns: int) -> int:
        return bisect_left(rows, time_ns, key=lambda row: int(row["time_ns"]))

    return list(rows[at(start_ns) : at(stop_ns)])


def later(points: Iterable[Point], shift_ns: int) -> list[Point]:
    """Return the points so much later: a month that ends today."""
    return [msgspec.structs.replace(each, time_ns=each.time_ns + shift_ns) for each in points]


def fill(url: str, points: Sequence[Point]) -> None:
    """Write the points into the databases of events and of rollups, which are made."""
    for database in (EVENTS, ROLLUPS):
        create_database(url, database)
        chosen = [
            each for each in points if (each.measurement in ROLLED_UP) == (database == ROLLUPS)
        ]
        for begin in range(0, len(chosen), BATCH):
            body = encode_points(chosen[begin : begin + BATCH])
            address = f"{url}/write?db={database}&precision=ns"
            urllib.request.urlopen(urllib.request.Request(address, body), timeout=60).close()

"""Weeks of virtual patients as wire events and as points, event by event, without the kernel.

    for person in people(4):
        for day in days(30):
            points = day_points(person, day, steps=600)

Seeded: the same person, day, steps and seed give the same events. Foot drop on one side improves
over the weeks, drags grow with the minutes into a bout, an orthosis is put on, insoles are taken
off, some data are lost on the way. One patient has one insole, one no IMU, one no data
(`month_people`). About 2 s of computing per 100 000 steps.
"""

import datetime as dt
import random
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from month_happenings import alerts, habits, programme
from month_people import FIRST_DAY, PLAN, Person, people
from month_walk import ORTHOSIS_EFFECT, SECOND, WalkedBout, Walker

from edge import wire
from pipeline.points import Point, as_row, event_point, measurement, narrowed, status_point
from pipeline.rollup.bands import with_bands
from pipeline.rollup.baseline import baselines
from pipeline.rollup.day import roll_up
from pipeline.rollup.rows import DayRows, wanted_of

__all__ = [
    "FIRST_DAY",
    "PLAN",
    "Person",
    "day_events",
    "day_points",
    "days",
    "month_points",
    "people",
    "rollup_points",
    "span_ns",
]

WAKE_H: Final = 6.9
BED_H: Final = 22.2
HOUR_NS: Final = 3600 * SECOND
RATE_HZ: Final = 100


def days(count: int = 30, first_day: dt.date = FIRST_DAY) -> list[dt.date]:
    """Return `count` days in a row."""
    return [first_day + dt.timedelta(days=number) for number in range(count)]


def span_ns(person: Person, count: int = 30, first_day: dt.date = FIRST_DAY) -> tuple[int, int]:
    """Return begin and end of these days in the person's time zone [ns since 1970, UTC]."""
    return (
        person.time_ns(first_day, 0.0),
        person.time_ns(first_day + dt.timedelta(days=count), 0.0),
    )


def _rng(person: Person, day: dt.date, seed: int, what: str) -> random.Random:
    return random.Random(f"{person.patient} {day} {seed} {what}")


def day_events(
    person: Person, day: dt.date, steps: int = 6000, seed: int = 1, first_day: dt.date = FIRST_DAY
) -> list[wire.Event]:
    """Return the events that arrived of this day, by time; `seq` is 1 in all of them."""
    if not person.has_data:
        return []
    severity = person.severity_on(day, first_day)
    severity *= ORTHOSIS_EFFECT[person.orthosis(day, first_day)]
    walker = Walker(person, severity, _rng(person, day, seed, "walk"))
    rng = _rng(person, day, seed, "day")
    bouts = list(walker.bouts(day, round(steps * rng.uniform(0.8, 1.2))))
    wear = _wear(person, day, bouts, rng)
    made = [stride for bout in bouts for stride in bout.strides]
    arrived, lost = _lose(made, rng)
    events: list[wire.Event] = [*arrived, *wear, *lost]
    events += [event for bout in bouts for event in bout.others]
    events += _tallies(person, day, made, wear, lost, rng)
    events += alerts(person, day, arrived, rng)
    events += programme(person, day, first_day, severity, rng)
    events += habits(person, day, first_day, rng)
    return sorted(events, key=lambda event: (event.time_ns, str(type(event).__struct_config__.tag)))


def _wear(
    person: Person, day: dt.date, bouts: Sequence[WalkedBout], rng: random.Random
) -> list[wire.Wear]:
    """Put on in the morning, off at night and for an hour or two on some days."""
    changes = {person.time_ns(day, WAKE_H): "standing"}
    for bout in bouts:
        changes[bout.begin_ns] = "walking"
        changes[bout.end_ns + 2 * SECOND] = rng.choice(("sitting", "sitting", "standing"))
    longest = max(pairwise(bouts), key=_pause_ns, default=None)
    if longest is not None and rng.random() < 0.4 and _pause_ns(longest) > 1200 * SECOND:
        changes[longest[0].end_ns + 60 * SECOND] = "off"
        changes[longest[1].begin_ns - 60 * SECOND] = "standing"
    night = person.time_ns(day, BED_H)
    changes[max(night, (bouts[-1].end_ns if bouts else 0) + 30 * SECOND)] = "off"
    return [wire.Wear(seq=1, time_ns=at, state=state) for at, state in sorted(changes.items())]


def _pause_ns(pair: tuple[WalkedBout, WalkedBout]) -> int:
    return pair[1].begin_ns - pair[0].end_ns


def _lose(
    strides: list[wire.Stride], rng: random.Random
) -> tuple[list[wire.Stride], list[wire.Gap]]:
    """Lose a few dozen strides on every seventh day or so, and samples by radio now and then."""
    gaps = [
        wire.Gap(
            seq=1,
            time_ns=stride.time_ns + 200_000_000,
            side=stride.side,
            what="samples",
            lost=int(duration_s * RATE_HZ),
            duration_s=duration_s,
            reason="radio",
        )
        for stride in rng.sample(strides, min(4, len(strides)))
        for duration_s in [rng.uniform(0.2, 8.0)]
    ]
    if rng.random() > 0.15 or len(strides) < 100:
        return strides, gaps
    begin = rng.randrange(len(strides) // 2)
    lost = strides[begin : begin + len(strides) // 12]
    duration_s = (lost[-1].time_ns - lost[0].time_ns) / 1e9
    gap = wire.Gap(
        seq=1,
        time_ns=lost[0].time_ns,
        what="events",
        lost=len(lost),
        duration_s=duration_s,
        reason="disk full",
    )
    return strides[:begin] + strides[begin + len(lost) :], [*gaps, gap]


def _worn_s(wear: Sequence[wire.Wear], start_ns: int, stop_ns: int) -> float:
    worn_ns = 0
    for change, after in pairwise(wear):
        if change.state != "off":
            worn_ns += max(0, min(after.time_ns, stop_ns) - max(change.time_ns, start_ns))
    return worn_ns / 1e9


def _tallies(
    person: Person,
    day: dt.date,
    made: Sequence[wire.Stride],
    wear: Sequence[wire.Wear],
    gaps: Sequence[wire.Gap],
    rng: random.Random,
) -> list[wire.Event]:
    """One per clock hour, also of the night: the device is on."""
    begin = -(-person.time_ns(day, 0.0) // HOUR_NS) * HOUR_NS
    end = person.time_ns(day + dt.timedelta(days=1), 0.0)
    hours: dict[int, list[wire.Stride]] = {at: [] for at in range(begin, end, HOUR_NS)}
    for stride in made:
        hours.setdefault(stride.time_ns // HOUR_NS * HOUR_NS, []).append(stride)
    return [
        _tally(person, at, strides, _worn_s(wear, at, at + HOUR_NS), gaps, rng)
        for at, strides in hours.items()
    ]


def _tally(
    person: Person,
    at: int,
    strides: Sequence[wire.Stride],
    worn_s: float,
    gaps: Sequence[wire.Gap],
    rng: random.Random,
) -> wire.Tally:
    counts: dict[str, Any] = {}
    here = [gap for gap in gaps if at <= gap.time_ns < at + HOUR_NS]
    for side in ("left", "right"):
        mine = [stride for stride in strides if stride.side == side]
        lost = sum(gap.lost for gap in here if gap.side == side) + rng.randrange(20)
        samples = round(worn_s * RATE_HZ) if side in person.sides else 0
        counts |= {
            f"strides_{side}": len(mine),
            f"valid_swings_{side}": sum(stride.valid_swing for stride in mine),
            f"drags_{side}": sum(bool(stride.drag_ms) for stride in mine),
            f"samples_{side}": max(0, samples - lost),
            f"samples_lost_{side}": min(samples, lost),
        }
    events_lost = sum(gap.lost for gap in here if gap.what == "events")
    return wire.Tally(
        seq=1,
        time_ns=at + 10**6,
        duration_s=3600.0,
        worn_s=worn_s,
        events_lost=events_lost,
        **counts,
    )


def day_points(
    person: Person, day: dt.date, steps: int = 6000, seed: int = 1, first_day: dt.date = FIRST_DAY
) -> list[Point]:
    """Return the points of the day's events and of a status every ten minutes.

    Strides carry the orthosis of the day, as the ingester gives it to them.
    """
    orthosis = person.orthosis(day, first_day)
    points = []
    for event in day_events(person, day, steps, seed, first_day):
        point = event_point(event, person.device, person.patient)
        if point.measurement == "stride":
            point = msgspec.structs.replace(point, fields={**point.fields, "orthosis": orthosis})
        points.append(point)
    return points + [
        status_point(status, person.patient, status.time_ns or 0)
        for status in day_statuses(person, day, seed)
    ]


@cache
def _midnight_ns(zone: str, day: dt.date) -> int:
    midnight = dt.datetime.combine(day, dt.time(), ZoneInfo(zone))
    return int(midnight.timestamp()) * SECOND


def day_statuses(person: Person, day: dt.date, seed: int = 1) -> Iterator[wire.Status]:
    """Yield a status every ten minutes of the day; batteries are charged at night."""
    if not person.has_data:
        return
    rng = _rng(person, day, seed, "status")
    start_ns = _midnight_ns(person.zone, day)
    stop_ns = _midnight_ns(person.zone, day + dt.timedelta(days=1))
    for number, at in enumerate(range(start_ns, stop_ns, 600 * SECOND)):
        hour = number / 6
        sides: dict[str, float | None] = {}
        for side in ("left", "right"):
            fitted = side in person.sides
            left = max(5.0, 100.0 - 4.5 * max(0.0, hour - 7) - rng.random())
            sides[f"battery_{side}_percent"] = left if fitted else None
            sides[f"link_{side}_percent"] = 100.0 - 3.0 * rng.random() ** 4 if fitted else None
        yield wire.Status(
            device=person.device,
            boot="0123456789abcdef",
            online=True,
            time_ns=at,
            waiting=rng.randrange(5),
            agent_version="0.1.0",
            oldest_s=rng.random(),
            outbox_bytes=65536,
            dropped=0,
            reconnections=day.toordinal() % 5,
            worn=WAKE_H <= hour < BED_H,
            is_paused=False,
            clock_known=True,
            setup_revision=3,
            **sides,
        )


def rollup_points(points: Sequence[Point], person: Person, count: int = 30) -> list[Point]:
    """Return the rollups of `count` days of one person's points, baseline bands included."""
    record, shelf = person.record(), shelve(points)
    rolled = [
        point
        for day in days(count)
        for point in roll_up(rows_of(shelf, *record.day_span(day)), record, day)
    ]
    stored = [
        as_row(measurement("daily"), point.time_ns, dict(point.tags), point.fields)
        for point in rolled
        if point.measurement == "daily"
    ]
    return with_bands(rolled, baselines(stored, record))


def shelve(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Return the points by measurement, each in the order that a store reads them."""
    shelf: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.time_ns, point.tags)):
        shelf.setdefault(point.measurement, []).append(point)
    return shelf


def rows_of(shelf: Mapping[str, Sequence[Point]], start_ns: int, stop_ns: int) -> DayRows:
    """Return what `read_day` would read of one person's shelved points."""
    rows: dict[str, Any] = {}
    for name, (begin, end), fields in wanted_of(start_ns, stop_ns):
        table, stored = narrowed(measurement(name), fields), shelf.get(name, ())
        first = bisect_left(stored, begin, key=lambda point: point.time_ns)
        last = bisect_left(stored, end, key=lambda point: point.time_ns)
        rows[name] = [
            as_row(table, point.time_ns, dict(point.tags), point.fields)
            for point in stored[first:last]
        ]
    return DayRows(start_ns, stop_ns, **rows)


def month_points(
    count: int = 30, steps: int = 6000, patients: int = 4, seed: int = 1
) -> Iterator[list[Point]]:
    """Yield the points of each patient and day, patient by patient; of the new one nothing."""
    for person in people(patients):
        for day in days(count):
            if points := day_points(person, day, steps, seed):
                yield points

"""What happens to a virtual patient beside walking: alerts, exercises, practice, sitting."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any, Final

from month_people import PLAN, Person
from month_walk import SECOND

from edge import wire

HOUR_NS: Final = 3600 * SECOND
WAKE_H: Final = 6.9


def alerts(
    person: Person, day: dt.date, strides: Sequence[wire.Stride], rng: random.Random
) -> list[wire.Event]:
    """Repeated drags where an hour has >= 10 % of at least 50 valid swings; some acknowledged."""
    hours: dict[int, list[wire.Stride]] = {}
    for stride in strides:
        if stride.side == person.affected and stride.valid_swing:
            hours.setdefault(stride.time_ns // HOUR_NS, []).append(stride)
    events: list[wire.Event] = []
    for hour, mine in hours.items():
        if len(mine) < 50 or sum(bool(stride.drag_ms) for stride in mine) < 0.1 * len(mine):
            continue
        name = f"repeated_toe_drag-{person.affected}-{day}-{hour % 24:02}"
        at = mine[-1].time_ns + 500_000_000
        events += _alert(name, "repeated_toe_drag", person, at, False)
        if rng.random() < 0.75:
            events.append(_acknowledge(name, at + rng.randrange(60, 540) * SECOND, rng))
    if day.day % 11 == 0:
        at = person.time_ns(day, 9.5)
        events += _alert(f"sensor_fault-{person.affected}-{day}", "sensor_fault", person, at, True)
    return events


def _alert(name: str, rule: str, person: Person, at: int, technical: bool) -> list[wire.Event]:
    common: dict[str, Any] = {
        "id": name,
        "rule": rule,
        "side": person.affected,
        "priority": "low" if technical else "medium",
        "technical": technical,
    }
    said = "cell 3 stuck" if technical else "one swing in ten dragged"
    return [
        wire.Alert(seq=1, time_ns=at, raised=True, detail=said, **common),
        wire.Alert(seq=1, time_ns=at + 1500 * SECOND, raised=False, **common),
    ]


def _acknowledge(name: str, at: int, rng: random.Random) -> wire.Acknowledge:
    return wire.Acknowledge(
        seq=1,
        time_ns=at,
        id=name,
        by=rng.choice(("patient", "caregiver", "therapist")),
        true_alarm=rng.choice((True, True, True, False, None)),
    )


def programme(
    person: Person, day: dt.date, first_day: dt.date, severity: float, rng: random.Random
) -> list[wire.Event]:
    """Exercises of `PLAN`, more of them done as the weeks go by, and practice every third day."""
    number = (day - first_day).days
    keen = min(0.95, 0.55 + 0.015 * number)
    at = person.time_ns(day, 17.0)
    events: list[wire.Event] = []
    for dose in PLAN:
        for _ in range(dose.sets):
            at += 200 * SECOND
            if rng.random() < keen:
                events.append(_exercise(dose, at, person, severity, rng))
    if number % 3 == 0:
        steps = rng.randrange(60, 160)
        events.append(
            wire.Practice(
                seq=1,
                time_ns=person.time_ns(day, 10.1),
                side=person.affected,
                duration_s=steps * 1.2,
                steps=steps,
                on_target=round(steps * min(0.95, 0.5 + 0.012 * number)),
                target_deg=8.0 if person.has_imu else None,
                level=min(2.0, 0.1 * number),
                fading=max(0.2, 1.0 - 0.02 * number),
            )
        )
    return events


def _exercise(
    dose: wire.Dose, at: int, person: Person, severity: float, rng: random.Random
) -> wire.Exercise:
    wanted = dose.repetitions or 20
    done = round(wanted * rng.uniform(0.9, 1.25))
    duration_s = (dose.seconds or wanted * 3.0) * rng.uniform(0.95, 1.3)
    reached = duration_s >= dose.seconds if dose.seconds else done >= wanted
    moving = person.has_imu and dose.exercise in ("ankle_dorsiflexion", "toe_taps")
    return wire.Exercise(
        seq=1,
        time_ns=at,
        side=person.affected if dose.side else None,
        exercise=dose.exercise,
        repetitions=done,
        duration_s=duration_s,
        hold_s=rng.uniform(1.2, 2.2) if dose.hold_s else None,
        range_deg=rng.gauss(24.0 - 12.0 * severity, 2.0) if moving else None,
        tempo_per_min=60.0 * done / duration_s,
        quality=min(1.0, max(0.0, rng.gauss(0.8 - 0.3 * severity, 0.08))),
        advice=("lift higher",) if rng.random() < severity else (),
        guided=rng.random() < 0.7,
        is_complete=reached,
    )


def habits(
    person: Person, day: dt.date, first_day: dt.date, rng: random.Random
) -> list[wire.Event]:
    sat = wire.Habit(
        seq=1,
        time_ns=person.time_ns(day, 13.0),
        habit="long_sitting",
        duration_s=rng.uniform(3600.0, 7200.0),
        certainty=0.9,
    )
    says = wire.Wearing(
        seq=1,
        time_ns=person.time_ns(day, WAKE_H) + 60 * SECOND,
        side=person.affected,
        orthosis=person.orthosis(day, first_day),
    )
    return [sat, says]

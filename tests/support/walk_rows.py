"""Rows of a made-up walk, as a store gives them."""

import random
from typing import Any

from edge import wire
from pipeline.points import Point, event_point

BEGIN_NS = 1_763_800_000_000_000_000
PATIENT = "p0123456789ab"


def walk_points(
    count: int, sides: tuple[wire.Side, ...] = ("left", "right"), seed: int = 1
) -> list[Point]:
    """Return the points of a walk whose right foot drags and lands on the toes in its second half.

    The first landing of a foot closes no stride; a trip risk is known from the tenth on.
    """
    rng = random.Random(seed)
    events: list[wire.Event] = []
    for side in sides:
        for number in range(count):
            weak = side == "right" and number >= count // 2
            risk = None if number < 9 else 0.7 if weak else 0.1
            events.append(
                wire.Stride(
                    seq=number + 1,
                    time_ns=BEGIN_NS + int((number * 1.2 + 0.6 * (side == "right")) * 1e9),
                    side=side,
                    strike="toe" if weak else "heel",
                    stride_s=1.2 + rng.gauss(0, 0.02) if number else None,
                    toe_drag=None
                    if not number
                    else "scuff"
                    if weak and number % 4 == 0
                    else "none",
                    valid_swing=number > 0,
                    trip_risk=risk,
                    trip_level=None if risk is None else "high" if weak else "low",
                    trip_reasons=("toe_first", "drags") if weak else (),
                    sources=("pressure", "imu"),
                )
            )
    counts: dict[str, Any] = {
        f"{name}_{side}": 0
        for name in ("strides", "valid_swings", "heel_first", "flat", "toe_first", "drags")
        for side in ("left", "right")
    }
    for side in sides:
        counts[f"strides_{side}"] = count
        counts[f"curve_{side}"] = tuple(n / 62 for n in range(63))
    events.append(
        wire.Bout(
            seq=1,
            time_ns=BEGIN_NS,
            duration_s=count * 1.2,
            **counts,
        )
    )
    return [event_point(event, "insole-1", PATIENT) for event in events]


def gap_point(lost: int = 12) -> Point:
    """Return the point of a gap on the left foot."""
    gap = wire.Gap(
        seq=1,
        time_ns=BEGIN_NS,
        side="left",
        what="samples",
        lost=lost,
        duration_s=0.12,
        reason="radio",
    )
    return event_point(gap, "insole-1", PATIENT)


def as_live_rows(points: list[Point], name: str) -> list[dict[str, Any]]:
    """Return points of one measurement as plain dicts with tuples, as `analyse` has them."""
    from pipeline.points import as_row, measurement, numbers, words

    rows = []
    for point in sorted(points, key=lambda point: point.time_ns):
        if point.measurement != name:
            continue
        row = as_row(measurement(name), point.time_ns, dict(point.tags), point.fields)
        for key in ("trip_reasons", "sources", "flags"):
            if key in row:
                row[key] = words(row[key])
        for key in ("curve_left", "curve_right"):
            if key in row:
                row[key] = numbers(row[key])
        rows.append(row)
    return rows

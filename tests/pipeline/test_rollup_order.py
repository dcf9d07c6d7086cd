"""Invariant B: rollups are those of a run without faults, whatever came when and how often."""

import asyncio
import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_store import MemoryStore
from rollup_oracle import HOUR, MINUTE, SECOND, expected

from edge import wire
from pipeline.care.record import PatientRecord
from pipeline.points import event_point
from pipeline.rollup.touched import Touched
from pipeline.rollup.worker import RollupWorker

PATIENT, DEVICE = "p0123456789ab", "insole-1"
FIRST = dt.date(2026, 10, 24)
"""The day before the clocks go back in Berlin; Kolkata's hours are not those of UTC."""
DAYS = [FIRST + dt.timedelta(days=number) for number in range(-1, 4)]
START = int(dt.datetime.combine(FIRST, dt.time(), ZoneInfo("Europe/Berlin")).timestamp()) * SECOND
ZONES = ("Europe/Berlin", "Asia/Kolkata", "UTC")

minutes = st.integers(0, 50 * 60)
sides = st.sampled_from(("left", "right"))
degrees = st.one_of(st.none(), st.integers(-20, 30).map(float))


@st.composite
def stride(draw: st.DrawFn) -> wire.Stride:
    closed = draw(st.booleans())
    valid = closed and draw(st.booleans())
    return wire.Stride(
        seq=1,
        time_ns=START + draw(minutes) * MINUTE + draw(st.integers(0, 20)) * SECOND,
        side=draw(sides),
        strike=draw(st.sampled_from(("heel", "flat", "toe", "unknown"))),
        stride_s=draw(st.sampled_from((1.0, 1.5, 2.0))) if closed else None,
        valid_swing=valid,
        toe_drag=draw(st.sampled_from(("none", "scuff", "full"))) if valid else None,
        pitch_at_contact_deg=draw(degrees),
        clearance_mm=draw(st.one_of(st.none(), st.integers(-15, 30).map(float))),
        stride_length_m=draw(st.sampled_from((None, 0.75, 1.0))),
        trip_level=draw(st.sampled_from((None, "low", "high"))),
        flags=draw(st.sampled_from(((), ("stairs",), ("implausible", "turn")))),
    )


@st.composite
def bout(draw: st.DrawFn) -> wire.Bout:
    names = ("strides", "valid_swings", "heel_first", "flat", "toe_first", "drags")
    counts: dict[str, Any] = {f"{name}_{side}": 0 for name in names for side in ("left", "right")}
    time_ns = START + draw(minutes) * MINUTE
    duration_s = 60.0 * draw(st.integers(1, 10))
    return wire.Bout(
        seq=1, time_ns=time_ns, duration_s=duration_s, continues=draw(st.booleans()), **counts
    )


@st.composite
def tally(draw: st.DrawFn) -> wire.Tally:
    names = ("valid_swings", "drags", "samples", "samples_lost")
    counts: dict[str, Any] = {f"{name}_{side}": 0 for name in names for side in ("left", "right")}
    counts |= {f"strides_{side}": draw(st.integers(0, 3)) for side in ("left", "right")}
    return wire.Tally(
        seq=1,
        time_ns=(START // HOUR + draw(st.integers(0, 50))) * HOUR,
        duration_s=3600.0,
        worn_s=draw(st.sampled_from((None, 0.0, 600.0, 3600.0))),
        events_lost=0,
        **counts,
    )


wear = st.builds(
    lambda at, state: wire.Wear(seq=1, time_ns=START + at * MINUTE, state=state),
    minutes,
    st.sampled_from(("off", "sitting", "standing", "walking")),
)
cue = st.builds(
    lambda at, side, given: wire.Cue(
        seq=1, time_ns=START + at * MINUTE, side=side, cause="toe_drag", given=given
    ),
    minutes,
    sides,
    st.booleans(),
)
near_trip = st.builds(
    lambda at, side: wire.NearTrip(seq=1, time_ns=START + at * MINUTE, side=side), minutes, sides
)
story = st.lists(
    st.one_of(stride(), stride(), stride(), bout(), tally(), wear, wear, cue, near_trip),
    max_size=40,
    unique_by=lambda event: (type(event), event.time_ns, getattr(event, "side", None)),
)


class OneRecord:
    def __init__(self, zone: str) -> None:
        self.zone = zone

    async def record(self, patient: str) -> PatientRecord:
        return PatientRecord(patient=patient, zone=self.zone)


async def stored_by(
    events: Sequence[wire.Event], zone: str, folder: Path, rng: random.Random
) -> MemoryStore:
    """Return the rollups after any order, duplicates, restarts and rollups made half way."""
    source, target = MemoryStore(), MemoryStore()
    points = [event_point(event, DEVICE, PATIENT) for event in events]
    points += rng.sample(points, len(points) // 3)
    rng.shuffle(points)
    touched = Touched(folder / "touched.db")
    worker = RollupWorker(source, target, touched, OneRecord(zone))
    touched.lock()
    while points:
        size = rng.randint(1, 8)
        batch, points = points[:size], points[size:]
        await source.write(batch)
        await touched.take(batch)
        match rng.randrange(5):
            case 0:
                await worker.work_off()
            case 1:  # killed at some point of a round, and begun again
                halfway = asyncio.create_task(worker.round(0.0))
                for _ in range(rng.randrange(12)):
                    await asyncio.sleep(0)
                halfway.cancel()
                await asyncio.gather(halfway, return_exceptions=True)
                await touched.close()
                touched = Touched(folder / "touched.db")
                worker = RollupWorker(source, target, touched, OneRecord(zone))
                touched.lock()
    await worker.work_off()
    assert await touched.marks() == []
    await touched.close()
    return target


@settings(max_examples=40)
@given(story, st.sampled_from(ZONES), st.integers(0, 2**32))
def test_rollups_are_those_of_the_plain_way(events: list[wire.Event], zone: str, seed: int) -> None:
    with TemporaryDirectory() as folder:
        target = asyncio.run(stored_by(events, zone, Path(folder), random.Random(seed)))
    wanted = expected(events, DAYS, zone)
    found = {
        (name, time_ns, dict(tags)["side"]): fields
        for (name, tags, time_ns), fields in target.points.items()
        if name in ("hourly", "daily")
    }
    assert found.keys() == wanted.keys()
    for key, fields in wanted.items():
        missing = {name: None for name in fields if name not in found[key]}
        told = {name: found[key].get(name) for name in fields}
        assert missing == {}, key
        assert told == pytest.approx(fields), key


@settings(max_examples=20)
@given(story, st.integers(0, 2**32))
def test_everything_stored_is_the_same_to_the_bit_in_any_order(
    events: list[wire.Event], seed: int
) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        zone = "Europe/Berlin"
        first = asyncio.run(stored_by(events, zone, Path(one), random.Random(seed)))
        second = asyncio.run(stored_by(events, zone, Path(other), random.Random(seed + 1)))
    assert first.points == second.points

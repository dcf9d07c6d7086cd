"""The worker on all stores: late data, vanished rows, another time zone, outages, two processes."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from memory_store import MemoryStore
from month import FIRST_DAY, Person, day_points, days, people, rollup_points
from servers import InfluxServer, Server

from pipeline.care.record import PatientRecord
from pipeline.config import PipelineConfig, RollupConfig, StoreConfig
from pipeline.errors import PointError, RegistryError, StoreUnavailable
from pipeline.points import Point
from pipeline.rollup.day import OF_A_DAY
from pipeline.rollup.opening import open_rollups
from pipeline.rollup.replacing import EVER, point_of
from pipeline.rollup.touched import Touched
from pipeline.rollup.worker import RollupWorker
from pipeline.store import Store

USUAL, ONE_INSOLE, *_ = people(4)
STEPS = 150
COUNT = 9
"""Days: the baseline's seven, and two with a band."""


class Records:
    """What is set for the virtual patients; a test changes it."""

    def __init__(self, *persons: Person) -> None:
        self.records = {person.patient: person.record() for person in persons}

    async def record(self, patient: str) -> PatientRecord:
        if patient not in self.records:
            raise RegistryError(f"no patient {patient!r}")
        return self.records[patient]

    async def patients(self) -> Sequence[str]:
        return list(self.records)

    def change(self, patient: str, **fields: Any) -> None:
        self.records[patient] = msgspec.structs.replace(self.records[patient], **fields)


@pytest.fixture
async def touched(tmp_path: Path) -> AsyncIterator[Touched]:
    touched = Touched(tmp_path / "touched.db")
    assert touched.lock()
    yield touched
    await touched.close()


def swinging(person: Person, count: int) -> list[Point]:
    """Days with a hundred valid swings a side at least, so that they make a baseline."""
    return [point for day in days(count) for point in day_points(person, day, 400)]


async def stored(store: Store, patient: str) -> set[tuple[Any, ...]]:
    found = [
        point_of(name, row)
        for name in OF_A_DAY
        for row in await store.read(name, patient=patient, **EVER)
    ]
    return flat(found)


def flat(points: Sequence[Point]) -> set[tuple[Any, ...]]:
    return {(p.measurement, p.tags, p.time_ns, tuple(sorted(p.fields.items()))) for p in points}


@pytest.fixture(params=["sqlite", "influx1", "influx2"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> PipelineConfig:
    store = StoreConfig(kind=request.param, path=str(tmp_path / "store.db"))
    if request.param != "sqlite":
        influx: InfluxServer = request.getfixturevalue("influx")
        influx.create("gait_rollups")
        server: Server = influx
        if request.param == "influx2":
            server = request.getfixturevalue("influx_v2")
        store = msgspec.structs.replace(store, url=server.url)
    rollups = RollupConfig(path=str(tmp_path / "r.db"), touched=str(tmp_path / "t.db"))
    return PipelineConfig(store=store, rollups=rollups)


async def test_on_every_store_a_month_comes_out_as_computed_in_memory(
    config: PipelineConfig,
) -> None:
    person, records = ONE_INSOLE, Records(ONE_INSOLE)
    points = swinging(person, COUNT)
    async with open_rollups(config, records) as rollups:
        assert rollups.touched.lock()
        for start in range(0, len(points), 700):
            await rollups.source.write(points[start : start + 700])
            await rollups.touched.take(points[start : start + 700])
        await rollups.worker.work_off()
        wanted = flat(rollup_points(points, person, COUNT))
        assert await stored(rollups.target, person.patient) >= wanted
        bands = [row for row in wanted if row[0] == "daily" and "baseline_days" in dict(row[3])]
        assert len(bands) == 2 * 2  # two days of the left foot and of both together
        # Again: nothing is written that is there already.
        await rollups.touched.add_span(person.patient, *person.record().day_span(FIRST_DAY))
        before = rollups.worker.state.points
        await rollups.worker.work_off()
        assert rollups.worker.state.points == before


async def test_on_every_store_what_vanished_is_gone(config: PipelineConfig) -> None:
    person, records = USUAL, Records(USUAL)
    start_ns, stop_ns = person.record().day_span(FIRST_DAY)
    points = [p for p in day_points(person, FIRST_DAY, STEPS) if p.time_ns < stop_ns]
    async with open_rollups(config, records) as rollups:
        rollups.touched.lock()
        await rollups.source.write(points)
        await rollups.touched.take(points)
        await rollups.worker.work_off()
        span: Any = {"patient": person.patient, "start_ns": start_ns, "stop_ns": stop_ns}
        for name in ("stride", "cue", "near_trip", "toe_drag"):
            await rollups.source.remove(name, **span)
        await rollups.touched.add_span(person.patient, start_ns, stop_ns)
        await rollups.worker.work_off()
        rows = await rollups.target.read("daily", **span)
        both = next(row for row in rows if row["side"] == "both")
        assert (both["steps"], both["heel_first_percent"]) == (0, None)
        await rollups.source.remove(None, **span)
        await rollups.touched.add_span(person.patient, start_ns, stop_ns)
        await rollups.worker.work_off()
        assert {row[0] for row in await stored(rollups.target, person.patient)} == {"programme"}


async def test_late_days_of_the_baseline_move_every_band(touched: Touched) -> None:
    person, records = USUAL, Records(USUAL)
    source, target = MemoryStore(), MemoryStore()
    worker = RollupWorker(source, target, touched, records)
    points = swinging(person, COUNT)
    late = person.record().day_span(FIRST_DAY + dt.timedelta(2))
    for came in (False, True):  # the third day arrives after all the others
        batch = [p for p in points if (late[0] <= p.time_ns < late[1]) is came]
        await source.write(batch)
        await touched.take(batch)
        await worker.work_off()
    assert await stored(target, person.patient) >= flat(rollup_points(points, person, COUNT))


async def test_a_later_baseline_takes_old_bands_away(touched: Touched) -> None:
    person, records = USUAL, Records(USUAL)
    source, target = MemoryStore(), MemoryStore()
    worker = RollupWorker(
        source, target, touched, records, patients=records.patients, now_ns=lambda: 1
    )
    points = swinging(person, COUNT)
    await source.write(points)
    await touched.take(points)
    await worker.refresh()
    await worker.work_off()

    def banded() -> int:
        return sum(
            "baseline_days" in f for (name, *_), f in target.points.items() if name == "daily"
        )

    assert banded() == 3 * 2
    since_ns = person.record().day_span(FIRST_DAY + dt.timedelta(1))[0]
    records.change(person.patient, baseline_since_ns=since_ns)
    await worker.refresh()
    assert banded() == 3 * 1
    records.change(person.patient, baseline_since_ns=since_ns + 2 * 86_400 * 10**9)
    await worker.refresh()
    assert banded() == 0


async def test_another_time_zone_moves_every_day_and_leaves_none_behind(touched: Touched) -> None:
    person, records = USUAL, Records(USUAL)
    source, target, fresh = MemoryStore(), MemoryStore(), MemoryStore()
    now_ns = person.time_ns(FIRST_DAY, 30.0)
    worker = RollupWorker(
        source, target, touched, records, patients=records.patients, now_ns=lambda: now_ns
    )
    points = day_points(person, FIRST_DAY, STEPS)
    await source.write(points)
    await touched.take(points)
    await worker.refresh()
    await worker.work_off()
    records.change(person.patient, zone="America/New_York")
    await worker.refresh()
    await worker.work_off()
    again = RollupWorker(source, fresh, touched, records)
    await touched.take(points)
    await again.work_off()
    moved = {key: f for key, f in target.points.items() if key[0] != "programme"}
    assert moved == {key: f for key, f in fresh.points.items() if key[0] != "programme"}


async def test_a_plan_has_a_row_for_every_day_also_without_events(touched: Touched) -> None:
    person, records = USUAL, Records(USUAL)
    target, now = MemoryStore(), [person.time_ns(FIRST_DAY, 12.0)]
    worker = RollupWorker(
        MemoryStore(), target, touched, records, patients=records.patients, now_ns=lambda: now[0]
    )
    for number, wanted in ((0, 1), (1, 2), (5, 6)):
        now[0] = person.time_ns(FIRST_DAY + dt.timedelta(number), 12.0)
        await worker.refresh()
        await worker.work_off()
        days_ns = {key[2] for key in target.points if key[0] == "programme"}
        begun = {at for at in days_ns if person.record().day_of(at) >= FIRST_DAY}
        assert len({at for at in begun if at <= now[0]}) == wanted


async def test_a_day_is_made_at_most_every_so_often(touched: Touched) -> None:
    clock = [0.0]
    person, records, source = USUAL, Records(USUAL), MemoryStore()
    worker = RollupWorker(source, MemoryStore(), touched, records, clock=lambda: clock[0])
    # At noon, so that no neighbouring day is touched.
    noon_ns = person.time_ns(FIRST_DAY, 12.0)
    points = [
        point
        for point in day_points(person, FIRST_DAY, STEPS)
        if abs(point.time_ns - noon_ns) < 3600 * 10**9 and point.measurement == "stride"
    ]
    for now, made in ((0.0, 1), (1.0, 1), (29.0, 1), (31.0, 2), (32.0, 2)):
        clock[0] = now
        await touched.take(points)
        while await worker.round(30.0):
            pass
        assert worker.state.days == made
    clock[0] = 70.0
    await worker.round(30.0)
    assert (worker.state.days, await touched.marks()) == (3, [])


async def test_an_outage_of_the_store_leaves_the_mark(touched: Touched) -> None:
    person, records, source = USUAL, Records(USUAL), MemoryStore()

    class Down(MemoryStore):
        is_down = True

        async def write(self, points: Sequence[Point]) -> None:
            if self.is_down:
                raise StoreUnavailable("nobody there")
            await super().write(points)

    target = Down()
    points = day_points(person, FIRST_DAY, STEPS)
    await source.write(points)
    await touched.take(points)
    worker = RollupWorker(source, target, touched, records, every_s=0.01, settle_s=0.01)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        while not worker.state.problem:  # noqa: ASYNC110 - the state has no event to wait for
            await asyncio.sleep(0.01)
        assert await touched.marks() != []
        target.is_down = False
        while await touched.marks():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert flat(rollup_points(points, person, 1)) <= await stored(target, person.patient)


async def test_a_database_that_cannot_remove_still_gets_what_is_new(touched: Touched) -> None:
    class Keeps(MemoryStore):
        async def remove(
            self, name: str | None, *, patient: str, start_ns: int, stop_ns: int
        ) -> None:
            raise StoreUnavailable("there is no deletion here", 404)

    person, records, source, target = USUAL, Records(USUAL), MemoryStore(), Keeps()
    points = day_points(person, FIRST_DAY, STEPS)
    await source.write(points)
    await touched.take(points)
    worker = RollupWorker(source, target, touched, records)
    await worker.work_off()
    source.points = {key: f for key, f in source.points.items() if key[0] != "stride"}
    await touched.take(points)
    await worker.work_off()
    assert await touched.marks() == []
    both = next(
        f for key, f in target.points.items() if key[0] == "daily" and ("side", "both") in key[1]
    )
    assert both["steps"] == 0


async def test_rows_that_nobody_can_read_hold_up_no_other_patient(touched: Touched) -> None:
    class Spoiled(MemoryStore):
        async def read(self, name: str, **more: Any) -> list[dict[str, Any]]:
            if name == "wear" and more["patient"] == USUAL.patient:
                raise PointError("wear.state holds 7: something else wrote it")
            return await super().read(name, **more)

    source, target = Spoiled(), MemoryStore()
    for person in (USUAL, ONE_INSOLE):
        points = day_points(person, FIRST_DAY, STEPS)
        await source.write(points)
        await touched.take(points)
    worker = RollupWorker(source, target, touched, Records(USUAL, ONE_INSOLE))
    with pytest.raises(PointError, match="something else wrote it"):
        await worker.work_off()
    assert {mark.patient for mark in await touched.marks()} == {USUAL.patient}
    assert flat(rollup_points(points, ONE_INSOLE, 1)) <= await stored(target, ONE_INSOLE.patient)


async def test_marks_of_a_patient_nobody_knows_are_dropped(touched: Touched) -> None:
    points = day_points(USUAL, FIRST_DAY, STEPS)
    await touched.take(points)
    target = MemoryStore()
    assert await RollupWorker(MemoryStore(), target, touched, Records()).work_off() == 0
    assert (await touched.marks(), target.points) == ([], {})


async def test_of_two_processes_one_works_and_the_other_marks(tmp_path: Path) -> None:
    points = day_points(USUAL, FIRST_DAY, STEPS)
    first, second = Touched(tmp_path / "t.db"), Touched(tmp_path / "t.db")
    assert first.lock()
    assert not second.lock()
    await second.take(points)
    marks = await first.marks()
    first.begin(marks)
    await second.take(points)  # while the first computes: it must not be forgotten
    await first.done(marks)
    assert {(m.patient, m.hour) for m in await first.marks()} == {(m[0], m[1]) for m in marks}
    await first.close()
    assert second.lock()
    await second.close()


async def test_what_is_marked_already_is_not_written_again(touched: Touched) -> None:
    points = day_points(USUAL, FIRST_DAY, STEPS)
    for _ in range(3):
        await touched.take(points)
    marks = await touched.marks()
    assert {mark.times for mark in marks} == {1}
    touched.begin(marks)
    await touched.take(points)
    assert {mark.times for mark in await touched.marks()} == {2}


async def test_points_without_a_part_in_rollups_mark_nothing(touched: Touched) -> None:
    others = ("status", "alert", "acknowledge", "habit", "wearing", "toe_drag", "practice")
    points = [p for p in day_points(USUAL, FIRST_DAY, STEPS) if p.measurement in others]
    assert {point.measurement for point in points} >= {"status", "habit"}
    await touched.take(points)
    assert await touched.marks() == []


async def test_an_erased_patient_leaves_no_mark(touched: Touched) -> None:
    await touched.take(day_points(USUAL, FIRST_DAY, STEPS))
    await touched.set_basis(USUAL.patient, "{}")
    await touched.forget(USUAL.patient)
    assert (await touched.marks(), await touched.basis(USUAL.patient)) == ([], None)

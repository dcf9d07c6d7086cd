"""Every stride carries its orthosis, whenever it was said; marks follow the record."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gait_device import BASE_NS, Device, batches, strides, until
from hypothesis import given
from hypothesis import settings as settings_
from hypothesis import strategies as st
from servers import InfluxServer, Server

from edge import wire
from pipeline.care.care import Care
from pipeline.care.edits import add_note
from pipeline.care.orthoses import place_span, remove_span
from pipeline.care.record import Span
from pipeline.care.strides import Orthoses
from pipeline.care.worker import CareWorker, marks
from pipeline.config import PipelineConfig, StoreConfig
from pipeline.errors import StoreUnavailable
from pipeline.ingest import Ingest
from pipeline.link import MqttLink
from pipeline.points import Point, event_point
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore
from pipeline.store import Store, open_store

ALWAYS: dict[str, Any] = {"start_ns": 0, "stop_ns": 2**62}
SECOND = 10**9
HOUR = 3600 * SECOND
NOW_NS = BASE_NS + 10 * 24 * HOUR


@pytest.fixture
async def care(settings: PipelineConfig) -> AsyncIterator[Care]:
    care = Care(settings.registry.path, now_ns=lambda: NOW_NS)
    yield care
    await care.close()


@pytest.fixture(params=["sqlite", "influx1"])
async def either(request: pytest.FixtureRequest, settings: PipelineConfig) -> AsyncIterator[Store]:
    """Both kinds of store."""
    config = settings.store
    if request.param == "influx1":
        influx: InfluxServer = request.getfixturevalue("influx")
        config = StoreConfig(kind="influx1", url=influx.url)
    store = open_store(config)
    yield store
    await store.close()


def span(orthosis: wire.Orthosis, first: int, last: int | None, side: Any = None) -> Span:
    """A span over the strides with these numbers."""
    until_ns = None if last is None else BASE_NS + last * SECOND + 1
    return Span(orthosis=orthosis, since_ns=BASE_NS + first * SECOND, until_ns=until_ns, side=side)


async def said(care: Care, patient: str, *spans: Span) -> None:
    for each in spans:
        await care.change(patient, lambda record, each=each: place_span(record, each))  # type: ignore[misc] # one span


async def orthoses(store: Store, patient: str) -> list[str | None]:
    return [row["orthosis"] for row in await store.read("stride", patient=patient, **ALWAYS)]


def points(patient: str, count: int = 10) -> list[Point]:
    return [event_point(event, "insole-1", patient) for event in strides(count)]


@asynccontextmanager
async def ingesting(
    settings: PipelineConfig, store: Store, registry: Registry, care: Care
) -> AsyncIterator[Ingest]:
    marking = Orthoses(care)
    link = MqttLink(settings.broker)
    ingest = Ingest(settings, store, registry, link, companions=[marking], annotator=marking)
    running = asyncio.create_task(ingest.run())
    try:
        await until(lambda: ingest.state.connected)
        yield ingest
    finally:
        ingest.stop()
        await running


async def test_a_stride_carries_its_orthosis_and_the_patients_word_counts(
    settings: PipelineConfig,
    store: SqliteStore,
    registry: Registry,
    care: Care,
    patient: str,
    mosquitto: Server,
) -> None:
    await said(care, patient, span("afo", 3, 5))
    word = wire.Wearing(seq=7, time_ns=BASE_NS + 7 * SECOND, side="left", orthosis="fes")
    events = [*strides(6), word, *strides(3, first=8)]
    async with (
        ingesting(settings, store, registry, care),
        Device(mosquitto.port) as device,
    ):
        await device.send(next(batches(events)))
        await device.wait_receipts(events)
        assert await orthoses(store, patient) == [None, None, *["afo"] * 3, None, *["fes"] * 3]
        revision = (await care.record(patient)).revision
        await device.send(next(batches(events)))  # again, as after a lost receipt
        await until(lambda: len(device.receipted) == len(events))
    record = await care.record(patient)
    assert [(worn.orthosis, worn.side) for worn in record.wearings] == [("fes", "left")]
    assert record.revision == revision


async def test_what_is_said_while_strides_are_stored_reaches_them(
    settings: PipelineConfig,
    store: SqliteStore,
    registry: Registry,
    care: Care,
    patient: str,
    mosquitto: Server,
) -> None:
    class Slow:
        """Lets another process speak in the middle of the first write."""

        writes = 0

        async def write(self, points: Sequence[Point]) -> None:
            self.writes += 1
            if self.writes == 1:
                other = Care(settings.registry.path)
                await said(other, patient, span("afo", 1, None))
                await other.close()
            await store.write(points)

    events = strides(5)
    slow = Slow()
    async with (
        ingesting(settings, slow, registry, care),  # type: ignore[arg-type] # enough of a Store
        Device(mosquitto.port) as device,
    ):
        await device.send(next(batches(events)))
        await device.wait_receipts(events)
    assert slow.writes == 2
    assert await orthoses(store, patient) == ["afo"] * 5


async def test_a_changed_span_reaches_stored_strides(
    either: Store, care: Care, patient: str, tmp_path: Any
) -> None:
    told: list[tuple[str, int, int]] = []

    async def tell(*what: Any) -> None:
        told.append(what)

    rollups = SqliteStore(tmp_path / "rollups.db")
    worker = CareWorker(care, either, rollups, on_rewritten=tell, now_ns=lambda: NOW_NS)
    await either.write(points(patient))
    await said(care, patient, span("afo", 4, 6))
    await worker.catch_up()
    assert await orthoses(either, patient) == [*[None] * 3, *["afo"] * 3, *[None] * 4]
    assert told == [(patient, BASE_NS + 4 * SECOND, BASE_NS + 6 * SECOND + 1)]
    await said(care, patient, span("afo", 4, None), span("fes", 9, None))
    await worker.catch_up()
    assert await orthoses(either, patient) == [*[None] * 3, *["afo"] * 5, *["fes"] * 2]
    await care.change(patient, lambda record: remove_span(record, BASE_NS + 4 * SECOND, None))
    await worker.catch_up()
    assert await orthoses(either, patient) == [*[None] * 8, *["fes"] * 2]
    assert await care.rewrites() == []
    rows = await either.read("stride", patient=patient, **ALWAYS)
    assert all(row["stride_s"] > 1 for row in rows)  # the rest of each stride stays
    await rollups.close()


@settings_(max_examples=30)
@given(st.integers(0, 30), st.integers(1, 6))
async def test_stopped_anywhere_it_goes_on_to_the_same_end(tmp_path_factory, stop_at, days):
    """The store fails once, at any call; every stretch with strides is told of all the same."""
    folder = tmp_path_factory.mktemp("stopped")
    registry = Registry(folder / "registry.db")
    patient = await registry.add_patient()
    store = SqliteStore(folder / "store.db")
    stored = [
        Point("stride", point.tags, point.fields, BASE_NS + number * days * 6 * HOUR)
        for number, point in enumerate(points(patient, 8))
    ]
    await store.write(stored)

    class Failing:
        calls = 0

        async def write(self, points: Sequence[Point]) -> None:
            self.fail()
            await store.write(points)

        async def read(self, *what: Any, **more: Any) -> list[dict[str, Any]]:
            self.fail()
            return await store.read(*what, **more)

        def fail(self) -> None:
            self.calls += 1
            if self.calls == stop_at:
                raise StoreUnavailable("down")

    told: list[tuple[int, int]] = []
    failing = Failing()

    async def tell(_: str, start_ns: int, stop_ns: int) -> None:
        failing.fail()
        told.append((start_ns, stop_ns))

    now_ns = stored[-1].time_ns + HOUR
    care = Care(folder / "registry.db", now_ns=lambda: now_ns)
    rollups = SqliteStore(folder / "rollups.db")
    worker = CareWorker(care, failing, rollups, on_rewritten=tell, now_ns=lambda: now_ns)  # type: ignore[arg-type] # enough of a Store
    await said(care, patient, Span(orthosis="afo", since_ns=BASE_NS - 100 * HOUR))
    for _ in range(2):
        try:
            await worker.catch_up()
        except StoreUnavailable:
            continue
    assert await orthoses(store, patient) == ["afo"] * 8
    assert await care.rewrites() == []
    for point in stored:
        assert any(start <= point.time_ns < stop for start, stop in told)
    for each in (registry, store, care, rollups):
        await each.close()


async def test_an_empty_past_is_gone_through_in_few_steps(
    store: SqliteStore, care: Care, patient: str
) -> None:
    class Counting:
        reads = 0

        async def read(self, *what: Any, **more: Any) -> list[dict[str, Any]]:
            self.reads += 1
            return []

    empty = Counting()
    worker = CareWorker(care, empty, store, now_ns=lambda: NOW_NS)  # type: ignore[arg-type] # enough of a Store
    await said(care, patient, Span(orthosis="afo", since_ns=NOW_NS - 365 * 24 * HOUR))
    await worker.catch_up()
    assert empty.reads < 200


# -- marks --------------------------------------------------------------------------------------


async def test_marks_follow_the_record(either: Store, care: Care, patient: str) -> None:
    worker = CareWorker(care, either, either, now_ns=lambda: NOW_NS)
    await said(care, patient, span("afo", 1, 5), span("fes", 6, None))
    await care.change(patient, lambda record: add_note(record, "a new shoe, it fits", BASE_NS))
    await worker.catch_up()
    rows = await either.read("mark", patient=patient, **ALWAYS)
    assert [(row["time_ns"], row["what"], row["title"]) for row in rows] == [
        (BASE_NS, "note", "note"),
        (BASE_NS + SECOND, "orthosis", "brace (AFO)"),
        (BASE_NS + 6 * SECOND, "orthosis", "stimulator (FES)"),
    ]
    assert rows[0]["text"] == "a new shoe, it fits"
    await care.change(patient, lambda record: remove_span(record, BASE_NS + SECOND, None))
    await worker.catch_up()
    rows = await either.read("mark", patient=patient, **ALWAYS)
    assert [row["title"] for row in rows] == ["note", "stimulator (FES)"]
    assert await care.unmarked() == []
    assert [point.time_ns for point in marks(await care.record(patient))] == [
        row["time_ns"] for row in rows
    ]


async def test_a_database_that_cannot_remove_gets_blank_marks(
    store: SqliteStore, care: Care, patient: str
) -> None:
    class Keeping(SqliteStore):
        async def remove(self, *what: Any, **more: Any) -> None:
            raise StoreUnavailable("no deletion here", 501)

    keeping = Keeping(store._database.path)
    worker = CareWorker(care, store, keeping, now_ns=lambda: NOW_NS)
    await said(care, patient, span("afo", 1, 5))
    await worker.catch_up()
    await care.change(patient, lambda record: remove_span(record, BASE_NS + SECOND, None))
    await worker.catch_up()
    (row,) = await keeping.read("mark", patient=patient, **ALWAYS)
    assert (row["what"], row["title"], row["text"]) == (None, None, None)
    await keeping.close()


async def test_the_worker_runs_until_stopped_and_waits_for_a_store(
    store: SqliteStore, care: Care, patient: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Down(SqliteStore):
        down = True

        async def read(self, *what: Any, **more: Any) -> list[dict[str, Any]]:
            if self.down:
                raise StoreUnavailable("the store is down")
            return await super().read(*what, **more)

    down = Down(store._database.path)
    worker = CareWorker(care, down, down, poll_s=0.01, now_ns=lambda: NOW_NS)
    await store.write(points(patient))
    running = asyncio.create_task(worker.run())
    await said(care, patient, span("afo", 1, None))
    await until(lambda: "the store is down" in caplog.text)
    down.down = False
    await until(lambda: worker.rewritten == 10)
    worker.stop()
    await running
    assert caplog.text.count("later: the store is down") == 1
    await down.close()

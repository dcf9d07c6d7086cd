"""The ingester over a real broker: receipts, quarantine, dead letters, outages."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from gait_device import BASE_NS, BOOT, Device, batches, one_of_each, strides, until
from servers import InfluxServer, Server

from edge import wire
from pipeline import link
from pipeline.config import PipelineConfig, StoreConfig
from pipeline.errors import Refusal, StoreRefused, StoreUnavailable
from pipeline.ingest import Ingest
from pipeline.points import Point
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore
from pipeline.store import open_store

RunIngest = Callable[..., AbstractAsyncContextManager[Ingest]]
ALWAYS: dict[str, Any] = {"start_ns": 0, "stop_ns": 2**62}


class Faulty:
    """A store that fails as `plan` says before it passes a write on to a real one."""

    def __init__(self, store: SqliteStore, plan: Callable[[int], Exception | None]) -> None:
        self.store = store
        self.plan = plan
        self.writes = 0

    async def write(self, points: Sequence[Point]) -> None:
        self.writes += 1
        if error := self.plan(self.writes):
            raise error
        await self.store.write(points)


def letters(settings: PipelineConfig, kind: str) -> list[dict[str, Any]]:
    path = Path(settings.deadletter.path) / f"{kind}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_events_are_stored_then_receipted(
    ingesting: RunIngest,
    store: SqliteStore,
    patient: str,
    settings: PipelineConfig,
    mosquitto: Server,
    protocol: str,
) -> None:
    broker = msgspec.structs.replace(settings.broker, protocol=protocol)
    config = msgspec.structs.replace(settings, broker=broker)
    events = strides(500)
    async with ingesting(store, config) as ingest, Device(mosquitto.port) as device:
        for batch in batches(events):
            await device.send(batch)
        await device.wait_receipts(events)
        await until(lambda: ingest.state.receipted == 500)  # counted when the broker has them
        assert (ingest.state.received, ingest.state.stored) == (500, 500)
    rows = await store.read("stride", patient=patient, **ALWAYS)
    assert [row["time_ns"] for row in rows] == [event.time_ns for event in events]


async def test_every_kind_arrives(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    events = one_of_each()
    async with ingesting(store), Device(mosquitto.port) as device:
        await device.send(next(batches(events)))
        await device.wait_receipts(events)
    for event in events:
        kind = str(event.__struct_config__.tag)
        assert len(await store.read(kind, patient=patient, **ALWAYS)) == 1, kind


async def test_no_receipt_while_the_store_does_not_take_it(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    down = True
    faulty = Faulty(store, lambda _: StoreUnavailable("down", 503) if down else None)
    events = strides(20)
    async with ingesting(faulty) as ingest, Device(mosquitto.port) as device:
        await device.send(next(batches(events)))
        await until(lambda: faulty.writes >= 3)
        assert not device.receipted
        assert ingest.state.stored == 0
        assert ingest.state.problem == "down"
        down = False
        await device.wait_receipts(events)
        assert ingest.state.stored == 20
        assert ingest.state.problem == ""


async def test_what_was_not_stored_is_not_acknowledged_to_the_broker(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    broken = Faulty(store, lambda _: StoreUnavailable("down"))
    events = strides(20)
    async with Device(mosquitto.port) as device:
        async with ingesting(broken):
            await device.send(next(batches(events)))
            await until(lambda: broken.writes >= 1)
        async with ingesting(store):  # the broker still has it: nobody sends it again
            await device.wait_receipts(events)


async def test_a_server_that_asks_to_wait_is_waited_for(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    times: list[float] = []

    def plan(number: int) -> Exception | None:
        times.append(time.monotonic())
        return StoreUnavailable("slow down", 429, retry_after_s=1.5) if number == 1 else None

    events = strides(1)
    async with ingesting(Faulty(store, plan)), Device(mosquitto.port) as device:
        await device.send(next(batches(events)))
        await device.wait_receipts(events)
    assert times[1] - times[0] >= 1.5


async def test_refused_for_good_is_kept_as_a_dead_letter_and_receipted(
    ingesting: RunIngest,
    store: SqliteStore,
    patient: str,
    settings: PipelineConfig,
    mosquitto: Server,
) -> None:
    class Refusing(Faulty):
        async def write(self, points: Sequence[Point]) -> None:
            bad = [point for point in points if point.fields["strike"] == "toe"]
            await self.store.write([point for point in points if point not in bad])
            if bad:
                raise StoreRefused([Refusal(point, "no toes") for point in bad])

    events = strides(30)
    async with ingesting(Refusing(store, lambda _: None)) as ingest, Device(mosquitto.port) as dev:
        await dev.send(next(batches(events)))
        await dev.wait_receipts(events)
        assert (ingest.state.stored, ingest.state.refused) == (20, 10)
    kept = letters(settings, "refused")
    assert len(kept) == 10
    assert {letter["reason"] for letter in kept} == {"no toes"}
    assert {letter["event"]["strike"] for letter in kept} == {"toe"}
    assert {letter["point"]["measurement"] for letter in kept} == {"stride"}


async def test_a_dead_letter_that_cannot_be_kept_is_not_receipted(
    ingesting: RunIngest,
    store: SqliteStore,
    patient: str,
    settings: PipelineConfig,
    mosquitto: Server,
) -> None:
    obstacle = Path(settings.deadletter.path)
    await asyncio.to_thread(obstacle.write_text, "a file where the folder should be")
    event = wire.Wear(seq=1, time_ns=0, state="off")
    async with ingesting(store) as ingest, Device(mosquitto.port) as device:
        await device.send(wire.Batch(device="insole-1", boot=BOOT, events=(event,)))
        await until(lambda: ingest.state.problem != "")
        assert not device.receipted
        await asyncio.to_thread(obstacle.unlink)
        await device.wait_receipts([event])
        assert ingest.state.refused == 1


@pytest.mark.parametrize("time_ns", [0, 900_000_000 * 10**9, 2**63 - 1])
async def test_impossible_times_are_dead_letters(
    ingesting: RunIngest,
    store: SqliteStore,
    patient: str,
    settings: PipelineConfig,
    mosquitto: Server,
    time_ns: int,
) -> None:
    event = wire.Wear(seq=1, time_ns=time_ns, state="off")
    async with ingesting(store), Device(mosquitto.port) as device:
        await device.send(wire.Batch(device="insole-1", boot=BOOT, events=(event,)))
        await device.wait_receipts([event])
    (letter,) = letters(settings, "refused")
    assert letter["event"]["time_ns"] == time_ns
    assert await store.read("wear", start_ns=0, stop_ns=2**63 - 1) == []


async def test_an_unknown_device_waits_in_quarantine_until_it_is_assigned(
    ingesting: RunIngest,
    store: SqliteStore,
    registry: Registry,
    settings: PipelineConfig,
    mosquitto: Server,
) -> None:
    events = strides(700)
    async with ingesting(store) as ingest, Device(mosquitto.port, "new-1") as device:
        for batch in batches(events, "new-1"):
            await device.send(batch)
        await device.wait_receipts(events)
        assert ingest.state.quarantined == 700
        assert await store.read("stride", **ALWAYS) == []

        other = Registry(settings.registry.path)  # as another process: heelfirst patients add
        patient = await other.add_patient()
        await other.assign("new-1", patient)
        await until(lambda: ingest.state.stored == 700)
        assert len(await store.read("stride", patient=patient, **ALWAYS)) == 700
    assert await other.quarantined() == {}
    await other.close()


async def test_a_full_quarantine_leaves_events_at_their_device(
    ingesting: RunIngest,
    store: SqliteStore,
    registry: Registry,
    mosquitto: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_cap", 10)
    first, second = strides(10), strides(5, first=11)
    async with ingesting(store) as ingest, Device(mosquitto.port, "new-1") as device:
        await device.send(next(batches(first, "new-1")))
        await device.wait_receipts(first)
        await device.send(next(batches(second, "new-1")))
        await until(lambda: ingest.state.held_back == 5)
        assert len(device.receipted) == 10
    assert await registry.quarantined() == {"new-1": 10}


async def test_a_device_that_is_handed_over_writes_by_event_time(
    ingesting: RunIngest,
    store: SqliteStore,
    registry: Registry,
    patient: str,
    mosquitto: Server,
) -> None:
    second = await registry.add_patient()
    await registry.assign("insole-1", second, since_ns=BASE_NS + 6 * 10**9)
    events = strides(10)
    async with ingesting(store), Device(mosquitto.port) as device:
        await device.send(next(batches(events)))
        await device.wait_receipts(events)
    assert len(await store.read("stride", patient=patient, **ALWAYS)) == 5
    assert len(await store.read("stride", patient=second, **ALWAYS)) == 5


GOOD = wire.encode(next(batches(strides(1))))


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("heelfirst/v1/insole-1/events", b""),
        ("heelfirst/v1/insole-1/events", b"\x00\xff\xfe"),
        ("heelfirst/v1/insole-1/events", b"{" * 5000),
        ("heelfirst/v1/insole-1/events", b"[" * 70_000),
        ("heelfirst/v1/insole-1/events", GOOD.replace(b'"version":1', b'"version":2')),
        ("heelfirst/v1/insole-1/events", GOOD.replace(b'"stride_s":1.001', b'"stride_s":NaN')),
        ("heelfirst/v1/insole-2/events", GOOD),
        ("heelfirst/v1/INSOLE/events", GOOD),
        ("heelfirst/v1/insole-1/status", GOOD),
    ],
)
async def test_malformed_messages_are_counted_kept_and_harm_nothing(
    ingesting: RunIngest,
    store: SqliteStore,
    patient: str,
    settings: PipelineConfig,
    mosquitto: Server,
    topic: str,
    payload: bytes,
) -> None:
    events = strides(3)
    async with ingesting(store) as ingest, Device(mosquitto.port) as device:
        await device.send_bytes(topic, payload)
        await device.send(next(batches(events)))
        await device.wait_receipts(events)
        assert (ingest.state.malformed, ingest.state.stored) == (1, 3)
    (letter,) = letters(settings, "malformed")
    assert letter["topic"] == topic
    assert letter["bytes"] == len(payload)
    assert len(letter["payload"]) <= 4 * 512


async def test_status_is_stored_with_its_patient(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    now = time.time_ns()
    status = wire.Status(device="insole-1", boot=BOOT, online=True, time_ns=now, waiting=4)
    will = wire.Status(device="insole-1", boot=BOOT, online=False)
    topic = wire.topic("insole-1", "status")
    events = strides(1)
    async with ingesting(store), Device(mosquitto.port) as device:
        await device.send_bytes(topic, wire.encode(status), retain=True)
        await device.send_bytes(topic, wire.encode(will), retain=True)
        await device.send(next(batches(events)))
        await device.wait_receipts(events)
    online, offline = await store.read("status", patient=patient, **ALWAYS)
    assert (online["time_ns"], online["online"], online["waiting"]) == (now, True, 4)
    assert (offline["online"], offline["waiting"]) == (False, None)
    assert offline["time_ns"] >= now


async def test_a_killed_broker_is_found_again_and_nothing_is_lost(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    events = strides(400)
    parts = list(batches(events))
    async with ingesting(store) as ingest:
        async with Device(mosquitto.port) as device:
            for batch in parts[:4]:
                await device.send(batch)
            mosquitto.kill()
            seen = set(device.receipted)
        await until(lambda: not ingest.state.connected)
        mosquitto.start()
        await until(lambda: ingest.state.connected)
        async with Device(mosquitto.port) as device:
            for batch in parts:  # an agent sends again what it has no receipt for
                if not {(BOOT, event.seq) for event in batch.events} <= seen:
                    await device.send(batch)
            device.receipted |= seen
            await device.wait_receipts(events)
        assert ingest.state.reconnections >= 1
    assert len(await store.read("stride", patient=patient, **ALWAYS)) == 400


@pytest.mark.parametrize("kind", ["influx1", "influx2"])
async def test_a_database_killed_in_the_middle_loses_and_doubles_nothing(
    ingesting: RunIngest,
    patient: str,
    mosquitto: Server,
    influx: InfluxServer,
    influx_v2: Server,
    kind: str,
) -> None:
    url = influx.url if kind == "influx1" else influx_v2.url
    store = open_store(StoreConfig(kind=kind, url=url))  # type: ignore[arg-type] # parametrised
    events = strides(600)
    parts = list(batches(events, size=10))
    async with ingesting(store) as ingest, Device(mosquitto.port) as device:
        for batch in parts[:30]:
            await device.send(batch)
        influx.kill()
        for batch in parts[30:]:
            await device.send(batch)
        await until(lambda: ingest.state.problem != "")
        assert len(device.receipted) < 600
        influx.start()
        await device.wait_receipts(events)
    rows = await store.read("stride", patient=patient, **ALWAYS)
    assert [row["time_ns"] for row in rows] == [event.time_ns for event in events]
    await store.close()


async def test_what_comes_while_the_pipeline_is_away_waits_at_the_broker(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    events = strides(100)
    async with Device(mosquitto.port) as device:
        async with ingesting(store):
            pass
        for batch in batches(events):
            await device.send(batch)
        async with ingesting(store):
            await device.wait_receipts(events)


async def test_more_than_a_session_can_hold_is_asked_for_again(
    ingesting: RunIngest,
    store: SqliteStore,
    patient: str,
    settings: PipelineConfig,
    mosquitto: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "_QUEUED_BYTES", 40_000)
    events = strides(2000)
    async with Device(mosquitto.port) as device:
        async with ingesting(store):
            pass
        for batch in batches(events):
            await device.send(batch)
        async with ingesting(store) as ingest:
            await device.wait_receipts(events, timeout_s=60)
            assert ingest.state.reconnections >= 1
    assert len(await store.read("stride", patient=patient, **ALWAYS)) == 2000


async def test_workers_of_a_share_group_divide_the_work(
    ingesting: RunIngest,
    store: SqliteStore,
    patient: str,
    settings: PipelineConfig,
    mosquitto: Server,
) -> None:
    def worker(name: str) -> PipelineConfig:
        broker = msgspec.structs.replace(settings.broker, client_id=name, share_group="ingest")
        return msgspec.structs.replace(settings, broker=broker)

    events = strides(200)
    async with (
        ingesting(store, worker("one")) as one,
        ingesting(store, worker("two")) as two,
        Device(mosquitto.port) as device,
    ):
        for batch in batches(events, size=5):
            await device.send(batch)
        await device.wait_receipts(events)
        assert one.state.stored + two.state.stored == 200
        assert min(one.state.stored, two.state.stored) > 0
    assert len(await store.read("stride", patient=patient, **ALWAYS)) == 200


async def test_duplicates_and_disorder_change_nothing(
    ingesting: RunIngest, store: SqliteStore, patient: str, mosquitto: Server
) -> None:
    events = strides(100)
    parts = list(batches(events, size=10))
    async with ingesting(store), Device(mosquitto.port) as device:
        for batch in [*parts[::-1], *parts[3:], *parts[:2]]:
            await device.send(batch)
        await device.wait_receipts(events)
    rows = await store.read("stride", patient=patient, **ALWAYS)
    assert [row["time_ns"] for row in rows] == [event.time_ns for event in events]


async def test_a_defect_in_the_code_is_not_swallowed(
    settings: PipelineConfig, registry: Registry, store: SqliteStore
) -> None:
    class Broken:
        def connect(self) -> NoReturn:
            raise ZeroDivisionError

    ingest = Ingest(settings, store, registry, Broken())
    with pytest.raises(ZeroDivisionError):
        await ingest.run()

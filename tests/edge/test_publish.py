"""The publisher against a real broker, and its rules against a simulated one."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from edge_tools import SECOND, WALL_NS, collecting, stride, until
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.config import BrokerConfig
from edge.link import LinkError, MqttConnector, Will
from edge.outbox import Outbox
from edge.publish import Publisher, PublishSettings, next_delay
from edge.service import InlineWorker, OutboxService
from hw.clock import VirtualClock

QUICK = PublishSettings(receipt_s=0.5, receipt_max_s=1.0, retry_min_s=0.1, retry_max_s=0.4)


@asynccontextmanager
async def publishing(
    port: int, folder: Path, settings: PublishSettings = QUICK, protocol: str = "5"
) -> AsyncIterator[tuple[Publisher, OutboxService, Outbox]]:
    """A publisher over a real broker, stopped at the end."""
    outbox = Outbox(folder / "outbox.db", clock_name="test")
    outbox.stamp(WALL_NS)
    service = OutboxService(outbox)
    config = BrokerConfig(port=port, protocol=protocol)  # type: ignore[arg-type]  # a literal
    publisher = Publisher(
        "test-1", service, MqttConnector(config, "test-1"), settings=settings, version="1.2.3"
    )
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher, service, outbox
    finally:
        publisher.stop(2.0)
        await asyncio.wait_for(task, 10)
        await service.close()


async def settled(service: OutboxService) -> None:
    """Wait until every receipt has come and its row is gone."""
    for _ in range(500):
        await service.commit()
        if service.waiting == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{service.waiting} events without a receipt")


def strides(first: int, count: int) -> list[wire.Event]:
    return [stride(first + index) for index in range(count)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_events_arrive_and_leave_the_outbox_on_receipts(mosquitto, tmp_path, protocol):
    async with (
        collecting(mosquitto.port) as pipeline,
        publishing(mosquitto.port, tmp_path, protocol=protocol) as (publisher, service, _),
    ):
        await service.commit(strides(0, 700))
        publisher.wake()
        await until(lambda: len(pipeline.events) == 700)
        await settled(service)
    times = sorted(event.time_ns for event in pipeline.events.values())
    assert times == [WALL_NS + second * SECOND for second in range(700)]


async def test_broker_acknowledgement_alone_deletes_nothing(mosquitto, tmp_path):
    async with (
        collecting(mosquitto.port, receipts=False) as pipeline,
        publishing(mosquitto.port, tmp_path) as (publisher, service, outbox),
    ):
        await service.commit(strides(0, 5))
        publisher.wake()
        await until(lambda: pipeline.messages >= 3)
        await service.commit()
        assert outbox.waiting == 5
        assert publisher.state.resent_batches >= 2
        pipeline.receipts = True
        await until(lambda: service.has_work)
    assert outbox.waiting == 0


@pytest.mark.parametrize("times", [1, 3])
async def test_broker_killed_in_the_middle_loses_nothing(mosquitto, tmp_path, times):
    async with (
        collecting(mosquitto.port) as pipeline,
        publishing(mosquitto.port, tmp_path) as (publisher, service, _),
    ):
        committed = 0
        for _ in range(times):
            for _ in range(20):
                await service.commit(strides(committed, 10))
                committed += 10
                publisher.wake()
            mosquitto.kill()
            await service.commit(strides(committed, 10))
            committed += 10
            publisher.wake()
            await until(lambda: not publisher.state.connected)
            for path in mosquitto.folder.glob("*.db"):
                path.unlink()
            mosquitto.start()
            await until(lambda: publisher.state.connected)
        await until(lambda: len(pipeline.events) == committed)
        await settled(service)
    assert {seq for _, seq in pipeline.events} == set(range(1, committed + 1))


async def retained_status(port: int) -> wire.Status:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(wire.topic("test-1", "status"), qos=1)
        async for message in client.messages:
            assert message.retain
            assert isinstance(message.payload, bytes)
            return wire.decode(message.payload, wire.Status)
    raise AssertionError("no status")


async def test_status_is_retained_and_a_clean_end_says_goodbye(mosquitto, tmp_path):
    async with publishing(mosquitto.port, tmp_path) as (publisher, service, _):
        await until(lambda: publisher.state.connected)
        status = await retained_status(mosquitto.port)
        assert (status.online, status.boot, status.agent_version) == (True, service.boot, "1.2.3")
    assert not (await retained_status(mosquitto.port)).online


async def test_last_will_is_seen_when_the_connection_breaks(mosquitto, tmp_path):
    async with collecting(mosquitto.port, receipts=False) as pipeline:
        connector = MqttConnector(BrokerConfig(port=mosquitto.port), "test-1")
        offline = wire.Status(device="test-1", boot="0" * 16, online=False)
        will = Will(wire.topic("test-1", "status"), wire.encode(offline))
        async with connector.connect(will, []) as link:
            socket = link._client._client.socket()  # type: ignore[attr-defined]  # to break it
            await asyncio.sleep(0.1)
            socket.shutdown(2)
            await until(lambda: offline in pipeline.statuses)


async def test_broker_that_is_not_there_is_tried_again(mosquitto, tmp_path):
    mosquitto.stop()
    async with publishing(mosquitto.port, tmp_path) as (publisher, _, _):
        await until(lambda: bool(publisher.state.last_error))
        assert "heelfirst doctor" in publisher.state.last_error
        mosquitto.start()
        await until(lambda: publisher.state.connected)


async def test_nonsense_on_the_receipt_topic_is_counted_and_harms_nothing(mosquitto, tmp_path):
    async with publishing(mosquitto.port, tmp_path) as (publisher, service, outbox):
        await until(lambda: publisher.state.connected)
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            for payload in (b"", b"{}", b"\xff\xfe", b'{"version":9}', b"x" * 100_000):
                await client.publish(wire.topic("test-1", "receipt"), payload, qos=1)
        await until(lambda: publisher.state.refused_messages == 5)
        await service.commit(strides(0, 1))
        assert outbox.waiting == 1
        assert publisher.state.connections == 1


# -- rules, on a simulated broker and clock -----------------------------------------------------


class SimulatedBroker:
    """Records what is published; each connection can be broken by the test."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, wire.Batch]] = []
        self.incoming: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self.connections = 0
        self.refuse = False
        self.clock = VirtualClock()

    @asynccontextmanager
    async def connect(
        self, will: Will | None, topics: Sequence[str]
    ) -> AsyncIterator["SimulatedBroker"]:
        self.connections += 1
        if self.refuse:
            raise LinkError("simulated:1883", "refused")
        yield self

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        if topic.endswith("/events"):
            batch = wire.decode(payload, wire.Batch)
            self.batches.append((self.clock.monotonic_ns() // SECOND, batch))

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        while (message := await self.incoming.get()) is not None:
            yield message
        raise LinkError("simulated:1883", "broken by the test")

    def answer(self, batch: wire.Batch) -> None:
        """Send the pipeline's receipt for a batch."""
        ranges = tuple((event.seq, event.seq) for event in batch.events)
        receipt = wire.Receipt(boot=batch.boot, ranges=ranges)
        self.incoming.put_nowait((wire.topic("sim", "receipt"), wire.encode(receipt)))


@asynccontextmanager
async def simulated(
    folder: Path, before: int = 0
) -> AsyncIterator[tuple[SimulatedBroker, Publisher, OutboxService]]:
    broker = SimulatedBroker()
    outbox = Outbox(folder / "outbox.db")
    outbox.stamp(WALL_NS)
    outbox.commit(strides(0, before))
    service = OutboxService(outbox, InlineWorker())
    publisher = Publisher("sim", service, broker, clock=broker.clock, rng=random.Random(1))
    task = asyncio.create_task(publisher.run())
    try:
        yield broker, publisher, service
    finally:
        publisher.stop(0.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await service.close()


async def test_nobody_answering_is_tried_ever_more_rarely_with_one_batch(tmp_path):
    async with simulated(tmp_path, before=2000) as (broker, publisher, _):
        await broker.clock.sleep(3600)
        first = [second for second, _ in broker.batches if second < 5]
        assert len(first) == publisher._settings.window - publisher._settings.live_window
        retries = [second for second, _ in broker.batches if second >= 25]
        assert 3600 / 31 - 3 <= len(retries) <= 3600 / 30 + 2


async def test_first_receipt_brings_the_others_at_once(tmp_path):
    async with simulated(tmp_path, before=1200) as (broker, _, service):
        await broker.clock.sleep(600)
        begin = len(broker.batches)
        answered = broker.batches[0][1]
        broker.answer(answered)
        await broker.clock.sleep(2)
        again = {batch.events[0].seq for _, batch in broker.batches[begin:]}
        under_way = {batch.events[0].seq for _, batch in broker.batches[1:6]}
        assert under_way <= again
        await service.commit()
        assert service.waiting == 1200 - len(answered.events)


async def test_new_events_go_before_a_backlog(tmp_path):
    async with simulated(tmp_path, before=50_000) as (broker, publisher, service):
        await broker.clock.sleep(1.5)
        new = wire.ToeDrag(seq=1, time_ns=60_000 * SECOND, side="left", drag="scuff")
        await service.commit([new])
        publisher.wake()
        await broker.clock.sleep(0.5)
        assert isinstance(broker.batches[-1][1].events[0], wire.ToeDrag)


async def test_everything_without_receipt_is_sent_again_on_a_new_connection(tmp_path):
    async with simulated(tmp_path, before=300) as (broker, publisher, _):
        await broker.clock.sleep(2)
        answered = broker.batches[0][1]
        broker.answer(answered)
        await broker.clock.sleep(2)
        broker.incoming.put_nowait(None)
        begin = len(broker.batches)
        await broker.clock.sleep(10)
        assert publisher.state.connections == 2
        again = {event.seq for _, batch in broker.batches[begin:] for event in batch.events}
        assert again == set(range(len(answered.events) + 1, 301))


async def test_nothing_is_sent_twice_while_receipts_come(tmp_path):
    async with simulated(tmp_path) as (broker, publisher, service):
        answered = 0
        for second in range(100):
            await service.commit([stride(second)])
            publisher.wake()
            await broker.clock.sleep(1)
            for _, batch in broker.batches[answered:]:
                broker.answer(batch)
            answered = len(broker.batches)
        sent = [event.seq for _, batch in broker.batches for event in batch.events]
        assert sent == list(range(1, 101))
        assert publisher.state.resent_batches == 0


async def test_rows_stamped_late_are_found_behind_the_cursor(tmp_path):
    broker = SimulatedBroker()
    outbox = Outbox(tmp_path / "outbox.db")
    service = OutboxService(outbox, InlineWorker())
    publisher = Publisher("sim", service, broker, clock=broker.clock)
    task = asyncio.create_task(publisher.run())
    await service.commit(strides(0, 5))
    await broker.clock.sleep(3)
    assert broker.batches == []
    await service.stamp(WALL_NS)
    publisher.read_again()
    await broker.clock.sleep(1)
    assert [event.seq for _, batch in broker.batches for event in batch.events] == [1, 2, 3, 4, 5]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await service.close()


async def test_a_refusing_broker_is_tried_with_growing_waits(tmp_path):
    async with simulated(tmp_path) as (broker, _, _):
        broker.refuse = True
        broker.incoming.put_nowait(None)
        await broker.clock.sleep(3600)
        assert 3600 / 60 <= broker.connections <= 3600 / 15


@given(st.integers(0, 2**32), st.integers(1, 50))
def test_waits_stay_between_one_and_sixty_seconds(seed, count):
    rng, settings = random.Random(seed), PublishSettings()
    delay_s = settings.retry_min_s
    for _ in range(count):
        longest = min(60.0, max(1.0, delay_s * 3))
        delay_s = next_delay(delay_s, settings, rng)
        assert 1.0 <= delay_s <= longest


def test_two_agents_do_not_come_back_together():
    waits = [next_delay(5.0, PublishSettings(), random.Random(seed)) for seed in range(50)]
    assert len(set(waits)) == 50

"""What devices are told, over a real broker and the ingester's connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from gait_device import BOOT, until
from servers import Server

from edge import wire
from pipeline.care.care import Care
from pipeline.care.edits import add_dose, set_values
from pipeline.care.publisher import SetupPublisher
from pipeline.config import PipelineConfig
from pipeline.errors import LinkLost
from pipeline.ingest import Ingest
from pipeline.link import Delivery, MqttLink, Session
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore

POLL_S = 0.1
TAPS = wire.Dose(exercise="toe_taps", sets=3, repetitions=10)


@pytest.fixture
async def care(settings: PipelineConfig) -> AsyncIterator[Care]:
    """What another process, the command line, changes."""
    care = Care(settings.registry.path)
    yield care
    await care.close()


@pytest.fixture
async def publishing(
    settings: PipelineConfig, store: SqliteStore, registry: Registry
) -> AsyncIterator[Ingest]:
    """An ingester that publishes setups, with a connection to the file of its own."""
    own = Care(settings.registry.path)
    sender = SetupPublisher(own, poll_s=POLL_S)
    ingest = Ingest(settings, store, registry, MqttLink(settings.broker), senders=[sender])
    running = asyncio.create_task(ingest.run())
    yield ingest
    ingest.stop()
    await running
    await own.close()


class Listener:
    """A device as it sees the broker: what is retained for it, and what comes."""

    def __init__(self, client: aiomqtt.Client, device: str) -> None:
        self.client = client
        self.device = device
        self.setups: list[wire.Setup] = []
        self.retained: list[bool] = []
        self.requests: list[wire.Request] = []

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            _, channel = wire.parse_topic(message.topic.value)
            if channel == "config":
                self.setups.append(wire.decode(message.payload, wire.Setup))
                self.retained.append(message.retain)
            else:
                command = wire.decode(message.payload, wire.Command)
                assert command.device == self.device
                self.requests += command.requests

    async def say(self, online: bool = True, boot: str = BOOT) -> None:
        status = wire.Status(device=self.device, boot=boot, online=online, reconnections=0)
        await self.client.publish(wire.topic(self.device, "status"), wire.encode(status), qos=1)


@asynccontextmanager
async def listening(port: int, device: str = "insole-1") -> AsyncIterator[Listener]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for channel in ("config", "command"):
            await client.subscribe(wire.topic(device, channel), qos=1)  # type: ignore[arg-type] # a channel
        listener = Listener(client, device)
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_change_of_another_process_reaches_the_device_and_is_retained(
    publishing: Ingest, care: Care, patient: str, mosquitto: Server
) -> None:
    async with listening(mosquitto.port) as device:
        await until(lambda: len(device.setups) == 1)
        await care.change(patient, lambda record: set_values(record, {"drags": "7"}))
        await until(lambda: len(device.setups) == 2)
        await care.change(patient, lambda record: add_dose(record, TAPS, 1))
        await until(lambda: len(device.setups) == 3)
        last = device.setups[-1]
    assert (last.thresholds.drags, last.plan) == (7, (TAPS,))
    async with listening(mosquitto.port) as later:
        await until(lambda: later.setups == [last])
        assert later.retained == [True]
        await asyncio.sleep(5 * POLL_S)
        assert len(later.setups) == 1  # nothing changed: nothing is sent


async def test_a_device_that_changes_hands_is_told(
    publishing: Ingest, care: Care, patient: str, registry: Registry, mosquitto: Server
) -> None:
    await care.change(patient, lambda record: set_values(record, {"drags": "7"}))
    async with listening(mosquitto.port) as device:
        await until(lambda: bool(device.setups) and device.setups[-1].thresholds.drags == 7)
        await care.assign("insole-1", None)
        await until(lambda: device.setups[-1].thresholds.drags == 5)
        await until(lambda: len(device.requests) == 1)
    (request,) = device.requests
    assert isinstance(request, wire.Forget)
    revisions = [setup.revision for setup in device.setups]
    assert revisions == sorted(set(revisions))


async def test_a_broker_that_lost_what_it_retained_gets_it_again(
    publishing: Ingest, patient: str, mosquitto: Server
) -> None:
    async with listening(mosquitto.port) as device:
        await until(lambda: len(device.setups) == 1)
        (setup,) = device.setups
    mosquitto.kill()
    (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
    mosquitto.start()
    async with listening(mosquitto.port) as device:
        await until(lambda: device.setups == [setup], 30.0)


async def test_a_request_goes_out_at_once_and_when_its_device_comes_back(
    publishing: Ingest, care: Care, patient: str, mosquitto: Server
) -> None:
    await until(lambda: publishing.state.connected)
    async with listening(mosquitto.port) as device:
        await care.queue("insole-1", wire.Snooze(id="drags-left", until_ns=2**62))
        await until(lambda: len(device.requests) == 1)
        await device.say()
        await until(lambda: len(device.requests) == 2)  # its first word since the pipeline began
        await device.say()
        await device.say(online=False)
        await asyncio.sleep(5 * POLL_S)
        assert len(device.requests) == 2
        await device.say(boot="f" * 16)
        await until(lambda: len(device.requests) == 3)
        await care.queue("insole-1", wire.Forget(before_ns=5))
        await until(lambda: len(device.requests) == 4)
    assert device.requests[-1] == wire.Forget(before_ns=5)


class Broken:
    """A sender that fails in a way that nobody foresaw."""

    def __init__(self) -> None:
        self.served = 0

    async def serve(self, session: Session) -> None:
        self.served += 1
        raise ZeroDivisionError

    def seen(self, status: wire.Status) -> None:
        """Nothing."""


async def test_a_broken_sender_harms_nobody(
    settings: PipelineConfig,
    store: SqliteStore,
    registry: Registry,
    care: Care,
    patient: str,
    mosquitto: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Broken()
    senders = [broken, SetupPublisher(care, poll_s=POLL_S)]
    ingest = Ingest(settings, store, registry, MqttLink(settings.broker), senders=senders)
    running = asyncio.create_task(ingest.run())
    async with listening(mosquitto.port) as device:
        await until(lambda: len(device.setups) == 1)
    ingest.stop()
    await running
    assert broken.served == 1
    assert "Broken failed" in caplog.text


# -- without a broker ---------------------------------------------------------------------------


class Paper:
    """A session that keeps what is published; `plan` may raise."""

    def __init__(self, plan: Callable[[int], None] = lambda number: None) -> None:
        self.plan = plan
        self.messages: list[tuple[str, bytes, bool]] = []

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self.plan(len(self.messages))
        self.messages.append((topic, payload, retain))

    async def receive(self) -> Delivery:
        raise NotImplementedError

    def acknowledge(self, delivery: Delivery) -> None:
        """Nothing."""


async def served(publisher: SetupPublisher, session: Paper, wait: Callable[[], bool]) -> None:
    task: asyncio.Task[None] = asyncio.create_task(publisher.serve(session))
    try:
        await until(lambda: wait() or task.done())
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_session_that_breaks_is_left_and_the_next_gets_all(
    care: Care, registry: Registry, patient: str
) -> None:
    await registry.assign("insole-2", patient)

    def broken(number: int) -> None:
        if number == 1:
            raise LinkLost("gone")

    publisher = SetupPublisher(care, poll_s=POLL_S)
    with pytest.raises(LinkLost):
        await served(publisher, Paper(broken), lambda: False)
    whole = Paper()
    await served(publisher, whole, lambda: len(whole.messages) == 2)
    assert [topic for topic, _, _ in whole.messages] == [
        wire.topic("insole-1", "config"),
        wire.topic("insole-2", "config"),
    ]


async def test_a_locked_file_is_waited_for_and_told_once(
    care: Care, patient: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Busy(Care):
        left = 2

        async def version(self) -> object:
            if self.left:
                self.left -= 1
                from pipeline.errors import StoreUnavailable

                raise StoreUnavailable("locked")
            return await super().version()

    busy = Busy(tmp_path / "registry.db")
    paper = Paper()
    await served(SetupPublisher(busy, poll_s=0.01), paper, lambda: len(paper.messages) == 1)
    assert caplog.text.count("locked") == 1
    await busy.close()


async def test_many_requests_are_several_commands(care: Care, patient: str) -> None:
    waiting: list[Awaitable[None]] = [
        care.queue("insole-1", wire.Snooze(id=f"a{n}", until_ns=2**62)) for n in range(150)
    ]
    for each in waiting:
        await each
    paper = Paper()
    publisher = SetupPublisher(care, poll_s=POLL_S)
    await served(publisher, paper, lambda: len(paper.messages) == 3)
    commands = [wire.decode(p, wire.Command) for t, p, _ in paper.messages if t.endswith("command")]
    assert [len(command.requests) for command in commands] == [100, 50]

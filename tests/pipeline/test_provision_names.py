"""Names never leave the registry: not in topics, messages, points, files or logs."""

import asyncio
import base64
import json
import logging
from pathlib import Path
from urllib.parse import quote

import aiomqtt
import pytest
from gait_device import batches, one_of_each, until
from names import PEOPLE, Names
from servers import Server

from edge import wire
from pipeline.config import PipelineConfig
from pipeline.ingest import Ingest
from pipeline.link import MqttLink
from pipeline.points import MEASUREMENTS, encode_points, event_point, status_point
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore

BOOT = "0" * 16
STATUS = wire.Status(device="insole-1", boot=BOOT, online=True)


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.mark.parametrize("name", PEOPLE)
def test_every_spelling_is_found(names: Names, name: str) -> None:
    part = name.split()[0]
    for text in (
        f"patient={name},side=left",
        name.lower(),
        name.upper().replace("SS", "ß"),
        f"?q={quote(name)}",
        json.dumps({"label": name}),
        base64.b64encode(f"the label is {name}".encode()).decode(),
        base64.b64encode(f"label: {name}".encode()).decode(),
        name.encode().hex(),
        f"x{part}y",
    ):
        assert name in names.found_in(text), text
    assert name in names.found_in(b"\xff\x00" + name.encode() + b"\xfe")


def test_ordinary_text_names_nobody(names: Names) -> None:
    assert names.found_in(Path(__file__).read_text().partition("def test_ordinary")[0]) == set()
    assert names.found_in(bytes(range(256)) * 8) == set()


async def test_points_name_nobody(names: Names, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry.db")
    seeded = await names.seed(registry)
    await registry.refresh()
    points = [
        event_point(event, each.device, registry.patient_of(each.device, event.time_ns) or "")
        for each in seeded
        for event in one_of_each()
    ]
    points += [status_point(STATUS, each.patient, 1) for each in seeded]
    await registry.close()
    assert {dict(point.tags)["patient"] for point in points} == {each.patient for each in seeded}
    assert names.found_in(encode_points(points)) == set()
    assert names.found_in(json.dumps([list(MEASUREMENTS), wire.schema()])) == set()
    assert names.found_in_files(tmp_path), "the search finds the names where they are"


async def test_the_whole_way_names_nobody(
    names: Names,
    settings: PipelineConfig,
    mosquitto: Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A batch of each patient, one unknown device and rubbish, through the broker into a store."""
    caplog.set_level(logging.DEBUG)
    registry = Registry(settings.registry.path)
    seeded = await names.seed(registry)
    store = SqliteStore(settings.store.path)
    ingest = Ingest(settings, store, registry, MqttLink(settings.broker))
    async with Sniffer(mosquitto.port) as sniffer:
        running = asyncio.create_task(ingest.run())
        await until(lambda: ingest.state.connected)
        for device in [*(each.device for each in seeded), "nobody"]:
            for batch in batches(one_of_each(), device, boot=BOOT):
                await sniffer.send(wire.topic(device, "events"), wire.encode(batch))
        await sniffer.send(wire.topic("insole-1", "status"), wire.encode(STATUS))
        await sniffer.send(wire.topic("insole-1", "events"), b"rubbish")
        receipted = {wire.topic(each.device, "receipt") for each in seeded}
        await until(lambda: receipted <= {topic for topic, _ in sniffer.seen})
        await until(lambda: bool(ingest.state.malformed))
        ingest.stop()
        await running
    await store.close()
    await registry.close()
    for topic, payload in sniffer.seen:
        assert names.found_in(topic) | names.found_in(payload) == set()
    for record in caplog.records:
        assert names.found_in(record.getMessage()) == set(), record
    told = {path.name for path in names.found_in_files(tmp_path)}
    assert told <= {"registry.db", "registry.db-wal", "registry.db-shm"}
    assert told, "the search finds the names where they are"


class Sniffer:
    """A client that hears everything and speaks for the devices."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self._client = aiomqtt.Client("127.0.0.1", port)

    async def __aenter__(self) -> "Sniffer":
        await self._client.__aenter__()
        await self._client.subscribe("#", qos=0)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.cancel()
        await self._client.__aexit__(None, None, None)

    async def _listen(self) -> None:
        async for message in self._client.messages:
            self.seen.append((str(message.topic), bytes(message.payload)))

    async def send(self, topic: str, payload: bytes) -> None:
        await self._client.publish(topic, payload, qos=1)

"""Home Assistant's discovery, on a real broker: found, in step, and gone with the device."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import pytest
from gait_device import until

from edge import wire
from pipeline.care.care import Care
from pipeline.homeassistant import HomeAssistant, discovery, home_topic
from pipeline.link import MqttLink
from pipeline.points import Point
from pipeline.sqlite import SqliteStore

NOW_NS = 1_774_776_000 * 10**9
DAY_NS = 1_774_742_400 * 10**9  # 2026-03-29 in UTC, which holds where no zone is set


def daily(patient: str, side: str, steps: int, drags: int) -> Point:
    tags = (("patient", patient), ("side", side))
    return Point("daily", tags, {"steps": steps, "drags": drags}, DAY_NS)


@asynccontextmanager
async def listening(port: int, *topics: str) -> AsyncIterator[dict[str, list[bytes]]]:
    heard: dict[str, list[bytes]] = {}
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)

        async def listen() -> None:
            async for message in client.messages:
                heard.setdefault(str(message.topic), []).append(message.payload)

        task = asyncio.create_task(listen())
        yield heard
        task.cancel()


@pytest.fixture
async def rollups(tmp_path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "rollups.db")
    yield store
    await store.close()


@pytest.fixture
async def home(settings, registry, rollups) -> AsyncIterator[HomeAssistant]:
    care = Care(settings.registry.path)
    yield HomeAssistant(
        registry, care, rollups, version="0.1.0", period_s=0.05, now_ns=lambda: NOW_NS
    )
    await care.close()


@asynccontextmanager
async def serving(home: HomeAssistant, settings) -> AsyncIterator[None]:
    async with MqttLink(settings.broker).connect() as session:
        task = asyncio.create_task(home.serve(session))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_worn_device_is_found_with_its_numbers_of_today(
    home, settings, patient, rollups
) -> None:
    await rollups.write([daily(patient, "left", 400, 31), daily(patient, "right", 410, 0)])
    async with serving(home, settings):
        topics = ("homeassistant/#", home_topic("insole-1"))
        async with listening(settings.broker.port, *topics) as heard:
            await until(lambda: len(heard) == 2)
            await until(lambda: len(heard[home_topic("insole-1")]) > 1)
    (found,) = heard["homeassistant/device/insole-1/config"]
    assert json.loads(found) == discovery("insole-1", "0.1.0")
    assert json.loads(heard[home_topic("insole-1")][-1]) == {"steps": 810, "drags": 31}


async def test_no_data_today_is_unknown_not_none(home, settings, patient) -> None:
    async with (
        listening(settings.broker.port, home_topic("insole-1")) as heard,
        serving(home, settings),
    ):
        await until(lambda: bool(heard))
    assert json.loads(heard[home_topic("insole-1")][0]) == {"steps": None, "drags": None}


async def test_the_discovery_is_retained_and_goes_with_the_device(
    home, settings, registry, patient
) -> None:
    topic = "homeassistant/device/insole-1/config"
    async with serving(home, settings):
        async with listening(settings.broker.port, topic) as heard:
            await until(lambda: topic in heard)
        async with listening(settings.broker.port, topic) as heard:  # retained
            await until(lambda: topic in heard)
            await registry.assign("insole-1", None)
            await until(lambda: heard[topic][-1] == b"")
    async with listening(settings.broker.port, topic, "marker") as heard:
        async with aiomqtt.Client("127.0.0.1", settings.broker.port) as client:
            await client.publish("marker", b"x", qos=1)
        await until(lambda: "marker" in heard)
        assert topic not in heard


def test_the_message_has_what_home_assistant_asks_for() -> None:
    message = discovery("insole-1", "0.1.0")
    parts: dict[str, dict[str, Any]] = message["components"]
    assert message["device"]["identifiers"]
    assert message["origin"]["name"]
    ids = [part["unique_id"] for part in parts.values()]
    assert len(set(ids)) == len(ids) == 5
    fields = set(wire.Status.__struct_fields__) | {"steps", "drags"}
    for part in parts.values():
        assert part["platform"] in ("sensor", "binary_sensor")
        name = part["value_template"].removeprefix("{{ value_json.").removesuffix(" }}")
        assert name in fields


def test_nothing_says_whose_the_device_is(patient) -> None:
    assert patient not in json.dumps(discovery("insole-1", "0.1.0"))

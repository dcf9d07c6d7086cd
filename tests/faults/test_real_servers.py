"""Faults 1, 2, 8 to 12, 18, 19 and 23 on a real mosquitto, a real InfluxDB and real processes."""

import asyncio
import os
import random
import re
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import msgspec
import pytest
from edge_tools import WALL_NS, stride, until
from real_chain import Pipeline, chain, pipeline_on, sender
from servers import InfluxServer, Server
from tiny_http import Answer, TinyHttp
from wire_noise import any_message, is_batch, numbered

from edge import wire
from pipeline.influx import InfluxStore, Version1

SUPPORT = Path(__file__).parents[1] / "support"


def influx_store(url: str) -> InfluxStore:
    return InfluxStore(Version1(url, "gait", timeout_s=1.0))


# -- 1: SIGKILL -----------------------------------------------------------------------------------


async def killed_after(port: int, folder: Path, first: int, seconds: float) -> list[int]:
    """Run a sending process until its SIGKILL; return the numbers that it told to be durable."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SUPPORT / "sender_process.py"),
        *(str(port), str(folder), str(first)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{SUPPORT}:{SUPPORT.parents[1]}"},
    )
    assert process.stdout is not None
    told = [int(await process.stdout.readline())]
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    told += [int(line) for line in (await process.stdout.read()).split(b"\n")[:-1]]
    await process.wait()
    return list(range(first, told[-1] + 1))


@pytest.mark.parametrize(
    "kills", [20, pytest.param(500, marks=pytest.mark.soak(fault="1", runs=500))]
)
async def test_a_process_killed_at_any_instant_loses_and_doubles_nothing(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path, kills: int
) -> None:
    rng, durable = random.Random(kills), []
    async with pipeline_on(mosquitto.port, tmp_path, influx_store(influx.url)) as pipeline:
        for run in range(kills):
            durable += await killed_after(
                mosquitto.port, tmp_path, 1 + 1000 * run, rng.uniform(0, 0.3)
            )
        async with sender(mosquitto.port, tmp_path) as edge:
            await edge.settle()
        stored = await pipeline.seconds()
    assert len(stored) == len(set(stored))
    assert set(durable) <= set(stored)
    assert len(stored) - len(durable) <= 3 * kills, "made up"


# -- 2: a stop between every two steps ------------------------------------------------------------

STEPS = ("before the write", "after the write", "before the receipt", "after the receipt")


def stop_at(pipeline: Pipeline, step: str, stopped: asyncio.Event) -> Callable[[], None]:
    """Let the ingester hang at a step of the chain for the test to kill it; returns the undoing."""
    store: Any = pipeline.store
    ingest: Any = pipeline.ingest
    where, name = (store, "write") if step.endswith("write") else (ingest, "_send_receipts")
    sound = getattr(where, name)

    async def hang(*args: Any) -> Any:
        if step.startswith("after"):
            await sound(*args)
        stopped.set()
        await asyncio.Event().wait()

    setattr(where, name, hang)
    return lambda: setattr(where, name, sound)


@pytest.mark.parametrize("step", STEPS)
async def test_an_ingester_killed_between_two_steps_loses_and_doubles_nothing(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path, step: str
) -> None:
    async with chain(mosquitto, tmp_path, influx_store(influx.url)) as edge:
        for _ in range(3):
            stopped = asyncio.Event()
            undo = stop_at(edge.pipeline, step, stopped)
            await edge.walk(0.2)
            await asyncio.wait_for(stopped.wait(), 10)
            await edge.pipeline.kill()
            undo()
            edge.pipeline.start()
            await edge.walk(0.2)
        await edge.assert_complete()


# -- 8, 9, 10: servers down -----------------------------------------------------------------------


async def test_a_broker_that_is_down_for_a_while_costs_nothing(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path
) -> None:
    async with chain(mosquitto, tmp_path, influx_store(influx.url)) as edge:
        await edge.walk(0.5)
        mosquitto.stop()
        await edge.walk(2)
        mosquitto.start()
        await edge.walk(0.5)
        await edge.assert_complete()


async def test_a_database_that_is_killed_and_comes_back_costs_nothing(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path
) -> None:
    async with chain(mosquitto, tmp_path, influx_store(influx.url)) as edge:
        await edge.walk(0.5)
        influx.kill()
        await edge.walk(2)
        assert edge.pipeline.ingest.state.problem
        influx.start()
        await edge.walk(0.5)
        await edge.assert_complete()


@pytest.mark.parametrize(
    "times", [5, pytest.param(100, marks=pytest.mark.soak(fault="10", runs=100))]
)
async def test_a_broker_killed_without_its_file_loses_nothing(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path, times: int
) -> None:
    async with chain(mosquitto, tmp_path, influx_store(influx.url)) as edge:
        for _ in range(times):
            await edge.pipeline.kill()  # so that the broker has a backlog
            await edge.walk(0.3)
            mosquitto.kill()
            (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
            mosquitto.start()
            edge.pipeline.start()
            await edge.walk(0.2)
        await edge.assert_complete()


# -- 11: the database's answers -------------------------------------------------------------------


class Moody(TinyHttp):
    """In front of a real database: every write meets 503, 429, 413, or no answer once it is stored.

    A line with `poison` is refused as 400 or 422, the others of its write are stored at 400.
    """

    def __init__(self, url: str, rng: random.Random) -> None:
        super().__init__(self._never)
        self.answers: dict[str, int] = {}
        self.is_ill = True
        self._real, self._rng = url, rng

    @staticmethod
    def _never(path: str, body: bytes) -> Answer | None:
        raise NotImplementedError

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
        body = await reader.readexactly(int(length[0].split(":")[1]) if length else 0)
        method, path = head.split()[:2]
        status, text = await self._answer(method, path, body)
        if status:
            lines = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nConnection: close"
            writer.write(f"{lines}\r\nRetry-After: 0\r\n\r\n".encode() + text)
        writer.close()

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if method == "GET":
            return await self._pass_on(method, path, body)
        mood = self._rng.choices(("503", "429", "413", "lost", "fine"), (6, 6, 6, 10, 72))[0]
        lines = body.split(b"\n")
        if not self.is_ill or (mood == "413" and len(lines) == 1):
            mood = "fine"
        is_poisoned = b"poison" in body
        if mood in ("503", "429", "413"):
            self._count(mood)
            return int(mood), b""
        if is_poisoned:
            status = 400 if len(lines) > 1 and self._rng.random() < 0.5 else 422
            self._count(str(status))
            if status == 400:
                await self._pass_on(
                    method, path, b"\n".join(x for x in lines if b"poison" not in x)
                )
            return status, b'{"error":"partial write: field type conflict"}'
        answer = await self._pass_on(method, path, body)
        if mood == "lost":
            self._count("lost")
            return 0, b""
        return answer

    def _count(self, mood: str) -> None:
        self.answers[mood] = self.answers.get(mood, 0) + 1

    async def _pass_on(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self._real}{path}", data=body) as response,
        ):
            return response.status, await response.read()


@pytest.mark.parametrize(
    "answers", [50, pytest.param(1000, marks=pytest.mark.soak(fault="11", runs=1000))]
)
async def test_whatever_the_database_answers_each_event_is_stored_once_or_a_dead_letter(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path, answers: int
) -> None:
    moody = Moody(influx.url, random.Random(answers))
    server = await asyncio.start_server(moody.serve, "127.0.0.1", 0)
    store = influx_store(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    refused: list[int] = []
    async with server, chain(mosquitto, tmp_path, store) as edge:
        while sum(moody.answers.values()) < answers:
            await edge.walk(0.4)
            refused.append(edge.count + 1)
            await edge.commit(1, flags=("poison",))
        moody.is_ill = False
        await edge.settle()
        stored = await edge.pipeline.seconds()
        letters = (tmp_path / "dead" / "refused.jsonl").read_text()
    assert set(moody.answers) == {"503", "429", "413", "400", "422", "lost"}
    assert stored == [n for n in range(1, edge.count + 1) if n not in refused]
    assert letters.count("\n") >= len(refused)


# -- 12: duplicates and disorder ------------------------------------------------------------------


async def test_duplicates_and_disorder_on_a_real_broker_store_each_event_once(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path
) -> None:
    rng = random.Random(12)
    events = [numbered(stride(n, ("left", "right")[n % 2]), n) for n in range(1, 4001)]
    stamped = [msgspec.structs.replace(e, time_ns=e.time_ns + WALL_NS) for e in events]
    batches = [
        wire.encode(wire.Batch(device="insole-1", boot="0" * 16, events=tuple(stamped[n : n + 4])))
        for n in range(0, 4000, 4)
    ]
    sent = batches + rng.sample(batches, 300)
    rng.shuffle(sent)
    async with (
        pipeline_on(mosquitto.port, tmp_path, influx_store(influx.url)) as pipeline,
        aiomqtt.Client("127.0.0.1", mosquitto.port) as client,
    ):
        for payload in sent:
            await client.publish(wire.topic("insole-1", "events"), payload, qos=1)
        await until(lambda: pipeline.ingest.state.stored >= 5200, 60)
        assert await pipeline.seconds() == list(range(1, 4001))


# -- 18, 19: any bytes, oversized, malformed packets ----------------------------------------------


@pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak(fault="18", runs=1_000_000))]
)
async def test_any_bytes_on_any_topic_harm_neither_a_real_ingester_nor_the_agent(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path, count: int
) -> None:
    rng = random.Random(count)
    good = wire.encode(wire.Batch(device="insole-1", boot="0" * 16, events=(stride(1),)))
    channels = [wire.topic("insole-1", name) for name in ("receipt", "config", "command")]
    async with (
        chain(mosquitto, tmp_path, influx_store(influx.url)) as edge,
        aiomqtt.Client("127.0.0.1", mosquitto.port, max_queued_outgoing_messages=0) as client,
    ):
        begin_kib, heard = resident_kib(), 0
        for number in range(count):
            topic, payload = any_message(rng, good)
            if number % 10 == 0:
                topic = rng.choice(channels)
            if "/events" in topic and is_batch(payload):
                payload = payload[:-1]
            heard += HEARD.fullmatch(topic) is not None
            await client.publish(topic, payload, qos=0)
            if number % 2000 == 0:
                await edge.commit(10)
        state = edge.pipeline.ingest.state
        await until(lambda: state.malformed > 0.99 * heard > 0.3 * count, 60 + count / 500)
        await edge.assert_complete()
        assert edge.publisher.state.refused_messages > 0
        assert resident_kib() - begin_kib < 100_000


HEARD = re.compile(r"heelfirst/v1/[^/]*/(events|status)")


def resident_kib() -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


MALFORMED = [
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x10\xff\xff\xff\x7f" + b"\x00" * 64,  # CONNECT of 256 MB
    b"\x10\x0c\x00\x04MQTT\x04\xff\x00\x3c\x00\x00",  # every connect flag at once
    b"\x30\x05\x00\x09ab",  # PUBLISH before CONNECT, topic longer than the packet
    bytes(range(256)) * 300,
]


async def test_oversized_messages_and_malformed_packets_harm_nobody(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path
) -> None:
    async with (
        chain(mosquitto, tmp_path, influx_store(influx.url)) as edge,
        aiomqtt.Client("127.0.0.1", mosquitto.port) as client,
    ):
        await edge.walk(0.2)
        for size in (64 * 1024, 256 * 1024, 4 * 1024 * 1024):
            for channel in ("events", "status", "receipt", "config", "command"):
                await client.publish(wire.topic("insole-1", channel), b"[" * size, qos=1)
        for packet in MALFORMED:
            with socket.create_connection(("127.0.0.1", mosquitto.port), 5) as connection:
                connection.sendall(packet)
        await edge.walk(0.2)
        await edge.assert_complete()
        assert edge.pipeline.ingest.state.malformed >= 4
        letters = tmp_path / "dead" / "malformed.jsonl"
        assert letters.stat().st_size < 2 * 1024 * 1024


# -- 23: everybody at once ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rounds", [1, pytest.param(10, marks=pytest.mark.soak(fault="23", runs=10))]
)
async def test_fifty_agents_that_lose_their_broker_all_come_back(
    mosquitto: Server, influx: InfluxServer, tmp_path: Path, rounds: int
) -> None:
    async with AsyncExitStack() as stack:
        store = influx_store(influx.url)
        pipeline = await stack.enter_async_context(
            pipeline_on(mosquitto.port, tmp_path, store, devices=50)
        )
        edges = [
            await stack.enter_async_context(sender(mosquitto.port, tmp_path, f"insole-{number}"))
            for number in range(1, 51)
        ]
        for _ in range(rounds):
            for edge in edges:
                await edge.commit(2)
            mosquitto.kill()
            (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
            await asyncio.sleep(0.5)
            mosquitto.start()
            for edge in edges:
                await edge.settle()
        seconds = await pipeline.seconds()
        assert seconds == sorted(list(range(1, 2 * rounds + 1)) * 50)

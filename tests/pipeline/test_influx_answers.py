"""What each answer of an InfluxDB means, from a server that answers on demand."""

import base64
import email.utils
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gait_device import strides
from tiny_http import Answer, tiny_http

from pipeline.config import StoreConfig
from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.influx import InfluxStore, Version1, Version2
from pipeline.points import event_point
from pipeline.store import open_store

POINTS = [event_point(event, "insole-1", "p1") for event in strides(8)]
SERVERS = [lambda url: Version1(url, "gait"), lambda url: Version2(url, "gait", "clinic", "t0k")]


@pytest.mark.parametrize("server", SERVERS, ids=["v1", "v2"])
@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 504])
async def test_not_the_points_fault(server: type[Version1], status: int) -> None:
    async with tiny_http(lambda *_: (status, {"Retry-After": "7"}, b'{"message":"no"}')) as http:
        store = InfluxStore(server(http.url))  # type: ignore[call-arg] # a lambda of one argument
        with pytest.raises(StoreUnavailable) as caught:
            await store.write(POINTS)
        assert (caught.value.status, caught.value.retry_after_s) == (status, 7.0)
        assert len(http.requests) == 1
        await store.close()


@pytest.mark.parametrize("server", SERVERS, ids=["v1", "v2"])
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_points_fault_is_narrowed_down(server: type[Version1], status: int) -> None:
    stored: set[bytes] = set()

    def plan(path: str, body: bytes) -> Answer:
        lines = set(body.split(b"\n"))
        bad = {line for line in lines if b"stride_s=1.003" in line or b"stride_s=1.004" in line}
        if bad:
            return status, {}, b'{"message":"bad point"}'
        stored.update(lines)
        return 204, {}, b""

    async with tiny_http(plan) as http:
        store = InfluxStore(server(http.url))  # type: ignore[call-arg] # a lambda of one argument
        with pytest.raises(StoreRefused) as caught:
            await store.write(POINTS)
        assert [refusal.point for refusal in caught.value.refusals] == POINTS[2:4]
        assert "bad point" in caught.value.refusals[0].reason
        assert len(stored) == 6
        await store.close()


@pytest.mark.parametrize("server", SERVERS, ids=["v1", "v2"])
async def test_the_store_goes_down_while_it_is_narrowed_down(server: type[Version1]) -> None:
    answers: Iterator[Answer] = iter([(400, {}, b"x"), (204, {}, b""), (503, {}, b"")])
    async with tiny_http(lambda *_: next(answers)) as http:
        store = InfluxStore(server(http.url))  # type: ignore[call-arg] # a lambda of one argument
        with pytest.raises(StoreUnavailable):
            await store.write(POINTS)
        await store.close()


async def test_a_silent_server_is_given_up() -> None:
    async with tiny_http(lambda *_: None) as http:
        for server in (
            Version1(http.url, "gait", timeout_s=0.3),
            Version2(http.url, "gait", timeout_s=0.3),
        ):
            store = InfluxStore(server)
            with pytest.raises(StoreUnavailable, match="no answer"):
                await store.write(POINTS)
            await store.close()


async def test_a_retry_date_is_understood_and_nonsense_is_not() -> None:
    in_a_minute = email.utils.format_datetime(
        email.utils.localtime().fromtimestamp(time.time() + 60).astimezone()
    )
    for value, low, high in ((in_a_minute, 50.0, 61.0), ("-5", 0.0, 0.0)):
        headers = {"Retry-After": value}
        async with tiny_http(lambda *_, h=headers: (503, h, b"")) as http:
            store = InfluxStore(Version1(http.url, "gait"))
            with pytest.raises(StoreUnavailable) as caught:
                await store.write(POINTS)
            assert caught.value.retry_after_s is not None
            assert low <= caught.value.retry_after_s <= high
            await store.close()
    async with tiny_http(lambda *_: (503, {"Retry-After": "soon"}, b"")) as http:
        store = InfluxStore(Version1(http.url, "gait"))
        with pytest.raises(StoreUnavailable) as caught:
            await store.write(POINTS)
        assert caught.value.retry_after_s is None
        await store.close()


async def test_requests_are_cut_at_the_most_points() -> None:
    async with tiny_http(lambda *_: (204, {}, b"")) as http:
        store = InfluxStore(Version1(http.url, "gait"), max_points=3)
        await store.write(POINTS)
        assert [body.count(b"\n") + 1 for _, body in http.requests] == [3, 3, 2]
        await store.close()


async def test_secrets_come_from_files_and_go_into_headers_only(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("s3cret\n")
    basic = base64.b64encode(b"writer:s3cret").decode()
    async with tiny_http(lambda *_: (204, {}, b"")) as http:
        one = open_store(
            StoreConfig(kind="influx1", url=http.url, username="writer", password_file=str(secret))
        )
        two = open_store(StoreConfig(kind="influx2", url=http.url, token_file=str(secret)))
        await one.write(POINTS)
        await two.write(POINTS)
        assert f"Basic {basic}" in http.headers[0]
        assert "Token s3cret" in http.headers[1]
        assert not any("s3cret" in path for path, _ in http.requests)
        assert http.requests[1][0].startswith("/api/v2/write?")
        await one.close()
        await two.close()


async def test_a_query_that_fails_says_so() -> None:
    answer = b'{"results":[{"statement_id":0,"error":"shard is gone"}]}'
    async with tiny_http(lambda *_: (200, {}, answer)) as http:
        store = InfluxStore(Version1(http.url, "gait"))
        with pytest.raises(StoreUnavailable, match="shard is gone"):
            await store.read("stride", start_ns=0, stop_ns=1)
        await store.close()

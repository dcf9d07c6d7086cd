"""Accounts with as little right as they need, on a real InfluxDB 1.x that asks for passwords."""

import asyncio
import base64
import json
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from servers import InfluxServer, influx_server
from tiny_http import tiny_http

from pipeline.provision.databases import ACCOUNTS, make_admin, make_tokens, make_users
from pipeline.provision.errors import SecretError, ServerError
from pipeline.provision.files import read_secret, write_secret


class House(NamedTuple):
    influx: InfluxServer
    admin_file: Path
    passwords: dict[str, Path]
    folder: Path


def locked_influx(folder: Path) -> InfluxServer:
    """influxd that lets nobody in without a password."""
    folder.mkdir()
    server = influx_server(folder)
    conf = folder / "influxd.conf"
    conf.write_text(conf.read_text().replace("[http]\n", "[http]\n  auth-enabled = true\n"))
    return server


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    server = locked_influx(tmp_path / "influx")
    server.start()
    try:
        admin_file = make_admin(server.url, tmp_path / "secrets")
        made = make_users(server.url, tmp_path / "secrets", admin_file=admin_file)
        yield House(server, admin_file, made, tmp_path)
    finally:
        server.stop()


def call(url: str, user: str, password: str, data: bytes | None = None) -> int:
    """Return the status; InfluxDB answers some refusals with 200 and an error inside: 403 here."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"} if user else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as got:
            body = got.read()
            refused = body and "error" in json.loads(body)["results"][0]
            return 403 if refused else int(got.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def may_write(house: House, user: str, database: str, password: str | None = None) -> bool:
    word = read_secret(house.passwords[user]).decode() if password is None else password
    url = f"{house.influx.url}/write?db={database}"
    return call(url, user, word, b"stride,patient=p1 stride_s=1.5 1700000000000000000") == 204


def may_query(house: House, user: str, database: str, statement: str) -> bool:
    word = read_secret(house.passwords[user]).decode() if user else ""
    url = f"{house.influx.url}/query?{urlencode({'db': database})}"
    return call(url, user, word, urlencode({"q": statement}).encode()) == 200


@pytest.mark.parametrize(
    ("user", "database", "write", "read"),
    [
        ("ingest", "gait", True, False),
        ("ingest", "gait_rollups", False, False),
        ("dashboards", "gait", False, True),
        ("dashboards", "gait_rollups", False, False),
        ("daily", "gait", False, False),
        ("daily", "gait_rollups", False, True),
        ("rollups", "gait", False, True),
        ("rollups", "gait_rollups", True, True),
    ],
)
def test_each_account_may_do_its_work_and_no_more(
    house: House, user: str, database: str, write: bool, read: bool
) -> None:
    assert may_write(house, user, database) is write
    assert may_query(house, user, database, "select * from stride") is read
    for statement in ("create database x", "show users", f'drop database "{database}"'):
        assert not may_query(house, user, database, statement)


def test_nobody_gets_in_without_a_password(house: House) -> None:
    assert not may_query(house, "", "gait", "select * from stride")
    assert not may_write(house, "", "gait", "")
    assert not may_write(house, "ingest", "gait", "guess")


def test_passwords_are_in_files_of_their_owner_alone(house: House) -> None:
    assert set(house.passwords) == {account.name for account in ACCOUNTS}
    words = {path.read_bytes() for path in [*house.passwords.values(), house.admin_file]}
    assert len(words) == len(ACCOUNTS) + 1
    for path in (house.folder / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(len(word) >= 43 for word in words)
    log = (house.folder / "influx" / "server.log").read_bytes()
    assert not any(word in log for word in words)


def test_once_more_rotates_the_passwords(house: House) -> None:
    before = read_secret(house.passwords["ingest"]).decode()
    make_users(house.influx.url, house.folder / "secrets", admin_file=house.admin_file)
    assert not may_write(house, "ingest", "gait", before)
    assert may_write(house, "ingest", "gait")
    assert not may_query(house, "ingest", "gait", "select * from stride")


def test_a_right_too_many_is_taken_back(house: House) -> None:
    admin = read_secret(house.admin_file).decode()
    grant = urlencode({"q": 'GRANT ALL ON "gait_rollups" TO "ingest"'}).encode()
    assert call(f"{house.influx.url}/query", "admin", admin, grant) == 200
    assert may_write(house, "ingest", "gait_rollups")
    make_users(house.influx.url, house.folder / "secrets", admin_file=house.admin_file)
    assert not may_write(house, "ingest", "gait_rollups")


def test_a_second_administrator_is_not_made_from_outside(house: House) -> None:
    with pytest.raises(ServerError, match="answered 401"):
        make_admin(house.influx.url, house.folder / "mine", "intruder")


def test_a_wrong_administrators_password_says_so(house: House) -> None:
    write_secret(house.folder / "wrong", b"guess")
    with pytest.raises(ServerError, match="administrator's password"):
        make_users(house.influx.url, house.folder, admin_file=house.folder / "wrong")


def test_an_administrators_password_that_others_can_read_is_refused(house: House) -> None:
    house.admin_file.chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        make_users(house.influx.url, house.folder, admin_file=house.admin_file)


def test_a_server_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="start it"):
        make_admin("http://127.0.0.1:9", tmp_path)


def plan_v2(path: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
    """InfluxDB 2's answers as its API describes them; there is no real one to test with."""
    bucket = {"id": "b" * 16, "name": "gait", "orgID": "a" * 16, "retentionRules": []}
    if path.startswith("/api/v2/orgs"):
        answer: object = {"orgs": [{"id": "a" * 16, "name": "clinic"}]}
    elif path.startswith("/api/v2/buckets"):
        daily = "gait_rollups" in path
        found = bucket | ({"id": "d" * 16, "name": "gait_rollups"} if daily else {})
        answer = {"buckets": [] if "name=none" in path else [found]}
    elif path.startswith("/api/v2/authorizations/"):
        return 204, {}, b""
    elif body:
        answer = json.loads(body) | {"id": "e" * 16, "token": "token-that-the-server-made"}
        return 201, {"Content-Type": "application/json"}, json.dumps(answer).encode()
    else:
        old = {"id": "f" * 16, "description": "heelfirst ingest", "orgID": "a" * 16}
        other = {"id": "9" * 16, "description": "a person's own", "orgID": "a" * 16}
        answer = {"authorizations": [old | {"permissions": []}, other | {"permissions": []}]}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


async def test_tokens_of_influxdb_2_are_scoped_to_buckets(tmp_path: Path) -> None:
    write_secret(tmp_path / "admin", b"the-operator-token")
    async with tiny_http(plan_v2) as http:
        made = await asyncio.to_thread(
            make_tokens, http.url, tmp_path / "s", org="clinic", admin_file=tmp_path / "admin"
        )
    asked = [json.loads(body) for _, body in http.requests if body]
    scopes = {
        each["description"]: {
            (one["action"], one["resource"]["type"], one["resource"]["id"][0])
            for one in each["permissions"]
        }
        for each in asked
    }
    assert scopes == {
        "heelfirst ingest": {("write", "buckets", "b")},
        "heelfirst dashboards": {("read", "buckets", "b")},
        "heelfirst daily": {("read", "buckets", "d")},
        "heelfirst rollups": {
            ("read", "buckets", "b"),
            ("read", "buckets", "d"),
            ("write", "buckets", "d"),
        },
    }
    deleted = [path for path, _ in http.requests if path.startswith("/api/v2/authorizations/")]
    assert deleted == [f"/api/v2/authorizations/{'f' * 16}"]
    for path in made.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert read_secret(path) == b"token-that-the-server-made"


async def test_a_missing_bucket_of_influxdb_2_says_so(tmp_path: Path) -> None:
    write_secret(tmp_path / "admin", b"the-operator-token")
    async with tiny_http(plan_v2) as http:
        with pytest.raises(ServerError, match="no bucket 'none'"):
            await asyncio.to_thread(
                make_tokens,
                http.url,
                tmp_path,
                org="clinic",
                raw="none",
                admin_file=tmp_path / "admin",
            )


async def test_a_refusing_influxdb_2_says_so(tmp_path: Path) -> None:
    write_secret(tmp_path / "admin", b"the-operator-token")
    async with tiny_http(lambda *_: (401, {}, b"")) as http:
        with pytest.raises(ServerError, match="answered 401"):
            await asyncio.to_thread(
                make_tokens, http.url, tmp_path, org="clinic", admin_file=tmp_path / "admin"
            )

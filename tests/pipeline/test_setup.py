"""`heelfirst pipeline setup` on a real InfluxDB 1.x, with and without passwords, and its words."""

import asyncio
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from month import FIRST_DAY, day_points, people
from servers import InfluxServer, influx_server
from tiny_http import tiny_http
from typer import Typer
from typer.testing import CliRunner

from pipeline.config import PipelineConfig, RollupConfig, StoreConfig
from pipeline.errors import StoreUnavailable
from pipeline.provision.databases import influxql, make_admin
from pipeline.provision.errors import ServerError
from pipeline.provision.files import read_secret, write_secret
from pipeline.rollup.replacing import EVER
from pipeline.setup.commands import setup
from pipeline.setup.making import set_up
from pipeline.setup.step import Options, Step
from pipeline.store import open_store

PERSON = people(1)[0]


def influx1(url: str, **store: Any) -> PipelineConfig:
    return PipelineConfig(store=StoreConfig(kind="influx1", url=url, **store))


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[InfluxServer]:
    """influxd that lets nobody in without a password."""
    folder = tmp_path / "locked"
    folder.mkdir()
    server = influx_server(folder)
    conf = folder / "influxd.conf"
    conf.write_text(conf.read_text().replace("[http]\n", "[http]\n  auth-enabled = true\n"))
    server.start()
    yield server
    server.stop()


def policies(url: str, database: str, admin: str = "", password: str = "") -> list[Any]:
    answer = influxql(url, f'SHOW RETENTION POLICIES ON "{database}"', admin, password)
    return [row[1] for row in answer["series"][0]["values"] if row[-1]]


def test_a_server_without_passwords_gets_databases_and_retention(
    influx: InfluxServer, tmp_path: Path
) -> None:
    config = influx1(influx.url)  # its database gait is there already
    steps = list(set_up(config, tmp_path / "s", Options(keep_days=90)))
    assert [step.is_new for step in steps] == [False, True, True, False, None]
    assert "asks nobody for a password" in steps[-1].text
    assert policies(influx.url, "gait") == ["2160h0m0s"]
    assert policies(influx.url, "gait_rollups") == ["0s"]
    assert not any(step.is_new for step in set_up(config, tmp_path / "s", Options(keep_days=90)))
    changed = [step for step in set_up(config, tmp_path / "s", Options(keep_days=0)) if step.is_new]
    assert changed == [Step("retention of gait: for good", True)]
    assert policies(influx.url, "gait") == ["0s"]
    assert list((tmp_path / "s").iterdir()) == []


async def test_the_accounts_can_do_the_pipelines_work_and_no_more(
    locked: InfluxServer, tmp_path: Path
) -> None:
    folder = tmp_path / "s"
    steps = await asyncio.to_thread(lambda: list(set_up(influx1(locked.url), folder)))
    left = [step.text for step in steps if not step.is_new]
    assert left == [
        "retention of gait_rollups: for good",
        f'[store] username = "ingest", password_file = "{folder}/influx1-ingest.password"',
        f'[rollups] username = "rollups", password_file = "{folder}/influx1-rollups.password"',
    ]
    files = sorted(folder.iterdir())
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    said = " ".join(step.text for step in steps)
    assert not any(read_secret(path).decode() in said for path in files)

    config = PipelineConfig(
        store=StoreConfig(
            kind="influx1",
            url=locked.url,
            username="ingest",
            password_file=str(folder / "influx1-ingest.password"),
        ),
        rollups=RollupConfig(
            username="rollups", password_file=str(folder / "influx1-rollups.password")
        ),
    )
    points = day_points(PERSON, FIRST_DAY, 50)
    events = open_store(config.store)
    source = open_store(config.rollups.source(config.store))
    target = open_store(config.rollups.target(config.store))
    try:
        await events.write(points)
        with pytest.raises(StoreUnavailable):  # the ingester's account reads nothing
            await events.read("stride", **EVER)
        with pytest.raises(StoreUnavailable):  # the rollups' account writes no events
            await source.write(points)
        rows = await source.read("wear", patient=PERSON.patient, **EVER)
        assert len(rows) > 1
        wear = [point for point in points if point.measurement == "wear"]
        await target.write(wear)
        await target.remove("wear", patient=PERSON.patient, **EVER)
        assert await target.read("wear", **EVER) == []
        await events.remove(None, patient=PERSON.patient, **EVER)  # as erasing a patient does
        assert await source.read("wear", **EVER) == []
    finally:
        for store in (events, source, target):
            await store.close()


def test_once_more_changes_nothing_and_rotating_makes_new_secrets(
    locked: InfluxServer, tmp_path: Path
) -> None:
    folder, config = tmp_path / "s", influx1(locked.url)
    list(set_up(config, folder))
    before = {path.name: read_secret(path) for path in folder.iterdir()}
    assert not any(step.is_new for step in set_up(config, folder))
    assert {path.name: read_secret(path) for path in folder.iterdir()} == before
    (folder / "influx1-daily.password").unlink()
    write_secret(folder / "influx1-dashboards.password", b"not theirs any more")
    mended = [step.text.split()[1] for step in set_up(config, folder) if step.is_new]
    assert mended == ["dashboards,", "daily,"]
    rotated = [step for step in set_up(config, folder, Options(rotate=True)) if step.is_new]
    assert len(rotated) == 4
    after = {path.name: read_secret(path) for path in folder.iterdir()}
    assert {name for name in before if before[name] == after[name]} == {"influx1-admin.password"}


def test_an_administrator_of_ones_own_is_used(locked: InfluxServer, tmp_path: Path) -> None:
    file = make_admin(locked.url, tmp_path / "own", "chief")
    options = Options(admin="chief", admin_file=file)
    assert any(step.is_new for step in set_up(influx1(locked.url), tmp_path / "s", options))
    with pytest.raises(ServerError, match="administrator"):
        list(set_up(influx1(locked.url), tmp_path / "other"))  # who is not known there


def test_files_of_one_home(tmp_path: Path) -> None:
    config = PipelineConfig(
        store=StoreConfig(path=str(tmp_path / "a" / "store.db")),
        rollups=RollupConfig(path=str(tmp_path / "a" / "rollups.db")),
    )
    assert [step.is_new for step in set_up(config, tmp_path / "s")] == [True, True]
    assert [step.is_new for step in set_up(config, tmp_path / "s")] == [False, False]
    assert not (tmp_path / "s").exists()


def test_the_command_says_what_it_did_and_no_secret(locked: InfluxServer, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text(f'[store]\nkind = "influx1"\nurl = "{locked.url}"\n')
    app = Typer()
    app.command()(setup)
    arguments = ["--config", str(file), "--secrets", str(tmp_path / "s")]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert "made   database gait" in first.output
    assert re.search(
        r"made   account rollups, password in .*influx1-rollups.password", first.output
    )
    secrets = [read_secret(path).decode() for path in (tmp_path / "s").iterdir()]
    assert len(secrets) == 5
    assert not any(secret in first.output for secret in secrets)
    again = CliRunner().invoke(app, arguments)
    assert again.output.rstrip().endswith("all was there already")


def test_a_server_that_is_not_there_says_so(tmp_path: Path) -> None:
    for kind in ("influx1", "influx2"):
        config = PipelineConfig(store=StoreConfig(kind=kind, url="http://127.0.0.1:9"))  # type: ignore[arg-type] # parametrised
        with pytest.raises(ServerError, match="start it"):
            list(set_up(config, tmp_path / "s"))


class Influx2:
    """InfluxDB 2's answers as its API describes them; there is no real one to test with."""

    def __init__(self) -> None:
        self.is_fresh = True
        self.buckets: dict[str, dict[str, Any]] = {}
        self.names: set[str] = set()
        self.tokens: list[dict[str, Any]] = []

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        url, said = urlsplit(path), json.loads(body) if body else {}
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path == "/ping":
            return 204, {"X-Influxdb-Version": "v2.7.11"}, b""
        kind = url.path.split("/")[3]
        found = getattr(self, f"on_{kind}")(url.path, asked, said)
        headers = {"Content-Type": "application/json"}
        return 201 if body else 200, headers, json.dumps(found).encode()

    def on_setup(self, path: str, asked: dict[str, str], said: dict[str, Any]) -> Any:
        if not said:
            return {"allowed": self.is_fresh}
        self.is_fresh = False
        self._add(said["bucket"], said["retentionPeriodSeconds"])
        return {"auth": {"token": "operator-token"}}

    def on_orgs(self, path: str, asked: dict[str, str], said: dict[str, Any]) -> Any:
        return {"orgs": [{"id": "a" * 16, "name": "heelfirst"}]}

    def _add(self, name: str, seconds: int) -> dict[str, Any]:
        rules = [{"type": "expire", "everySeconds": seconds}] if seconds else []
        bucket = {"id": f"{len(self.buckets):016x}", "name": name, "retentionRules": rules}
        self.buckets[name] = bucket | {"orgID": "a" * 16}
        return self.buckets[name]

    def on_buckets(self, path: str, asked: dict[str, str], said: dict[str, Any]) -> Any:
        if "name" in said:
            seconds = sum(rule["everySeconds"] for rule in said["retentionRules"])
            return self._add(said["name"], seconds)
        if said:
            (bucket,) = (each for each in self.buckets.values() if path.endswith(each["id"]))
            return bucket | {"retentionRules": self._retain(bucket, said["retentionRules"])}
        wanted = [b for b in self.buckets.values() if asked.get("name") in (None, b["name"])]
        return {"buckets": wanted}

    def _retain(self, bucket: dict[str, Any], rules: list[Any]) -> list[Any]:
        bucket["retentionRules"] = rules
        return rules

    def on_dbrps(self, path: str, asked: dict[str, str], said: dict[str, Any]) -> Any:
        if said:
            self.names.add(said["database"])
            return said
        return {"content": [{"database": asked["db"]}] if asked["db"] in self.names else []}

    def on_authorizations(self, path: str, asked: dict[str, str], said: dict[str, Any]) -> Any:
        if said:
            token = {"id": f"{len(self.tokens):016x}", "token": f"secret-{len(self.tokens)}"}
            self.tokens.append(said | token)
            return self.tokens[-1]
        return {"authorizations": self.tokens}


async def test_a_fresh_influxdb_2_gets_everything_once(tmp_path: Path) -> None:
    server = Influx2()
    folder = tmp_path / "s"

    def run(url: str, **options: Any) -> list[Step]:
        store = StoreConfig(kind="influx2", url=url, org="heelfirst")
        return list(set_up(PipelineConfig(store=store), folder, Options(**options)))

    async with tiny_http(server.answer) as http:
        first = await asyncio.to_thread(run, http.url)
        again = await asyncio.to_thread(run, http.url)
        shorter = await asyncio.to_thread(run, http.url, keep_days=30)
    assert {step.text for step in first if step.is_new is False} == {
        "bucket gait",
        "retention of gait: 400 days",
    }  # which making the organisation made
    assert not any(step.is_new for step in again)
    assert [step for step in shorter if step.is_new] == [Step("retention of gait: 30 days", True)]
    assert server.buckets["gait"]["retentionRules"] == [
        {"type": "expire", "everySeconds": 30 * 86_400}
    ]
    assert server.buckets["gait_rollups"]["retentionRules"] == []
    assert server.names == {"gait", "gait_rollups"}
    scopes = {token["description"]: len(token["permissions"]) for token in server.tokens}
    assert scopes == {
        "heelfirst ingest": 1,
        "heelfirst dashboards": 1,
        "heelfirst daily": 1,
        "heelfirst rollups": 3,
    }
    assert read_secret(folder / "influx2-admin.token") == b"operator-token"
    sent = [line for head in http.headers for line in head.splitlines()]
    assert "Authorization: Bearer operator-token" in sent
    assert not any("secret-" in step.text or "operator" in step.text for step in first)


async def test_influxdb_3_gets_databases_and_a_word_on_tokens(tmp_path: Path) -> None:
    made: list[dict[str, Any]] = []

    def plan(path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/ping"):
            return 401, {"X-Influxdb-Version": "3.2.1"}, b""
        if body:
            made.append(json.loads(body))
        names = [{"iox::database": "_internal"}, *({"iox::database": each["db"]} for each in made)]
        return 200, {"Content-Type": "application/json"}, json.dumps(names).encode()

    write_secret(tmp_path / "token", b"apiv3_admin")
    async with tiny_http(plan) as http:
        store = StoreConfig(kind="influx2", url=http.url)
        options = Options(admin_file=tmp_path / "token")
        for _ in range(2):
            steps = await asyncio.to_thread(
                lambda: list(set_up(PipelineConfig(store=store), tmp_path / "s", options))
            )
    assert made == [{"db": "gait", "retention_period": "400d"}, {"db": "gait_rollups"}]
    assert not any(step.is_new for step in steps)
    assert "influxdb3 create token" in steps[-1].text

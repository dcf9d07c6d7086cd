"""Provisioning: shapes that Grafana 9.2 to 13 read, and one clinic shut out of another's data."""

import base64
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from grafana_twin import DATABASES, Influx
from servers import InfluxServer, influx_server
from typer.testing import CliRunner

from grafana.build import HERE
from grafana.commands import dashboards
from grafana.errors import ClinicError
from grafana.provisioning import COMPOSE, Clinic, provisioning_files
from pipeline.provision.databases import make_admin, make_users
from pipeline.provision.files import read_secret

NORTH = Clinic("north", 2, generation=1, url="https://influx.example:8086", zone="Europe/Berlin")


def trees(clinic: Clinic) -> dict[str, Any]:
    return {path: yaml.safe_load(text) for path, text in provisioning_files(clinic).items()}


def test_data_sources_of_influxdb_2_send_a_token_from_a_file() -> None:
    sources = trees(COMPOSE)["datasources/heelfirst.yaml"]["datasources"]
    assert [each["uid"] for each in sources] == list(DATABASES)
    for each, database in zip(sources, DATABASES.values(), strict=True):
        assert each["type"] == "influxdb"
        assert each["access"] == "proxy"
        # `database` up to Grafana 9.3, jsonData.dbName since
        assert each["database"] == each["jsonData"]["dbName"] == database
        assert each["jsonData"]["version"] == "InfluxQL"
        assert each["jsonData"]["httpHeaderName1"] == "Authorization"
        value = each["secureJsonData"]["httpHeaderValue1"]
        assert re.fullmatch(r"Token \$__file\{/run/heelfirst/influx2-\w+\.token\}", value)
    assert sum(each["isDefault"] for each in sources) == 1


def test_data_sources_of_influxdb_1_log_in_with_one_account_each() -> None:
    sources = trees(NORTH)["datasources/north.yaml"]["datasources"]
    assert [each["user"] for each in sources] == ["dashboards", "daily"]
    for each in sources:
        assert re.fullmatch(r"\$__file\{/.+\}", each["secureJsonData"]["password"])
        assert "httpHeaderName1" not in each["jsonData"]


def test_everything_of_a_clinic_belongs_to_its_organisation() -> None:
    def org_ids(tree: Any) -> Iterator[int]:
        if isinstance(tree, dict):
            yield from (value for key, value in tree.items() if key == "orgId")
            for value in tree.values():
                yield from org_ids(value)
        elif isinstance(tree, list):
            for value in tree:
                yield from org_ids(value)

    found = [list(org_ids(tree)) for tree in trees(NORTH).values()]
    assert all(each and set(each) == {2} for each in found)


def test_rules_have_what_a_rule_needs() -> None:
    (group,) = trees(COMPOSE)["alerting/heelfirst-rules.yaml"]["groups"]
    assert {rule["uid"] for rule in group["rules"]} == {
        "heelfirst-repeated-drags",
        "heelfirst-high-trip-risk",
        "heelfirst-silent-device",
    }
    for rule in group["rules"]:
        refs = [each["refId"] for each in rule["data"]]
        assert len(set(refs)) == len(refs)
        assert rule["condition"] in refs
        assert rule["noDataState"] in ("OK", "NoData", "Alerting")
        assert rule["execErrState"] in ("OK", "Error", "Alerting")
        assert re.fullmatch(r"\d+[smh]", rule["for"])
        assert len(rule["uid"]) <= 40
        # a label goes through Grafana's variables of the environment: no dollar may stand in one
        assert not any("$" in str(value) for value in rule["labels"].values())
        for each in rule["data"]:
            is_query = each["datasourceUid"] in DATABASES
            assert is_query or each["datasourceUid"] == "-100"
            assert each["model"]["refId"] == each["refId"]
            if not is_query:
                assert each["model"]["type"] in ("reduce", "math")
                used = set(re.findall(r"\$?([A-Z]\d?)\b", each["model"]["expression"]))
                assert used <= set(refs)


def test_notification_is_silent_at_night_and_knows_its_receiver() -> None:
    tree = trees(NORTH)["alerting/north-notification.yaml"]
    (point,), (policy,), (mute,) = tree["contactPoints"], tree["policies"], tree["muteTimes"]
    assert policy["receiver"] == point["name"]
    assert point["receivers"][0]["settings"]["addresses"] == "root@localhost"
    assert mute["time_intervals"][0]["location"] == "Europe/Berlin"
    times = [(each["start_time"], each["end_time"]) for each in mute["time_intervals"][0]["times"]]
    assert times == [("22:00", "24:00"), ("00:00", "07:00")]
    (rules,) = trees(NORTH)["alerting/north-rules.yaml"]["groups"]
    kinds = {rule["labels"]["kind"] for rule in rules["rules"]}
    assert {route["object_matchers"][0][2] for route in policy["routes"]} == kinds
    for route in policy["routes"]:
        assert route["receiver"] == point["name"]
        assert route["mute_time_intervals"] == [mute["name"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "North Clinic"},
        {"name": "../north"},
        {"name": "north", "org_id": 0},
        {"name": "north", "url": "http://influx.example:8086"},
        {"name": "north", "url": "influx.example:8086"},
        {"name": "north", "mail": "nobody"},
        {"name": "north", "mail": "a@b.example;"},
        {"name": "north", "events": "gait", "rollups": "gait"},
    ],
)
def test_a_clinic_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ClinicError):
        Clinic(**wrong)


def test_two_clinics_are_written_beside_each_other(tmp_path: Path) -> None:
    folders = ["--out", str(tmp_path / "p"), "--dashboards-in", str(tmp_path / "d")]
    for name, org in (("north", "2"), ("south", "3")):
        arguments = ["provision", name, "--org", org, "--influx", "1", *folders]
        result = CliRunner().invoke(dashboards, arguments)
        assert result.exit_code == 0, result.output
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {
        *(f"d/{board.name}" for board in (HERE / "dashboards").glob("*.json")),
        *(f"p/{path}" for name in ("north", "south") for path in provisioning_files(Clinic(name))),
    }
    provider = yaml.safe_load((tmp_path / "p/dashboards/south.yaml").read_text())["providers"][0]
    assert provider["orgId"] == 3
    assert provider["options"]["path"] == str(tmp_path / "d")


# -- on a real InfluxDB 1.x that asks for passwords ------------------------------------------------


@pytest.fixture
def clinics(tmp_path: Path) -> Iterator[tuple[InfluxServer, dict[str, dict[str, Path]]]]:
    """Two clinics in one InfluxDB, accounts of their own each; one stored stride each."""
    folder = tmp_path / "influx"
    folder.mkdir()
    server = influx_server(folder)
    conf = folder / "influxd.conf"
    conf.write_text(conf.read_text().replace("[http]\n", "[http]\n  auth-enabled = true\n"))
    server.start()
    try:
        admin_file = make_admin(server.url, tmp_path / "secrets")
        secrets: dict[str, dict[str, Path]] = {}
        for name in ("north", "south"):
            accounts = _accounts(name)
            secrets[name] = make_users(
                server.url,
                tmp_path / "secrets",
                raw=f"{name}_gait",
                daily=f"{name}_rollups",
                admin_file=admin_file,
                accounts=accounts,
            )
            _write(server.url, name, read_secret(secrets[name][f"{name}_ingest"]).decode())
        yield server, secrets
    finally:
        server.stop()


def _accounts(clinic: str) -> list[Any]:
    from pipeline.provision.databases import ACCOUNTS

    return [each._replace(name=f"{clinic}_{each.name}") for each in ACCOUNTS]


def _write(url: str, clinic: str, password: str) -> None:
    pair = base64.b64encode(f"{clinic}_ingest:{password}".encode()).decode()
    address = f"{url}/write?{urlencode({'db': f'{clinic}_gait'})}"
    line = f'stride,patient=p{clinic} strike="toe" 1700000000000000000'.encode()
    headers = {"Authorization": f"Basic {pair}"}
    urllib.request.urlopen(urllib.request.Request(address, line, headers), timeout=10).close()


def _logged_in(server: InfluxServer, clinic: str, secrets: dict[str, Path], uid: str) -> Influx:
    """Return InfluxDB as that clinic's data source asks it, by its provisioning file."""
    made = Clinic(
        clinic,
        generation=1,
        url=server.url,
        events=f"{clinic}_gait",
        rollups=f"{clinic}_rollups",
        events_user=f"{clinic}_dashboards",
        rollups_user=f"{clinic}_daily",
        events_secret=str(secrets[f"{clinic}_dashboards"]),
        rollups_secret=str(secrets[f"{clinic}_daily"]),
    )
    sources = trees(made)[f"datasources/{clinic}.yaml"]["datasources"]
    (source,) = [each for each in sources if each["uid"] == uid]
    found = re.fullmatch(r"\$__file\{(.+)\}", source["secureJsonData"]["password"])
    assert found
    password = read_secret(Path(found[1])).decode()
    return Influx(source["url"], source["user"], password)


def test_one_clinics_dashboards_cannot_read_the_others_data(
    clinics: tuple[InfluxServer, dict[str, dict[str, Path]]],
) -> None:
    server, secrets = clinics
    for mine, other in (("north", "south"), ("south", "north")):
        events = _logged_in(server, mine, secrets[mine], "heelfirst-events")
        (series,) = events.ask(f"{mine}_gait", 'SELECT "strike", "patient" FROM "stride"')
        assert [row[1:] for row in series["values"]] == [["toe", f"p{mine}"]]
        rollups = _logged_in(server, mine, secrets[mine], "heelfirst-rollups")
        assert rollups.ask(f"{mine}_rollups", 'SELECT "steps" FROM "daily"') == []
        for source in (events, rollups):
            for database in (f"{other}_gait", f"{other}_rollups"):
                for statement in (
                    'SELECT "strike" FROM "stride"',
                    f'SELECT "strike" FROM "{database}"."autogen"."stride"',
                    'SHOW TAG VALUES WITH KEY = "patient"',
                ):
                    with pytest.raises(RuntimeError, match=r"40[13]|not authorized"):
                        source.ask(database, statement)
        with pytest.raises(RuntimeError, match=r"40[13]|not authorized"):
            events.ask(f"{mine}_gait", f'SELECT * FROM "{other}_gait"."autogen"."stride"')
        with pytest.raises(RuntimeError, match=r"40[13]|not authorized"):
            events.ask(f"{mine}_gait", f'DROP DATABASE "{mine}_gait"')

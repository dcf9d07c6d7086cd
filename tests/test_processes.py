"""The real processes as a person or systemd starts them: `heelfirst agent`, `.. pipeline`."""

import json
import signal
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from house import DEVICE, House, Systemd, command, until
from house_story import Story, fetch, rows
from servers import InfluxServer, Server, free_port

NAMES = ["agent", "pipeline"]


@pytest.fixture
def house(tmp_path: Path, mosquitto: Server) -> Iterator[House]:
    house = House(tmp_path, mosquitto.port).settle()
    yield house
    house.close()


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[House]:
    """A house without a broker."""
    house = House(tmp_path, free_port()).settle()
    yield house
    house.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listener = Systemd(tmp_path)
    yield listener
    listener.close()


# -- one process --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_service_says_ready_is_watched_and_ends_in_good_order(
    name: str, house: House, systemd: Systemd
) -> None:
    service = house.start(name, systemd)
    until(lambda: systemd.said().count("WATCHDOG=1") >= 3, "watchdog that is fed")
    assert systemd.said()[0].startswith("READY=1")
    metrics = fetch(f"http://127.0.0.1:{house.metrics[name]}/metrics").decode()
    assert f"heelfirst_{name}_" in metrics
    assert service.end(signal.SIGTERM) == 0
    assert systemd.said()[-1] == "STOPPING=1"
    lines = [json.loads(line) for line in service.logged.splitlines()]
    assert all({"time", "level", "where", "message"} <= set(line) for line in lines)
    assert not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize("name", NAMES)
def test_without_a_network_a_service_runs_and_ctrl_c_ends_it(
    name: str, lonely: House, systemd: Systemd
) -> None:
    service = lonely.start(name, systemd)
    until(lambda: "WATCHDOG=1" in systemd.said(), "watchdog that is fed")
    until(lambda: str(lonely.broker) in service.logged, "word of the broker that is away")
    assert service.end(signal.SIGINT) == 0
    assert "Traceback" not in service.logged


@pytest.mark.parametrize("name", NAMES)
def test_a_second_ctrl_c_does_not_wait(name: str, house: House) -> None:
    """With a store that never answers, and events that nobody receipts."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        house.settle(f'kind = "influx1"\nurl = "http://127.0.0.1:{port}"')
        service = house.start(name)
        until(lambda: house.numbers(name).get("connected"), "connection")
        service.send(signal.SIGINT)
        time.sleep(0.2)  # the same signal within no time is one signal
        if service.is_running:
            service.send(signal.SIGINT)
        assert service.wait() == 0
    assert "Traceback" not in service.logged


def test_the_patients_page_shows_nothing_without_a_code(house: House) -> None:
    house.start("agent")
    address = f"http://127.0.0.1:{house.page}/"
    until(lambda: _answers(address), "page")
    form = fetch(address).decode()
    assert 'name="code"' in form
    assert "Not a medical device" in form
    for path in ("words", "tap", "live"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(address + path)
        with refused.value as answer:
            assert answer.code in (401, 405)


def _answers(address: str) -> bool:
    try:
        fetch(address)
    except OSError:
        return False
    return True


# -- what fails beside --------------------------------------------------------------------------


def test_whatever_fails_beside_detection_and_ingesting_go_on(house: House) -> None:
    """Ports taken, a key that others can read, damaged files, a rollups store that is none."""
    state, home = house.folder / "state", house.folder / "home"
    state.mkdir()
    home.mkdir()
    (state / "rollups.db").mkdir()
    (state / "acknowledge.key").write_text("0" * 64)
    (state / "acknowledge.key").chmod(0o644)
    for name in ("alerts.json", "tally.json", "setup.json", "page.db"):
        (home / name).write_bytes(b"\x00rubbish" * 300)
    house.tell("therapist", "json://127.0.0.1:9/")
    (house.recipients / "therapist").chmod(0o644)
    patient = house.run("patients", "add", "--device", DEVICE).strip()
    ports = [house.page, house.links, *house.metrics.values()]
    taken = [socket.create_server(("127.0.0.1", port)) for port in ports]
    try:
        pipeline, agent = house.start("pipeline"), house.start("agent")
        until(lambda: len(rows(state / "store.db", "stride", patient)) >= 3, "strides in the store")
    finally:
        for listener in taken:
            listener.close()
    assert agent.end() == 0
    assert pipeline.end() == 0
    for logged, words in (
        (agent.logged, ("no page", "metrics.port", "alerts.json", "page.db")),
        (pipeline.logged, ("notify.port", "metrics.port", "chmod 600", "rollups")),
    ):
        assert [word for word in words if word not in logged] == []
        assert "Traceback" not in logged


def test_on_influxdb_the_pipeline_stores_what_the_agent_sees(
    house: House, influx: InfluxServer
) -> None:
    influx.create("gait_rollups")
    house.settle(f'kind = "influx1"\nurl = "{influx.url}"')
    patient = house.run("patients", "add", "--device", DEVICE).strip()
    house.start("pipeline")
    house.start("agent")
    until(lambda: _count(influx, "gait", "stride", patient) >= 3, "strides in InfluxDB")
    until(lambda: _count(influx, "gait_rollups", "hourly", patient), "rollups in InfluxDB")
    assert [service.end() for service in reversed(house.services)] == [0, 0]


def _count(influx: InfluxServer, database: str, measurement: str, patient: str) -> int:
    q = f"SELECT count(*) FROM {measurement} WHERE patient = '{patient}'"
    query = urllib.parse.urlencode({"db": database, "q": q})
    answer = json.loads(fetch(f"{influx.url}/query?{query}"))
    series = answer["results"][0].get("series", [])
    return max((value for value in series[0]["values"][0][1:]), default=0) if series else 0


# -- the story ----------------------------------------------------------------------------------


def test_both_processes_end_in_good_order_after_a_day(story: Story) -> None:
    assert (story.codes["agent"], story.codes["pipeline"]) == (0, 0)
    for logged in story.logs.values():
        levels = [json.loads(line)["level"] for line in logged.splitlines()]
        assert "ERROR" not in levels


def test_what_the_therapist_set_reached_the_pi_and_it_said_so(story: Story) -> None:
    assert "drags: 5 -> 2" in story.said["set"]
    kept = json.loads((story.house.folder / "home" / "setup.json").read_bytes())
    assert kept["thresholds"]["drags"] == 5, "the erased patient's thresholds are gone from the Pi"


def test_an_alert_of_the_pi_became_a_message_with_a_link(story: Story) -> None:
    assert story.stored["toe_drag"]
    (alert,) = [row for row in story.stored["alert"] if row["rule"] == "repeated_toe_drag"]
    message = json.loads(story.messages[0])
    assert alert["detail"] in message["message"]
    assert "Not a medical device" in message["message"]
    assert b"Was the alarm right?" in story.pages["link"]
    assert story.codes["forged"] == 404


def test_the_acknowledgement_is_in_store_list_and_journal(story: Story) -> None:
    (said,) = story.stored["acknowledge"]
    assert (said["by"], said["true_alarm"]) == ("patient", True)
    assert "seen by" in " ".join(story.said["alerts"].split())
    assert "link:patient acknowledge" in story.said["journal"]
    assert "unbroken" in story.said["journal verify"]


def test_days_are_summed_up_and_the_report_is_made(story: Story) -> None:
    assert {row["side"] for row in story.stored["daily"]} >= {"left", "right"}
    assert sum(row["drags"] or 0 for row in story.stored["daily"]) >= 1
    suffixes = {path.suffix for path in story.reports.iterdir()}
    assert suffixes == {".html", ".pdf"}


def test_the_export_is_whole_and_can_be_checked(story: Story) -> None:
    done = command("patients", "verify", story.export)
    assert done.returncode == 0, done.stderr
    lines = (story.export / "stride.csv").read_text().splitlines()
    assert len(lines) >= 1 + len(story.stored["stride"])


def test_after_the_erasure_nothing_is_left_but_the_tombstone(story: Story) -> None:
    assert story.left == {name: [] for name in story.left}
    for name in ("store.db", "rollups.db", "notify.db", "touched.db"):
        path = story.house.folder / "state" / name
        assert story.patient.encode() not in path.read_bytes(), name
    with closing(sqlite3.connect(story.house.folder / "state" / "registry.db")) as registry:
        (erased,) = registry.execute("select patient from erased").fetchall()
    assert erased == (story.patient,)


def test_the_doctor_finds_a_house_well_in_which_all_runs(story: Story) -> None:
    findings = [line.split(maxsplit=3) for line in story.said["doctor"].splitlines()]
    verdicts = {(room, subject): verdict for room, subject, verdict, _ in findings}
    assert "ill" not in verdicts.values()
    for subject in (("agent", "page"), ("agent", "setup"), ("pipeline", "journal")):
        assert verdicts[subject] == "well"
    (page,) = [text for _, subject, _, text in findings if subject == "page"]
    assert "is served" in page

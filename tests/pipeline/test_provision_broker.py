"""The broker's files: a configuration that mosquitto takes, limits that hold, an ACL by name."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clinic_broker import (
    attempt,
    broker_of,
    context,
    device_keys,
    enrol,
    running_clinic,
    service_keys,
)
from mqtt_member import Member
from paho.mqtt.enums import MQTTProtocolVersion
from servers import Server, free_port

from edge.wire import MAX_MESSAGE_BYTES, topic
from pipeline.provision import BrokerSettings, Clinic, broker
from pipeline.provision.acl import SERVICE_RIGHTS, acl_text, service_role
from pipeline.provision.broker import conf_text
from pipeline.provision.errors import RequestRefused, ServerError

Running = tuple[Clinic, Server]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with running_clinic(tmp_path) as pair:
        yield pair


def test_mosquitto_has_nothing_to_say_about_its_configuration(running: Running) -> None:
    _, server = running
    log = (server.folder.parent.parent / "clinic" / "broker" / "server.log").read_text()
    told = [line for line in log.splitlines() if "Error" in line or "Unknown" in line]
    assert told == []


def test_the_configuration_names_no_secret_but_files(running: Running) -> None:
    clinic, _ = running
    text = conf_text(clinic.settings)
    keys = {line.split()[0] for line in text.splitlines() if line and not line.startswith("#")}
    assert keys.isdisjoint({"password_file", "psk_file", "bridge_password"})
    assert "allow_anonymous false" in text
    assert "PRIVATE KEY" not in text


def member(clinic: Clinic, folder: Path, name: str) -> Member:
    keys = device_keys(enrol(clinic, folder, name))
    # 3.1.1: mosquitto 2.0.11 answers an overlong MQTT 5 message with a code that paho rejects.
    return Member(clinic.settings.port, name, keys, MQTTProtocolVersion.MQTTv311)


def test_the_largest_batch_passes_and_more_does_not(running: Running, tmp_path: Path) -> None:
    clinic, _ = running
    keys = service_keys(clinic, "service.pipeline")
    pipeline = Member(clinic.settings.port, "service.pipeline", keys, MQTTProtocolVersion.MQTTv5)
    largest, events = "x" * MAX_MESSAGE_BYTES, topic("insole-1", "events")
    with pipeline, member(clinic, tmp_path, "insole-1") as device:
        pipeline.subscribe([topic("+", "events")])
        device.send({events: f"{largest}y".encode()})
        device.send({events: largest.encode()})
        pipeline.subscribe(["barrier"])
        assert pipeline.seen == {(largest, events)}


def test_a_packet_far_too_large_ends_the_session_of_its_sender_alone(
    running: Running, tmp_path: Path
) -> None:
    clinic, _ = running
    with (
        member(clinic, tmp_path, "insole-1") as bystander,
        member(clinic, tmp_path, "insole-2") as device,
    ):
        device.push(topic("insole-2", "events"), b"x" * 200_000)
        assert device.wait_lost()
        assert not bystander.lost
        bystander.publish([topic("insole-1", "status")])


def test_settings_are_given_to_the_configuration(tmp_path: Path) -> None:
    settings = BrokerSettings(
        hosts=("b",), port=1234, folder="/f", state="/s", pid_file="/p", max_connections=5
    )
    lines = conf_text(settings).splitlines()
    for line in (
        "listener 1234",
        "acl_file /f/acl",
        "persistence_location /s/",
        "pid_file /p",
        "max_connections 5",
        "user mosquitto",
    ):
        assert lines.count(line) == 1


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("service.pipeline", "pipeline"),
        ("service.pipeline-12", "pipeline"),
        ("service.monitor", "monitor"),
        ("service.pipeline-1234", None),
        ("service.pipeline\n", None),
        ("service.other", None),
        ("pipeline", None),
        ("insole-1", None),
    ],
)
def test_a_service_has_its_role_in_its_name(name: str, role: str | None) -> None:
    assert service_role(name) == role


def test_no_service_may_write_what_devices_write() -> None:
    written = {
        name for rights in SERVICE_RIGHTS.values() for right, name in rights if right == "write"
    }
    assert not any(name.endswith(("/events", "/status", "#")) for name in written)


def test_an_unknown_service_gets_no_line() -> None:
    with pytest.raises(RequestRefused):
        acl_text(["service.pipeline\ntopic readwrite #"], [])


@pytest.mark.parametrize("content", ["", "nonsense", "999999999", "0", "-1"])
def test_only_mosquitto_is_signalled(tmp_path: Path, content: str) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(content)
    with pytest.raises(ServerError, match="systemctl reload mosquitto"):
        broker.reload(BrokerSettings(hosts=("b",), pid_file=str(pid_file)))


def test_a_pid_that_another_process_has_is_not_signalled(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(os.getpid()))  # SIGHUP would end this test
    with pytest.raises(ServerError, match="not mosquitto"):
        broker.reload(BrokerSettings(hosts=("b",), pid_file=str(pid_file)))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter; pytest's own are for the tester alone."""
    with tempfile.TemporaryDirectory(prefix="heelfirst-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a broker as another account")
async def test_a_broker_of_its_own_account_reads_its_files_and_cannot_change_them(
    open_folder: Path, tmp_path: Path
) -> None:
    account = find_account("mosquitto")
    state = open_folder / "state"
    state.mkdir()
    os.chown(state, account.pw_uid, account.pw_gid)
    settings = BrokerSettings(
        hosts=("localhost",),
        port=free_port(),
        folder=str(open_folder / "broker"),
        state=str(state),
        pid_file=str(state / "mosquitto.pid"),
    )
    clinic = Clinic.create(tmp_path / "clinic", "a clinic", settings)
    for path in (open_folder / "broker").iterdir():
        status = path.stat()
        assert status.st_uid == 0, path
        assert not status.st_mode & 0o022, path
        assert status.st_mode & 0o007 == 0 or path.name not in {"acl", "broker.key"}, path
    server = broker_of(clinic)
    server.folder = tmp_path
    server.start()
    try:
        keys = device_keys(enrol(clinic, tmp_path, "insole-1"))
        assert attempt(server.port, context(keys)).outcome == "accepted"
        await clinic.revoke("insole-1")
        assert attempt(server.port, context(keys)).outcome != "accepted"
    finally:
        server.stop()


def find_account(name: str) -> pwd.struct_passwd:
    """Return the account that Debian's package makes; skip where there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pytest.skip(f"there is no account {name}: sudo apt-get install mosquitto")

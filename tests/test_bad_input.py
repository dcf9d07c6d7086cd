"""Bad input as a person gives it or a broker brings it: one clear line, and nothing half done.

What a room refuses by itself is tried in its own tests; here it comes through the command line and
the real processes.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as paho
import pytest
from gait_device import BOOT, strides
from house import DEVICE, House, until
from house_story import rows
from msgspec import structs
from servers import Server

from edge import wire
from heelfirst.cli import main

NOBODY = "p000000000000"


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Settings without any service, and one patient."""
    return House(tmp_path, 1).settle()


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], house: House
) -> Command:
    """Run the command line in this process, with the pipeline's settings."""

    def call(*arguments: str | Path, own: bool = False) -> Done:
        more = [] if own else ["--config", str(house.pipeline)]
        monkeypatch.setattr(sys, "argv", ["heelfirst", *map(str, arguments), *more])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


@pytest.fixture
def patient(run: Command) -> str:
    return run("patients", "add", "--device", DEVICE).out.strip()


def assert_refused(done: Done, *words: str) -> None:
    """One line for people that names what is wrong and what to do, and exit code 2."""
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("heelfirst: ") and done.err.count("\n") == 1, done.err
    for word in words:
        assert word in done.err


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# -- a patient whom nobody knows ----------------------------------------------------------------

UNKNOWN = [
    ["patients", "show", NOBODY],
    ["patients", "set", NOBODY, "drags=3"],
    ["patients", "plan", NOBODY, "add", "heel_walk"],
    ["patients", "orthosis", NOBODY, "afo"],
    ["patients", "note", NOBODY, "a word"],
    ["patients", "assign", "shoe-2", NOBODY],
    ["patients", "add", "--patient", NOBODY, "--device", "shoe-2"],
    ["patients", "export", NOBODY, "--out", "OUT"],
    ["patients", "erase", NOBODY, "--yes"],
    ["report", NOBODY, "--out", "OUT"],
    ["alerts", "list", "--patient", NOBODY],
    ["pipeline", "rollup", "--patient", NOBODY],
]


@pytest.mark.parametrize("arguments", UNKNOWN, ids=lambda arguments: " ".join(arguments[:2]))
def test_an_unknown_patient_is_named_with_where_to_look(
    arguments: list[str], run: Command, patient: str, house: House, tmp_path: Path
) -> None:
    journal = (house.folder / "state" / "journal.jsonl").read_bytes()
    out = tmp_path / "out"
    done = run(*(str(out) if word == "OUT" else word for word in arguments))
    assert_refused(done, NOBODY, "heelfirst patients list")
    assert not out.exists()
    assert (house.folder / "state" / "journal.jsonl").read_bytes() == journal


def test_a_patient_who_never_had_a_device_can_be_erased(run: Command) -> None:
    nobody = run("patients", "add").out.strip()
    assert run("patients", "erase", nobody, "--yes").code == 0
    assert_refused(run("patients", "set", nobody, "drags=3"), nobody, "erased")


# -- values that cannot be ----------------------------------------------------------------------

WRONG: list[tuple[list[str], tuple[str, ...]]] = [
    (["patients", "set", "P", "zone=Mars"], ("no time zone", "Mars")),
    (["patients", "set", "P", "drags=many"], ("drags=default",)),
    (["patients", "set", "P", "drag=3"], ("Did you mean drags?",)),
    (["patients", "set", "P", "drags"], ("KEY=VALUE",)),
    (["patients", "set", "P", "drags=3", "clear_share=0.5"], ("Set clear_share lower",)),
    (["patients", "plan", "P", "add", "heel_wolk"], ("Did you mean heel_walk?",)),
    (["patients", "note", "P", ""], ("1 to 500",)),
    (["report", "P"], ("nothing of", "heelfirst doctor")),
    (["report", "P", "--from", "2026-05-02", "--to", "2026-05-01"], ("empty", "--from")),
    (
        ["patients", "export", "P", "--out", "OUT", "--from", "2026-05-02", "--to", "2026-05-01"],
        ("range is empty",),
    ),
    (["patients", "assign", "Shoe 1", "P"], ("Shoe 1",)),
    (["alerts", "ack", "99"], ("heelfirst alerts list --all",)),
    (["alerts", "snooze", "99"], ("heelfirst alerts list --all",)),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=lambda part: " ".join(part)[:50])
def test_a_wrong_value_is_one_line_and_changes_nothing(
    arguments: list[str],
    words: tuple[str, ...],
    run: Command,
    patient: str,
    house: House,
    tmp_path: Path,
) -> None:
    before = run("patients", "show", patient).out
    out = tmp_path / "out"
    named = {"P": patient, "OUT": str(out)}
    assert_refused(run(*(named.get(word, word) for word in arguments)), *words)
    assert run("patients", "show", patient).out == before
    assert not out.exists()


def test_an_orthosis_that_overlaps_another_names_the_command(run: Command, patient: str) -> None:
    first = ["--from", "2026-01-01", "--to", "2026-02-01"]
    assert run("patients", "orthosis", patient, "afo", *first).code == 0
    second = ["--from", "2026-01-15", "--to", "2026-03-01"]
    done = run("patients", "orthosis", patient, "fes", *second)
    assert_refused(done, "overlaps afo", f"heelfirst patients orthosis {patient} afo")
    remedy = done.err.partition("heelfirst patients ")[2].split()
    assert run("patients", *remedy).code == 0
    assert run("patients", "orthosis", patient, "fes", *second).code == 0


def test_of_an_hour_that_daylight_saving_leaves_out_it_says_what_it_took(
    run: Command, patient: str
) -> None:
    assert run("patients", "set", patient, "zone=Europe/Berlin").code == 0
    done = run("patients", "orthosis", patient, "afo", "--from", "2026-03-29T02:30")
    assert "afo, 2026-03-29 03:30" in done.out
    assert "afo, 2026-03-29 03:30" in " ".join(run("patients", "show", patient).out.split())


# -- settings -----------------------------------------------------------------------------------

SETTINGS = [
    ("agent", 'devcie = "x"\n', "Did you mean 'device'?"),
    ("agent", "x = [\n", "is not TOML"),
    ("agent", '[source]\ndriver = "insole9"\n', "known are"),
    ("agent", '[page]\nhost = "0.0.0.0"\n', "page.allow_plaintext"),
    ("agent", "[cues]\nenabled = true\n", "cues.sound"),
    ("agent", '[broker]\nhost = "broker.example"\n', "broker.allow_plaintext"),
    ("pipeline", "[notify]\nport = 99999\n", "notify.port"),
    ("pipeline", '[care]\nzone = "Mars"\n', "timedatectl"),
    ("pipeline", '[store]\nkind = "influx2"\nurl = "influx"\n', "store.url"),
    ("pipeline", '[store]\nkind = "influx1"\npassword_file = "/nowhere"\n', "store.password_file"),
]


@pytest.mark.parametrize(("name", "text", "words"), SETTINGS, ids=lambda part: part[:40])
def test_wrong_settings_are_one_line(
    name: str, text: str, words: str, run: Command, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.toml"
    state = f'[state]\ndir = "{tmp_path / "new"}"\n' if name == "agent" else ""
    if not text.startswith("["):
        text += state
    else:
        text = state + text
    path.write_text(text)
    assert_refused(run(name, "--config", path, own=True), words)
    assert not (tmp_path / "new").exists()


# -- what a broker brings -----------------------------------------------------------------------


@pytest.fixture
def busy(tmp_path: Path, mosquitto: Server) -> Iterator[House]:
    house = House(tmp_path, mosquitto.port).settle(log="text")
    yield house
    house.close()


class Sender:
    """Publishes and waits until the broker has it."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def sender(busy: House) -> Iterator[Sender]:
    sender = Sender(busy.broker)
    yield sender
    sender.close()


def batch(events: list[wire.Event], device: str = DEVICE) -> bytes:
    return wire.encode(wire.Batch(device=device, boot=BOOT, events=events))


def test_rubbish_is_counted_explained_and_harms_no_good_event(busy: House, sender: Sender) -> None:
    patient = busy.run("patients", "add", "--device", DEVICE).strip()
    service = busy.start("pipeline")
    until(lambda: "connected to the broker" in service.logged, "connection")
    topic = wire.topic(DEVICE, "events")
    good = batch(strides(1))
    newer = json.dumps(json.loads(good) | {"version": 2}).encode()
    times = {2: 1_000_000_000, 3: 2_500_000_000 * 10**9}  # 1970, 2049
    for payload in (b"\xff\x00rubbish", newer, good[:-9], b"[" * 70_000, b""):
        sender.send(topic, payload)
    for seq, time_ns in times.items():
        (event,) = strides(1, first=seq)
        sender.send(topic, batch([structs.replace(event, time_ns=time_ns)]))
    sender.send(wire.topic("stranger-9", "events"), batch(strides(2), "stranger-9"))
    sender.send(wire.topic("stranger-9", "events"), good)  # another's device in the payload
    sender.send(topic, good)
    until(lambda: rows(busy.folder / "state" / "store.db", "stride", patient), "good stride")
    seen = until(lambda: _counted(busy), "counts of what was refused")
    assert seen["events_stored_total"] == 1
    assert seen["messages_malformed_total"] == 6
    assert seen["events_refused_total"] == 2
    assert seen["events_quarantined_total"] == 2
    assert "Traceback" not in service.logged
    assert "malformed.jsonl" in service.logged
    letters = busy.run("pipeline", "deadletters", "list")
    assert "version" in letters and DEVICE in letters
    doctor = busy.run_doctor()
    assert "stranger-9 (2 events); `heelfirst patients add --device DEVICE`" in doctor
    assert "deadletters" in doctor
    assert service.end() == 0


def _counted(house: House) -> dict[str, float]:
    seen = house.numbers("pipeline")
    return seen if seen.get("events_quarantined_total", 0) >= 2 else {}


def test_rubbish_to_the_pi_is_said_and_walking_is_recorded(busy: House, sender: Sender) -> None:
    service = busy.start("agent")
    until(lambda: busy.numbers("agent").get("connected"), "connection")
    other = wire.encode(wire.Setup(device="shoe-2", revision=1))
    sender.send(wire.topic(DEVICE, "config"), other)
    for channel in ("config", "command", "receipt"):
        sender.send(wire.topic(DEVICE, channel), b"\xff rubbish")
        sender.send(wire.topic(DEVICE, channel), b'{"version":9}')
    # the 1st, 2nd, 4th are logged: no log is flooded
    command = f"message on {wire.topic(DEVICE, 'command')} refused"
    until(lambda: command in service.logged, "word of a command that is none")
    assert service.logged.count(f"message on {wire.topic(DEVICE, 'config')} refused") == 2
    assert "it is for device 'shoe-2', this one is 'shoe-1'" in service.logged
    until(lambda: busy.numbers("agent").get("events_committed_total"), "walking recorded")
    assert "Traceback" not in service.logged
    assert not (busy.folder / "home" / "setup.json").exists()
    assert service.end() == 0

"""The agent's doctor: each finding names what is wrong and what to do."""

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_tools import ListSource
from servers import free_port

from edge import wire
from edge.config import AgentConfig, build
from edge.doctor import Finding, examine
from edge.page.health import look_at
from hw.clock import VirtualClock
from hw.outputs import OutputSettings
from hw.outputs.probe import problems

DEVICE = "shoe-1"


def config(folder: Path, **more: Any) -> AgentConfig:
    tree: dict[str, Any] = {"device": DEVICE, "state": {"dir": str(folder)}}
    tree |= {"broker": {"port": free_port()}, "page": {"port": free_port()}} | more
    return build(tree)


async def found(settings: AgentConfig, **more: Any) -> dict[str, Finding]:
    clock = VirtualClock(wall_start_ns=time.time_ns())
    findings = examine(settings, clock, lambda: ListSource([]), **more)
    return {finding[0]: finding async for finding in findings}


def keep(folder: Path, setup: wire.Setup, age_days: float = 0) -> None:
    path = folder / "setup.json"
    path.write_bytes(wire.encode(setup))
    at_s = time.time() - 86400 * age_days
    os.utime(path, (at_s, at_s))


# -- state and setup ----------------------------------------------------------------------------


async def test_before_the_first_start_nothing_is_ill_and_nothing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    findings = await found(config(folder))
    assert {name for name, finding in findings.items() if finding[1] == "ill"} == {
        "source",
        "broker",
    }
    assert "first start makes it" in findings["state"][2]
    assert f"heelfirst patients add --device {DEVICE}" in findings["setup"][2]
    assert not folder.exists()


@pytest.mark.parametrize("name", ["alerts.json", "tally.json"])
async def test_a_damaged_state_file_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"{cut")
    _, verdict, text = (await found(config(tmp_path)))["state"]
    assert (verdict, name in text) == ("doubtful", True)


async def test_what_was_set_aside_is_shown(tmp_path: Path) -> None:
    (tmp_path / "page.db.damaged").touch()
    _, verdict, text = (await found(config(tmp_path)))["state"]
    assert (verdict, "page.db.damaged" in text, "remove" in text) == ("doubtful", True, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file: run it as a person")
async def test_files_of_somebody_else_are_ill(tmp_path: Path) -> None:
    path = tmp_path / "tally.json"
    path.write_text("{}")
    path.chmod(0)
    _, verdict, text = (await found(config(tmp_path)))["state"]
    assert (verdict, "chown" in text) == ("ill", True)


@pytest.mark.parametrize(
    ("setup", "age_days", "verdict", "words"),
    [
        (wire.Setup(device=DEVICE, revision=7), 3, "well", "revision 7, 3 days old"),
        (wire.Setup(device=DEVICE, revision=7), 500, "doubtful", "heelfirst patients show"),
        (wire.Setup(device="shoe-2", revision=7), 0, "doubtful", "'shoe-2'"),
    ],
)
async def test_the_setup_in_use_and_its_age(
    setup: wire.Setup, age_days: float, verdict: str, words: str, tmp_path: Path
) -> None:
    keep(tmp_path, setup, age_days)
    finding = (await found(config(tmp_path)))["setup"]
    assert finding[1] == verdict
    assert words in finding[2]


async def test_a_setup_that_cannot_be_read_comes_again(tmp_path: Path) -> None:
    (tmp_path / "setup.json").write_text(json.dumps({"version": 9}))
    _, verdict, text = (await found(config(tmp_path)))["setup"]
    assert (verdict, "sends it again" in text) == ("doubtful", True)


# -- cues ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "silent", "verdict", "words"),
    [
        ({}, [], "well", "off"),
        ({"cues": {"enabled": True, "sound": True}}, [], "doubtful", "set affected"),
        ({"cues": {"enabled": True, "sound": True}, "affected": "left"}, [], "well", "left"),
        (
            {"cues": {"enabled": True, "sound": True}, "affected": "left"},
            ["no sound device answers: plug one in"],
            "doubtful",
            "walking is recorded all the same; no sound device",
        ),
    ],
)
async def test_cues(
    more: dict[str, Any], silent: list[str], verdict: str, words: str, tmp_path: Path
) -> None:
    findings = await found(config(tmp_path, **more), output_problems=lambda: silent)
    assert findings["cues"][1] == verdict
    assert words in findings["cues"][2]


def test_outputs_that_cannot_be_used_are_named(tmp_path: Path, no_player: Path) -> None:
    pins = OutputSettings(vibration_pin=17)
    assert any("is this a Pi?" in text for text in problems(pins, tmp_path))
    assert list(problems(OutputSettings(), tmp_path)) == []
    sound = OutputSettings(sound=True)
    assert "alsa-utils" in next(problems(sound, tmp_path, player="no-such-player"))
    (text,) = problems(sound, tmp_path, player=str(no_player))
    assert "no sound device answers" in text


@pytest.fixture
def no_player(tmp_path: Path) -> Path:
    """A player that finds no device, as aplay does."""
    path = tmp_path / "player"
    path.write_text("#!/bin/sh\necho 'no device' >&2\nexit 1\n")
    path.chmod(0o700)
    return path


def test_a_player_that_waits_has_its_device(tmp_path: Path) -> None:
    path = tmp_path / "player"
    path.write_text("#!/bin/sh\nexec cat\n")
    path.chmod(0o700)
    assert list(problems(OutputSettings(sound=True), tmp_path, player=str(path))) == []


# -- the page -----------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_page_that_is_off_or_free_is_well(tmp_path: Path) -> None:
    assert look_at(config(tmp_path, page={"enabled": False}).page)[0] == "well"
    verdict, text = look_at(config(tmp_path).page)
    assert (verdict, "is free" in text, "this machine alone" in text) == ("well", True, True)


def test_a_port_of_somebody_else_is_ill(listener: socket.socket, tmp_path: Path) -> None:
    port = listener.getsockname()[1]
    verdict, text = look_at(config(tmp_path, page={"port": port}).page)
    assert (verdict, "set page.port" in text) == ("ill", True)


def test_an_address_that_is_not_this_machines_is_ill(tmp_path: Path) -> None:
    page = {"host": "192.0.2.1", "port": free_port(), "allow_plaintext": True}
    verdict, text = look_at(config(tmp_path, page=page).page)
    assert (verdict, "page.host" in text) == ("ill", True)


def test_plaintext_beyond_this_machine_is_doubtful(tmp_path: Path) -> None:
    page = {"host": "0.0.0.0", "port": free_port(), "allow_plaintext": True}
    verdict, text = look_at(config(tmp_path, page=page).page)
    assert (verdict, "can read along" in text) == ("doubtful", True)


def test_a_certificate_without_its_own_secret_key_is_ill(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    page = {"port": free_port(), "cert": str(tmp_path / "cert.pem"), "key": str(key)}
    assert "cannot be read" in look_at(config(tmp_path, page=page).page)[1]
    key.write_text("key")
    key.chmod(0o644)
    assert "chmod 600" in look_at(config(tmp_path, page=page).page)[1]
    key.chmod(0o600)
    verdict, text = look_at(config(tmp_path, page=page).page)
    assert (verdict, "its own key" in text) == ("ill", True)

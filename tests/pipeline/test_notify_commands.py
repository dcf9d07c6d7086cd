"""`heelfirst alerts`: list, acknowledge, put off, and the share of right alarms."""

import asyncio
from pathlib import Path

import pytest
from notify_room import NOON_NS, PATIENT, alert
from typer.testing import CliRunner, Result

from pipeline.config import load, parse
from pipeline.database import Database
from pipeline.errors import ConfigError
from pipeline.journal import Journal
from pipeline.notify import intake
from pipeline.notify.commands import alerts
from pipeline.notify.model import AlertError
from pipeline.notify.office import open_database
from pipeline.notify.policy import Policy


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings whose notifier has one gait and one technical alert."""
    path = tmp_path / "pipeline.toml"
    path.write_text(
        f'[notify]\npath = "{tmp_path}/notify.db"\n[registry]\npath = "{tmp_path}/registry.db"\n'
    )
    points = [alert(), alert("battery_low", 5, technical=True, priority="low")]

    async def fill(database: Database) -> None:
        await database.run(
            lambda db: intake.take(db, points, NOON_NS, Policy(), lambda *words: None)
        )
        await database.close()

    asyncio.run(fill(open_database(load(path).notify)))
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(alerts, [*words, "--config", str(config)], env={"COLUMNS": "200"})


def test_list_and_acknowledge(config: Path):
    shown = run(config, "list").stdout
    assert "repeated toe drag, left" in shown and "technical" in shown and PATIENT in shown
    assert "noted" in run(config, "ack", "1", "--right").stdout
    assert "noted already" in run(config, "ack", "1", "--right").stdout
    assert run(config, "ack", "2", "--by", "caregiver").exit_code == 0
    shown = run(config, "list").stdout
    assert "seen by therapist: right" in shown  # still open
    assert "seen by caregiver" in run(config, "list", "--all", "--patient", PATIENT).stdout
    assert PATIENT not in run(config, "list", "--patient", "pba9876543210").stdout
    journal = Journal(config.parent / "journal.jsonl")
    assert [entry.action for entry in journal.entries()] == ["acknowledge"] * 2


def test_rules(config: Path):
    run(config, "ack", "1", "--false")
    shown = run(config, "rules").stdout
    assert "0 % of 1" in shown
    assert "none judged" in shown


def test_snooze(config: Path):
    assert run(config, "snooze", "1", "--minutes", "45").exit_code == 0
    assert "seen" not in run(config, "list", "--all").stdout


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("quiet_to = ''", "notify.quiet_to", "leave both empty"),
        ("link = 'clinic.example'", "notify.link", "https://"),
        ("recipient = 'x'", "notify.recipient", "Did you mean 'recipients'?"),
        ("most_per_day = 0", "notify.most_per_day", "sample.toml"),
    ],
)
def test_wrong_settings_are_told(text: str, key: str, remedy: str):
    with pytest.raises(ConfigError) as caught:
        parse(f"[notify]\n{text}")
    assert caught.value.key == key
    assert remedy in str(caught.value)


def test_mistakes_are_told(config: Path):
    missing = run(config, "ack", "99")
    assert isinstance(missing.exception, AlertError)
    assert "heelfirst alerts list --all" in str(missing.exception)
    assert run(config, "ack", "1", "--by", "neighbour").exit_code == 2

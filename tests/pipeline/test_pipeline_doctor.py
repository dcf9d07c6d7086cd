"""The pipeline's doctor: each finding names what is wrong and what to do, and nothing is made."""

import asyncio
import fcntl
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge import wire
from pipeline.config import PipelineConfig
from pipeline.deadletter import REPLAYING, malformed_letter, open_letters, refused_letter
from pipeline.doctor import Finding, examine
from pipeline.journal import Journal
from pipeline.notify.office import open_database
from pipeline.registry import Registry
from pipeline.rollup.touched import Touched

NOW_NS = 1_780_000_000 * 10**9
PATIENT = "p0123456789ab"


def config(folder: Path, **notify: Any) -> PipelineConfig:
    state = folder / "state"
    return msgspec.convert(
        {
            "broker": {"port": 1},
            "store": {"path": str(state / "store.db")},
            "registry": {"path": str(state / "registry.db")},
            "deadletter": {"path": str(state / "deadletters")},
            "rollups": {
                "path": str(state / "rollups.db"),
                "touched": str(state / "touched.db"),
            },
            "notify": {
                "path": str(state / "notify.db"),
                "recipients": str(folder / "people"),
                "key_file": str(state / "acknowledge.key"),
            }
            | notify,
        },
        PipelineConfig,
    )


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


async def found(settings: PipelineConfig) -> dict[str, Finding]:
    return {finding[0]: finding async for finding in examine(settings)}


def person(folder: Path, name: str, text: str = "json://127.0.0.1:9/", mode: int = 0o600) -> None:
    (folder / "people").mkdir(mode=0o750, exist_ok=True)
    path = folder / "people" / name
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)


def test_before_the_first_start_only_the_broker_is_ill_and_nothing_is_made(tmp_path: Path) -> None:
    findings = asyncio.run(found(config(tmp_path)))
    assert [name for name, finding in findings.items() if finding[1] == "ill"] == ["broker"]
    assert list(tmp_path.iterdir()) == []


# -- what was refused ---------------------------------------------------------------------------


async def test_dead_letters_are_counted_with_the_command_to_replay_them(tmp_path: Path) -> None:
    settings = config(tmp_path)
    letters = open_letters(settings)
    gap = wire.Gap(seq=1, time_ns=NOW_NS, what="samples", lost=1, duration_s=1.0, reason="radio")
    boot = "0" * 16
    refused = [refused_letter(gap, "shoe-1", boot, "field type conflict", NOW_NS, None)] * 3
    await letters.add("refused", refused)
    await letters.add("malformed", [malformed_letter("a/topic", b"\xff", "not JSON", NOW_NS)])
    _, verdict, text = (await found(settings))["letters"]
    assert verdict == "doubtful"
    assert "1 malformed, 3 refused" in text
    assert "field type conflict" in text
    assert "heelfirst pipeline deadletters replay" in text
    letters.set_aside()
    assert (Path(settings.deadletter.path) / REPLAYING).exists()
    assert "cut short" in (await found(settings))["letters"][2]


async def test_letters_that_nobody_could_read_are_listed_not_replayed(tmp_path: Path) -> None:
    settings = config(tmp_path)
    letter = malformed_letter("a/topic", b"\xff", "not JSON", NOW_NS)
    await open_letters(settings).add("malformed", [letter])
    text = (await found(settings))["letters"][2]
    assert "deadletters list" in text
    assert "replay" not in text


# -- the registry -------------------------------------------------------------------------------


async def test_an_erasure_that_was_cut_short_is_ill_until_it_is_done(tmp_path: Path) -> None:
    settings = config(tmp_path)
    registry = Registry(settings.registry.path)
    patient = await registry.add_patient()
    await registry.bury(patient, NOW_NS)
    _, verdict, text = (await found(settings))["erasures"]
    assert (verdict, f"heelfirst patients erase {patient}" in text) == ("ill", True)
    await registry.buried(patient, NOW_NS)
    assert (await found(settings))["erasures"][1] == "well"
    await registry.close()


async def test_a_registry_that_is_none_is_ill(tmp_path: Path) -> None:
    settings = config(tmp_path)
    put(Path(settings.registry.path), b"no database" * 100)
    findings = await found(settings)
    assert {findings[name][1] for name in ("registry", "erasures")} == {"ill"}


async def test_a_journal_that_was_changed_is_ill(tmp_path: Path) -> None:
    settings = config(tmp_path)
    journal = Journal(settings.journal_path)
    journal.append("export", PATIENT, files=1)
    journal.append("export", PATIENT, files=2)
    assert (await found(settings))["journal"] == ("journal", "well", "2 entries, unbroken")
    path = settings.journal_path
    path.write_bytes(path.read_bytes().replace(b'"files":1', b'"files":7'))
    _, verdict, text = (await found(settings))["journal"]
    assert (verdict, "line 1" in text, "backup" in text) == ("ill", True, True)


# -- rollups ------------------------------------------------------------------------------------


async def test_days_that_nobody_sums_up_are_doubtful(tmp_path: Path) -> None:
    settings = config(tmp_path)
    touched = Touched(settings.rollups.touched)
    await touched.add([(PATIENT, 5), (PATIENT, 6)])
    _, verdict, text = (await found(settings))["days"]
    assert (verdict, "2" in text, "heelfirst pipeline rollup" in text) == ("doubtful", True, True)
    lock = Path(settings.rollups.touched).with_name("touched.db.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert (await found(settings))["days"][1] == "well"
    await touched.done(await touched.marks())
    assert "every day" in (await found(settings))["days"][2]
    await touched.close()


# -- who is told --------------------------------------------------------------------------------


async def test_nobody_to_be_told_is_doubtful(tmp_path: Path) -> None:
    assert "nobody is told" in (await found(config(tmp_path)))["notify"][2]
    person(tmp_path, f"{PATIENT}.caregiver")
    _, verdict, text = (await found(config(tmp_path)))["notify"]
    assert (verdict, "therapist" in text) == ("doubtful", True)
    person(tmp_path, "therapist")
    assert (await found(config(tmp_path)))["notify"][1] == "well"


async def test_addresses_that_others_can_read_or_change_are_ill(tmp_path: Path) -> None:
    person(tmp_path, "therapist", "mailto://user:secret-word@mail.example", mode=0o644)
    _, verdict, text = (await found(config(tmp_path)))["notify"]
    assert (verdict, "chmod 600" in text, "secret-word" in text) == ("ill", True, False)
    person(tmp_path, "therapist")
    (tmp_path / "people").chmod(0o777)
    _, verdict, text = (await found(config(tmp_path)))["notify"]
    assert (verdict, "chmod 750" in text) == ("ill", True)


@pytest.mark.parametrize(
    ("notify", "verdict", "words"),
    [
        ({}, "well", "set notify.link"),
        ({"link": "https://clinic.example/alerts"}, "ill", "set notify.port"),
        ({"link": "http://clinic.example/alerts", "port": 8443}, "doubtful", "TLS"),
        ({"link": "http://127.0.0.1:8443/alerts", "port": 8443}, "well", "served at"),
        ({"link": "https://clinic.example/alerts", "port": 8443}, "well", "served at"),
    ],
)
async def test_the_link_in_messages(
    notify: dict[str, Any], verdict: str, words: str, tmp_path: Path
) -> None:
    finding = (await found(config(tmp_path, **notify)))["link"]
    assert finding[1] == verdict
    assert words in finding[2]


async def test_a_signing_key_that_others_can_read_is_ill(tmp_path: Path) -> None:
    settings = config(tmp_path)
    key = Path(settings.notify.key_file)
    put(key, b"0" * 64, mode=0o640)
    _, verdict, text = (await found(settings))["link"]
    assert (verdict, f"chmod 600 {key}" in text) == ("ill", True)


async def test_messages_that_failed_before_are_doubtful(tmp_path: Path) -> None:
    settings = config(tmp_path)
    database = open_database(settings.notify)
    message = (PATIENT, 1, 0, "page", 1, "title", "body", NOW_NS, "1")
    columns = "patient, role, technical, kind, priority, title, body, created_ns, episodes"
    sql = f"insert into messages ({columns}) values (?,?,?,?,?,?,?,?,?)"
    more = "insert into deliveries (message, target, tries, next_ns) values (1, ?, ?, 0)"

    def insert(db: sqlite3.Connection) -> None:
        db.execute(sql, message)
        db.executemany(more, [("a", 0), ("b", 3)])

    await database.run(insert)
    await database.close()
    _, verdict, text = (await found(settings))["alerts"]
    assert (verdict, "2 messages" in text, "1 of them failed" in text) == ("doubtful", True, True)

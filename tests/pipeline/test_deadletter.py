"""Dead letters stay on disk, in bounds, and a torn line spoils no other."""

import json
import logging
import os
from pathlib import Path

import pytest

from edge import wire
from pipeline.deadletter import DeadLetters, malformed_letter, refused_letter
from pipeline.points import Point

EVENT = wire.Wear(seq=1, time_ns=5, state="off")
LETTER = refused_letter(EVENT, "d", "0" * 16, "because", 7, Point("wear", (), {"state": "off"}, 5))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_a_letter_holds_all_to_send_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "dead"
    await DeadLetters(folder).add("refused", [LETTER, LETTER])
    first, second = map(json.loads, lines(folder / "refused.jsonl"))
    assert first == second
    assert first["event"] == {"kind": "wear", "seq": 1, "time_ns": 5, "state": "off"}
    assert (first["device"], first["boot"], first["reason"]) == ("d", "0" * 16, "because")
    assert first["point"]["measurement"] == "wear"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "refused.jsonl").stat().st_mode & 0o077 == 0


async def test_any_bytes_become_a_line_of_bounded_length(tmp_path: Path) -> None:
    payload = bytes(range(256)) * 1000
    letter = malformed_letter("t" * 9999, payload, "r" * 9999, 1)
    await DeadLetters(tmp_path).add("malformed", [letter])
    (line,) = lines(tmp_path / "malformed.jsonl")
    assert json.loads(line)["bytes"] == 256_000
    assert len(line) < 8000


async def test_the_oldest_go_and_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    size = len(json.dumps(LETTER, default=lambda o: {})) * 10
    dead = DeadLetters(tmp_path, max_bytes=size, keep=2)
    with caplog.at_level(logging.ERROR):
        for number in range(200):
            await dead.add("refused", [LETTER | {"received_ns": number}])
    files = files_in(tmp_path)
    assert [file.name for file in files] == [
        "refused.jsonl",
        "refused.jsonl.1",
        "refused.jsonl.2",
    ]
    assert all(file.stat().st_size <= size for file in files)
    kept = [
        json.loads(line)["received_ns"]
        for file in (files[2], files[1], files[0])
        for line in lines(file)
    ]
    assert kept == list(range(200 - len(kept), 200))
    lost = sum(int(record.getMessage().split()[-4]) for record in caplog.records)
    assert lost + len(kept) == 200


async def test_a_line_torn_by_a_crash_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    path.write_text('{"received_ns": 1, "rea')
    await DeadLetters(tmp_path).add("refused", [LETTER])
    torn, whole = lines(path)
    assert json.loads(whole)["reason"] == "because"
    assert torn == '{"received_ns": 1, "rea'


async def test_no_room_is_an_error_not_a_loss(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        await DeadLetters(tmp_path / "file" / "dead").add("refused", [LETTER])
    await DeadLetters(tmp_path / "file" / "dead").add("refused", [])


async def test_what_add_returned_from_is_synchronised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    await DeadLetters(tmp_path).add("refused", [LETTER])
    assert synced == [str(tmp_path / "refused.jsonl"), str(tmp_path)]

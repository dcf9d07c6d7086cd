"""The journal: what was written is there, in order, and every change of it is found."""

import hashlib
import multiprocessing
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.journal import Head, Journal, JournalError


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl", clock=lambda: 1_700_000_000_000_000_000)


def fill(journal: Journal, count: int = 5) -> None:
    for number in range(count):
        journal.append("threshold", f"p-{number}", "uid:7", drags=number, share=0.1)


def test_golden(journal: Journal) -> None:
    journal.append("export", "p-4f2a", "uid:7", rows=12, late=None)
    content = (
        '{"action":"export","actor":"uid:7","detail":{"late":null,"rows":12},PLACE'
        '"previous":"' + "0" * 64 + '","seq":1,"subject":"p-4f2a","time_ns":1700000000000000000}'
    )
    digest = hashlib.sha256(content.replace("PLACE", "").encode()).hexdigest()
    assert journal.path.read_text() == content.replace("PLACE", f'"hash":"{digest}",') + "\n"


def test_entries_come_back_in_order(journal: Journal) -> None:
    fill(journal)
    assert [(each.seq, each.subject) for each in journal.entries()] == [
        (n + 1, f"p-{n}") for n in range(5)
    ]
    assert journal.verify() == 5


def test_an_empty_journal_is_whole(journal: Journal) -> None:
    assert journal.verify() == 0
    assert journal.head() == Head(0, "0" * 64)


def test_only_the_owner_may_read_it(journal: Journal) -> None:
    fill(journal, 1)
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_the_actor_is_a_number_and_no_name(journal: Journal) -> None:
    assert journal.append("acknowledge", "alert-1").actor == f"uid:{os.getuid()}"


def test_an_unknown_action_is_refused(journal: Journal) -> None:
    with pytest.raises(ValueError, match="not an action"):
        journal.append("exporting", "p-1")  # type: ignore[arg-type]  # that is the test
    assert not journal.path.exists()


@pytest.mark.parametrize("line", range(5))
def test_a_removed_line_is_found(journal: Journal, line: int) -> None:
    fill(journal)
    noted = journal.head()
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:line] + lines[line + 1 :]))
    with pytest.raises(JournalError) as caught:
        journal.verify(noted)
    assert caught.value.line == (line + 1 if line < 4 else 0)


def test_an_end_cut_off_is_found_by_a_noted_head_alone(journal: Journal) -> None:
    fill(journal)
    noted = journal.head()
    journal.path.write_bytes(b"".join(journal.path.read_bytes().splitlines(keepends=True)[:3]))
    assert journal.verify() == 3
    with pytest.raises(JournalError, match="entry 5 as noted down"):
        journal.verify(noted)


def test_an_earlier_head_stays_good(journal: Journal) -> None:
    fill(journal, 2)
    noted = journal.head()
    fill(journal, 3)
    assert journal.verify(noted) == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(journal: Journal, place: float, bit: int) -> None:
    journal.path.unlink(missing_ok=True)
    fill(journal)
    noted = journal.head()
    data = bytearray(journal.path.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    journal.path.write_bytes(data)
    with pytest.raises(JournalError):
        journal.verify(noted)


def test_a_changed_entry_with_a_new_hash_breaks_the_chain(journal: Journal) -> None:
    fill(journal)
    entries = list(journal.entries())
    forged = msgspec.structs.replace(entries[1], subject="p-other").sealed()
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[1] = msgspec.json.Encoder(order="sorted").encode(forged) + b"\n"
    journal.path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError) as caught:
        journal.verify()
    assert caught.value.line == 3


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_half_written_line_is_cut_off_and_counted(journal: Journal, kept: int) -> None:
    fill(journal, 2)
    whole = journal.path.read_bytes()
    fill(journal, 1)
    torn = journal.path.read_bytes()[len(whole) :][:kept]
    journal.path.write_bytes(whole + torn)
    assert journal.verify() == 2
    journal.append("export", "p-1")
    assert [each.action for each in journal.entries()][2:] == ["repair", "export"]
    assert list(journal.entries())[2].detail == {"torn_bytes": len(torn)}
    assert journal.verify() == 4


def test_nothing_is_chained_to_a_forged_end(journal: Journal) -> None:
    fill(journal, 2)
    data = journal.path.read_bytes()
    journal.path.write_bytes(data.replace(b'"p-1"', b'"p-9"'))
    with pytest.raises(JournalError, match="changed"):
        journal.append("export", "p-1")


def _append(path: Path, count: int) -> None:
    fill(Journal(path), count)


def test_many_processes_make_one_chain(journal: Journal) -> None:
    fill(journal, 1)
    writers = [
        multiprocessing.get_context("spawn").Process(target=_append, args=(journal.path, 20))
        for _ in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert journal.verify() == 61

"""`Care`: records on disk, seen by every process, each change in the journal."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from pipeline.care.care import Care
from pipeline.care.edits import add_note, set_values
from pipeline.care.errors import CareError
from pipeline.care.names import word_of_label
from pipeline.care.orthoses import place_span
from pipeline.care.record import PatientRecord, Span, Worn
from pipeline.errors import RegistryError, StoreUnavailable
from pipeline.journal import Journal
from pipeline.registry import Registry

SECOND = 10**9
NOW_NS = 1_780_000_000 * SECOND
DRAGS = {"drags": "7"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
async def registry(path: Path) -> AsyncIterator[Registry]:
    registry = Registry(path)
    yield registry
    await registry.close()


@pytest.fixture
async def care(path: Path, tmp_path: Path) -> AsyncIterator[Care]:
    journal = Journal(tmp_path / "journal.jsonl")
    care = Care(path, zone="Europe/Berlin", journal=journal, now_ns=lambda: NOW_NS)
    yield care
    await care.close()


async def test_a_change_is_on_disk_logged_and_seen_by_another_process(registry, care, path):
    patient = await registry.add_patient("bed 7")
    other = Care(path)
    await other.refresh()
    await care.change(patient, lambda record: set_values(record, DRAGS))
    assert (await other.record(patient)).thresholds.drags == 7
    assert other.known(patient).thresholds.drags == 5
    await other.refresh()
    assert other.known(patient).thresholds.drags == 7
    assert other.generation == 1
    (entry,) = Journal(path.with_name("journal.jsonl")).entries()
    assert (entry.action, entry.subject) == ("threshold", patient)
    assert entry.detail == {"drags.old": "5", "drags.new": "7"}
    await other.close()


async def test_no_change_is_no_revision_and_no_line(registry, care, path):
    patient = await registry.add_patient()
    for _ in range(2):
        await care.change(patient, lambda record: set_values(record, DRAGS))
    assert (await care.record(patient)).revision == 1
    assert len(await care.changes_since(0)) == 1
    assert len(list(Journal(path.with_name("journal.jsonl")).entries())) == 1


async def test_what_cannot_be_logged_is_not_done(registry, care, path):
    patient = await registry.add_patient()
    path.with_name("journal.jsonl").mkdir()
    with pytest.raises(StoreUnavailable):
        await care.change(patient, lambda record: set_values(record, DRAGS))
    assert (await care.record(patient)).thresholds.drags == 5


async def test_an_unknown_patient_is_refused_with_the_nearest(registry, care):
    patient = await registry.add_patient()
    wrong = patient[:-1] + ("0" if patient[-1] != "0" else "1")
    with pytest.raises(RegistryError, match=f"did you mean {patient}"):
        await care.record(wrong)
    with pytest.raises(RegistryError):
        await care.change(wrong, lambda record: record)


async def test_changes_say_who_and_what(registry, care):
    patient = await registry.add_patient()
    await care.change(patient, lambda record: set_values(record, {"zone": "Asia/Tokyo"}))
    (first,) = await care.changes_since(0)
    assert (first.patient, first.kinds, first.time_ns) == (patient, ("zone", "zone_is_set"), NOW_NS)
    await care.change(patient, lambda record: add_note(record, "note", NOW_NS))
    (second,) = await care.changes_since(first.number)
    assert second.kinds == ("notes",)


async def test_without_a_zone_of_its_own_the_clinics_holds(registry, care):
    patient = await registry.add_patient()
    assert (await care.record(patient)).zone == "Europe/Berlin"
    await care.change(patient, lambda record: set_values(record, DRAGS))
    assert (await care.record(patient)).zone == "Europe/Berlin"
    await care.refresh()
    assert care.known(patient).zone == care.known("p" + "0" * 12).zone == "Europe/Berlin"


async def test_a_record_of_a_newer_version_is_a_clear_word_and_the_others_go_on(
    registry, care, path, caplog
):
    patient, other = await registry.add_patient(), await registry.add_patient()
    await registry.assign("insole-1", patient)
    await registry.assign("insole-2", other)
    for each in (patient, other):
        await care.change(each, lambda record: set_values(record, DRAGS))
    with sqlite3.connect(path) as connection:
        connection.execute("update care set record = '[]' where patient = ?", (patient,))
    connection.close()
    with pytest.raises(CareError, match="Upgrade this program, or restore"):
        await care.record(patient)
    await care.refresh()
    assert care.known(other).thresholds.drags == 7
    word = Worn(time_ns=NOW_NS, orthosis="afo")
    await care.said({patient: [word], other: [word]})
    assert (await care.record(other)).wearings == (word,)
    assert [setup.device for setup in await care.setups()] == ["insole-2"]
    assert [record.patient for record in await care.unmarked()] == [other]
    assert f"the record of {patient} cannot be read" in caplog.text


async def test_a_note_with_a_word_of_the_label_is_refused(registry, care):
    patient = await registry.add_patient("Ms Example-Person, bed 7")
    with pytest.raises(CareError, match="holds 'EXAMPLE'"):
        await care.change(patient, lambda record: add_note(record, "EXAMPLE fell", NOW_NS))
    _, record = await care.change(patient, lambda record: add_note(record, "7 falls", NOW_NS))
    assert len(record.notes) == 1


async def test_the_journal_holds_no_text_of_a_note(registry, care, path):
    patient = await registry.add_patient()
    await care.change(patient, lambda record: add_note(record, "private matter", NOW_NS))
    assert "private" not in path.with_name("journal.jsonl").read_text()


@pytest.mark.parametrize(
    ("text", "label", "word"),
    [
        ("visit by Öffel", "offel", "Öffel"),
        ("OFFELS shoe", "Öffel, bed 3", "OFFELS"),
        ("Li was tired", "Li", "Li"),
        ("足立転子さん、元気", "足立 転子", "足立転子さん"),
        ("lifted the foot", "Li", None),
        ("3 falls in bed", "room 3", None),
        ("a plain note", "", None),
        ("a plain note", "a", None),
    ],
)
def test_words_of_a_label_are_found(text, label, word):
    assert word_of_label(text, label) == word


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_label_is_found_in_itself(before, label):
    found = word_of_label(f"{before} {label}", label)
    has_name = word_of_label(label, label) is not None
    assert (found is not None) >= has_name


# -- what devices are told ----------------------------------------------------------------------


async def test_setups_are_numbered_upwards_whoever_wears_the_device(registry, care):
    one, two = await registry.add_patient(), await registry.add_patient()
    await care.assign("insole-1", one)
    await care.change(one, lambda record: set_values(record, DRAGS))
    (first,) = await care.setups()
    assert (first.thresholds.drags, first.zone) == (7, "Europe/Berlin")
    assert await care.setups() == [first]
    await care.assign("insole-1", two, since_ns=NOW_NS - 2)
    (second,) = await care.setups()
    await care.assign("insole-1", None, since_ns=NOW_NS - 1)
    (third,) = await care.setups()
    assert first.revision < second.revision < third.revision
    assert second.thresholds == wire.Thresholds()
    assert third == wire.Setup(device="insole-1", revision=third.revision)


async def test_setups_of_a_restored_file_are_newer_than_those_before(registry, care, path):
    patient = await registry.add_patient()
    await care.assign("insole-1", patient)
    (before,) = await care.setups()
    assert before.revision == NOW_NS // SECOND
    with sqlite3.connect(path) as connection:
        connection.execute("delete from care_setups")
    connection.close()
    later = Care(path, zone="Europe/Berlin", now_ns=lambda: NOW_NS + 60 * SECOND)
    (after,) = await later.setups()
    assert after.revision > before.revision
    await later.close()


async def test_a_future_assignment_does_not_count_yet(registry, care):
    one, two = await registry.add_patient(), await registry.add_patient()
    await care.change(two, lambda record: set_values(record, DRAGS))
    await care.assign("insole-1", one)
    await care.assign("insole-1", two, since_ns=NOW_NS + SECOND)
    (setup,) = await care.setups()
    assert setup.thresholds.drags == 5


async def test_a_device_that_changes_hands_forgets_who_had_it(registry, care):
    one, two = await registry.add_patient(), await registry.add_patient()
    await care.assign("insole-1", one)
    assert await care.requests() == []
    await care.assign("insole-1", two, since_ns=NOW_NS - 5)
    (queued,) = await care.requests()
    assert (queued.device, queued.request) == ("insole-1", wire.Forget(before_ns=NOW_NS - 5))


async def test_a_request_stays_until_it_is_out_of_date(registry, path):
    clock = [NOW_NS]
    care = Care(path, now_ns=lambda: clock[0])
    await care.queue("insole-1", wire.Snooze(id="drags-left-1", until_ns=NOW_NS + 60 * SECOND))
    await care.queue("insole-1", wire.Forget(before_ns=7))
    await care.queue("insole-1", wire.Forget(before_ns=5))
    await care.queue("insole-2", wire.Forget(before_ns=5))
    kept = [(queued.device, queued.request) for queued in await care.requests()]
    assert kept[1:] == [
        ("insole-1", wire.Forget(before_ns=7)),
        ("insole-2", wire.Forget(before_ns=5)),
    ]
    clock[0] += 61 * SECOND
    assert [queued.request for queued in await care.requests()] == [
        wire.Forget(before_ns=7),
        wire.Forget(before_ns=5),
    ]
    clock[0] += 400 * 86_400 * SECOND
    assert await care.requests() == []
    await care.close()


async def test_forget_leaves_nothing_of_a_patient(registry, care):
    patient = await registry.add_patient()
    await care.change(
        patient, lambda record: place_span(record, Span(orthosis="afo", since_ns=NOW_NS))
    )
    await care.refresh()
    await care.forget(patient)
    await care.refresh()
    assert care.known(patient) == PatientRecord(patient=patient, zone="Europe/Berlin")
    assert await care.rewrites() == []
    assert await care.unmarked() == []
    await care.said({})


async def test_words_of_an_unknown_patient_are_no_record(registry, care):
    await care.said({"p" + "f" * 12: [Worn(time_ns=NOW_NS, orthosis="afo")]})
    assert await care.rewrites() == []

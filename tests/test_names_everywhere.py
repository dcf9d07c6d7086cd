"""No name leaves the registry, and no pseudonym goes where it has no business.

The story of house_story.py is searched: what was on the broker, in logs, metrics, messages, pages,
reports, exports. `names.Names` knows many spellings of a name.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_story import LABEL, NOTE, Story
from names import PEOPLE, Names

ROOT = Path(__file__).parents[1]
PSEUDONYM = re.compile(rb"\bp[0-9a-f]{12}\b")
PATIENTS_OWN = ("pairing", "page /", "page /plain", "page /words", "page live")


@pytest.fixture(scope="module")
def names() -> Names:
    return Names(PEOPLE)


def leaves(story: Story) -> Iterator[tuple[str, bytes]]:
    """Yield everything that left the registry, by a name for it."""
    for number, (topic, payload) in enumerate(story.heard):
        yield f"topic {number}", topic.encode()
        yield f"payload {number} on {topic}", payload
    for number, message in enumerate(story.messages):
        yield f"message {number}", message
    for name, page in story.pages.items():
        yield name, page
    for name, text in (*story.logs.items(), *story.said.items()):
        yield f"said by {name}", text.encode()
    for path in story.reports.iterdir():
        yield path.name, _pdf_text(path) if path.suffix == ".pdf" else path.read_bytes()
    for path in story.export.iterdir():
        yield path.name, _unpacked(path)


def _pdf_text(path: Path) -> bytes:
    from pypdf import PdfReader

    reader = PdfReader(path)
    told = [page.extract_text() for page in reader.pages] + [str(reader.metadata)]
    return "\n".join(told).encode()


def _unpacked(path: Path) -> bytes:
    """Return a file's bytes; of Parquet also its values, which may lie packed."""
    data = path.read_bytes()
    if path.suffix != ".parquet":
        return data
    from pyarrow import parquet

    table = parquet.read_table(path)
    return data + str(table.schema).encode() + json.dumps(table.to_pylist(), default=str).encode()


def test_the_label_was_in_the_registry_and_its_people_are_searched(
    story: Story, names: Names
) -> None:
    assert names.found_in(f"label {LABEL}") == {LABEL}


def test_nothing_that_left_names_anybody(story: Story, names: Names) -> None:
    searched = dict(leaves(story))
    kinds = ("topic", "payload", "message", "said by", "page", "heelfirst-")
    for kind in (*kinds, "manifest.json", "fhir-r4-bundle.json", "record.json", "stride.parquet"):
        assert any(name.startswith(kind) for name in searched), f"nothing of {kind} was searched"
    told = {name: people for name, data in searched.items() if (people := names.found_in(data))}
    assert told == {}


def test_no_pseudonym_is_on_the_broker(story: Story) -> None:
    topics = {topic for topic, _ in story.heard}
    assert {topic.split("/")[0] for topic in topics} == {"heelfirst", "homeassistant"}
    told = [
        (topic, payload)
        for topic, payload in story.heard
        if PSEUDONYM.search(topic.encode()) or PSEUDONYM.search(payload)
    ]
    assert told == []


def test_the_pi_and_its_page_know_no_pseudonym(story: Story) -> None:
    home = story.house.folder / "home"
    for path in home.rglob("*"):
        assert not path.is_file() or not PSEUDONYM.search(path.read_bytes()), path
    for name in PATIENTS_OWN:
        assert not PSEUDONYM.search(story.pages[name]), name
    assert not PSEUDONYM.search(story.logs["agent"].encode())


def test_metrics_and_what_the_patient_is_told_hold_no_pseudonym(story: Story) -> None:
    for name in ("agent metrics", "pipeline metrics"):
        assert not PSEUDONYM.search(story.pages[name]), name
    for message in story.messages:
        assert not PSEUDONYM.search(message)


def test_a_note_is_for_the_therapist_alone(story: Story) -> None:
    """What somebody wrote in own words goes into the report, the export, and nowhere else."""
    told = {name for name, data in leaves(story) if NOTE.encode() in data}
    allowed = re.compile(r"heelfirst-.*|mark\..*|record\.json|said by note|fhir-r4-bundle\.json")
    assert {name for name in told if not allowed.fullmatch(name)} == set()
    assert any(name.endswith(".html") for name in told)


def test_only_the_registry_holds_a_label(tmp_path: Path, names: Names) -> None:
    """Of files that stay: no patient was erased here."""
    from house import DEVICE, House

    house = House(tmp_path, 1).settle()
    patient = house.run("patients", "add", "--label", LABEL, "--device", DEVICE).strip()
    house.run("patients", "set", patient, "drags=3")
    refused = house.run("patients", "note", patient, f"called {LABEL.split()[1]}", code=2)
    assert refused == ""
    told = {path.name for path in names.found_in_files(tmp_path)}
    assert told
    assert {name.partition("-")[0] for name in told} == {"registry.db"}


def test_dashboards_know_nobody(names: Names) -> None:
    files = [path for path in (ROOT / "grafana").rglob("*") if path.suffix in (".json", ".yaml")]
    assert len(files) > 4
    for path in files:
        data = path.read_bytes()
        assert not names.found_in(data), path
        assert not PSEUDONYM.search(data), path

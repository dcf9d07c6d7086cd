"""The report as people get it: HTML and PDF, from both stores, the same bytes every time."""

import asyncio
import dataclasses
import datetime as dt
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import month
import pytest
import typer
from pypdf import PdfReader
from report_room import fill, record_of, settings_file
from servers import InfluxServer
from typer.testing import CliRunner

from pipeline.config import StoreConfig
from pipeline.errors import PipelineError, RegistryError
from pipeline.points import Point
from pipeline.report import build as building
from pipeline.report.build import make_report, write_report
from pipeline.report.commands import report as command
from pipeline.report.errors import NoData, ReportError
from pipeline.report.facts import Facts, find
from pipeline.report.material import gather
from pipeline.report.render import as_html
from pipeline.report.span import Span
from pipeline.report.view import view
from pipeline.sqlite import SqliteStore
from pipeline.store import open_store

ROOT = Path(__file__).parents[2]
PERSON = month.people(1)[0]
DAYS = month.days(16)
STEPS = 250
SPAN = Span(DAYS[0], DAYS[-1], PERSON.zone)
APP = typer.Typer()
APP.command()(command)


class Reader(HTMLParser):
    """Keeps what people see, and what a page could load."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.tags: list[str] = []
        self.figures = 0
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href"):
                self.refers.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._inside and "svg" not in self._inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def stores(folder: Path) -> tuple[SqliteStore, SqliteStore]:
    return SqliteStore(folder / "store.db"), SqliteStore(folder / "rollups.db")


def batches(person: month.Person = PERSON, steps: int = STEPS) -> list[list[Point]]:
    return [month.day_points(person, day, steps) for day in DAYS]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stores of a virtual patient's 16 days."""
    folder = tmp_path_factory.mktemp("report")

    async def make() -> None:
        store, rollups = stores(folder)
        await fill(store, rollups, record_of(PERSON), batches(), DAYS)
        await store.close()
        await rollups.close()

    asyncio.run(make())
    return folder


@pytest.fixture(scope="module")
def made(room: Path) -> building.Report:
    async def make() -> building.Report:
        store, rollups = stores(room)
        try:
            return await make_report(
                store, rollups, record_of(PERSON), SPAN, version="9.9", orthosis="afo"
            )
        finally:
            await store.close()
            await rollups.close()

    return asyncio.run(make())


async def page_of(
    folder: Path, points: list[list[Point]], person: month.Person = PERSON
) -> tuple[Facts, str]:
    """Return the facts and the HTML of these points; no PDF, which takes longest."""
    store, rollups = stores(folder)
    record = record_of(person)
    try:
        await fill(store, rollups, record, points, DAYS)
        facts = find(await gather(store, rollups, record, SPAN, compares=False))
        return facts, as_html(view(facts, "9.9"))
    finally:
        await store.close()
        await rollups.close()


# -- what it says ---------------------------------------------------------------------------------


def test_page_one_answers_the_four_questions_data_first(
    made: building.Report, tmp_path: Path
) -> None:
    _, pdf = write_report(made, tmp_path)
    pages = PdfReader(pdf).pages
    first = " ".join(pages[0].extract_text().split())
    questions = ["1. Is it worn?", "2. Is it safer?", "3. What changed?", "4. What to do?"]
    places = [first.index(question) for question in questions]
    assert places == sorted(places)
    assert "Steps on 16 of 16 days" in first
    assert re.search(r"Received 9\d % of [\d ]+ strides that the device counted", thinned(first))
    assert re.search(
        r"Drags \(left\) [\d.]+ → [\d.]+ per 100 of [\d ]+ → [\d ]+ valid", thinned(first)
    )
    width, height = (float(size) for size in pages[0].mediabox[2:])
    assert (round(width), round(height)) == (595, 842)
    for number, page in enumerate(pages, start=1):
        text = page.extract_text()
        assert f"{number} of {len(pages)}" in text
        assert f"{PERSON.patient} · 2026-10-05 to 2026-10-20" in text
        assert "not a medical device, no diagnosis, no fall alarm" in text


def thinned(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_every_share_names_its_denominator(made: building.Report) -> None:
    text = thinned(read(made.html).text)
    facts = made.facts
    swings = facts.material.strides.by_orthosis("left")
    total = sum(sums.valid_swings for sums in swings.values())
    assert f"% of {total:,}".replace(",", " ") in text
    (comparison,) = facts.comparisons
    for worn in ("afo", "none"):
        assert f"of {comparison.swings[worn]:,} valid swings".replace(",", " ") in text
    for each in facts.exercises:
        assert f"{each.done} of {each.prescribed}" in text
    for each in facts.alerts:
        assert f"{each.acknowledged} of {each.raised}" in text


def test_counts_are_those_of_the_stored_strides(made: building.Report) -> None:
    strides = [p for batch in batches() for p in batch if p.measurement == "stride"]
    left = [p for p in strides if dict(p.tags)["side"] == "left"]
    swings = [p for p in left if p.fields["valid_swing"]]
    drags = [p for p in swings if p.fields.get("toe_drag", "none") != "none"]
    facts = made.facts
    folded = facts.material.strides.by_orthosis("left").values()
    assert sum(sums.strides for sums in folded) == len(left)
    assert sum(sums.valid_swings for sums in folded) == len(swings)
    assert sum(sums.drags for sums in folded) == len(drags)
    # and so say the rollups, which the trends are made of
    daily = [row for (side, _), row in facts.material.daily.items() if side == "left"]
    assert sum(row["drags"] for row in daily) == len(drags)


def test_cues_and_practice_are_counted(made: building.Report) -> None:
    points = [point for batch in batches() for point in batch]
    cues = [p.fields["given"] for p in points if p.measurement == "cue"]
    steps = sum(int(p.fields["steps"]) for p in points if p.measurement == "practice")
    text = thinned(read(made.html).text)
    assert f"Cues: {sum(map(bool, cues))} given, {cues.count(False)} held back." in text
    assert steps
    assert f"% of {steps:,} steps on target".replace(",", " ") in text


def test_the_comparison_finds_the_patient_s_improvement(made: building.Report) -> None:
    (comparison,) = made.facts.comparisons
    drags = comparison.numbers[0]
    assert comparison.clusters == "days"
    assert drags.worn.value is not None
    assert drags.without.value is not None
    assert drags.worn.value < drags.without.value
    assert "no trial" in read(made.html).text


def test_notes_programme_and_clock_change_are_in_it(made: building.Report) -> None:
    text = read(made.html).text
    assert "15 Oct 2026, 15:00 note Brace rubs at the ankle, padded." in text
    assert "17 Oct 2026, 11:00 programme changed" in text
    assert "14 Oct 2026, 00:00 brace (AFO)" in text


# -- how it is made -------------------------------------------------------------------------------


def test_the_html_stands_alone_and_can_be_read_aloud(made: building.Report) -> None:
    page = read(made.html)
    assert "script" not in page.tags
    assert all(reference.startswith("#") for reference in page.refers)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", made.html)
    assert len(page.ids) == len(set(page.ids))
    assert {reference[1:] for reference in page.refers} <= set(page.ids)
    titled = re.findall(
        r'<svg role="img" aria-labelledby="([\w-]+)"[^>]*><title id="\1">', made.html
    )
    assert len(titled) == page.tags.count("svg") >= 9
    # a figure has a sentence of its own
    assert (
        len(re.findall(r"<figure>\s*<figcaption>.*?<p class=\"say\">", made.html, re.DOTALL)) >= 9
    )


def test_both_stores_make_the_same_bytes(
    made: building.Report, influx: InfluxServer, tmp_path: Path
) -> None:
    influx.create("gait_rollups")
    config = StoreConfig(kind="influx1", url=influx.url)

    async def make() -> building.Report:
        store = open_store(config)
        rollups = open_store(StoreConfig(kind="influx1", url=influx.url, database="gait_rollups"))
        try:
            await fill(store, rollups, record_of(PERSON), batches(), DAYS)
            return await make_report(
                store, rollups, record_of(PERSON), SPAN, version="9.9", orthosis="afo"
            )
        finally:
            await store.close()
            await rollups.close()

    other = asyncio.run(make())
    assert other.html == made.html
    assert other.pdf == made.pdf


MAKE = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = [{support!r}, {tests!r}]
from test_report_document import PERSON, SPAN, stores
from report_room import record_of
from pipeline.report.build import make_report, write_report
async def main():
    store, rollups = stores(Path({room!r}))
    record = record_of(PERSON)
    report = await make_report(store, rollups, record, SPAN, version="9.9", orthosis="afo")
    write_report(report, Path(sys.argv[1]))
    await store.close()
    await rollups.close()
asyncio.run(main())
"""


def test_the_same_data_make_the_same_bytes_in_another_process(
    made: building.Report, room: Path, tmp_path: Path
) -> None:
    script = MAKE.format(
        support=str(ROOT / "tests" / "support"), tests=str(Path(__file__).parent), room=str(room)
    )
    wanted = {
        ".html": hashlib.sha256(made.html.encode()).hexdigest(),
        ".pdf": hashlib.sha256(made.pdf).hexdigest(),
    }
    for number, zone in enumerate(("Asia/Tokyo", "America/New_York")):
        out = tmp_path / str(number)
        env = {**os.environ, "PYTHONHASHSEED": str(number), "TZ": zone}
        subprocess.run([sys.executable, "-c", script, str(out)], cwd=ROOT, env=env, check=True)
        found = {p.suffix: hashlib.sha256(p.read_bytes()).hexdigest() for p in out.iterdir()}
        assert found == wanted


def test_a_failure_leaves_nothing_behind(
    made: building.Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = write_report(made, tmp_path / "out")
    kept = before.read_bytes(), after.read_bytes()
    write = building._write_private

    def fail(path: Path, content: bytes) -> None:
        if path.name.endswith(".pdf.draft"):
            path.write_bytes(content[:100])
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(building, "_write_private", fail)
    broken = dataclasses.replace(made, html="<html>", pdf=b"%PDF")
    with pytest.raises(OSError, match="No space"):
        write_report(broken, tmp_path / "out")
    assert sorted((tmp_path / "out").iterdir()) == sorted([before, after])
    assert (before.read_bytes(), after.read_bytes()) == kept
    assert before.stat().st_mode & 0o777 == 0o600


# -- bad input ------------------------------------------------------------------------------------


async def test_one_leg_says_nothing_about_the_other(tmp_path: Path) -> None:
    person = dataclasses.replace(PERSON, sides=("left",))
    facts, html = await page_of(tmp_path, batches(person))
    text = read(html).text
    assert "Right foot no data nothing can be said about it" in text
    assert "No landing of the right foot was recorded, against" in text
    assert "no load curve of the right foot" in html
    assert facts.worn.silent_sides == ("right",)


async def test_the_silent_leg_being_the_affected_one_is_no_good_news(tmp_path: Path) -> None:
    person = dataclasses.replace(PERSON, sides=("left",), affected="right")
    _, html = await page_of(tmp_path, batches(person), person)
    text = read(html).text
    assert "Right foot: cannot be judged" in text
    assert "nothing is known about the hours" in text
    assert "worn and received" not in text
    assert "Go on as agreed" not in text


async def test_without_an_imu_pitch_and_near_trips_are_not_known(tmp_path: Path) -> None:
    person = dataclasses.replace(PERSON, has_imu=False)
    points = [[p for p in day if p.measurement != "near_trip"] for day in batches(person)]
    _, html = await page_of(tmp_path, points)
    text = read(html).text
    assert "Near-trips not known without an IMU none can be seen" in text
    assert "Not known on any day: pitch at contact." in text
    assert "No pitch is known in the later days" in text


async def test_two_devices_are_named(tmp_path: Path) -> None:
    other = dataclasses.replace(PERSON, device="insole-9")
    points = [*batches()[:8], *batches(other)[8:]]
    facts, html = await page_of(tmp_path, points)
    text = read(html).text
    assert "Devices 2 insole-1: 8 days; insole-9: 8 days" in text
    assert facts.worn.days_with_steps == 16


async def test_days_without_data_are_missing_and_not_zero(tmp_path: Path) -> None:
    points = batches()
    facts, html = await page_of(tmp_path, points[:4] + points[10:])
    text = read(html).text
    assert "Steps on 10 of 16 days" in text
    assert "look closer" in text
    assert [day for day in range(16) if ("both", day) not in facts.material.daily] == [
        *range(4, 10)
    ]


async def test_strides_without_rollups_are_refused_with_the_remedy(tmp_path: Path) -> None:
    store, rollups = stores(tmp_path)
    await store.write(batches()[3])
    with pytest.raises(ReportError, match="heelfirst pipeline rollup --patient p"):
        await make_report(store, rollups, record_of(PERSON), SPAN, version="9.9")
    await store.close()
    await rollups.close()


async def test_nothing_stored_is_refused_and_says_nothing_good(tmp_path: Path) -> None:
    store, rollups = stores(tmp_path)
    with pytest.raises(NoData, match="says nothing about how the person walked"):
        await make_report(store, rollups, record_of(PERSON), SPAN, version="9.9")
    await store.close()
    await rollups.close()


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
async def clinic(tmp_path: Path) -> tuple[Path, str]:
    """A configuration, and a patient of its registry with 16 days."""
    path, patient = await settings_file(tmp_path, "insole-1")
    person = dataclasses.replace(PERSON, patient=patient)
    store, rollups = stores(tmp_path)
    await fill(store, rollups, record_of(person), batches(person, 200), DAYS)
    await store.close()
    await rollups.close()
    return path, patient


def run(config: Path, *arguments: str) -> Any:
    return CliRunner().invoke(APP, [*arguments, "--config", str(config)])


def test_the_command_writes_two_files(clinic: tuple[Path, str], tmp_path: Path) -> None:
    config, patient = clinic
    out = tmp_path / "out"
    done = run(config, patient, "--from", "2026-10-05", "--to", "2026-10-20", "--out", str(out))
    assert done.exit_code == 0, done.output
    names = [f"heelfirst-{patient}-2026-10-05-2026-10-20.{kind}" for kind in ("html", "pdf")]
    assert sorted(path.name for path in out.iterdir()) == names
    assert all(f"written: {out / name}" in done.stdout for name in names)
    assert "note: the patient has no time zone of their own; used is UTC" in done.stderr
    html = (out / names[0]).read_text()
    assert "Schlurfenberg" not in html
    assert "Wilhelmine" not in html


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (lambda p: ["p000000000000"], RegistryError, "p000000000000"),
        (lambda p: [p, "--from", "2026-10-09", "--to", "2026-10-05"], ReportError, "is empty"),
        (lambda p: [p, "--from", "2020-01-01", "--to", "2020-01-09"], NoData, "no report"),
    ],
)
def test_bad_input_is_one_clear_word_and_no_file(
    clinic: tuple[Path, str],
    tmp_path: Path,
    arguments: Callable[[str], list[str]],
    error: type[PipelineError],
    words: str,
) -> None:
    config, patient = clinic
    out = tmp_path / "out"
    done = run(config, *arguments(patient), "--out", str(out))
    assert isinstance(done.exception, error)
    assert words in str(done.exception)
    assert not out.exists()


def test_a_date_that_is_none_is_refused(clinic: tuple[Path, str]) -> None:
    done = run(*clinic, "--from", "yesterday")
    assert done.exit_code == 2


def test_without_dates_it_is_the_28_days_until_yesterday() -> None:
    from pipeline.report.commands import _span

    now = dt.datetime(2026, 10, 21, 23, 30, tzinfo=dt.UTC)  # in Berlin it is the 22nd
    span = _span(None, None, "Europe/Berlin", int(now.timestamp()) * 10**9)
    assert (span.first, span.last) == (dt.date(2026, 9, 24), dt.date(2026, 10, 21))


def test_the_command_line_imports_nothing_heavy() -> None:
    script = (
        "import sys, pipeline.report.commands, pipeline.report\n"
        "heavy = {'numpy', 'matplotlib', 'jinja2', 'weasyprint'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")

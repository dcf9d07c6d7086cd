"""The result page and its plots: what the store holds, plainly; no data is never good news."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from walk_rows import BEGIN_NS, PATIENT, as_live_rows, gap_point, walk_points

from edge import wire
from pipeline import plots
from pipeline.page import make_page
from pipeline.points import Point, event_point
from pipeline.sqlite import SqliteStore
from pipeline.summary import cadence_per_min, summarise

SPAN = (BEGIN_NS - 10**9, BEGIN_NS + 10**14)
VOID = {"meta", "br", "link", "img"}


class Reader(HTMLParser):
    """Keeps the text that people see, checks that tags close, counts what matters."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href"):
                self.refers.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db")
    yield store
    await store.close()


async def page_of(store: SqliteStore, points: list[Point], patient: str = PATIENT) -> str:
    await store.write(points)
    return await make_page(store, patient, *SPAN, "A walk")


async def test_a_walk_is_told_with_denominators(store: SqliteStore) -> None:
    page = read(await page_of(store, [*walk_points(40), gap_point()]))
    assert "The left foot landed heel-first in 40 of 40 contacts" in page.text
    assert "dragged in 0 of 39 valid swings" in page.text
    assert "The right foot landed heel-first in 20 of 40 contacts" in page.text
    assert "dragged in 5 of 39 valid swings" in page.text
    assert "scuff 5" in page.text
    assert "high in 20, raised in 0 of 31 strides; because of toe first, drags" in page.text
    assert "1 gap, 0.1 s together; lost: 12 samples" in page.text
    assert "pressure and IMU: 80 of 80 strides" in page.text
    assert page.tags.count("svg") == 5
    assert "22 November 2025, 08:26:40 to 08:27:27 UTC" in page.text


async def test_no_data_is_said_and_never_good_news(store: SqliteStore) -> None:
    page = read(await page_of(store, walk_points(40), patient="p000000000000"))
    assert "No walking was recorded" in page.text
    assert "says nothing about how the person walked" in page.text
    assert page.text.count("Nothing can be said about it") == 2
    assert page.tags.count("svg") == 0
    assert not re.search(r"\b0 of 0\b|none detected|\blow\b", page.text)


async def test_one_leg_says_nothing_about_the_other(store: SqliteStore) -> None:
    page = read(await page_of(store, walk_points(12, ("left",))))
    assert "The right foot was not recorded: nothing can be said about it." in page.text
    assert "No load curve was recorded for this foot." in page.text
    assert "Only 12 contacts: a share of so few says little." in page.text
    assert "right foot: not recorded" in page.text
    assert page.tags.count("svg") == 4


async def test_the_page_stands_alone_and_is_accessible(store: SqliteStore) -> None:
    text = await page_of(store, walk_points(40))
    page = read(text)
    assert "script" not in page.tags
    assert all(reference.startswith("#") for reference in page.refers)
    assert not re.search(r"url\((?!#)|@import", text)
    assert len(page.ids) == len(set(page.ids))
    assert {reference[1:] for reference in page.refers} <= set(page.ids)
    svgs = re.findall(r'<svg role="img" aria-labelledby="([\w-]+)"', text)
    assert len(svgs) == 5
    assert all(re.search(rf'<title id="{name}">[^<]{{20,}}</title>', text) for name in svgs)
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )?([\d.]+)px", text)]
    assert len(sizes) > 20
    assert min(sizes) >= 16
    assert "not a medical device" in page.text
    for word in ("no diagnosis", "no fall alarm", "no stimulation"):
        assert word.removeprefix("no ") in page.text


async def test_the_same_rows_make_the_same_bytes(store: SqliteStore) -> None:
    first = await page_of(store, walk_points(40))
    assert await make_page(store, PATIENT, *SPAN, "A walk") == first


async def test_text_from_outside_is_escaped(store: SqliteStore) -> None:
    page = await make_page(store, "<b>p&", *SPAN, "<script>alert(1)</script>")
    assert "<script>" not in page
    assert "<b>p" not in page


async def test_thousands_of_contacts_become_shares(store: SqliteStore) -> None:
    page = read(await page_of(store, walk_points(1000)))
    assert "Shares of strike types" in await make_page(store, PATIENT, *SPAN, "A walk")
    assert page.tags.count("svg") == 5


def test_without_an_imu_near_trips_are_not_known() -> None:
    rows = as_live_rows(walk_points(10), "stride")
    assert summarise(rows).feet[0].near_trips == 0
    pressure = [row | {"sources": ("pressure",)} for row in rows]
    assert summarise(pressure).feet[0].near_trips is None


def test_drags_in_swings_not_seen_whole_are_counted_apart() -> None:
    rows = as_live_rows(walk_points(40), "stride")
    rows = [row | {"valid_swing": False} for row in rows]
    foot = summarise(rows).feet[1]
    assert (foot.valid_swings, foot.drags, foot.drags_elsewhere) == (0, 0, 5)
    assert sum(foot.drag_kinds.values()) == 5


def test_counts_add_up_for_an_unknown_strike() -> None:
    rows = as_live_rows(walk_points(10), "stride")
    rows[0]["strike"] = "unknown"
    foot = summarise(rows).feet[0]
    assert (foot.contacts, foot.heel_first, foot.unknown) == (10, 9, 1)


def test_cadence_is_of_both_feet() -> None:
    assert cadence_per_min(1.2) == pytest.approx(100.0)
    assert cadence_per_min(None) is None
    assert cadence_per_min(0.0) is None


def test_mean_curves_are_weighted_by_strides() -> None:
    ones, zeros = tuple([1.0] * 63), "[" + ",".join(["0.0"] * 63) + "]"
    bouts = [
        {"curve_left": ones, "strides_left": 3, "curve_right": (), "strides_right": 3},
        {"curve_left": zeros, "strides_left": 1, "curve_right": None, "strides_right": 1},
    ]
    curves = plots.mean_curve(bouts, "left")
    assert curves is not None
    assert [len(curve) for curve in curves] == [21, 21, 21]
    assert all(math.isclose(value, 0.75) for curve in curves for value in curve)
    assert plots.mean_curve(bouts, "right") is None


@pytest.mark.parametrize("sides", [("left", "right"), ("right",), ()])
def test_the_plot_of_a_recording_is_one_svg_file(sides: tuple[str, ...]) -> None:
    points = walk_points(20, sides) if sides else []  # type: ignore[arg-type] # sides of the wire
    strides, bouts = as_live_rows(points, "stride"), as_live_rows(points, "bout")
    text = plots.walk_plot(strides, bouts, title="a <walk> & more")
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    written = " ".join(root.itertext())
    assert "a <walk> & more" in written
    assert ("no data" in written) == (len(sides) < 2)


def test_all_plots_take_rows_of_one_contact() -> None:
    rows = as_live_rows(walk_points(1), "stride")
    assert plots.strikes(rows) is not None
    assert plots.cadence(rows) is None
    assert plots.trip_risk(rows) is None
    assert plots.strikes([]) is None


async def test_sensor_faults_stand_among_what_the_numbers_rest_on(store: SqliteStore) -> None:
    fault = wire.Alert(
        seq=1,
        time_ns=BEGIN_NS,
        id="sensor_fault-left-imu_turned_over",
        rule="sensor_fault",
        side="left",
        priority="medium",
        raised=True,
        detail="imu turned over",
    )
    await store.write(walk_points(20))
    assert "Sensor faults none reported" in read(await make_page(store, PATIENT, *SPAN, "A")).text
    await store.write([event_point(fault, "insole-1", PATIENT)])
    page = read(await make_page(store, PATIENT, *SPAN, "A")).text
    assert "Sensor faults left foot: imu turned over" in page
    nobody = read(await make_page(store, "p00", *SPAN, "A")).text
    assert "Sensor faults none reported, but nothing came either" in nobody

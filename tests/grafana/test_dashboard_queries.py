"""Every query of every dashboard on a real InfluxDB holding a month of virtual patients."""

import itertools
import json
import re
from typing import Any

import pytest
from grafana_twin import (
    DATABASES,
    Frame,
    Range,
    ask_target,
    default_range,
    interpolate,
    is_empty,
    panels,
    shown,
)

from grafana.build import build

FILES = build()
BOARDS = {
    path.partition("/")[2].removesuffix(".json"): json.loads(text)
    for path, text in FILES.items()
    if path.startswith("dashboards/")
}
WHOLE, ONE_INSOLE, NO_IMU, NEW = range(4)

# What cannot be known of a patient: these panels are empty, and say so in words.
NEEDS_IMU = {
    "Foot pitch at contact",
    "Toe clearance in swing",
    "Pitch at contact, all strides of 3 days",
    "Toe clearance, all strides of 3 days",
}
EMPTY = {
    ("patient", WHOLE): set(),
    ("patient", ONE_INSOLE): {
        "Left against right",
        "When it drags, right leg: drags per 100 swings by hour of the day",
        "Contacts of the last day: right leg",
    },
    ("patient", NO_IMU): NEEDS_IMU,
    ("walk", WHOLE): set(),
    ("walk", ONE_INSOLE): set(),
    ("walk", NO_IMU): {"Foot pitch at contact", "Toe clearance in swing"},
}
# Queries that name what need not happen in a month.
RARE = {"events", "alerts", "raw", "unknown", "high", "low", "technical", "toe first", "drags"}
NIGHT = {f"{hour:02} h" for hour in (*range(7), *range(20, 24))}


def ask(month: Any, panel: Any, span: Range, **variables: Any) -> list[list[Frame]]:
    known = {"__interval": span.interval(panel.get("interval", "")), **variables}
    return [ask_target(month.influx, target, span, known) for target in panel["targets"]]


def range_of(month: Any, name: str, who: int) -> Range:
    """The default range; of the walk that dragged most, where a walk is looked at."""
    if name != "walk":
        return default_range(BOARDS[name], month.now_ms)
    bouts = [p for p in month.points[month.patients[who].patient] if p.measurement == "bout"]
    most = max(bouts, key=lambda p: int(p.fields["drags_left"]) + int(p.fields["drags_right"]))
    begin_ms = most.time_ns // 10**6
    return Range(begin_ms - 4000, begin_ms + int(1000 * float(most.fields["duration_s"])) + 4000)


@pytest.mark.parametrize("name", ["clinic", "devices"])
def test_every_panel_of_all_patients_has_data(month: Any, name: str) -> None:
    span = range_of(month, name, WHOLE)
    for panel in panels(BOARDS[name]):
        answers = ask(month, panel, span, device=".*")
        assert not is_empty(list(itertools.chain(*answers))), panel["title"]


@pytest.mark.parametrize(("name", "who"), EMPTY)
def test_a_panel_is_empty_only_where_nothing_can_be_known(month: Any, name: str, who: int) -> None:
    span = range_of(month, name, who)
    empty = set()
    for panel in panels(BOARDS[name]):
        answers = ask(month, panel, span, patient=month.patients[who].patient)
        if is_empty(list(itertools.chain(*answers))):
            empty.add(panel["title"])
    assert empty == EMPTY[name, who]


def columns(found: list[Frame]) -> set[str]:
    return {
        name
        for frame in found
        for name, values in frame.items()
        if name != "Time" and any(value is not None for value in values)
    }


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_gives_the_columns_it_names(month: Any, name: str) -> None:
    span = range_of(month, name, WHOLE)
    whole = month.patients[WHOLE].patient
    for panel in panels(BOARDS[name]):
        for target in panel["targets"]:
            found = ask_target(month.influx, target, span, {"patient": whole, "device": ".*"})
            named = set(_aliases(target["query"]))
            given = columns(found)
            if "$tag_" in target.get("alias", ""):
                assert given, (panel["title"], target["query"])
            else:
                assert named - given <= RARE | NIGHT, (panel["title"], target["query"])


def _aliases(query: str) -> list[str]:
    """Return the names after AS in the SELECT of a query."""
    select = query.partition(" FROM ")[0]
    return [part.split('"')[1] for part in select.split(" AS ")[1:]]


@pytest.mark.parametrize("name", ["patient", "walk"])
def test_a_new_patient_sees_words_and_no_error(month: Any, name: str) -> None:
    span = range_of(month, name, WHOLE)
    for panel in panels(BOARDS[name]):
        answers = ask(month, panel, span, patient=month.patients[NEW].patient)
        assert is_empty(list(itertools.chain(*answers))), panel["title"]


def test_the_clinic_lists_each_patient_once_with_when_it_was_heard(month: Any) -> None:
    span = range_of(month, "clinic", WHOLE)
    panel = BOARDS["clinic"]["panels"][1]
    (table,) = shown(panel, list(itertools.chain(*ask(month, panel, span))))
    heard = dict(zip(table["patient"], table["last heard"], strict=True))
    expected = {
        patient: max(p.time_ns for p in points if p.measurement == "status" and _by(p, span))
        // 10**6
        for patient, points in month.points.items()
        if points
    }
    assert heard == expected
    assert list(table)[:2] == ["patient", "last heard"]
    assert not any(name.startswith("Time") for name in table)


def _by(point: Any, span: Range) -> bool:
    return bool(point.time_ns <= span.to_ms * 10**6)


def test_the_clinics_shares_are_those_of_the_stored_days(month: Any) -> None:
    span = range_of(month, "clinic", WHOLE)
    panel = BOARDS["clinic"]["panels"][1]
    (table,) = shown(panel, list(itertools.chain(*ask(month, panel, span))))
    week_ns = 7 * 24 * 3600 * 10**9
    for patient, share in zip(table["patient"], table["drags, 7 days"], strict=True):
        days = [
            point.fields
            for point in month.points[patient]
            if point.measurement == "daily"
            and dict(point.tags)["side"] != "both"
            and span.to_ms * 10**6 - week_ns < point.time_ns <= span.to_ms * 10**6
        ]
        drags = sum(int(day.get("drags", 0)) for day in days)
        swings = sum(int(day.get("valid_swings", 0)) for day in days)
        assert share == pytest.approx(100 * drags / swings)


def test_the_day_shows_every_contact_once(month: Any) -> None:
    span = range_of(month, "patient", WHOLE)
    patient = month.patients[WHOLE].patient
    for side in ("left", "right"):
        title = f"Contacts of the last day: {side} leg"
        (panel,) = [each for each in panels(BOARDS["patient"]) if each["title"] == title]
        answers = ask(month, panel, span, patient=patient)[:4]
        counted = sum(
            value
            for frame in itertools.chain(*answers)
            for name, values in frame.items()
            if name != "Time"
            for value in values
        )
        day_ns = 24 * 3600 * 10**9
        stored = [
            p
            for p in month.points[patient]
            if p.measurement == "stride"
            and dict(p.tags)["side"] == side
            and span.to_ms * 10**6 - day_ns < p.time_ns <= span.to_ms * 10**6
        ]
        assert counted == len(stored) > 50


def test_an_hour_without_walking_is_blank_and_not_zero(month: Any) -> None:
    span = range_of(month, "patient", WHOLE)
    title = "When it drags, left leg: drags per 100 swings by hour of the day"
    (panel,) = [each for each in panels(BOARDS["patient"]) if each["title"] == title]
    (found,) = ask(month, panel, span, patient=month.patients[WHOLE].patient)
    rows = {name: values for frame in found for name, values in frame.items() if name != "Time"}
    assert list(rows) == [f"{hour:02} h" for hour in range(24)]
    assert all(value is None for value in rows["03 h"])
    assert any(value == 0 for values in rows.values() for value in values)
    assert any(value and value > 5 for values in rows.values() for value in values)


def test_variables_offer_the_patients_and_devices_that_were_heard_of(month: Any) -> None:
    offered = {}
    for board in BOARDS.values():
        for variable in board["templating"]["list"]:
            database = DATABASES[variable["datasource"]["uid"]]
            (series,) = month.influx.ask(database, variable["query"])
            offered[variable["name"]] = {value for _, value in series["values"]}
    assert offered == {
        "patient": {each.patient for each in month.patients if each.has_data},
        "device": {each.device for each in month.patients if each.has_data},
    }


def test_several_devices_can_be_chosen(month: Any) -> None:
    span = range_of(month, "devices", WHOLE)
    (panel,) = [each for each in panels(BOARDS["devices"]) if each["title"] == "Devices"]
    answers = ask(month, panel, span, device=["insole-1", "insole-3"])
    (table,) = shown(panel, list(itertools.chain(*answers)))
    assert table["device"] == ["insole-1", "insole-3"]
    assert table["patient"] == [month.patients[WHOLE].patient, month.patients[NO_IMU].patient]


@pytest.mark.parametrize("name", ["patient", "walk"])
def test_every_annotation_finds_its_marks(month: Any, name: str) -> None:
    patient = month.patients[WHOLE].patient
    span = range_of(month, "patient", WHOLE)
    for annotation in BOARDS[name]["annotations"]["list"]:
        statement = interpolate(annotation["query"], span, {"patient": patient})
        assert annotation["target"]["query"] == annotation["query"]
        database = DATABASES[annotation["datasource"]["uid"]]
        (series,) = month.influx.ask(database, statement)
        shape = {annotation[key] for key in annotation if key.endswith("Column")}
        assert shape <= set(series["columns"])
        assert all(None not in row[:2] for row in series["values"])


def test_the_link_of_a_walk_leads_to_its_strides(month: Any) -> None:
    patient = month.patients[WHOLE].patient
    span = range_of(month, "walk", WHOLE)
    panel = next(panels(BOARDS["walk"]))
    (table,) = shown(panel, list(itertools.chain(*ask(month, panel, span, patient=patient))))
    place = table["begin"].index(span.from_ms + 4000)
    half_ms = table["window"][place] / 2
    assert isinstance(table["window"][place], int)
    linked = Range(int(table["begin"][place] - half_ms), int(table["begin"][place] + half_ms))
    strides = [p for p in month.points[patient] if p.measurement == "stride"]
    inside = [p for p in strides if span.from_ms * 10**6 <= p.time_ns <= span.to_ms * 10**6]
    assert inside
    assert all(linked.from_ms * 10**6 <= p.time_ns <= linked.to_ms * 10**6 for p in inside)


def test_a_leg_without_an_insole_has_no_share_and_no_drags_instead_of_none(month: Any) -> None:
    """InfluxQL divides 0 by 0 to 0: that would be 0 % heel first, or no drags."""
    patient = month.patients[ONE_INSOLE].patient
    span = range_of(month, "walk", ONE_INSOLE)
    panel = next(panels(BOARDS["walk"]))
    (table,) = shown(panel, list(itertools.chain(*ask(month, panel, span, patient=patient))))
    assert set(table["right strides"]) == {0}
    assert not any(name.startswith("right") for name in set(table) - {"right strides"})
    assert any(share is not None for share in table["left heel first"])


def test_every_division_asks_for_something_to_divide_by() -> None:
    for name, board in BOARDS.items():
        for panel in panels(board):
            for target in panel["targets"]:
                select, _, rest = target["query"].partition(" FROM ")
                if "day_hours" in rest:  # hours without swings are not stored
                    continue
                for divisor in re.findall(r' / (?:sum\()?\(?"(\w+)"', select):
                    condition = rest.partition("GROUP BY")[0]
                    assert re.search(rf'"{divisor}"[^)]*> 0', condition), (name, panel["title"])

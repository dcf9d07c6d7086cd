"""What Grafana 9.2 to 13 share: the dashboards keep to it. There is no Grafana here to try.

From the documentation and sources of these versions: panel types that are in all of them, options
that none of them removed, the shape of schema version 36, which later versions migrate.
"""

import itertools
import json
import re
from typing import Any

import pytest

from grafana import colours
from grafana.boards import DISCLAIMER
from grafana.build import build
from grafana.dressing import Words

BOARDS = {
    path.partition("/")[2].removesuffix(".json"): json.loads(text)
    for path, text in build().items()
    if path.startswith("dashboards/")
}
PANEL_TYPES = {
    "histogram", "row", "stat", "state-timeline", "status-history", "table", "text", "timeseries",
}  # fmt: skip
TRANSFORMATIONS = {"joinByField", "organize"}
SOURCES = {"heelfirst-events", "heelfirst-rollups"}
UNITS = {
    "", "bytes", "dateTimeAsIso", "dateTimeFromNow", "degree", "h", "lengthmm", "m", "ms",
    "percent", "s", "short", "velocityms",
}  # fmt: skip
PANELS = [
    pytest.param(panel, id=f"{name}: {panel.get('title', 'text')}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
]
ASKING = [each for each in PANELS if each.values[0].get("targets")]


def test_there_are_the_four_dashboards_and_they_know_each_other() -> None:
    assert {name: board["uid"] for name, board in BOARDS.items()} == {
        "clinic": "heelfirst-clinic",
        "patient": "heelfirst-patient",
        "walk": "heelfirst-walk",
        "devices": "heelfirst-devices",
    }
    uids = {board["uid"] for board in BOARDS.values()}
    linked = set(re.findall(r"/d/([a-z-]+)", json.dumps(BOARDS)))
    assert linked <= uids
    assert {"heelfirst-patient", "heelfirst-walk"} <= linked
    for board in BOARDS.values():
        assert board["tags"] == board["links"][0]["tags"] == ["heelfirst"]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_the_shape_of_grafana_9(name: str) -> None:
    board = BOARDS[name]
    assert board["schemaVersion"] == 36
    assert board["id"] is None
    assert board["editable"] is False
    assert isinstance(board["refresh"], str)
    assert board["timezone"] == "browser"
    for panel in board["panels"]:
        assert panel["type"] in PANEL_TYPES
    for variable in board["templating"]["list"]:
        assert variable["type"] == "query"
        assert isinstance(variable["query"], str)
        assert variable["datasource"]["uid"] in SOURCES
        assert variable["refresh"] in (1, 2)
    for each in board["annotations"]["list"]:
        assert each["datasource"] == {"type": "influxdb", "uid": each["datasource"]["uid"]}
        assert each["query"] == each["target"]["query"]
        assert each["target"]["fromAnnotations"] is True
        assert each["enable"] is True


@pytest.mark.parametrize("name", BOARDS)
def test_panels_are_numbered_and_do_not_overlap(name: str) -> None:
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    for place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert place["h"] > 0
    for a, b in itertools.combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (a, b)


@pytest.mark.parametrize("name", BOARDS)
def test_every_dashboard_says_what_it_is_not(name: str) -> None:
    assert any(
        DISCLAIMER in panel["options"]["content"]
        for panel in BOARDS[name]["panels"]
        if panel["type"] == "text"
    )


@pytest.mark.parametrize("panel", ASKING)
def test_a_panel_explains_itself(panel: Any) -> None:
    shows, normal, act = panel["description"].split("\n\n")
    assert normal.startswith("**Normal:** ")
    assert act.startswith("**What to do:** ")
    assert len(shows) > 20
    assert panel["fieldConfig"]["defaults"]["noValue"]
    assert panel["title"]


@pytest.mark.parametrize("panel", ASKING)
def test_a_panel_asks_the_data_sources_by_uid(panel: Any) -> None:
    uids = {target["datasource"]["uid"] for target in panel["targets"]}
    assert uids <= SOURCES
    if len(uids) == 1:
        assert panel["datasource"] == {"type": "influxdb", "uid": next(iter(uids))}
    else:
        assert panel["datasource"] == {"type": "datasource", "uid": "-- Mixed --"}
    refs = [target["refId"] for target in panel["targets"]]
    assert refs == sorted(set(refs))


@pytest.mark.parametrize("panel", ASKING)
def test_a_query_is_influxql_that_all_generations_have(panel: Any) -> None:
    for target in panel["targets"]:
        query = target["query"]
        assert target["rawQuery"] is True
        assert re.search(r' FROM "[a-z_]+" WHERE ', query)  # no retention policy, no database
        for word in ("INTO", "SLIMIT", "SOFFSET", "SAMPLE(", "INTEGRAL(", "HOLT_WINTERS("):
            assert word not in query.upper()
        assert "time" in query.lower()
        if target["resultFormat"] == "table":
            assert query.partition("GROUP BY")[2].count(",") == 0


@pytest.mark.parametrize("panel", ASKING)
def test_units_and_transformations_are_known_to_all_versions(panel: Any) -> None:
    config = panel["fieldConfig"]
    units = {config["defaults"].get("unit", "")}
    for override in config["overrides"]:
        assert override["matcher"]["id"] in ("byName", "byRegexp")
        units |= {each["value"] for each in override["properties"] if each["id"] == "unit"}
    assert units <= UNITS
    assert {each["id"] for each in panel.get("transformations", ())} <= TRANSFORMATIONS


def _colours_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {
            each
            for key, each in value.items()
            if key in ("color", "fixedColor", "iconColor") and isinstance(each, str)
        }
        return own.union(*map(_colours_of, value.values()))
    return set().union(*map(_colours_of, value)) if isinstance(value, list) else set()


def test_colours_are_those_that_everybody_can_tell_apart() -> None:
    known = {getattr(colours, name) for name in colours.__all__ if name != "STRIKES"}
    assert _colours_of(list(BOARDS.values())) <= known | {"transparent"}


@pytest.mark.parametrize("panel", ASKING)
def test_series_without_a_colour_of_their_own_are_coloured_by_value(panel: Any) -> None:
    """Grafana's own palette has red beside green."""
    if panel["type"] in ("stat", "table", "status-history", "state-timeline"):
        return
    defaults = panel["fieldConfig"]["defaults"]
    if defaults.get("color", {}).get("mode") == "thresholds":
        return
    painted = {
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if any(each["id"] == "color" for each in override["properties"])
    }
    for target in panel["targets"]:
        assert target["alias"] == "$col"
        select = target["query"].partition(" FROM ")[0]
        assert {part.split('"')[1] for part in select.split(" AS ")[1:]} <= painted


@pytest.mark.parametrize("panel", ASKING)
def test_no_value_is_grey_and_not_the_colour_of_the_least(panel: Any) -> None:
    if panel["type"] == "stat":
        shown = [panel["fieldConfig"]["defaults"]]
    elif panel["type"] == "table":
        properties = [
            {each["id"]: each["value"] for each in override["properties"]}
            for override in panel["fieldConfig"]["overrides"]
        ]
        shown = [each for each in properties if "thresholds" in each]
        assert any("noValue" in each for each in properties)
    else:
        return
    for each in shown:
        (nothing,) = [m["options"] for m in each["mappings"] if m["type"] == "special"]
        assert nothing["match"] == "null"
        assert nothing["result"]["color"] == colours.GREY
        assert nothing["result"]["text"]


def test_the_words_of_a_panel_are_its_description() -> None:
    words = Words("t", "This is seen.", "nothing.", "wait.", "empty")
    said = "This is seen.\n\n**Normal:** nothing.\n\n**What to do:** wait."
    assert words.description() == said

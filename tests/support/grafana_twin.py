"""What Grafana does with a dashboard's queries: puts its variables in, asks, makes frames of it.

As the InfluxDB data source's documentation and behaviour of Grafana 9 to 13 say; there is no
Grafana here. Only what these dashboards use.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Frame = dict[str, list[Any]]
"""Columns by name; `Time` is in ms."""
DATABASES = {"heelfirst-events": "gait", "heelfirst-rollups": "gait_rollups"}
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
MAX_POINTS = 1000
_STEPS_MS = (1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000)


@dataclass(frozen=True)
class Range:
    """What the time picker says [ms since 1970]."""

    from_ms: int
    to_ms: int

    def interval(self, least: str = "") -> str:
        """`$__interval`: the range by the points that fit, or the panel's least, rounded."""
        least_ms = int(least.removesuffix("m")) * 60_000 if least else 0
        wanted = max((self.to_ms - self.from_ms) / MAX_POINTS, least_ms)
        step = next((each for each in _STEPS_MS if each >= wanted), 86_400_000)
        return f"{step}ms"


def default_range(board: Mapping[str, Any], now_ms: int) -> Range:
    """Return the range that a dashboard opens with."""
    found = re.fullmatch(r"now-(\d+)([hd])", board["time"]["from"])
    assert found and board["time"]["to"] == "now"
    hours = int(found[1]) * (24 if found[2] == "d" else 1)
    return Range(now_ms - hours * 3_600_000, now_ms)


def interpolate(query: str, span: Range, variables: Mapping[str, Any]) -> str:
    """Return the query as it is sent to InfluxDB; an unknown variable stays as it is."""
    known: dict[str, Any] = {
        "timeFilter": f"time >= {span.from_ms}ms and time <= {span.to_ms}ms",
        "__from": str(span.from_ms),
        "__to": str(span.to_ms),
        "__interval": span.interval(),
        **variables,
    }

    def value(found: re.Match[str]) -> str:
        name, form = found[1] or found[3], found[2]
        if name not in known:
            return found[0]
        chosen = known[name]
        if form == "regex":
            return _regex(chosen)
        assert isinstance(chosen, str), f"{name} has several values and needs :regex"
        return chosen

    return _VARIABLE.sub(value, query)


def _regex(chosen: str | Sequence[str]) -> str:
    if isinstance(chosen, str):
        return chosen if chosen == ".*" else re.escape(chosen)
    return "(" + "|".join(re.escape(each) for each in chosen) + ")"


class Influx:
    """Asks InfluxDB as Grafana's server does; `user` and `password` where it wants them."""

    def __init__(self, url: str, user: str = "", password: str = "") -> None:
        self.url = url
        self._login = {"u": user, "p": password} if user else {}
        self.statements: list[str] = []

    def ask(self, database: str, statement: str) -> list[dict[str, Any]]:
        """Return the series of the answer; raise RuntimeError where InfluxDB refuses."""
        self.statements.append(statement)
        said = {"db": database, "q": statement, "epoch": "ms", **self._login}
        try:
            address = f"{self.url}/query?{urllib.parse.urlencode(said)}"
            with urllib.request.urlopen(address, timeout=30) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"{error.code}: {error.read().decode()}: {statement}") from None
        result = body["results"][0]
        if "error" in result:
            raise RuntimeError(f"{result['error']}: {statement}")
        return list(result.get("series", ()))


def frames(series: Sequence[Mapping[str, Any]], target: Mapping[str, Any]) -> list[Frame]:
    """Return a target's answer as Grafana's frames: one per series and column, or one table."""
    if target["resultFormat"] == "table":
        return [_table(series)] if series else []
    made = []
    for each in series:
        times = [row[0] for row in each["values"]]
        for place, column in enumerate(each["columns"][1:], start=1):
            name = target["alias"].replace("$col", column)
            for tag, said in each.get("tags", {}).items():
                name = name.replace(f"$tag_{tag}", said)
            made.append({"Time": times, name: [row[place] for row in each["values"]]})
    return made


def _table(series: Sequence[Mapping[str, Any]]) -> Frame:
    tags = list(series[0].get("tags", {}))
    table: Frame = {"Time": [], **{tag: [] for tag in tags}}
    for each in series:
        for row in each["values"]:
            table["Time"].append(row[0])
            for tag in tags:
                table[tag].append(each["tags"][tag])
            for column, value in zip(each["columns"][1:], row[1:], strict=True):
                table.setdefault(column, []).append(value)
    return table


def ask_target(
    influx: Influx, target: Mapping[str, Any], span: Range, variables: Any
) -> list[Frame]:
    """Return the frames of a target of a panel."""
    statement = interpolate(target["query"], span, variables)
    assert not _VARIABLE.search(statement), f"a variable is unknown: {statement}"
    return frames(influx.ask(DATABASES[target["datasource"]["uid"]], statement), target)


def joined(tables: Sequence[Frame], by: str) -> Frame:
    """Return the outer join of tables by a column, as the transformation joinByField does."""
    keys = list(dict.fromkeys(key for table in tables for key in table[by]))
    made: Frame = {by: keys}
    for number, table in enumerate(tables, start=1):
        rows = {key: place for place, key in enumerate(table[by])}
        assert len(rows) == len(table[by]), f"{by} is not unique in a joined table"
        for name, values in table.items():
            if name != by:
                title = f"Time {number}" if name == "Time" else name
                assert title not in made, f"two columns {title!r}"
                made[title] = [values[rows[key]] if key in rows else None for key in keys]
    return made


def shown(panel: Mapping[str, Any], frames_of: Sequence[Frame]) -> list[Frame]:
    """Return the frames after the panel's transformations, columns as a reader sees them."""
    made = [dict(frame) for frame in frames_of]
    for each in panel.get("transformations", ()):
        options = each["options"]
        if each["id"] == "joinByField":
            made = [joined(made, options["byField"])] if len(made) > 1 else made
        elif each["id"] == "organize":
            made = [_organized(frame, options) for frame in made]
        else:
            raise AssertionError(f"no twin of the transformation {each['id']}")
    return made


def _organized(frame: Frame, options: Mapping[str, Any]) -> Frame:
    kept = [name for name in frame if not options["excludeByName"].get(name)]
    order = options["indexByName"]
    kept.sort(key=lambda name: order.get(name, len(order)))
    return {options["renameByName"].get(name, name): frame[name] for name in kept}


def is_empty(frames_of: Sequence[Frame]) -> bool:
    """Say whether nothing but times (and tags) would be shown."""
    return not any(
        value is not None
        for frame in frames_of
        for name, values in frame.items()
        if name != "Time"
        for value in values
    )


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels that ask something."""
    yield from (panel for panel in board["panels"] if panel.get("targets"))


def rule_queries(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (rule, query) of a provisioning file of alert rules."""
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            for each in rule["data"]:
                if each["datasourceUid"] in DATABASES:
                    yield rule["uid"], each

"""The alert rules on a real InfluxDB: what fires, what does not, and for whom."""

import re
import time
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from dashboard_data import fill
from grafana_twin import DATABASES, Influx, Range, frames, interpolate
from servers import InfluxServer

from grafana.provisioning import COMPOSE, provisioning_files
from pipeline.points import Point

TEXT = provisioning_files(COMPOSE)["alerting/heelfirst-rules.yaml"]
RULES = {rule["uid"]: rule for rule in yaml.safe_load(TEXT)["groups"][0]["rules"]}
SECOND = 10**9
MINUTE = 60 * SECOND
NOW = time.time_ns() // SECOND * SECOND
PATIENT, OTHER = "p0123456789ab", "pba9876543210"


def evaluate(influx: Influx, uid: str) -> dict[tuple[str, ...], bool]:
    """Return whether the rule fires, by the labels of each series, as Grafana evaluates it."""
    rule = RULES[uid]
    last: dict[str, dict[tuple[str, ...], float]] = {}
    fires: dict[tuple[str, ...], bool] = {}
    for each in rule["data"]:
        model = each["model"]
        if each["datasourceUid"] in DATABASES:
            span = Range(NOW // 10**6 - 1000 * each["relativeTimeRange"]["from"], NOW // 10**6)
            statement = interpolate(model["query"], span, {})
            series = influx.ask(DATABASES[each["datasourceUid"]], statement)
            assert all(frames([one], {**model, "alias": "$col"}) for one in series)
            last[each["refId"]] = {
                tuple(one["tags"].values()): one["values"][-1][1] for one in series
            }
        elif model["type"] == "reduce":
            assert model["reducer"] == "last"
            last[each["refId"]] = last[model["expression"]]
        else:
            fires = _math(model["expression"], last)
    return fires


def _math(expression: str, last: dict[str, Any]) -> dict[tuple[str, ...], bool]:
    """A series is judged where every name has a value for its labels."""
    used = re.findall(r"\$([A-Z])\b", expression)
    python = re.sub(r"\$([A-Z])\b", r"\1", expression).replace("&&", "and")
    common = set.intersection(*(set(last[name]) for name in used))
    return {
        labels: bool(eval(python, {"__builtins__": {}}, {n: last[n][labels] for n in used}))
        for labels in common
    }


def strides(count: int, *, drags: int = 0, high: int = 0, side: str = "left") -> list[Point]:
    """Strides of the last 50 minutes, the first of them with drags or at high trip risk."""
    tags = (("device", "insole-1"), ("patient", PATIENT), ("side", side))
    return [
        Point(
            "stride",
            tags,
            {
                "strike": "heel",
                "valid_swing": True,
                "stride_s": 1.2,
                "drag_ms": 50.0 if number < drags else 0.0,
                "trip_level": "high" if number < high else "low",
            },
            NOW - 50 * MINUTE + number * SECOND,
        )
        for number in range(count)
    ]


def statuses(minutes_ago: Sequence[int], patient: str = PATIENT) -> list[Point]:
    tags = (("device", f"insole-of-{patient}"), ("patient", patient))
    return [Point("status", tags, {"online": True}, NOW - ago * MINUTE) for ago in minutes_ago]


@pytest.mark.parametrize(
    ("walked", "fires"),
    [
        (strides(60, drags=6), True),
        (strides(60, drags=5), False),  # 8 of 100
        (strides(40, drags=20), False),  # too few swings to say
        (strides(200, drags=19), False),
        (strides(200, drags=20), True),
        (strides(200), None),  # no drag at all: no series, nothing to judge
    ],
)
def test_repeated_drags_need_a_share_and_a_denominator(
    influx: InfluxServer, walked: list[Point], fires: bool | None
) -> None:
    fill(influx.url, [*walked, *strides(200, drags=1, side="right")])
    found = evaluate(Influx(influx.url), "heelfirst-repeated-drags")
    assert found.get((PATIENT, "left")) is fires
    assert found[(PATIENT, "right")] is False


@pytest.mark.parametrize(("high", "count", "fires"), [(151, 300, True), (149, 300, False)])
def test_high_trip_risk_needs_three_minutes(
    influx: InfluxServer, high: int, count: int, fires: bool
) -> None:
    fill(influx.url, strides(count, high=high))
    found = evaluate(Influx(influx.url), "heelfirst-high-trip-risk")
    assert found == {(PATIENT, "left"): fires}


def test_high_trip_risk_needs_a_fifth_of_the_walking(influx: InfluxServer) -> None:
    fill(influx.url, strides(2900, high=160))
    assert evaluate(Influx(influx.url), "heelfirst-high-trip-risk") == {(PATIENT, "left"): False}


def test_a_device_is_silent_after_three_quarters_of_an_hour(influx: InfluxServer) -> None:
    talking = statuses(range(0, 120, 5))
    silent = statuses(range(70, 300, 5), OTHER)
    fill(influx.url, [*talking, *silent])
    found = evaluate(Influx(influx.url), "heelfirst-silent-device")
    assert {labels[-1]: fires for labels, fires in found.items()} == {PATIENT: False, OTHER: True}


def test_a_device_that_paused_for_half_an_hour_is_not_silent(influx: InfluxServer) -> None:
    fill(influx.url, statuses(range(30, 300, 5)))
    assert not any(evaluate(Influx(influx.url), "heelfirst-silent-device").values())


def test_without_any_device_no_rule_says_that_all_is_well(influx: InfluxServer) -> None:
    fill(influx.url, [])
    assert evaluate(Influx(influx.url), "heelfirst-silent-device") == {}
    assert RULES["heelfirst-silent-device"]["noDataState"] == "NoData"


def test_every_rule_asks_about_a_month_without_an_error(month: Any) -> None:
    asked = 0
    for rule in RULES.values():
        for each in rule["data"]:
            if each["datasourceUid"] in DATABASES:
                span = Range(month.now_ms - 30 * 86_400_000, month.now_ms)
                statement = interpolate(each["model"]["query"], span, {})
                series = month.influx.ask(DATABASES[each["datasourceUid"]], statement)
                assert {one["tags"]["patient"] for one in series}
                asked += 1
    assert asked == 5

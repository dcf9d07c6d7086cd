"""What to do: a rule applies when it says so and names a denominator; no data is no good news."""

import dataclasses
from typing import Any

import pytest

from pipeline.report.changes import METRICS, AboveBaseline, Change
from pipeline.report.compare import Compared, Comparison
from pipeline.report.events import AlertCount, CueCount, ExerciseCount, Fatigue
from pipeline.report.facts import Facts, NearTrips
from pipeline.report.intervals import Interval, Ratio
from pipeline.report.rules import RULES, advise
from pipeline.report.worn import Worn

WORN = Worn(
    days=28,
    days_with_steps=28,
    worn_s=(36_000.0,) * 28,
    landings={"left": 5000, "right": 5000},
    valid_swings={"left": 4900, "right": 4900},
    walking_s=36_000.0,
    devices=(),
    tallied=10_000,
    received=9_990,
    samples=1_000_000,
    samples_lost=10,
    gaps=1,
    gap_s=1.0,
    events_lost=0,
    technical={},
    not_computed=(),
)
METRIC = {metric.name: metric for metric in METRICS}


def ratio(hits: float, of: float, interval: Interval | None = None) -> Ratio:
    return Ratio(hits, of, 14, hits / of, interval)


def change(name: str, low: float, high: float) -> Change:
    return Change(METRIC[name], "left", ratio(30, 1000), ratio(60, 1000), Interval(low, high))


def comparison(worn: float, without: float, low: float, high: float) -> Comparison:
    drags = Compared(
        "Toe drags",
        "per 100",
        "valid swings",
        100,
        -1,
        ratio(worn, 300),
        ratio(without, 300),
        Interval(low, high),
    )
    return Comparison("left", "afo", {"afo": 300, "none": 300}, "", "days", (drags,), 0, (3, 9))


def exercise(done: int, prescribed: int) -> ExerciseCount:
    return ExerciseCount("toe_taps", prescribed, done, 10, 10, done, 100, 0, 0.8)


def alert(raised: int = 8, seen: int = 8, right: int = 8, wrong: int = 0) -> AlertCount:
    return AlertCount("repeated_toe_drag", False, raised, seen, right, wrong, 1)


def facts(worn: dict[str, Any] | None = None, **found: Any) -> Facts:
    """Facts in which no rule applies, but for what is given."""
    quiet: dict[str, Any] = {
        "changes": (),
        "above": (),
        "fatigue": (),
        "near_trips": NearTrips(0, 36_000.0),
        "comparisons": (),
        "exercises": (),
        "cues": CueCount(0, 0, 0, 0, 0),
        "alerts": (),
    }
    parts = quiet | found
    return Facts(None, dataclasses.replace(WORN, **(worn or {})), **parts)  # type: ignore[arg-type] # the rules look at no rows


CASES = [
    ("hardly worn", facts({"days_with_steps": 13}), "13 of 28 days"),
    (
        "one foot silent",
        facts({"landings": {"left": 0, "right": 70}}),
        "No landing of the left foot was recorded, against 70 landings of the right foot.",
    ),
    ("data missing", facts({"received": 8_999}), "of 10\N{NARROW NO-BREAK SPACE}000 strides"),
    ("sensor faults", facts({"technical": {"sensor_fault": 1}}), "1 sensor fault reported"),
    ("more drags", facts(changes=(change("drags", 0.01, 0.05),)), "3.0 (of 1"),
    ("above the own baseline", facts(above=(AboveBaseline("left", 3, 12),)), "3 of 12 days"),
    ("near-trips", facts(near_trips=NearTrips(2, 36_000.0)), "2 near-trips in 10.0 h walked."),
    (
        "longer walks tire",
        facts(fatigue=(Fatigue("left", ratio(6, 600), ratio(30, 300), Interval(0.02, 0.2)),)),
        "1.0 drags per 100 of 600 valid swings",
    ),
    (
        "fewer heel-first landings",
        facts(changes=(change("heel_first", -0.2, -0.1),)),
        "known landings",
    ),
    (
        "orthosis goes with better steps",
        facts(comparisons=(comparison(3, 30, -0.2, -0.05),)),
        "toe drags clearly better with brace (AFO) (300 valid swings)",
    ),
    (
        "orthosis goes with worse steps",
        facts(comparisons=(comparison(30, 3, 0.05, 0.2),)),
        "toe drags clearly worse with brace (AFO) (300 valid swings)",
    ),
    ("exercises left out", facts(exercises=(exercise(2, 6),)), "2 of 6 prescribed sets"),
    ("false alarms", facts(alerts=(alert(right=2, wrong=3),)), "3 of 5 judged alerts"),
    (
        "alerts nobody saw",
        facts(alerts=(alert(seen=3, right=3),)),
        "5 of 8 gait alerts were acknowledged by nobody.",
    ),
]


def test_every_rule_has_a_case() -> None:
    assert [name for name, _, _ in CASES] == [rule.name for rule in RULES]


@pytest.mark.parametrize(("name", "found", "reason"), CASES, ids=[name for name, _, _ in CASES])
def test_a_rule_applies_and_says_why(name: str, found: Facts, reason: str) -> None:
    (advice,) = advise(found)
    assert advice.rule == name
    assert reason in advice.reason


@pytest.mark.parametrize(
    "found",
    [
        facts(),
        facts({"days_with_steps": 14}),
        facts({"tallied": 0, "received": 0}),
        facts(changes=(change("drags", -0.01, 0.05),)),
        facts(changes=(dataclasses.replace(change("drags", 0.01, 0.05), later=ratio(60, 199)),)),
        facts(changes=(dataclasses.replace(change("drags", 0.01, 0.05), interval=None),)),
        facts(changes=(change("heel_first", 0.1, 0.2),)),
        facts(above=(AboveBaseline("left", 3, 3),)),
        facts(near_trips=NearTrips(None, 36_000.0)),
        facts(fatigue=(Fatigue("left", ratio(6, 600), ratio(30, 300), Interval(-0.1, 0.2)),)),
        facts(comparisons=(comparison(29, 30, -0.1, 0.1),)),
        facts(exercises=(exercise(3, 6), exercise(0, 5))),
        facts(alerts=(alert(right=1, wrong=3),)),
    ],
)
def test_where_no_rule_applies_the_days_are_named(found: Facts) -> None:
    (advice,) = advise(found)
    assert advice.rule == "nothing stood out"
    assert f"came on {found.worn.days_with_steps} of 28 days" in advice.reason
    assert "of the other days nothing is known" in advice.reason


def test_no_data_is_not_nothing_stood_out() -> None:
    empty = {"days_with_steps": 0, "landings": {"left": 0, "right": 0}, "worn_s": ()}
    rules = [advice.rule for advice in advise(facts(empty))]
    assert rules[0] == "hardly worn"


def test_no_rule_diagnoses() -> None:
    for rule in RULES:
        assert not any(word in rule.advice.lower() for word in ("diagnos", "disease", "will fall"))

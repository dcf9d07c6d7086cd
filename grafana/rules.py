"""Alert rules of Grafana: the therapist's second layer, over what is stored.

The first layer is on the device, works without a network and pages people. These three look at
the same things from the clinic's side, and at what a device cannot say: that it is silent.

A rule is a row of `RULES`: its queries, an expression over their last values, and its words.
Expressions are `math` over `reduce`, which all versions have; their data source is written "-100",
the one name that Grafana 9.2 knows, too.
"""

from dataclasses import dataclass
from typing import Final

from grafana.files import Tree
from grafana.queries import Query

__all__ = ["FOLDER", "GROUP", "RULES", "Rule", "rule_groups"]

FOLDER: Final = "heelfirst"
GROUP: Final = "heelfirst"
EXPRESSION: Final = "-100"
CONDITION: Final = "Z"
PATIENT_PAGE: Final = "/d/heelfirst-patient?var-patient={{ $labels.patient }}"
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S


@dataclass(frozen=True)
class Rule:
    """One alert rule.

    Attributes
    ----------
    uid : str
        Fixed.
    queries : dict
        Name (A, B ..) to a query without GROUP BY time or with; its last value counts.
    expression : str
        True (not 0) where the rule fires: `$A >= 5`.
    span_s : int
        How far back the queries look [s].
    hold : str
        For how long it has to be true.
    priority : {"high", "medium", "low"}
    technical : bool
        About the measuring, not the gait.
    no_data : {"OK", "NoData"}
        What it means that no series answers.
    """

    uid: str
    title: str
    queries: dict[str, Query]
    expression: str
    span_s: int
    hold: str
    priority: str
    technical: bool
    no_data: str
    summary: str
    description: str
    dashboard: str


def _per_leg(table: str, select: str, condition: str = "") -> Query:
    return Query(table, select, condition, group_by="{patient}, {side}")


RULES: Final = (
    Rule(
        uid="heelfirst-repeated-drags",
        title="Toes drag repeatedly",
        queries={
            "A": _per_leg("stride", "count({drag_ms})", "{drag_ms} > 0"),
            "B": _per_leg("stride", "count({strike})", "{valid_swing} = true"),
        },
        expression="($A >= 5) && ($B >= 50) && ($A >= 0.1 * $B)",
        span_s=HOUR_S,
        hold="0s",
        priority="medium",
        technical=False,
        no_data="OK",
        summary="{{ $labels.patient }}: the {{ $labels.side }} foot drags its toes repeatedly",
        description="At least 5 drags in the last hour, and 10 of 100 valid swings or more (of 50 "
        "at least). Look at the hour on the patient's dashboard; check the orthosis; call.",
        dashboard=PATIENT_PAGE,
    ),
    Rule(
        uid="heelfirst-high-trip-risk",
        title="High trip risk",
        queries={
            "A": _per_leg("stride", "sum({stride_s})", "{trip_level} = 'high'"),
            "B": _per_leg("stride", "sum({stride_s})"),
        },
        expression="($A >= 180) && ($A >= 0.2 * $B)",
        span_s=HOUR_S,
        hold="0s",
        priority="high",
        technical=False,
        no_data="OK",
        summary="{{ $labels.patient }}: high trip risk on the {{ $labels.side }} leg",
        description="At least 3 minutes of the last hour's walking, and a fifth of it, at the "
        "level high. The risk is a margin over recent steps, not a prediction of falls. Advise "
        "pauses and the orthosis; look at the walks.",
        dashboard=PATIENT_PAGE,
    ),
    Rule(
        uid="heelfirst-silent-device",
        title="Silent device",
        queries={
            "A": Query(
                "status",
                "moving_average(count({online}), 4)",
                "",
                group_by="time(15m), {patient}, {device} fill(0)",
            )
        },
        expression="$A == 0",
        span_s=3 * DAY_S,
        hold="15m",
        priority="low",
        technical=True,
        no_data="NoData",
        summary="{{ $labels.device }} of {{ $labels.patient }} is silent",
        description="Heard of within the last three days, but not in the last 45 minutes. It may "
        "be off or without a network; what it measures meanwhile comes later. Nothing known of "
        "the walking meanwhile is no good news.",
        dashboard="/d/heelfirst-devices?var-device={{ $labels.device }}",
    ),
)


def rule_groups(org_id: int) -> Tree:
    """Return the provisioning file of all rules for one organisation."""
    group: Tree = {
        "orgId": org_id,
        "name": GROUP,
        "folder": FOLDER,
        "interval": "5m",
        "rules": [_rule(rule) for rule in RULES],
    }
    return {"apiVersion": 1, "groups": [group]}


def _rule(rule: Rule) -> Tree:
    data: list[Tree] = []
    for ref, query in rule.queries.items():
        data.append(_query(ref, query, rule.span_s))
        reduce = {"type": "reduce", "expression": f"{ref}0", "reducer": "last"}
        data.append(_expression(ref, reduce))
    data.append(_expression(CONDITION, {"type": "math", "expression": rule.expression}))
    kind = "technical" if rule.technical else "gait"
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": CONDITION,
        "data": data,
        "for": rule.hold,
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "labels": {"kind": kind, "priority": rule.priority},
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            "dashboard": rule.dashboard,
        },
        "isPaused": False,
    }


def _query(ref: str, query: Query, span_s: int) -> Tree:
    model: Tree = {
        "datasource": {"type": "influxdb", "uid": query.datasource},
        "query": query.text(),
        "rawQuery": True,
        "refId": f"{ref}0",
        "resultFormat": "time_series",
        "intervalMs": 60000,
        "maxDataPoints": 1000,
    }
    return {
        "refId": f"{ref}0",
        "datasourceUid": query.datasource,
        "relativeTimeRange": {"from": span_s, "to": 0},
        "model": model,
    }


def _expression(ref: str, body: dict[str, str]) -> Tree:
    model: dict[str, Tree] = {
        "datasource": {"type": "__expr__", "uid": EXPRESSION},
        "refId": ref,
        **body,
    }
    return {
        "refId": ref,
        "datasourceUid": EXPRESSION,
        "relativeTimeRange": {"from": 0, "to": 0},
        "model": model,
    }

"""Walk: one walking bout, stride by stride. Reached by a link that brings the time."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import table, timeseries

from grafana.boards import DISCLAIMER, Board, board_link, patient_variable
from grafana.colours import GREY, LEFT, ORANGE, PURPLE, RIGHT, SKY, STRIKES, VERMILLION
from grafana.dressing import Step, Words
from grafana.gait import LEFT_RIGHT, each_side
from grafana.panels import about, figure, lines, timeline
from grafana.queries import PATIENT, Query
from grafana.scales import YES_NO
from grafana.tables import Column, rows
from grafana.targets import Target

__all__ = ["UID", "walk", "walks"]

UID: Final = "heelfirst-walk"
A_BREAK_MS: Final = 5000.0
ABOUT: Final = f"""\
{DISCLAIMER}

One walk, stride by stride. Click a begin in the list of walks to look at that walk. Left is blue,
right is orange; purple marks are toe drags, red-orange ones near-trips."""
AROUND: Final = "time > ${__from}ms - 1d AND time < ${__to}ms + 1d"
KNOWN: Final = "{{heel_first_{side}}} + {{flat_{side}}} + {{toe_first_{side}}}"
"""Strides whose strike is known. InfluxQL divides by 0 to 0: every share asks for more than 0."""
HEEL_SHARE: Final = (
    "100 * sum({{heel_first_{side}}}) / (sum({{heel_first_{side}}}) + sum({{flat_{side}}}) + "
    "sum({{toe_first_{side}}}))"
)
DRAGGED: Final = "sum({{drags_{side}}})"
SWINGS: Final = "{{valid_swings_{side}}}"
STRIKE_TEXTS: Final = {
    "heel": ("heel first", STRIKES["heel first"]),
    "flat": ("flat", STRIKES["flat"]),
    "toe": ("toe first", STRIKES["toe first"]),
    "unknown": ("not known", STRIKES["unknown"]),
}
NOTHING: Final = "No strides in this time. Choose a walk in the list."
NO_IMU: Final = "No strides in this time, or these insoles have no sensor of movement on the foot."

WALKS: Final = Words(
    "Walks from a day before to a day after",
    "Every walk around the time that is looked at, newest first; a walk of over ten minutes "
    "continues in the next line. Shares are of the strides counted beside them.",
    "heel first over 80 % of the strides; no drags.",
    "click the begin of a walk with many drags to see where in the walk they come.",
    "No walk in these days. Move the time range, or choose another patient.",
)
STRIKE: Final = Words(
    "What touched the ground first",
    "Each stride of each leg, by the part of the foot that landed first.",
    "heel first throughout.",
    "toe first at the end of a walk only: fatigue. From the first step on: orthosis, shoe, or "
    "calibration.",
    NOTHING,
)
PITCH: Final = Words(
    "Foot pitch at contact",
    "Positive is toes up. Dashed: under 8 degrees is flat, under 0 toe first.",
    "10 to 25 degrees.",
    "sinking through the walk: the lifting muscles tire.",
    NO_IMU,
)
LEAD: Final = Words(
    "How long the heel led",
    "Time from the heel's load to the forefoot's; below 0 the forefoot was first.",
    "over 20 ms.",
    "under -20 ms is toe first.",
    "No strides in this time, or no pressure insole.",
)
CLEARANCE: Final = Words(
    "Toe clearance in swing",
    "The least height of the toes over the ground. One step is known to about 8 mm: look at the "
    "cloud, not at a point.",
    "a cloud around 10 to 20 mm.",
    "a cloud sinking through the walk: little margin; pauses, orthosis.",
    NO_IMU,
)
TIMES: Final = Words(
    "Stance and swing",
    "How long each foot stood and swung.",
    "stance about 60 %, swing about 40 % of the stride; alike on both legs.",
    "a short stance of one leg: the patient spares it.",
    NOTHING,
)
RISK: Final = Words(
    "Trip risk",
    "The margin over recent steps, 0 to 1. Dashed: the level raised begins at 0.3, high at 0.6.",
    "under 0.3.",
    "high for minutes: shorter walks with pauses, orthosis on; look at the reasons below.",
    "Trip risk was not known in this time: too few strides.",
)
DRAGS: Final = Words(
    "Strides that dragged, or at high trip risk",
    "Up to 200 strides of this time, with the reasons of the risk.",
    "none.",
    "the reasons say what to work on: toe_drag, toe_first, clearance, regularity.",
    "No stride of this time dragged or was at high trip risk, or none was measured: see the "
    "numbers above.",
)
WALK_COLUMNS: Final = {
    "begin": Column(
        unit="dateTimeAsIso",
        width=170,
        link=board_link(
            UID,
            "var-patient=${patient}",
            "time=${__value.numeric}",
            "time.window=${__data.fields.window.numeric}",
        ),
        link_title="Look at this walk",
    ),
    "lasted": Column(unit="s", width=100, decimals=0),
    "left strides": Column(width=100),
    "left heel first": Column(unit="percent", width=120, decimals=0),
    "left drags": Column(width=95),
    "right strides": Column(width=105),
    "right heel first": Column(unit="percent", width=125, decimals=0),
    "right drags": Column(width=100),
    "cadence": Column(width=90, decimals=0),
    "speed": Column(unit="velocityms", width=90, decimals=2),
    "variation": Column(unit="percent", width=95, decimals=1),
    "continues": Column(width=90, texts={"true": ("yes", SKY), "false": ("no", SKY)}),
    "window": Column(hidden=True),
}
STRIDE_COLUMNS: Final = {
    "when": Column(unit="dateTimeAsIso", width=180),
    "side": Column(width=70),
    "drag": Column(width=110),
    "drag time": Column(unit="ms", width=100, decimals=0),
    "risk": Column(width=70, decimals=2, steps=(Step(None, SKY), Step(0.6, VERMILLION))),
    "reasons": Column(width=220),
    "strike": Column(width=90, texts=STRIKE_TEXTS),
    "orthosis": Column(width=90),
    "valid": Column(width=70, texts=YES_NO),
    "flags": Column(),
}


def walk() -> Board:
    """Return the dashboard of one walking bout."""
    board = Board(UID, "Walk", "One walk, stride by stride.", "now-1h", "")
    board.variable(patient_variable())
    drag = Query("toe_drag", ("{drag}", "{side}"))
    board.annotation("Toe drags", drag, PURPLE, text="drag", tags="side")
    near = Query("near_trip", ("{count}", "{side}"))
    board.annotation("Near-trips", near, VERMILLION, text="side", tags="side")
    board.add(about(ABOUT), 24, 3)
    board.add(walks(), 24, 8)
    _add_figures(board)
    strike = each_side("stride", {"{strike}": ""})
    board.add(timeline(STRIKE, strike, STRIKE_TEXTS), 24, 6)
    board.add(_cloud(PITCH, "{pitch_at_contact_deg}", "degree", (0.0, 8.0)), 12, 8)
    board.add(_cloud(LEAD, "{heel_lead_ms}", "ms", (-20.0, 20.0)), 12, 8)
    board.add(_cloud(CLEARANCE, "{clearance_mm}", "lengthmm", (10.0,)), 12, 8)
    board.add(_times(), 12, 8)
    risk = each_side("stride", {"{trip_risk}": ""})
    levels = (Step(None, "transparent"), Step(0.3, ORANGE), Step(0.6, VERMILLION))
    panel = lines(RISK, risk, "short", LEFT_RIGHT, limits=(0, 1), marks=levels, gap_ms=A_BREAK_MS)
    board.add(panel, 12, 8)
    board.add(_dragged(), 12, 8)
    return board


def walks(words: Words = WALKS, time: str = AROUND) -> table.Panel:
    """Return the list of a patient's walks; a click leads to the walk."""
    counts = tuple(f'{{strides_{side}}} AS "{side} strides"' for side in LEFT_RIGHT)
    whole = (
        '{duration_s} AS "lasted"',
        *counts,
        '{cadence_per_min} AS "cadence"',
        '{speed_m_s} AS "speed"',
        '{stride_time_cv_percent} AS "variation"',
        '{continues} AS "continues"',
        '{duration_s}::integer * 2000 + 4000 AS "window"',
    )
    asked = [(whole, "")]
    for side in LEFT_RIGHT:
        known = KNOWN.format(side=side)
        share = f'100 * {{heel_first_{side}}} / ({known}) AS "{side} heel first"'
        drags = f'{{drags_{side}}} AS "{side} drags"'
        asked += [((share,), f"{known} > 0"), ((drags,), f"{{valid_swings_{side}}} > 0")]
    targets = tuple(
        Target(
            Query("bout", columns, (PATIENT, condition), time, tail="ORDER BY time DESC LIMIT 100"),
            ref,
            result="table",
        )
        for (columns, condition), ref in zip(asked, "ABCDE", strict=True)
    )
    return rows(words, targets, WALK_COLUMNS, join="Time", sort="begin", rename={"Time": "begin"})


def _add_figures(board: Board) -> None:
    share = Words(
        "Heel first in this time",
        "Of the strides whose strike is known, the share that landed on the heel; of walks that "
        "began in this time.",
        "over 80 %.",
        "under 50 %: look below where in the walk.",
        "not known",
    )
    drags = Words(
        "Drags in this time",
        "Strides whose toes dragged in swing, of the walks that began in this time.",
        "none.",
        "several: look below where in the walk.",
        "not known",
    )
    strides = Words(
        "Strides in this time",
        "All strides of each leg: what every share here rests on.",
        "as many left as right.",
        "one side missing: no insole there, or it lost its connection; see Devices.",
        "none",
    )
    count = each_side("stride", {"count({strike})": ""})
    board.add(figure(strides, count, "short"), 8, 4)
    board.add(figure(share, _of_walks(HEEL_SHARE, KNOWN), "percent", decimals=0), 8, 4)
    board.add(figure(drags, _of_walks(DRAGGED, SWINGS), "short"), 8, 4)


def _of_walks(what: str, of: str) -> tuple[Target, ...]:
    """Return a number per leg over the walks that began in this time and had any `of` it."""
    return tuple(
        Target(
            Query(
                "bout",
                f'{what.format(side=side)} AS "{side}"',
                (PATIENT, f"{of.format(side=side)} > 0"),
            ),
            ref,
        )
        for side, ref in zip(LEFT_RIGHT, "AB", strict=True)
    )


def _cloud(words: Words, field: str, unit: str, at: tuple[float, ...]) -> timeseries.Panel:
    marks = (Step(None, "transparent"), *(Step(value, GREY) for value in at))
    targets = each_side("stride", {field: ""})
    return lines(words, targets, unit, LEFT_RIGHT, points_only=True, marks=marks)


def _times() -> timeseries.Panel:
    targets = each_side("stride", {"{stance_s}": " stance", "{swing_s}": " swing"})
    colours: Mapping[str, str] = {
        f"{side} {phase}": colour
        for side, colour in (("left", LEFT), ("right", RIGHT))
        for phase in ("stance", "swing")
    }
    return lines(TIMES, targets, "s", colours, points_only=True, limits=(0, None))


def _dragged() -> table.Panel:
    columns = (
        "{side}",
        '{toe_drag} AS "drag"',
        '{drag_ms} AS "drag time"',
        '{trip_risk} AS "risk"',
        '{trip_reasons} AS "reasons"',
        "{strike}",
        "{orthosis}",
        '{valid_swing} AS "valid"',
        "{flags}",
    )
    where = (PATIENT, "({drag_ms} > 0 OR {trip_level} = 'high')")
    strides = Query("stride", columns, where, tail="ORDER BY time LIMIT 200")
    target = Target(strides, result="table")
    return rows(DRAGS, (target,), STRIDE_COLUMNS, rename={"Time": "when"})

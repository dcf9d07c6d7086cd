"""Clinic: all patients on one page, the most urgent first."""

from typing import Final

from grafana.boards import DISCLAIMER, Board, board_link
from grafana.colours import GREY, ORANGE, PURPLE, SKY, VERMILLION, YELLOW
from grafana.dressing import Step, Words
from grafana.panels import about, bars, figure
from grafana.queries import PANEL_RANGE, Query, last
from grafana.scales import (
    ALARMS,
    COMPLETE,
    DRAGS,
    HEEL_FIRST,
    PRIORITIES,
    RISK_MINUTES,
    WORN_S,
)
from grafana.tables import Column, rows
from grafana.targets import Target

__all__ = ["UID", "clinic"]

UID: Final = "heelfirst-clinic"
ONE_SIDE: Final = "{side} != 'both'"
BOTH: Final = "{side} = 'both'"
GAIT: Final = "{technical} = false"
SWUNG: Final = f"{ONE_SIDE} AND {{valid_swings}} > 0"
"""InfluxQL divides by 0 to 0: no swings would be no drags."""
TALLIED: Final = "{strides_tallied} > 0"
DRAG_SHARE: Final = "100 * sum({drags}) / sum({valid_swings})"
ARRIVED: Final = "100 * sum({strides_received}) / sum({strides_tallied})"
WORN_DAY: Final = "{worn_s} >= 3600"
WEEK_BEFORE: Final = "time > ${__to}ms - 14d AND time <= ${__to}ms - 7d"
PATIENT_LINK: Final = board_link("heelfirst-patient", "var-patient=${__value.text}")

ABOUT: Final = f"""\
{DISCLAIMER}

Read from the top: the patients whose alerts are most urgent stand first. Click a patient for the
four answers: is it worn, is it safer, what changed, what to do. "Today" is the patient's own
day."""


def _by_patient(
    ref: str, table: str, select: str | tuple[str, ...], where: str, time: str
) -> Target:
    return Target(Query(table, select, where, time, group_by="{patient}"), ref, result="table")


PATIENTS: Final = (
    _by_patient("A", "status", 'last({online}) AS "online"', "", last("90d")),
    _by_patient(
        "B",
        "alarms",
        (
            'last({severity}) AS "open alert"',
            'last({open_technical}) AS "technical alerts"',
        ),
        "",
        last("400d"),
    ),
    _by_patient(
        "C",
        "daily",
        ('last({worn_s}) AS "worn today"', 'last({steps}) AS "steps today"'),
        BOTH,
        last("24h"),
    ),
    _by_patient(
        "D",
        "daily",
        (
            'min({heel_first_percent}) AS "heel first today"',
            'max({drags_per_100_swings}) AS "drags today"',
            'max({trip_risk_minutes}) AS "high trip risk today"',
        ),
        ONE_SIDE,
        last("24h"),
    ),
    _by_patient("E", "daily", f'{DRAG_SHARE} AS "drags, 7 days"', SWUNG, last("7d")),
    _by_patient("F", "daily", f'{DRAG_SHARE} AS "drags, 7 days before"', SWUNG, WEEK_BEFORE),
    _by_patient(
        "G", "daily", 'count({worn_s}) AS "days worn of 7"', f"{BOTH} AND {WORN_DAY}", last("7d")
    ),
    _by_patient("H", "completeness", f'{ARRIVED} AS "arrived"', TALLIED, last("7d")),
)

PATIENT_COLUMNS: Final = {
    "patient": Column(width=150, link=PATIENT_LINK, link_title="Open this patient"),
    "last heard": Column(unit="dateTimeFromNow", width=130),
    "open alert": Column(width=100, texts=ALARMS),
    "technical alerts": Column(width=125),
    "worn today": Column(unit="s", width=110, decimals=1, steps=WORN_S),
    "days worn of 7": Column(width=125, steps=(Step(None, ORANGE), Step(5, SKY))),
    "steps today": Column(width=105),
    "heel first today": Column(unit="percent", width=125, decimals=0, steps=HEEL_FIRST),
    "drags today": Column(width=105, decimals=1, steps=DRAGS),
    "drags, 7 days": Column(width=115, decimals=1, steps=DRAGS),
    "drags, 7 days before": Column(width=155, decimals=1, steps=DRAGS),
    "high trip risk today": Column(unit="m", width=150, decimals=1, steps=RISK_MINUTES),
    "arrived": Column(unit="percent", width=90, decimals=1, steps=COMPLETE),
    "online": Column(hidden=True),
}

PATIENTS_WORDS: Final = Words(
    "Patients, the most urgent first",
    "One line per patient. Drags are per 100 valid swings of the leg that drags more today, and of "
    "both legs over 7 days; heel first is the leg with less. Arrived: of the strides that the "
    "devices counted in 7 days, how many are stored.",
    "no open alert; worn on 5 days of 7 (an hour or more); under 2 drags per 100 swings; heel "
    "first over 80 %; arrived over 95 %.",
    "open alert HIGH: call today. Drags above the 7 days before: look at orthosis and programme. "
    "Last heard over a day ago, or not worn: call about the device before reading the other "
    "numbers. A question mark is not known; it is not zero.",
    "No device of this clinic has sent anything in 90 days. A patient appears here with the first "
    "message of a device: `heelfirst patients list` shows who has one.",
)


def _alerts_a_day() -> tuple[Target, ...]:
    day = "time(1d) fill(0)"

    def count(ref: str, name: str, condition: str) -> Target:
        select = f'count({{priority}}) AS "{name}"'
        return Target(Query("alert", select, ("{raised} = true", condition), group_by=day), ref)

    return (
        count("A", "high", f"{{priority}} = 'high' AND {GAIT}"),
        count("B", "medium", f"{{priority}} = 'medium' AND {GAIT}"),
        count("C", "low", f"{{priority}} = 'low' AND {GAIT}"),
        count("D", "technical", "{technical} = true"),
    )


ALERTS_WORDS: Final = Words(
    "Alerts raised per day, all patients",
    "How many alerts the devices raised, by priority (days in UTC); technical ones are about the "
    "measuring, not the gait.",
    "a few a week. Most alarms in hospitals are false; many here mean thresholds that do not fit.",
    "many of one patient: set the thresholds with `heelfirst patients set`. Many technical ones: "
    "see Devices.",
    "No alert was raised in this time.",
)
RIGHT_WORDS: Final = Words(
    "Were the alarms right?",
    "What people said when they acknowledged an alert in this time: right, false, or nothing.",
    "more right than false.",
    "many false: raise the threshold of the rule for these patients.",
    "Nobody acknowledged an alert in this time.",
)
NEWEST_WORDS: Final = Words(
    "Newest alerts",
    "The last 50 alerts raised in this time, with the reason the device gave.",
    "seen and acknowledged within a day.",
    "click the patient, look at the day, then acknowledge with `heelfirst alerts ack`.",
    "No alert was raised in this time.",
)
NEWEST: Final = Query(
    "alert",
    ("{patient}", "{side}", "{rule}", "{priority}", "{technical}", "{detail}"),
    "{raised} = true",
    tail="ORDER BY time DESC LIMIT 50",
)


def _acknowledged() -> tuple[Target, ...]:
    def count(ref: str, name: str, field: str, condition: str) -> Target:
        select = f'count({field}) AS "{name}"'
        return Target(Query("acknowledge", select, condition, PANEL_RANGE), ref)

    return (
        count("A", "right", "{true_alarm}", "{true_alarm} = true"),
        count("B", "false", "{true_alarm}", "{true_alarm} = false"),
        count("C", "all, also without an answer", "{id}", ""),
    )


def clinic() -> Board:
    """Return the dashboard of all patients."""
    board = Board(UID, "Clinic", "All patients, the most urgent first.", "now-30d", "5m")
    board.add(about(ABOUT), 24, 3)
    patients = rows(
        PATIENTS_WORDS, PATIENTS, PATIENT_COLUMNS, join="patient", sort="open alert",
        rename={"Time 1": "last heard"},
    )  # fmt: skip
    board.add(patients, 24, 14)
    colours = {"high": VERMILLION, "medium": ORANGE, "low": YELLOW, "technical": PURPLE}
    board.add(bars(ALERTS_WORDS, _alerts_a_day(), "short", colours, stacked=True), 9, 9)
    board.add(figure(RIGHT_WORDS, _acknowledged(), "short", (Step(None, GREY),)), 4, 9)
    newest = Target(NEWEST, result="table")
    board.add(rows(NEWEST_WORDS, (newest,), NEWEST_COLUMNS, rename={"Time": "when"}), 11, 9)
    return board


NEWEST_COLUMNS: Final = {
    "when": Column(unit="dateTimeAsIso", width=160),
    "patient": Column(width=130, link=PATIENT_LINK, link_title="Open this patient"),
    "side": Column(width=60),
    "priority": Column(width=80, texts=PRIORITIES),
    "rule": Column(width=150),
    "detail": Column(),
    "technical": Column(width=80, texts={"true": ("yes", GREY), "false": ("no", SKY)}),
}

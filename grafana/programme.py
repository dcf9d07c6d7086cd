"""The patient's programme: exercises, alerts and cues, and so what to do."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries

from grafana.boards import Board
from grafana.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, YELLOW
from grafana.dressing import Step, Words
from grafana.gait import each_side
from grafana.panels import bars, lines
from grafana.queries import PATIENT, Query
from grafana.scales import PRIORITIES, YES_NO
from grafana.tables import Column, rows
from grafana.targets import Target

__all__ = ["add_programme"]

EXERCISES: Final = {
    "ankle_dorsiflexion": ("ankle lifts", SKY),
    "heel_walk": ("heel walks", ORANGE),
    "toe_taps": ("toe taps", GREEN),
    "step_ups": ("step-ups", PURPLE),
}
DONE: Final = Words(
    "Programme done per day",
    "Sets done, as a share of the sets prescribed for that day.",
    "over 80 % on most days.",
    "falling: ask whether it hurts, bores or takes too long; change the plan with `heelfirst "
    "patients plan`.",
    "Nothing is prescribed to this patient, or no plan of these days is known.",
)
SETS: Final = Words(
    "Sets per day",
    "Sets of each exercise that the device recognised, guided or not.",
    "as prescribed.",
    "one kind missing: show it again, or replace it.",
    "No exercise was recognised in this time.",
)
LIST: Final = Words(
    "Exercises, newest first",
    "The last 100 sets. Range is the median movement of the foot; quality runs from 0 to 1, from "
    "range, tempo and evenness.",
    "complete sets; quality over 0.7; no advice.",
    "the same advice again and again: show the exercise once more.",
    "No exercise was recognised in this time.",
)
ALERTS: Final = Words(
    "Alerts, newest first",
    "What the patient's device raised, and when each was over. Technical ones are about the "
    "measuring, not the gait.",
    "few, seen within a day.",
    "look at the day and hour above; acknowledge with `heelfirst alerts ack`, so that false ones "
    "are counted.",
    "No alert was raised in this time.",
)
ACKNOWLEDGED: Final = Words(
    "Who acknowledged, and was the alarm right?",
    "Acknowledgements of the patient, the caregiver and the therapist.",
    "each alert has one; more right than false.",
    "many false: raise the threshold with `heelfirst patients set`.",
    "Nobody acknowledged an alert of this patient in this time.",
)
CUES: Final = Words(
    "Cues per day",
    "Cues that the patient got, and those that were held back (too many, too late, muted, quiet "
    "hours).",
    "fewer from week to week, as the walking gets better.",
    "many given while drags do not fall: the cue does not help; change its kind or pause it.",
    "Cues are off, or nothing was measured in this time.",
)
PRACTICE: Final = Words(
    "Practice sessions: steps on target",
    "Of the steps of each practice session with cues, how many reached the target.",
    "rising; the target is raised as it is reached.",
    "falling, or far under half: the target is too high.",
    "No practice session in this time.",
)
EXERCISE_COLUMNS: Final = {
    "when": Column(unit="dateTimeAsIso", width=160),
    "exercise": Column(
        width=150, texts={key: (said, "transparent") for key, (said, _) in EXERCISES.items()}
    ),
    "side": Column(width=60),
    "repetitions": Column(width=95),
    "duration_s": Column(unit="s", width=90, decimals=0),
    "hold_s": Column(unit="s", width=75, decimals=1),
    "range_deg": Column(unit="degree", width=85, decimals=0),
    "tempo_per_min": Column(width=80, decimals=0),
    "quality": Column(width=75, decimals=2, steps=(Step(None, ORANGE), Step(0.5, SKY))),
    "is_complete": Column(width=85, texts=YES_NO),
    "guided": Column(width=75, texts={"true": ("yes", SKY), "false": ("no", SKY)}),
    "advice": Column(),
}
RENAMED: Final = {
    "Time": "when",
    "duration_s": "lasted",
    "hold_s": "hold",
    "range_deg": "range",
    "tempo_per_min": "per minute",
    "is_complete": "complete",
}
ALERT_COLUMNS: Final = {
    "when": Column(unit="dateTimeAsIso", width=160),
    "raised": Column(width=75, texts={"true": ("raised", ORANGE), "false": ("over", SKY)}),
    "priority": Column(width=80, texts=PRIORITIES),
    "rule": Column(width=170),
    "side": Column(width=60),
    "technical": Column(width=85, texts={"true": ("yes", GREY), "false": ("no", SKY)}),
    "detail": Column(),
}
ACKNOWLEDGED_COLUMNS: Final = {
    "when": Column(unit="dateTimeAsIso", width=160),
    "by": Column(width=90),
    "right": Column(width=70, texts={"true": ("right", SKY), "false": ("false", YELLOW)}),
    "alert": Column(),
}


def add_programme(board: Board) -> None:
    """Add the panels of "what to do?"."""
    board.row("What to do? Exercises, alerts and cues")
    done = Target(Query("programme", '{done_percent} AS "done"'))
    board.add(bars(DONE, (done,), "percent", {"done": BLUE}, limits=(0, 100)), 8, 8)
    board.add(_sets(), 8, 8)
    board.add(_practice(), 8, 8)
    exercises = Target(
        Query(
            "exercise",
            (
                "{exercise}", "{side}", "{repetitions}", "{duration_s}", "{hold_s}", "{range_deg}",
                "{tempo_per_min}", "{quality}", "{is_complete}", "{guided}", "{advice}",
            ),
            tail="ORDER BY time DESC LIMIT 100",
        ),
        result="table",
    )  # fmt: skip
    columns = {RENAMED.get(name, name): column for name, column in EXERCISE_COLUMNS.items()}
    board.add(rows(LIST, (exercises,), columns, rename=RENAMED), 24, 9)
    board.add(_alerts(), 12, 9)
    board.add(_acknowledged(), 6, 9)
    board.add(_cues(), 6, 9)


def _sets() -> timeseries.Panel:
    columns = tuple(
        f'{{{exercise}_sets_done}} AS "{said}"' for exercise, (said, _) in EXERCISES.items()
    )
    target = Target(Query("programme", columns))
    return bars(SETS, (target,), "short", dict(EXERCISES.values()), stacked=True)


def _practice() -> timeseries.Panel:
    share = Target(
        Query("practice", '100 * {on_target} / {steps} AS "on target"', (PATIENT, "{steps} > 0"))
    )
    return lines(PRACTICE, (share,), "percent", {"on target": BLUE}, limits=(0, 100))


def _alerts() -> table.Panel:
    columns = tuple(f"{{{name}}}" for name in ALERT_COLUMNS if name != "when")
    newest = Query("alert", columns, tail="ORDER BY time DESC LIMIT 100")
    return rows(ALERTS, (Target(newest, result="table"),), ALERT_COLUMNS, rename={"Time": "when"})


def _acknowledged() -> table.Panel:
    columns = ("{by}", '{true_alarm} AS "right"', '{id} AS "alert"')
    newest = Query("acknowledge", columns, tail="ORDER BY time DESC LIMIT 100")
    target = Target(newest, result="table")
    return rows(ACKNOWLEDGED, (target,), ACKNOWLEDGED_COLUMNS, rename={"Time": "when"})


def _cues() -> timeseries.Panel:
    columns = {"{cues_given}": " given", "{cues_suppressed}": " held back"}
    colours = {
        "left given": SKY,
        "right given": ORANGE,
        "left held back": GREY,
        "right held back": YELLOW,
    }
    return bars(CUES, each_side("daily", columns), "short", colours, stacked=True)

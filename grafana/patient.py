"""Patient: one patient over weeks, in the order of the therapist's four questions."""

from typing import Final

from grafana.boards import DISCLAIMER, Board, patient_variable
from grafana.colours import PURPLE, SKY
from grafana.dressing import Words
from grafana.gait import add_changes, add_safety
from grafana.panels import about, bars, figure, timeline
from grafana.programme import add_programme
from grafana.queries import PATIENT, Query, last
from grafana.scales import ALARMS, COMPLETE, WEAR, WORN_S
from grafana.targets import Target
from grafana.walk import walks

__all__ = ["UID", "patient"]

UID: Final = "heelfirst-patient"
BOTH: Final = (PATIENT, "{side} = 'both'")
TALLIED: Final = (PATIENT, "{strides_tallied} > 0")
ABOUT: Final = f"""\
{DISCLAIMER}

Days are the patient's own. **Dashed purple marks** are changes of orthosis or programme, and notes.
**Shaded bands** are the patient's own usual range (mean and two standard deviations of the first
days). Left is blue, right is orange, everywhere."""

HEARD: Final = Words(
    "Last heard",
    "When a device of this patient last spoke to the clinic.",
    "minutes ago.",
    "over a day: call; the device may be off or without a network. What it measured meanwhile "
    "comes later by itself.",
    "not in 90 days",
)
WORN: Final = Words(
    "Worn today",
    "For how long the insoles were worn on the patient's present day.",
    "over 4 hours by the evening.",
    "not worn: ask why before reading anything else on this page.",
    "not worn, or not known",
)
ARRIVED: Final = Words(
    "Arrived, 7 days",
    "Of the strides that the device counted in the last 7 days, the share that is stored here.",
    "over 95 %.",
    "less: see Devices for what was lost, and read shares below with care.",
    "not known",
)
OPEN: Final = Words(
    "Open alerts",
    "The highest priority among the alerts that are open now.",
    "none.",
    "look at the alerts below, then acknowledge with `heelfirst alerts ack`.",
    "none was ever raised",
)
WORN_DAYS: Final = Words(
    "Worn per day",
    "Hours per day with the insoles on, and of these the hours walked.",
    "over 4 hours on most days.",
    "few hours: numbers of such a day rest on little. Ask what hinders.",
    "Nothing was measured in this time. That says nothing about how the patient walked.",
)
STEPS: Final = Words(
    "Steps per day",
    "Landings that were counted; with one insole, twice as many as were seen.",
    "as the patient's target; what counts is the own trend.",
    "falling for days: ask about pain, illness, fear of falling.",
    "No steps were measured in this time.",
)
STATES: Final = Words(
    "The last day: worn, sitting, standing, walking",
    "What the wearer did in the 24 hours before the end of the range.",
    "worn from morning to evening, with walking spread over the day.",
    "long sitting: advise short walks. Not worn: ask.",
    "No wear state was sent in these 24 hours: the device was off or not worn.",
)
RECENT_WALKS: Final = Words(
    "Walks of 7 days, newest first",
    "Up to 100 walks of the 7 days before the end of the range; a walk of over ten minutes "
    "continues in the next line. Shares are of the strides counted beside them.",
    "heel first over 80 % of the strides; no drags.",
    "click the begin of a walk with many drags to see it stride by stride.",
    "No walk was measured in these 7 days. That says nothing about how the patient walked.",
)


def patient() -> Board:
    """Return the dashboard of one patient."""
    board = Board(UID, "Patient", "One patient over weeks.", "now-90d", "5m")
    board.variable(patient_variable())
    mark = Query("mark", ("{title}", "{text}", "{what}"), (PATIENT, "{what} != ''"))
    board.annotation("Changes and notes", mark, PURPLE, title="title", text="text", tags="what")
    board.add(about(ABOUT), 24, 4)
    _add_wear(board)
    add_safety(board)
    add_changes(board)
    board.add(walks(RECENT_WALKS, last("7d")), 24, 9)
    add_programme(board)
    return board


def _add_wear(board: Board) -> None:
    board.row("Is it worn?")
    heard = Query("status", 'last({online}) AS "online"', time=last("90d"))
    heard_target = Target(heard, result="table")
    board.add(figure(HEARD, (heard_target,), "dateTimeFromNow", fields="/^Time$/"), 4, 4)
    today = Target(Query("daily", 'last({worn_s}) AS "worn"', BOTH, last("24h")))
    board.add(figure(WORN, (today,), "s", WORN_S, decimals=1), 4, 4)
    share = '100 * sum({strides_received}) / sum({strides_tallied}) AS "arrived"'
    arrived = Target(Query("completeness", share, TALLIED, last("7d")))
    board.add(figure(ARRIVED, (arrived,), "percent", COMPLETE, decimals=1), 4, 4)
    severity = Target(Query("alarms", 'last({severity}) AS "open"', time=last("400d")))
    board.add(figure(OPEN, (severity,), "", texts=ALARMS), 4, 4)
    state = Target(Query("wear", '{state} AS "state"', time=last("24h")))
    board.add(timeline(STATES, (state,), WEAR).time_from("24h"), 8, 4)
    worn = ('{worn_s} / 3600 AS "worn"', '{walking_s} / 3600 AS "walked"')
    hours = Target(Query("daily", worn, BOTH))
    colours = {"worn": SKY, "walked": PURPLE}
    board.add(bars(WORN_DAYS, (hours,), "h", colours, limits=(0, 12)), 12, 7)
    steps = Target(Query("daily", '{steps} AS "steps"', BOTH))
    board.add(bars(STEPS, (steps,), "short", {"steps": SKY}), 12, 7)

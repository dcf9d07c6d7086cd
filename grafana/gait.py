"""The patient's walking: is it safer, and what changed."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import statushistory, timeseries

from grafana.boards import Board
from grafana.colours import GREY, LEFT, ORANGE, PURPLE, RIGHT, SKY, STRIKES, VERMILLION
from grafana.dressing import Step, Words
from grafana.panels import as_line, bars, distribution, dotted, history, lines, on_the_right
from grafana.queries import PATIENT, Query, last
from grafana.scales import DRAGS
from grafana.targets import Target

__all__ = ["LEFT_RIGHT", "add_changes", "add_safety", "each_side"]

LEFT_RIGHT: Final = {"left": LEFT, "right": RIGHT}
BOTH: Final = (PATIENT, "{side} = 'both'")
DAY_AND_A_HALF_MS: Final = 1.5 * 24 * 3600 * 1000
BANDS: Final = {f"{side} usual to": f"{side} usual from" for side in LEFT_RIGHT}
BAND_COLOURS: Final = {
    f"{side} usual {edge}": colour for side, colour in LEFT_RIGHT.items() for edge in ("from", "to")
}
RECENT: Final = "3d"
HOURS: Final = range(24)

HEEL_FIRST: Final = Words(
    "Heel-first share",
    "Of the contacts whose strike is known, the percentage that landed on the heel, per day and "
    "leg. The band is the patient's own first days.",
    "over 80 %; the unaffected leg is usually near 100 %.",
    "falling below the band: check the orthosis, ask about fatigue and pain. Rising above it: the "
    "programme works.",
    "No contacts were measured in this time. That says nothing about how the patient walked.",
)
DRAGGING: Final = Words(
    "Toe drags per 100 swings",
    "How many of 100 valid swings dragged the toes, per day and leg. The band is the patient's own "
    "first days; the dashed line is where an alert begins.",
    "under 2.",
    "over 5, or above the band for days: look at the hours and walks where it happens.",
    "No valid swings were measured in this time. That is not the same as no drags.",
)
RISK: Final = Words(
    "Minutes at high trip risk per day",
    "Minutes of walking at the level high. The risk is a margin over recent steps (drags, "
    "toe-first contacts, clearance, regularity), not a prediction of falls.",
    "none on most days.",
    "several minutes on several days: shorter walks, orthosis on, exercises; look at the walks.",
    "Trip risk was not known in this time: too few strides.",
)
NEAR: Final = Words(
    "Near-trips per day",
    "Sharp slowing of the foot in swing, then an early and hard contact.",
    "none on most days.",
    "more than one a week: ask what happened, and where.",
    "Nothing was measured in this time.",
)
PITCH: Final = Words(
    "Foot pitch at contact",
    "The day's median; positive is toes up. The band is the patient's own first days.",
    "10 to 25 degrees on a healthy leg. Under 8 is flat, under 0 is toe first.",
    "falling: the lifting muscles tire or weaken, or the orthosis does not hold.",
    "Pitch needs a sensor of movement on the foot; these insoles have none, or nothing was "
    "measured.",
)
CLEARANCE: Final = Words(
    "Toe clearance in swing",
    "The least height of the toes over the ground: the day's median, and (dotted) what nine of ten "
    "swings exceed. One step is known to about 8 mm; a day's median much better.",
    "median 10 to 20 mm.",
    "median under 10 mm: little margin on rough ground. Compare before and after a mark.",
    "Clearance needs a sensor of movement on the foot; these insoles have none, or nothing was "
    "measured.",
)
SYMMETRY: Final = Words(
    "Left against right",
    "Difference of stance and of swing between the legs, in percent of their mean; below 0 the "
    "affected leg's is shorter. Needs two insoles.",
    "between -10 and +10 (dashed lines).",
    "growing away from 0: the patient spares one leg; look for pain, or an orthosis too stiff.",
    "Symmetry needs two insoles; this patient wears one, or nothing was measured.",
)
PACE: Final = Words(
    "Cadence and regularity",
    "Steps per minute (left axis), and how much the stride time varies (right axis).",
    "cadence 90 to 120 for most adults; variation under 3 %.",
    "variation over 4 to 5 %: less steady walking.",
    "No walk was long enough in this time.",
)
HOUR_MAP: Final = Words(
    "When it drags, {side} leg: drags per 100 swings by hour of the day",
    "A column per day, a row per hour of the patient's clock. An hour without walking is left "
    "blank. An hour with few swings says little.",
    "blue everywhere.",
    "evening rows darker than morning rows: fatigue; advise pauses or the orthosis for these "
    "hours.",
    "No swings of the {side} leg were measured in this time. That is not the same as no drags.",
)
CONTACTS: Final = Words(
    "Contacts of the last day: {side} leg",
    "Contacts in steps of ten minutes over the 24 hours before the end of the range, by what "
    "touched the ground first; drags as a line.",
    "nearly all heel first.",
    "toe first in some hours only: look there, at Walk.",
    "No contacts of the {side} leg in these 24 hours: not worn, or no insole on this side.",
)
PITCHES: Final = Words(
    "Pitch at contact, all strides of 3 days",
    "How often the foot met the ground at which angle, per leg, in steps of 2 degrees.",
    "one hill between 10 and 25 degrees on each leg.",
    "a hill left of 8 degrees, or two hills: part of the steps is flat or toe first.",
    "Pitch needs a sensor of movement on the foot; these insoles have none, or nothing was "
    "measured in these 3 days.",
)
CLEARANCES: Final = Words(
    "Toe clearance, all strides of 3 days",
    "How often the toes cleared the ground by how much, per leg, in steps of 2 mm. One step is "
    "known to about 8 mm, hence values below 0.",
    "one hill around 10 to 20 mm.",
    "much of it under 10 mm: little margin. Never judge a single step by this.",
    "Clearance needs a sensor of movement on the foot; these insoles have none, or nothing was "
    "measured in these 3 days.",
)


def each_side(
    table: str, columns: Mapping[str, str], *conditions: str, **options: str
) -> tuple[Target, ...]:
    """Return a query for each leg.

    Parameters
    ----------
    columns : mapping
        What to select to the end of its name: `left`, `left usual from`.
    """
    return tuple(
        Target(
            Query(
                table,
                tuple(f'{what} AS "{side}{end}"' for what, end in columns.items()),
                (PATIENT, f"{{side}} = '{side}'", *conditions),
                **options,
            ),
            ref,
        )
        for side, ref in zip(LEFT_RIGHT, "AB", strict=True)
    )


def _with_band(share: str, low: str, high: str) -> tuple[Target, ...]:
    return each_side("daily", {share: "", low: " usual from", high: " usual to"})


def add_safety(board: Board) -> None:
    """Add the panels of "is it safer?"."""
    board.row("Is it safer?")
    heel = _with_band(
        "{heel_first_percent}",
        "{heel_first_baseline_low_percent}",
        "{heel_first_baseline_high_percent}",
    )
    drags = _with_band(
        "{drags_per_100_swings}",
        "{drags_baseline_low_per_100_swings}",
        "{drags_baseline_high_per_100_swings}",
    )
    board.add(_banded(HEEL_FIRST, heel, "percent", limits=(0, 100)), 12, 9)
    alert = (Step(None, "transparent"), Step(10, VERMILLION))
    board.add(_banded(DRAGGING, drags, "short", limits=(0, 12), marks=alert), 12, 9)
    risk = each_side("daily", {"{trip_risk_minutes}": ""})
    board.add(bars(RISK, risk, "m", LEFT_RIGHT, limits=(0, 5)), 12, 6)
    near = each_side("daily", {"{near_trips}": ""})
    board.add(bars(NEAR, near, "short", LEFT_RIGHT, limits=(0, 3)), 12, 6)


def _banded(
    words: Words,
    targets: tuple[Target, ...],
    unit: str,
    limits: tuple[float | None, float | None] = (None, None),
    marks: tuple[Step, ...] = (),
) -> timeseries.Panel:
    colours = LEFT_RIGHT | BAND_COLOURS
    return lines(
        words, targets, unit, colours,
        bands=BANDS, limits=limits, marks=marks, gap_ms=DAY_AND_A_HALF_MS,
    )  # fmt: skip


def add_changes(board: Board) -> None:
    """Add the panels of "what changed?"."""
    board.row("What changed?")
    pitch = _with_band(
        "{pitch_at_contact_median_deg}", "{pitch_baseline_low_deg}", "{pitch_baseline_high_deg}"
    )
    board.add(_banded(PITCH, pitch, "degree"), 12, 8)
    board.add(_clearance(), 12, 8)
    board.add(_symmetry(), 12, 7)
    board.add(_pace(), 12, 7)
    for side in LEFT_RIGHT:
        board.add(_hour_map(side), 12, 13)
    for side in LEFT_RIGHT:
        board.add(_contacts(side), 12, 8)
    recent = {"time": last(RECENT)}
    pitches = each_side("stride", {"{pitch_at_contact_deg}": ""}, **recent)
    board.add(distribution(PITCHES, pitches, "degree", LEFT_RIGHT, 2), 12, 8)
    clearances = each_side("stride", {"{clearance_mm}": ""}, **recent)
    board.add(distribution(CLEARANCES, clearances, "lengthmm", LEFT_RIGHT, 2), 12, 8)


def _clearance() -> timeseries.Panel:
    columns = {"{clearance_median_mm}": "", "{clearance_p10_mm}": ", 9 of 10 exceed"}
    targets = each_side("daily", columns)
    lower = {f"{side}, 9 of 10 exceed": colour for side, colour in LEFT_RIGHT.items()}
    panel = lines(
        CLEARANCE, targets, "lengthmm", LEFT_RIGHT | lower, limits=(0, 25), gap_ms=DAY_AND_A_HALF_MS
    )
    for name in lower:
        dotted(panel, name)
    return panel


def _symmetry() -> timeseries.Panel:
    columns = ('{stance_symmetry_index} AS "stance"', '{swing_symmetry_index} AS "swing"')
    target = Target(Query("daily", columns, BOTH))
    zone = (Step(None, "transparent"), Step(-10, GREY), Step(10, GREY))
    colours = {"stance": PURPLE, "swing": SKY}
    limits = (-20.0, 20.0)
    return lines(
        SYMMETRY, (target,), "percent", colours, limits=limits, marks=zone, gap_ms=DAY_AND_A_HALF_MS
    )


def _pace() -> timeseries.Panel:
    columns = ('{cadence_per_min} AS "cadence"', '{stride_time_cv_percent} AS "variation"')
    target = Target(Query("daily", columns, BOTH))
    colours = {"cadence": SKY, "variation": ORANGE}
    panel = lines(PACE, (target,), "short", colours, gap_ms=DAY_AND_A_HALF_MS)
    return on_the_right(panel, "variation", "percent")


def _of_side(words: Words, side: str) -> Words:
    return Words(*(text.format(side=side) for text in vars(words).values()))


def _hour_map(side: str) -> statushistory.Panel:
    hours = tuple(
        f'100 * {{drags_h{hour:02}}} / {{valid_swings_h{hour:02}}} AS "{hour:02} h"'
        for hour in HOURS
    )
    cells = Target(Query("day_hours", hours, (PATIENT, f"{{side}} = '{side}'")))
    return history(_of_side(HOUR_MAP, side), (cells,), "short", DRAGS)


def _contacts(side: str) -> timeseries.Panel:
    said = _of_side(CONTACTS, side)
    where = (PATIENT, f"{{side}} = '{side}'")
    kinds = {"heel first": "heel", "flat": "flat", "toe first": "toe", "unknown": "unknown"}
    targets = [
        Target(
            Query(
                "stride",
                f'count({{strike}}) AS "{name}"',
                (*where, f"{{strike}} = '{strike}'"),
                last("24h"),
                "time(10m)",
            ),
            ref,
        )
        for (name, strike), ref in zip(kinds.items(), "ABCD", strict=True)
    ]
    drags = Query("toe_drag", 'count({drag}) AS "drags"', where, last("24h"), "time(10m)")
    targets.append(Target(drags, "E"))
    panel = bars(said, targets, "short", {**STRIKES, "drags": PURPLE}, stacked=True)
    return as_line(panel, "drags").time_from("24h")

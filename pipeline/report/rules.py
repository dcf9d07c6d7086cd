"""What to do: a small written table of rules, each with its reason and its denominator.

A rule proposes something to talk about with the patient. None is a diagnosis, none knows more
than the numbers in its reason, and none reads good news out of missing data.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.care.record import ORTHOSES
from pipeline.report.changes import Change
from pipeline.report.facts import Facts
from pipeline.report.intervals import Ratio
from pipeline.report.words import count, joined, number, percent, plural

__all__ = ["RULES", "Advice", "Rule", "advise"]

WORN_SHARE: Final = 0.5
RECEIVED_SHARE: Final = 0.9
DONE_SHARE: Final = 0.5
LEAST_SETS: Final = 6
FALSE_SHARE: Final = 0.5
LEAST_JUDGED: Final = 5
ABOVE_SHARE: Final = 0.25
LEAST_DAYS_JUDGED: Final = 4
UNSEEN_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to talk about, and the numbers that say why."""

    rule: str
    advice: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on the facts and plain advice.

    Attributes
    ----------
    why : callable
        Yields a reason for each foot or part where the condition is met; it names a denominator.
    when : str
        The condition in words, printed with the report.
    """

    name: str
    when: str
    advice: str
    why: Callable[[Facts], Iterator[str]]


def _hardly_worn(facts: Facts) -> Iterator[str]:
    worn = facts.worn
    if worn.days_with_steps < WORN_SHARE * worn.days:
        yield f"Steps came on {worn.days_with_steps} of {plural(worn.days, 'day')}."


def _silent_foot(facts: Facts) -> Iterator[str]:
    sides = facts.worn.silent_sides
    if len(sides) == 1:
        (side,) = sides
        other = "right" if side == "left" else "left"
        landings = plural(facts.worn.landings[other], "landing")
        yield f"No landing of the {side} foot was recorded, against {landings} of the {other} foot."


def _not_received(facts: Facts) -> Iterator[str]:
    worn = facts.worn
    if worn.received < RECEIVED_SHARE * worn.tallied:
        share = percent(worn.received, worn.tallied)
        yield f"{share} of {plural(worn.tallied, 'stride')} that the device counted were received."


def _sensor_alarms(facts: Facts) -> Iterator[str]:
    faults = facts.worn.technical.get("sensor_fault", 0)
    if faults:
        yield f"{plural(faults, 'sensor fault')} reported in {plural(facts.worn.days, 'day')}."


def _part(change: Change, part: Ratio) -> str:
    metric = change.metric
    value = None if part.value is None else metric.scale * part.value
    return f"{number(value, metric.digits)} (of {count(part.of)} {metric.of_words})"


def _worse(name: str) -> Callable[[Facts], Iterator[str]]:
    def why(facts: Facts) -> Iterator[str]:
        for change in facts.change(name):
            if change.verdict == "worse":
                where = "" if change.side == "both" else f"{change.side} foot, "
                metric = change.metric
                part = f"{where}{metric.title.lower()} {metric.unit}: "
                yield f"{part}{_part(change, change.earlier)}, now {_part(change, change.later)}."

    return why


def _above_own_band(facts: Facts) -> Iterator[str]:
    for band in facts.above:
        if band.of >= LEAST_DAYS_JUDGED and band.above >= ABOVE_SHARE * band.of:
            yield (
                f"{band.side} foot: more drags than the own baseline band on {band.above} of "
                f"{plural(band.of, 'day')}."
            )


def _tires(facts: Facts) -> Iterator[str]:
    for each in facts.fatigue:
        if each.interval and each.interval.low > 0 and each.fresh.value is not None:
            yield (
                f"{each.side} foot: {number(100 * each.fresh.value, 1)} drags per 100 of "
                f"{plural(round(each.fresh.of), 'valid swing')} in the first 2 minutes, "
                f"{number(100 * (each.tired.value or 0), 1)} per 100 of "
                f"{plural(round(each.tired.of), 'valid swing')} after 5 minutes."
            )


def _goes_with(words: str, favours: bool) -> Callable[[Facts], Iterator[str]]:
    def why(facts: Facts) -> Iterator[str]:
        for each in facts.comparisons:
            clear = [number for number in each.numbers if number.is_clear]
            names = [n.title.lower() for n in clear if n.favours_orthosis is favours]
            if names:
                worn, none = (
                    plural(each.swings[kind], "valid swing") for kind in (each.orthosis, "none")
                )
                yield (
                    f"{each.side} foot: {joined(names)} clearly {words} with "
                    f"{ORTHOSES[each.orthosis]} ({worn}) than without ({none})."
                )

    return why


def _near_trips(facts: Facts) -> Iterator[str]:
    near = facts.near_trips
    if near.number and near.walked_s:
        yield f"{plural(near.number, 'near-trip')} in {number(near.walked_s / 3600, 1)} h walked."


def _exercises_left(facts: Facts) -> Iterator[str]:
    for each in facts.exercises:
        if each.prescribed >= LEAST_SETS and each.done < DONE_SHARE * each.prescribed:
            yield (
                f"{each.exercise.replace('_', ' ')}: {each.done} of "
                f"{plural(each.prescribed, 'prescribed set')} on {plural(each.seen_days, 'day')} "
                "with data."
            )


def _false_alarms(facts: Facts) -> Iterator[str]:
    for each in facts.gait_alerts:
        judged = each.right + each.wrong
        if judged >= LEAST_JUDGED and each.wrong > FALSE_SHARE * judged:
            rule = each.rule.replace("_", " ")
            yield f"{rule}: {each.wrong} of {plural(judged, 'judged alert')} were called false."


def _unseen_alerts(facts: Facts) -> Iterator[str]:
    raised = sum(each.raised for each in facts.gait_alerts)
    unseen = raised - sum(each.acknowledged for each in facts.gait_alerts)
    if unseen > UNSEEN_SHARE * raised:
        yield f"{unseen} of {plural(raised, 'gait alert')} were acknowledged by nobody."


RULES: Final[Sequence[Rule]] = (
    Rule(
        "hardly worn",
        "steps on fewer than half of the days",
        "Ask what stands in the way of wearing the insoles, before reading anything into the rest.",
        _hardly_worn,
    ),
    Rule(
        "one foot silent",
        "one foot without a landing, the other with some",
        "Check that insole: charged, in the right shoe, connected. Nothing is known of that foot.",
        _silent_foot,
    ),
    Rule(
        "data missing",
        "less than 90 % of the strides that the device counted were received",
        "Let somebody look at the connection: what is missing may differ from what is here.",
        _not_received,
    ),
    Rule(
        "sensor faults",
        "any sensor fault reported",
        "Have the insole checked or calibrated again; numbers of those days are in doubt.",
        _sensor_alarms,
    ),
    Rule(
        "more drags",
        "more drags than at the start, 95 % interval above none",
        "Talk about what is different: fit of the orthosis, shoes, tiredness, new complaints.",
        _worse("drags"),
    ),
    Rule(
        "above the own baseline",
        "on a quarter or more of at least 4 later days, drags above the own baseline band",
        "Go through those days together: what was walked, in which shoes, with which orthosis.",
        _above_own_band,
    ),
    Rule(
        "near-trips",
        "any near-trip",
        "Ask where it happened and look for edges, carpets and stairs that can be made safer.",
        _near_trips,
    ),
    Rule(
        "longer walks tire",
        "more drags from the 6th minute of a walk than in its first 2, 95 % interval above none",
        "Talk about rests within longer walks, and whether endurance belongs into the programme.",
        _tires,
    ),
    Rule(
        "fewer heel-first landings",
        "fewer heel-first landings than at the start, 95 % interval below none",
        "Look at heel strike together, slow and with the page, and at how the exercises go.",
        _worse("heel_first"),
    ),
    Rule(
        "orthosis goes with better steps",
        "a number clearly better with the orthosis, 200 valid swings each",
        "Talk about wearing it for more of the walking. It was not worn at random: see the table.",
        _goes_with("better", favours=True),
    ),
    Rule(
        "orthosis goes with worse steps",
        "a number clearly worse with the orthosis, 200 valid swings each",
        "Have its fit or setting looked at. It was not worn at random: see the table.",
        _goes_with("worse", favours=False),
    ),
    Rule(
        "exercises left out",
        "fewer than half of at least 6 prescribed sets done",
        "Ask what gets in the way; a shorter plan that is done is worth more than a long one.",
        _exercises_left,
    ),
    Rule(
        "false alarms",
        "more than half of at least 5 judged alerts called false",
        "Look at this patient's thresholds: alarms that are mostly false are soon not heard.",
        _false_alarms,
    ),
    Rule(
        "alerts nobody saw",
        "more than half of the gait alerts not acknowledged",
        "Agree on who looks at alerts, and whether they reach that person.",
        _unseen_alerts,
    ),
)
NOTHING: Final = Advice(
    "nothing stood out",
    "Go on as agreed and look again.",
    "",
)


def advise(facts: Facts) -> list[Advice]:
    """Return what the rules propose, the most urgent first; at least one line.

    Where none applies, that is said with the days it rests on; it is no statement about days
    without data.
    """
    found = [
        Advice(rule.name, rule.advice, " ".join(_sentence(reason) for reason in reasons))
        for rule in RULES
        if (reasons := list(rule.why(facts)))
    ]
    if found:
        return found
    worn = facts.worn
    reason = (
        f"None of {len(RULES)} rules applied to what came on {worn.days_with_steps} of "
        f"{plural(worn.days, 'day')}; of the other days nothing is known."
    )
    return [Advice(NOTHING.rule, NOTHING.advice, reason)]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]

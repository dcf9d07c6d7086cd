"""Page one: four questions, each with a plain answer and the numbers it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.report.changes import Change
from pipeline.report.facts import Facts
from pipeline.report.intervals import Ratio
from pipeline.report.material import focus
from pipeline.report.words import (
    NOT_KNOWN,
    bounds,
    count,
    days_between,
    hours,
    number,
    percent,
    plural,
    signed,
)

__all__ = [
    "Answer",
    "answer_all",
    "change_words",
    "interval_words",
    "part",
    "period_words",
    "rests_on",
]

Mark = Literal["good", "look", "unknown", "plain"]
GOOD_DAYS: Final = 0.8
GOOD_RECEIVED: Final = 0.95
FEW_DAYS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, its answer in a sentence, and lines of (what, number, what it rests on).

    `mark` has a shape beside its colour, and `badge` says it in words.
    """

    question: str
    mark: Mark
    badge: str
    answer: str
    lines: tuple[tuple[str, str, str], ...]


def answer_all(facts: Facts) -> list[Answer]:
    """Return the answers to the first three questions; the fourth are `rules.advise`."""
    return [_worn(facts), _safer(facts), _changed(facts)]


def period_words(facts: Facts) -> tuple[str, str]:
    """Return the earlier and the later days in words."""
    days = facts.material.span.days
    earlier, later = (
        days_between(days[part[0]], days[part[-1]]) if part else "no day"
        for part in facts.material.span.periods
    )
    return earlier, later


def part(change: Change, which: Ratio) -> str:
    """Return one period's value, without unit."""
    value = None if which.value is None else which.value * change.metric.scale
    return number(value, change.metric.digits)


def rests_on(change: Change, which: Ratio) -> str:
    """Return one period's denominator."""
    return number(which.of, change.metric.of_digits)


def _worn(facts: Facts) -> Answer:
    worn = facts.worn
    middle = f", {number(worn.median_h, 1)} h on a middle day" if worn.worn_s else ""
    answer = f"Steps on {worn.days_with_steps} of {plural(worn.days, 'day')}{middle}."
    received = percent(worn.received, worn.tallied)
    samples = worn.samples + worn.samples_lost
    lost = percent(worn.samples_lost, samples, 1)
    landings = sum(worn.landings.values())
    lines = [
        (
            "Worn time",
            hours(sum(worn.worn_s)) if worn.worn_s else NOT_KNOWN,
            f"on {plural(len(worn.worn_s), 'day')} with a known worn time",
        ),
        (
            "Received",
            received,
            f"of {count(worn.tallied)} strides that the device counted"
            if worn.tallied
            else "the device sent no count to hold it against",
        ),
        (
            "Samples lost",
            lost,
            f"of {number(samples / 1e6, 1)} million that the device took"
            if samples
            else "the device sent no count of them",
        ),
        (
            "Gaps",
            count(worn.gaps),
            f"{hours(worn.gap_s)} together; {plural(worn.events_lost, 'event')} lost for good",
        ),
        (
            "Landings",
            count(landings),
            ", ".join(
                f"{side} foot {count(n) if n else 'none'}" for side, n in worn.landings.items()
            ),
        ),
    ]
    mark = _worn_mark(facts)
    return Answer("Is it worn?", mark, _WORN[mark], answer, (*lines, *_trouble(facts)))


_WORN: Final[dict[Mark, str]] = {
    "good": "worn and received",
    "look": "look closer",
    "unknown": "not known",
}


def _worn_mark(facts: Facts) -> Mark:
    worn = facts.worn
    if not worn.days_with_steps:
        return "unknown"
    good = (
        worn.days_with_steps >= GOOD_DAYS * worn.days
        and worn.tallied > 0
        and worn.received >= GOOD_RECEIVED * worn.tallied
        and not worn.silent_sides
        and not worn.technical.get("sensor_fault")
    )
    return "good" if good else "look"


def _trouble(facts: Facts) -> list[tuple[str, str, str]]:
    """Return lines that are there only where something is to be said."""
    worn = facts.worn
    lines = [
        (f"{side.capitalize()} foot", "no data", "nothing can be said about it")
        for side in worn.silent_sides
    ]
    if len(worn.devices) > 1:
        names = "; ".join(f"{each.device}: {plural(each.days, 'day')}" for each in worn.devices)
        lines.append(("Devices", count(len(worn.devices)), names))
    if worn.not_computed:
        missing = plural(len(worn.not_computed), "day")
        lines.append(("Daily numbers", f"{missing} missing", "steps came, not computed yet"))
    if worn.technical:
        rules = ", ".join(f"{rule.replace('_', ' ')} {n}" for rule, n in worn.technical.items())
        lines.append(("Technical alerts", count(sum(worn.technical.values())), rules))
    return lines


_SAFER: Final = {
    "better": "fewer toe drags than at the start",
    "worse": "more toe drags than at the start",
    "no clear change": "no clear change in toe drags",
    "not known": "cannot be judged, too little data in the earlier or the later days",
}


def _safer(facts: Facts) -> Answer:
    drags = facts.change("drags")
    answer = "; ".join(f"{each.side} foot: {_SAFER[each.verdict]}" for each in drags)
    lines = [(f"Drags ({each.side})", *_values(each)) for each in drags]
    lines += [(f"High trip risk ({each.side})", *_values(each)) for each in facts.change("risk")]
    lines.append(_above(facts))
    mark = _safer_mark(facts, drags)
    return Answer(
        "Is it safer?",
        mark,
        _SAFER_BADGES[mark],
        f"{answer[0].upper()}{answer[1:]}.",
        (*lines, _near_trips(facts), _alerts(facts)),
    )


_SAFER_BADGES: Final[dict[Mark, str]] = {
    "good": "fewer drags",
    "look": "look closer",
    "unknown": "not known",
    "plain": "no clear change",
}


def _safer_mark(facts: Facts, drags: Sequence[Change]) -> Mark:
    verdicts = {each.verdict for each in (*drags, *facts.change("risk"))}
    if "worse" in verdicts or facts.near_trips.number:
        return "look"
    if {each.verdict for each in drags} == {"better"}:
        return "good"
    return "unknown" if {each.verdict for each in drags} == {"not known"} else "plain"


def _values(change: Change) -> tuple[str, str]:
    """Return before and now, and what they rest on."""
    words = change.metric.of_words
    if change.earlier.value is None and change.later.value is None:
        return NOT_KNOWN, f"no {words}"
    values = f"{part(change, change.earlier)} → {part(change, change.later)} {change.metric.unit}"
    rest = f"{rests_on(change, change.earlier)} → {rests_on(change, change.later)} {words}"
    return values, f"of {rest}"


def _above(facts: Facts) -> tuple[str, str, str]:
    judged = [each for each in facts.above if each.of]
    if not judged:
        return "Above own baseline", NOT_KNOWN, "no later day has a baseline to be held against"
    foot = len(facts.above) > 1
    days = [
        f"{each.above} of {plural(each.of, 'day')}{f' ({each.side})' if foot else ''}"
        for each in judged
    ]
    return "Above own baseline", ", ".join(days), "later days with more drags than the band"


def _near_trips(facts: Facts) -> tuple[str, str, str]:
    near = facts.near_trips
    if near.number is None:
        return "Near-trips", NOT_KNOWN, "without an IMU none can be seen"
    walked = f"in {hours(near.walked_s)} walked" if near.walked_s else "walked time not known"
    return "Near-trips", count(near.number), walked


def _alerts(facts: Facts) -> tuple[str, str, str]:
    raised = sum(each.raised for each in facts.gait_alerts)
    right, wrong = (sum(getattr(e, n) for e in facts.gait_alerts) for n in ("right", "wrong"))
    rest = f"called right: {right}, false: {wrong}, not judged: {raised - right - wrong}"
    return "Gait alerts", count(raised), rest if raised else "none was raised by what was received"


def _changed(facts: Facts) -> Answer:
    elsewhere = ("drags", "risk")  # their numbers are on the card above
    lines = tuple(
        (_name(each), *_values(each))
        for each in facts.changes
        if each.metric.name not in elsewhere and (each.earlier.of or each.later.of)
    )
    verdicts = {each.verdict for each in facts.changes} - {"not known"}
    mark: Mark = "plain" if verdicts else "unknown"
    if "worse" in verdicts:
        mark = "look"
    elif "better" in verdicts:
        mark = "good"
    badge = {"look": "partly worse", "good": "better", "plain": "no clear change"}
    return Answer("What changed?", mark, badge.get(mark, "not known"), _verdicts(facts), lines)


def _verdicts(facts: Facts) -> str:
    """Return the names of what is worse, better, unchanged and not known, one sentence each."""
    feet = focus(facts.material.record)
    alone = {"both", *(feet if len(feet) == 1 else ())}
    sentences = []
    for verdict in ("worse", "better", "no clear change", "not known"):
        names = [
            each.metric.title.lower() if each.side in alone else _name(each).lower()
            for each in facts.changes
            if each.verdict == verdict
        ]
        if names:
            sentences.append(f"{verdict.capitalize()}: {', '.join(names)}.")
    return " ".join(sentences)


def _name(change: Change) -> str:
    title = change.metric.title
    return title if change.side == "both" else f"{title} ({change.side})"


def interval_words(change: Change) -> str:
    """Return the interval of the change, scaled and signed."""
    if change.interval is None:
        return NOT_KNOWN
    scaled = type(change.interval)(*(change.metric.scale * bound for bound in change.interval))
    return bounds(scaled, change.metric.digits, sign=True)


def change_words(change: Change) -> str:
    """Return later less earlier, scaled and signed."""
    if change.earlier.value is None or change.later.value is None:
        return NOT_KNOWN
    step = change.metric.scale * (change.later.value - change.earlier.value)
    return signed(step, change.metric.digits)

"""What the template shows: facts as rows of words, figures as SVG."""

from collections.abc import Callable
from typing import Any, Final

from pipeline.care.record import describe_dose
from pipeline.report import plots
from pipeline.report.answers import (
    answer_all,
    change_words,
    interval_words,
    part,
    period_words,
    rests_on,
)
from pipeline.report.compare import LEAST_SWINGS, Compared, Comparison, wear_words
from pipeline.report.facts import Facts
from pipeline.report.intervals import RESAMPLES, Ratio
from pipeline.report.material import focus
from pipeline.report.plots.heat import column_days
from pipeline.report.plots.trends import ORTHOSIS_COLOURS
from pipeline.report.rules import RULES, advise
from pipeline.report.strides import PITCHES
from pipeline.report.words import (
    NOT_KNOWN,
    bounds,
    count,
    day,
    days_between,
    number,
    percent,
    plural,
    signed,
)
from pipeline.summary import SIDES
from pipeline.svg import COLOURS

__all__ = ["view"]

FIRST_PAGE_ADVICE: Final = {1: 4, 2: 3}
"""By feet that the report is about: page one has to hold all four answers."""
MOST_MARKS: Final = 40
_AFFECTED: Final = {
    "left": "left foot affected",
    "right": "right foot affected",
    "both": "both feet affected",
    "none": "no foot named as affected",
    None: "affected foot not set",
}


def view(
    facts: Facts, version: str, progress: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Return the template's variables; SVG texts are marked as safe."""
    material = facts.material
    span, record = material.span, material.record
    advice = advise(facts)
    room = FIRST_PAGE_ADVICE[len(focus(record))]
    return {
        "patient": record.patient,
        "period": days_between(span.first, span.last),
        "first": span.first.isoformat(),
        "last": span.last.isoformat(),
        "days": plural(len(span.days), "day"),
        "zone": record.zone,
        "zone_is_set": record.zone_is_set,
        "clock_changes": [day(each) for each in span.clock_changes],
        "affected": _AFFECTED[record.affected],
        "version": version,
        "answers": answer_all(facts),
        "advice": advice[:room],
        "more_advice": advice[room:],
        "rules": RULES,
        "periods": period_words(facts),
        "changes": [_change(change) for change in facts.changes],
        "figures": _figures(facts, progress),
        "trends": [
            (t.name, t.title, t.sentence, f"Not known on any day: {t.title.lower()}.")
            for t in plots.TRENDS
        ],
        "pitch_counts": _pitch_counts(facts),
        "heat_columns": "week" if column_days(span) == 7 else "day",
        "focus": focus(record),
        "worn": _worn_orthoses(facts),
        "comparisons": [_comparison(each, facts) for each in facts.comparisons],
        "exercises": [_exercise(each) for each in facts.exercises],
        "cues": _cues(facts),
        "plan": [describe_dose(dose) for dose in record.plan_at(span.last)],
        "alerts": [_alert(each, facts) for each in facts.alerts],
        "marks": _marks(facts),
        "devices": [_device(each) for each in facts.worn.devices],
        "colours": COLOURS,
        "orthosis_colours": ORTHOSIS_COLOURS,
        "least_swings": LEAST_SWINGS,
        "resamples": count(RESAMPLES),
    }


def _figures(facts: Facts, progress: Callable[[float], None]) -> dict[str, Any]:
    from markupsafe import Markup

    material = facts.material
    makers: dict[str, Callable[[], str | None]] = {
        trend.name: lambda trend=trend: plots.trend_plot(material, trend)  # type: ignore[misc] # mypy does not see defaults
        for trend in plots.TRENDS
    }
    for side in focus(material.record):
        makers[f"heat-{side}"] = lambda side=side: plots.heat_plot(material, side)  # type: ignore[misc] # as above
    makers["minutes"] = lambda: plots.minutes_plot(material)
    makers["load"] = lambda: plots.load_plot(material)
    makers["instants"] = lambda: plots.pitch_plot(material)
    for each in facts.comparisons:
        makers[f"compared-{each.side}"] = lambda each=each: plots.comparison_plot(each)  # type: ignore[misc] # as above
    figures = {}
    for done, (name, make) in enumerate(makers.items(), start=1):
        text = make()
        figures[name] = Markup(text) if text else None
        progress(done / len(makers))
    return figures


def _pitch_counts(facts: Facts) -> str:
    pitches = facts.material.strides.pitches
    counts = {side: len(pitches.get((side, PITCHES[-1]), ())) for side in SIDES}
    return " and ".join(f"{count(n)} valid swings of the {side} foot" for side, n in counts.items())


def _change(change: Any) -> dict[str, str]:
    metric = change.metric
    foot = "" if change.side == "both" else f" ({change.side})"
    return {
        "name": f"{metric.title}{foot}",
        "unit": metric.unit,
        "of": metric.of_words,
        "earlier": part(change, change.earlier),
        "earlier_of": rests_on(change, change.earlier),
        "later": part(change, change.later),
        "later_of": rests_on(change, change.later),
        "difference": change_words(change),
        "interval": interval_words(change),
        "verdict": change.verdict,
    }


def _worn_orthoses(facts: Facts) -> list[dict[str, str]]:
    """Return the valid swings of each foot by what was worn."""
    rows = []
    for side in focus(facts.material.record):
        by = facts.material.strides.by_orthosis(side)
        swings = {worn: by[worn].valid_swings for worn in ("none", "afo", "fes", "") if worn in by}
        total = sum(swings.values())
        rows += [
            {
                "side": side,
                "worn": wear_words(worn),
                "swings": count(valid),
                "share": percent(valid, total),
                "total": count(total),
            }
            for worn, valid in swings.items()
            if valid
        ]
    return rows


def _comparison(comparison: Comparison, facts: Facts) -> dict[str, Any]:
    days = facts.material.span.days
    middle = comparison.middle_days
    return {
        "side": comparison.side,
        "orthosis": wear_words(comparison.orthosis),
        "refused": comparison.refused,
        "clusters": comparison.clusters,
        "shared_days": plural(comparison.shared_days, "day"),
        "middle": [day(days[n]) for n in middle] if middle else None,
        "numbers": [_compared(each) for each in comparison.numbers],
    }


def _compared(each: Compared) -> dict[str, str]:
    values = (each.worn.value, each.without.value)
    step = None if None in values else each.scale * (values[0] - values[1])  # type: ignore[operator] # None is excluded
    interval = each.interval
    scaled = type(interval)(*(each.scale * b for b in interval)) if interval else None
    return {
        "title": each.title,
        "unit": each.unit,
        "of": each.of_words,
        "worn": _ratio(each.worn, each.scale),
        "worn_of": count(each.worn.of),
        "without": _ratio(each.without, each.scale),
        "without_of": count(each.without.of),
        "difference": signed(step, 1),
        "interval": bounds(scaled, 1, sign=True),
        "verdict": _verdict(each),
    }


def _ratio(found: Ratio, scale: float) -> str:
    return number(None if found.value is None else scale * found.value, 1)


def _verdict(each: Compared) -> str:
    if None in (each.worn.value, each.without.value):
        return NOT_KNOWN
    if each.interval is None:
        return "interval not known: too few days and walks"
    if not each.is_clear:
        return "no clear difference"
    return "better with it" if each.favours_orthosis else "worse with it"


def _exercise(each: Any) -> dict[str, Any]:
    return {
        "name": each.exercise.replace("_", " "),
        "done": each.done,
        "prescribed": each.prescribed,
        "share": min(1.0, each.done / each.prescribed) if each.prescribed else None,
        "percent": percent(each.done, each.prescribed),
        "days": f"{each.seen_days} of {each.days}",
        "sets": count(each.sets),
        "repetitions": count(each.repetitions),
        "guided": count(each.guided),
        "quality": NOT_KNOWN if each.quality is None else number(each.quality, 2),
    }


def _cues(facts: Facts) -> str:
    cues = facts.cues
    said = f"Cues: {count(cues.given)} given, {count(cues.held_back)} held back."
    if not cues.sessions:
        return f"{said} No practice with cues."
    share = percent(cues.on_target, cues.steps)
    return (
        f"{said} Practice with cues: {plural(cues.sessions, 'session')}, "
        f"{share} of {plural(cues.steps, 'step')} on target."
    )


def _alert(each: Any, facts: Facts) -> dict[str, str]:
    judged = each.right + each.wrong
    return {
        "rule": each.rule.replace("_", " "),
        "kind": "technical" if each.technical else "gait",
        "raised": count(each.raised),
        "acknowledged": f"{each.acknowledged} of {each.raised}",
        "right": f"{each.right} of {judged} judged" if judged else "nobody said",
        "wrong": f"{each.wrong} of {judged} judged" if judged else "nobody said",
        "last": f"{facts.material.span.local(each.last_ns):%d %b %Y, %H:%M}".lstrip("0"),
    }


def _marks(facts: Facts) -> dict[str, Any]:
    span = facts.material.span
    marks = [
        mark
        for mark in facts.material.record.marks()
        if span.start_ns <= mark.time_ns < span.stop_ns
    ]
    # notes and programme changes first in line for the room there is
    marks.sort(key=lambda mark: (mark.what == "orthosis", -mark.time_ns))
    kept = sorted(marks[:MOST_MARKS], key=lambda mark: mark.time_ns)
    return {
        "left_out": len(marks) - len(kept),
        "all": len(marks),
        "rows": [
            {
                "when": f"{span.local(mark.time_ns):%d %b %Y, %H:%M}".lstrip("0"),
                "title": mark.title,
                "text": mark.text,
            }
            for mark in kept
        ],
    }


def _device(each: Any) -> dict[str, str]:
    told = each.tallied is not None
    return {
        "device": each.device,
        "days": plural(each.days, "day"),
        "received": f"{count(each.received)} of {count(each.tallied)} strides"
        if told
        else NOT_KNOWN,
        "percent": percent(each.received, each.tallied) if told else NOT_KNOWN,
    }

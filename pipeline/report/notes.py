"""What whoever makes a report should know about it at once: one line each."""

from pipeline.report.facts import Facts
from pipeline.report.words import day, joined, plural

__all__ = ["notes"]


def notes(facts: Facts) -> list[str]:
    """Return what is special about the data: one foot, several devices, clock changes, gaps."""
    worn, span = facts.worn, facts.material.span
    said = [
        f"no landing of the {side} foot was recorded: nothing is said about it"
        for side in worn.silent_sides
    ]
    if len(worn.devices) > 1:
        names = joined([f"{use.device} ({plural(use.days, 'day')})" for use in worn.devices])
        said.append(f"data of {len(worn.devices)} devices are put together: {names}")
    if span.clock_changes:
        days = joined([day(each) for each in span.clock_changes])
        said.append(f"clocks were changed on {days}: that day has 23 or 25 hours")
    if worn.not_computed:
        days = plural(len(worn.not_computed), "day")
        said.append(
            f"the daily numbers of {days} are not computed yet and missing: "
            f"heelfirst pipeline rollup --patient {facts.material.record.patient}"
        )
    if not facts.material.record.zone_is_set:
        said.append(f"the patient has no time zone of their own; used is {span.zone}")
    return said + [each.refused for each in facts.comparisons if each.refused]

"""What a patient's rollups are made by beside the events: zone, plans, baseline, and today's date.

When one of them changes, the days that depend on it are marked: a plan makes `programme` rows also
of days without any event, a time zone moves every day.
"""

from datetime import date, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.care.record import PatientRecord, PlanChange

__all__ = ["Basis", "first_affected_ns"]


class Basis(msgspec.Struct, frozen=True):
    """What was set, and the last day whose rollups were asked for."""

    zone: str
    plans: tuple[PlanChange, ...]
    baseline_since_ns: int
    baseline_days: int
    baseline_sd: Annotated[float, Meta(ge=0)]
    through: date

    @classmethod
    def of(cls, record: PatientRecord, now_ns: int) -> "Basis":
        """Return the basis of a record at a time."""
        return cls(
            zone=record.zone,
            plans=record.plans,
            baseline_since_ns=record.baseline_since_ns,
            baseline_days=record.thresholds.baseline_days,
            baseline_sd=record.thresholds.baseline_sd,
            through=record.day_of(now_ns),
        )


def first_affected_ns(before: Basis | None, after: Basis, record: PatientRecord) -> int | None:
    """Return from when on `programme` has to be made again; None: from no time on."""
    old = before.plans if before else ()
    changed = [change.since_ns for change in {*old} ^ {*after.plans}]
    if before and record.plans and before.through < after.through:
        changed.append(record.day_span(before.through + timedelta(days=1))[0])
    return min(changed, default=None)

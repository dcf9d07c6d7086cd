"""The virtual patients of `month`: who they are, what they wear, what is prescribed to them."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from edge import wire
from pipeline.care.record import PatientRecord, PlanChange

FIRST_DAY: Final = dt.date(2026, 10, 5)
"""A Monday; the clocks go back in Europe on the 20th day after it, 25 October."""
Orthosis = Literal["none", "afo", "fes"]
Side = Literal["left", "right"]
PLAN: Final = (
    wire.Dose(exercise="ankle_dorsiflexion", side="left", sets=3, repetitions=12, hold_s=2.0),
    wire.Dose(exercise="heel_walk", sets=3, seconds=25.0),
    wire.Dose(exercise="toe_taps", side="left", sets=3, seconds=40.0, days=("mon", "wed", "fri")),
    wire.Dose(exercise="step_ups", side="left", sets=2, repetitions=10),
)


@dataclass(frozen=True)
class Person:
    """A virtual patient.

    Attributes
    ----------
    severity : float
        Of the foot drop on the first day, 0-1; it shrinks by `recovery` a week.
    sides : tuple
        Which feet have an insole.
    """

    patient: str
    device: str
    zone: str = "Europe/Berlin"
    affected: Side = "left"
    severity: float = 0.6
    recovery: float = 0.15
    sides: tuple[Side, ...] = ("left", "right")
    has_imu: bool = True
    has_data: bool = True

    def orthosis(self, day: dt.date, first_day: dt.date = FIRST_DAY) -> Orthosis:
        """None in the first nine days, then a brace, from day 20 a stimulator; Sundays off."""
        number = (day - first_day).days
        if number < 9 or day.weekday() == 6:
            return "none"
        return "afo" if number < 19 else "fes"

    def severity_on(self, day: dt.date, first_day: dt.date = FIRST_DAY) -> float:
        """What the foot drop is without an orthosis on this day, 0-1."""
        weeks = max(0, (day - first_day).days) / 7
        return float(self.severity * (1 - self.recovery) ** weeks)

    @property
    def plan(self) -> tuple[wire.Dose, ...]:
        """`PLAN` for the affected leg."""
        return tuple(
            msgspec.structs.replace(dose, side=self.affected) if dose.side else dose
            for dose in PLAN
        )

    def record(self, first_day: dt.date = FIRST_DAY) -> PatientRecord:
        """Return what is set for the person: zone, affected leg, plan from the first day on."""
        since_ns = self.time_ns(first_day, 0.0)
        return PatientRecord(
            patient=self.patient,
            zone=self.zone,
            zone_is_set=True,
            affected=self.affected,
            plans=(PlanChange(since_ns=since_ns, plan=self.plan),),
            revision=1,
        )

    def time_ns(self, day: dt.date, hours: float) -> int:
        """Return so many hours after the local midnight, by the sun and not by the clock."""
        midnight = dt.datetime.combine(day, dt.time(), ZoneInfo(self.zone))
        return int(midnight.timestamp()) * 10**9 + int(hours * 3600e9)


def _id(index: int) -> str:
    return f"p{hashlib.sha256(f'virtual patient {index}'.encode()).hexdigest()[:12]}"


def people(count: int = 10) -> tuple[Person, ...]:
    """Return virtual patients, the same in every run.

    The first has everything; the second one insole, the third no IMU, the fourth (new) no data.
    """
    zones = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata")
    special = {
        1: {"sides": ("left",)},
        2: {"has_imu": False, "affected": "right"},
        3: {"has_data": False},
    }
    return tuple(
        Person(
            _id(index),
            f"insole-{index + 1}",
            **{
                "zone": zones[max(0, index - 3) % len(zones)],
                "severity": (0.6, 0.4, 0.5, 0.0, 0.8, 0.3)[index % 6],
                "recovery": (0.15, 0.1, 0.2, 0.0, 0.05, -0.05)[index % 6],
                **special.get(index, {}),
            },  # type: ignore[arg-type] # fields of different types
        )
        for index in range(count)
    )

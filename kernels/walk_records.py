"""What `Walk` returns: plain frozen records, None for what is unknown, never 0."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Affected", "GaitBout", "GaitEvent", "GaitStride", "Level", "Side", "StrikeName"]

Side = Literal["left", "right"]
Affected = Literal["none", "left", "right", "both"]
Level = Literal["low", "raised", "high"]
StrikeName = Literal["heel", "flat", "toe", "unknown"]
DragName = Literal["none", "late_release", "scuff", "full"]
EventName = Literal[
    "initial_contact", "toe_off", "toe_drag", "near_trip", "sensor_fault", "sensor_fault_gone"
]


@dataclass(frozen=True, slots=True)
class GaitEvent:
    """Something that happened to one foot; passed on at once.

    `detail` is the strike type of an initial contact (it is sent when the strike is decided) and
    the kind of a toe drag as far as it is known then: `late_release` may still become `full`, which
    the stride says. That of `sensor_fault`, and of the `sensor_fault_gone` that ends it, is the
    likely mistake: "imu turned over", "acceleration in g", "cell 3 stuck", .. (`kernels.faults`).
    """

    time_ns: int
    decided_ns: int
    side: Side
    event: EventName
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GaitStride:
    """One landing and the stride it closes; `time_ns` is the closing initial contact."""

    time_ns: int
    decided_ns: int
    side: Side
    strike: StrikeName
    previous_contact_ns: int | None = None
    heel_off_ns: int | None = None
    toe_off_ns: int | None = None
    stride_s: float | None = None
    stance_s: float | None = None
    swing_s: float | None = None
    strike_index: float | None = None
    heel_lead_ms: float | None = None
    pitch_at_contact_deg: float | None = None
    pitch_at_toe_off_deg: float | None = None
    max_dorsiflexion_deg: float | None = None
    stride_length_m: float | None = None
    clearance_mm: float | None = None
    lift_mm: float | None = None
    lateral_excursion_mm: float | None = None
    toe_drag: DragName | None = None
    drag_ms: float | None = None
    valid_swing: bool = False
    trip_risk: float | None = None
    trip_level: Level | None = None
    trip_reasons: tuple[str, ...] = ()
    double_support_percent: float | None = None
    lift_over_percent: float | None = None
    """Lift over its reference (`kernels.personal`) [%]; None: it could not be compared."""
    excursion_over_mm: float | None = None
    """Lateral excursion over its reference [mm]; None: it could not be compared."""
    impulse_heel: float | None = None
    impulse_midfoot: float | None = None
    impulse_forefoot: float | None = None
    peak_heel: float | None = None
    peak_midfoot: float | None = None
    peak_forefoot: float | None = None
    sources: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GaitBout:
    """A stretch of walking; `time_ns` is its first contact. Every share names its denominator.

    Strikes are counted over all landings of the bout, drags over its valid swings, steppage and
    circumduction over the strides that could be compared (`_judged`), clearance over
    `clearance_swings`; those with an impossible clearance are counted apart. `continues`: it was
    closed after ten minutes, the walking went on.
    """

    time_ns: int
    duration_s: float
    strides_left: int
    strides_right: int
    valid_swings_left: int
    valid_swings_right: int
    heel_first_left: int
    heel_first_right: int
    flat_left: int
    flat_right: int
    toe_first_left: int
    toe_first_right: int
    drags_left: int
    drags_right: int
    cadence_per_min: float | None = None
    double_support_percent: float | None = None
    stance_symmetry_index: float | None = None
    stride_time_cv_percent: float | None = None
    speed_m_s: float | None = None
    curve_left: tuple[float, ...] = ()
    curve_right: tuple[float, ...] = ()
    continues: bool = False
    swing_symmetry_index: float | None = None
    stance_time_ratio: float | None = None
    asymmetric: bool | None = None
    steppage_left: int | None = None
    steppage_right: int | None = None
    steppage_judged_left: int = 0
    steppage_judged_right: int = 0
    circumduction_left: int | None = None
    circumduction_right: int | None = None
    circumduction_judged_left: int = 0
    circumduction_judged_right: int = 0
    clearance_swings_left: int = 0
    clearance_swings_right: int = 0
    clearance_impossible_left: int = 0
    clearance_impossible_right: int = 0
    clearance_under_5mm_left: float | None = None
    clearance_under_5mm_right: float | None = None
    clearance_under_10mm_left: float | None = None
    clearance_under_10mm_right: float | None = None
    clearance_under_15mm_left: float | None = None
    clearance_under_15mm_right: float | None = None
    clearance_p1_mm_left: float | None = None
    clearance_p1_mm_right: float | None = None
    clearance_spread_mm_left: float | None = None
    clearance_spread_mm_right: float | None = None

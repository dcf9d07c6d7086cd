"""What `Walk` returns: plain frozen records, None for what is unknown, never 0."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Affected", "GaitBout", "GaitEvent", "GaitStride", "Level", "Side", "StrikeName"]

Side = Literal["left", "right"]
Affected = Literal["none", "left", "right", "both"]
Level = Literal["low", "raised", "high"]
StrikeName = Literal["heel", "flat", "toe", "unknown"]
DragName = Literal["none", "late_release", "scuff", "full"]
EventName = Literal["initial_contact", "toe_off", "toe_drag", "near_trip"]


@dataclass(frozen=True, slots=True)
class GaitEvent:
    """Something that happened to one foot; passed on at once.

    `detail` is the strike type of an initial contact (it is sent when the strike is decided) and
    the kind of a toe drag as far as it is known then: `late_release` may still become `full`, which
    the stride says.
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

    Strikes are counted over all landings of the bout, drags over its valid swings.
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

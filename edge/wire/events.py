"""The events of the wire. Field names are API: the store, CSV files and dashboards use them."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.wire.types import (
    Count,
    Degrees,
    ExerciseName,
    Orthosis,
    Percent,
    Seconds,
    Seq,
    Share,
    Side,
    Struct,
    TimeNs,
)

__all__ = [
    "Acknowledge",
    "Alert",
    "Bout",
    "Cue",
    "Event",
    "EventBase",
    "Exercise",
    "Gap",
    "Habit",
    "NearTrip",
    "Practice",
    "Stride",
    "Tally",
    "ToeDrag",
    "Wear",
    "Wearing",
]


class EventBase(Struct, frozen=True, tag_field="kind", kw_only=True):
    """What every event carries: its number in the outbox and its time."""

    seq: Seq
    time_ns: TimeNs


class Stride(EventBase, frozen=True, tag="stride", kw_only=True):
    """One landing and the stride it closes; `time_ns` is the closing initial contact."""

    side: Side
    stride_s: Seconds | None = None
    stance_s: Seconds | None = None
    swing_s: Seconds | None = None
    strike: Literal["heel", "flat", "toe", "unknown"]
    strike_index: Percent | None = None
    heel_lead_ms: float | None = None
    pitch_at_contact_deg: Degrees | None = None
    pitch_at_toe_off_deg: Degrees | None = None
    max_dorsiflexion_deg: Degrees | None = None
    stride_length_m: Annotated[float, Meta(ge=0, le=10)] | None = None
    clearance_mm: float | None = None
    lift_mm: float | None = None
    lateral_excursion_mm: float | None = None
    double_support_percent: Percent | None = None
    lift_over_percent: float | None = None
    """Lift over the person's baseline or the unaffected foot's; over 25 % is steppage."""
    excursion_over_mm: float | None = None
    """Lateral excursion over the other foot's; over 30 mm is circumduction."""
    toe_drag: Literal["none", "late_release", "scuff", "full"] | None = None
    drag_ms: Annotated[float, Meta(ge=0)] | None = None
    valid_swing: bool = False
    trip_risk: Share | None = None
    trip_level: Literal["low", "raised", "high"] | None = None
    trip_reasons: tuple[str, ...] = ()
    sync_uncertainty_ms: Annotated[float, Meta(ge=0)] | None = None
    sources: tuple[Literal["pressure", "imu"], ...] = ()
    flags: tuple[str, ...] = ()


class ToeDrag(EventBase, frozen=True, tag="toe_drag", kw_only=True):
    """The forefoot carried load in swing; sent at once. `time_ns` is the drag's begin."""

    side: Side
    drag: Literal["late_release", "scuff", "full"]


class NearTrip(EventBase, frozen=True, tag="near_trip", kw_only=True):
    """Sharp slowing in swing, then an early, hard contact; sent at once."""

    side: Side


class Bout(EventBase, frozen=True, tag="bout", kw_only=True):
    """A stretch of walking; `time_ns` is its first contact. Every share names its denominator.

    Steppage and circumduction are counted among the strides that could be compared (`_judged`). The
    clearance margin rests on `clearance_swings`; clearances under -8 mm are counted apart. A bout
    is closed after ten minutes; `continues`: the walking went on.
    """

    duration_s: Seconds
    strides_left: Count
    strides_right: Count
    valid_swings_left: Count
    valid_swings_right: Count
    heel_first_left: Count
    heel_first_right: Count
    flat_left: Count
    flat_right: Count
    toe_first_left: Count
    toe_first_right: Count
    drags_left: Count
    drags_right: Count
    cadence_per_min: Annotated[float, Meta(ge=0, le=400)] | None = None
    double_support_percent: Percent | None = None
    stance_symmetry_index: float | None = None
    stride_time_cv_percent: Annotated[float, Meta(ge=0)] | None = None
    speed_m_s: Annotated[float, Meta(ge=0, le=10)] | None = None
    curve_left: tuple[float, ...] = ()
    """Mean load of heel, midfoot, forefoot over the left stance: 3 x 21, shares of its peak."""
    curve_right: tuple[float, ...] = ()
    continues: bool = False
    swing_symmetry_index: float | None = None
    stance_time_ratio: Annotated[float, Meta(ge=0)] | None = None
    asymmetric: bool | None = None
    steppage_left: Count | None = None
    steppage_right: Count | None = None
    steppage_judged_left: Count = 0
    steppage_judged_right: Count = 0
    circumduction_left: Count | None = None
    circumduction_right: Count | None = None
    circumduction_judged_left: Count = 0
    circumduction_judged_right: Count = 0
    clearance_swings_left: Count = 0
    clearance_swings_right: Count = 0
    clearance_impossible_left: Count = 0
    clearance_impossible_right: Count = 0
    clearance_under_5mm_left: Share | None = None
    clearance_under_5mm_right: Share | None = None
    clearance_under_10mm_left: Share | None = None
    clearance_under_10mm_right: Share | None = None
    clearance_under_15mm_left: Share | None = None
    clearance_under_15mm_right: Share | None = None
    clearance_p1_mm_left: float | None = None
    clearance_p1_mm_right: float | None = None
    clearance_spread_mm_left: Annotated[float, Meta(ge=0)] | None = None
    clearance_spread_mm_right: Annotated[float, Meta(ge=0)] | None = None


class Wear(EventBase, frozen=True, tag="wear", kw_only=True):
    """The wearer's state from `time_ns` on."""

    state: Literal["off", "sitting", "standing", "walking"]


class Exercise(EventBase, frozen=True, tag="exercise", kw_only=True):
    """A set of a home exercise that ended; `time_ns` is its begin.

    Heel walks have no repetitions: their `repetitions` are steps. Quality is rated 0-1 from range,
    tempo and, where both sides did it today, side-to-side; the words say what to do better.
    """

    side: Side | None = None
    exercise: ExerciseName
    repetitions: Count
    duration_s: Seconds
    hold_s: Seconds | None = None
    """Median time a repetition was held."""
    range_deg: Annotated[float, Meta(ge=0, le=180)] | None = None
    """Median amplitude of the foot's pitch."""
    tempo_per_min: Annotated[float, Meta(ge=0, le=600)] | None = None
    quality: Share | None = None
    advice: tuple[str, ...] = ()
    guided: bool = False
    is_complete: bool | None = None
    """Reached the prescribed dose of one set; null: nothing is prescribed."""


class Alert(EventBase, frozen=True, tag="alert", kw_only=True):
    """A rule that fired (`raised`) or cleared; the id is a function of its cause.

    Technical alerts (sensor, battery, not worn) say that the measuring is in doubt, not the gait.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,99}$")]
    rule: str
    side: Side | None = None
    priority: Literal["low", "medium", "high"]
    raised: bool
    detail: str = ""
    technical: bool = False


class Acknowledge(EventBase, frozen=True, tag="acknowledge", kw_only=True):
    """Somebody saw an alert; `true_alarm` says whether it was right, null: not said."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,99}$")]
    by: Literal["patient", "caregiver", "therapist"]
    true_alarm: bool | None = None
    snooze_s: Seconds = 0.0


class Cue(EventBase, frozen=True, tag="cue", kw_only=True):
    """A cue that was given, or suppressed for a reason. `time_ns` is the begin of its cause."""

    side: Side
    cause: Literal["toe_strike", "toe_drag", "near_trip", "off_target"]
    given: bool
    reason: str = ""
    mode: Literal["practice", "everyday"] = "everyday"
    delay_ms: Annotated[float, Meta(ge=0)] | None = None
    """From the decision to the output; null where suppressed."""


class Practice(EventBase, frozen=True, tag="practice", kw_only=True):
    """A practice session with cues that ended; `time_ns` is its begin."""

    side: Side | None = None
    duration_s: Seconds
    steps: Count
    on_target: Count
    target_deg: Degrees | None = None
    """Pitch at contact aimed at."""
    level: Annotated[float, Meta(ge=-10, le=10)] = 0.0
    """The target in standard deviations over the own baseline."""
    fading: Share | None = None
    """Share of the steps that could have had a cue and got one."""


class Habit(EventBase, frozen=True, tag="habit", kw_only=True):
    """Long sitting, or legs crossed while sitting, that ended; `time_ns` is its begin."""

    habit: Literal["long_sitting", "legs_crossed"]
    duration_s: Seconds
    certainty: Share


class Wearing(EventBase, frozen=True, tag="wearing", kw_only=True):
    """The patient says what holds the foot up today; from `time_ns` until the local day ends."""

    side: Side | None = None
    orthosis: Orthosis


class Tally(EventBase, frozen=True, tag="tally", kw_only=True):
    """What the device counted in one clock hour (or the part of it that it ran): the completeness
    of the store is measured against it. `time_ns` is the hour's begin."""

    duration_s: Seconds
    worn_s: Seconds | None = None
    """null: neither worn nor taken off is known."""
    strides_left: Count
    strides_right: Count
    valid_swings_left: Count
    valid_swings_right: Count
    drags_left: Count
    drags_right: Count
    samples_left: Count
    samples_right: Count
    samples_lost_left: Count
    samples_lost_right: Count
    events_lost: Count


class Gap(EventBase, frozen=True, tag="gap", kw_only=True):
    """Something was lost: what, how much, and why. `time_ns` is the gap's begin."""

    side: Side | None = None
    what: Literal["samples", "events", "alerts", "raw"]
    lost: Count
    duration_s: Seconds
    reason: str


Event = (
    Stride
    | ToeDrag
    | NearTrip
    | Bout
    | Wear
    | Exercise
    | Alert
    | Acknowledge
    | Cue
    | Practice
    | Habit
    | Wearing
    | Tally
    | Gap
)

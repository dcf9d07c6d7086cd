"""What the kernel returns: its structured dtypes and the codes in them.

Missing times are `MISSING_NS`, missing numbers NaN; both become empty fields and nulls outside.
"""

from enum import IntEnum, IntFlag
from typing import Final

import numpy as np

__all__ = [
    "CURVE_POINTS",
    "EVENT_DTYPE",
    "MISSING_NS",
    "STRIDE_DTYPE",
    "DragKind",
    "EventKind",
    "Flag",
    "Sensor",
    "Strike",
]

MISSING_NS: Final = np.iinfo(np.int64).min
CURVE_POINTS: Final = 21
"""Points of a load curve over the stance: 0, 5, .. 100 % from initial contact to toe off."""


class EventKind(IntEnum):
    """What happened (`event["kind"]`); the meaning of `event["detail"]` follows from it."""

    INITIAL_CONTACT = 1
    """The foot takes load after a swing. detail: 0."""
    STRIKE = 2
    """How the last contact landed, at most 100 ms after it; its time. detail: Strike."""
    TOE_OFF = 3
    """The foot leaves the ground, or begins to be dragged. detail: 0."""
    TOE_DRAG = 4
    """The forefoot carried load in swing; sent once certain. detail: DragKind as far as known
    then: LATE_RELEASE may still become FULL, which the stride says."""
    NEAR_TRIP = 5
    """Sharp slowing in swing, then an early, hard contact. detail: 0."""


class Strike(IntEnum):
    """Which part of the foot landed first."""

    UNKNOWN = 0
    HEEL = 1
    FLAT = 2
    TOE = 3


class DragKind(IntEnum):
    """How the forefoot touched the ground in swing."""

    NONE = 0
    LATE_RELEASE = 1
    """Not unloaded after push-off, later in swing free."""
    SCUFF = 2
    """Free, then loaded again in mid-swing."""
    FULL = 3
    """Not unloaded in the whole swing."""


class Sensor(IntFlag):
    """What a stride's numbers rest on."""

    NONE = 0
    PRESSURE = 1
    IMU = 2


class Flag(IntFlag):
    """What else is to know of a stride."""

    NONE = 0
    VALID_SWING = 1
    """A whole swing was seen without a gap: it counts in the denominators."""
    DISAGREE = 2
    """Pressure and IMU give different strike types."""
    TURN = 4
    """The foot turned: no spatial numbers."""
    STAIRS = 8
    """Net height of the stride over 8 cm: a toe-first landing is legitimate."""
    IMPLAUSIBLE = 16
    """A number outside the plausible range; kept, not to be averaged."""
    CLEARANCE_AT_MEAN_TIME = 32
    """No local minimum of toe height: clearance is the height at the person's mean time of it."""
    IMU_DRAG = 64
    """The drag was seen by the IMU alone."""


EVENT_DTYPE: Final = np.dtype(
    [
        ("time_ns", np.int64),  # when it happened, interpolated between samples
        ("decided_ns", np.int64),  # the sample at which it became certain
        ("kind", np.uint8),  # EventKind
        ("detail", np.uint8),  # Strike or DragKind, see EventKind
    ]
)

STRIDE_DTYPE: Final = np.dtype(
    [
        ("initial_contact_ns", np.int64),  # the contact that closes the stride
        ("decided_ns", np.int64),  # the sample at which the record was complete
        ("previous_contact_ns", np.int64),  # MISSING_NS for the first landing of a bout
        ("heel_off_ns", np.int64),
        ("toe_off_ns", np.int64),
        ("strike", np.uint8),  # Strike of the closing contact
        ("drag", np.uint8),  # DragKind of the swing before it
        ("sources", np.uint8),  # Sensor
        ("flags", np.uint16),  # Flag
        (
            "strike_index",
            np.float64,
        ),  # centre of pressure 20 ms after contact, 0 heel .. 100 toe [%]
        ("heel_lead_ms", np.float64),  # forefoot's onset minus heel's [ms]; negative: toe first
        ("drag_ms", np.float64),  # time the forefoot carried load in swing [ms]; 0: none
        ("pitch_at_contact_deg", np.float64),  # toes up is positive
        ("pitch_at_toe_off_deg", np.float64),
        ("max_dorsiflexion_deg", np.float64),  # largest pitch in swing
        ("stride_length_m", np.float64),
        ("clearance_mm", np.float64),  # minimum toe clearance (MTC) over the foot's flat stance
        ("lift_mm", np.float64),  # highest rise of the ankle end of the foot in swing
        ("lateral_excursion_mm", np.float64),  # farthest from the stride's chord in swing
        (
            "impulse_heel",
            np.float64,
        ),  # of the stance before: region load x s, in the profile's unit
        ("impulse_midfoot", np.float64),
        ("impulse_forefoot", np.float64),
        ("peak_heel", np.float64),
        ("peak_midfoot", np.float64),
        ("peak_forefoot", np.float64),
        ("curve_heel", np.float64, (CURVE_POINTS,)),  # region load over the stance before
        ("curve_midfoot", np.float64, (CURVE_POINTS,)),
        ("curve_forefoot", np.float64, (CURVE_POINTS,)),
    ]
)

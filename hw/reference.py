"""What an independent instrument, or a vendor, says of a recording: types without any reader.

All times are seconds on the recording's own clock, all lengths metres.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hw.source import Recording, Side

__all__ = ["MarkedFoot", "MotionCapture", "Research", "SteppedWalk", "Steps"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MarkedFoot:
    """One foot seen by optical motion capture, and the strides labelled in it.

    Attributes
    ----------
    toe, heel : float64[m, 3]
        Marker positions [m], z up.
    start_s, toe_off_s, contact_s, end_s, previous_contact_s : float64[k]
        Per labelled stride: the foot-flat that begins it, the toe off and the initial contact
        after that, the foot-flat that ends it, and the contact before it [s].
    """

    toe: Floats
    heel: Floats
    start_s: Floats
    toe_off_s: Floats
    contact_s: Floats
    end_s: Floats
    previous_contact_s: Floats


@dataclass(frozen=True, slots=True)
class MotionCapture:
    """A recording with markers on both feet, from the same instant, at `marker_hz`."""

    recording: Recording
    marker_hz: float
    feet: Mapping[Side, MarkedFoot]


@dataclass(frozen=True, slots=True)
class Steps:
    """Initial contacts and toe offs of one foot, float64[] each [s]."""

    contacts_s: Floats
    toe_offs_s: Floats


@dataclass(frozen=True, slots=True)
class SteppedWalk:
    """A recording with the device's own steps; `steps` is empty where the export has none."""

    recording: Recording
    steps: Mapping[Side, Steps]


@dataclass(frozen=True, slots=True)
class Research:
    """All public recordings of a folder; `absent` names the data sets that are not there."""

    motion_capture: tuple[MotionCapture, ...] = ()
    insole_walks: tuple[SteppedWalk, ...] = ()
    force_walks: tuple[Recording, ...] = ()
    absent: tuple[str, ...] = field(default=())

"""One foot's sensors and the constants of its detection."""

import math
from dataclasses import dataclass, field
from typing import Literal

from kernels.errors import KernelInputError

__all__ = ["FOREFOOT_FROM_X", "HEEL_BELOW_X", "FootConfig", "Thresholds"]

HEEL_BELOW_X = 1 / 3
"""Cells below this share of the foot's length belong to the heel (gait.md)."""
FOREFOOT_FROM_X = 2 / 3
"""Cells above it belong to the forefoot, metatarsal heads and toes (gait.md)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every constant of the detection, with its unit and where it comes from.

    A share is a share of the decayed stance peak of the total load, so no unit of load matters.
    """

    on_share: float = 0.05
    """A region carries load from here on. gait.md: on at 5-10 %."""
    off_share: float = 0.035
    """The foot is unloaded below it. gait.md: off at 3-5 %."""
    strong_share: float = 0.15
    """A region that carries this much needs no dwell: three times `on_share`."""
    landing_share: float = 0.27
    """More than a toe drag carries (3-20 % of the stance peak, gait.md) with a third in reserve:
    the foot has landed, whatever region carries."""
    weak_share: float = 0.40
    """A stance whose peak stays below it bore no body weight (seated, a tap): no walking."""
    high_share: float = 0.50
    """Push-off begins above it; in single support the foot bears all weight."""
    roll_share: float = 0.60
    """Push-off begins with at least so much of the load on the forefoot; the valley of mid-stance,
    which insoles without cells under the arch show almost empty, does not."""
    drag_share: float = 0.03
    """Forefoot load in swing that makes a drag. gait.md (proposal)."""
    drag_sigma: float = 4.0
    """... or this many standard deviations of the unloaded forefoot. gait.md (proposal)."""
    drag_s: float = 0.030
    """Least duration of a drag [s]. gait.md (proposal)."""
    landing_wait_s: float = 0.200
    """A forefoot held this long below `landing_share` is a drag, not a landing [s]: in a toe-first
    landing the heel follows within 20-100 ms (gait.md), in a careful one within twice that."""
    mid_swing: float = 0.45
    """Share of the usual swing time before which a touch is no landing: the foot passes the stance
    leg at half of swing (Perry & Burnfield 2010, Gait Analysis, 2nd ed.)."""
    trip_s: float = 0.400
    """A near-trip's contact follows the spike of deceleration within this [s]. gait.md."""
    early_swing: float = 0.85
    """... and ends a swing shorter than this share of the usual one; the stride-time CV of impaired
    gait stays under 10 % (Hausdorff 2005, doi 10.1186/1743-0003-2-19)."""
    tail_s: float = 0.100
    """The last of a push-off may trail so long after toe off [s]: the shoe's bent toe box and the
    sole unload after the foot, up to 82 ms in a healthy walker; a late release lasts longer."""
    tail_share: float = 0.12
    """... or for this share of the usual swing time, where that is longer: who swings slowly also
    rolls off slowly; half of the least share of a swing that a late release lasts."""
    slow_swing_s: float = 1.0
    """The usual swing time before the first swing is known [s]: slow gait's, strides of 4 s at
    70-75 % stance (gait.md)."""
    bounce_s: float = 0.100
    """A touch of the forefoot that ends sooner before contact is the landing's first bounce [s]."""
    stall_s: float = 0.040
    """Push-off is over when the fall of load has stopped for so long [s]."""
    stall_fall: float = 0.20
    """... that is, when it lost less than this share within `stall_s`; a healthy push-off loses
    more than half."""
    stall_slope: float = 0.25
    """... and its slope is less than this share of the slope just before; a foot that is unloaded
    slowly in standing or a turn has one slope throughout."""
    fall_share_s: float = 1.5
    """Push-off unloads at least so fast in its last 60 ms [shares/s]: a third of healthy slow gait;
    who stands and rocks onto the toes unloads more slowly."""
    dwell_s: float = 0.020
    """Load must stay on, or off, so long [s]. gait.md: >= 20 ms."""
    min_swing_s: float = 0.120
    """Shorter unloadings are bounces [s]; swing lasts 0.3 s even in running (Novacheck 1998,
    doi 10.1016/S0966-6362(97)00038-6)."""
    max_swing_s: float = 2.0
    """A longer absence of load is rest, not swing [s]: strides last up to 4 s at 70-75 % stance
    (gait.md)."""
    max_stride_s: float = 6.0
    """Contacts further apart belong to different bouts [s]: half more than the slowest stride."""
    min_stance_s: float = 0.100
    """Load does not leave the foot sooner after contact [s]."""
    walking_stance_s: float = 3.5
    """A stance that lasts longer is standing [s]."""
    roll_s: float = 0.060
    """In a step the heel leaves the ground at least so long before the toes [s]; when weight is
    shifted in standing both leave together."""
    gap_s: float = 0.030
    """Missing samples for longer make a stretch invalid [s]. gait.md."""
    lost_s: float = 0.150
    """After a longer gap nothing is known of the foot's phase [s]: it can hide a swing."""
    strike_margin_s: float = 0.020
    """Heel lead below it is no lead [s]; one sample where that is longer. gait.md."""
    strike_index_s: float = 0.020
    """When the strike index is read after contact [s]. gait.md."""
    strike_limit_s: float = 0.100
    """The strike type is decided by then [s]. gait.md."""
    lead_limit_s: float = 0.500
    """The forefoot's onset is waited for so long, for the heel lead only [s]."""
    toe_index: float = 67.0
    """Strike index of a toe-first contact [%]. gait.md."""
    flat_index: float = 33.0
    """Strike index of a flat contact [%]. gait.md."""
    toe_pitch_deg: float = 0.0
    """Pitch at contact that confirms toe-first [deg]. gait.md (proposal)."""
    flat_pitch_deg: float = 8.0
    """Pitch at contact below which a contact is flat [deg]. gait.md (proposal)."""
    rotation_rad_s: float = 0.8
    """Swing rotation of the foot or shank at least [rad/s]: 45 deg/s, a third of what very slow
    walking shows; weight shifts stay below. About any axis, because rough axes may be wrong."""
    peak_decay: float = 0.2
    """Share of the difference by which the remembered stance peak follows a lower one."""
    weak_decay: float = 0.01
    """The same after a stance that bore no body weight, so that sitting teaches nothing."""
    baseline_gain: float = 0.2
    """Share of the difference by which a cell's baseline follows its mean of a clean swing."""
    baseline_slew_share: float = 0.001
    """A cell's baseline moves at most so far per swing; that follows a drift of 5 %/h with ease."""
    stuck_s: float = 3.0
    """A loaded cell that does not change for so long while the others do is stuck [s]."""
    stick_s: float = 0.150
    """So long after full load [s], a cell that has kept its load while the others lost theirs is
    stuck; a push-off empties the foot in 50-150 ms."""
    stick_end_s: float = 1.0
    """It is looked for until then [s]; a foot that rests so long may well carry the same."""
    loaded_share: float = 0.01
    """What one cell carries at least to be called loaded: a third of a drag."""


@dataclass(frozen=True, slots=True)
class FootConfig:
    """One foot: where its cells lie, how its IMU sits.

    Attributes
    ----------
    side : {"left", "right"}
    x, y : tuple of float
        Place per cell: x from heel (0) to toe (1), y from medial (0) to lateral (1). Empty where
        there are no pressure cells.
    mount : {"foot", "shank"} or None
        Where the IMU sits; None where there is none.
    foot_length_m, to_toe_m
        Foot length and the vector from the IMU to the toe point in the foot frame [m], if known.
    thresholds : Thresholds

    Raises
    ------
    KernelInputError
        For cells outside the foot, x and y of different length, or an impossible length.
    """

    side: Literal["left", "right"]
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    mount: Literal["foot", "shank"] | None = None
    foot_length_m: float | None = None
    to_toe_m: tuple[float, float, float] | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        if self.side not in ("left", "right"):
            raise KernelInputError("config", f"side is {self.side!r}, give 'left' or 'right'")
        if self.mount not in ("foot", "shank", None):
            raise KernelInputError(
                "config", f"mount is {self.mount!r}, give 'foot', 'shank' or None"
            )
        if len(self.x) != len(self.y):
            raise KernelInputError(
                "config",
                f"{len(self.x)} places in x, {len(self.y)} in y; give one of each per cell",
            )
        if len(self.x) > 64:
            raise KernelInputError("config", f"{len(self.x)} cells, at most 64 are allowed")
        for name in ("x", "y"):
            for cell, place in enumerate(getattr(self, name), 1):
                if not 0 <= place <= 1:
                    raise KernelInputError("config", f"{name} of cell {cell} is {place}, give 0..1")
        length = self.foot_length_m
        if length is not None and not 0.08 <= length <= 0.45:
            raise KernelInputError("config", f"foot_length_m is {length}, give metres (0.08..0.45)")
        if self.to_toe_m is not None and not (
            len(self.to_toe_m) == 3 and all(math.isfinite(v) for v in self.to_toe_m)
        ):
            raise KernelInputError("config", f"to_toe_m is {self.to_toe_m}, give three metres")

"""Walking on the heels: the foot lands on its heel and stays pitched, toes off the ground."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.virtual.motion import Pose, Stance, Swing, bump, smooth

__all__ = ["HeelStance", "HeelSwing", "heel_swing", "on_heel"]

Array = NDArray[np.float64]
_SETTLE_S: Final = 0.15
_LOWER_S: Final = 0.5
_HELD_S: Final = 0.8
_FLAT_S: Final = 0.12
_LANDS_RAD: Final = float(np.radians(5.0))  # over the pitch that is kept
_LIFT_M: Final = 0.05


@dataclass(slots=True)
class HeelStance(Stance):
    """A stance on the heel; the toes come down to the floor from `lower_s` on.

    `rest` is the pitch it keeps [rad], `fore` the share of the load that the forefoot bears.
    """

    rest: float = 0.0
    fore: float = 0.0
    lower_s: float = np.inf

    def lower(self, now_s: float) -> None:
        """The walk is over: the toes come down, at least 0.8 s after the contact."""
        self.lower_s = min(self.lower_s, max(now_s + 0.1, self.contact_s + _HELD_S))

    def lowered(self, t: Array) -> Array:
        """Return how far the toes have come down, 0 .. 1."""
        return smooth((t - self.lower_s) / _LOWER_S)

    def pose(self, t: Array) -> Pose:
        """Return the pose at times within the stance [s]."""
        late = t > self.heel_off_s
        settled = smooth((t - self.contact_s) / _SETTLE_S)
        pitch = self.pitch + (self.rest - self.pitch) * settled
        pitch = pitch * (1 - self.lowered(t))
        heel = np.tile([*self.place, 0.0], (len(t), 1))
        heel[:, 2] += self.impact * self._ring(t - self.contact_s)
        if late.any():
            rolled = super(HeelStance, self).pose(t[late])
            heel[late], pitch[late] = rolled.heel, rolled.pitch
        return Pose(heel, np.full_like(t, self.yaw), pitch, np.zeros_like(t))


@dataclass(slots=True)
class HeelSwing(Swing):
    """A swing that begins or ends on the heel: the foot is lifted as it stands."""

    def pose(self, t: Array) -> Pose:
        """Return the pose at times within the swing [s]."""
        u = (t - self.before.off_s) / self.duration_s
        along = smooth(u)
        pitch = self.before.off_pitch + (self.after.pitch - self.before.off_pitch) * along
        yaw = self.before.yaw + (self.after.yaw - self.before.yaw) * along
        way = np.subtract(self.after.place, self.before.place)
        heel = np.column_stack([np.array(self.before.place) + np.outer(along, way), 0.0 * u])
        size = float(np.hypot(*way))
        normal = np.array([-way[1], way[0]]) / size if size > 0.05 else np.zeros(2)
        heel[:, :2] += np.outer(self.lateral_m * bump(u), normal)
        heel[:, 2] += self.lift_m * bump(u)
        return Pose(heel, yaw, pitch, self.roll * bump(u))


def on_heel(stance: Stance, rest: float, fore: float) -> HeelStance:
    """Return a planned stance as one on the heel, pitched by `rest` [rad]."""
    return HeelStance(
        stance.length_m,
        stance.place,
        stance.yaw,
        contact_s=stance.contact_s,
        flat_s=_FLAT_S,
        pitch=rest + _LANDS_RAD,
        impact=stance.impact,
        rest=rest,
        fore=fore,
    )


def heel_swing(swing: Swing) -> HeelSwing:
    """Return a planned swing as one that lifts the foot as it stands."""
    return HeelSwing(
        swing.before,
        swing.after,
        swing.peak_pitch,
        swing.peak_at,
        swing.heights,
        lift_m=_LIFT_M,
        lateral_m=swing.lateral_m,
        roll=0.0,
    )

"""Legs crossed while sitting: one foot is lifted off, turned, and the other one bears more.

certainty = 0.45 (the foot bears nothing) + 0.25 (its IMU turned: 0 at 5 deg, full at 15 deg)
          + 0.2 (the other foot bears more: 0 at as much as before, full at 1.3 times)
          + 0.1 (the foot moves now and then: it is worn, no empty shoe)

A part that cannot be seen (no IMU, one foot only) adds nothing: what is not known is not certain.
Crossed ankles, with both feet on the floor, are not seen.
"""

import math
from typing import Final

from kernels.exercises.frames import FRAME_S, Frame
from kernels.exercises.records import LegsCrossed, Side

__all__ = ["CrossingWatch"]

EMPTY: Final = 0.02
RESTS: Final = 0.035
"""Shares of the body weight: a foot in the air, and one that rests on the floor."""
LEAST_S: Final = 20.0
SETTLE_S: Final = 2.0
TAU_S: Final = 5.0
MOVES_RAD_S: Final = 0.1


class CrossingWatch:
    """Follows one foot as the leg that may lie on top."""

    def __init__(self, side: Side) -> None:
        self._side: Side = side
        self._before: tuple[float, float] | None = None
        self._other_before: float | None = None
        self._since_ns: int | None = None
        self._now_ns = 0
        self._seen = 0
        self._other = self._turned = 0.0
        self._turned_frames = self._moving = 0

    def update(
        self, frame: Frame, share: float, other: float | None, is_seated: bool | None
    ) -> LegsCrossed | None:
        """Take a frame; return a crossing that ended.

        Parameters
        ----------
        share, other : float, float or None
            Load of this foot and the other one as shares of the body weight.
        is_seated : bool or None
            Standing ends it; where it is not known, it is taken as no. So do both feet in the air.
        """
        self._now_ns = frame.time_ns
        if not is_seated or share > RESTS or (other is not None and other < RESTS):
            done = self.close()
            if is_seated and share > RESTS:
                self._learn(frame, other)
            return done
        if share > EMPTY:
            return None
        if self._since_ns is None:
            if self._before is None and self._other_before is None:
                return None  # never seen on the floor: nothing to compare with
            self._since_ns = frame.time_ns
            self._seen = self._turned_frames = self._moving = 0
            self._other = self._turned = 0.0
        self._watch(frame, other)
        return None

    def close(self) -> LegsCrossed | None:
        """End a crossing; None where there was none or a short one."""
        since_ns, self._since_ns = self._since_ns, None
        if since_ns is None or (self._now_ns - since_ns) / 1e9 < LEAST_S:
            return None
        return LegsCrossed(self._side, since_ns, self._now_ns, round(self._certainty(), 3))

    def live_since_ns(self) -> int | None:
        """Return since when the legs are crossed now; None where they are not, or not for long."""
        since_ns = self._since_ns
        if since_ns is None or (self._now_ns - since_ns) / 1e9 < LEAST_S:
            return None
        return since_ns

    def certainty(self) -> float:
        """Return the certainty of the crossing under way."""
        return self._certainty() if self._since_ns is not None else 0.0

    def _learn(self, frame: Frame, other: float | None) -> None:
        """Follow how the foot lies on the floor."""
        k = FRAME_S / TAU_S
        tilt = frame.tilt
        if tilt is not None and tilt.is_still:
            was = self._before or (tilt.pitch_deg, tilt.roll_deg)
            self._before = (
                was[0] + k * (tilt.pitch_deg - was[0]),
                was[1] + k * (tilt.roll_deg - was[1]),
            )
        if other is not None:
            was_other = self._other_before if self._other_before is not None else other
            self._other_before = was_other + k * (other - was_other)

    def _watch(self, frame: Frame, other: float | None) -> None:
        if self._since_ns is None or frame.time_ns - self._since_ns < SETTLE_S * 1e9:
            return
        self._seen += 1
        self._other += other or 0.0
        tilt = frame.tilt
        if tilt is None:
            return
        self._moving += tilt.rate_rad_s > MOVES_RAD_S
        if self._before is not None:
            pitch, roll = tilt.pitch_deg - self._before[0], tilt.roll_deg - self._before[1]
            self._turned += math.hypot(pitch, roll)
            self._turned_frames += 1

    def _certainty(self) -> float:
        if not self._seen:
            return 0.0
        turned = self._turned / self._turned_frames if self._turned_frames else 0.0
        more = 0.0
        if self._other_before:
            more = self._other / self._seen / self._other_before - 1
        return (
            0.45
            + 0.25 * _ramp((turned - 5) / 10)
            + 0.2 * _ramp(more / 0.3)
            + 0.1 * (self._moving >= 3)
        )


def _ramp(value: float) -> float:
    return min(1.0, max(0.0, value))

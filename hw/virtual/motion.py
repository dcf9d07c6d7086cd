"""Kinematics of the virtual foot: a rigid sole that rolls over heel and toe, and swings between.

World frame: x and y on the ground, z up [m]. The sole has a heel and a toe point, `length_m` apart.
Angles: yaw about z, pitch positive with the toes up, roll about the foot's x [rad].
After initial contact the foot turns about the point that landed, lies flat (its velocity is
exactly zero), turns about the toe point from heel off to toe off, and then swings.
Position, angles and their first derivatives are continuous; an impact transient that leaves no
net velocity is added at contact.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FREE",
    "FULL",
    "LATE_RELEASE",
    "SCUFF",
    "Drag",
    "Pose",
    "Stance",
    "Swing",
    "bump",
    "smooth",
]

Array = NDArray[np.float64]
FREE: Final = 0
LATE_RELEASE: Final = 1
SCUFF: Final = 2
FULL: Final = 3

_SPEED_UP: Final = 0.45  # share of the swing in which the foot speeds up
_TURN_STOPS: Final = 0.22  # share of the swing in which the toes stop rising, before contact
_SETTLE: Final = 0.22  # share of the swing in which the turn of push-off ends
_HEEL_GAP_M: Final = 0.03
_GIVE_S: Final = 0.04
_BRAKE_S: Final = 50.0  # deceleration before contact, per speed at contact [1/s]
_IMPACT_S: Final = 0.008
_IMPACT_HZ: Final = 45.0
_SCUFF_S: Final = 0.015


def smooth(u: Array) -> Array:
    """Return the quintic from 0 at 0 to 1 at 1 that rests, without acceleration, at both ends."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u**3 * (10 - 15 * u + 6 * u**2))


def travel(u: Array, slow_down: float = 0.35) -> Array:
    """Return the way from rest at 0 to rest at 1; the speed rises at once, stays, and falls."""
    u = np.clip(u, 0.0, 1.0)
    up = np.minimum(u / _SPEED_UP, 1.0)
    down = np.minimum((1 - u) / slow_down, 1.0)
    # Integrals of the speed: 2 w - w^2 at the begin (push-off goes on), a smooth step at the end.
    way = _SPEED_UP * (up**2 - up**3 / 3) + np.maximum(u - _SPEED_UP, 0.0)
    way -= np.where(
        u > 1 - slow_down, u - 1 + slow_down - slow_down * (0.5 - down**3 + 0.5 * down**4), 0.0
    )
    return np.asarray(way / (1 - _SPEED_UP / 3 - 0.5 * slow_down))


def bump(u: Array) -> Array:
    """Return a bump of height 1 at 0.5 that is smooth at 0 and 1."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray((4 * u * (1 - u)) ** 3)


def hoist(u: Array) -> Array:
    """Return a smooth bump of height 1 at 3/8: hip and knee lift the foot early in swing."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray((8 / 3 * u) ** 3 * (8 / 5 * (1 - u)) ** 5)


Knot = tuple[float, float, float]  # value, first and second derivative


def hermite(u: Array, start: Knot, end: Knot) -> Array:
    """Return the quintic from `start` to `end` over u in 0..1; derivatives are by u."""
    u2, u3 = u * u, u * u * u
    u4, u5 = u3 * u, u3 * u * u
    h5 = 0.5 * (u3 - 2 * u4 + u5)
    h4 = -4 * u3 + 7 * u4 - 3 * u5
    h3 = 10 * u3 - 15 * u4 + 6 * u5
    h2 = 0.5 * (u2 - 3 * u3 + 3 * u4 - u5)
    h1 = u - 6 * u3 + 8 * u4 - 3 * u5
    return np.asarray(
        start[0] * (1 - h3)
        + start[1] * h1
        + start[2] * h2
        + end[0] * h3
        + end[1] * h4
        + end[2] * h5
    )


def transient(t: Array, tau_s: float) -> Array:
    """Return t^2 exp(-t/tau): a displacement of initial acceleration 2 that ends where it began."""
    t = np.maximum(t, 0.0)
    return np.asarray(t * t * np.exp(-np.minimum(t / tau_s, 700.0)))


@dataclass(frozen=True, slots=True)
class Pose:
    """The foot at n instants: heel point [n, 3], and yaw, pitch, roll [n]."""

    heel: Array
    yaw: Array
    pitch: Array
    roll: Array

    def point(self, x: float, y: float, z: float) -> Array:
        """Return the world position [n, 3] of a point of the foot, from the heel point [m]."""
        cy, sy = np.cos(self.yaw), np.sin(self.yaw)
        cp, sp = np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        along = cp * x - sp * (sr * y + cr * z)
        left = cr * y - sr * z
        up = sp * x + cp * (sr * y + cr * z)
        return self.heel + np.column_stack([cy * along - sy * left, sy * along + cy * left, up])


@dataclass(slots=True)
class Stance:
    """A foot on the ground from `contact_s`; it ends at `off_s`, infinite until that is planned.

    `place` is where the heel rests, on a floor or step of this `height` [m]. `slide` is the
    velocity forward and up that the foot still has at contact [m/s]; sole and shoe give way until
    it is spent.
    """

    length_m: float
    place: tuple[float, float]
    yaw: float
    contact_s: float
    flat_s: float
    pitch: float = 0.0
    rate: float = 0.0
    impact: float = 0.0
    slide: tuple[float, float] = (0.0, 0.0)
    heel_off_s: float = np.inf
    off_s: float = np.inf
    off_pitch: float = 0.0
    off_rate: float = 0.0
    height: float = 0.0

    def pose(self, t: Array) -> Pose:
        """Return the pose at times within the stance [s]."""
        pitch = np.zeros_like(t)
        early, late = t < self.flat_s, t > self.heel_off_s
        if early.any():
            span = self.flat_s - self.contact_s
            u = (t[early] - self.contact_s) / span
            pitch[early] = hermite(u, (self.pitch, self.rate * span, 0.0), (0.0, 0.0, 0.0))
        if late.any():
            span = self.off_s - self.heel_off_s
            u = (t[late] - self.heel_off_s) / span
            pitch[late] = hermite(u, (0.0, 0.0, 0.0), (self.off_pitch, self.off_rate * span, 0.0))
        on_toe = late | (early & (self.pitch < 0))
        heel = _heel_of(self._toe(len(t)), self.yaw, pitch, self.length_m)
        heel[~on_toe] = (*self.place, 0.0)
        if early.any():
            forward, up = self.slide
            rest = self.give(t - self.contact_s)
            hit = self.impact * self._ring(t - self.contact_s)
            along = forward * rest - 0.5 * hit
            heel += np.column_stack(
                [along * np.cos(self.yaw), along * np.sin(self.yaw), up * rest + hit]
            )
        if self.height:
            heel[:, 2] += self.height
        return Pose(heel, np.full_like(t, self.yaw), pitch, np.zeros_like(t))

    def give(self, since: Array | float) -> Array:
        """Return the way to the place of rest per unit of speed at contact, at a time after it."""
        span = min(_GIVE_S, self.flat_s - self.contact_s)
        left = np.clip(1 - np.asarray(since) / span, 0.0, 1.0)
        return np.asarray(-span / 3 * left**3)

    def _ring(self, since: Array) -> Array:
        """Return the impact: a damped oscillation that is over when the foot is flat."""
        over = 1 - smooth(since / (self.flat_s - self.contact_s))
        return transient(since, _IMPACT_S) * np.cos(2 * np.pi * _IMPACT_HZ * since) * over

    def _toe(self, n: int) -> Array:
        x = self.place[0] + self.length_m * np.cos(self.yaw)
        y = self.place[1] + self.length_m * np.sin(self.yaw)
        return np.tile([x, y, 0.0], (n, 1))


@dataclass(frozen=True, slots=True)
class Drag:
    """The forefoot on the ground in swing: kind, times [s], load as a share of the stance peak."""

    kind: int = FREE
    start_s: float = np.inf
    end_s: float = np.inf
    level: float = 0.0


@dataclass(slots=True)
class Swing:
    """A foot in the air, from toe off of `before` to contact of `after`.

    `heights` are (share of the swing, height of the toe point [m], curvature [m per share^2]).
    """

    before: Stance
    after: Stance
    peak_pitch: float
    peak_at: float
    heights: tuple[tuple[float, float, float], ...]
    lift_m: float = 0.0
    lateral_m: float = 0.0
    roll: float = 0.0
    drag: Drag = field(default_factory=Drag)

    @property
    def duration_s(self) -> float:
        """The swing time."""
        return self.after.contact_s - self.before.off_s

    def pose(self, t: Array) -> Pose:
        """Return the pose at times within the swing [s]."""
        u = (t - self.before.off_s) / self.duration_s
        pitch = self._pitch(u)
        along = travel(u)
        yaw = self.before.yaw + (self.after.yaw - self.before.yaw) * smooth(u)
        toe = self._way(u, along)
        toe[:, 2] = self._clear_heel(u, self._height(u) + self.lift_m * hoist(u), pitch)
        if self.before.height or self.after.height:
            toe[:, 2] += self._climb(u)
        if self.drag.kind == SCUFF:
            brake = transient(t - self.drag.start_s, _SCUFF_S) * smooth((1 - u) / 0.1)
            toe[:, 0] -= 6.0 * brake * np.cos(yaw)
            toe[:, 1] -= 6.0 * brake * np.sin(yaw)
            pitch = pitch - 80.0 * brake
        heel = _heel_of(toe, yaw, pitch, self.before.length_m)
        return Pose(heel, yaw, pitch, self.roll * bump(u))

    def _climb(self, u: Array) -> Array:
        """Return the height of the step below the foot: early up, late down, clear of the edge."""
        begin, end = self.before.height, self.after.height
        way = smooth(u / 0.7) if end > begin else smooth((u - 0.3) / 0.7)
        return np.asarray(begin + (end - begin) * way)

    def _clear_heel(self, u: Array, toe: Array, pitch: Array) -> Array:
        """Return the toe's height, raised smoothly where the heel would touch the ground."""
        free = 0.4 if self.drag.kind == FREE else self.peak_at
        gap = _HEEL_GAP_M * smooth((u - free) / 0.15) * smooth((1 - u) / 0.3)
        heel = self.before.length_m * np.sin(pitch)
        return np.asarray(0.5 * (toe + heel + np.sqrt((toe - heel) ** 2 + gap**2)))

    def _pitch(self, u: Array) -> Array:
        span, at = self.duration_s, self.peak_at
        w = np.clip(u / at, 0.0, 1.0)
        rise = self.before.off_pitch + (self.peak_pitch - self.before.off_pitch) * travel(
            w, _TURN_STOPS
        )
        early = np.clip(u / _SETTLE, 0.0, 1.0)
        rise += hermite(early, (0.0, self.before.off_rate * span * _SETTLE, 0.0), (0.0, 0.0, 0.0))
        rest = np.clip((u - at) / (1 - at), 0.0, 1.0)
        end = (self.after.pitch, self.after.rate * span * (1 - at), 0.0)
        return np.where(u < at, rise, hermite(rest, (self.peak_pitch, 0.0, 0.0), end))

    def _end(self) -> tuple[Knot, Knot]:
        """Return the toe's way ahead of the new heel and its height, at contact.

        Derivatives are by share of the swing: the foot already turns about the point that lands.
        """
        length, span = self.before.length_m, self.duration_s
        pitch, rate = self.after.pitch, self.after.rate * span
        (forward, up), rest = self.after.slide, float(self.after.give(0.0))
        brake = -_BRAKE_S * forward * span**2
        if pitch < 0:
            return (length + forward * rest, forward * span, brake), (up * rest, up * span, 0.0)
        c, s = length * np.cos(pitch), length * np.sin(pitch)
        return (
            (c + forward * rest, forward * span - s * rate, brake - c * rate**2),
            (s + up * rest, up * span + c * rate, -s * rate**2),
        )

    def _way(self, u: Array, along: Array) -> Array:
        """Return the toe's path on the ground, z = 0."""
        forward, _ = self._end()
        old, new = self.before, self.after
        ahead = np.array([np.cos(new.yaw), np.sin(new.yaw)])
        start = np.add(old.place, old.length_m * np.array([np.cos(old.yaw), np.sin(old.yaw)]))
        end = np.add(new.place, forward[0] * ahead)
        extra = hermite(u, (0.0, 0.0, 0.0), (0.0, forward[1], forward[2]))
        chord = np.subtract(new.place, old.place)
        size = float(np.hypot(*chord))
        normal = np.array([-chord[1], chord[0]]) / size if size > 0.05 else np.array([0.0, 0.0])
        flat = start + np.outer(along, end - start) + np.outer(extra, ahead)
        flat += np.outer(self.lateral_m * bump(u), normal)
        return np.column_stack([flat, np.zeros_like(u)])

    def _height(self, u: Array) -> Array:
        _, end = self._end()
        knots = [*self.heights, (1.0, end[0], end[2])]
        slopes = [0.0] * len(self.heights) + [end[1]]
        z = np.zeros_like(u)
        for k in range(len(knots) - 1):
            (u0, z0, c0), (u1, z1, c1) = knots[k], knots[k + 1]
            span = u1 - u0
            inside = (u >= u0) & ((u < u1) | (k == len(knots) - 2))
            first = (z0, slopes[k] * span, c0 * span**2)
            last = (z1, slopes[k + 1] * span, c1 * span**2)
            z[inside] = hermite((u[inside] - u0) / span, first, last)
        return z


def _heel_of(toe: Array, yaw: Array | float, pitch: Array, length_m: float) -> Array:
    flat = length_m * np.cos(pitch)
    return toe - np.column_stack([flat * np.cos(yaw), flat * np.sin(yaw), length_m * np.sin(pitch)])

"""Readable twin of `_imu`, first half: up, velocity, stillness and mounting, sample by sample.

Frames: the sensor frame is the device turned by its profile's rough axes (x to the toes, y left,
z up, off by up to some 45 degrees). The foot frame is found from the data: z from gravity at
foot-flat, y from the main axis of fast rotation across it (the swing's), its sense from the rough
axes. The world frame has z up and any heading.

Rules, in the order in which a sample passes them (6 and 7 are in `imu_reference`):

1. A sample with NaN is skipped. A hole over GAP_S is a gap: the swing is void, pitch unknown
   until the foot is still.
2. The up direction and the velocity, both in the sensor frame, are turned back by the gyro's
   rotation; the acceleration less gravity is added to the velocity (`_carry`).
3. Wrong units and missing gravity show in the running means of |a| and of the rate (`_check`).
4. At rest, and more slowly in foot-flats, the mean rate is the gyro's offset (`_rest`).
5. Still is a low rate with |a| near gravity. Then velocity is zero (zero-velocity update; Skog et
   al. 2010, doi 10.1109/TBME.2010.2060723) and up follows the accelerometer (`_stillness`). The
   rate's threshold adapts to how quiet the recent stances became; a stance without stillness gets
   one forced update where it was quietest (`_reanchor`).

Why not VQF (Laidig, Seel 2023, doi 10.1016/j.inffus.2022.10.014): its tilt is a low-pass of
seconds over the accelerometer, swings included. Tilt taken from foot-flats alone was twice as
exact on the motion-capture walk.
"""

import math
from collections.abc import Sequence

from kernels import imu_constants as c
from kernels.imu_stride_reference import Sample, Trajectory, Vector, cross, dot, turn_back

__all__ = ["MISSING_NS", "Pose", "clip", "ns", "share"]

MISSING_NS = -(2**63)
NAN = math.nan


def share(dt: float, tau: float) -> float:
    """Weight of one sample in a running mean with the time constant tau [s]."""
    return dt / tau if dt < tau else 1.0


def clip(x: float, low: float, high: float) -> float:
    """x within low..high."""
    return low if x < low else high if x > high else x


def ns(s: float) -> int:
    """Whole nanoseconds."""
    return int(s * 1e9)


def _unit(a: Vector) -> Vector:
    n = 1.0 / math.sqrt(dot(a, a))
    return [x * n for x in a]


class Pose:
    """Orientation, stillness and mounting of one foot's IMU.

    Parameters
    ----------
    mount : {"foot", "shank"}
    to_toe_m : three floats or None
        From the IMU to the toe point in the foot frame [m].
    foot_length_m : float or None
        Without either, the toe point is where the push-offs turned; NaN until enough of them.
    """

    def __init__(
        self,
        mount: str = "foot",
        to_toe_m: Sequence[float] | None = None,
        foot_length_m: float | None = None,
    ) -> None:
        self.path = Trajectory()
        self._shank = self.path.shank = mount == "shank"
        if to_toe_m is not None:
            self.path.to_toe = list(to_toe_m)
        if foot_length_m is not None:
            self.path.foot_length = foot_length_m
        self.toe_off_ns = self.contact_ns = MISSING_NS
        self.pitch = self.pitch_rate = self.spike_mps2 = self.impact_jerk = NAN
        self.toe_off = self.contact = self.spike = self.gap = False
        self.mounted = self.fault = 0
        self.heading_deg = 0.0
        self._count = self._t = self._still_since = self._shock_ns = self._low_ns = 0
        self._period = self._flats = self._mean_norm = self._mean_rate = self._seen_s = 0.0
        self._shock = self._push_peak = self._push = 0.0
        self._disagree = self._backwards = 0
        self._bias = [0.0, 0.0, 0.0]
        self._cov = [0.0] * 6
        self._a, self._w = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        self._u = [0.0, 0.0, 0.0]
        self._g = c.GRAVITY
        self._still_rate = c.STILL_RATE
        self._ring = [Sample() for _ in range(c.RING)]
        self._restart()

    def _restart(self) -> None:
        """Forget what a long hole makes stale; keep mounting, offsets and levers."""
        self._v = [0.0, 0.0, 0.0]
        self._mean_w = [0.0, 0.0, 0.0]
        self._forget_flat()
        self._fresh = True
        self.swing = self.still = False
        self._armed = self._walked = self._pitch_ok = self._flat_seen = False
        self.speed = self._since = self._low = self._p1 = self._p2 = 0.0
        self._still_s = self._rest_s = self._jerk = self._top_speed = 0.0
        self._unrest = self._least = 10.0
        self._reversal_ns = MISSING_NS
        self._landed = self._count

    def _forget_flat(self) -> None:
        self._flat_u = [0.0, 0.0, 0.0]

    def _take(
        self, t_ns: int, imu: Sequence[float], contact: int
    ) -> tuple[float, float, float, Vector] | None:
        """Carry the pose to one sample; time step, pitch rate, jerk, acceleration, or nothing."""
        self.toe_off = self.contact = self.spike = self.gap = False
        if not all(abs(x) < c.ABSURD for x in imu):
            return None
        dt = self._elapsed(t_ns) if self._count else 0.0
        a = [float(x) for x in imu[:3]]
        w = [float(imu[3 + i]) - self._bias[i] for i in range(3)]
        norm, rate = math.sqrt(dot(a, a)), math.sqrt(dot(w, w))
        jerk = 0.0
        if self._fresh:
            dt = 0.0
            self._mean_w = list(w)
            self._lose(a)
            self._fresh = False
        else:
            jerk = self._carry(dt, a, w)
        if self.gap:
            self._void_swing()
        lin = abs(norm - self._g)
        self._check(dt, norm, rate)
        self._rest(dt, w, norm, lin)
        self._stillness(t_ns, dt, a, norm, rate, lin, contact)
        if rate > c.AXIS_RATE:
            self._turning(dt, w)
        pr = -dot(w, self.path.mount[1])
        self._keep(t_ns, a, w, pr, contact)
        return dt, pr, jerk, a

    def _void_swing(self) -> None:
        """After a hole neither swing nor flat nor pitch can be trusted."""
        self.swing = self._armed = self._walked = self._pitch_ok = self._flat_seen = False
        self._since = 0.0
        self._forget_flat()
        self._landed = self._count

    def _elapsed(self, t_ns: int) -> float:
        """Time since the last sample [s]; a hole is a gap, a long one makes a fresh start."""
        dt = (t_ns - self._t) * 1e-9
        if self._count == 1:
            self._period = dt
        self.gap = dt > max(c.GAP_S, c.GAP_PERIODS * self._period)
        if not self.gap:
            self._period += c.PERIOD_SHARE * (dt - self._period)
        if dt > c.LOST_S:
            self._restart()
        return dt

    def _keep(self, t_ns: int, a: Vector, w: Vector, pr: float, contact: int) -> None:
        """Store the sample and make its pitch readable."""
        s = self._ring[self._count % c.RING]
        s.t, s.a, s.w, s.rate, s.gap = t_ns, list(a), list(w), pr, self.gap
        self._a, self._w = list(a), list(w)
        s.pitch = math.asin(clip(dot(self._u, self.path.mount[0]), -1.0, 1.0))
        s.unrest = self._unrest
        if contact == 0:
            s.unrest *= c.UNLOADED_UNREST
        elif contact == 2:
            s.unrest /= c.FLAT_LOOSER
        self.pitch_rate = pr * c.DEGREES
        self.pitch = s.pitch * c.DEGREES if self._pitch_known() else NAN

    def _pitch_known(self) -> bool:
        return not (self._shank or self.mounted == 0 or self.fault or not self._pitch_ok)

    def _carry(self, dt: float, a: Vector, w: Vector) -> float:
        """Turn up and velocity into the new attitude, add the acceleration; return the jerk."""
        h = 0.5 * dt
        r = [(self._w[i] + w[i]) * h for i in range(3)]
        v = [self._v[i] + h * (self._a[i] - self._g * self._u[i]) for i in range(3)]
        v = turn_back(r, v)
        u = turn_back(r, self._u)
        n = dot(u, u)
        if not (0.5 < n < 2.0 and dot(v, v) < c.ABSURD):
            self._lose(a)
            return 0.0
        n = 1.5 - 0.5 * n
        self._u = [x * n for x in u]
        self._v = [v[i] + h * (a[i] - self._g * self._u[i]) for i in range(3)]
        jerk = against = self._push = 0.0
        for i in range(3):
            d = a[i] - self._a[i]
            jerk += d * d
            self._push += d * self._u[i]
            against -= d * self._v[i]
        up = dot(self._v, self._u)
        d = dot(self._v, self._v) - up * up
        self.speed = math.sqrt(d) if d > 0.0 else 0.0
        d = dot(self._v, self._v)
        if d > 1e-4:
            self._push += against / math.sqrt(d)
        return math.sqrt(jerk) / dt

    def _lose(self, a: Vector) -> None:
        """Rotation too fast to follow: begin anew from the accelerometer."""
        norm = math.sqrt(dot(a, a))
        self._u = [x / norm for x in a] if norm > 1e-3 else [0.0, 0.0, 1.0]
        self._v = [0.0, 0.0, 0.0]
        self.speed = 0.0
        self._pitch_ok = False

    def _check(self, dt: float, norm: float, rate: float) -> None:
        """Running means of |a| and rate tell wrong units and missing gravity."""
        self._seen_s += dt
        k = share(dt, c.CHECK_TAU_S if self._seen_s > c.CHECK_TAU_S else self._seen_s + 1e-9)
        self._mean_norm += k * (norm - self._mean_norm)
        self._mean_rate += k * (rate - self._mean_rate)
        if self._seen_s < c.CHECK_AFTER_S:
            return
        self.fault &= ~(c.FAULT_UNIT_G | c.FAULT_NO_GRAVITY | c.FAULT_UNIT_DEG)
        if c.UNIT_G_LOW < self._mean_norm < c.UNIT_G_HIGH:
            self.fault |= c.FAULT_UNIT_G
        elif self._mean_norm < c.NO_GRAVITY:
            self.fault |= c.FAULT_NO_GRAVITY
        if self._mean_rate > c.RATE_MEAN_MAX:
            self.fault |= c.FAULT_UNIT_DEG

    def _rest(self, dt: float, w: Vector, norm: float, lin: float) -> None:
        """Gyro offset and the size of gravity while the foot rests longer than a stance lets it."""
        k = share(dt, c.REST_MEAN_S)
        m = self._mean_w
        away = 0.0
        for i in range(3):
            d = w[i] - m[i]
            m[i] += k * d
            away += abs(d)
        quiet = away < c.REST_SPREAD and lin < 2.0 * c.STILL_ACC
        self._rest_s = self._rest_s + dt if quiet and dot(m, m) < c.BIAS_MAX * c.BIAS_MAX else 0.0
        if self._rest_s > c.REST_S:
            k = share(dt, c.BIAS_REST_TAU_S)
            g = self._g + share(dt, c.GRAVITY_TAU_S) * (norm - self._g)
            self._g = clip(g, c.GRAVITY - c.GRAVITY_SPAN, c.GRAVITY + c.GRAVITY_SPAN)
        elif self.still and self._still_s > c.BIAS_FLAT_S and dot(m, m) < c.BIAS_FLAT * c.BIAS_FLAT:
            k = share(dt, c.BIAS_FLAT_TAU_S)
        else:
            return
        for i in range(3):
            d = k * m[i]
            self._bias[i] += d
            m[i] -= d

    def _stillness(
        self, t_ns: int, dt: float, a: Vector, norm: float, rate: float, lin: float, contact: int
    ) -> None:
        """Zero-velocity update, and tilt from gravity, while the foot is still."""
        unrest = rate + c.UNREST_ACC * lin
        self._unrest += share(dt, c.UNREST_TAU_S) * (unrest - self._unrest)
        self._least = min(self._least, self._unrest)
        limit = self._still_rate * c.FLAT_LOOSER if contact == 2 else self._still_rate
        quiet = rate < limit and lin < c.STILL_ACC * limit / c.STILL_RATE
        self._still_s = self._still_s + dt if quiet else 0.0
        self.still = self._still_s >= c.STILL_S
        if not self.still:
            self._still_since = t_ns
            return
        k = share(dt, c.TILT_TAU_S)
        self._u = _unit([self._u[i] + k * (a[i] / norm - self._u[i]) for i in range(3)])
        self._v = [0.0, 0.0, 0.0]
        self.speed = 0.0
        self._pitch_ok = self._flat_seen = True
        self._learn_flat(dt, contact)

    def _learn_flat(self, dt: float, contact: int) -> None:
        """Mean tilt of the first part of this foot-flat."""
        if contact in (0, 1) or (self.mounted and self._still_s > c.FLAT_LEARN_S):
            return
        self._flat_u = [self._flat_u[i] + dt * self._u[i] for i in range(3)]
        if self.mounted == 0 and self._still_s > c.STAND_S:
            self._mount(1)

    def _mount(self, from_what: int) -> None:
        """Take the tilt of the flat just seen into the mean one, and find the foot's axes anew."""
        if dot(self._flat_u, self._flat_u) <= 0.0:
            return
        if self.mounted < 2:
            self._flats = 0.0
        if self._flats < c.MOUNT_FLATS:
            self._flats += 1.0
        self._flat_u = _unit(self._flat_u)
        k = 1.0 / self._flats
        z = self.path.mount[2]
        self.path.mount[2] = _unit([z[i] + k * (self._flat_u[i] - z[i]) for i in range(3)])
        self.mounted = from_what
        self._find_axes()

    def _find_axes(self) -> None:
        """Forward and left from the flat tilt and the main axis of rotation across it."""
        z, m = self.path.mount[2], self._cov
        self.fault &= ~(c.FAULT_TURNED_OVER | c.FAULT_HEADING)
        if z[2] < c.UP_MIN:
            self.fault |= c.FAULT_TURNED_OVER
        n = z[0] * z[0] + z[2] * z[2]
        if n < 1e-6:
            return
        n = 1.0 / math.sqrt(n)
        e = [z[2] * n, 0.0, -z[0] * n]
        f = cross(z, e)
        turn = 0.0
        if m[0] + m[3] + m[5] > c.AXIS_MIN:
            rows = [[m[0], m[1], m[2]], [m[1], m[3], m[4]], [m[2], m[4], m[5]]]
            ce = [dot(row, e) for row in rows]
            cf = [dot(row, f) for row in rows]
            turn = 0.5 * math.atan2(2.0 * dot(e, cf), dot(f, cf) - dot(e, ce))
        self.heading_deg = -turn * c.DEGREES
        if abs(turn) > c.HEADING_MAX:
            self.fault |= c.FAULT_HEADING
        cs, sn = math.cos(turn), math.sin(turn)
        self.path.mount[1] = [cs * f[i] + sn * e[i] for i in range(3)]
        self.path.mount[0] = [cs * e[i] - sn * f[i] for i in range(3)]

    def _turning(self, dt: float, w: Vector) -> None:
        """Second moments of fast rotation, with a memory of AXIS_TAU_S of it."""
        k = 1.0 - share(dt, c.AXIS_TAU_S)
        pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        self._cov = [k * m + dt * w[i] * w[j] for m, (i, j) in zip(self._cov, pairs, strict=True)]

    def _reanchor(self) -> None:
        """Force one zero-velocity update at the least unrest since landing, and carry on."""
        n = self._count
        k = self._quietest(max(self._landed, n - int(c.SWING_MAX_S / self._period)), n - 1)
        if k < 0 or n - k < 2 or self._ring[k % c.RING].unrest > c.STILL_RATE_MAX:
            return
        s = self._ring[k % c.RING]
        norm = math.sqrt(dot(s.a, s.a))
        if norm < 1e-3:
            return
        now = self._a, self._w
        self._u = [x / norm for x in s.a]
        self._v = [0.0, 0.0, 0.0]
        while k < n:
            q = s
            k += 1
            s = self._ring[k % c.RING]
            self._a, self._w = q.a, q.w
            self._carry((s.t - q.t) * 1e-9, s.a, s.w)
            s.pitch = math.asin(clip(dot(self._u, self.path.mount[0]), -1.0, 1.0))
        self._a, self._w = now
        self._pitch_ok = True

    def _slot(self, t_ns: int) -> int:
        """Number of the last sample at or before t that is still kept, or -1."""
        n = self._count - 1
        first = max(self._count - c.RING, 0)
        while n >= first and self._ring[n % c.RING].t > t_ns:
            n -= 1
        return n if n >= first else -1

    def _quietest(self, n0: int, n1: int) -> int:
        """Number of the first sample of least unrest among n0..n1, or -1."""
        n0 = max(n0, self._count - c.RING + 1)
        kept = range(n0, n1 + 1)
        return min(kept, key=lambda n: self._ring[n % c.RING].unrest, default=-1)

    def pitch_at(self, t_ns: int) -> float:
        """Pitch at a time between kept samples [deg]; NaN where it is not known."""
        n = self._slot(t_ns)
        if n < 0 or not self._pitch_known():
            return NAN
        s = self._ring[n % c.RING]
        p = s.pitch
        if n < self._count - 1:
            q = self._ring[(n + 1) % c.RING]
            if q.gap:
                return NAN
            p += (t_ns - s.t) / (q.t - s.t) * (q.pitch - p)
        return p * c.DEGREES

    def is_settled(self, contact_ns: int) -> bool:
        """Whether the foot has come to rest since this contact: the stride can be closed."""
        return self.still and self._still_since >= contact_ns and self._still_s >= c.SETTLED_S

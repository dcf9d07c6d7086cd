# cython: language_level=3
"""Pose and mounting of one foot's IMU, compiled; the twin that explains it is `imu_pose_reference`.

No allocation, no Python object and no GIL per sample. State depends on sample times and values only.
"""

from libc.math cimport NAN, asin, atan2, cos, fabs, sin, sqrt
from libc.stdint cimport INT64_MIN, int64_t

from kernels._imu_stride cimport RING, Sample, Trajectory, turn_back

import numpy as np

from kernels import imu_constants as _c

cdef double ABSURD = _c.ABSURD
cdef double GRAVITY = _c.GRAVITY
cdef double GAP_S = _c.GAP_S
cdef double GAP_PERIODS = _c.GAP_PERIODS
cdef double PERIOD_SHARE = _c.PERIOD_SHARE
cdef double LOST_S = _c.LOST_S
cdef double STILL_RATE = _c.STILL_RATE
cdef double STILL_RATE_MAX = _c.STILL_RATE_MAX
cdef double STILL_ACC = _c.STILL_ACC
cdef double STILL_S = _c.STILL_S
cdef double FLAT_LOOSER = _c.FLAT_LOOSER
cdef double UNREST_TAU_S = _c.UNREST_TAU_S
cdef double UNREST_ACC = _c.UNREST_ACC
cdef double UNLOADED_UNREST = _c.UNLOADED_UNREST
cdef double FLAT_LEARN_S = _c.FLAT_LEARN_S
cdef double SETTLED_S = _c.SETTLED_S
cdef double TILT_TAU_S = _c.TILT_TAU_S
cdef double REST_S = _c.REST_S
cdef double REST_MEAN_S = _c.REST_MEAN_S
cdef double REST_SPREAD = _c.REST_SPREAD
cdef double BIAS_MAX = _c.BIAS_MAX
cdef double BIAS_FLAT = _c.BIAS_FLAT
cdef double BIAS_FLAT_S = _c.BIAS_FLAT_S
cdef double BIAS_REST_TAU_S = _c.BIAS_REST_TAU_S
cdef double BIAS_FLAT_TAU_S = _c.BIAS_FLAT_TAU_S
cdef double GRAVITY_TAU_S = _c.GRAVITY_TAU_S
cdef double GRAVITY_SPAN = _c.GRAVITY_SPAN
cdef double AXIS_RATE = _c.AXIS_RATE
cdef double AXIS_TAU_S = _c.AXIS_TAU_S
cdef double AXIS_MIN = _c.AXIS_MIN
cdef double MOUNT_FLATS = _c.MOUNT_FLATS
cdef double STAND_S = _c.STAND_S
cdef double UP_MIN = _c.UP_MIN
cdef double HEADING_MAX = _c.HEADING_MAX
cdef double CHECK_TAU_S = _c.CHECK_TAU_S
cdef double CHECK_AFTER_S = _c.CHECK_AFTER_S
cdef double NO_GRAVITY = _c.NO_GRAVITY
cdef double UNIT_G_LOW = _c.UNIT_G_LOW
cdef double UNIT_G_HIGH = _c.UNIT_G_HIGH
cdef double RATE_MEAN_MAX = _c.RATE_MEAN_MAX
cdef double SWING_MAX_S = _c.SWING_MAX_S
cdef int FAULT_TURNED_OVER = _c.FAULT_TURNED_OVER
cdef int FAULT_HEADING = _c.FAULT_HEADING
cdef int FAULT_UNIT_G = _c.FAULT_UNIT_G
cdef int FAULT_NO_GRAVITY = _c.FAULT_NO_GRAVITY
cdef int FAULT_UNIT_DEG = _c.FAULT_UNIT_DEG
cdef double DEGREES = 57.29577951308232


cdef inline void unit(double* a) noexcept nogil:
    cdef double n = 1.0 / sqrt(dot(a, a))
    a[0] *= n
    a[1] *= n
    a[2] *= n


cdef class Pose:
    """Orientation, stillness and mounting of one foot's IMU.

    Parameters
    ----------
    mount : {"foot", "shank"}
    to_toe_m : three floats or None
        From the IMU to the toe point in the foot frame [m].
    foot_length_m : float or None
    """

    def __cinit__(self, mount="foot", to_toe_m=None, foot_length_m=None):
        cdef int i, j
        self.path = Trajectory()
        self._shank = self.path.shank = mount == "shank"
        if to_toe_m is not None:
            for i in range(3):
                self.path.to_toe[i] = to_toe_m[i]
        if foot_length_m is not None:
            self.path.foot_length = foot_length_m
        self.toe_off_ns = self.contact_ns = INT64_MIN
        self.pitch = self.pitch_rate = self.spike_mps2 = self.impact_jerk = NAN
        self._g = GRAVITY
        self._still_rate = STILL_RATE
        self._gap_ns = INT64_MIN
        for i in range(3):
            for j in range(3):
                self.path.mount[i][j] = 1.0 if i == j else 0.0
        self._restart()

    cdef void _restart(self) noexcept nogil:
        """Forget what a long hole makes stale; keep mounting, offsets and levers."""
        cdef int i
        for i in range(3):
            self._v[i] = self._mean_w[i] = self._flat_u[i] = 0.0
        self._fresh = True
        self.swing = self.still = self._armed = self._walked = self._pitch_ok = self._flat_seen = False
        self.speed = self._since = self._low = self._p1 = self._p2 = 0.0
        self._still_s = self._rest_s = self._jerk = self._top_speed = 0.0
        self._unrest = self._least = 10.0
        self._reversal_ns = INT64_MIN
        self._landed = self._count

    cdef bint _take(self, int64_t t_ns, const float* imu, int contact, Step* out) noexcept nogil:
        """Carry the pose to one sample and say what it brought; False for a sample that is none."""
        cdef double* a = out.a
        cdef double w[3]
        cdef double norm, rate, lin
        cdef int i
        self.toe_off = self.contact = self.spike = self.gap = False
        for i in range(6):
            if not fabs(imu[i]) < ABSURD:
                return False
        out.dt = self._elapsed(t_ns) if self._count > 0 else 0.0
        for i in range(3):
            a[i] = imu[i]
            w[i] = imu[3 + i] - self._bias[i]
        norm = sqrt(dot(a, a))
        rate = sqrt(dot(w, w))
        out.jerk = 0.0
        if not self._fresh:
            out.jerk = self._carry(out.dt, a, w)
        else:
            out.dt = 0.0
            for i in range(3):
                self._mean_w[i] = w[i]
            self._lose(a)
            self._fresh = False
        if self.gap:
            self._void_swing()
        lin = fabs(norm - self._g)
        self._check(out.dt, norm, rate)
        self._rest(out.dt, w, norm, lin)
        self._stillness(t_ns, out.dt, a, norm, rate, lin, contact)
        if rate > AXIS_RATE:
            self._turning(out.dt, w, rate)
        out.pr = -dot(w, &self.path.mount[1][0])
        self._keep(t_ns, a, w, out.pr, contact)
        return True

    cdef void _void_swing(self) noexcept nogil:
        """After a hole neither swing nor flat nor pitch can be trusted."""
        self.swing = self._armed = self._walked = self._pitch_ok = self._flat_seen = False
        self._since = 0.0
        self._flat_u[0] = self._flat_u[1] = self._flat_u[2] = 0.0
        self._landed = self._count

    cdef double _elapsed(self, int64_t t_ns) noexcept nogil:
        """Time since the last sample [s]; a hole is a gap, a long one makes a fresh start."""
        cdef double dt = (t_ns - self._t) * 1e-9
        cdef double limit
        if self._count == 1:
            self._period = dt
        limit = GAP_PERIODS * self._period
        self.gap = dt > (GAP_S if limit < GAP_S else limit)
        if self.gap:
            self._gap_ns = t_ns
        else:
            self._period += PERIOD_SHARE * (dt - self._period)
        if dt > LOST_S:
            self._restart()
        return dt

    cdef void _keep(self, int64_t t_ns, const double* a, const double* w, double pr, int contact) noexcept nogil:
        """Store the sample and make its pitch readable."""
        cdef Sample* s = &self._ring[self._count % RING]
        cdef int i
        s.t = t_ns
        for i in range(3):
            s.a[i] = self._a[i] = a[i]
            s.w[i] = self._w[i] = w[i]
        s.pitch = asin(clip(dot(self._u, &self.path.mount[0][0]), -1.0, 1.0))
        s.rate = pr
        s.unrest = self._unrest
        if contact == 0:
            s.unrest *= UNLOADED_UNREST
        elif contact == 2:
            s.unrest /= FLAT_LOOSER
        s.gap = self.gap
        self.pitch_rate = pr * DEGREES
        self.pitch = s.pitch * DEGREES if self._pitch_known() else NAN

    cdef bint _pitch_known(self) noexcept nogil:
        return not (self._shank or self.mounted == 0 or self.fault or not self._pitch_ok)

    cdef double _carry(self, double dt, const double* a, const double* w) noexcept nogil:
        """Turn up and velocity into the sensor's new attitude, add the acceleration; return the jerk."""
        cdef double h = 0.5 * dt
        cdef double r[3]
        cdef double v[3]
        cdef double u[3]
        cdef double n, up, d, jerk, against
        cdef int i
        for i in range(3):
            r[i] = (self._w[i] + w[i]) * h
            v[i] = self._v[i] + h * (self._a[i] - self._g * self._u[i])
        turn_back(r, v, self._v)
        turn_back(r, self._u, u)
        n = dot(u, u)
        if not (0.5 < n < 2.0 and dot(self._v, self._v) < ABSURD):
            self._lose(a)
            return 0.0
        n = 1.5 - 0.5 * n
        jerk = 0.0
        against = 0.0
        self._push = 0.0
        for i in range(3):
            self._u[i] = u[i] * n
            self._v[i] += h * (a[i] - self._g * self._u[i])
            d = a[i] - self._a[i]
            jerk += d * d
            self._push += d * self._u[i]
            against -= d * self._v[i]
        up = dot(self._v, self._u)
        d = dot(self._v, self._v) - up * up
        self.speed = sqrt(d) if d > 0.0 else 0.0
        d = dot(self._v, self._v)
        if d > 1e-4:
            self._push += against / sqrt(d)
        return sqrt(jerk) / dt

    cdef void _lose(self, const double* a) noexcept nogil:
        """Rotation too fast to follow: begin anew from the accelerometer."""
        cdef double norm = sqrt(dot(a, a))
        cdef int i
        for i in range(3):
            self._u[i] = a[i] / norm if norm > 1e-3 else (1.0 if i == 2 else 0.0)
            self._v[i] = 0.0
        self.speed = 0.0
        self._pitch_ok = False

    cdef void _check(self, double dt, double norm, double rate) noexcept nogil:
        """Running means of |a| and rate tell wrong units and missing gravity."""
        cdef double k
        self._seen_s += dt
        k = share(dt, CHECK_TAU_S if self._seen_s > CHECK_TAU_S else self._seen_s + 1e-9)
        self._mean_norm += k * (norm - self._mean_norm)
        self._mean_rate += k * (rate - self._mean_rate)
        if self._seen_s < CHECK_AFTER_S:
            return
        self.fault &= ~(FAULT_UNIT_G | FAULT_NO_GRAVITY | FAULT_UNIT_DEG)
        if UNIT_G_LOW < self._mean_norm < UNIT_G_HIGH:
            self.fault |= FAULT_UNIT_G
        elif self._mean_norm < NO_GRAVITY:
            self.fault |= FAULT_NO_GRAVITY
        if self._mean_rate > RATE_MEAN_MAX:
            self.fault |= FAULT_UNIT_DEG

    cdef void _rest(self, double dt, const double* w, double norm, double lin) noexcept nogil:
        """Gyro offset and the size of gravity while the foot rests longer than a stance lets it."""
        cdef double k = share(dt, REST_MEAN_S)
        cdef double away = 0.0
        cdef double d
        cdef int i
        for i in range(3):
            d = w[i] - self._mean_w[i]
            self._mean_w[i] += k * d
            away += fabs(d)
        if away < REST_SPREAD and lin < 2.0 * STILL_ACC and dot(self._mean_w, self._mean_w) < BIAS_MAX * BIAS_MAX:
            self._rest_s += dt
        else:
            self._rest_s = 0.0
        if self._rest_s > REST_S:
            k = share(dt, BIAS_REST_TAU_S)
            self._g = clip(self._g + share(dt, GRAVITY_TAU_S) * (norm - self._g), GRAVITY - GRAVITY_SPAN, GRAVITY + GRAVITY_SPAN)
        elif self.still and self._still_s > BIAS_FLAT_S and dot(self._mean_w, self._mean_w) < BIAS_FLAT * BIAS_FLAT:
            k = share(dt, BIAS_FLAT_TAU_S)
        else:
            return
        for i in range(3):
            d = k * self._mean_w[i]
            self._bias[i] += d
            self._mean_w[i] -= d

    cdef void _stillness(self, int64_t t_ns, double dt, const double* a, double norm, double rate, double lin, int contact) noexcept nogil:
        """Zero-velocity update, and tilt from gravity, while the foot is still."""
        cdef double limit = self._still_rate
        cdef double k
        cdef int i
        self._unrest += share(dt, UNREST_TAU_S) * (rate + UNREST_ACC * lin - self._unrest)
        if self._unrest < self._least:
            self._least = self._unrest
        if contact == 2:
            limit *= FLAT_LOOSER
        if rate < limit and lin < STILL_ACC * limit / STILL_RATE:
            self._still_s += dt
        else:
            self._still_s = 0.0
        self.still = self._still_s >= STILL_S
        if not self.still:
            self._still_since = t_ns
            return
        k = share(dt, TILT_TAU_S)
        for i in range(3):
            self._u[i] += k * (a[i] / norm - self._u[i])
            self._v[i] = 0.0
        unit(self._u)
        self.speed = 0.0
        self._pitch_ok = self._flat_seen = True
        self._learn_flat(dt, contact)

    cdef void _learn_flat(self, double dt, int contact) noexcept nogil:
        """Mean tilt of the first part of this foot-flat."""
        cdef int i
        if contact == 0 or contact == 1 or (self.mounted and self._still_s > FLAT_LEARN_S):
            return
        for i in range(3):
            self._flat_u[i] += dt * self._u[i]
        if self.mounted == 0 and self._still_s > STAND_S:
            self._mount(False)

    cdef void _mount(self, bint walked) noexcept nogil:
        """Take the tilt of the flat just seen into the mean flat tilt, and find the foot's axes anew."""
        cdef double* z = &self.path.mount[2][0]
        cdef double k
        cdef int i
        if dot(self._flat_u, self._flat_u) <= 0.0:
            return
        if self.mounted < 2:
            self._flats = 0.0
        if self._flats < MOUNT_FLATS:
            self._flats += 1.0
        unit(self._flat_u)
        k = 1.0 / self._flats
        for i in range(3):
            z[i] += k * (self._flat_u[i] - z[i])
        unit(z)
        self.mounted = 2 if walked else 1
        self._find_axes()

    cdef void _find_axes(self) noexcept nogil:
        """Forward and left from the flat tilt and the main axis of rotation across it."""
        cdef double* x = &self.path.mount[0][0]
        cdef double* y = &self.path.mount[1][0]
        cdef double* z = &self.path.mount[2][0]
        cdef double* c = self._cov
        cdef double e[3]
        cdef double f[3]
        cdef double ce[3]
        cdef double cf[3]
        cdef double n, turn, cs, sn
        cdef int i
        self.fault &= ~(FAULT_TURNED_OVER | FAULT_HEADING)
        if z[2] < UP_MIN:
            self.fault |= FAULT_TURNED_OVER
        n = z[0] * z[0] + z[2] * z[2]
        if n < 1e-6:
            return
        n = 1.0 / sqrt(n)
        e[0] = z[2] * n
        e[1] = 0.0
        e[2] = -z[0] * n
        f[0] = z[1] * e[2] - z[2] * e[1]
        f[1] = z[2] * e[0] - z[0] * e[2]
        f[2] = z[0] * e[1] - z[1] * e[0]
        turn = 0.0
        if c[0] + c[3] + c[5] > AXIS_MIN:
            ce[0] = c[0] * e[0] + c[1] * e[1] + c[2] * e[2]
            ce[1] = c[1] * e[0] + c[3] * e[1] + c[4] * e[2]
            ce[2] = c[2] * e[0] + c[4] * e[1] + c[5] * e[2]
            cf[0] = c[0] * f[0] + c[1] * f[1] + c[2] * f[2]
            cf[1] = c[1] * f[0] + c[3] * f[1] + c[4] * f[2]
            cf[2] = c[2] * f[0] + c[4] * f[1] + c[5] * f[2]
            turn = 0.5 * atan2(2.0 * dot(e, cf), dot(f, cf) - dot(e, ce))
        self.heading_deg = -turn * DEGREES
        if fabs(turn) > HEADING_MAX:
            self.fault |= FAULT_HEADING
        cs = cos(turn)
        sn = sin(turn)
        for i in range(3):
            y[i] = cs * f[i] + sn * e[i]
            x[i] = cs * e[i] - sn * f[i]

    cdef void _turning(self, double dt, const double* w, double rate) noexcept nogil:
        """Second moments of fast rotation, with a memory of AXIS_TAU_S of it."""
        cdef double k = 1.0 - share(dt, AXIS_TAU_S)
        cdef double* c = self._cov
        c[0] = k * c[0] + dt * w[0] * w[0]
        c[1] = k * c[1] + dt * w[0] * w[1]
        c[2] = k * c[2] + dt * w[0] * w[2]
        c[3] = k * c[3] + dt * w[1] * w[1]
        c[4] = k * c[4] + dt * w[1] * w[2]
        c[5] = k * c[5] + dt * w[2] * w[2]

    cdef void _reanchor(self) noexcept nogil:
        """Force one zero-velocity update at the least unrest since landing, and carry on from there."""
        cdef int64_t k
        cdef int64_t n = self._count
        cdef Sample* s
        cdef Sample* q
        cdef double now[6]
        cdef double norm
        cdef int i
        k = n - <int64_t>(SWING_MAX_S / self._period)
        k = self._quietest(self._landed if self._landed > k else k, n - 1)
        if k < 0 or n - k < 2 or self._ring[k % RING].unrest > STILL_RATE_MAX:
            return
        s = &self._ring[k % RING]
        norm = sqrt(dot(s.a, s.a))
        if norm < 1e-3:
            return
        for i in range(3):
            now[i] = self._a[i]
            now[3 + i] = self._w[i]
            self._u[i] = s.a[i] / norm
            self._v[i] = 0.0
        while k < n:
            q = s
            k += 1
            s = &self._ring[k % RING]
            for i in range(3):
                self._a[i] = q.a[i]
                self._w[i] = q.w[i]
            self._carry((s.t - q.t) * 1e-9, s.a, s.w)
            s.pitch = asin(clip(dot(self._u, &self.path.mount[0][0]), -1.0, 1.0))
        for i in range(3):
            self._a[i] = now[i]
            self._w[i] = now[3 + i]
        self._pitch_ok = True

    cdef int64_t _slot(self, int64_t t_ns) noexcept nogil:
        """Number of the last sample at or before t that is still kept, or -1."""
        cdef int64_t n = self._count - 1
        cdef int64_t first = self._count - RING
        if first < 0:
            first = 0
        while n >= first and self._ring[n % RING].t > t_ns:
            n -= 1
        return n if n >= first else -1

    cdef int64_t _quietest(self, int64_t n0, int64_t n1) noexcept nogil:
        """Number of the sample of least unrest among n0..n1, or -1."""
        cdef int64_t best = -1
        cdef int64_t n
        cdef double least = 1e300
        if n0 <= self._count - RING:
            n0 = self._count - RING + 1
        for n in range(n0, n1 + 1):
            if self._ring[n % RING].unrest < least:
                least = self._ring[n % RING].unrest
                best = n
        return best

    cdef double pitch_at(self, int64_t t_ns) noexcept nogil:
        """Pitch at a time between kept samples [deg]; NaN where it is not known."""
        cdef int64_t n = self._slot(t_ns)
        cdef const Sample* s
        cdef const Sample* q
        cdef double p
        if n < 0 or not self._pitch_known():
            return NAN
        s = &self._ring[n % RING]
        p = s.pitch
        if n < self._count - 1:
            q = &self._ring[(n + 1) % RING]
            if q.gap:
                return NAN
            p += <double>(t_ns - s.t) / <double>(q.t - s.t) * (q.pitch - p)
        return p * DEGREES

    cdef bint settled(self, int64_t contact_ns) noexcept nogil:
        """Whether the foot has come to rest since this contact, so that the stride can be closed."""
        return self.still and self._still_since >= contact_ns and self._still_s >= SETTLED_S

    # ------------------------------------------------------------------ for Python
    def is_settled(self, int64_t contact_ns):
        """See `settled`."""
        return bool(self.settled(contact_ns))

    def levers(self):
        """Heel and toe point from the IMU in the foot frame as learnt so far [m]."""
        cdef double heel[3]
        cdef double toe[3]
        self.path._points(heel, toe)
        return tuple(heel), tuple(toe)

    def axes(self):
        """The foot's x, y, z in the sensor frame, float64[3, 3]."""
        return np.array([[self.path.mount[i][j] for j in range(3)] for i in range(3)])

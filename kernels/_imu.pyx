# cython: language_level=3
"""The IMU chain of one foot, compiled; the readable twin with the explanations is `imu_reference`.

No allocation, no Python object and no GIL per sample. State depends on sample times and values only.
"""

from libc.math cimport NAN, asin, atan2, cos, fabs, sin, sqrt
from libc.stdint cimport INT64_MIN, int64_t

from kernels._imu_stride cimport RING, ImuStride, Sample, Trajectory, blank, turn_back, void_space

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
cdef double STILL_RATE_RATIO = _c.STILL_RATE_RATIO
cdef double STILL_RATE_SHARE = _c.STILL_RATE_SHARE
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
cdef double DISAGREE_MPS = _c.DISAGREE_MPS
cdef int DISAGREE_STRIDES = _c.DISAGREE_STRIDES
cdef double PUSH_RATE = _c.PUSH_RATE
cdef double PUSH_SHARE = _c.PUSH_SHARE
cdef double PUSH_MEMORY = _c.PUSH_MEMORY
cdef double LAST_MINIMUM = _c.LAST_MINIMUM
cdef double SWING_SPEED = _c.SWING_SPEED
cdef double LIFT_SPEED = _c.LIFT_SPEED
cdef double ARM_S = _c.ARM_S
cdef double SWING_MIN_S = _c.SWING_MIN_S
cdef double SWING_MAX_S = _c.SWING_MAX_S
cdef double LANDING_SHARE = _c.LANDING_SHARE
cdef double SLAP_RATE = _c.SLAP_RATE
cdef double JERK_TAU_S = _c.JERK_TAU_S
cdef double JERK_RATIO = _c.JERK_RATIO
cdef double JERK_MIN = _c.JERK_MIN
cdef double IMPACT_S = _c.IMPACT_S
cdef double PUSH_PERIOD_S = _c.PUSH_PERIOD_S
cdef double REVERSAL_S = _c.REVERSAL_S
cdef double LAG_S = _c.LAG_S
cdef double SPIKE_DECEL = _c.SPIKE_DECEL
cdef double SPIKE_JERK_RATIO = _c.SPIKE_JERK_RATIO
cdef double SPIKE_RATE_BREAK = _c.SPIKE_RATE_BREAK
cdef double SPIKE_SHARE = _c.SPIKE_SHARE
cdef double FIRST_STANCE_S = _c.FIRST_STANCE_S
cdef int FAULT_TURNED_OVER = _c.FAULT_TURNED_OVER
cdef int FAULT_HEADING = _c.FAULT_HEADING
cdef int FAULT_UNIT_G = _c.FAULT_UNIT_G
cdef int FAULT_NO_GRAVITY = _c.FAULT_NO_GRAVITY
cdef int FAULT_UNIT_DEG = _c.FAULT_UNIT_DEG
cdef int FAULT_DISAGREE = _c.FAULT_DISAGREE
cdef int FAULT_BACKWARDS = _c.FAULT_BACKWARDS
cdef double DEGREES = 57.29577951308232


SAMPLE_DTYPE = np.dtype(
    [
        ("pitch_deg", np.float64),
        ("pitch_rate_dps", np.float64),
        ("speed_mps", np.float64),
        ("swing", np.bool_),
        ("still", np.bool_),
        ("spike", np.bool_),
        ("toe_off_ns", np.int64),
        ("contact_ns", np.int64),
    ]
)


cdef inline double share(double dt, double tau) noexcept nogil:
    return dt / tau if dt < tau else 1.0


cdef inline double clip(double x, double low, double high) noexcept nogil:
    return low if x < low else high if x > high else x


cdef inline int64_t ns(double s) noexcept nogil:
    return <int64_t>(s * 1e9)


cdef inline double dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


cdef inline void unit(double* a) noexcept nogil:
    cdef double n = 1.0 / sqrt(dot(a, a))
    a[0] *= n
    a[1] *= n
    a[2] *= n


cdef class ImuChain:
    """Orientation, stillness, events and trajectory of one foot's IMU.

    Parameters
    ----------
    mount : {"foot", "shank"}
    to_toe_m : three floats or None
        From the IMU to the toe point in the foot frame [m].
    foot_length_m : float or None
    """

    def __cinit__(self, mount="foot", to_toe_m=None, foot_length_m=None):
        cdef int i
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

    # ------------------------------------------------------------------ per sample
    cdef void push(self, int64_t t_ns, const float* imu, int contact) noexcept nogil:
        cdef double a[3]
        cdef double w[3]
        cdef double dt, jerk, norm, rate, lin, pr, limit
        cdef Sample* s
        cdef int i
        self.toe_off = self.contact = self.spike = self.gap = False
        for i in range(6):
            if not fabs(imu[i]) < ABSURD:
                return
        dt = 0.0
        if self._count > 0:
            dt = (t_ns - self._t) * 1e-9
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
        for i in range(3):
            a[i] = imu[i]
            w[i] = imu[3 + i] - self._bias[i]
        norm = sqrt(dot(a, a))
        rate = sqrt(dot(w, w))
        jerk = 0.0
        if not self._fresh:
            jerk = self._carry(dt, a, w)
        else:
            dt = 0.0
            for i in range(3):
                self._mean_w[i] = w[i]
            self._lose(a)
            self._fresh = False
        if self.gap:
            self.swing = self._armed = self._walked = self._pitch_ok = self._flat_seen = False
            self._since = 0.0
            self._flat_u[0] = self._flat_u[1] = self._flat_u[2] = 0.0
            self._landed = self._count
        lin = fabs(norm - self._g)
        self._check(dt, norm, rate)
        self._rest(dt, w, norm, lin)
        self._stillness(t_ns, dt, a, norm, rate, lin, contact)
        if rate > AXIS_RATE:
            self._turning(dt, w, rate)
        pr = -dot(w, &self.path.mount[1][0])
        s = &self._ring[self._count % RING]
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
        self.pitch = s.pitch * DEGREES
        if self._shank or self.mounted == 0 or self.fault or not self._pitch_ok:
            self.pitch = NAN
        if self.swing:
            self._in_swing(t_ns, dt, pr, jerk, a)
        else:
            self._on_ground(t_ns, dt, pr, jerk)
        self._p2 = self._p1
        self._p1 = pr
        self._t = t_ns
        self._count += 1

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

    # ------------------------------------------------------------------ events by the IMU alone
    cdef void _on_ground(self, int64_t t_ns, double dt, double pr, double jerk) noexcept nogil:
        """Look for the toe off: the last sharp minimum of the pitch rate before the foot swings."""
        cdef double bend, off, push
        self._since += dt
        if self.still or (not self._armed and self._since >= ARM_S):
            self._armed = True
            self._low = 0.0
            self._low_ns = t_ns
        if self.still or not self._armed:
            return
        if self._p1 < 0.0 and self._p1 <= self._p2 and self._p1 < pr and self._p1 <= LAST_MINIMUM * self._low:
            bend = self._p2 - 2.0 * self._p1 + pr
            off = clip(0.5 * (self._p2 - pr) / bend, -1.0, 1.0) if bend > 0.0 else 0.0
            self._low_ns = self._t + ns(off * dt)
            if self._p1 < self._low:
                self._low = self._p1
        push = PUSH_SHARE * self._push_peak
        if pr > 0.0 and self.speed > (SWING_SPEED if -self._low > (PUSH_RATE if push < PUSH_RATE else push) else LIFT_SPEED):
            self._lift(jerk)

    cdef void _lift(self, double jerk) noexcept nogil:
        """The foot swings: its toe off is certain. The stance is over: learn from it."""
        cdef double peak = -self._low
        if not self._flat_seen:
            self._reanchor()
        self.swing = True
        self.toe_off = True
        self.toe_off_ns = self._low_ns
        self._top_speed = self.speed
        self._jerk = jerk
        self._shock = 0.0
        self._reversal_ns = INT64_MIN
        self._push_peak = peak if self._push_peak == 0.0 else self._push_peak + PUSH_MEMORY * (peak - self._push_peak)
        if self._walked:
            self._mount(True)
            self._still_rate += STILL_RATE_SHARE * (STILL_RATE_RATIO * self._least - self._still_rate)
            self._still_rate = clip(self._still_rate, STILL_RATE, STILL_RATE_MAX)
        elif self.mounted:
            self._find_axes()
        self._flat_u[0] = self._flat_u[1] = self._flat_u[2] = 0.0

    cdef void _in_swing(self, int64_t t_ns, double dt, double pr, double jerk, const double* a) noexcept nogil:
        """Look for the impact that ends the swing; the contact is the reversal of rotation just before it."""
        cdef double since = (t_ns - self.toe_off_ns) * 1e-9
        cdef double period = self._period
        cdef double ratio = JERK_RATIO
        cdef bint pushed = self._push > 0.0 or period > PUSH_PERIOD_S
        cdef int64_t impact, lag
        if self.speed > self._top_speed:
            self._top_speed = self.speed
        if self._p1 > 0.0 and pr <= 0.0:
            self._reversal_ns = self._t + ns(self._p1 / (self._p1 - pr) * dt)
        if since > SWING_MIN_S and self.speed < LANDING_SHARE * self._top_speed:
            impact = self._t + (t_ns - self._t) // 2
            if pushed and jerk > self._shock:
                self._shock = jerk
                self._shock_ns = impact
            if period > IMPACT_S:
                ratio = 1.0 + (JERK_RATIO - 1.0) * IMPACT_S / period
            if (pushed and jerk > JERK_MIN and jerk > ratio * self._jerk) or pr < -SLAP_RATE:
                lag = impact - self._reversal_ns if self._reversal_ns != INT64_MIN else -1
                if 0 <= lag <= ns(REVERSAL_S + period):
                    self._land(self._reversal_ns, jerk)
                else:
                    self._land(impact - ns(LAG_S), jerk)
                return
        elif since > SWING_MIN_S and self.speed > SPIKE_SHARE * self._top_speed:
            self._spiked(pr, jerk, a)
        if self.still:
            self._land(self._shock_ns - ns(LAG_S) if self._shock > 0.0 else t_ns - ns(self._still_s), self._shock)
        elif since > SWING_MAX_S:
            self.swing = self._armed = False
            self._since = 0.0
        else:
            self._jerk += share(dt, JERK_TAU_S) * ((jerk if jerk < 2.0 * self._jerk else 2.0 * self._jerk) - self._jerk)

    cdef void _spiked(self, double pr, double jerk, const double* a) noexcept nogil:
        """A shock against the travel in mid-swing that also breaks the rotation: something was struck."""
        cdef double up = dot(self._v, self._u)
        cdef double slowing = 0.0
        cdef double v
        cdef int i
        if self.speed <= SWING_SPEED or jerk < SPIKE_JERK_RATIO * self._jerk or fabs(pr - self._p1) < SPIKE_RATE_BREAK:
            return
        for i in range(3):
            v = self._v[i] - up * self._u[i]
            slowing -= v * a[i]
        slowing /= self.speed
        if slowing > SPIKE_DECEL:
            self.spike = True
            self.spike_mps2 = slowing

    cdef void _land(self, int64_t contact_ns, double jerk) noexcept nogil:
        """The swing is over: its contact is certain."""
        self.contact_ns = contact_ns
        self.impact_jerk = jerk
        self.contact = True
        self.swing = self._armed = self._flat_seen = False
        self._landed = self._count
        self._since = 0.0
        self._flat_u[0] = self._flat_u[1] = self._flat_u[2] = 0.0
        self._least = 10.0
        self._walked = True

    # ------------------------------------------------------------------ stride close
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
        if n < 0 or self._shank or self.mounted == 0 or self.fault or not self._pitch_ok:
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

    cdef void close(self, int64_t previous_ns, int64_t toe_off_ns, int64_t contact_ns, ImuStride* out) noexcept nogil:
        """Numbers of the stride that `contact_ns` ends (previous_ns: INT64_MIN where there is none)."""
        cdef int64_t n_to = self._slot(toe_off_ns)
        cdef int64_t n_ic = self._slot(contact_ns)
        cdef int64_t n, a, b
        cdef double p
        blank(out)
        if n_to < 0 or n_ic <= n_to:
            return
        out.pitch_at_toe_off_deg = self.pitch_at(toe_off_ns)
        out.pitch_at_contact_deg = self.pitch_at(contact_ns)
        p = out.pitch_at_contact_deg
        for n in range(n_to + 1, n_ic + 1):
            if self._ring[n % RING].pitch * DEGREES > p:
                p = self._ring[n % RING].pitch * DEGREES
        out.max_dorsiflexion_deg = p
        n = self._slot(previous_ns if previous_ns != INT64_MIN else toe_off_ns - ns(FIRST_STANCE_S))
        a = self._quietest(n if n > 0 else 0, n_to)
        b = self._quietest(n_ic, self._count - 1)
        if a < 0 or b <= a or self.mounted == 0:
            return
        p = self._ring[a % RING].unrest
        out.unrest = self._ring[b % RING].unrest
        if p > out.unrest:
            out.unrest = p
        for n in range(a + 1, b + 1):
            if self._ring[n % RING].gap:
                return
        self.path.solve(self._ring, a, b, n_to, n_ic, out)
        self._judge(out)
        if self.fault:
            blank(out)
        elif out.residual_mps > DISAGREE_MPS:
            void_space(out)

    cdef void _judge(self, const ImuStride* out) noexcept nogil:
        """Strides that no right mounting explains raise a fault; a right one takes it back."""
        cdef bint wrong = out.residual_mps > DISAGREE_MPS
        if not out.complete:
            return
        self._count_fault(&self._disagree, wrong, out.turn, FAULT_DISAGREE)
        if not wrong:
            self._count_fault(&self._backwards, self.path.forward < -0.5, out.turn, FAULT_BACKWARDS)

    cdef void _count_fault(self, int* count, bint bad, bint turn, int fault) noexcept nogil:
        """Raise a fault after DISAGREE_STRIDES more bad strides than good; drop it at none."""
        if bad and count[0] < DISAGREE_STRIDES:
            count[0] += 1
        elif not bad and not turn and count[0] > 0:
            count[0] -= 1
        if count[0] == DISAGREE_STRIDES:
            self.fault |= fault
        elif count[0] == 0:
            self.fault &= ~fault

    # ------------------------------------------------------------------ for Python
    def run(self, const int64_t[::1] time_ns, const float[:, ::1] imu, contact=None):
        """Push samples; return what was readable after each.

        Parameters
        ----------
        time_ns : int64[n], strictly increasing
        imu : float32[n, 6], m/s2 and rad/s
        contact : int[n] or None
            -1 not known, 0 unloaded, 1 loaded, 2 flat.

        Returns
        -------
        structured array [n] with the fields of `SAMPLE_DTYPE`.
        """
        cdef Py_ssize_t n = time_ns.shape[0]
        cdef Py_ssize_t k
        cdef const int[::1] ground = np.full(n, -1, np.intc) if contact is None else np.ascontiguousarray(contact, np.intc)
        if imu.shape[0] != n or imu.shape[1] != 6 or ground.shape[0] != n:
            raise ValueError("imu must be [n, 6] and contact [n] for n times; check the arrays' lengths")
        out = np.zeros(n, SAMPLE_DTYPE)
        for k in range(n):
            self.push(time_ns[k], &imu[k, 0], ground[k])
            out[k] = (
                self.pitch, self.pitch_rate, self.speed, self.swing, self.still, self.spike,
                self.toe_off_ns if self.toe_off else INT64_MIN,
                self.contact_ns if self.contact else INT64_MIN,
            )
        return out

    def skim(self, const int64_t[::1] time_ns, const float[:, ::1] imu):
        """Push samples and return nothing (for timing the loop)."""
        cdef Py_ssize_t k
        with nogil:
            for k in range(time_ns.shape[0]):
                self.push(time_ns[k], &imu[k, 0], -1)

    def is_settled(self, int64_t contact_ns):
        """See `settled`."""
        return bool(self.settled(contact_ns))

    def stride(self, int64_t previous_ns, int64_t toe_off_ns, int64_t contact_ns):
        """Close a stride; return its numbers as a dict (see `ImuStride` in _imu_stride.pxd)."""
        cdef ImuStride out
        self.close(previous_ns, toe_off_ns, contact_ns, &out)
        return out

    def levers(self):
        """Heel and toe point from the IMU in the foot frame as learnt so far [m]."""
        cdef double heel[3]
        cdef double toe[3]
        self.path._points(heel, toe)
        return tuple(heel), tuple(toe)

    def axes(self):
        """The foot's x, y, z in the sensor frame, float64[3, 3]."""
        return np.array([[self.path.mount[i][j] for j in range(3)] for i in range(3)])

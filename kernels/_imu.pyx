# cython: language_level=3
"""Events by the IMU alone and the stride's numbers, compiled; the twin is `imu_reference`.

What comes before them, pose and mounting, is `_imu_pose`. No allocation, no Python object and no GIL
per sample.
"""

from libc.math cimport NAN, fabs, sqrt
from libc.stdint cimport INT64_MIN, int64_t

from kernels._imu_pose cimport Pose, Step, clip, dot, ns, share
from kernels._imu_stride cimport RING, ImuStride, blank, void_space

import numpy as np

from kernels import imu_constants as _c

cdef double STILL_RATE = _c.STILL_RATE
cdef double STILL_RATE_MAX = _c.STILL_RATE_MAX
cdef double STILL_RATE_RATIO = _c.STILL_RATE_RATIO
cdef double STILL_RATE_SHARE = _c.STILL_RATE_SHARE
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


cdef class ImuChain(Pose):
    """Orientation, stillness, events and trajectory of one foot's IMU.

    Parameters
    ----------
    mount : {"foot", "shank"}
    to_toe_m : three floats or None
        From the IMU to the toe point in the foot frame [m].
    foot_length_m : float or None
    """

    cdef void push(self, int64_t t_ns, const float* imu, int contact) noexcept nogil:
        """Take one sample: acceleration [m/s2] and rate [rad/s]; contact as in `run`."""
        cdef Step step
        if not self._take(t_ns, imu, contact, &step):
            return
        if self.swing:
            self._in_swing(t_ns, step.dt, step.pr, step.jerk, step.a)
        else:
            self._on_ground(t_ns, step.dt, step.pr, step.jerk)
        self._p2 = self._p1
        self._p1 = step.pr
        self._t = t_ns
        self._count += 1

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

    def stride(self, int64_t previous_ns, int64_t toe_off_ns, int64_t contact_ns):
        """Close a stride; return its numbers as a dict (see `ImuStride` in _imu_stride.pxd)."""
        cdef ImuStride out
        self.close(previous_ns, toe_off_ns, contact_ns, &out)
        return out

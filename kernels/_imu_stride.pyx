# cython: language_level=3
"""One stride's trajectory from foot-flat to foot-flat, compiled; the twin is `imu_stride_reference`.

All of it runs at stride close, on the samples that the chain kept. Formulas are explained in the twin.
"""

from libc.math cimport NAN, atan2, fabs, isnan, sqrt

from kernels import imu_constants as _c

cdef double DRIFT = _c.DRIFT
cdef double QUADRATURE = _c.QUADRATURE
cdef double STAIR_M = _c.STAIR_M
cdef double STAIR_SPREADS = _c.STAIR_SPREADS
cdef double TURN_RAD = _c.TURN_RAD
cdef double FLAT_WINDOW_NS = _c.FLAT_WINDOW_S * 1e9
cdef double SHANK_ABOVE_ANKLE_M = _c.SHANK_ABOVE_ANKLE_M
cdef double HEEL_BEHIND = _c.HEEL_BEHIND
cdef double HEEL_BELOW_M = _c.HEEL_BELOW_M
cdef double PIVOT_PRIOR = _c.PIVOT_PRIOR
cdef double PIVOT_MEMORY = _c.PIVOT_MEMORY
cdef double PIVOT_RATE = _c.PIVOT_RATE
cdef double HEEL_PITCH = _c.HEEL_PITCH
cdef double HEEL_FROM = _c.HEEL_FROM
cdef double HEEL_TO = _c.HEEL_TO
cdef double TOE_PITCH = _c.TOE_PITCH
cdef double TOE_FROM = _c.TOE_FROM
cdef double TOE_TO = _c.TOE_TO
cdef double CLEARANCE_PEAK = _c.CLEARANCE_PEAK
cdef double PHASE_MEMORY = _c.PHASE_MEMORY
cdef double DEGREES = 57.29577951308232


assert _c.RING == RING

cdef extern from *:
    """
    /* series of sin(x)/x and (1 - cos(x))/x^2 in x^2 */
    static const double S1 = -1.0 / 6.0, S2 = 1.0 / 120.0, S3 = -1.0 / 5040.0, S4 = 1.0 / 362880.0;
    static const double C1 = -1.0 / 24.0, C2 = 1.0 / 720.0, C3 = -1.0 / 40320.0, C4 = 1.0 / 3628800.0;
    """
    const double S1, S2, S3, S4, C1, C2, C3, C4


cdef inline double dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


cdef inline void cross(const double* a, const double* b, double* out) noexcept nogil:
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


cdef void turn_back(const double* r, const double* v, double* out) noexcept nogil:
    """Turn `v` by minus the rotation vector `r` (Rodrigues' formula by its series)."""
    cdef double h = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    cdef double s = 1.0 + h * (S1 + h * (S2 + h * (S3 + h * S4)))
    cdef double k = 0.5 + h * (C1 + h * (C2 + h * (C3 + h * C4)))
    cdef double c[3]
    cdef double d[3]
    cross(r, v, c)
    cross(r, c, d)
    out[0] = v[0] - s * c[0] + k * d[0]
    out[1] = v[1] - s * c[1] + k * d[1]
    out[2] = v[2] - s * c[2] + k * d[2]


cdef void blank(ImuStride* out) noexcept nogil:
    """Nothing known."""
    out.pitch_at_toe_off_deg = NAN
    out.pitch_at_contact_deg = NAN
    out.max_dorsiflexion_deg = NAN
    out.residual_mps = NAN
    out.unrest = NAN
    void_space(out)


cdef void void_space(ImuStride* out) noexcept nogil:
    """No spatial number can be trusted."""
    out.stride_length_m = NAN
    out.clearance_mm = NAN
    out.lift_mm = NAN
    out.lateral_excursion_mm = NAN
    out.net_height_m = NAN
    out.turn_deg = NAN
    out.turn = 0
    out.stairs = 0
    out.clearance_at_mean_time = 0
    out.complete = 0
    out.flat_ns = 0


cdef void gravity(const Sample* ring, int64_t first, int64_t n, double* out) noexcept nogil:
    """Mean acceleration over FLAT_WINDOW_S up to sample n."""
    cdef int64_t end = ring[n % RING].t
    cdef int64_t k = n
    cdef const Sample* s
    cdef double m = 0.0
    out[0] = out[1] = out[2] = 0.0
    while k >= first:
        s = &ring[k % RING]
        if end - s.t > FLAT_WINDOW_NS:
            break
        out[0] += s.a[0]
        out[1] += s.a[1]
        out[2] += s.a[2]
        m += 1.0
        k -= 1
    out[0] /= m
    out[1] /= m
    out[2] /= m


cdef class Trajectory:
    """Scratch space and the learnt levers of one foot."""

    def __cinit__(self):
        cdef int i
        for i in range(3):
            self.heel_fit[i] = 0.0
            self.toe_fit[i] = 0.0
            self.to_toe[i] = NAN
        self.foot_length = NAN
        self.phase = NAN
        self.phases = 0.0
        self.shank = False

    cdef void solve(self, const Sample* ring, int64_t a, int64_t b, int64_t n_to, int64_t n_ic, ImuStride* out) noexcept nogil:
        """Fill the spatial numbers of `out` from samples a (flat before) to b (flat after)."""
        cdef Py_ssize_t n = <Py_ssize_t>(b - a) + 1
        cdef double ga[3]
        cdef double gb[3]
        cdef double na, nb
        if n < 3:
            return
        gravity(ring, a - RING // 2 if a > RING // 2 else 0, a, ga)
        gravity(ring, a, b, gb)
        na = sqrt(dot(ga, ga))
        nb = sqrt(dot(gb, gb))
        if na <= 0.0 or nb <= 0.0:
            return
        if fabs(dot(&self.mount[0][0], ga)) > 0.99 * na:
            return
        self._attitude(ring, a, n, ga)
        self._integrate(ring, a, n, gb, 0.5 * (na + nb))
        self._bridge(ring, a, b, n, out)
        if self.shank:
            return
        self._pivots(ring, a, n, n_to, n_ic)
        if not out.turn:
            self._aside(n, <Py_ssize_t>(n_to - a), <Py_ssize_t>(n_ic - a), out)
            self._heights(<Py_ssize_t>(n_to - a), <Py_ssize_t>(n_ic - a), out)

    cdef void _attitude(self, const Sample* ring, int64_t a, Py_ssize_t n, const double* ga) noexcept nogil:
        """World axes in the sensor frame per sample: level at a, x along the foot, then by the gyro."""
        cdef double m = 1.0 / sqrt(dot(ga, ga))
        cdef double w[3]
        cdef double h, along
        cdef const Sample* s
        cdef const Sample* q
        cdef Py_ssize_t k
        cdef int i
        for i in range(3):
            self.r[0][2][i] = ga[i] * m
        along = dot(&self.mount[0][0], &self.r[0][2][0])
        for i in range(3):
            self.r[0][0][i] = self.mount[0][i] - along * self.r[0][2][i]
        m = 1.0 / sqrt(dot(&self.r[0][0][0], &self.r[0][0][0]))
        for i in range(3):
            self.r[0][0][i] *= m
        cross(&self.r[0][2][0], &self.r[0][0][0], &self.r[0][1][0])
        self.t[0] = 0.0
        for k in range(1, n):
            q = &ring[(a + k - 1) % RING]
            s = &ring[(a + k) % RING]
            h = 0.5 * ((s.t - q.t) * 1e-9)
            for i in range(3):
                w[i] = (q.w[i] + s.w[i]) * h
            turn_back(w, &self.r[k - 1][0][0], &self.r[k][0][0])
            turn_back(w, &self.r[k - 1][2][0], &self.r[k][2][0])
            cross(&self.r[k][2][0], &self.r[k][0][0], &self.r[k][1][0])
            self.t[k] = (s.t - ring[a % RING].t) * 1e-9

    cdef void _integrate(self, const Sample* ring, int64_t a, Py_ssize_t n, const double* gb, double g) noexcept nogil:
        """Velocity and place with the tilt error found at the end spread over time; error variances."""
        cdef double end = self.t[n - 1]
        cdef double ex = dot(&self.r[n - 1][1][0], gb) / sqrt(dot(gb, gb))
        cdef double ey = -dot(&self.r[n - 1][0][0], gb) / sqrt(dot(gb, gb))
        cdef double cx, cy, dt, e, d, x, y, z
        cdef double now[3]
        cdef double last[3]
        cdef const Sample* s
        cdef const Sample* q
        cdef Py_ssize_t k
        cdef int i
        for i in range(3):
            self.v[0][i] = self.p[0][i] = last[i] = 0.0
        self.s0[0] = self.s1[0] = self.s2[0] = 0.0
        for k in range(n):
            s = &ring[(a + k) % RING]
            cx = ex * self.t[k] / end
            cy = ey * self.t[k] / end
            x = dot(&self.r[k][0][0], s.a)
            y = dot(&self.r[k][1][0], s.a)
            z = dot(&self.r[k][2][0], s.a)
            now[0] = x + cy * z
            now[1] = y - cx * z
            now[2] = z + cx * y - cy * x - g
            for i in range(3):
                self.up[k][i] = self.r[k][2][i] + cx * self.r[k][1][i] - cy * self.r[k][0][i]
            if k == 0:
                if self.shank:
                    self._over_ankle(s, 0, &self.v[0][0])
            else:
                q = &ring[(a + k - 1) % RING]
                dt = self.t[k] - self.t[k - 1]
                e = 0.0
                for i in range(3):
                    self.v[k][i] = self.v[k - 1][i] + 0.5 * dt * (last[i] + now[i])
                    self.p[k][i] = self.p[k - 1][i] + 0.5 * dt * (self.v[k - 1][i] + self.v[k][i])
                    d = s.a[i] - q.a[i]
                    e += d * d
                e = DRIFT * DRIFT * dt + QUADRATURE * e * dt * dt
                self.s0[k] = self.s0[k - 1] + e
                self.s1[k] = self.s1[k - 1] + e * self.t[k]
                self.s2[k] = self.s2[k - 1] + e * self.t[k] * self.t[k]
            for i in range(3):
                last[i] = now[i]

    cdef void _bridge(self, const Sample* ring, int64_t a, int64_t b, Py_ssize_t n, ImuStride* out) noexcept nogil:
        """Spread the velocity (and on level ground the height) left over at the end by its variance."""
        cdef double end = self.t[n - 1]
        cdef double vv = self.s0[n - 1]
        cdef double vp = vv * end - self.s1[n - 1]
        cdef double pp = vv * end * end - 2.0 * end * self.s1[n - 1] + self.s2[n - 1]
        cdef double det = vv * pp - vp * vp
        cdef double over[3]
        cdef double kx, ky, kz, hz, t, cpv, cvp, cpp, dx, dy, length, spread
        cdef Py_ssize_t k
        cdef int i
        over[0] = over[1] = over[2] = 0.0
        if self.shank:
            self._over_ankle(&ring[b % RING], n - 1, over)
        for i in range(3):
            over[i] = self.v[n - 1][i] - over[i]
        out.residual_mps = sqrt(dot(over, over))
        kx = over[0] / vv
        ky = over[1] / vv
        kz = over[2] / vv
        hz = 0.0
        out.net_height_m = self.p[n - 1][2] - vp * kz
        spread = sqrt(pp - vp * vp / vv) if pp * vv > vp * vp else 0.0
        out.stairs = fabs(out.net_height_m) > STAIR_M and fabs(out.net_height_m) > STAIR_SPREADS * spread
        if not out.stairs and det > 0.0:
            kz = (pp * over[2] - vp * self.p[n - 1][2]) / det
            hz = (vv * self.p[n - 1][2] - vp * over[2]) / det
        for k in range(n):
            t = self.t[k]
            cpv = self.s0[k] * t - self.s1[k]
            cvp = self.s0[k] * end - self.s1[k]
            cpp = self.s0[k] * t * end - self.s1[k] * (t + end) + self.s2[k]
            self.p[k][0] -= cpv * kx
            self.p[k][1] -= cpv * ky
            self.p[k][2] -= cpv * kz + cpp * hz
            self.v[k][0] -= self.s0[k] * kx
            self.v[k][1] -= self.s0[k] * ky
            self.v[k][2] -= self.s0[k] * kz + cvp * hz
        dx = dot(&self.r[n - 1][0][0], &self.mount[0][0])
        dy = dot(&self.r[n - 1][1][0], &self.mount[0][0])
        out.turn_deg = atan2(dy, dx) * DEGREES
        out.turn = fabs(atan2(dy, dx)) > TURN_RAD
        length = sqrt(self.p[n - 1][0] * self.p[n - 1][0] + self.p[n - 1][1] * self.p[n - 1][1])
        self.forward = self.p[n - 1][0] / length if length > 0.0 else 0.0
        if not out.turn:
            out.stride_length_m = length
        out.complete = 1
        out.flat_ns = ring[a % RING].t

    cdef void _pivots(self, const Sample* ring, int64_t a, Py_ssize_t n, int64_t n_to, int64_t n_ic) noexcept nogil:
        """Where heel and toes pivot on the ground, from the IMU's velocity while they do."""
        cdef double at_ic = ring[n_ic % RING].pitch
        cdef double at_to = ring[n_to % RING].pitch
        cdef double* fit
        cdef double vs[3]
        cdef double w, dt
        cdef const Sample* s
        cdef Py_ssize_t k
        cdef int i
        for i in range(3):
            self.heel_fit[i] *= PIVOT_MEMORY
            self.toe_fit[i] *= PIVOT_MEMORY
        for k in range(1, n - 1):
            s = &ring[(a + k) % RING]
            w = -s.rate
            if w < PIVOT_RATE:
                continue
            if a + k > n_ic and at_ic > HEEL_PITCH and HEEL_TO * at_ic < s.pitch < HEEL_FROM * at_ic:
                fit = self.heel_fit
            elif a + k < n_to and at_to < -TOE_PITCH and TOE_TO * at_to < s.pitch < TOE_FROM * at_to:
                fit = self.toe_fit
            else:
                continue
            dt = self.t[k] - self.t[k - 1]
            for i in range(3):
                vs[i] = self.r[k][0][i] * self.v[k][0] + self.r[k][1][i] * self.v[k][1] + self.r[k][2][i] * self.v[k][2]
            fit[0] += w * w * dt
            fit[1] += w * dot(vs, &self.mount[2][0]) * dt
            fit[2] -= w * dot(vs, &self.mount[0][0]) * dt

    cdef void _points(self, double* heel, double* toe) noexcept nogil:
        """Heel and toe point from the IMU in the foot frame [m]; NaN: not known."""
        cdef double n = self.foot_length
        cdef double w = PIVOT_PRIOR
        cdef double share
        cdef int i
        for i in range(3):
            heel[i] = NAN
            toe[i] = self.to_toe[i]
        if not isnan(n):
            heel[0] = (self.heel_fit[1] - w * HEEL_BEHIND * n) / (self.heel_fit[0] + w)
            heel[2] = (self.heel_fit[2] - w * HEEL_BELOW_M) / (self.heel_fit[0] + w)
        elif self.heel_fit[0] > w:
            heel[0] = self.heel_fit[1] / self.heel_fit[0]
            heel[2] = self.heel_fit[2] / self.heel_fit[0]
        heel[1] = 0.0
        if not isnan(toe[0]):
            return
        toe[1] = 0.0
        if not isnan(n):
            toe[0] = heel[0] + n
            toe[2] = heel[2]
            if self.toe_fit[0] > 0.0:
                share = self.toe_fit[0] / (self.toe_fit[0] + w)
                share *= 1.0 - 0.5 * self.heel_fit[0] / (self.heel_fit[0] + w)
                toe[0] += share * (self.toe_fit[1] / self.toe_fit[0] - toe[0])
                heel[0] += w / (self.heel_fit[0] + w) * (toe[0] - n - heel[0])
        elif self.toe_fit[0] > w:
            toe[0] = self.toe_fit[1] / self.toe_fit[0]
            toe[2] = self.toe_fit[2] / self.toe_fit[0]

    cdef double _height(self, Py_ssize_t k, const double* point) noexcept nogil:
        """Height of a point of the foot at sample k over its height at foot-flat [m]."""
        cdef double d[3]
        cdef int i
        for i in range(3):
            d[i] = self.up[k][i] - self.up[0][i]
        return (
            self.p[k][2]
            + point[0] * dot(&self.mount[0][0], d)
            + point[1] * dot(&self.mount[1][0], d)
            + point[2] * dot(&self.mount[2][0], d)
        )

    cdef void _heights(self, Py_ssize_t k0, Py_ssize_t k1, ImuStride* out) noexcept nogil:
        """Lift of the heel and clearance of the toe point over the swing k0..k1."""
        cdef double heel[3]
        cdef double toe[3]
        cdef double h, top, least
        cdef Py_ssize_t k, low, peak
        cdef Py_ssize_t n = k1 - k0 + 1
        cdef Py_ssize_t early = <Py_ssize_t>(CLEARANCE_PEAK * n)
        self._points(heel, toe)
        if not isnan(heel[0]):
            top = self._height(k0, heel)
            for k in range(k0 + 1, k1 + 1):
                h = self._height(k, heel)
                if h > top:
                    top = h
            out.lift_mm = 1e3 * top
        if isnan(toe[0]) or out.stairs:
            return
        peak = 0
        top = self._height(k0, toe)
        for k in range(1, early):
            h = self._height(k0 + k, toe)
            if h > top:
                top = h
                peak = k
        low = peak
        least = top
        for k in range(peak + 1, n):
            h = self._height(k0 + k, toe)
            if h < least:
                least = h
                low = k
        self._minimum(k0, n, peak, low, least, toe, out)

    cdef void _minimum(self, Py_ssize_t k0, Py_ssize_t n, Py_ssize_t peak, Py_ssize_t low, double least, const double* toe, ImuStride* out) noexcept nogil:
        """The local minimum, or without one the height at the mean time of earlier ones."""
        cdef double phase
        if peak < low < n - 1:
            phase = low / <double>(n - 1)
            if self.phases < PHASE_MEMORY:
                self.phases += 1.0
            if self.phases == 1.0:
                self.phase = phase
            else:
                self.phase += (phase - self.phase) / self.phases
            out.clearance_mm = 1e3 * least
        elif self.phases > 0.0:
            out.clearance_mm = 1e3 * self._height(k0 + <Py_ssize_t>(self.phase * (n - 1)), toe)
            out.clearance_at_mean_time = 1

    cdef void _aside(self, Py_ssize_t n, Py_ssize_t k0, Py_ssize_t k1, ImuStride* out) noexcept nogil:
        """Farthest way of the IMU from the stride's chord over the swing k0..k1."""
        cdef double x = self.p[n - 1][0]
        cdef double y = self.p[n - 1][1]
        cdef double side = 0.0
        cdef double h
        cdef Py_ssize_t k
        for k in range(k0, k1 + 1):
            h = fabs(self.p[k][0] * y - self.p[k][1] * x)
            if h > side:
                side = h
        if out.stride_length_m > 0.0:
            out.lateral_excursion_mm = 1e3 * side / out.stride_length_m

    cdef void _over_ankle(self, const Sample* s, Py_ssize_t k, double* out) noexcept nogil:
        """Velocity of a shank that turns over a standing ankle, in the world frame (inverted pendulum)."""
        cdef double lever[3]
        cdef double v[3]
        cdef int i
        for i in range(3):
            lever[i] = SHANK_ABOVE_ANKLE_M * self.mount[2][i]
        cross(s.w, lever, v)
        for i in range(3):
            out[i] = dot(&self.r[k][i][0], v)

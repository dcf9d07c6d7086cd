"""Compiled parts of the kernel; `reference_parts.py` is the twin that explains each step."""

from dataclasses import asdict

from libc.math cimport INFINITY, NAN, fmax, fmin, isfinite, sqrt
from libc.stdint cimport INT64_MIN, int64_t

from kernels.config import FOREFOOT_FROM_X, HEEL_BELOW_X

cdef int64_t MISSING = INT64_MIN
cdef double NS = 1e9
cdef int64_t OFFSET_NS = 500_000_000


cdef int64_t crossing_ns(int64_t t0, double v0, int64_t t1, double v1, double level) noexcept nogil:
    cdef double share
    if v1 == v0:
        return t1
    share = (level - v0) / (v1 - v0)
    if not (0.0 <= share <= 1.0):
        return t1
    return t0 + <int64_t>(<double>(t1 - t0) * share)


cdef class Cells:
    def __init__(self, x, limits):
        cdef int c
        self.k = asdict(limits)
        self.n = len(x)
        for c in range(self.n):
            self.x[c] = x[c]
            self.region[c] = 0 if x[c] < HEEL_BELOW_X else 2 if x[c] > FOREFOOT_FROM_X else 1
            self.count[self.region[c]] += 1
            self.seen_ns[c] = self.change_ns[c] = MISSING
            self.lowest[c] = INFINITY
        self.check_ns = self.offset_ns = MISSING
        self.low = INFINITY

    @property
    def state(self):
        """Baselines and noise, for tests: what was learned."""
        return [self.base[c] for c in range(self.n)], self.sigma

    cdef bint take(self, int64_t t, const float* row) noexcept nogil:
        cdef int64_t hold_ns = <int64_t>(self.k.gap_s * NS)
        cdef int c, fresh = 0, present = 0
        cdef double load[3]
        cdef double moment = 0.0, value, net
        load[0] = load[1] = load[2] = 0.0
        for c in range(self.n):
            value = <double>row[c]
            if isfinite(value):
                fresh += 1
                value = fmax(value, 0.0)
                if value != self.last[c] or self.change_ns[c] == MISSING:
                    self.change_ns[c] = t
                    self.stuck[c] = False
                self.last[c] = value
                self.lowest[c] = fmin(self.lowest[c], value)
                self.seen_ns[c] = t
            elif self.seen_ns[c] == MISSING or t - self.seen_ns[c] > hold_ns:
                continue
            present += 1
            if self.stuck[c]:
                continue
            net = self.last[c] - self.base[c]
            load[self.region[c]] += net
            if net > 0.0:
                moment += net * self.x[c]
        if fresh == 0 or 2 * present < self.n:
            return False
        for c in range(3):
            self.load[c] = fmax(load[c], 0.0)
        self.total = self.load[0] + self.load[1] + self.load[2]
        self.moment = moment
        return True

    cdef void watch(self, int64_t t, double scale) noexcept nogil:
        cdef int64_t stuck_ns = <int64_t>(self.k.stuck_s * NS)
        cdef bint loaded
        cdef int c
        self.low = fmin(self.low, self.total)
        self.high = fmax(self.high, self.total)
        if self.check_ns != MISSING and t - self.check_ns < stuck_ns:
            return
        if self.check_ns != MISSING and self.high - self.low > 0.5 * scale:
            for c in range(self.n):
                loaded = self.last[c] - self.base[c] > self.k.loaded_share * scale
                if loaded and self.change_ns[c] <= self.check_ns:
                    self.stuck[c] = True
        self.check_ns = t
        self.low = self.high = self.total

    cdef bint stick(self, int64_t since, double scale) noexcept nogil:
        cdef double net, light = self.k.landing_share * scale
        cdef bint found = False
        cdef int c
        for c in range(self.n):
            net = self.last[c] - self.base[c]
            if net > self.k.loaded_share * scale and not self.stuck[c]:
                if self.change_ns[c] <= since and self.total - net < light:
                    self.stuck[c] = found = True
        return found

    cdef double find_offset(self, int64_t t, double scale) noexcept nogil:
        cdef double low = INFINITY, high = -INFINITY, fall
        cdef int c
        if self.swings > 0 or self.offset > 0.0 or self.n == 0:
            return 0.0
        if self.offset_ns != MISSING and t - self.offset_ns < OFFSET_NS:
            return 0.0
        self.offset_ns = t
        for c in range(self.n):
            low = fmin(low, self.lowest[c])
            high = fmax(high, self.lowest[c])
        fall = low * self.n
        if not (0.0 < low and high < 2.0 * low and 3.0 * fall < scale):
            return 0.0
        self.offset = low
        for c in range(self.n):
            self.base[c] = low
        return fall

    cdef void start_swing(self) noexcept nogil:
        cdef int c
        self.sums = 0
        self.fore_sum = self.fore_square = 0.0
        for c in range(self.n):
            self.sum[c] = 0.0

    cdef void gather(self) noexcept nogil:
        cdef int c
        cdef double fore = self.load[2]
        self.sums += 1
        self.fore_sum += fore
        self.fore_square += fore * fore
        for c in range(self.n):
            self.sum[c] += self.last[c]

    cdef void learn(self, double scale) noexcept nogil:
        cdef double gain = self.k.baseline_gain
        cdef double slew = self.k.baseline_slew_share * scale
        cdef bint free = self.swings < 3
        cdef double rear = 0.0, common, mean, step, fore, spread
        cdef int c, rears = 0
        if self.sums < 3:
            return
        for c in range(self.n):
            if self.region[c] != 2:
                rear += self.sum[c] / self.sums
                rears += 1
        common = 1.5 * rear / rears if rears else 0.0
        for c in range(self.n):
            mean = self.sum[c] / self.sums
            if free and self.region[c] == 2:
                mean = fmin(mean, fmax(common, slew))
            step = (1.0 if free else gain) * (mean - self.base[c])
            if not free:
                step = fmin(fmax(step, -slew), slew)
            self.base[c] += step
        fore = self.fore_sum / self.sums
        spread = sqrt(fmax(self.fore_square / self.sums - fore * fore, 0.0))
        spread = fmin(spread, 0.0125 * scale)
        self.sigma += (spread - self.sigma) * (gain if self.swings else 1.0)
        self.swings += 1


cdef class Trace:
    cdef void put(self, int64_t t, Cells cells) noexcept nogil:
        cdef int64_t i = self.n % TRACE_LENGTH
        cdef int r
        self.t[i] = t
        for r in range(3):
            self.load[r][i] = cells.load[r]
        self.total[i] = cells.total
        self.moment[i] = cells.moment
        self.n += 1

    cdef int64_t before(self, int64_t t) noexcept nogil:
        cdef int64_t k = self.n - 1
        cdef int64_t oldest = self.n - TRACE_LENGTH if self.n > TRACE_LENGTH else 0
        while k >= oldest:
            if self.t[k % TRACE_LENGTH] <= t:
                return k
            k -= 1
        return -1

    cdef double at(self, const double* values, int64_t t, int64_t k) noexcept nogil:
        cdef int64_t i = k % TRACE_LENGTH, j
        cdef double share
        if k + 1 >= self.n:
            return values[i]
        j = (k + 1) % TRACE_LENGTH
        share = <double>(t - self.t[i]) / <double>(self.t[j] - self.t[i])
        return values[i] + (values[j] - values[i]) * share

    cdef double index_percent(self, int64_t t) noexcept nogil:
        cdef int64_t k = self.before(t)
        cdef double total
        if k < 0:
            return NAN
        total = self.at(self.total, t, k)
        if not total > 0.0:
            return NAN
        return fmin(fmax(100.0 * self.at(self.moment, t, k) / total, 0.0), 100.0)

    cdef int64_t knee_ns(self, int64_t k, double level) noexcept nogil:
        cdef int64_t oldest = self.n - TRACE_LENGTH if self.n > TRACE_LENGTH else 0
        cdef int64_t i, j
        while k - 1 >= oldest:
            i, j = (k - 1) % TRACE_LENGTH, k % TRACE_LENGTH
            if self.total[i] > level:
                return crossing_ns(self.t[i], self.total[i], self.t[j], self.total[j], level)
            k -= 1
        return MISSING

    cdef void curve(
        self, int region, int64_t start, int64_t stop, double* points, double* impulse, double* peak
    ) noexcept nogil:
        cdef int64_t k = self.before(start)
        cdef int64_t walk, t, last_t
        cdef double v, last_v
        cdef const double* values = self.load[region]
        cdef int p
        if k < 0 or stop <= start:
            for p in range(CURVE_POINTS):
                points[p] = NAN
            impulse[0] = peak[0] = NAN
            return
        walk = k
        for p in range(CURVE_POINTS):
            t = start + (stop - start) * p // (CURVE_POINTS - 1)
            while walk + 1 < self.n and self.t[(walk + 1) % TRACE_LENGTH] <= t:
                walk += 1
            points[p] = self.at(values, t, walk)
        impulse[0] = peak[0] = 0.0
        last_t, last_v = start, points[0]
        walk = k + 1
        while walk < self.n and self.t[walk % TRACE_LENGTH] < stop:
            t, v = self.t[walk % TRACE_LENGTH], values[walk % TRACE_LENGTH]
            impulse[0] += 0.5 * (last_v + v) * (<double>(t - last_t) / NS)
            peak[0] = fmax(peak[0], v)
            last_t, last_v = t, v
            walk += 1
        impulse[0] += 0.5 * (last_v + points[CURVE_POINTS - 1]) * (<double>(stop - last_t) / NS)
        peak[0] = fmax(fmax(peak[0], points[CURVE_POINTS - 1]), points[0])

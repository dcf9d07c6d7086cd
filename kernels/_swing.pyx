"""The swing and the drags in it; `reference_swing.py` is the twin that explains it."""

from libc.math cimport fmax, fmin
from libc.stdint cimport int64_t

from kernels._found cimport NEAR_TRIP, TOE_DRAG
from kernels._landing cimport FOREFOOT, HEEL
from kernels._parts cimport MISSING, NS, crossing_ns

cdef int64_t BUCKET_NS = 100_000_000
cdef int64_t LATE_NS = 60_000_000


cdef class Swing(Landing):
    """What is known of the present swing."""

    def __init__(self, config):
        super().__init__(config)
        self.reset_swing(MISSING)

    cdef bint valid(self) noexcept nogil:
        return self.swing_whole

    cdef bint steps(self, int64_t t) noexcept nogil:
        if not self.borne:
            return False
        if self.imu_fresh(t):
            return self.rotation >= self.k.rotation_rad_s
        return self.was_walking or self.rolled

    cdef void keep_floor(self, int64_t t) noexcept nogil:
        cdef int r
        if t - self.bucket_ns >= BUCKET_NS:
            self.bucket_ns = t
            for r in range(3):
                self.low[r][0] = self.low[r][1]
                self.low[r][1] = self.cells.load[r]
        for r in range(3):
            self.low[r][1] = fmin(self.low[r][1], self.cells.load[r])

    cdef void accept_floor(self, int r) noexcept nogil:
        self.onset[r] = MISSING
        self.low[r][0] = self.low[r][1] = self.cells.load[r]

    cdef void drag(self, int64_t t) noexcept nogil:
        cdef double heel = self.cells.load[HEEL], fore = self.cells.load[FOREFOOT]
        cdef double threshold = self.drag_threshold()
        cdef bint unloaded_heel = (
            self.onset[HEEL] == MISSING and heel < fmax(0.3 * fore, 0.5 * self.off())
        )
        if fore > threshold and (unloaded_heel or self.drag_start != MISSING):
            if self.drag_start == MISSING:
                self.start_drag(t, threshold)
            elif not self.drag_sure:
                self.drag_sure = self.is_drag(t)
                if self.drag_sure:
                    self.send_drag(t, self.drag_start)
                    self.accept_floor(FOREFOOT)
        elif fore < 0.7 * threshold and self.drag_start != MISSING:
            self.end_drag(crossing_ns(self.last_ns, self.last[FOREFOOT], t, fore, threshold))
        self.freed = self.freed or fore < 0.5 * threshold
        self.outlive(t)

    cdef double drag_threshold(self) noexcept nogil:
        cdef double share = self.k.drag_share
        if self.cells.swings == 0:
            share *= 2.0 if self.was_walking else 5.0
        return fmax(share * self.scale, self.k.drag_sigma * self.cells.sigma)

    cdef void start_drag(self, int64_t t, double threshold) noexcept nogil:
        cdef int64_t start = crossing_ns(
            self.last_ns, self.last[FOREFOOT], t, self.cells.load[FOREFOOT], threshold
        )
        cdef bint rests = not self.was_walking and not self.freed
        cdef bint early = self.toe_off_ns != MISSING and (
            rests or start - self.toe_off_ns <= LATE_NS
        )
        self.drag_from_toe_off = early and self.drag_ns == 0
        self.drag_start = self.toe_off_ns if self.drag_from_toe_off else start
        self.drag_sure = False

    cdef bint is_drag(self, int64_t t) noexcept nogil:
        cdef int64_t age = t - self.drag_start
        cdef double total = self.cells.total, elapsed = 0.0
        if self.drag_from_toe_off and age < <int64_t>(self.tail_s() * NS):
            return False
        if age < <int64_t>(self.k.drag_s * NS) or total > self.k.landing_share * self.scale:
            return False
        if self.drag_from_toe_off:
            return self.was_walking or total > self.k.strong_share * self.scale
        if age >= <int64_t>(self.k.landing_wait_s * NS):
            return True
        if self.toe_off_ns != MISSING:
            elapsed = <double>(self.drag_start - self.toe_off_ns) / NS
        return (
            self.good_swings >= 2
            and elapsed < self.k.mid_swing * self.swing_s
            and total - self.last_total < 0.02 * self.scale
        )

    cdef double tail_s(self) noexcept nogil:
        cdef double tail = self.k.drag_s if self.stalled else self.k.tail_s
        cdef double usual = self.swing_s if self.good_swings > 0 else self.k.slow_swing_s
        return fmax(tail, self.k.tail_share * usual)

    cdef void send_drag(self, int64_t t, int64_t start) noexcept nogil:
        cdef int kind = DRAG_LATE_RELEASE if self.drag_from_toe_off else DRAG_SCUFF
        if self.drag_kind == DRAG_NONE or self.drag_imu:
            self.drag_kind = kind
            self.drag_first = start
            self.drag_imu = False
        if not self.drag_sent and self.steps(t) and self.valid():
            self.drag_sent = True
            self.emit(TOE_DRAG, start, t, kind)

    cdef void struck(self, int64_t t) noexcept nogil:
        if self.spike_ns != MISSING or not self.steps(t):
            return
        self.spike_ns = t
        if self.drag_kind == DRAG_NONE and self.valid():
            self.drag_kind = DRAG_SCUFF
            self.drag_first = t
            self.drag_imu = self.drag_sent = True
            self.emit(TOE_DRAG, t, t, DRAG_SCUFF)

    cdef void near_trip(self, int64_t t, int64_t contact_ns) noexcept nogil:
        cdef bint early
        if self.spike_ns == MISSING or self.good_swings < 2:
            return
        early = <double>(contact_ns - self.toe_off_ns) / NS < self.k.early_swing * self.swing_s
        if early and contact_ns - self.spike_ns <= <int64_t>(self.k.trip_s * NS):
            self.emit(NEAR_TRIP, self.spike_ns, t, 0)

    cdef void end_drag(self, int64_t end) noexcept nogil:
        if self.drag_sure:
            self.drag_ns += end - self.drag_start
            self.drag_end = end
        elif not self.drag_from_toe_off and end - self.drag_start >= <int64_t>(self.k.drag_s * NS):
            self.touch_start = self.drag_start
            self.touch_end = end
        self.drag_start = MISSING

    cdef void outlive(self, int64_t t) noexcept nogil:
        if self.drag_start != MISSING or self.touch_end == MISSING:
            return
        if t - self.touch_end < <int64_t>(self.k.bounce_s * NS):
            return
        self.drag_ns += self.touch_end - self.touch_start
        self.drag_end = self.touch_end
        self.send_drag(t, self.touch_start)
        self.touch_end = MISSING

    cdef void close_drag(self, int64_t t, int64_t contact_ns) noexcept nogil:
        if self.drag_start != MISSING and (self.drag_sure or self.held(contact_ns)):
            self.drag_ns += contact_ns - self.drag_start if contact_ns > self.drag_start else 0
            if self.drag_from_toe_off:
                self.drag_kind = DRAG_FULL
                if self.drag_first == MISSING:
                    self.drag_first = self.drag_start
        elif self.drag_kind == DRAG_LATE_RELEASE and self.drag_end != MISSING:
            if contact_ns - self.drag_end < <int64_t>(self.k.drag_s * NS):
                self.drag_kind = DRAG_FULL
        if self.drag_kind != DRAG_NONE and not self.drag_sent and self.valid():
            self.emit(TOE_DRAG, self.drag_first, t, self.drag_kind)

    cdef bint held(self, int64_t contact_ns) noexcept nogil:
        cdef int64_t age = contact_ns - self.drag_start
        return self.drag_from_toe_off and age >= <int64_t>(self.k.landing_wait_s * NS)

    cdef void reset_swing(self, int64_t toe_off_ns) noexcept nogil:
        cdef int r
        self.toe_off_ns = toe_off_ns
        self.toe_off_sent = False
        self.swing_whole = False
        self.stalled = False
        self.borne = False
        self.rolled = False
        self.was_walking = False
        for r in range(3):
            self.onset[r] = MISSING
            self.floor[r] = self.low[r][0] = self.low[r][1] = 0.0
        self.bucket_ns = toe_off_ns
        self.full_samples = 0
        self.drag_start = MISSING
        self.drag_sure = False
        self.drag_from_toe_off = False
        self.freed = False
        self.drag_kind = DRAG_NONE
        self.drag_first = MISSING
        self.drag_end = MISSING
        self.drag_ns = 0
        self.drag_sent = False
        self.touch_start = MISSING
        self.touch_end = MISSING
        self.drag_imu = False
        self.spike_ns = MISSING

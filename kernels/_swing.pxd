"""The swing and the drags in it."""

from libc.stdint cimport int64_t

from kernels._landing cimport Landing

cdef enum:
    DRAG_NONE, DRAG_LATE_RELEASE, DRAG_SCUFF, DRAG_FULL

cdef class Swing(Landing):
    cdef double last[3]
    cdef double last_total
    cdef double swing_s
    cdef int good_swings
    cdef int full_samples
    cdef int drag_kind
    cdef int64_t bucket_ns
    cdef int64_t drag_start
    cdef int64_t drag_first
    cdef int64_t drag_end
    cdef int64_t drag_ns
    cdef int64_t touch_start
    cdef int64_t touch_end
    cdef bint toe_off_sent
    cdef bint swing_whole
    cdef bint stalled
    cdef bint borne
    cdef bint rolled
    cdef bint was_walking
    cdef bint drag_sure
    cdef bint drag_from_toe_off
    cdef bint freed
    cdef bint drag_sent
    cdef bint drag_imu
    cdef int64_t spike_ns
    cdef void struck(self, int64_t t) noexcept nogil
    cdef void near_trip(self, int64_t t, int64_t contact_ns) noexcept nogil
    cdef bint valid(self) noexcept nogil
    cdef bint steps(self, int64_t t) noexcept nogil
    cdef void keep_floor(self, int64_t t) noexcept nogil
    cdef void accept_floor(self, int r) noexcept nogil
    cdef void drag(self, int64_t t) noexcept nogil
    cdef double drag_threshold(self) noexcept nogil
    cdef void start_drag(self, int64_t t, double threshold) noexcept nogil
    cdef bint is_drag(self, int64_t t) noexcept nogil
    cdef double tail_s(self) noexcept nogil
    cdef void send_drag(self, int64_t t, int64_t start) noexcept nogil
    cdef void end_drag(self, int64_t end) noexcept nogil
    cdef void outlive(self, int64_t t) noexcept nogil
    cdef void close_drag(self, int64_t t, int64_t contact_ns) noexcept nogil
    cdef bint held(self, int64_t contact_ns) noexcept nogil
    cdef void reset_swing(self, int64_t toe_off_ns) noexcept nogil

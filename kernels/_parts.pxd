"""The kernel's parts: limits, cells to regions, the trace of recent loads."""

from libc.stdint cimport int64_t

cdef enum:
    MAX_CELLS = 64
    TRACE_LENGTH = 2048
    CURVE_POINTS = 21

cdef int64_t MISSING
cdef double NS

cdef struct Limits:
    double on_share
    double off_share
    double strong_share
    double landing_share
    double weak_share
    double high_share
    double roll_share
    double drag_share
    double drag_sigma
    double drag_s
    double landing_wait_s
    double mid_swing
    double trip_s
    double early_swing
    double tail_s
    double tail_share
    double slow_swing_s
    double bounce_s
    double stall_s
    double stall_fall
    double stall_slope
    double fall_share_s
    double dwell_s
    double min_swing_s
    double max_swing_s
    double max_stride_s
    double min_stance_s
    double walking_stance_s
    double roll_s
    double gap_s
    double lost_s
    double strike_margin_s
    double strike_index_s
    double strike_limit_s
    double lead_limit_s
    double toe_index
    double flat_index
    double toe_pitch_deg
    double flat_pitch_deg
    double rotation_rad_s
    double peak_decay
    double weak_decay
    double baseline_gain
    double baseline_slew_share
    double stuck_s
    double stick_s
    double stick_end_s
    double loaded_share

cdef int64_t crossing_ns(int64_t t0, double v0, int64_t t1, double v1, double level) noexcept nogil

cdef class Cells:
    cdef Limits k
    cdef int n
    cdef int count[3]
    cdef int region[MAX_CELLS]
    cdef double x[MAX_CELLS]
    cdef double last[MAX_CELLS]
    cdef double base[MAX_CELLS]
    cdef double sum[MAX_CELLS]
    cdef int64_t seen_ns[MAX_CELLS]
    cdef int64_t change_ns[MAX_CELLS]
    cdef bint stuck[MAX_CELLS]
    cdef int64_t check_ns
    cdef double low
    cdef double high
    cdef double load[3]
    cdef double total
    cdef double moment
    cdef int sums
    cdef double fore_sum
    cdef double fore_square
    cdef int swings
    cdef double sigma
    cdef double lowest[MAX_CELLS]
    cdef double offset
    cdef int64_t offset_ns
    cdef bint take(self, int64_t t, const float* row) noexcept nogil
    cdef void watch(self, int64_t t, double scale) noexcept nogil
    cdef bint stick(self, int64_t since, double scale) noexcept nogil
    cdef double find_offset(self, int64_t t, double scale) noexcept nogil
    cdef void start_swing(self) noexcept nogil
    cdef void gather(self) noexcept nogil
    cdef void learn(self, double scale) noexcept nogil

cdef class Trace:
    cdef int64_t n
    cdef int64_t t[TRACE_LENGTH]
    cdef double load[3][TRACE_LENGTH]
    cdef double total[TRACE_LENGTH]
    cdef double moment[TRACE_LENGTH]
    cdef void put(self, int64_t t, Cells cells) noexcept nogil
    cdef int64_t before(self, int64_t t) noexcept nogil
    cdef double at(self, const double* values, int64_t t, int64_t k) noexcept nogil
    cdef double index_percent(self, int64_t t) noexcept nogil
    cdef int64_t knee_ns(self, int64_t k, double level) noexcept nogil
    cdef void curve(
        self, int region, int64_t start, int64_t stop, double* points, double* impulse, double* peak
    ) noexcept nogil

"""From the contact to the complete stride: strike type, heel lead, what the IMU adds."""

from libc.stdint cimport int64_t

from kernels._found cimport Found
from kernels._imu cimport ImuChain
from kernels._parts cimport Cells, Limits, Trace

cdef enum:
    HEEL, MIDFOOT, FOREFOOT
cdef enum:
    STRIKE_WAIT = -1
    STRIKE_UNKNOWN = 0
    STRIKE_HEEL = 1
    STRIKE_FLAT = 2
    STRIKE_TOE = 3
cdef enum:
    SENSOR_PRESSURE = 1
    SENSOR_IMU = 2
cdef enum:
    FLAG_VALID_SWING = 1
    FLAG_DISAGREE = 2
    FLAG_TURN = 4
    FLAG_STAIRS = 8
    FLAG_CLEARANCE_AT_MEAN_TIME = 32
    FLAG_IMU_DRAG = 64

cdef class Landing(Found):
    cdef Limits k
    cdef Cells cells
    cdef Trace trace
    cdef ImuChain chain
    cdef int n_cells
    cdef bint has_imu
    cdef int64_t last_ns
    cdef double period
    cdef double scale
    cdef int64_t imu_ns
    cdef double rotation
    cdef int64_t contact_ns
    cdef int64_t toe_off_ns
    cdef int64_t onset[3]
    cdef double floor[3]
    cdef double low[3][2]
    cdef bint stance_gap
    cdef bint landing
    cdef bint strike_done
    cdef bint lead_done
    cdef int strike
    cdef double index
    cdef double lead_ms
    cdef double loose(self) noexcept nogil
    cdef double off(self) noexcept nogil
    cdef double on(self) noexcept nogil
    cdef double margin(self) noexcept nogil
    cdef bint imu_fresh(self, int64_t t) noexcept nogil
    cdef bint alone(self, int64_t t) noexcept nogil
    cdef void see_imu(self, int64_t t, const float* row) noexcept nogil
    cdef double pitch(self) noexcept nogil
    cdef int pitch_strike(self) noexcept nogil
    cdef void reset_landing(self) noexcept nogil
    cdef void open_stride(
        self, int64_t contact_ns, int64_t previous_ns, int drag, double drag_ms
    ) noexcept nogil
    cdef void settle(self, int64_t t) noexcept nogil
    cdef void late_onsets(self, int64_t t) noexcept nogil
    cdef int judge(self, int64_t t, bint limit) noexcept nogil
    cdef void decide(self, int64_t t, int strike) noexcept nogil
    cdef void maybe_close(self, int64_t t) noexcept nogil
    cdef void describe_stance(self, int64_t previous_ns) noexcept nogil
    cdef void describe_swing(self) noexcept nogil
    cdef void close_stride(self, int64_t t) noexcept nogil

"""What the kernel found: growing C buffers of events and strides in the layout of `records.py`."""

from libc.stdint cimport int64_t, uint8_t, uint16_t

from kernels._parts cimport CURVE_POINTS

cdef enum:
    INITIAL_CONTACT = 1
    STRIKE = 2
    TOE_OFF = 3
    TOE_DRAG = 4
    NEAR_TRIP = 5

cdef packed struct Event:
    int64_t time_ns
    int64_t decided_ns
    uint8_t kind
    uint8_t detail

cdef packed struct Stride:
    int64_t initial_contact_ns
    int64_t decided_ns
    int64_t previous_contact_ns
    int64_t heel_off_ns
    int64_t toe_off_ns
    uint8_t strike
    uint8_t drag
    uint8_t sources
    uint16_t flags
    double strike_index
    double heel_lead_ms
    double drag_ms
    double pitch_at_contact_deg
    double pitch_at_toe_off_deg
    double max_dorsiflexion_deg
    double stride_length_m
    double clearance_mm
    double lift_mm
    double lateral_excursion_mm
    double impulse[3]
    double peak[3]
    double curve[3][CURVE_POINTS]

cdef class Found:
    cdef Event* events
    cdef Stride* strides
    cdef int n_events
    cdef int n_strides
    cdef int room_events
    cdef int room_strides
    cdef bint failed
    cdef Stride stride
    cdef void emit(self, int kind, int64_t t, int64_t now, int detail) noexcept nogil
    cdef void keep_stride(self, int64_t t) noexcept nogil

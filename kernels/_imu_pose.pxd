from libc.stdint cimport int64_t

from kernels._imu_stride cimport Sample, Trajectory

cdef struct Step:
    double dt  # s since the sample before; 0 after a fresh start
    double pr  # rad/s, pitch rate
    double jerk  # m/s3
    double a[3]  # m/s2


cdef inline double share(double dt, double tau) noexcept nogil:
    return dt / tau if dt < tau else 1.0


cdef inline double clip(double x, double low, double high) noexcept nogil:
    return low if x < low else high if x > high else x


cdef inline int64_t ns(double s) noexcept nogil:
    return <int64_t>(s * 1e9)


cdef inline double dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


cdef class Pose:
    # --- readable after each push
    cdef readonly double pitch  # deg, toes up is positive; NaN: not known
    cdef readonly double pitch_rate  # deg/s, toes up is positive
    cdef readonly double speed  # m/s over ground since the last stillness
    cdef readonly bint swing  # the foot rotates and travels
    cdef readonly bint still  # zero velocity
    cdef readonly bint toe_off  # this sample made toe_off_ns certain (IMU alone)
    cdef readonly bint contact  # this sample made contact_ns certain (IMU alone)
    cdef readonly bint spike  # this sample: sharp slowing in mid-swing with a break in pitch rate
    cdef readonly bint gap  # this sample came after a hole
    cdef readonly double spike_mps2  # deceleration of the last spike
    cdef readonly double impact_jerk  # m/s3, of the last contact's impact: how hard it was
    cdef readonly int64_t toe_off_ns
    cdef readonly int64_t contact_ns
    cdef readonly int mounted  # 0 no flat tilt yet, 1 from standing, 2 from walking
    cdef readonly int fault  # FAULT_ bits of imu_constants; 0: none found
    cdef readonly double heading_deg  # of the mounting, found from the data
    # --- state
    cdef bint _shank
    cdef bint _fresh
    cdef bint _armed
    cdef bint _walked
    cdef bint _pitch_ok
    cdef bint _flat_seen
    cdef int64_t _count
    cdef int64_t _t
    cdef int64_t _still_since
    cdef int64_t _landed
    cdef int64_t _low_ns
    cdef int64_t _reversal_ns
    cdef int64_t _shock_ns
    cdef int64_t _gap_ns
    cdef double _period
    cdef double _bias[3]
    cdef double _g
    cdef double _u[3]
    cdef double _v[3]
    cdef double _a[3]
    cdef double _w[3]
    cdef double _mean_w[3]
    cdef double _still_s
    cdef double _rest_s
    cdef double _unrest
    cdef double _least
    cdef double _still_rate
    cdef double _flat_u[3]
    cdef double _flats
    cdef double _cov[6]
    cdef double _mean_norm
    cdef double _mean_rate
    cdef double _seen_s
    cdef double _since
    cdef double _low
    cdef double _p1
    cdef double _p2
    cdef double _top_speed
    cdef double _jerk
    cdef double _push
    cdef double _shock
    cdef double _push_peak
    cdef int _disagree
    cdef int _backwards
    cdef Trajectory path
    cdef Sample _ring[2048]

    cdef bint settled(self, int64_t contact_ns) noexcept nogil
    cdef double pitch_at(self, int64_t t_ns) noexcept nogil
    cdef void _restart(self) noexcept nogil
    cdef double _carry(self, double dt, const double* a, const double* w) noexcept nogil
    cdef void _lose(self, const double* a) noexcept nogil
    cdef void _check(self, double dt, double norm, double rate) noexcept nogil
    cdef void _rest(self, double dt, const double* w, double norm, double lin) noexcept nogil
    cdef void _stillness(self, int64_t t_ns, double dt, const double* a, double norm, double rate, double lin, int contact) noexcept nogil
    cdef void _learn_flat(self, double dt, int contact) noexcept nogil
    cdef void _mount(self, bint walked) noexcept nogil
    cdef void _find_axes(self) noexcept nogil
    cdef void _turning(self, double dt, const double* w, double rate) noexcept nogil
    cdef void _reanchor(self) noexcept nogil
    cdef int64_t _slot(self, int64_t t_ns) noexcept nogil
    cdef int64_t _quietest(self, int64_t n0, int64_t n1) noexcept nogil
    cdef bint _take(self, int64_t t_ns, const float* imu, int contact, Step* out) noexcept nogil
    cdef void _void_swing(self) noexcept nogil
    cdef double _elapsed(self, int64_t t_ns) noexcept nogil
    cdef void _keep(self, int64_t t_ns, const double* a, const double* w, double pr, int contact) noexcept nogil
    cdef bint _pitch_known(self) noexcept nogil

from libc.stdint cimport int64_t

cdef enum:
    RING = 2048

cdef struct Sample:
    int64_t t
    double a[3]
    double w[3]
    double pitch
    double rate
    double unrest
    int gap

cdef struct ImuStride:
    double pitch_at_toe_off_deg
    double pitch_at_contact_deg
    double max_dorsiflexion_deg
    double stride_length_m
    double clearance_mm
    double lift_mm
    double lateral_excursion_mm
    double net_height_m
    double turn_deg
    double residual_mps
    double unrest
    int turn
    int stairs
    int clearance_at_mean_time
    int complete
    int64_t flat_ns

cdef void turn_back(const double* r, const double* v, double* out) noexcept nogil
cdef void blank(ImuStride* out) noexcept nogil
cdef void void_space(ImuStride* out) noexcept nogil

cdef class Trajectory:
    cdef double mount[3][3]
    cdef double heel_fit[3]
    cdef double toe_fit[3]
    cdef double to_toe[3]
    cdef double foot_length
    cdef double phase
    cdef double phases
    cdef bint shank
    cdef double t[RING]
    cdef double r[RING][3][3]
    cdef double up[RING][3]
    cdef double v[RING][3]
    cdef double p[RING][3]
    cdef double s0[RING]
    cdef double s1[RING]
    cdef double s2[RING]
    cdef double forward
    cdef void solve(self, const Sample* ring, int64_t a, int64_t b, int64_t n_to, int64_t n_ic, ImuStride* out) noexcept nogil
    cdef void _attitude(self, const Sample* ring, int64_t a, Py_ssize_t n, const double* ga) noexcept nogil
    cdef void _integrate(self, const Sample* ring, int64_t a, Py_ssize_t n, const double* gb, double g) noexcept nogil
    cdef void _bridge(self, const Sample* ring, int64_t a, int64_t b, Py_ssize_t n, ImuStride* out) noexcept nogil
    cdef void _pivots(self, const Sample* ring, int64_t a, Py_ssize_t n, int64_t n_to, int64_t n_ic) noexcept nogil
    cdef void _points(self, double* heel, double* toe) noexcept nogil
    cdef double _height(self, Py_ssize_t k, const double* point) noexcept nogil
    cdef void _heights(self, Py_ssize_t k0, Py_ssize_t k1, ImuStride* out) noexcept nogil
    cdef void _minimum(self, Py_ssize_t k0, Py_ssize_t n, Py_ssize_t peak, Py_ssize_t low, double least, const double* toe, ImuStride* out) noexcept nogil
    cdef void _aside(self, Py_ssize_t n, Py_ssize_t k0, Py_ssize_t k1, ImuStride* out) noexcept nogil
    cdef void _over_ankle(self, const Sample* s, Py_ssize_t k, double* out) noexcept nogil

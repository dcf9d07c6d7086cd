from libc.stdint cimport int64_t

from kernels._imu_pose cimport Pose
from kernels._imu_stride cimport ImuStride

cdef class ImuChain(Pose):
    cdef void push(self, int64_t t_ns, const float* imu, int contact) noexcept nogil
    cdef void close(self, int64_t previous_ns, int64_t toe_off_ns, int64_t contact_ns, ImuStride* out) noexcept nogil
    cdef void _on_ground(self, int64_t t_ns, double dt, double pr, double jerk) noexcept nogil
    cdef void _lift(self, double jerk) noexcept nogil
    cdef void _in_swing(self, int64_t t_ns, double dt, double pr, double jerk, const double* a) noexcept nogil
    cdef void _spiked(self, double pr, double jerk, const double* a) noexcept nogil
    cdef void _land(self, int64_t contact_ns, double jerk) noexcept nogil
    cdef void _judge(self, const ImuStride* out) noexcept nogil
    cdef void _count_fault(self, int* count, bint bad, bint turn, int fault) noexcept nogil

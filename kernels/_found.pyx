"""Where the compiled kernel puts what it finds. Memory grows per event, never per sample."""

cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import numpy as np

from kernels.records import EVENT_DTYPE, STRIDE_DTYPE

cnp.import_array()

if sizeof(Event) != EVENT_DTYPE.itemsize or sizeof(Stride) != STRIDE_DTYPE.itemsize:
    raise ImportError("kernels was built for other records: build it again (make build)")


cdef class Found:
    """Events and strides since the last `drain`, and the stride that is being described."""

    def __dealloc__(self):
        free(self.events)
        free(self.strides)

    def drain(self):
        """Return events and strides found since the last call, as structured arrays."""
        events = np.empty(self.n_events, EVENT_DTYPE)
        strides = np.empty(self.n_strides, STRIDE_DTYPE)
        if self.n_events:
            memcpy(cnp.PyArray_DATA(events), self.events, self.n_events * sizeof(Event))
        if self.n_strides:
            memcpy(cnp.PyArray_DATA(strides), self.strides, self.n_strides * sizeof(Stride))
        self.n_events = self.n_strides = 0
        return events, strides

    cdef void emit(self, int kind, int64_t t, int64_t now, int detail) noexcept nogil:
        cdef void* grown
        if self.n_events == self.room_events:
            grown = realloc(self.events, (2 * self.room_events + 32) * sizeof(Event))
            if grown == NULL:
                self.failed = True
                return
            self.events = <Event*>grown
            self.room_events = 2 * self.room_events + 32
        self.events[self.n_events].time_ns = t
        self.events[self.n_events].decided_ns = now
        self.events[self.n_events].kind = kind
        self.events[self.n_events].detail = detail
        self.n_events += 1

    cdef void keep_stride(self, int64_t t) noexcept nogil:
        cdef void* grown
        if self.n_strides == self.room_strides:
            grown = realloc(self.strides, (2 * self.room_strides + 8) * sizeof(Stride))
            if grown == NULL:
                self.failed = True
                return
            self.strides = <Stride*>grown
            self.room_strides = 2 * self.room_strides + 8
        self.stride.decided_ns = t
        self.strides[self.n_strides] = self.stride
        self.n_strides += 1

"""The compiled loop of the kernel: one foot, sample by sample, no Python object, no allocation.

`reference.py` is the readable twin; every function here has its namesake there, with the same
order of floating-point operations, so that both give equal bits.
"""

cimport numpy as cnp
from libc.math cimport NAN, fmax, fmin
from libc.stdint cimport int64_t

from kernels._found cimport INITIAL_CONTACT, TOE_OFF
from kernels._imu cimport ImuChain
from kernels._imu_stride cimport ImuStride
from kernels._landing cimport (
    FLAG_IMU_DRAG,
    FOREFOOT,
    HEEL,
    SENSOR_IMU,
    SENSOR_PRESSURE,
    STRIKE_UNKNOWN,
)
from kernels._swing cimport DRAG_NONE, Swing
from kernels._parts cimport MISSING, NS, TRACE_LENGTH, crossing_ns

import numpy as np

cnp.import_array()

cdef enum:
    UNKNOWN, STANCE, SWING

cdef int64_t SETTLE_NS = 60_000_000
cdef int64_t SCALE_NS = 300_000_000
cdef int64_t STEEP_NS = 60_000_000
cdef int64_t BRISK_NS = 100_000_000
cdef int64_t LEARN_AFTER_NS = 60_000_000


cdef class FootEngine(Swing):
    """One foot. `push` runs the loop without the GIL, `drain` hands out what was found."""

    cdef int state, long_steps
    cdef int64_t door_ns, scale_ns, settle_ns, heel_off_ns, off_ns, high_ns, previous_ns
    cdef double stance_peak
    cdef bint walking, high_fore

    def __init__(self, config):
        super().__init__(config)
        self.door_ns = self.scale_ns = self.settle_ns = self.previous_ns = MISSING
        self.reset_stance(MISSING, False)

    @property
    def last_time_ns(self):
        """Time of the last sample taken; None before the first."""
        return None if self.door_ns == MISSING else self.door_ns

    @property
    def learned(self):
        """Baselines per cell and noise of the unloaded forefoot."""
        return self.cells.state

    @property
    def imu_fault(self):
        """Bits of `imu_constants.FAULT_*` that the IMU chain found; 0 none."""
        return self.chain.fault if self.has_imu else 0

    def push(self, time_ns, load, imu):
        """Take samples; return how much `drain` has, or -1 for arrays not as promised."""
        cdef cnp.ndarray t, loads, imus
        cdef const int64_t* tp
        cdef const float* lp = NULL
        cdef const float* ip = NULL
        cdef Py_ssize_t n, i
        if not fits(time_ns, 1, cnp.NPY_INT64, -1, -1):
            return -1
        t = time_ns
        n = cnp.PyArray_DIM(t, 0)
        tp = <const int64_t*>cnp.PyArray_DATA(t)
        if load is not None:
            if not fits(load, 2, cnp.NPY_FLOAT32, n, self.n_cells):
                return -1
            loads = load
            lp = <const float*>cnp.PyArray_DATA(loads)
        if imu is not None:
            if not fits(imu, 2, cnp.NPY_FLOAT32, n, 6):
                return -1
            imus = imu
            ip = <const float*>cnp.PyArray_DATA(imus)
        if n == 0:
            return self.n_events + self.n_strides
        with nogil:
            if tp[0] <= self.door_ns:
                n = -1
            for i in range(1, n):
                if tp[i] <= tp[i - 1]:
                    n = -1
                    break
            if n > 0:
                self.run(tp, lp, ip, n)
        if n < 0:
            return -1
        if self.failed:
            raise MemoryError("no memory for what the kernel found")
        return self.n_events + self.n_strides

    def finish(self):
        """Close the landing that waits for its strike."""
        if self.landing:
            if not self.strike_done:
                self.decide(self.door_ns, STRIKE_UNKNOWN)
            self.close_stride(self.door_ns)

    cdef void run(
        self, const int64_t* t, const float* load, const float* imu, Py_ssize_t n
    ) noexcept nogil:
        cdef Py_ssize_t i
        cdef bint use_load = load != NULL and self.n_cells > 0
        cdef bint use_imu = imu != NULL and self.has_imu
        for i in range(n):
            if use_imu:
                self.see_imu(t[i], imu + 6 * i)
            if use_load and self.cells.take(t[i], load + self.n_cells * i):
                self.see_load(t[i])
            if use_imu:
                self.chain.push(t[i], imu + 6 * i, self.contact_state(t[i]))
                self.after_imu(t[i])
        self.door_ns = t[n - 1]

    cdef int contact_state(self, int64_t t) noexcept nogil:
        cdef double on
        if self.last_ns == MISSING or t - self.last_ns > <int64_t>(self.k.gap_s * NS):
            return -1
        if self.state != STANCE:
            return 0 if self.state == SWING else -1
        on = self.on()
        return 2 if self.cells.load[HEEL] > on and self.cells.load[FOREFOOT] > on else 1

    cdef void after_imu(self, int64_t t) noexcept nogil:
        if self.alone(t):
            if self.chain.toe_off:
                self.toe_off_ns = self.chain.toe_off_ns
                self.emit(TOE_OFF, self.toe_off_ns, t, 0)
            if self.chain.contact:
                self.contact_alone(t, self.chain.contact_ns)
        elif self.chain.spike and self.state == SWING:
            self.struck(t)
        if self.landing:
            self.maybe_close(t)

    cdef void contact_alone(self, int64_t t, int64_t contact_ns) noexcept nogil:
        cdef int64_t previous = self.contact_ns
        if self.landing:
            self.close_stride(t)
        if previous != MISSING and contact_ns - previous > <int64_t>(self.k.max_stride_s * NS):
            previous = MISSING
        if self.toe_off_ns >= contact_ns or (previous != MISSING and self.toe_off_ns <= previous):
            self.toe_off_ns = MISSING
        self.state = UNKNOWN
        self.emit(INITIAL_CONTACT, contact_ns, t, 0)
        self.open_stride(contact_ns, previous, DRAG_NONE, NAN)
        self.stride.sources = SENSOR_IMU
        self.stride.heel_off_ns = MISSING
        self.stride.toe_off_ns = self.toe_off_ns
        self.describe_stance(MISSING)
        self.lead_done = True
        self.contact_ns = contact_ns
        self.decide(t, self.pitch_strike())

    cdef void reset_stance(self, int64_t contact_ns, bint walking) noexcept nogil:
        self.contact_ns = contact_ns
        self.walking = walking
        self.stance_peak = 0.0
        self.stance_gap = False
        self.heel_off_ns = MISSING
        self.off_ns = MISSING
        self.high_ns = MISSING
        self.high_fore = False

    cdef void see_load(self, int64_t t) noexcept nogil:
        cdef int64_t dt = 0 if self.last_ns == MISSING else t - self.last_ns
        cdef bint gap = self.is_gap(dt)
        cdef int r
        self.trace.put(t, self.cells)
        self.cells.watch(t, self.scale)
        self.scale -= self.cells.find_offset(t, self.scale)
        if gap:
            self.gap(t, dt)
        else:
            self.rescale(t)
        if self.state == STANCE:
            self.in_stance(t)
        elif self.state == SWING:
            self.in_swing(t)
        else:
            self.in_unknown(t)
        self.last_ns = t
        for r in range(3):
            self.last[r] = self.cells.load[r]
        self.last_total = self.cells.total
        if self.landing:
            self.settle(t)

    cdef bint is_gap(self, int64_t dt) noexcept nogil:
        cdef double step
        if dt == 0:
            return False
        step = <double>dt / NS
        if self.period == 0.0 or step < 0.67 * self.period:
            self.period = step
        elif step < 1.5 * self.period:
            self.period += 0.05 * (step - self.period)
            self.long_steps = 0
        else:
            self.long_steps += 1
            if self.long_steps >= 8 and step < 0.06:
                self.period = step
                self.long_steps = 0
        return step > fmax(self.k.gap_s, 1.75 * fmin(self.period, 0.05)) + 1e-9

    cdef void rescale(self, int64_t t) noexcept nogil:
        cdef double level = fmin(self.cells.total, self.last_total)
        if level > self.scale:
            if level > 4.0 * self.scale:
                self.scale_ns = t
                self.state = STANCE
                self.previous_ns = MISSING
                self.landing = False
                self.reset_stance(MISSING, False)
            self.scale = level

    cdef void gap(self, int64_t t, int64_t dt) noexcept nogil:
        cdef int r
        self.off_ns = MISSING
        self.full_samples = 0
        self.stance_gap = True
        self.swing_whole = False
        self.drag_start = MISSING
        for r in range(3):
            self.onset[r] = MISSING
        if self.landing:
            if not self.strike_done:
                self.decide(t, STRIKE_UNKNOWN)
            self.close_stride(t)
        if dt > <int64_t>(self.k.lost_s * NS):
            self.state = UNKNOWN
            self.settle_ns = MISSING
            self.previous_ns = MISSING
            self.reset_stance(MISSING, False)
            self.reset_swing(MISSING)
        elif self.state == SWING and self.cells.total > self.on():
            self.stand()

    cdef void stand(self) noexcept nogil:
        self.state = STANCE
        self.previous_ns = MISSING
        self.reset_stance(MISSING, False)
        self.stance_gap = True

    cdef void in_unknown(self, int64_t t) noexcept nogil:
        cdef double total = self.cells.total
        if total > self.k.landing_share * self.scale:
            self.stand()
        elif total < self.off():
            if self.settle_ns == MISSING:
                self.settle_ns = t
            elif t - self.settle_ns >= SETTLE_NS:
                self.state = SWING
                self.reset_swing(MISSING)
                self.bucket_ns = t
                self.rotation = 0.0
        else:
            self.settle_ns = MISSING

    cdef void in_stance(self, int64_t t) noexcept nogil:
        cdef double total = self.cells.total, heel = self.cells.load[HEEL]
        cdef double on = self.on(), off = self.off()
        self.stance_peak = fmax(self.stance_peak, fmin(total, self.last_total))
        if total > self.k.high_share * self.scale:
            self.high_ns = t
            self.high_fore = self.cells.load[FOREFOOT] >= self.k.roll_share * total
        if heel >= on:
            self.heel_off_ns = MISSING
        elif self.heel_off_ns == MISSING:
            self.heel_off_ns = crossing_ns(self.last_ns, self.last[HEEL], t, heel, on)
            self.rotation = 0.0
        if self.contact_ns != MISSING and t - self.contact_ns < <int64_t>(self.k.min_stance_s * NS):
            return
        if self.scale_ns == MISSING or t - self.scale_ns < SCALE_NS:
            return
        if total < off:
            if self.off_ns == MISSING:
                self.off_ns = crossing_ns(self.last_ns, self.last_total, t, total, off)
            if t - self.off_ns >= <int64_t>(self.k.dwell_s * NS):
                if self.high_ns != MISSING:
                    self.cells.stick(self.high_ns, self.scale)
                self.toe_off(t, self.off_ns)
        else:
            if total > on:
                self.off_ns = MISSING
            if self.empties(t):
                self.cells.stick(self.high_ns, self.scale)
            if total < self.k.landing_share * self.scale:
                self.maybe_stalled(t)

    cdef bint empties(self, int64_t t) noexcept nogil:
        cdef int64_t age = t - self.high_ns
        if self.high_ns == MISSING or age < <int64_t>(self.k.stick_s * NS):
            return False
        return age <= <int64_t>(self.k.stick_end_s * NS)

    cdef void maybe_stalled(self, int64_t t) noexcept nogil:
        cdef double heel = self.cells.load[HEEL]
        cdef double level, steep, now
        cdef int64_t k, knee_ns
        cdef bint rolled
        if self.high_ns == MISSING or not self.high_fore:
            return
        if heel > self.on() or self.heel_off_ns == MISSING:
            return
        k = self.trace.before(t - <int64_t>(self.k.stall_s * NS))
        if k < 0 or self.trace.t[k % TRACE_LENGTH] < self.high_ns:
            return
        level = self.trace.total[k % TRACE_LENGTH]
        if level > 1.3 * self.k.landing_share * self.scale:
            return
        if self.cells.total < (1.0 - self.k.stall_fall) * level:
            return
        knee_ns = self.trace.knee_ns(k, fmin(level, self.cells.total) + 0.02 * self.scale)
        if knee_ns == MISSING or knee_ns <= self.high_ns or knee_ns <= self.heel_off_ns:
            return
        steep = self.steepness(knee_ns)
        now = (level - self.cells.total) / (<double>(t - self.trace.t[k % TRACE_LENGTH]) / NS)
        if now > self.k.stall_slope * steep or steep < self.k.fall_share_s * self.scale:
            return
        rolled = knee_ns - self.heel_off_ns >= <int64_t>(self.k.roll_s * NS)
        if not (rolled or self.walks(knee_ns)):
            return
        if self.imu_fresh(t) and self.rotation < self.k.rotation_rad_s:
            return
        if self.cells.stick(self.high_ns, self.scale):
            return
        self.toe_off(t, knee_ns)
        self.stalled = True

    cdef double steepness(self, int64_t knee_ns) noexcept nogil:
        cdef int64_t start_ns = knee_ns - STEEP_NS
        cdef int64_t k = self.trace.before(start_ns), j = self.trace.before(knee_ns)
        cdef double high
        if k < 0 or j < 0:
            return 0.0
        high = self.trace.at(self.trace.total, start_ns, k)
        return (high - self.trace.at(self.trace.total, knee_ns, j)) / (<double>STEEP_NS / NS)

    cdef bint walks(self, int64_t t) noexcept nogil:
        return self.walking and t - self.contact_ns <= <int64_t>(self.k.walking_stance_s * NS)

    cdef void toe_off(self, int64_t t, int64_t toe_off_ns) noexcept nogil:
        cdef bint walking, led
        cdef double decay
        cdef int r
        cdef int64_t heel_off = self.heel_off_ns
        if self.landing:
            if not self.strike_done:
                self.decide(t, STRIKE_UNKNOWN)
            self.close_stride(t)
        walking = self.walks(toe_off_ns)
        self.reset_swing(toe_off_ns)
        self.state = SWING
        self.was_walking = walking
        self.borne = self.stance_peak > self.k.weak_share * self.scale
        self.swing_whole = self.borne
        led = heel_off != MISSING and toe_off_ns - heel_off >= <int64_t>(self.k.roll_s * NS)
        self.rolled = led and self.high_fore
        self.previous_ns = self.contact_ns if walking else MISSING
        decay = self.k.peak_decay if self.borne else self.k.weak_decay
        if self.stance_peak > 0.0:
            self.scale -= decay * (self.scale - self.stance_peak)
        self.cells.start_swing()
        for r in range(3):
            self.low[r][0] = self.low[r][1] = self.cells.load[r]
        self.bucket_ns = t
        if self.cells.load[FOREFOOT] > self.drag_threshold():
            self.drag_start = toe_off_ns
            self.drag_from_toe_off = True
        if self.steps(t):
            self.send_toe_off(t)

    cdef void send_toe_off(self, int64_t t) noexcept nogil:
        self.emit(TOE_OFF, self.toe_off_ns, t, 0)
        self.toe_off_sent = True

    cdef void in_swing(self, int64_t t) noexcept nogil:
        cdef double on, off, floor, load
        cdef bint any_on = False
        cdef int r
        if self.toe_off_ns != MISSING and t - self.toe_off_ns > <int64_t>(self.k.max_swing_s * NS):
            self.state = UNKNOWN
            self.settle_ns = MISSING
            self.previous_ns = MISSING
            return
        on, off = self.on(), self.off()
        for r in range(3):
            floor = fmin(self.low[r][0], self.low[r][1])
            load = self.cells.load[r]
            if self.onset[r] == MISSING:
                if load >= floor + on:
                    self.onset[r] = crossing_ns(self.last_ns, self.last[r], t, load, floor + on)
                    self.floor[r] = floor
            elif load < self.floor[r] + off:
                self.onset[r] = MISSING
            elif t - self.onset[r] > <int64_t>(self.k.landing_wait_s * NS):
                self.accept_floor(r)
            any_on = any_on or self.onset[r] != MISSING
        self.drag(t)
        if any_on and self.landed(t):
            return
        self.keep_floor(t)
        if self.toe_off_ns != MISSING and t - self.toe_off_ns >= LEARN_AFTER_NS and not any_on:
            self.cells.gather()

    cdef bint landed(self, int64_t t) noexcept nogil:
        cdef double total = self.cells.total, floor = 0.0, net
        cdef bint full, landed, accepted
        cdef int64_t heel_ns = self.onset[HEEL], fore_ns, margin, lead, least_ns, first = MISSING
        cdef int r
        for r in range(3):
            floor += fmin(self.low[r][0], self.low[r][1])
        full = total > self.landing_load()
        full = full and total - floor > 0.1 * self.scale
        self.full_samples = self.full_samples + 1 if full else 0
        landed = self.full_samples >= 2
        if not landed and heel_ns != MISSING and self.steps(t):
            net = self.cells.load[HEEL] - fmin(self.low[HEEL][0], self.low[HEEL][1])
            landed = net > self.k.strong_share * self.scale
            landed = landed or t - heel_ns >= <int64_t>(self.k.dwell_s * NS)
        if not landed:
            return False
        for r in range(3):
            if self.onset[r] != MISSING and (first == MISSING or self.onset[r] < first):
                first = self.onset[r]
        least_ns = <int64_t>(self.k.min_swing_s * NS)
        if self.toe_off_ns != MISSING and first - self.toe_off_ns < least_ns:
            self.state = STANCE
            self.off_ns = MISSING
            return True
        if self.imu_fresh(t):
            accepted = self.rotation >= self.k.rotation_rad_s
        elif self.was_walking or self.rolled:
            accepted = True
        else:
            fore_ns = self.onset[FOREFOOT]
            margin = <int64_t>(self.margin() * NS)
            if heel_ns != MISSING and fore_ns != MISSING:
                lead = fore_ns - heel_ns if fore_ns > heel_ns else heel_ns - fore_ns
                accepted = t - first <= BRISK_NS and lead >= margin
            elif t - first < margin:
                return False
            else:
                accepted = t - first <= BRISK_NS
        if accepted:
            self.contact(t, first)
        else:
            self.stand()
        return True

    cdef double landing_load(self) noexcept nogil:
        cdef double loose = 1.0 if self.was_walking else self.loose()
        return loose * self.k.landing_share * self.scale

    cdef void contact(self, int64_t t, int64_t contact_ns) noexcept nogil:
        cdef int64_t previous = self.previous_ns
        if self.toe_off_ns != MISSING and not self.toe_off_sent:
            self.send_toe_off(t)
        self.emit(INITIAL_CONTACT, contact_ns, t, 0)
        self.close_drag(t, contact_ns)
        if previous != MISSING and contact_ns - previous > <int64_t>(self.k.max_stride_s * NS):
            previous = MISSING
        if self.valid():
            self.open_stride(contact_ns, previous, self.drag_kind, <double>self.drag_ns / 1e6)
        else:
            self.open_stride(contact_ns, previous, DRAG_NONE, NAN)
        if self.drag_imu and self.valid():
            self.stride.flags |= FLAG_IMU_DRAG
        self.stride.heel_off_ns = self.heel_off_ns if self.toe_off_ns != MISSING else MISSING
        self.stride.toe_off_ns = self.toe_off_ns
        self.stride.sources = SENSOR_PRESSURE | (SENSOR_IMU if self.imu_fresh(t) else 0)
        self.describe_stance(previous)
        if self.swing_whole:
            self.near_trip(t, contact_ns)
            self.know_swing(<double>(contact_ns - self.toe_off_ns) / NS)
        self.state = STANCE
        self.reset_stance(contact_ns, True)

    cdef void know_swing(self, double swing_s) noexcept nogil:
        self.swing_s += (swing_s - self.swing_s) * (0.2 if self.good_swings >= 3 else 0.5)
        if self.good_swings == 0:
            self.swing_s = swing_s
        self.good_swings += 1
        if self.drag_kind == DRAG_NONE:
            self.cells.learn(self.scale)


cdef bint fits(object array, int dims, int kind, Py_ssize_t rows, Py_ssize_t columns) noexcept:
    """Say whether an array is C-contiguous, of this kind and shape (-1: any number of rows)."""
    cdef cnp.ndarray a
    if not isinstance(array, cnp.ndarray):
        return False
    a = array
    return (
        cnp.PyArray_NDIM(a) == dims
        and cnp.PyArray_TYPE(a) == kind
        and cnp.PyArray_ISCARRAY_RO(a)
        and (rows < 0 or cnp.PyArray_DIM(a, 0) == rows)
        and (dims == 1 or cnp.PyArray_DIM(a, 1) == columns)
    )

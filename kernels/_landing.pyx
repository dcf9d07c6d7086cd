"""From the contact to the complete stride; `reference_landing.py` is the twin that explains it."""

from dataclasses import asdict

from libc.math cimport NAN, fmax, fmin, isfinite, isnan, sqrt
from libc.stdint cimport int64_t

from kernels._found cimport STRIKE
from kernels._imu_stride cimport ImuStride
from kernels._parts cimport CURVE_POINTS, MISSING, NS, TRACE_LENGTH, crossing_ns

cdef int64_t ALONE_NS = 1_000_000_000
cdef int64_t FLAT_WAIT_NS = 600_000_000


cdef class Landing(Found):
    """The landing that is followed, and the sensors it is followed with."""

    def __init__(self, config):
        self.k = asdict(config.thresholds)
        self.cells = Cells(config.x, config.thresholds)
        self.trace = Trace()
        self.n_cells = len(config.x)
        self.has_imu = config.mount is not None
        if self.has_imu:
            self.chain = ImuChain(config.mount, config.to_toe_m, config.foot_length_m)
        self.last_ns = self.imu_ns = self.contact_ns = self.toe_off_ns = MISSING
        self.reset_landing()

    cdef double loose(self) noexcept nogil:
        return 2.0 if self.cells.swings < 2 else 1.0

    cdef double off(self) noexcept nogil:
        cdef double share = self.loose() * self.k.off_share
        return fmax(share * self.scale, self.k.drag_sigma * self.cells.sigma)

    cdef double on(self) noexcept nogil:
        return fmax(self.loose() * self.k.on_share * self.scale, 1.4 * self.off())

    cdef double margin(self) noexcept nogil:
        return fmax(self.k.strike_margin_s, fmin(self.period, 0.05))

    cdef bint imu_fresh(self, int64_t t) noexcept nogil:
        return self.imu_ns != MISSING and t - self.imu_ns <= <int64_t>(self.k.gap_s * NS)

    cdef bint alone(self, int64_t t) noexcept nogil:
        return self.last_ns == MISSING or t - self.last_ns > ALONE_NS

    cdef void see_imu(self, int64_t t, const float* row) noexcept nogil:
        cdef double x = <double>row[3], y = <double>row[4], z = <double>row[5]
        cdef double rate = sqrt(x * x + y * y + z * z)
        cdef bint missed
        if not isfinite(rate):
            return
        missed = self.imu_ns != MISSING and t - self.imu_ns > <int64_t>(self.k.lost_s * NS)
        if missed and self.alone(t):
            self.contact_ns = self.toe_off_ns = MISSING
        self.imu_ns = t
        self.rotation = fmax(self.rotation, rate)

    cdef double pitch(self) noexcept nogil:
        if not self.has_imu:
            return NAN
        return self.chain.pitch_at(self.stride.initial_contact_ns)

    cdef int pitch_strike(self) noexcept nogil:
        cdef double pitch = self.pitch()
        if isnan(pitch):
            return STRIKE_UNKNOWN
        if pitch <= self.k.toe_pitch_deg:
            return STRIKE_TOE
        return STRIKE_FLAT if pitch < self.k.flat_pitch_deg else STRIKE_HEEL

    cdef void reset_landing(self) noexcept nogil:
        self.landing = False
        self.strike_done = False
        self.lead_done = False
        self.strike = STRIKE_UNKNOWN
        self.index = NAN
        self.lead_ms = NAN
        self.stride.pitch_at_contact_deg = NAN
        self.stride.pitch_at_toe_off_deg = NAN
        self.stride.max_dorsiflexion_deg = NAN
        self.stride.stride_length_m = NAN
        self.stride.clearance_mm = NAN
        self.stride.lift_mm = NAN
        self.stride.lateral_excursion_mm = NAN

    cdef void open_stride(
        self, int64_t contact_ns, int64_t previous_ns, int drag, double drag_ms
    ) noexcept nogil:
        self.reset_landing()
        self.landing = True
        self.stride.initial_contact_ns = contact_ns
        self.stride.previous_contact_ns = previous_ns
        self.stride.drag = drag
        self.stride.drag_ms = drag_ms
        self.stride.flags = 0 if isnan(drag_ms) else FLAG_VALID_SWING

    cdef void settle(self, int64_t t) noexcept nogil:
        cdef int64_t age = t - self.contact_ns
        cdef int64_t index_ns = <int64_t>(self.k.strike_index_s * NS)
        cdef int64_t next_ns
        cdef bint limit
        cdef int strike
        self.late_onsets(t)
        if isnan(self.index) and age >= index_ns:
            self.index = self.trace.index_percent(self.contact_ns + index_ns)
        if not self.strike_done and age >= index_ns:
            next_ns = age + <int64_t>(fmin(self.period, 0.05) * NS)
            limit = next_ns > <int64_t>(self.k.strike_limit_s * NS)
            strike = self.judge(t, limit)
            if strike != STRIKE_WAIT:
                self.decide(t, strike)
        if self.onset[HEEL] != MISSING and self.onset[FOREFOOT] != MISSING and not self.lead_done:
            self.lead_ms = <double>(self.onset[FOREFOOT] - self.onset[HEEL]) / 1e6
            self.lead_done = True
        self.maybe_close(t)

    cdef void late_onsets(self, int64_t t) noexcept nogil:
        cdef double on = self.on(), off = self.off(), floor, load
        cdef int64_t k = (self.trace.n - 2) % TRACE_LENGTH
        cdef bint known
        cdef int r
        for r in range(3):
            known = self.onset[r] != MISSING
            floor = self.floor[r] if known else fmin(self.low[r][0], self.low[r][1])
            load = self.cells.load[r]
            if not known and load >= floor + on:
                self.onset[r] = crossing_ns(
                    self.trace.t[k], self.trace.load[r][k], t, load, floor + on
                )
                self.floor[r] = floor
            elif known and load < floor + off and not self.strike_done:
                self.onset[r] = MISSING

    cdef int judge(self, int64_t t, bint limit) noexcept nogil:
        cdef int64_t heel = self.onset[HEEL], mid = self.onset[MIDFOOT], fore = self.onset[FOREFOOT]
        cdef int64_t margin = <int64_t>(self.margin() * NS)
        cdef bint mid_first, border
        cdef double pitch
        if self.cells.count[HEEL] == 0 or self.cells.count[FOREFOOT] == 0:
            return self.pitch_strike()
        if heel != MISSING and fore != MISSING:
            if fore - heel <= -margin or self.index > self.k.toe_index:
                return STRIKE_TOE
            if fore - heel >= margin:
                return STRIKE_HEEL
            pitch = self.pitch()
            if self.index >= self.k.flat_index if isnan(pitch) else pitch < self.k.flat_pitch_deg:
                return STRIKE_FLAT
            return STRIKE_HEEL
        if heel != MISSING:
            if t - heel < margin and not limit:
                return STRIKE_WAIT
            return STRIKE_TOE if self.index > self.k.toe_index else STRIKE_HEEL
        mid_first = mid != MISSING and (fore == MISSING or mid <= fore)
        border = mid_first and self.index <= self.k.toe_index
        if fore != MISSING and t - fore >= margin and not border:
            return STRIKE_TOE
        if not limit:
            return STRIKE_WAIT
        return STRIKE_FLAT if border else STRIKE_TOE

    cdef void decide(self, int64_t t, int strike) noexcept nogil:
        self.strike = strike
        self.strike_done = True
        self.emit(STRIKE, self.stride.initial_contact_ns, t, strike)

    cdef void maybe_close(self, int64_t t) noexcept nogil:
        cdef int64_t age = t - self.stride.initial_contact_ns
        if not self.strike_done:
            return
        if not self.lead_done and age < <int64_t>(self.k.lead_limit_s * NS):
            return
        if self.imu_fresh(t) and age <= FLAT_WAIT_NS:
            if not self.chain.settled(self.stride.initial_contact_ns):
                return
        self.close_stride(t)

    cdef void describe_stance(self, int64_t previous_ns) noexcept nogil:
        cdef bint whole = (
            previous_ns != MISSING and self.toe_off_ns != MISSING and not self.stance_gap
        )
        cdef int64_t start = previous_ns if whole else 0
        cdef int64_t stop = self.toe_off_ns if whole else 0
        cdef double points[CURVE_POINTS]
        cdef double impulse, peak
        cdef int r, p
        for r in range(3):
            self.trace.curve(r, start, stop, points, &impulse, &peak)
            self.stride.impulse[r] = impulse
            self.stride.peak[r] = peak
            for p in range(CURVE_POINTS):
                self.stride.curve[r][p] = points[p]

    cdef void describe_swing(self) noexcept nogil:
        cdef ImuStride s
        cdef double pitch = self.pitch()
        self.stride.pitch_at_contact_deg = pitch
        if not isnan(pitch) and self.strike != STRIKE_UNKNOWN:
            if (self.strike == STRIKE_TOE) != (pitch <= self.k.toe_pitch_deg):
                self.stride.flags |= FLAG_DISAGREE
        if self.stride.toe_off_ns == MISSING:
            return
        self.chain.close(
            self.stride.previous_contact_ns,
            self.stride.toe_off_ns,
            self.stride.initial_contact_ns,
            &s,
        )
        self.stride.pitch_at_toe_off_deg = s.pitch_at_toe_off_deg
        self.stride.max_dorsiflexion_deg = s.max_dorsiflexion_deg
        self.stride.stride_length_m = s.stride_length_m
        self.stride.clearance_mm = s.clearance_mm
        self.stride.lift_mm = s.lift_mm
        self.stride.lateral_excursion_mm = s.lateral_excursion_mm
        self.stride.flags |= FLAG_TURN if s.turn else 0
        self.stride.flags |= FLAG_STAIRS if s.stairs else 0
        self.stride.flags |= FLAG_CLEARANCE_AT_MEAN_TIME if s.clearance_at_mean_time else 0

    cdef void close_stride(self, int64_t t) noexcept nogil:
        self.landing = False
        if self.imu_fresh(t):
            self.describe_swing()
        self.stride.strike = self.strike
        self.stride.strike_index = self.index
        self.stride.heel_lead_ms = self.lead_ms
        self.keep_stride(t)


cdef class ChainPort:
    """The compiled IMU chain for the twin of the foot, which is written in Python."""

    cdef ImuChain chain

    def __init__(self, config):
        self.chain = ImuChain(config.mount, config.to_toe_m, config.foot_length_m)

    def __getattr__(self, name):
        return getattr(self.chain, name)

    def push(self, int64_t t, row, int contact):
        """Take a sample."""
        cdef float[6] values
        cdef int i
        for i in range(6):
            values[i] = row[i]
        self.chain.push(t, values, contact)

    def pitch_at(self, int64_t t):
        """Return the pitch [deg] at a time of the last 6 s."""
        return self.chain.pitch_at(t)

    def settled(self, int64_t contact_ns):
        """Say whether the foot has been flat since this contact."""
        return self.chain.settled(contact_ns)

    def close(self, int64_t previous_ns, int64_t toe_off_ns, int64_t contact_ns):
        """Return the stride's spatial numbers."""
        cdef ImuStride s
        self.chain.close(previous_ns, toe_off_ns, contact_ns, &s)
        return s

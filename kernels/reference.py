"""The readable twin of the compiled kernel: same rules, same results, in plain Python.

States of the foot (kernels/README.md explains them on one page):

    UNKNOWN --loaded--> STANCE --unloaded, or push-off stalled--> SWING --contact--> STANCE
       ^                   |                                         |
       +---- gap ----------+------------- gap, too long -------------+
"""

import math
from collections.abc import Sequence

from kernels.config import FootConfig
from kernels.records import MISSING_NS, DragKind, EventKind, Flag, Sensor, Strike
from kernels.reference_landing import Chain
from kernels.reference_parts import FOREFOOT, HEEL, LEARN_AFTER_NS, NS, crossing_ns
from kernels.reference_swing import Swing

__all__ = ["FootReference"]

UNKNOWN, STANCE, SWING = 0, 1, 2
SETTLE_NS = 60_000_000
SCALE_NS = 300_000_000
STEEP_NS = 60_000_000
BRISK_NS = 100_000_000


class FootReference(Swing):
    """One foot, sample by sample; `events` and `strides` gather what became certain."""

    def __init__(self, config: FootConfig, chain: Chain | None = None) -> None:
        super().__init__(config, chain)
        self.state = UNKNOWN
        self.door_ns = MISSING_NS
        self.long_steps = 0
        self.scale_ns = MISSING_NS
        self.settle_ns = MISSING_NS
        self.previous_ns = MISSING_NS
        self._reset_stance(MISSING_NS, False)

    def push(
        self,
        time_ns: Sequence[int],
        load: Sequence[Sequence[float]] | None,
        imu: Sequence[Sequence[float]] | None,
    ) -> None:
        """Take samples; see `kernels.FootKernel.push` for shapes and units."""
        chain = self.chain
        for i, t in enumerate(time_ns):
            if imu is not None and chain is not None:
                self._see_imu(t, imu[i])
            if load is not None and self.has_cells and self.cells.take(t, load[i]):
                self._see_load(t)
            if imu is not None and chain is not None:
                chain.push(t, imu[i], self._contact_state(t))
                self._after_imu(t, chain)
            self.door_ns = t

    def finish(self) -> None:
        """Close the landing that waits for its strike."""
        if self.landing:
            if not self.strike_done:
                self._strike(self.door_ns, Strike.UNKNOWN)
            self._close_stride(self.door_ns)

    def _contact_state(self, t: int) -> int:
        """Return what the IMU chain is told: -1 unknown, 0 unloaded, 1 loaded, 2 flat."""
        if self.last_ns == MISSING_NS or t - self.last_ns > int(self.k.gap_s * NS):
            return -1
        if self.state != STANCE:
            return 0 if self.state == SWING else -1
        on = self._on()
        return 2 if self.cells.load[HEEL] > on and self.cells.load[FOREFOOT] > on else 1

    def _after_imu(self, t: int, chain: Chain) -> None:
        if self._alone(t):
            if chain.toe_off:
                self.toe_off_ns = chain.toe_off_ns
                self._emit(EventKind.TOE_OFF, self.toe_off_ns, t)
            if chain.contact:
                self._contact_alone(t, chain.contact_ns)
        elif chain.spike and self.state == SWING:
            self._struck(t)
        if self.landing:
            self._maybe_close(t)

    def _contact_alone(self, t: int, contact_ns: int) -> None:
        """Take a contact that the IMU alone has seen; strike type from pitch."""
        previous = self.contact_ns
        if self.landing:
            self._close_stride(t)
        if previous != MISSING_NS and contact_ns - previous > int(self.k.max_stride_s * NS):
            previous = MISSING_NS
        stale = previous != MISSING_NS and self.toe_off_ns <= previous
        if self.toe_off_ns >= contact_ns or stale:
            self.toe_off_ns = MISSING_NS
        self.state = UNKNOWN
        self._emit(EventKind.INITIAL_CONTACT, contact_ns, t)
        self._open_stride(contact_ns, previous, DragKind.NONE, math.nan)
        self.stride["sources"] = int(Sensor.IMU)
        self.stride["heel_off_ns"] = MISSING_NS
        self.stride["toe_off_ns"] = self.toe_off_ns
        self._describe_stance(MISSING_NS)
        self.lead_done = True
        self.contact_ns = contact_ns
        self._strike(t, self._pitch_strike())

    def _reset_stance(self, contact_ns: int, walking: bool) -> None:
        self.contact_ns = contact_ns
        self.walking = walking
        self.stance_peak = 0.0
        self.stance_gap = False
        self.heel_off_ns = MISSING_NS
        self.off_ns = MISSING_NS
        self.high_ns = MISSING_NS
        self.high_fore = False

    def _see_load(self, t: int) -> None:
        dt = 0 if self.last_ns == MISSING_NS else t - self.last_ns
        gap = self._is_gap(dt)
        self.trace.put(t, self.cells)
        self.cells.watch(t, self.scale)
        self.scale -= self.cells.find_offset(t, self.scale)
        if gap:
            self._gap(t, dt)
        else:
            self._rescale(t)
        if self.state == STANCE:
            self._in_stance(t)
        elif self.state == SWING:
            self._in_swing(t)
        else:
            self._in_unknown(t)
        self.last_ns = t
        for r in range(3):
            self.last[r] = self.cells.load[r]
        self.last_total = self.cells.total
        if self.landing:
            self._settle(t)

    def _is_gap(self, dt: int) -> bool:
        """Follow the sampling period; say whether `dt` is more than a period and 30 ms."""
        if dt == 0:
            return False
        step = dt / NS
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
        return step > max(self.k.gap_s, 1.75 * min(self.period, 0.05)) + 1e-9

    def _rescale(self, t: int) -> None:
        """Raise the scale at once, with two samples to show for it; a leap is another world."""
        level = min(self.cells.total, self.last_total)
        if level > self.scale:
            if level > 4.0 * self.scale:
                self.scale_ns = t
                self.state = STANCE
                self.previous_ns = MISSING_NS
                self.landing = False
                self._reset_stance(MISSING_NS, False)
            self.scale = level

    def _gap(self, t: int, dt: int) -> None:
        self.off_ns = MISSING_NS
        self.full_samples = 0
        self.stance_gap = True
        self.swing_whole = False
        self.drag_start = MISSING_NS
        self.onset = [MISSING_NS] * 3
        if self.landing:
            if not self.strike_done:
                self._strike(t, Strike.UNKNOWN)
            self._close_stride(t)
        if dt > int(self.k.lost_s * NS):
            self.state = UNKNOWN
            self.settle_ns = MISSING_NS
            self.previous_ns = MISSING_NS
            self._reset_stance(MISSING_NS, False)
            self._reset_swing(MISSING_NS)
        elif self.state == SWING and self.cells.total > self._on():
            self._stand()

    def _stand(self) -> None:
        """Loaded, and not by a contact that was seen."""
        self.state = STANCE
        self.previous_ns = MISSING_NS
        self._reset_stance(MISSING_NS, False)
        self.stance_gap = True

    def _in_unknown(self, t: int) -> None:
        total = self.cells.total
        if total > self.k.landing_share * self.scale:
            self._stand()
        elif total < self._off():
            if self.settle_ns == MISSING_NS:
                self.settle_ns = t
            elif t - self.settle_ns >= SETTLE_NS:
                self.state = SWING
                self._reset_swing(MISSING_NS)
                self.bucket_ns = t
                self.rotation = 0.0
        else:
            self.settle_ns = MISSING_NS

    def _in_stance(self, t: int) -> None:
        total, heel = self.cells.total, self.cells.load[HEEL]
        on, off = self._on(), self._off()
        self.stance_peak = max(self.stance_peak, min(total, self.last_total))
        if total > self.k.high_share * self.scale:
            self.high_ns = t
            self.high_fore = self.cells.load[FOREFOOT] >= self.k.roll_share * total
        if heel >= on:
            self.heel_off_ns = MISSING_NS
        elif self.heel_off_ns == MISSING_NS:
            self.heel_off_ns = crossing_ns(self.last_ns, self.last[HEEL], t, heel, on)
            self.rotation = 0.0
        if self.contact_ns != MISSING_NS and t - self.contact_ns < int(self.k.min_stance_s * NS):
            return
        if self.scale_ns == MISSING_NS or t - self.scale_ns < SCALE_NS:
            return
        if total < off:
            if self.off_ns == MISSING_NS:
                self.off_ns = crossing_ns(self.last_ns, self.last_total, t, total, off)
            if t - self.off_ns >= int(self.k.dwell_s * NS):
                if self.high_ns != MISSING_NS:
                    self.cells.stick(self.high_ns, self.scale)
                self._toe_off(t, self.off_ns)
        else:
            if total > on:
                self.off_ns = MISSING_NS
            if self._empties(t):
                self.cells.stick(self.high_ns, self.scale)
            if total < self.k.landing_share * self.scale:
                self._maybe_stalled(t)

    def _empties(self, t: int) -> bool:
        """Say whether the foot should be emptying now, which a stuck cell would not follow."""
        if self.high_ns == MISSING_NS:
            return False
        age = t - self.high_ns
        return int(self.k.stick_s * NS) <= age <= int(self.k.stick_end_s * NS)

    def _maybe_stalled(self, t: int) -> None:
        """End push-off where its fall has stopped although the forefoot still carries load."""
        heel = self.cells.load[HEEL]
        if self.high_ns == MISSING_NS or not self.high_fore:
            return
        if heel > self._on() or self.heel_off_ns == MISSING_NS:
            return
        stall_ns = int(self.k.stall_s * NS)
        k = self.trace.before(t - stall_ns)
        if k < 0 or self.trace.t[k % 2048] < self.high_ns:
            return
        level = self.trace.total[k % 2048]
        if level > 1.3 * self.k.landing_share * self.scale:
            return
        if self.cells.total < (1.0 - self.k.stall_fall) * level:
            return
        knee_ns = self.trace.knee_ns(k, min(level, self.cells.total) + 0.02 * self.scale)
        if knee_ns == MISSING_NS or knee_ns <= max(self.high_ns, self.heel_off_ns):
            return
        steep = self._steepness(knee_ns)
        now = (level - self.cells.total) / ((t - self.trace.t[k % 2048]) / NS)
        if now > self.k.stall_slope * steep or steep < self.k.fall_share_s * self.scale:
            return
        rolled = knee_ns - self.heel_off_ns >= int(self.k.roll_s * NS)
        if not (rolled or self._walks(knee_ns)):
            return
        if self._imu_fresh(t) and self.rotation < self.k.rotation_rad_s:
            return
        if self.cells.stick(self.high_ns, self.scale):
            return
        self._toe_off(t, knee_ns)
        self.stalled = True

    def _steepness(self, knee_ns: int) -> float:
        """Return how fast the load fell just before `knee_ns`, per second."""
        start_ns = knee_ns - STEEP_NS
        k, j = self.trace.before(start_ns), self.trace.before(knee_ns)
        if k < 0 or j < 0:
            return 0.0
        high = self.trace.at(self.trace.total, start_ns, k)
        return (high - self.trace.at(self.trace.total, knee_ns, j)) / (STEEP_NS / NS)

    def _walks(self, t: int) -> bool:
        """Say whether this stance began with a contact and is no standing by `t`."""
        return self.walking and t - self.contact_ns <= int(self.k.walking_stance_s * NS)

    def _toe_off(self, t: int, toe_off_ns: int) -> None:
        if self.landing:
            if not self.strike_done:
                self._strike(t, Strike.UNKNOWN)
            self._close_stride(t)
        walking = self._walks(toe_off_ns)
        heel_off = self.heel_off_ns
        self._reset_swing(toe_off_ns)
        self.state = SWING
        self.was_walking = walking
        self.borne = self.stance_peak > self.k.weak_share * self.scale
        self.swing_whole = self.borne
        led = heel_off != MISSING_NS and toe_off_ns - heel_off >= int(self.k.roll_s * NS)
        self.rolled = led and self.high_fore
        self.previous_ns = self.contact_ns if walking else MISSING_NS
        decay = self.k.peak_decay if self.borne else self.k.weak_decay
        if self.stance_peak > 0.0:
            self.scale -= decay * (self.scale - self.stance_peak)
        self.cells.start_swing()
        for r in range(3):
            self.low[r] = [self.cells.load[r], self.cells.load[r]]
        self.bucket_ns = t
        if self.cells.load[FOREFOOT] > self._drag_threshold():
            self.drag_start = toe_off_ns
            self.drag_from_toe_off = True
        if self._steps(t):
            self._send_toe_off(t)

    def _send_toe_off(self, t: int) -> None:
        self._emit(EventKind.TOE_OFF, self.toe_off_ns, t)
        self.toe_off_sent = True

    def _in_swing(self, t: int) -> None:
        k = self.k
        if self.toe_off_ns != MISSING_NS and t - self.toe_off_ns > int(k.max_swing_s * NS):
            self.state = UNKNOWN
            self.settle_ns = MISSING_NS
            self.previous_ns = MISSING_NS
            return
        on, off = self._on(), self._off()
        any_on = False
        for r in range(3):
            floor = min(self.low[r][0], self.low[r][1])
            load = self.cells.load[r]
            if self.onset[r] == MISSING_NS:
                if load >= floor + on:
                    self.onset[r] = crossing_ns(self.last_ns, self.last[r], t, load, floor + on)
                    self.floor[r] = floor
            elif load < self.floor[r] + off:
                self.onset[r] = MISSING_NS
            elif t - self.onset[r] > int(k.landing_wait_s * NS):
                self._accept_floor(r)
            any_on = any_on or self.onset[r] != MISSING_NS
        self._drag(t)
        if any_on and self._landed(t):
            return
        self._keep_floor(t)
        settled = self.toe_off_ns != MISSING_NS and t - self.toe_off_ns >= LEARN_AFTER_NS
        if settled and not any_on:
            self.cells.gather()

    def _landed(self, t: int) -> bool:
        """Say whether the foot took load for good; if so, leave the swing."""
        k = self.k
        total = self.cells.total
        floor = sum(min(self.low[r][0], self.low[r][1]) for r in range(3))
        full = total > self._landing_load() and total - floor > 0.1 * self.scale
        self.full_samples = self.full_samples + 1 if full else 0
        landed = self.full_samples >= 2
        stepping = self._steps(t)
        heel_ns = self.onset[HEEL]
        if not landed and stepping and heel_ns != MISSING_NS:
            net = self.cells.load[HEEL] - min(self.low[HEEL][0], self.low[HEEL][1])
            landed = t - heel_ns >= int(k.dwell_s * NS) or net > k.strong_share * self.scale
        if not landed:
            return False
        first = min(o for o in self.onset if o != MISSING_NS)
        if self.toe_off_ns != MISSING_NS and first - self.toe_off_ns < int(k.min_swing_s * NS):
            self.state = STANCE
            self.off_ns = MISSING_NS
            return True
        if self._imu_fresh(t):
            accepted = self.rotation >= k.rotation_rad_s
        elif self.was_walking or self.rolled:
            accepted = True
        else:
            fore_ns = self.onset[FOREFOOT]
            margin = int(self._margin() * NS)
            if heel_ns != MISSING_NS and fore_ns != MISSING_NS:
                brisk = t - first <= BRISK_NS
                accepted = brisk and abs(fore_ns - heel_ns) >= margin
            elif t - first < margin:
                return False
            else:
                accepted = t - first <= BRISK_NS
        if accepted:
            self._contact(t, first)
        else:
            self._stand()
        return True

    def _landing_load(self) -> float:
        """Return what a landed foot carries at least; out of standing, full weight is not known."""
        loose = 1.0 if self.was_walking else self._loose()
        return loose * self.k.landing_share * self.scale

    def _contact(self, t: int, contact_ns: int) -> None:
        if self.toe_off_ns != MISSING_NS and not self.toe_off_sent:
            self._send_toe_off(t)
        self._emit(EventKind.INITIAL_CONTACT, contact_ns, t)
        self._close_drag(t, contact_ns)
        previous = self.previous_ns
        if previous != MISSING_NS and contact_ns - previous > int(self.k.max_stride_s * NS):
            previous = MISSING_NS
        if self._valid():
            self._open_stride(contact_ns, previous, self.drag_kind, self.drag_ns / 1e6)
        else:
            self._open_stride(contact_ns, previous, DragKind.NONE, math.nan)
        if self.drag_imu and self._valid():
            self.stride["flags"] |= int(Flag.IMU_DRAG)
        known = self.toe_off_ns != MISSING_NS
        imu = Sensor.IMU if self._imu_fresh(t) else Sensor.NONE
        self.stride["heel_off_ns"] = self.heel_off_ns if known else MISSING_NS
        self.stride["toe_off_ns"] = self.toe_off_ns
        self.stride["sources"] = int(Sensor.PRESSURE | imu)
        self._describe_stance(previous)
        if self.swing_whole:
            self._near_trip(t, contact_ns)
            self._know_swing((contact_ns - self.toe_off_ns) / NS)
        self.state = STANCE
        self._reset_stance(contact_ns, True)

    def _know_swing(self, swing_s: float) -> None:
        """Learn the usual swing time, and from a clean swing what unloaded means."""
        self.swing_s += (swing_s - self.swing_s) * (0.2 if self.good_swings >= 3 else 0.5)
        if self.good_swings == 0:
            self.swing_s = swing_s
        self.good_swings += 1
        if self.drag_kind == DragKind.NONE:
            self.cells.learn(self.scale)

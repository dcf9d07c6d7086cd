"""Readable twin of `_imu`, second half: events by the IMU alone, and the stride's numbers.

The first half is `imu_pose_reference`; there are the frames and rules 1 to 5.

6. On the ground: toe off is the last sharp minimum of the pitch rate before the foot swings and
   travels.
7. In swing: contact is certain at the impact (jerk over the swing's own that pushes up and back,
   as the ground does, or the foot slapping down) once the foot has slowed down. The contact itself
   is the reversal of rotation shortly before: heel and sole give way until the shock reaches the
   IMU. A landing that reverses nothing (flat, toe first) is dated from the impact.
8. At stride close the trajectory between the quietest samples of the two stances is gone over again
   (`imu_stride_reference`). What it says of the mounting may raise a fault, and with a fault there
   are no numbers.
"""

from collections.abc import Sequence

from kernels import imu_constants as c
from kernels.imu_pose_reference import MISSING_NS, Pose, clip, ns, share
from kernels.imu_stride_reference import ImuStride, Vector, dot, void_space

__all__ = ["MISSING_NS", "ImuChain"]


class ImuChain(Pose):
    """Orientation, stillness, events and trajectory of one foot; see `Pose` for parameters."""

    def push(self, t_ns: int, imu: Sequence[float], contact: int = -1) -> None:
        """Take one sample: acceleration [m/s2] and rate [rad/s]; contact as in `_imu.pxd`."""
        taken = self._take(t_ns, imu, contact)
        if taken is None:
            return
        dt, pr, jerk, a = taken
        if self.swing:
            self._in_swing(t_ns, dt, pr, jerk, a)
        else:
            self._on_ground(t_ns, dt, pr, jerk)
        self._p2, self._p1 = self._p1, pr
        self._t = t_ns
        self._count += 1

    def _on_ground(self, t_ns: int, dt: float, pr: float, jerk: float) -> None:
        """Look for the toe off: the last sharp minimum of the pitch rate before the foot swings."""
        self._since += dt
        if self.still or (not self._armed and self._since >= c.ARM_S):
            self._armed = True
            self._low = 0.0
            self._low_ns = t_ns
        if self.still or not self._armed:
            return
        p1, p2 = self._p1, self._p2
        if p1 < 0.0 and p1 <= p2 and p1 < pr and p1 <= c.LAST_MINIMUM * self._low:
            bend = p2 - 2.0 * p1 + pr
            off = clip(0.5 * (p2 - pr) / bend, -1.0, 1.0) if bend > 0.0 else 0.0
            self._low_ns = self._t + ns(off * dt)
            self._low = min(self._low, p1)
        pushed = -self._low > max(c.PUSH_RATE, c.PUSH_SHARE * self._push_peak)
        if pr > 0.0 and self.speed > (c.SWING_SPEED if pushed else c.LIFT_SPEED):
            self._lift(jerk)

    def _lift(self, jerk: float) -> None:
        """The foot swings: its toe off is certain. The stance is over: learn from it."""
        peak = -self._low
        if not self._flat_seen:
            self._reanchor()
        self.swing = self.toe_off = True
        self.toe_off_ns = self._low_ns
        self._top_speed = self.speed
        self._jerk = jerk
        self._shock = 0.0
        self._reversal_ns = MISSING_NS
        if self._push_peak == 0.0:
            self._push_peak = peak
        else:
            self._push_peak += c.PUSH_MEMORY * (peak - self._push_peak)
        if self._walked:
            self._mount(2)
            wanted = c.STILL_RATE_RATIO * self._least
            self._still_rate += c.STILL_RATE_SHARE * (wanted - self._still_rate)
            self._still_rate = clip(self._still_rate, c.STILL_RATE, c.STILL_RATE_MAX)
        elif self.mounted:
            self._find_axes()
        self._forget_flat()

    def _in_swing(self, t_ns: int, dt: float, pr: float, jerk: float, a: Vector) -> None:
        """Look for the impact that ends the swing; the contact is the reversal just before it."""
        since = (t_ns - self.toe_off_ns) * 1e-9
        self._top_speed = max(self._top_speed, self.speed)
        if self._p1 > 0.0 >= pr:
            self._reversal_ns = self._t + ns(self._p1 / (self._p1 - pr) * dt)
        if since > c.SWING_MIN_S and self.speed < c.LANDING_SHARE * self._top_speed:
            impact = self._t + (t_ns - self._t) // 2
            pushed = self._push > 0.0 or self._period > c.PUSH_PERIOD_S
            if pushed and jerk > self._shock:
                self._shock, self._shock_ns = jerk, impact
            hit = jerk > max(c.JERK_MIN, self._impact_ratio() * self._jerk)
            if (hit and pushed) or pr < -c.SLAP_RATE:
                self._land(self._contact_before(impact), jerk)
                return
        elif since > c.SWING_MIN_S and self.speed > c.SPIKE_SHARE * self._top_speed:
            self._spiked(pr, jerk, a)
        if self.still:
            soft = self._shock_ns - ns(c.LAG_S) if self._shock > 0.0 else t_ns - ns(self._still_s)
            self._land(soft, self._shock)
        elif since > c.SWING_MAX_S:
            self.swing = self._armed = False
            self._since = 0.0
        else:
            k = share(dt, c.JERK_TAU_S)
            self._jerk += k * (min(jerk, 2.0 * self._jerk) - self._jerk)

    def _impact_ratio(self) -> float:
        """How far an impact must stand out: sampled too coarsely, its jerk shrinks."""
        if self._period > c.IMPACT_S:
            return 1.0 + (c.JERK_RATIO - 1.0) * c.IMPACT_S / self._period
        return c.JERK_RATIO

    def _contact_before(self, impact: int) -> int:
        """Time of the contact whose shock arrived at `impact`."""
        lag = impact - self._reversal_ns if self._reversal_ns != MISSING_NS else -1
        if 0 <= lag <= ns(c.REVERSAL_S + self._period):
            return self._reversal_ns
        return impact - ns(c.LAG_S)

    def _spiked(self, pr: float, jerk: float, a: Vector) -> None:
        """A shock against the travel in mid-swing that breaks its rotation: a strike."""
        weak = jerk < c.SPIKE_JERK_RATIO * self._jerk or abs(pr - self._p1) < c.SPIKE_RATE_BREAK
        if self.speed <= c.SWING_SPEED or weak:
            return
        up = dot(self._v, self._u)
        slowing = 0.0
        for i in range(3):
            slowing -= (self._v[i] - up * self._u[i]) * a[i]
        slowing /= self.speed
        if slowing > c.SPIKE_DECEL:
            self.spike = True
            self.spike_mps2 = slowing

    def _land(self, contact_ns: int, jerk: float) -> None:
        """The swing is over: its contact is certain."""
        self.contact_ns = contact_ns
        self.impact_jerk = jerk
        self.contact = self._walked = True
        self.swing = self._armed = self._flat_seen = False
        self._landed = self._count
        self._since = 0.0
        self._forget_flat()
        self._least = 10.0

    def stride(self, previous_ns: int, toe_off_ns: int, contact_ns: int) -> ImuStride:
        """Numbers of the stride that `contact_ns` ends; previous_ns may be MISSING_NS."""
        out = ImuStride()
        n_to, n_ic = self._slot(toe_off_ns), self._slot(contact_ns)
        if n_to < 0 or n_ic <= n_to:
            return out
        out.pitch_at_toe_off_deg = self.pitch_at(toe_off_ns)
        out.pitch_at_contact_deg = out.max_dorsiflexion_deg = self.pitch_at(contact_ns)
        for n in range(n_to + 1, n_ic + 1):
            p = self._ring[n % c.RING].pitch * c.DEGREES
            if p > out.max_dorsiflexion_deg:
                out.max_dorsiflexion_deg = p
        begin = toe_off_ns - ns(c.FIRST_STANCE_S) if previous_ns == MISSING_NS else previous_ns
        a = self._quietest(max(self._slot(begin), 0), n_to)
        b = self._quietest(n_ic, self._count - 1)
        if a < 0 or b <= a or self.mounted == 0:
            return out
        out.unrest = max(self._ring[a % c.RING].unrest, self._ring[b % c.RING].unrest)
        if any(self._ring[n % c.RING].gap for n in range(a + 1, b + 1)):
            return out
        self.path.solve(self._ring, a, b, n_to, n_ic, out)
        self._judge(out)
        if self.fault:
            return ImuStride()
        return void_space(out) if out.residual_mps > c.DISAGREE_MPS else out

    def _judge(self, out: ImuStride) -> None:
        """Strides that no right mounting explains raise a fault; a right one takes it back."""
        if not out.complete:
            return
        wrong, turn = out.residual_mps > c.DISAGREE_MPS, bool(out.turn)
        self._disagree = self._count_fault(self._disagree, wrong, turn, c.FAULT_DISAGREE)
        if not wrong:
            back = self.path.forward < -0.5
            self._backwards = self._count_fault(self._backwards, back, turn, c.FAULT_BACKWARDS)

    def _count_fault(self, count: int, bad: bool, turn: bool, fault: int) -> int:
        """Raise a fault after DISAGREE_STRIDES more bad strides than good; drop it at none."""
        if bad and count < c.DISAGREE_STRIDES:
            count += 1
        elif not bad and not turn and count > 0:
            count -= 1
        if count == c.DISAGREE_STRIDES:
            self.fault |= fault
        elif count == 0:
            self.fault &= ~fault
        return count

"""The twin's swing and the drags in it."""

from kernels.config import FootConfig
from kernels.records import MISSING_NS, DragKind, EventKind
from kernels.reference_landing import Chain, Landing
from kernels.reference_parts import FOREFOOT, HEEL, NS, crossing_ns

__all__ = ["Swing"]

BUCKET_NS = 100_000_000
LATE_NS = 60_000_000


class Swing(Landing):
    """What is known of the present swing."""

    def __init__(self, config: FootConfig, chain: Chain | None = None) -> None:
        super().__init__(config, chain)
        self.last = [0.0, 0.0, 0.0]
        self.last_total = 0.0
        self.swing_s = 0.0
        self.good_swings = 0
        self._reset_swing(MISSING_NS)

    def _reset_swing(self, toe_off_ns: int) -> None:
        self.toe_off_ns = toe_off_ns
        self.toe_off_sent = False
        self.swing_whole = False
        self.stalled = False
        self.borne = False
        self.rolled = False
        self.was_walking = False
        self.onset = [MISSING_NS] * 3
        self.floor = [0.0] * 3
        self.low = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
        self.bucket_ns = toe_off_ns
        self.full_samples = 0
        self.drag_start = MISSING_NS
        self.drag_sure = False
        self.drag_from_toe_off = False
        self.freed = False
        self.drag_kind = DragKind.NONE
        self.drag_first = MISSING_NS
        self.drag_end = MISSING_NS
        self.drag_ns = 0
        self.drag_sent = False
        self.touch_start = MISSING_NS
        self.touch_end = MISSING_NS
        self.drag_imu = False
        self.spike_ns = MISSING_NS

    def _valid(self) -> bool:
        """Say whether the whole swing was seen after a stance that bore weight."""
        return self.swing_whole

    def _steps(self, t: int) -> bool:
        """Say whether what preceded this swing was a step's stance."""
        if not self.borne:
            return False
        if self._imu_fresh(t):
            return self.rotation >= self.k.rotation_rad_s
        return self.was_walking or self.rolled

    def _keep_floor(self, t: int) -> None:
        """Keep each region's least load of the last 100-200 ms: what a landing rises from."""
        if t - self.bucket_ns >= BUCKET_NS:
            self.bucket_ns = t
            for r in range(3):
                self.low[r][0] = self.low[r][1]
                self.low[r][1] = self.cells.load[r]
        for r in range(3):
            self.low[r][1] = min(self.low[r][1], self.cells.load[r])

    def _accept_floor(self, r: int) -> None:
        """What a region carries now is no landing: the landing will rise from it."""
        self.onset[r] = MISSING_NS
        self.low[r] = [self.cells.load[r], self.cells.load[r]]

    def _drag(self, t: int) -> None:
        """Follow the forefoot's load in swing; send the drag as soon as it is sure."""
        heel, fore = self.cells.load[HEEL], self.cells.load[FOREFOOT]
        threshold = self._drag_threshold()
        unloaded_heel = self.onset[HEEL] == MISSING_NS and heel < max(0.3 * fore, 0.5 * self._off())
        if fore > threshold and (unloaded_heel or self.drag_start != MISSING_NS):
            if self.drag_start == MISSING_NS:
                self._start_drag(t, threshold)
            elif not self.drag_sure:
                self.drag_sure = self._is_drag(t)
                if self.drag_sure:
                    self._send_drag(t, self.drag_start)
                    self._accept_floor(FOREFOOT)
        elif fore < 0.7 * threshold and self.drag_start != MISSING_NS:
            self._end_drag(crossing_ns(self.last_ns, self.last[FOREFOOT], t, fore, threshold))
        self.freed = self.freed or fore < 0.5 * threshold
        self._outlive(t)

    def _drag_threshold(self) -> float:
        """Return the load that makes a drag.

        In the very first swing lacing preload is not known yet, nor, out of standing, full weight.
        """
        share = self.k.drag_share
        if self.cells.swings == 0:
            share *= 2.0 if self.was_walking else 5.0
        return max(share * self.scale, self.k.drag_sigma * self.cells.sigma)

    def _start_drag(self, t: int, threshold: float) -> None:
        fore = self.cells.load[FOREFOOT]
        start = crossing_ns(self.last_ns, self.last[FOREFOOT], t, fore, threshold)
        rests = not self.was_walking and not self.freed
        near = rests or start - self.toe_off_ns <= LATE_NS
        early = self.toe_off_ns != MISSING_NS and near
        self.drag_from_toe_off = early and self.drag_ns == 0
        self.drag_start = self.toe_off_ns if self.drag_from_toe_off else start
        self.drag_sure = False

    def _is_drag(self, t: int) -> bool:
        """Say whether the present load of the forefoot can no longer be a landing.

        Out of standing there is no push-off: the toes keep some load until the foot advances, so
        what they keep is no drag unless it is strong, or is there still when the foot lands.
        """
        k = self.k
        age = t - self.drag_start
        total = self.cells.total
        if self.drag_from_toe_off and age < int(self._tail_s() * NS):
            return False
        if age < int(k.drag_s * NS) or total > k.landing_share * self.scale:
            return False
        if self.drag_from_toe_off:
            return self.was_walking or total > k.strong_share * self.scale
        if age >= int(k.landing_wait_s * NS):
            return True
        elapsed = (self.drag_start - self.toe_off_ns) / NS if self.toe_off_ns != MISSING_NS else 0.0
        early = self.good_swings >= 2 and elapsed < k.mid_swing * self.swing_s
        return early and total - self.last_total < 0.02 * self.scale

    def _tail_s(self) -> float:
        """Return for how long after toe off the last of a push-off may trail [s]."""
        tail = self.k.drag_s if self.stalled else self.k.tail_s
        usual = self.swing_s if self.good_swings > 0 else self.k.slow_swing_s
        return max(tail, self.k.tail_share * usual)

    def _send_drag(self, t: int, start: int) -> None:
        kind = DragKind.LATE_RELEASE if self.drag_from_toe_off else DragKind.SCUFF
        if self.drag_kind == DragKind.NONE or self.drag_imu:
            self.drag_kind = kind
            self.drag_first = start
            self.drag_imu = False
        if not self.drag_sent and self._steps(t) and self._valid():
            self.drag_sent = True
            self._emit(EventKind.TOE_DRAG, start, t, kind)

    def _struck(self, t: int) -> None:
        """Take a spike of deceleration that the IMU alone has seen: the toe struck something."""
        if self.spike_ns != MISSING_NS or not self._steps(t):
            return
        self.spike_ns = t
        if self.drag_kind == DragKind.NONE and self._valid():
            self.drag_kind = DragKind.SCUFF
            self.drag_first = t
            self.drag_imu = self.drag_sent = True
            self._emit(EventKind.TOE_DRAG, t, t, DragKind.SCUFF)

    def _near_trip(self, t: int, contact_ns: int) -> None:
        """Send a near-trip where an early contact follows the spike."""
        if self.spike_ns == MISSING_NS or self.good_swings < 2:
            return
        early = (contact_ns - self.toe_off_ns) / NS < self.k.early_swing * self.swing_s
        if early and contact_ns - self.spike_ns <= int(self.k.trip_s * NS):
            self._emit(EventKind.NEAR_TRIP, self.spike_ns, t)

    def _end_drag(self, end: int) -> None:
        """The forefoot is free again; what was not sure waits whether the foot lands now."""
        if self.drag_sure:
            self.drag_ns += end - self.drag_start
            self.drag_end = end
        elif not self.drag_from_toe_off and end - self.drag_start >= int(self.k.drag_s * NS):
            self.touch_start = self.drag_start
            self.touch_end = end
        self.drag_start = MISSING_NS

    def _outlive(self, t: int) -> None:
        """A touch after which the foot stayed free was a drag, not a landing's first bounce."""
        if self.drag_start != MISSING_NS or self.touch_end == MISSING_NS:
            return
        if t - self.touch_end < int(self.k.bounce_s * NS):
            return
        self.drag_ns += self.touch_end - self.touch_start
        self.drag_end = self.touch_end
        self._send_drag(t, self.touch_start)
        self.touch_end = MISSING_NS

    def _close_drag(self, t: int, contact_ns: int) -> None:
        """A drag that was sure and never ended was ended by the contact."""
        late = self.drag_kind == DragKind.LATE_RELEASE
        if self.drag_start != MISSING_NS and (self.drag_sure or self._held(contact_ns)):
            self.drag_ns += max(contact_ns - self.drag_start, 0)
            if self.drag_from_toe_off:
                self.drag_kind = DragKind.FULL
                if self.drag_first == MISSING_NS:
                    self.drag_first = self.drag_start
        elif late and contact_ns - self.drag_end < int(self.k.drag_s * NS):
            self.drag_kind = DragKind.FULL
        if self.drag_kind != DragKind.NONE and not self.drag_sent and self._valid():
            self._emit(EventKind.TOE_DRAG, self.drag_first, t, self.drag_kind)

    def _held(self, contact_ns: int) -> bool:
        """Say whether the forefoot was not unloaded from toe off to contact."""
        wait_ns = int(self.k.landing_wait_s * NS)
        return self.drag_from_toe_off and contact_ns - self.drag_start >= wait_ns

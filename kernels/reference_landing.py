"""The twin from the contact to the complete stride: strike type, heel lead, what the IMU adds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kernels.config import FootConfig
from kernels.records import MISSING_NS, DragKind, EventKind, Flag, Strike
from kernels.reference_parts import FOREFOOT, HEEL, MIDFOOT, NS, Cells, Trace, crossing_ns

__all__ = ["Chain", "Landing"]

ALONE_NS = 1_000_000_000
FLAT_WAIT_NS = 600_000_000
SPATIAL = (
    "pitch_at_toe_off_deg",
    "max_dorsiflexion_deg",
    "stride_length_m",
    "clearance_mm",
    "lift_mm",
    "lateral_excursion_mm",
)
SPATIAL_FLAGS = {
    "turn": Flag.TURN,
    "stairs": Flag.STAIRS,
    "clearance_at_mean_time": Flag.CLEARANCE_AT_MEAN_TIME,
}


class Chain(Protocol):
    """The IMU chain as the twin needs it; `kernels.imu_reference` explains what it does."""

    toe_off: bool
    toe_off_ns: int
    spike: bool
    contact: bool
    contact_ns: int

    def push(self, t: int, row: Sequence[float], contact: int) -> None:
        """Take a sample."""

    def pitch_at(self, t: int) -> float:
        """Return the pitch [deg] at a time of the last 6 s."""
        ...

    def settled(self, contact_ns: int) -> bool:
        """Say whether the foot has been flat since this contact."""
        ...

    def close(self, previous_ns: int, toe_off_ns: int, contact_ns: int) -> Mapping[str, Any]:
        """Return the stride's spatial numbers."""
        ...


class Landing:
    """The landing that is followed, and the sensors it is followed with."""

    def __init__(self, config: FootConfig, chain: Chain | None = None) -> None:
        self.k = config.thresholds
        self.cells = Cells(config.x, config.thresholds)
        self.trace = Trace()
        self.chain = chain
        self.has_cells = bool(config.x)
        self.events: list[tuple[int, int, int, int]] = []
        self.strides: list[dict[str, Any]] = []
        self.last_ns = MISSING_NS
        self.period = 0.0
        self.scale = 0.0
        self.imu_ns = MISSING_NS
        self.rotation = 0.0
        self.contact_ns = self.toe_off_ns = MISSING_NS
        self.stance_gap = False
        self.onset = [MISSING_NS] * 3
        self.floor = [0.0] * 3
        self.low = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
        self._reset_landing()

    def _emit(self, kind: EventKind, t: int, now: int, detail: int = 0) -> None:
        self.events.append((t, now, int(kind), int(detail)))

    def _see_imu(self, t: int, row: Sequence[float]) -> None:
        """Remember the fastest rotation since heel off."""
        x, y, z = row[3], row[4], row[5]
        rate = math.sqrt(x * x + y * y + z * z)
        if not math.isfinite(rate):
            return
        missed = self.imu_ns != MISSING_NS and t - self.imu_ns > int(self.k.lost_s * NS)
        if missed and self._alone(t):
            self.contact_ns = self.toe_off_ns = MISSING_NS
        self.imu_ns = t
        self.rotation = max(self.rotation, rate)

    def _alone(self, t: int) -> bool:
        """Say whether the IMU is alone: no pressure for a second, or never."""
        return self.last_ns == MISSING_NS or t - self.last_ns > ALONE_NS

    def _imu_fresh(self, t: int) -> bool:
        return self.imu_ns != MISSING_NS and t - self.imu_ns <= int(self.k.gap_s * NS)

    def _loose(self) -> float:
        """Twice the thresholds while preload and standing half on the foot are not yet known."""
        return 2.0 if self.cells.swings < 2 else 1.0

    def _off(self) -> float:
        share = self._loose() * self.k.off_share
        return max(share * self.scale, self.k.drag_sigma * self.cells.sigma)

    def _on(self) -> float:
        return max(self._loose() * self.k.on_share * self.scale, 1.4 * self._off())

    def _margin(self) -> float:
        return max(self.k.strike_margin_s, min(self.period, 0.05))

    def _pitch(self) -> float:
        """Return the pitch at the contact being followed [deg], NaN unknown."""
        if self.chain is None:
            return math.nan
        return self.chain.pitch_at(self.stride["initial_contact_ns"])

    def _pitch_strike(self) -> Strike:
        """Return the strike type that pitch alone tells."""
        pitch = self._pitch()
        if math.isnan(pitch):
            return Strike.UNKNOWN
        if pitch <= self.k.toe_pitch_deg:
            return Strike.TOE
        return Strike.FLAT if pitch < self.k.flat_pitch_deg else Strike.HEEL

    def _reset_landing(self) -> None:
        self.landing = False
        self.strike_done = False
        self.lead_done = False
        self.strike = Strike.UNKNOWN
        self.index = math.nan
        self.lead_ms = math.nan
        self.stride: dict[str, Any] = {}

    def _open_stride(
        self, contact_ns: int, previous_ns: int, drag: DragKind, drag_ms: float
    ) -> None:
        """Begin to describe the stride that this contact closes; `drag_ms` NaN: no valid swing."""
        self._reset_landing()
        self.landing = True
        valid = not math.isnan(drag_ms)
        self.stride = {
            "initial_contact_ns": contact_ns,
            "previous_contact_ns": previous_ns,
            "drag": int(drag),
            "drag_ms": drag_ms,
            "flags": int(Flag.VALID_SWING if valid else Flag.NONE),
        }

    def _describe_stance(self, previous_ns: int) -> None:
        whole = previous_ns != MISSING_NS and self.toe_off_ns != MISSING_NS and not self.stance_gap
        for region, name in ((HEEL, "heel"), (MIDFOOT, "midfoot"), (FOREFOOT, "forefoot")):
            start, stop = (previous_ns, self.toe_off_ns) if whole else (0, 0)
            curve, impulse, peak = self.trace.curve(region, start, stop)
            self.stride[f"curve_{name}"] = curve
            self.stride[f"impulse_{name}"] = impulse
            self.stride[f"peak_{name}"] = peak

    def _settle(self, t: int) -> None:
        """Follow the landing until strike type and heel lead are known."""
        k = self.k
        contact_ns = self.contact_ns
        age = t - contact_ns
        self._late_onsets(t)
        heel, fore = self.onset[HEEL], self.onset[FOREFOOT]
        if math.isnan(self.index) and age >= int(k.strike_index_s * NS):
            self.index = self.trace.index_percent(contact_ns + int(k.strike_index_s * NS))
        if not self.strike_done and age >= int(k.strike_index_s * NS):
            limit = age + int(min(self.period, 0.05) * NS) > int(k.strike_limit_s * NS)
            strike = self._judge(t, limit)
            if strike is not None:
                self._strike(t, strike)
        known = heel != MISSING_NS and fore != MISSING_NS
        if known and not self.lead_done:
            self.lead_ms = (fore - heel) / 1e6
            self.lead_done = True
        self._maybe_close(t)

    def _late_onsets(self, t: int) -> None:
        """Wait for the regions that the foot rolls onto; the floors stay those of the swing."""
        on, off = self._on(), self._off()
        for r in range(3):
            known = self.onset[r] != MISSING_NS
            floor = self.floor[r] if known else min(self.low[r][0], self.low[r][1])
            load = self.cells.load[r]
            before = self.trace.load[r][(self.trace.n - 2) % 2048]
            before_ns = self.trace.t[(self.trace.n - 2) % 2048]
            if not known and load >= floor + on:
                self.onset[r] = crossing_ns(before_ns, before, t, load, floor + on)
                self.floor[r] = floor
            elif known and load < floor + off and not self.strike_done:
                self.onset[r] = MISSING_NS

    def _judge(self, t: int, limit: bool) -> Strike | None:
        """Return the strike type once it is certain (gait.md, "Events"), else None."""
        k = self.k
        heel, mid, fore = self.onset
        margin = int(self._margin() * NS)
        if self.cells.count[HEEL] == 0 or self.cells.count[FOREFOOT] == 0:
            return self._pitch_strike()
        if heel != MISSING_NS and fore != MISSING_NS:
            lead = fore - heel
            if lead <= -margin or self.index > k.toe_index:
                return Strike.TOE
            if lead >= margin:
                return Strike.HEEL
            pitch = self._pitch()
            flat = self.index >= k.flat_index if math.isnan(pitch) else pitch < k.flat_pitch_deg
            return Strike.FLAT if flat else Strike.HEEL
        if heel != MISSING_NS:
            if t - heel < margin and not limit:
                return None
            return Strike.TOE if self.index > k.toe_index else Strike.HEEL
        mid_first = mid != MISSING_NS and (fore == MISSING_NS or mid <= fore)
        if (
            fore != MISSING_NS
            and t - fore >= margin
            and not (mid_first and self.index <= k.toe_index)
        ):
            return Strike.TOE
        if not limit:
            return None
        return Strike.FLAT if mid_first and self.index <= k.toe_index else Strike.TOE

    def _strike(self, t: int, strike: Strike) -> None:
        self.strike = strike
        self.strike_done = True
        self._emit(EventKind.STRIKE, self.stride["initial_contact_ns"], t, strike)

    def _maybe_close(self, t: int) -> None:
        """Close the stride once strike, heel lead and the foot-flat after it are known."""
        age = t - self.stride["initial_contact_ns"]
        if not self.strike_done:
            return
        if not self.lead_done and age < int(self.k.lead_limit_s * NS):
            return
        waits = self.chain is not None and self._imu_fresh(t) and age <= FLAT_WAIT_NS
        if waits and self.chain and not self.chain.settled(self.stride["initial_contact_ns"]):
            return
        self._close_stride(t)

    def _describe_swing(self, chain: Chain) -> None:
        """Add what the IMU says of the swing, and whether it agrees about the strike."""
        pitch = self._pitch()
        self.stride["pitch_at_contact_deg"] = pitch
        both = not math.isnan(pitch) and self.strike != Strike.UNKNOWN
        if both and (self.strike == Strike.TOE) != (pitch <= self.k.toe_pitch_deg):
            self.stride["flags"] |= int(Flag.DISAGREE)
        if self.stride["toe_off_ns"] == MISSING_NS:
            return
        times = (f"{name}_ns" for name in ("previous_contact", "toe_off", "initial_contact"))
        found = chain.close(*(self.stride[name] for name in times))
        for name in SPATIAL:
            self.stride[name] = found[name]
        for name, flag in SPATIAL_FLAGS.items():
            self.stride["flags"] |= int(flag) if found[name] else 0

    def _close_stride(self, t: int) -> None:
        self.landing = False
        if self.chain is not None and self._imu_fresh(t):
            self._describe_swing(self.chain)
        self.stride["decided_ns"] = t
        self.stride["strike"] = int(self.strike)
        self.stride["strike_index"] = self.index
        self.stride["heel_lead_ms"] = self.lead_ms
        self.strides.append(self.stride)

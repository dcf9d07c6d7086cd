"""What the virtual patient does besides walking and resting: exercises, stairs, crossed legs."""

from typing import Any

import numpy as np

from hw.source import SIDES, Side
from hw.virtual.config import Phase
from hw.virtual.heels import HeelStance
from hw.virtual.plan import Footfall, Planner, normal
from hw.virtual.seated import Repetition, SetRecord, crossing, dorsiflexions, fidgets, toe_taps
from hw.virtual.steps import FLAT, HEEL, TOE, Pause, Step

__all__ = ["ActivityPlanner"]


class ActivityPlanner(Planner):
    """Plans every kind of phase."""

    def _do(self, phase: Phase) -> None:
        if phase.kind == "heel_walk":
            self._on_heels(phase)
        elif phase.kind == "step_ups":
            self._step_up(phase)
        elif phase.kind == "stairs":
            self._flight(phase)
        else:
            super()._do(phase)

    def _sit(self, phase: Phase, before_s: float, after_s: float) -> float:
        """Plan what the feet do while seated; return how long the person sits [s]."""
        begin, rng, how = self._now_s + before_s, self._rng, phase.how()
        end = self._now_s + max(phase.seconds, 4.0) - after_s
        if phase.kind == "ankle_dorsiflexion":
            self.acts.append(dorsiflexions(begin, how, rng))
        elif phase.kind == "toe_taps":
            self.acts.append(toe_taps(begin, how, rng))
        elif phase.kind == "cross":
            self.acts.append(crossing(how.side, begin, max(4.0, end - begin), rng))
        elif phase.kind == "fidget":
            for side in SIDES:
                self.acts += fidgets(side, begin, end, rng)
        if phase.kind not in ("ankle_dorsiflexion", "toe_taps", "cross"):
            return max(phase.seconds, 4.0)
        record = self.acts[-1].record
        if record is not None:
            self.sets.append(record)
        return self.acts[-1].end_s + after_s - self._now_s

    def _rest(self, seconds: float) -> None:
        """Stand on both feet for a moment; the toes come down where they were up."""
        share = 0.5
        if self.intervals and isinstance(last := self.intervals[-1], Step):
            share = 1.0 if last.lead == "left" else 0.0
        sway = (*self._rng.uniform(0, 2 * np.pi, 2).tolist(), 0.01)
        end = self._now_s + seconds
        self.intervals.append(Pause(self._now_s, end, "stand", share, sway))
        for side in SIDES:
            stance = self.landings[side][-1].stance
            if isinstance(stance, HeelStance):
                stance.lower(self._now_s)
        self._now_s = end
        self._standing, self._rested, self._bounce = True, set(SIDES), 0.0

    def _plant(
        self, step_s: float, advance_m: float, strike: int | None = None, **more: Any
    ) -> tuple[float, float]:
        """Take one step of an exercise or a stair; return its toe off and contact [s]."""
        swing_s = min(0.62 * step_s, 0.75)
        share = 0.5 if self._standing else 1.0
        begin, end = self._now_s, self._now_s + step_s
        fall = {
            "start_s": begin,
            "end_s": end,
            "swing_s": swing_s,
            "advance_m": advance_m,
            "turn_rad": 0.0,
            "trail_share": share,
            "bounce": (self._bounce, 0.06),
            "turning": False,
            "strike": strike,
        }
        self._footfall(Footfall(**{**fall, **more}))
        self._standing = False
        return end - swing_s, end

    def _get_ready(self) -> None:
        """Stand with both feet beside each other."""
        if not self._standing:
            self._close()
        self._rest(1.5)

    def _on_heels(self, phase: Phase) -> None:
        """Walk on the heels; the last step puts the feet beside each other."""
        self._get_ready()
        how, rng = phase.how(), self._rng
        speed = phase.speed_m_s or 0.4
        usual = 60.0 / self._config.cadence(speed)
        truths: list[Repetition] = []
        for k in range(how.repetitions):
            tempo, size = np.clip(1 + how.spread * rng.standard_normal(2), 0.6, 1.5)
            is_good = bool(rng.random() >= how.fault_share)
            rest = max(7.0, how.range_deg * size) if is_good else 2.0
            fore = rng.uniform(0.0, 0.05) if is_good else rng.uniform(0.2, 0.35)
            is_end = k in (0, how.repetitions - 1)
            begin, end = self._plant(
                usual * tempo * (1.2 if k == 0 else 1.0),
                speed * usual * (0.5 if is_end else 1.0) * (k < how.repetitions - 1),
                heels=(float(np.radians(rest)), float(fore)),
            )
            truths.append(Repetition(begin, end, np.nan, float(rest), True, is_good))
        self.sets.append(_record("heel_walk", "", truths))
        self._rest(2.0)

    def _step_up(self, phase: Phase) -> None:
        """Step up and down again, the leading leg first both ways."""
        self._get_ready()
        how, rng = phase.how(), self._rng
        other: Side = "right" if how.side == "left" else "left"
        truths: list[Repetition] = []
        while sum(truth.counts for truth in truths) < how.repetitions:
            period = how.period_s * float(np.clip(1 + how.spread * normal(rng), 0.7, 1.5))
            step_s = 0.2 * period
            counts = bool(rng.random() >= how.half_share) or not truths
            is_good = bool(rng.random() >= how.fault_share)
            self._next, self._level_m = how.side, how.rise_m
            begin, _ = self._plant(step_s, 0.3, HEEL if is_good else TOE)
            if counts:
                self._plant(step_s, 0.0, FLAT)
                self._level_m = 0.0
                _, end = self._plant(step_s, -0.3, TOE)
                self._plant(step_s, 0.0, TOE)
            else:
                self._next, self._level_m = how.side, 0.0
                _, end = self._plant(step_s, -0.3, TOE, trail_share=0.0)
                self._next = other
            truths.append(Repetition(begin, end, np.nan, how.rise_m, counts, is_good))
            self._rest(max(0.8, period - 4 * step_s))
        self.sets.append(_record("step_ups", how.side, truths))
        self._rest(1.0)

    def _flight(self, phase: Phase) -> None:
        """Climb a flight of stairs, turn round, and come down again."""
        self._get_ready()
        rng = self._rng
        rise, pace = float(rng.uniform(0.15, 0.19)), float(rng.uniform(0.65, 1.1))
        stairs = int(np.clip(phase.seconds / (2 * pace), 1, 16))
        for k in range(stairs):
            self._level_m = (k + 1) * rise
            self._plant(pace * (1 + 0.04 * normal(rng)), 0.28, TOE if rng.random() < 0.5 else FLAT)
        self._plant(pace, 0.0, FLAT)
        for _ in range(5):
            self._plant(pace, 0.08, None, turn_rad=float(np.radians(36)), turning=True)
        for k in range(stairs):
            self._level_m = (stairs - 1 - k) * rise
            self._plant(pace * (1 + 0.04 * normal(rng)), 0.28, TOE)
        self._plant(pace, 0.0, FLAT)
        self._rest(1.0)


def _record(exercise: str, side: str, truths: list[Repetition]) -> SetRecord:
    return SetRecord(exercise, side, truths[0].start_s, truths[-1].end_s, truths)

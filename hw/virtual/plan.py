"""The plan of the virtual patient: a body that stands, sits, walks and turns, and its footfalls.

The planner works ahead of time, one footfall or one pause at a time, from one random generator:
what it decides does not depend on who asks or how far ahead.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hw.source import SIDES, Side
from hw.virtual.config import LegConfig, PatientConfig, Phase
from hw.virtual.heels import HeelStance, heel_swing, on_heel
from hw.virtual.motion import FREE, FULL, LATE_RELEASE, SCUFF, Drag, Stance, Swing
from hw.virtual.seated import Act, SetRecord
from hw.virtual.steps import FLAT, HEEL, TOE, Landing, Pause, Span, Step

__all__ = ["Footfall", "Planner", "normal"]

HALF_STEP_WIDTH_M: Final = 0.05
TOE_OUT_RAD: Final = np.radians(6.0)
NORMAL_SPEED_M_S: Final = 1.3
_LEAST_DRAG_SPEED_M_S: Final = 0.6
SEATED: Final = ("sit", "fidget", "cross", "ankle_dorsiflexion", "toe_taps")


@dataclass(frozen=True, slots=True)
class Footfall:
    """What a step needs to know: when, how far, how much turning, and who carried the weight."""

    start_s: float
    end_s: float
    swing_s: float
    advance_m: float
    turn_rad: float
    trail_share: float
    bounce: tuple[float, float]
    turning: bool
    strike: int | None = None  # None: as the leg does it
    heels: tuple[float, float] | None = None  # on the heels: pitch [rad], share on the forefoot


class Planner:
    """Plans `steps` (steps and pauses in order) and `landings` per foot, as far as asked."""

    def __init__(self, config: PatientConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        self._now_s = 0.0
        self._phase = 0
        self._at = np.zeros(2)
        self._heading = 0.0
        self._next: Side = "left" if rng.random() < 0.5 else "right"
        self._standing = True
        self._rested: set[Side] = set(SIDES)
        self._bounce = 0.0
        self.intervals: list[Step | Pause] = []
        self.landings: dict[Side, list[Landing]] = {side: [self._first(side)] for side in SIDES}
        self.phases: list[Span] = []
        self.acts: list[Act] = []
        self.sets: list[SetRecord] = []
        self._level_m = 0.0
        self._is_seated = False

    def extend(self, until_s: float) -> None:
        """Plan until three steps or pauses begin after `until_s`."""
        while len(self.intervals) < 3 or self.intervals[-3].start_s <= until_s:
            if not self.phases or self._now_s >= self.phases[-1].end_s:
                self._begin_phase()
            phase = self.phases[-1].phase
            if phase.kind in ("walk", "turn"):
                self._step(phase.speed_m_s or self._config.speed_m_s, turn=phase.kind == "turn")
            else:
                self._do(phase)
            self.phases[-1].end_s = max(self.phases[-1].end_s, self._now_s)

    def forget(self, before_s: float) -> None:
        """Drop what ended before a time; memory stays flat."""
        self.intervals = [item for item in self.intervals if item.end_s >= before_s]
        self.phases = [item for item in self.phases if item.end_s >= before_s]
        for side in SIDES:
            landings = self.landings[side]
            self.landings[side] = [item for item in landings if item.stance.off_s >= before_s]
        self.acts = [item for item in self.acts if item.end_s + 1 >= before_s]
        self.sets = [item for item in self.sets if item.end_s >= before_s]

    def _first(self, side: Side) -> Landing:
        sign = 1.0 if side == "left" else -1.0
        place = (0.0, sign * HALF_STEP_WIDTH_M)
        length = self._config.foot_length_m
        stance = Stance(length, place, sign * TOE_OUT_RAD, contact_s=-10.0, flat_s=-9.9)
        return Landing(side, stance, HEEL, 0.05, 0.4)

    def _begin_phase(self) -> None:
        programme = self._config.programme
        phase = programme[self._phase % len(programme)]
        self._phase += 1
        end = self._now_s + phase.seconds if phase.kind in ("walk", "turn") else self._now_s
        self.phases.append(Span(phase, self._now_s, end))

    def _do(self, phase: Phase) -> None:
        """Plan a phase that is no walk; `ActivityPlanner` knows more of them."""
        self._pause(phase)

    def _sit(self, phase: Phase, before_s: float, after_s: float) -> float:
        """Return how long the person sits [s]; the feet rest `before_s` and `after_s` at least."""
        return max(phase.seconds, 4.0)

    def _pause(self, phase: Phase) -> None:
        if not self._standing:
            self._close()
        share = 0.5
        if self.intervals and isinstance(last := self.intervals[-1], Step):
            share = 1.0 if last.lead == "left" else 0.0
        angles = self._rng.uniform(0, 2 * np.pi, 2)
        sway = (float(angles[0]), float(angles[1]), float(self._rng.uniform(0.01, 0.04)))
        kind: Literal["stand", "sit", "shift"] = "stand"
        if phase.kind == "shift":
            kind = phase.kind
        was_seated = stays_seated = False
        seconds = max(phase.seconds, 1.5)
        if phase.kind in SEATED:
            kind = "sit"
            following = self._config.programme[self._phase % len(self._config.programme)]
            was_seated, stays_seated = self._is_seated, following.kind in SEATED
            seconds = self._sit(phase, 1.0 if was_seated else 2.2, 1.0 if stays_seated else 2.0)
            self._is_seated = stays_seated
        pause = Pause(
            self._now_s, self._now_s + seconds, kind, share, sway, was_seated, stays_seated
        )
        self.intervals.append(pause)
        self._now_s = pause.end_s
        self._standing = True
        self._rested = set(SIDES)
        self._bounce = 0.0

    def _step(self, speed: float, turn: bool) -> None:
        config, rng = self._config, self._rng
        usual = 60.0 / config.cadence(speed)
        spread = config.variability
        step_s = usual * (1 + spread * normal(rng)) * self._limp()
        advance = speed * step_s * (1 + 0.6 * spread * normal(rng))
        swing_s = usual_swing_s(2 * usual) * (1 + spread * normal(rng))
        first = self._standing
        if first:
            swing_s = min(swing_s, 0.6)
            step_s = max(step_s, swing_s + 0.5)
            advance = 0.6 * speed * usual
        swing_s = min(swing_s, 0.85 * step_s)
        turning = np.radians(rng.uniform(28, 40)) if turn else np.radians(0.5) * normal(rng)
        bounce = 0.25 * min(1.0, speed / NORMAL_SPEED_M_S) ** 1.5
        self._footfall(
            Footfall(
                start_s=self._now_s,
                end_s=self._now_s + step_s,
                swing_s=swing_s,
                advance_m=advance * (0.25 if turn else 1.0),
                turn_rad=float(turning),
                trail_share=0.5 if first else 1.0,
                bounce=(self._bounce, 0.6 * bounce if turn else bounce),
                turning=turn,
            )
        )
        self._standing = False

    def _close(self) -> None:
        """Put the trailing foot beside the other."""
        speed = self._config.speed_m_s
        step_s = 60.0 / self._config.cadence(speed)
        swing_s = usual_swing_s(2 * step_s)
        self._footfall(
            Footfall(
                start_s=self._now_s,
                end_s=self._now_s + step_s,
                swing_s=min(swing_s, 0.85 * step_s),
                advance_m=0.0,
                turn_rad=0.0,
                trail_share=1.0,
                bounce=(self._bounce, 0.0),
                turning=False,
            )
        )

    def _limp(self) -> float:
        """Return how much longer the affected leg's step takes, and the other's shorter."""
        other: Side = "right" if self._next == "left" else "left"
        more = self._config.leg(self._next).drop - self._config.leg(other).drop
        return 1 + 0.06 * more

    def _footfall(self, fall: Footfall) -> None:
        side, rng = self._next, self._rng
        leg = self._config.leg(side)
        before = self.landings[side][-1]
        self._heading += fall.turn_rad
        ahead = np.array([np.cos(self._heading), np.sin(self._heading)])
        self._at = self._at + fall.advance_m * ahead
        sign = 1.0 if side == "left" else -1.0
        width = sign * (HALF_STEP_WIDTH_M + 0.006 * normal(rng))
        place = self._at + width * np.array([-ahead[1], ahead[0]])
        off = fall.end_s - fall.swing_s
        length = float(np.hypot(*np.subtract(place, before.stance.place)))
        pace = length / 2 / max(fall.end_s - fall.start_s, 0.2)
        kind = self._drag_kind(leg, fall, length / fall.swing_s)
        landing = self._land(side, leg, kind, pace, fall.strike)
        if fall.heels is not None:
            landing.stance = on_heel(landing.stance, *fall.heels)
            landing.strike, landing.lead_s = HEEL, float("nan")
        landing.stance.place = (float(place[0]), float(place[1]))
        landing.stance.yaw = self._heading + sign * TOE_OUT_RAD
        landing.stance.contact_s = fall.end_s
        landing.stance.flat_s += fall.end_s
        landing.stance.height = self._level_m
        landing.turning = fall.turning
        rested = side in self._rested
        landing.previous_contact_s = None if rested else before.stance.contact_s
        self._rested.discard(side)
        before.stance.off_s = off
        self._push_off(before.stance, leg, pace, flat=fall.heels is not None)
        swing = self._swing(side, leg, landing, kind, pace)
        if fall.heels is not None:
            swing = heel_swing(swing)
        landing.swing = swing
        self.landings[side].append(landing)
        self.intervals.append(
            Step(fall.start_s, fall.end_s, off, side, fall.trail_share, fall.bounce, swing)
        )
        self._bounce = fall.bounce[1]
        self._now_s = fall.end_s
        self._next = "right" if side == "left" else "left"

    def _drag_kind(self, leg: LegConfig, fall: Footfall, speed: float) -> int:
        draw = self._rng.random(2)
        if fall.strike is not None or fall.heels is not None:
            return FREE
        fair = not fall.turning and speed > _LEAST_DRAG_SPEED_M_S
        if not fair or draw[0] >= leg.drags():
            return FREE
        mix = np.cumsum(leg.drag_mix) / np.sum(leg.drag_mix)
        return (LATE_RELEASE, SCUFF, FULL)[int(np.searchsorted(mix, draw[1], side="right"))]

    def _land(
        self, side: Side, leg: LegConfig, drag: int, pace: float, wanted: int | None
    ) -> Landing:
        """Draw the strike type and what follows from it: pitch, rate, heel lead, time to flat."""
        rng = self._rng
        brisk = min(1.0, pace / NORMAL_SPEED_M_S)
        mix = np.cumsum(leg.strikes())
        strike = int(np.searchsorted(mix, rng.random(), side="right")) + 1
        strike = wanted or (TOE if drag == FULL else min(strike, TOE))
        a, b, c = rng.random(3)
        if strike == HEEL:
            usual = 13 + 8 * brisk - 3 * leg.drop
            pitch = float(np.clip(usual + 2.0 * normal(rng), 11.0, 28.0))
            lead = 0.036 + 0.0025 * pitch * (1.4 - 0.4 * brisk) * (0.7 + 0.6 * a)
            rate, hit, share = -40.0, 12 + 24 * brisk, 0.0
        elif strike == FLAT:
            pitch, lead = -1.0 + 6.0 * a, 0.008 * (2 * b - 1)
            rate, hit, share = -20.0, 8 + 16 * brisk, 0.42 + 0.16 * c
        else:
            pitch = -4.0 - (3.0 + 11.0 * leg.drop) * a
            lead = -(max(0.035, abs(pitch) / 220) + 0.045 * b)
            if leg.drop > 0.8 and c < 0.15:
                lead -= 0.08
            rate, hit, share = -15.0, 6 + 12 * brisk, 1.0
        flat_s = max(abs(lead) * 1.1 + 0.01, 0.03)
        stance = Stance(
            self._config.foot_length_m,
            (0.0, 0.0),
            0.0,
            contact_s=0.0,
            flat_s=flat_s,
            pitch=float(np.radians(pitch)),
            rate=float(np.radians(rate)),
            impact=hit,
            slide=(brisk * (0.25 if strike == TOE else 0.5), -0.1 - 0.12 * brisk),
        )
        landing = Landing(side, stance, strike, lead, share)
        landing.spread = float(rng.uniform(0.7, 1.4))
        landing.lean = float(np.clip(0.3 * leg.drop + 0.3 * normal(rng), -0.8, 1.0))
        landing.squeeze = float(rng.random())
        return landing

    def _push_off(self, stance: Stance, leg: LegConfig, pace: float, flat: bool) -> None:
        """Roll over the toes until toe off; `flat`: lift the foot as it stands instead."""
        if flat:
            stance.off_pitch = 0.0
            if isinstance(stance, HeelStance) and not np.isfinite(stance.lower_s):
                stance.off_pitch = stance.rest
            return
        brisk = min(1.0, pace / NORMAL_SPEED_M_S)
        whole = stance.off_s - max(stance.contact_s, stance.off_s - 3.0)
        span = float(np.clip(0.38 * whole, 0.16, 0.7))
        stance.heel_off_s = stance.off_s - min(span, 0.6 * (stance.off_s - stance.flat_s))
        pitch = -(30 + 26 * brisk) * (1 - 0.35 * leg.drop) * (1 + 0.04 * normal(self._rng))
        stance.off_pitch = float(np.radians(pitch))
        stance.off_rate = 1.9 * stance.off_pitch / (stance.off_s - stance.heel_off_s)

    def _swing(self, side: Side, leg: LegConfig, landing: Landing, kind: int, pace: float) -> Swing:
        rng, after = self._rng, landing.stance
        before = self.landings[side][-1].stance
        brisk = min(1.0, pace / NORMAL_SPEED_M_S)
        peak_at = 0.985
        more = 0.5 * abs(after.rate) * (1 - peak_at) * (after.contact_s - before.off_s)
        peak = min(after.pitch + more, -0.02) if landing.strike == TOE else after.pitch + more
        drag = self._drag(leg, kind, before.off_s, after.contact_s)
        toe = 0.015 - 0.006 * leg.drop + 0.003 * normal(rng)
        toe = float(np.clip(toe, 0.004, 0.026))
        if kind in (LATE_RELEASE, SCUFF):
            # The toes hang until they are free; they turn up only then.
            peak = min(peak, float(np.radians(-4.0 - 8.0 * leg.drop)))
            peak_at = (drag.end_s - before.off_s) / (after.contact_s - before.off_s)
        reserve = max(0.0, np.sin(max(peak, after.pitch))) * self._config.foot_length_m
        crest = reserve + float(rng.uniform(0.012, 0.024)) + (toe if landing.strike == TOE else 0)
        first = toe + 0.01 + 0.018 * brisk
        steppage = leg.steppage() * float(rng.uniform(0.7, 1.3)) if kind == FREE else 0.0
        sign = 1.0 if side == "left" else -1.0
        lateral = 0.03 + 0.01 * brisk + leg.circumduction() + 0.004 * normal(rng)
        return Swing(
            before=before,
            after=after,
            peak_pitch=peak,
            peak_at=peak_at,
            heights=_heights(
                drag, before.off_s, after.contact_s, first, toe, crest, landing.strike
            ),
            lift_m=steppage,
            lateral_m=sign * max(0.0, lateral),
            roll=-sign * float(np.radians(4 + 6 * leg.drop)),
            drag=drag,
        )

    def _drag(self, leg: LegConfig, kind: int, off_s: float, contact_s: float) -> Drag:
        a, b, c = self._rng.random(3)
        span = contact_s - off_s
        level = leg.drag_level[0] + (leg.drag_level[1] - leg.drag_level[0]) * c
        if kind == FREE:
            return Drag()
        if kind == LATE_RELEASE:
            return Drag(kind, off_s, off_s + max(0.08, span * (0.22 + 0.22 * a)), level)
        if kind == SCUFF:
            start = off_s + span * (0.3 + 0.1 * a)
            return Drag(kind, start, start + min(0.07 + 0.09 * b, 0.25 * span), level)
        return Drag(kind, off_s, contact_s, level)


def usual_swing_s(stride_s: float) -> float:
    """Return the swing time that goes with a stride time: 39 % at most, less when slow."""
    return float(min(0.39 * stride_s, 0.43 * (stride_s / 1.07) ** 0.5))


def _heights(
    drag: Drag,
    off_s: float,
    contact_s: float,
    first: float,
    toe: float,
    crest: float,
    strike: int,
) -> tuple[tuple[float, float, float], ...]:
    """Return the toe's heights over the swing as knots (share, height, curvature)."""
    start, second = (0.0, 0.0, 0.0), (0.87, crest, -2.0 * crest / 0.13)
    begin, end = ((t - off_s) / (contact_s - off_s) for t in (drag.start_s, drag.end_s))
    if drag.kind == FULL:
        return (start,)
    if drag.kind == LATE_RELEASE:
        return (start, (end, 0.0, 0.0), second)
    if drag.kind == SCUFF:
        peak = (0.5 * begin, 0.6 * first, -4 * first / begin**2)
        return (start, peak, (begin, 0.0, 0.0), (end, 0.0, 0.0), second)
    bend = 5.0 * min((first - toe) / 0.27**2, (crest - toe) / 0.32**2)
    free = (start, (0.28, first, -bend), (0.55, toe, bend))
    return free if strike == HEEL else (*free, second)


def normal(rng: np.random.Generator) -> float:
    """Return a normal draw, cut at two and a half standard deviations."""
    return float(np.clip(rng.standard_normal(), -2.5, 2.5))

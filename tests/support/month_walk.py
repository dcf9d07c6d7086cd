"""A virtual patient's walking of one day: bouts, strides, drags, cues, event by event."""

import datetime as dt
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from month_people import Person, Side

from edge import wire

HOUR_WEIGHTS: Final = {
    7: 2, 8: 6, 9: 8, 10: 10, 11: 9, 12: 5, 13: 3, 14: 5, 15: 9, 16: 9, 17: 7, 18: 5, 19: 3, 20: 2,
}  # fmt: skip
ORTHOSIS_EFFECT: Final = {"none": 1.0, "afo": 0.5, "fes": 0.4}
SECOND: Final = 10**9


@dataclass
class WalkedBout:
    """A bout with its events; `strides` are those that happened, whether or not one is lost."""

    begin_ns: int
    end_ns: int
    strides: list[wire.Stride] = field(default_factory=list)
    others: list[wire.Event] = field(default_factory=list)


def _lengths(rng: random.Random, steps: int) -> list[int]:
    """Return how many landings the bouts have: most are short, some last for minutes."""
    lengths: list[int] = []
    while (left := steps - sum(lengths)) > 0:
        length = min(left, max(12, min(900, round(rng.lognormvariate(4.0, 0.9)))))
        lengths.append(length)
    return lengths


def _begins(rng: random.Random, count: int) -> list[float]:
    hours = rng.choices(list(HOUR_WEIGHTS), list(HOUR_WEIGHTS.values()), k=count)
    return sorted(hour + rng.random() for hour in hours)


class Walker:
    """Walks one day of a person.

    Parameters
    ----------
    severity : float
        Of the foot drop today, the orthosis counted in, 0-1.
    """

    def __init__(self, person: Person, severity: float, rng: random.Random) -> None:
        self.person = person
        self.severity = severity
        self._rng = rng
        self._recent: dict[Side, deque[tuple[bool, bool]]] = {
            side: deque(maxlen=30) for side in ("left", "right")
        }

    def bouts(self, day: dt.date, steps: int) -> Iterator[WalkedBout]:
        """Yield the bouts of a day in order; none overlaps another."""
        lengths = _lengths(self._rng, steps)
        free_ns = 0
        for length, hours in zip(lengths, _begins(self._rng, len(lengths)), strict=True):
            begin_ns = max(self.person.time_ns(day, hours), free_ns + 20 * SECOND)
            begin_ns += self._rng.randrange(SECOND)
            bout = self._bout(begin_ns, length)
            free_ns = bout.end_ns
            yield bout

    def _bout(self, begin_ns: int, steps: int) -> WalkedBout:
        rng = self._rng
        step_s = rng.uniform(0.56, 0.68) + 0.1 * self.severity
        bout = WalkedBout(begin_ns, begin_ns)
        now_s, last = 0.0, {}
        for number in range(steps):
            side: Side = "left" if number % 2 == 0 else "right"
            time_ns = begin_ns + int(now_s * 1e9)
            if side in self.person.sides:
                stride_s = (time_ns - last[side]) / 1e9 if side in last else None
                self._land(bout, side, time_ns, stride_s, now_s / 60)
            last[side], bout.end_ns = time_ns, time_ns
            now_s += step_s * rng.gauss(1.0, 0.025)
        if bout.strides:
            bout.others.append(self._summary(bout))
        return bout

    def _land(
        self, bout: WalkedBout, side: Side, time_ns: int, stride_s: float | None, minutes: float
    ) -> None:
        rng = self._rng
        weak = self.severity if side == self.person.affected else 0.0
        weak = min(1.0, weak * (1 + 0.25 * minutes))
        pitch = rng.gauss(17.0 - 22.0 * weak, 3.5)
        valid = stride_s is not None and rng.random() < 0.97
        dragged = valid and rng.random() < 0.004 + 0.16 * weak**1.5
        strike = "toe" if pitch < 0.0 else "flat" if pitch < 8.0 else "heel"
        values: dict[str, Any] = {"strike": strike, "heel_lead_ms": round(8.0 * pitch - 20.0, 3)}
        if stride_s is not None:
            values |= self._times(stride_s, weak) | self._risk(side, valid, dragged, strike)
        if dragged:
            values |= {"drag_ms": rng.uniform(35.0, 160.0)}
            values["toe_drag"] = rng.choices(("late_release", "scuff", "full"), (3, 6, 1))[0]
        elif valid:
            values |= {"toe_drag": "none", "drag_ms": 0.0}
        if self.person.has_imu:
            values |= self._spatial(pitch, weak, stride_s)
        sources = ("pressure", "imu") if self.person.has_imu else ("pressure",)
        stride = wire.Stride(
            seq=1, time_ns=time_ns, side=side, valid_swing=valid, sources=sources, **values
        )
        bout.strides.append(stride)
        self._consequences(bout, stride)

    def _times(self, stride_s: float, weak: float) -> dict[str, Any]:
        stance_s = stride_s * min(0.75, self._rng.gauss(0.62 - 0.03 * weak, 0.012))
        values = {"stride_s": stride_s, "stance_s": stance_s, "swing_s": stride_s - stance_s}
        if len(self.person.sides) == 2:
            values["double_support_percent"] = max(0.0, self._rng.gauss(24.0 + 4.0 * weak, 2.0))
        return values

    def _spatial(self, pitch: float, weak: float, stride_s: float | None) -> dict[str, Any]:
        rng = self._rng
        values: dict[str, Any] = {"pitch_at_contact_deg": pitch}
        if stride_s is None:
            return values
        if rng.random() < 0.06:
            return values | {"flags": ("turn",)}
        return values | {
            "pitch_at_toe_off_deg": rng.gauss(-55.0, 4.0),
            "max_dorsiflexion_deg": pitch + abs(rng.gauss(3.0, 1.0)),
            "stride_length_m": max(0.2, rng.gauss(1.05 - 0.3 * self.severity, 0.05)),
            "clearance_mm": rng.gauss(17.0 - 11.0 * weak, 4.5),
            "lift_mm": rng.gauss(190.0 + 30.0 * weak, 12.0),
            "lateral_excursion_mm": max(0.0, rng.gauss(42.0 + 14.0 * weak, 7.0)),
            "sync_uncertainty_ms": 2.0,
        }

    def _risk(self, side: Side, valid: bool, dragged: bool, strike: str) -> dict[str, Any]:
        recent = self._recent[side]
        if valid:
            recent.append((dragged, strike == "toe"))
        if len(recent) < 10:
            return {}
        drags = 1 - math.exp(-sum(each[0] for each in recent) / len(recent) / 0.10)
        toes = 0.6 * sum(each[1] for each in recent) / len(recent)
        risk = 1 - (1 - drags) * (1 - toes)
        reasons = [("toe_drag", drags), ("toe_first", toes)]
        return {
            "trip_risk": risk,
            "trip_level": "high" if risk >= 0.6 else "raised" if risk >= 0.3 else "low",
            "trip_reasons": tuple(name for name, part in reasons if part >= 0.1),
        }

    def _consequences(self, bout: WalkedBout, stride: wire.Stride) -> None:
        """Add the drag's own event, now and then a near-trip, and a cue that was given or not."""
        rng, dragged = self._rng, bool(stride.drag_ms)
        drag_ns = stride.time_ns - 300_000_000
        if dragged:
            drag = stride.toe_drag
            bout.others.append(
                wire.ToeDrag(seq=1, time_ns=drag_ns, side=stride.side, drag=drag)  # type: ignore[arg-type] # not "none" here
            )
            if rng.random() < 0.015:
                bout.others.append(wire.NearTrip(seq=1, time_ns=stride.time_ns, side=stride.side))
        if stride.side != self.person.affected or not (dragged or stride.strike == "toe"):
            return
        given = rng.random() < 0.8
        cue = wire.Cue(
            seq=1,
            time_ns=drag_ns if dragged else stride.time_ns,
            side=stride.side,
            cause="toe_drag" if dragged else "toe_strike",
            given=given,
            reason="" if given else rng.choice(("rate", "late", "pause")),
            delay_ms=rng.uniform(4.0, 40.0) if given else None,
        )
        bout.others.append(cue)

    def _summary(self, bout: WalkedBout) -> wire.Bout:
        counts: dict[str, Any] = {}
        for side in ("left", "right"):
            mine = [stride for stride in bout.strides if stride.side == side]
            strikes = [stride.strike for stride in mine]
            counts |= {
                f"strides_{side}": len(mine),
                f"valid_swings_{side}": sum(stride.valid_swing for stride in mine),
                f"heel_first_{side}": strikes.count("heel"),
                f"flat_{side}": strikes.count("flat"),
                f"toe_first_{side}": strikes.count("toe"),
                f"drags_{side}": sum(bool(stride.drag_ms) for stride in mine),
            }
            if len(mine) > 5:
                counts[f"curve_{side}"] = self._curve(side)
        duration_s = (bout.end_ns - bout.begin_ns) / 1e9
        if len(bout.strides) > 30:
            counts |= self._steady(bout, duration_s)
        return wire.Bout(seq=1, time_ns=bout.begin_ns, duration_s=duration_s, **counts)

    def _steady(self, bout: WalkedBout, duration_s: float) -> dict[str, Any]:
        rng = self._rng
        landings = len(bout.strides) * 2 / len(self.person.sides)
        values: dict[str, Any] = {
            "cadence_per_min": 60.0 * landings / duration_s,
            "stride_time_cv_percent": abs(rng.gauss(2.6 + 2.0 * self.severity, 0.4)),
        }
        if len(self.person.sides) == 2:
            values |= {
                "double_support_percent": rng.gauss(24.0 + 2.0 * self.severity, 1.0),
                "stance_symmetry_index": rng.gauss(-9.0 * self.severity, 1.5),
                "swing_symmetry_index": rng.gauss(13.0 * self.severity, 2.0),
                "stance_time_ratio": rng.gauss(1.0 - 0.09 * self.severity, 0.015),
                "asymmetric": self.severity > 0.5,
            }
        if self.person.has_imu:
            values["speed_m_s"] = rng.gauss(0.85 - 0.3 * self.severity, 0.03)
        return values

    def _curve(self, side: Side) -> tuple[float, ...]:
        """Return heel, midfoot, forefoot over the stance, 3 x 21, as shares of the peak."""
        weak = self.severity if side == self.person.affected else 0.0
        places = ((0.18 + 0.12 * weak, 0.9 - 0.5 * weak), (0.45, 0.25), (0.75 - 0.2 * weak, 1.0))
        return tuple(
            round(height * math.exp(-(((point / 20 - centre) / 0.2) ** 2)), 4)
            for centre, height in places
            for point in range(21)
        )

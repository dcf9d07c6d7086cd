"""What the strides of one foot, or of both, say over a span of time.

    steps               landings
    strides             those that close a stride: its time is known
    known_strikes       landings whose strike type is known, stairs left out (going up is
                        legitimately toe-first); heel_first + flat + toe_first
    valid_swings        whole swings seen without a gap; drags are counted among them
    pitch_strides       landings with a pitch at contact, stairs and implausible strides left out
    clearance_strides   strides with a clearance that is possible (>= -8 mm) and plausible
    length_strides      plausible strides with a length; speed is their length over their time
    risk_strides        strides with a trip risk

Medians and quantiles are of all values of the span, by linear interpolation (definition 7 of
Hyndman and Fan 1996, doi:10.1080/00031305.1996.10473566).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import fsum
from typing import Any, Final

from pipeline.rollup.intervals import Interval, length_s, union
from pipeline.tables import FieldValue

__all__ = ["STRIDE_COLUMNS", "Strides", "percent", "quantile"]

STRIDE_COLUMNS: Final = (
    "strike",
    "stride_s",
    "stance_s",
    "toe_drag",
    "valid_swing",
    "pitch_at_contact_deg",
    "clearance_mm",
    "stride_length_m",
    "double_support_percent",
    "trip_risk",
    "trip_level",
    "flags",
    "orthosis",
)
"""What is read of a stride."""
LEAST_CLEARANCE_MM: Final = -8.0
"""A lower minimum toe clearance is an error of measurement: the wire's `Bout` counts it apart."""
LOW_CLEARANCE_MM: Final = 10.0


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the quantile of values in ascending order; at least one."""
    place = share * (len(ordered) - 1)
    below = int(place)
    if below + 1 == len(ordered):
        return ordered[-1]
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def percent(part: float, whole: float) -> float | None:
    """Return a share in percent; None where there is nothing it could be a share of."""
    return 100.0 * part / whole if whole else None


@dataclass(slots=True)
class Strides:
    """Counts and values of strides, gathered one by one; `together` adds several up."""

    steps: int = 0
    valid_swings: int = 0
    drags: int = 0
    strikes: Counter[str] = field(default_factory=Counter)
    orthoses: Counter[str] = field(default_factory=Counter)
    stride_s: list[float] = field(default_factory=list)
    stance_share: list[float] = field(default_factory=list)
    pitch_deg: list[float] = field(default_factory=list)
    clearance_mm: list[float] = field(default_factory=list)
    length_m: list[float] = field(default_factory=list)
    length_time_s: list[float] = field(default_factory=list)
    double_support: list[float] = field(default_factory=list)
    risk: list[float] = field(default_factory=list)
    judged: list[Interval] = field(default_factory=list)
    high: list[Interval] = field(default_factory=list)

    @classmethod
    def together(cls, parts: Iterable["Strides"]) -> "Strides":
        """Return the parts added up."""
        whole = cls()
        for part in parts:
            for each in fields(cls):
                mine, more = getattr(whole, each.name), getattr(part, each.name)
                if isinstance(mine, int):
                    setattr(whole, each.name, mine + more)
                elif isinstance(mine, list):
                    mine.extend(more)
                else:
                    mine.update(more)
        return whole

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one landing: a row of the store with `STRIDE_COLUMNS`."""
        flags = row["flags"] or ""
        stairs, plausible = "stairs" in flags, "implausible" not in flags
        self.steps += 1
        if row["valid_swing"]:
            self.valid_swings += 1
            self.drags += row["toe_drag"] not in (None, "none")
        if row["strike"] not in (None, "unknown") and not stairs:
            self.strikes[row["strike"]] += 1
        if row["orthosis"]:  # empty: what was said of it was taken back
            self.orthoses[row["orthosis"]] += 1
        if row["pitch_at_contact_deg"] is not None and plausible and not stairs:
            self.pitch_deg.append(row["pitch_at_contact_deg"])
        if row["double_support_percent"] is not None:
            self.double_support.append(row["double_support_percent"])
        if row["stride_s"] is not None:
            self._add_stride(row, row["stride_s"], plausible)

    def _add_stride(self, row: Mapping[str, Any], stride_s: float, plausible: bool) -> None:
        self.stride_s.append(stride_s)
        if row["stance_s"] is not None and stride_s > 0:
            self.stance_share.append(row["stance_s"] / stride_s)
        clearance_mm = row["clearance_mm"]
        if clearance_mm is not None and plausible and clearance_mm >= LEAST_CLEARANCE_MM:
            self.clearance_mm.append(clearance_mm)
        if row["stride_length_m"] is not None and plausible:
            self.length_m.append(row["stride_length_m"])
            self.length_time_s.append(stride_s)
        if row["trip_risk"] is not None:
            self.risk.append(row["trip_risk"])
        if row["trip_level"] is not None:
            time_ns = row["time_ns"]
            interval = (time_ns - round(stride_s * 1e9), time_ns)
            self.judged.append(interval)
            if row["trip_level"] == "high":
                self.high.append(interval)

    def fields(self) -> dict[str, FieldValue | None]:
        """Return what a rollup says of them; None: there is nothing to say."""
        known = self.strikes.total()
        counts: dict[str, FieldValue | None] = {
            "steps": self.steps,
            "strides": len(self.stride_s),
            "valid_swings": self.valid_swings,
            "known_strikes": known,
            "drags": self.drags,
            "drags_per_100_swings": percent(self.drags, self.valid_swings),
            "orthosis": max(sorted(self.orthoses), key=self.orthoses.__getitem__, default=None),
        }
        for strike, name in (("heel", "heel_first"), ("flat", "flat"), ("toe", "toe_first")):
            counts[name] = self.strikes[strike]
            counts[f"{name}_percent"] = percent(self.strikes[strike], known)
        return counts | self._times() | self._positions() | self._risk()

    def _times(self) -> dict[str, FieldValue | None]:
        stance = _median(self.stance_share)
        return {
            "stride_s_median": _median(self.stride_s),
            "stance_percent": None if stance is None else 100.0 * stance,
            "double_support_strides": len(self.double_support),
            "double_support_percent": _median(self.double_support),
        }

    def _positions(self) -> dict[str, FieldValue | None]:
        clearance, time_s = sorted(self.clearance_mm), fsum(self.length_time_s)
        low = sum(mm < LOW_CLEARANCE_MM for mm in clearance)
        return {
            "pitch_strides": len(self.pitch_deg),
            "pitch_at_contact_median_deg": _median(self.pitch_deg),
            "pitch_at_contact_spread_deg": _spread(self.pitch_deg),
            "clearance_strides": len(clearance),
            "clearance_median_mm": _median(clearance),
            "clearance_p10_mm": quantile(clearance, 0.1) if clearance else None,
            "clearance_spread_mm": _spread(clearance),
            "clearance_under_10mm_percent": percent(low, len(clearance)),
            "length_strides": len(self.length_m),
            "stride_length_m": _median(self.length_m),
            "speed_m_s": fsum(self.length_m) / time_s if time_s else None,
        }

    def _risk(self) -> dict[str, FieldValue | None]:
        minutes = {
            "trip_risk_minutes": length_s(union(self.high)) / 60.0,
            "trip_risk_known_minutes": length_s(union(self.judged)) / 60.0,
        }
        return {
            "risk_strides": len(self.risk),
            "trip_risk_median": _median(self.risk),
            **(minutes if self.judged else {}),
        }


def _median(values: list[float]) -> float | None:
    return quantile(sorted(values), 0.5) if values else None


def _spread(values: list[float]) -> float | None:
    """Return the interquartile range; None under two values."""
    if len(values) < 2:
        return None
    ordered = sorted(values)
    return quantile(ordered, 0.75) - quantile(ordered, 0.25)

"""What changed between the earlier and the later days of the range; what is above the baseline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.report.intervals import Cluster, Interval, Ratio, difference, ratio
from pipeline.report.material import Material, focus
from pipeline.summary import Row

__all__ = ["LEAST", "METRICS", "AboveBaseline", "Change", "Metric", "above_baseline", "changes"]

LEAST: Final = 200
"""Fewer strides, swings or landings than this are not compared."""
Verdict = Literal["better", "worse", "changed", "no clear change", "not known"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is followed, as a ratio of sums over days.

    Attributes
    ----------
    hits, of : callable
        Numerator and denominator of one day's row; None: not known that day.
    scale, digits : float, int
        How it is shown.
    better : {1, -1, 0}
        More is better, less is better, or neither.
    sided : bool
        By foot, or of the whole walk.
    least : int
        Smallest denominator of a period that is compared.
    of_digits : int
        How the denominator is shown.
    """

    name: str
    title: str
    unit: str
    of_words: str
    hits: Callable[[Row], float | None]
    of: Callable[[Row], float | None]
    scale: float = 1.0
    digits: int = 1
    better: int = 0
    sided: bool = True
    least: int = LEAST
    of_digits: int = 0


def _field(name: str) -> Callable[[Row], float | None]:
    return lambda row: row[name]


def _weighted(name: str, weight: str) -> Callable[[Row], float | None]:
    """Return a day's median times its strides, so that the ratio is a mean of days by strides."""

    def product(row: Row) -> float | None:
        value: float | None = row[name]
        return None if value is None else value * (row[weight] or 0)

    return product


def _hours(name: str) -> Callable[[Row], float | None]:
    return lambda row: None if row[name] is None else row[name] / 60


def _size(name: str, weight: str) -> Callable[[Row], float | None]:
    """Return the size of a signed number times its weight."""
    product = _weighted(name, weight)
    return lambda row: None if (value := product(row)) is None else abs(value)


def _day_with_steps(row: Row) -> float | None:
    return 1.0 if row["steps"] else None


METRICS: Final = (
    Metric(
        "drags",
        "Toe drags",
        "per 100",
        "valid swings",
        _field("drags"),
        _field("valid_swings"),
        scale=100,
        better=-1,
    ),
    Metric(
        "heel_first",
        "Heel-first",
        "%",
        "known landings",
        _field("heel_first"),
        _field("known_strikes"),
        scale=100,
        better=1,
    ),
    Metric(
        "pitch",
        "Pitch at contact",
        "°",
        "measured strides",
        _weighted("pitch_at_contact_median_deg", "pitch_strides"),
        _field("pitch_strides"),
        better=1,
    ),
    Metric(
        "clearance",
        "Toe clearance",
        "mm",
        "measured swings",
        _weighted("clearance_median_mm", "clearance_strides"),
        _field("clearance_strides"),
        better=1,
    ),
    Metric(
        "risk",
        "High trip risk",
        "min/h",
        "h with a known risk",
        _field("trip_risk_minutes"),
        _hours("trip_risk_known_minutes"),
        better=-1,
        least=1,
        of_digits=1,
    ),
    Metric(
        "steps",
        "Steps",
        "a day",
        "days with steps",
        _field("steps"),
        _day_with_steps,
        digits=0,
        better=1,
        sided=False,
        least=1,
    ),
    Metric(
        "symmetry",
        "Stance asymmetry",
        "%",
        "bouts",
        _size("stance_symmetry_index", "symmetry_bouts"),
        _field("symmetry_bouts"),
        better=-1,
        sided=False,
        least=20,
    ),
)


@dataclass(frozen=True, slots=True)
class Change:
    """A metric of the earlier and the later days.

    Attributes
    ----------
    side : str
        left, right or both.
    earlier, later : Ratio
        Not scaled.
    interval : Interval or None
        Of the later less the earlier, not scaled; None: too few days.
    """

    metric: Metric
    side: str
    earlier: Ratio
    later: Ratio
    interval: Interval | None

    @property
    def verdict(self) -> Verdict:
        """What may be said: a change only where the interval excludes none."""
        if self.interval is None or min(self.earlier.of, self.later.of) < self.metric.least:
            return "not known"
        if not self.interval.excludes_zero:
            return "no clear change"
        if not self.metric.better:
            return "changed"
        return "better" if (self.interval.low > 0) == (self.metric.better > 0) else "worse"


def clusters(material: Material, metric: Metric, side: str, days: range) -> list[Cluster]:
    """Return the metric's sums by day; a day on which either is not known is left out."""
    found = []
    for day in days:
        row = material.daily.get((side, day))
        hits, of = (metric.hits(row), metric.of(row)) if row else (None, None)
        if hits is not None and of:
            found.append(Cluster(hits, of))
    return found


def changes(material: Material) -> list[Change]:
    """Return every metric of the affected feet and of the whole walk."""
    earlier, later = material.span.periods
    found = []
    for metric in METRICS:
        for side in focus(material.record) if metric.sided else ("both",):
            before = clusters(material, metric, side, earlier)
            after = clusters(material, metric, side, later)
            interval = difference(after, before)
            found.append(Change(metric, side, ratio(before), ratio(after), interval))
    return found


@dataclass(frozen=True, slots=True)
class AboveBaseline:
    """Days of the later period whose drags lie above the person's own band.

    Attributes
    ----------
    above, of : int
        Among days with a band and a known rate.
    """

    side: str
    above: int
    of: int


def above_baseline(material: Material) -> list[AboveBaseline]:
    """Return for each affected foot how many of the later days lie above the baseline band."""
    found = []
    for side in focus(material.record):
        rows = (material.daily.get((side, day)) for day in material.span.periods[1])
        judged = [
            row["drags_per_100_swings"] > row["drags_baseline_high_per_100_swings"]
            for row in rows
            if row
            and row["drags_per_100_swings"] is not None
            and row["drags_baseline_high_per_100_swings"] is not None
        ]
        found.append(AboveBaseline(side, sum(judged), len(judged)))
    return found

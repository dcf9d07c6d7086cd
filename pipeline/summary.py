"""What the rows of a period say about each foot: counts, each with its denominator.

Works on rows as a store gives them (`Store.read`) or on dicts with the wire's field names, so that
the page, the terminal and `analyse` count alike. A number that is not known is None.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from pipeline.points import words

__all__ = ["SIDES", "FootSummary", "Quality", "Row", "Walk", "cadence_per_min", "summarise"]

Row = Mapping[str, Any]
SIDES: Final = ("left", "right")


@dataclass(frozen=True, slots=True)
class FootSummary:
    """One foot.

    Attributes
    ----------
    contacts : int
        Landings; the denominator of heel_first, flat, toe_first and unknown, which add up to it.
    valid_swings : int
        Swings seen whole, without a gap; the denominator of drags.
    drags, drags_elsewhere : int
        Drags in valid swings, and in swings that do not count as valid.
    drag_kinds : dict
        Kind to number, of all drags.
    near_trips : int or None
        None where no stride was measured by an IMU, without which none can be seen.
    risk_strides : int
        Strides with a known trip risk; the denominator of high_strides and raised_strides.
    last_risk, last_level, highest_risk : float, str, float or None
        Trip risk 0-1.
    reasons : tuple of str
        Why, at the last stride with a risk.
    """

    side: str
    contacts: int
    heel_first: int
    flat: int
    toe_first: int
    unknown: int
    valid_swings: int
    drags: int
    drags_elsewhere: int
    drag_kinds: dict[str, int]
    near_trips: int | None
    cadence_median_per_min: float | None
    risk_strides: int
    raised_strides: int
    high_strides: int
    last_risk: float | None
    last_level: str | None
    highest_risk: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """What the numbers rest on.

    Attributes
    ----------
    strides : int
        All landings; the denominator of `sources`.
    sources : dict
        "pressure", "imu" or "pressure and imu" to number of strides.
    bouts, walking_s : int, float
        Stretches of walking and their length together [s].
    gaps, gap_s : int, float
        Reported gaps and their length together [s].
    lost : dict
        What was lost ("samples", "events", ..) to how much.
    devices : tuple of str
    """

    strides: int
    sources: dict[str, int]
    bouts: int
    walking_s: float
    gaps: int
    gap_s: float
    lost: dict[str, int]
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """Both feet, and what is to be thought of the data."""

    feet: tuple[FootSummary, FootSummary]
    quality: Quality

    @property
    def contacts(self) -> int:
        """Landings of both feet."""
        return sum(foot.contacts for foot in self.feet)


def cadence_per_min(stride_s: float | None) -> float | None:
    """Return steps per minute of both feet from one foot's stride time [s]: 2 x 60 / stride_s."""
    return 120.0 / stride_s if stride_s else None


def summarise(
    strides: Sequence[Row],
    bouts: Sequence[Row] = (),
    near_trips: Sequence[Row] = (),
    gaps: Sequence[Row] = (),
) -> Walk:
    """Return what the rows say; ascending by time."""
    left, right = (_foot(side, strides, near_trips) for side in SIDES)
    return Walk((left, right), _quality(strides, bouts, gaps))


def _foot(side: str, strides: Iterable[Row], near_trips: Iterable[Row]) -> FootSummary:
    mine = [row for row in strides if row["side"] == side]
    strikes = Counter(row["strike"] for row in mine)
    dragged = [row for row in mine if row["toe_drag"] not in (None, "none")]
    valid_drags = sum(bool(row["valid_swing"]) for row in dragged)
    cadences = [c for row in mine if (c := cadence_per_min(row["stride_s"])) is not None]
    risks = [row for row in mine if row["trip_risk"] is not None]
    levels = Counter(row["trip_level"] for row in risks)
    last = risks[-1] if risks else None
    return FootSummary(
        side=side,
        contacts=len(mine),
        heel_first=strikes["heel"],
        flat=strikes["flat"],
        toe_first=strikes["toe"],
        unknown=len(mine) - strikes["heel"] - strikes["flat"] - strikes["toe"],
        valid_swings=sum(bool(row["valid_swing"]) for row in mine),
        drags=valid_drags,
        drags_elsewhere=len(dragged) - valid_drags,
        drag_kinds=dict(Counter(row["toe_drag"] for row in dragged)),
        near_trips=_near_trips(side, mine, near_trips),
        cadence_median_per_min=median(cadences) if cadences else None,
        risk_strides=len(risks),
        raised_strides=levels["raised"],
        high_strides=levels["high"],
        last_risk=last["trip_risk"] if last else None,
        last_level=last["trip_level"] if last else None,
        highest_risk=max(row["trip_risk"] for row in risks) if risks else None,
        reasons=words(last["trip_reasons"]) if last else (),
    )


def _near_trips(side: str, strides: Iterable[Row], near_trips: Iterable[Row]) -> int | None:
    number = sum(row["side"] == side for row in near_trips)
    seen = any("imu" in words(row["sources"]) for row in strides)
    return number if number or seen else None


def _quality(strides: Sequence[Row], bouts: Sequence[Row], gaps: Sequence[Row]) -> Quality:
    sources = Counter(" and ".join(words(row["sources"])) or "not named" for row in strides)
    lost: Counter[str] = Counter()
    for gap in gaps:
        lost[gap["what"]] += gap["lost"] or 0
    devices = {row.get("device") for rows in (strides, bouts, gaps) for row in rows}
    return Quality(
        strides=len(strides),
        sources=dict(sources.most_common()),
        bouts=len(bouts),
        walking_s=sum(row["duration_s"] or 0.0 for row in bouts),
        gaps=len(gaps),
        gap_s=sum(row["duration_s"] or 0.0 for row in gaps),
        lost=dict(lost),
        devices=tuple(sorted(filter(None, devices))),
    )

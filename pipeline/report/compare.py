"""With an orthosis against without: shares with intervals, or a plain refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.care.record import ORTHOSES
from pipeline.report.intervals import (
    FEWEST_CLUSTERS,
    Cluster,
    Interval,
    Ratio,
    difference,
    ratio,
)
from pipeline.report.strides import StrideFold, Sums
from pipeline.report.words import count, plural

__all__ = ["LEAST_SWINGS", "Compared", "Comparison", "compare", "wear_words"]

LEAST_SWINGS: Final = 200
"""Valid swings with and without, each; fewer are not compared."""
Worn = Literal["afo", "fes"]


@dataclass(frozen=True, slots=True)
class _Number:
    """A number that is compared: a ratio of sums."""

    title: str
    unit: str
    of_words: str
    scale: float
    better: int
    cluster: Callable[[Sums], Cluster]


_NUMBERS: Final = (
    _Number(
        "Toe drags",
        "per 100",
        "valid swings",
        100,
        -1,
        lambda sums: Cluster(sums.drags, sums.valid_swings),
    ),
    _Number(
        "Heel-first landings",
        "%",
        "known landings",
        100,
        1,
        lambda sums: Cluster(sums.heel_first, sums.known_strikes),
    ),
    _Number(
        "Mean pitch at contact",
        "°",
        "measured strides",
        1,
        1,
        lambda sums: Cluster(sums.pitch_sum_deg, sums.pitch_strides),
    ),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One number with and without; the interval is of with less without, not scaled."""

    title: str
    unit: str
    of_words: str
    scale: float
    better: int
    worn: Ratio
    without: Ratio
    interval: Interval | None

    @property
    def is_clear(self) -> bool:
        """The interval excludes no difference."""
        return self.interval is not None and self.interval.excludes_zero

    @property
    def favours_orthosis(self) -> bool:
        """A clear difference, and for the better."""
        return self.is_clear and (self.interval.low > 0) == (self.better > 0)  # type: ignore[union-attr] # is_clear


@dataclass(frozen=True, slots=True)
class Comparison:
    """One foot with an orthosis against the same foot without.

    Attributes
    ----------
    swings : dict
        Valid swings by what was worn; "" where nobody said.
    refused : str
        Why nothing is compared; empty: it is.
    clusters : str
        What was resampled: days, or stretches of walking.
    shared_days : int
        Days with strides of both kinds.
    middle_days : tuple of int
        Numbers of the days by which half of the strides with, and without, had been made.
    """

    side: str
    orthosis: Worn
    swings: dict[str, int]
    refused: str
    clusters: str
    numbers: tuple[Compared, ...]
    shared_days: int
    middle_days: tuple[int, int] | None


def wear_words(orthosis: str) -> str:
    """Return what was worn, for people."""
    return next((w for o, w in ORTHOSES.items() if o == orthosis), "nobody said what was worn")


def compare(strides: StrideFold, side: str, orthosis: Worn) -> Comparison:
    """Return the comparison of a foot, refused under `LEAST_SWINGS` valid swings on either part."""
    by = strides.by_orthosis(side)
    swings = {worn: sums.valid_swings for worn, sums in sorted(by.items())}
    days = [strides.days_of(side, worn) for worn in (orthosis, "none")]
    shared = len(set(days[0]) & set(days[1]))
    refused = _refusal(swings, orthosis)
    if refused:
        return Comparison(side, orthosis, swings, refused, "", (), shared, None)
    parts, clusters = days, "days"
    if min(map(len, days)) < FEWEST_CLUSTERS:
        parts = [strides.stretches_of(side, worn) for worn in (orthosis, "none")]
        clusters = "stretches of walking"
    middle = (_middle(days[0]), _middle(days[1]))
    numbers = tuple(_compared(number, *parts) for number in _NUMBERS)
    return Comparison(side, orthosis, swings, "", clusters, numbers, shared, middle)


def _compared(number: _Number, worn: Mapping[int, Sums], without: Mapping[int, Sums]) -> Compared:
    first, second = ([number.cluster(sums) for sums in part.values()] for part in (worn, without))
    return Compared(
        number.title,
        number.unit,
        number.of_words,
        number.scale,
        number.better,
        ratio(first),
        ratio(second),
        difference(first, second),
    )


def _middle(days: Mapping[int, Sums]) -> int:
    half, seen = sum(sums.strides for sums in days.values()) / 2, 0
    for day, sums in sorted(days.items()):
        seen += sums.strides
        if seen >= half:
            return day
    raise ValueError("no strides")  # a refused comparison does not come here


def _refusal(swings: Mapping[str, int], orthosis: Worn) -> str:
    short = [
        f"{plural(swings.get(worn, 0), 'valid swing')} {words}"
        for worn, words in ((orthosis, f"with {ORTHOSES[orthosis]}"), ("none", ORTHOSES["none"]))
        if swings.get(worn, 0) < LEAST_SWINGS
    ]
    if not short:
        return ""
    unknown = swings.get("", 0)
    rest = f" For {plural(unknown, 'valid swing')} nobody said what was worn." if unknown else ""
    return (
        f"Not compared: only {' and '.join(short)}; {count(LEAST_SWINGS)} of each are needed.{rest}"
    )

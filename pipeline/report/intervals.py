"""Shares and means with 95 % intervals that know that strides of one day are alike.

The cluster bootstrap (Field and Welsh 2007, doi 10.1111/j.1467-9868.2007.00593.x) draws whole
clusters (days, or stretches of walking) with replacement and takes the ratio of the sums anew. The
draws are seeded: the same clusters give the same interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from random import Random
from typing import Final, NamedTuple

__all__ = ["FEWEST_CLUSTERS", "RESAMPLES", "Cluster", "Interval", "Ratio", "difference", "ratio"]

RESAMPLES: Final = 2000
FEWEST_CLUSTERS: Final = 6
"""Fewer than these make intervals that are far too narrow: none is given."""
_SEED: Final = 20070615


class Cluster(NamedTuple):
    """Sums over the strides of one day or one stretch of walking."""

    hits: float
    of: float


class Interval(NamedTuple):
    """The 2.5th and 97.5th percentile of the bootstrap."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """A change this sure is called one."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Ratio:
    """hits / of over clusters.

    Attributes
    ----------
    value : float or None
        None where `of` is 0.
    interval : Interval or None
        None where there are fewer than `FEWEST_CLUSTERS`.
    """

    hits: float
    of: float
    clusters: int
    value: float | None
    interval: Interval | None


@lru_cache(maxsize=64)
def _draws(clusters: int, stream: int) -> tuple[tuple[int, ...], ...]:
    """Return how often each cluster is in each resample."""
    random = Random(_SEED + 1000 * stream + clusters)
    drawn = []
    for _ in range(RESAMPLES):
        counts = [0] * clusters
        for index in random.choices(range(clusters), k=clusters):
            counts[index] += 1
        drawn.append(tuple(counts))
    return tuple(drawn)


def _resampled(clusters: Sequence[Cluster], stream: int) -> list[float]:
    hits, of = [c.hits for c in clusters], [c.of for c in clusters]
    draws = _draws(len(clusters), stream)
    return [sum(map(mul, weights, hits)) / sum(map(mul, weights, of)) for weights in draws]


def _percentiles(values: list[float]) -> Interval:
    ordered = sorted(values)
    last = len(ordered) - 1
    return Interval(ordered[round(0.025 * last)], ordered[round(0.975 * last)])


def _kept(clusters: Sequence[Cluster]) -> list[Cluster]:
    return [cluster for cluster in clusters if cluster.of]


def ratio(clusters: Sequence[Cluster]) -> Ratio:
    """Return the ratio of the sums with its interval; clusters without a denominator are left."""
    kept = _kept(clusters)
    hits, of = sum(c.hits for c in kept), sum(c.of for c in kept)
    interval = None
    if len(kept) >= FEWEST_CLUSTERS:
        interval = _percentiles(_resampled(kept, 0))
    return Ratio(hits, of, len(kept), hits / of if of else None, interval)


def difference(minuend: Sequence[Cluster], subtrahend: Sequence[Cluster]) -> Interval | None:
    """Return the interval of ratio(minuend) - ratio(subtrahend), each resampled by itself.

    None where either has fewer than `FEWEST_CLUSTERS`.
    """
    first, second = _kept(minuend), _kept(subtrahend)
    if min(len(first), len(second)) < FEWEST_CLUSTERS:
        return None
    pairs = zip(_resampled(first, 1), _resampled(second, 2), strict=True)
    return _percentiles([a - b for a, b in pairs])

"""Ninety-five percent confidence intervals: of shares by Wilson, of errors by the bootstrap."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["bootstrap", "f1", "f1_interval", "mean_absolute", "spread_about_median", "wilson"]

Z95: Final = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""
RESAMPLES: Final = 2000
SEED: Final = 20231014
"""Fixed, so that one evaluation prints the same interval every time."""
Floats = NDArray[np.float64]
Interval = tuple[float, float]


def wilson(hits: float, n: float) -> Interval:
    """Return the 95 % interval of a share, 0..1; (NaN, NaN) where n is 0.

    Wilson 1927, doi 10.1080/01621459.1927.10502953; it does not shrink to a point at 0 or 1.
    """
    if n <= 0:
        return math.nan, math.nan
    share, z2 = hits / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if hits == 0 else max(centre - half, 0.0)
    return low, 1.0 if hits == n else min(centre + half, 1.0)


def f1(hits: int, missed: int, extra: int) -> float:
    """Return F1, the harmonic mean of sensitivity and precision; NaN where there is nothing."""
    n = 2 * hits + missed + extra
    return 2 * hits / n if n else math.nan


def f1_interval(hits: float, missed: float, extra: float) -> Interval:
    """Return the 95 % interval of F1.

    J = hits / (hits + missed + extra) is a share (Jaccard's), and F1 = 2 J / (1 + J) grows with it,
    so Wilson's bounds of J are carried over.
    """
    low, high = wilson(hits, hits + missed + extra)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def mean_absolute(errors: Floats) -> Floats:
    """Return the mean absolute error over the last axis."""
    return np.asarray(np.mean(np.abs(errors), axis=-1))


def spread_about_median(errors: Floats) -> Floats:
    """Return the mean absolute error over the last axis once the median is taken out of it."""
    middle = np.median(errors, axis=-1, keepdims=True)
    return np.asarray(np.mean(np.abs(errors - middle), axis=-1))


def bootstrap(errors: Floats, statistic: Callable[[Floats], Floats]) -> Interval:
    """Return the 95 % percentile interval of a statistic of errors, float64[n], without NaN.

    `statistic` reduces the last axis. Efron 1979, doi 10.1214/aos/1176344552; strides are taken as
    independent. (NaN, NaN) for fewer than two errors.
    """
    values = np.asarray(errors, np.float64)
    if len(values) < 2:
        return math.nan, math.nan
    rng = np.random.default_rng(SEED)
    drawn = values[rng.integers(0, len(values), (RESAMPLES, len(values)))]
    low, high = np.percentile(statistic(drawn), [2.5, 97.5])
    return float(low), float(high)

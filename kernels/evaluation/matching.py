"""Found instants against wanted ones."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Match", "match"]

Floats = NDArray[np.float64]


class Match(NamedTuple):
    """Which found instant belongs to which wanted one.

    Attributes
    ----------
    pairs : int64[k, 2]
        Index of the wanted and of the found instant, in order of the wanted ones.
    errors_s : float64[k]
        Found minus wanted, per pair [s].
    missed, extra : int64[]
        Indices of wanted instants without, and of found instants beyond.
    """

    pairs: NDArray[np.int64]
    errors_s: Floats
    missed: NDArray[np.int64]
    extra: NDArray[np.int64]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Hits, missed, extra."""
        return len(self.pairs), len(self.missed), len(self.extra)


def match(
    wanted_s: Sequence[float] | Floats,
    found_s: Sequence[float] | Floats,
    within_s: float,
    span_s: float | None = None,
) -> Match:
    """Pair instants at most `within_s` apart, nearest pairs first, each used once.

    Parameters
    ----------
    wanted_s, found_s : float[m], float[n]
        Instants [s]; `wanted_s` increases.
    within_s : float
        Tolerance [s].
    span_s : float, optional
        Found instants more than this before the first or after the last wanted one are left out
        of `extra`: nothing was labelled there.
    """
    wanted = np.asarray(wanted_s, np.float64)
    found = np.asarray(found_s, np.float64)
    taken = _nearest_first(wanted, found, within_s)
    pairs = np.array(sorted(taken.items()), np.int64).reshape(-1, 2)
    missed = np.setdiff1d(np.arange(len(wanted)), pairs[:, 0])
    extra = np.setdiff1d(np.arange(len(found)), pairs[:, 1])
    if span_s is not None:
        inside = (
            (found >= wanted[0] - span_s) & (found <= wanted[-1] + span_s)
            if len(wanted)
            else np.zeros(len(found), bool)
        )
        extra = extra[inside[extra]]
    errors = found[pairs[:, 1]] - wanted[pairs[:, 0]]
    return Match(pairs, errors, missed, extra)


def _nearest_first(wanted: Floats, found: Floats, within_s: float) -> dict[int, int]:
    order = np.argsort(found, kind="stable")
    sorted_found = found[order]
    near = []
    for i, instant in enumerate(wanted):
        first = int(np.searchsorted(sorted_found, instant - within_s, "left"))
        last = int(np.searchsorted(sorted_found, instant + within_s, "right"))
        near += [(abs(float(found[j] - instant)), i, int(j)) for j in order[first:last]]
    taken: dict[int, int] = {}
    used: set[int] = set()
    for _, i, j in sorted(near):
        if i not in taken and j not in used:
            taken[i] = j
            used.add(j)
    return taken

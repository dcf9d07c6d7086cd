"""One figure of the proof, and how a list of them is written down."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kernels.evaluation.intervals import (
    bootstrap,
    f1,
    f1_interval,
    mean_absolute,
    spread_about_median,
    wilson,
)

__all__ = [
    "Figure",
    "Goal",
    "Provenance",
    "error_figure",
    "f1_figure",
    "offset_figure",
    "share_figure",
    "spread_figure",
    "to_json",
]

Floats = NDArray[np.float64]


class Provenance(StrEnum):
    """What the data of a figure were to whoever set the kernel's constants."""

    TUNED = "tuned on"
    """Some constants were set with these very data in view."""
    HELD_OUT = "held out"
    """Nothing was set with these data in view."""
    UNKNOWN = "not known to be independent"
    """They were at hand while constants were set; nothing says that none follows from them."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached: ours `at most` or `at least` the value."""

    sense: Literal["at most", "at least"]
    value: float

    def met_by(self, ours: float) -> bool:
        """Whether a number reaches the goal; NaN never does."""
        return ours <= self.value if self.sense == "at most" else ours >= self.value


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes
    ----------
    data : str
        The recordings, or what was made from them.
    name, unit : str
    ours : float
        NaN where nothing could be measured.
    n : int
        How many events, strides or swings `ours` rests on.
    interval : (float, float)
        95 % confidence; NaN where unknown.
    provenance : Provenance
    goal : Goal or None
        None: shown for information, no figure to reach is laid down.
    possible : int or None
        How many there could have been, where some have no number.
    note : str
        What else is to know: definitions, what `n` counts.
    reason : str
        Why the goal is missed, as far as found.
    """

    data: str
    name: str
    unit: str
    ours: float
    n: int
    interval: tuple[float, float]
    provenance: Provenance
    goal: Goal | None = None
    possible: int | None = None
    note: str = ""
    reason: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        return None if self.goal is None else self.goal.met_by(self.ours)

    @property
    def certain(self) -> bool:
        """Whether the whole interval meets the goal, not only the number."""
        return self.goal is not None and all(map(self.goal.met_by, self.interval))


def error_figure(
    data: str, name: str, unit: str, errors: Floats, provenance: Provenance, **more: Any
) -> Figure:
    """Mean absolute error of float64[n]; NaN are left out and counted in `possible`."""
    return _of_errors(data, name, unit, errors, provenance, mean_absolute, more)


def spread_figure(
    data: str, name: str, unit: str, errors: Floats, provenance: Provenance, **more: Any
) -> Figure:
    """Mean absolute error of float64[n] once their median, the constant offset, is taken out."""
    return _of_errors(data, name, unit, errors, provenance, spread_about_median, more)


def offset_figure(
    data: str, name: str, unit: str, errors: Floats, provenance: Provenance, **more: Any
) -> Figure:
    """Size of the median error: the constant offset; its sign is in the note."""
    known = errors[np.isfinite(errors)]
    middle = float(np.median(known)) if len(known) else math.nan
    low, high = bootstrap(known, lambda e: np.asarray(np.median(e, axis=-1)))
    sizes = sorted((abs(low), abs(high)))
    inside = (0.0, sizes[1]) if low < 0 < high else (sizes[0], sizes[1])
    note = f"signed {middle:+.1f}; {more.pop('note', '')}".rstrip("; ")
    return Figure(data, name, unit, abs(middle), len(known), inside, provenance, note=note, **more)


def f1_figure(
    data: str,
    name: str,
    counts: tuple[int, int, int],
    provenance: Provenance,
    independent: int | None = None,
    **more: Any,
) -> Figure:
    """F1 of (hits, missed, extra); n counts what was there to find.

    `independent`: see `share_figure`.
    """
    note = f"{counts[1]} missed, {counts[2]} false; {more.pop('note', '')}".rstrip("; ")
    n = counts[0] + counts[1]
    part = 1.0 if independent is None or n == 0 else min(1.0, independent / n)
    interval = f1_interval(*(part * count for count in counts))
    return Figure(data, name, "F1", f1(*counts), n, interval, provenance, note=note, **more)


def share_figure(
    data: str,
    name: str,
    hits: int,
    n: int,
    provenance: Provenance,
    per: float = 100.0,
    unit: str = "%",
    independent: int | None = None,
    **more: Any,
) -> Figure:
    """Share of n, times `per`.

    `independent`: where the n are copies of fewer originals, the interval is that of the same share
    among the originals, since copies do not make a sample larger.
    """
    share = hits / n if n else math.nan
    size = n if independent is None else min(n, independent)
    low, high = wilson(share * size if n else 0.0, size)
    interval = (per * low, per * high)
    return Figure(data, name, unit, per * share, n, interval, provenance, **more)


def _of_errors(
    data: str,
    name: str,
    unit: str,
    errors: Floats,
    provenance: Provenance,
    statistic: Any,
    more: dict[str, Any],
) -> Figure:
    known = errors[np.isfinite(errors)]
    ours = float(statistic(known)) if len(known) else math.nan
    interval = bootstrap(known, statistic)
    more.setdefault("possible", len(errors) if len(errors) > len(known) else None)
    return Figure(data, name, unit, ours, len(known), interval, provenance, **more)


def to_json(figures: Sequence[Figure]) -> str:
    """Return the figures as a JSON array; an unknown number is null."""
    return json.dumps([_row(figure) for figure in figures], indent=2, ensure_ascii=False)


def _row(figure: Figure) -> dict[str, Any]:
    goal = figure.goal
    return {
        "data": figure.data,
        "name": figure.name,
        "unit": figure.unit,
        "ours": _number(figure.ours),
        "goal": None if goal is None else {"sense": goal.sense, "value": goal.value},
        "reached": figure.reached,
        "n": figure.n,
        "possible": figure.possible,
        "interval_95": [_number(bound) for bound in figure.interval],
        "provenance": figure.provenance.value,
        "note": figure.note,
        "reason": figure.reason,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""Cells that stick, saturate or fall silent, found from ten seconds of samples at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["WINDOW_S", "CellWatch"]

WINDOW_S = 10
"""Length of a window [s of samples]: several strides of any walk."""
ACTIVE_SHARE = 0.5
"""The total load varies by this share of its largest: the person walks."""
LOADED_SHARE = 0.02
"""A cell that never exceeds this share of the total's largest is not judged: an arch may never
touch the insole."""
PLATEAU_SHARE = 0.25
"""A cell that is loaded (over half of its largest) spends this share of the time at exactly one
largest value, the same as in the window before: it is saturated. A healthy load curve, even
quantised in fortieths, spends less, and never reaches the same largest value in each window."""
LEAST_AT_TOP = 20
GATHERED = 100
"""Samples looked at together: small pushes cost an agent more than all else."""


class _Window:
    """What is remembered of the samples of one window; every part of it is associative."""

    def __init__(self, cells: int) -> None:
        self.high: NDArray[Any] = np.full(cells, np.nan)
        self.low: NDArray[Any] = np.full(cells, np.nan)
        self.at_top: NDArray[Any] = np.zeros(cells, np.int64)
        self.loaded: NDArray[Any] = np.zeros(cells, np.int64)
        self.fine: NDArray[Any] = np.zeros(cells, np.int64)
        self.rows = 0
        self.least, self.most = np.inf, -np.inf

    def see(self, load: NDArray[np.float32], top: NDArray[Any]) -> None:
        """Take load[n, cells]; samples over half of `top` count as loaded."""
        high = np.fmax.reduce(load, axis=0)
        at_top = (load == high).sum(axis=0)
        more, same = ~(np.isnan(high) | (high <= self.high)), high == self.high
        self.at_top = np.where(same, self.at_top + at_top, np.where(more, at_top, self.at_top))
        self.high = np.fmax(self.high, high)
        self.low = np.fmin(self.low, np.fmin.reduce(load, axis=0))
        self.rows += len(load)
        self.fine = self.fine + np.isfinite(load).sum(axis=0)
        self.loaded = self.loaded + (load > 0.5 * top).sum(axis=0)
        total = np.nansum(load, axis=1, dtype=np.float64)
        self.least = min(self.least, float(total.min()))
        self.most = max(self.most, float(total.max()))


class CellWatch:
    """One foot's cells. Cutting the samples anywhere within a window changes nothing.

    A cell stuck without load cannot be told from one that is not stepped on: heel cells of a foot
    that lands on its toes stay empty. It is not reported.

    Parameters
    ----------
    cells : int
        Number of cells.
    """

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._top: NDArray[Any] = np.full(cells, np.nan)
        self._found: set[str] = set()
        self._now = _Window(cells)
        self._waiting: list[NDArray[np.float32]] = []
        self._rows = 0

    def see(self, load: NDArray[np.float32]) -> None:
        """Take load[n, cells]."""
        if len(load) and self._cells:
            self._waiting.append(np.array(load, np.float32))
            self._rows += len(load)
            if self._rows >= GATHERED:
                self._digest()

    def _digest(self) -> None:
        if self._waiting:
            load = np.concatenate(self._waiting)
            load[~np.isfinite(load)] = np.nan
            self._waiting, self._rows = [], 0
            self._now.see(load, self._top)

    def close(self) -> set[str]:
        """End the window; return the faults that hold: "cell 3 stuck", counted from 1."""
        self._digest()
        now = self._now
        judged = now.fine.max(initial=0) > 0
        active = judged and now.most - now.least > ACTIVE_SHARE * now.most > 0.0
        found = set()
        for cell in range(self._cells if judged else 0):
            found |= self._judge(cell, active)
        if judged:
            self._found = found
        if active:  # where a cell is stuck says nothing of where it saturates
            self._top = np.where(now.high > now.low, now.high, np.nan)
        self._now = _Window(self._cells)
        return self._found

    def _judge(self, cell: int, active: bool) -> set[str]:
        now, name = self._now, f"cell {cell + 1}"
        if not now.fine[cell]:
            return {f"{name} silent"}
        if not active:
            return self._found & {f"{name} stuck", f"{name} saturated"}
        if now.high[cell] <= LOADED_SHARE * now.most:
            return set()
        if now.high[cell] == now.low[cell] and 2 * now.fine[cell] > now.rows:
            return {f"{name} stuck"}
        top = now.high[cell] == self._top[cell]
        enough = now.at_top[cell] >= max(LEAST_AT_TOP, PLATEAU_SHARE * now.loaded[cell])
        return {f"{name} saturated"} if top and enough else set()

"""The health of one foot's cells, from its readings as they come, in constant memory."""

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw.source import Block, FootProfile, Side

__all__ = ["CellFault", "CellWatch"]

Fault = Literal["stuck", "saturated", "drifting"]
STUCK_S: Final = 2.0
"""A cell at zero for so long while the foot is loaded is stuck (shared/devices.md)."""
LOADED: Final = 0.40
"""Share of the decayed peak of the total load on a foot that stands."""
ZERO: Final = 0.01
"""Within this share of the largest cell's span over its own least a cell is at zero."""
CARRIES: Final = 0.10
"""The nearest cells bear at least this share of the largest cell's span."""
NEAR: Final = 0.25
"""Cells within this distance [foot lengths] are neighbours; across, a foot is `WIDTH` wide."""
WIDTH: Final = 0.38
TRAVEL: Final = 1.0
"""While a value stays the same, the total load moves by this share of its peak, up and down."""
SATURATED_S: Final = 10.0
"""A saturated cell is named until it was not saturated for so long."""
DRIFT_CELL: Final = 0.02
DRIFT_FOOT: Final = 0.05
"""Zeros that moved by these shares of the body weight since the calibration: calibrate again."""
DECAY_S: Final = 300.0


class CellFault(NamedTuple):
    """A fault; `cell` counts from 1, None means the foot as a whole."""

    cell: int | None
    fault: Fault

    def __str__(self) -> str:
        """Return it as the kernel names its own: "cell 3 stuck"."""
        return f"insole {self.fault}" if self.cell is None else f"cell {self.cell} {self.fault}"


class CellWatch:
    """Says which cells are stuck, saturated or drifting.

    Stuck: at its least, while its two nearest neighbours carry, for 2 s of loaded time; or at the
    same value for 2 s while the total load went up and down. A cell without a near neighbour (an
    insole of six) is judged by the second alone: an unloaded heel may be a gait, not a fault. A
    cell that never carries beside loaded ones, under a high arch, can be named wrongly.
    Left and right swapped cannot be told here; the guided session can (`hw.calibration.guided`).

    Parameters
    ----------
    side : {"left", "right"}
    foot : FootProfile
    full_scale : float, optional
        The device's number from which on a reading is saturated; None: never.
    """

    def __init__(self, side: Side, foot: FootProfile, full_scale: float | None = None) -> None:
        cells = len(foot.x)
        self._side = side
        self._full = np.inf if full_scale is None else full_scale
        self._near = _neighbours(foot)
        self._low = np.full(cells, np.nan)
        self._high = np.full(cells, np.nan)
        self._zero_s = np.zeros(cells)
        self._same_s = np.zeros(cells)
        self._travel = np.zeros(cells)
        self._top_s = np.zeros(cells)
        self._row: NDArray[np.float64] | None = None
        self._last_ns = 0
        self._total = self._peak = 0.0
        self._moved = np.zeros(cells)

    def push(self, block: Block, moved: NDArray[np.float64] | None = None) -> tuple[CellFault, ...]:
        """Take a block of readings in the device's unit; return the faults that hold.

        `moved` is how far each zero lies from the calibrated one [shares of the body weight].
        """
        if block.side == self._side and block.load is not None:
            for time_ns, row in zip(block.time_ns.tolist(), block.load, strict=True):
                self._see(time_ns, row.astype(np.float64))
        if moved is not None:
            self._moved = moved
        return self.faults

    @property
    def faults(self) -> tuple[CellFault, ...]:
        """What is wrong now; empty before anything was loaded, which is not good news."""
        found = [CellFault(int(c) + 1, "saturated") for c in np.flatnonzero(self._top_s > 0)]
        same = (self._same_s >= STUCK_S) & (self._travel >= TRAVEL) & (self._row_above())
        stuck = (self._zero_s >= STUCK_S) | (same & (self._top_s <= 0))
        found += [CellFault(int(c) + 1, "stuck") for c in np.flatnonzero(stuck)]
        far = np.abs(self._moved) > DRIFT_CELL
        found += [CellFault(int(c) + 1, "drifting") for c in np.flatnonzero(far)]
        if abs(float(np.nansum(self._moved))) > DRIFT_FOOT:
            found.append(CellFault(None, "drifting"))
        return tuple(found)

    def _see(self, time_ns: int, row: NDArray[np.float64]) -> None:
        before, step_s = self._row, min(0.05, (time_ns - self._last_ns) / 1e9)
        self._low, self._high = np.fmin(self._low, row), np.fmax(self._high, row)
        total = float(np.nansum(row - self._low))
        self._peak = max(total, self._peak * (1 - step_s / DECAY_S))
        self._top_s = np.where(row >= self._full, SATURATED_S, np.maximum(0, self._top_s - step_s))
        if before is not None and self._peak > 0:
            same = row == before
            self._same_s = np.where(same, self._same_s + step_s, 0.0)
            went = abs(total - self._total) / self._peak
            self._travel = np.where(same, self._travel + went, 0.0)
            self._see_zero(row, total, step_s)
        self._row, self._last_ns, self._total = row, time_ns, total

    def _see_zero(self, row: NDArray[np.float64], total: float, step_s: float) -> None:
        span = float(np.nanmax(self._high - self._low)) if np.isfinite(self._low).any() else 0.0
        over = row - self._low
        at_zero = over <= ZERO * span
        self._zero_s = np.where(over > ZERO * span, 0.0, self._zero_s)
        if span <= 0 or total < LOADED * self._peak:
            return
        carried = np.where(self._near >= 0, over[self._near], -np.inf).min(axis=1, initial=np.inf)
        self._zero_s = self._zero_s + np.where(at_zero & (carried >= CARRIES * span), step_s, 0.0)

    def _row_above(self) -> NDArray[np.bool_]:
        if self._row is None:
            return np.zeros(len(self._low), dtype=np.bool_)
        return np.asarray(self._row > self._low)


def _neighbours(foot: FootProfile) -> NDArray[np.int64]:
    """Return the two nearest cells [cells, 2] of each; -1 where there is none near."""
    place = np.column_stack([foot.x, np.multiply(foot.y, WIDTH)]).reshape(len(foot.x), 2)
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    near = np.full((len(place), 2), -1, dtype=np.int64)
    for rank, order in enumerate(np.argsort(apart, axis=1).T[:2] if len(place) else ()):
        close = apart[np.arange(len(place)), order] <= NEAR
        near[close, rank] = order[close]
    return near

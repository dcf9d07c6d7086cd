"""A source whose loads are calibrated: the same blocks, in consistent units."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.calibration.cells import CellFault, CellWatch
from hw.calibration.errors import CalibrationError
from hw.calibration.linear import linearise
from hw.calibration.records import Calibration, FootCalibration
from hw.calibration.zero import ZeroTracker
from hw.source import SIDES, Block, CellUnit, FootProfile, Profile, Side, Source

__all__ = ["CalibratedSource", "CellCalibrator"]

_OTHER_LOADED: Final = 0.6


class CellCalibrator:
    """One foot's readings into loads, its zeros followed.

    Raises
    ------
    CalibrationError
        The calibration has another number of cells than the foot.
    """

    def __init__(self, side: Side, foot: FootProfile, calibration: Calibration) -> None:
        mine = calibration.foot(side)
        if mine is None or len(mine.zero) != len(foot.x):
            count = 0 if mine is None else len(mine.zero)
            raise CalibrationError(
                f"{side} foot", f"{len(foot.x)} cells, calibrated {count}", "calibrate again"
            )
        self.tracker = ZeroTracker(foot, mine, calibration.full_load)
        self.watch = CellWatch(side, foot, calibration.full_scale)
        self.share = 0.0
        self._calibration = calibration
        self._gain = np.array([np.nan if gain is None else gain for gain in mine.gain])
        self._top = _top(calibration, mine)

    def apply(self, block: Block, other_share: float = 0.0) -> Block:
        """Return the block with load[n, cells] >= 0 in the calibration's unit.

        NaN stays NaN and a dead cell is NaN; a saturated sample is one constant number, whatever
        the zero does meanwhile, so that it can be told.
        """
        if block.load is None:
            return block
        self._check(block.load)
        self.watch.push(block, self.tracker.moved)
        values = linearise(block.load, self._calibration.divider)
        load = np.maximum(0.0, (values - self.tracker.zero) * self._gain)
        full = self._calibration.full_scale
        if full is not None:
            load = np.where(block.load >= full, self._top, load)
        self.tracker.push(block.time_ns, values, block.imu, other_share >= _OTHER_LOADED)
        if len(load):
            self.share = float(np.nansum(load[-1])) / self._calibration.full_load
        return replace(block, load=load.astype(np.float32))

    def _check(self, load: NDArray[np.float32]) -> None:
        if load.ndim != 2 or load.shape[1] != len(self._gain):
            reason = f"a block of shape {load.shape} for {len(self._gain)} cells"
            raise CalibrationError("calibration", reason, "give the device's own profile")


def _top(calibration: Calibration, foot: FootCalibration) -> NDArray[np.float64]:
    """Return the load [cells] of a saturated sample."""
    gain = np.array([np.nan if g is None else g for g in foot.gain])
    if calibration.full_scale is None:
        return np.full(len(gain), np.nan)
    full = linearise(np.array(calibration.full_scale), calibration.divider)
    return np.asarray(np.maximum(0.0, (full - np.array(foot.zero)) * gain))


class CalibratedSource:
    """A `Source` around another one; feet without cells pass as they are.

    `freeze(True)` keeps the zeros while the shoes are known to be unworn.

    Raises
    ------
    CalibrationError
        The calibration does not fit the source's cells.
    """

    def __init__(self, source: Source, calibration: Calibration) -> None:
        self.calibration = calibration
        self._source = source
        unit: CellUnit = "raw" if calibration.body_weight_n is None else "N"
        feet = {side: source.profile.foot(side) for side in SIDES}
        self._cells = {
            side: CellCalibrator(side, foot, calibration) for side, foot in feet.items() if foot.x
        }
        left, right = (replace(feet[side], cell_unit=unit) for side in SIDES)
        self._profile = replace(source.profile, left=left, right=right)

    @property
    def profile(self) -> Profile:
        """The device, with the unit of the calibrated cells: N, or raw for shares of the weight."""
        return self._profile

    def faults(self, side: Side) -> tuple[CellFault, ...]:
        """Return what is wrong with a foot's cells now."""
        return self._cells[side].watch.faults if side in self._cells else ()

    def zero(self, side: Side) -> NDArray[np.float64]:
        """Return the zeros [cells] in use, linearised units; empty without cells."""
        return self._cells[side].tracker.zero if side in self._cells else np.empty(0)

    def freeze(self, frozen: bool) -> None:
        """Stop the learning of zeros, or let it go on."""
        for cells in self._cells.values():
            cells.tracker.frozen = frozen

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield the source's blocks, calibrated; closing it closes the source."""
        async with aclosing(self._source.blocks()) as blocks:  # type: ignore[type-var]  # every source's iterator is a generator
            async for block in blocks:
                yield self.apply(block)

    def apply(self, block: Block) -> Block:
        """Return one block, calibrated; blocks of a foot in their order."""
        mine = self._cells.get(block.side)
        if mine is None:
            return block
        other = self._cells.get("right" if block.side == "left" else "left")
        return mine.apply(block, 0.0 if other is None else other.share)

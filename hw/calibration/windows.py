"""Half seconds of samples of both feet, summed up as they pass: constant memory, any cut alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.calibration.linear import Divider, linearise
from hw.source import SIDES, Block, Side

__all__ = ["WINDOW_NS", "FootWindow", "Windows"]

WINDOW_NS: Final = 500_000_000
LAG: Final = 4
"""A foot that is so many windows behind the other one is silent."""
LEAST_SAMPLES: Final = 8
PERCENTILE: Final = 10.0
"""Of the unloaded readings: high enough for noise, too low for touches."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FootWindow:
    """One foot in one window.

    Attributes
    ----------
    mean, noise, low : float64[cells]
        Mean, standard deviation and 10th percentile of the linearised readings; NaN for a cell
        without any.
    total, spread : float
        Mean of the cells' sum, and its standard deviation.
    turn_rad_s : float
        Largest deviation of the angular rate from its median; NaN without an IMU.
    saturated : bool[cells]
    """

    mean: Array
    noise: Array
    low: Array
    total: float
    spread: float
    turn_rad_s: float
    saturated: NDArray[np.bool_]


class Windows:
    """Collects blocks and yields the windows that are complete; a foot without data is absent."""

    def __init__(self, divider: Divider | None, full_scale: float | None) -> None:
        self._divider = divider
        self._full = np.inf if full_scale is None else full_scale
        self._parts: dict[tuple[int, Side], list[Block]] = {}
        self._newest: dict[Side, int] = {}
        self._next: int | None = None

    def push(self, block: Block) -> Iterator[tuple[int, Mapping[Side, FootWindow]]]:
        """Yield (end of the window [ns], its feet), in order of time."""
        index = block.time_ns // WINDOW_NS
        for number in np.unique(index).tolist():
            begin, end = np.searchsorted(index, (number, number + 1))
            if self._next is None or number >= self._next:
                self._keep(block, number, int(begin), int(end))
        if len(index):
            self._newest[block.side] = int(index[-1])
        yield from self._complete()

    def _keep(self, block: Block, number: int, begin: int, end: int) -> None:
        part = Block(
            block.side,
            block.time_ns[begin:end],
            None if block.load is None else block.load[begin:end],
            None if block.imu is None else block.imu[begin:end],
        )
        self._parts.setdefault((number, block.side), []).append(part)
        if self._next is None:
            self._next = number

    def _complete(self) -> Iterator[tuple[int, Mapping[Side, FootWindow]]]:
        while self._next is not None and self._newest:
            both = [self._newest.get(side, -1) > self._next for side in SIDES]
            late = max(self._newest.values()) > self._next + LAG
            if not (all(both) or late):
                return
            number, self._next = self._next, self._next + 1
            if late and not any(key[0] <= number for key in self._parts):
                waiting = [key[0] for key in self._parts]
                self._next = max(self._next, min(waiting, default=self._next))
            feet = {}
            for side in SIDES:
                window = self._window(self._parts.pop((number, side), []))
                if window is not None:
                    feet[side] = window
            yield (number + 1) * WINDOW_NS, feet

    def _window(self, parts: list[Block]) -> FootWindow | None:
        loads = [part.load for part in parts if part.load is not None]
        if sum(map(len, loads)) < LEAST_SAMPLES:
            return None
        raw = np.concatenate(loads)
        values = linearise(raw, self._divider)
        here = np.isfinite(values).sum(axis=0) >= LEAST_SAMPLES
        if not here.any():
            return None
        mean, noise, low = np.full((3, values.shape[1]), np.nan)
        mean[here] = np.nanmean(values[:, here], axis=0)
        noise[here] = np.nanstd(values[:, here], axis=0)
        low[here] = np.nanpercentile(values[:, here], PERCENTILE, axis=0)
        whole = values[:, here][np.isfinite(values[:, here]).all(axis=1)].sum(axis=1)
        spread = float(whole.std()) if len(whole) else float("nan")
        top = np.asarray(raw >= self._full).any(axis=0)
        total = float(np.nansum(mean))
        return FootWindow(mean, noise, low, total, spread, _turn(parts), np.asarray(top))


def _turn(parts: list[Block]) -> float:
    imus = [part.imu for part in parts if part.imu is not None]
    if not imus:
        return float("nan")
    rate = np.concatenate(imus)[:, 3:].astype(np.float64)
    rate = rate[np.isfinite(rate).all(axis=1)]
    if not len(rate):
        return float("nan")
    return float(np.linalg.norm(rate - np.median(rate, axis=0), axis=1).max())

"""Samples of one foot into frames of 40 ms: all that the recogniser works on.

Sums are taken in one fixed order, so that frames are the same however the samples were cut.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.exercises.attitude import Attitude, Tilt

__all__ = ["FRAME_NS", "FRAME_S", "HOLD_FRAMES", "Frame", "FrameMaker"]

FRAME_NS: Final = 40_000_000
FRAME_S: Final = FRAME_NS / 1e9
HOLD_FRAMES: Final = 3
"""So many empty frames in a row repeat the last one (jitter, a lost packet); more are a gap."""
LONGEST_STEP_S: Final = 0.16
Array = NDArray[np.float64]


class Frame(NamedTuple):
    """Means over 40 ms of one foot; None where the sensor gave nothing.

    `heel`, `fore`, `total`: load of the regions, in the cells' unit; `tilt` see `Attitude`.
    """

    number: int
    heel: float | None
    fore: float | None
    total: float | None
    tilt: Tilt | None

    @property
    def time_ns(self) -> int:
        """The frame's middle."""
        return self.number * FRAME_NS + FRAME_NS // 2


class FrameMaker:
    """Makes frames of the samples of one foot.

    Parameters
    ----------
    x : sequence of float
        Place of each cell along the foot, heel 0 .. toe 1; empty: no cells.
    has_imu : bool
        An IMU on the foot; on the shank it does not show what the foot does.
    """

    def __init__(self, x: tuple[float, ...], has_imu: bool) -> None:
        regions = [0 if place < 1 / 3 else 1 if place > 2 / 3 else 2 for place in x]
        self._order = np.argsort(regions, kind="stable")
        self._regions, self._starts = np.unique(np.sort(regions), return_index=True)
        self._cells = len(x)
        self._attitude = Attitude() if has_imu else None
        self._columns = 11
        self._waiting = np.empty((0, self._columns))
        self._numbers = np.empty(0, dtype=np.int64)
        self._last: Frame | None = None
        self._imu_before: tuple[int, Array] | None = None

    def push(
        self, time_ns: NDArray[np.int64], load: ArrayLike | None, imu: ArrayLike | None
    ) -> list[Frame]:
        """Return the frames that are complete: a later sample has come."""
        numbers = np.concatenate([self._numbers, time_ns // FRAME_NS])
        rows = np.concatenate([self._waiting, self._rows(time_ns, load, imu)])
        if not len(numbers):
            return []
        whole = int(np.searchsorted(numbers, numbers[-1]))
        frames = self._make(numbers[:whole], rows[:whole])
        self._numbers, self._waiting = numbers[whole:], rows[whole:].copy()
        return frames

    def finish(self) -> list[Frame]:
        """Return the last, incomplete frame."""
        frames = self._make(self._numbers, self._waiting)
        self._numbers, self._waiting = self._numbers[:0], self._waiting[:0]
        return frames

    def _rows(
        self, time_ns: NDArray[np.int64], load: ArrayLike | None, imu: ArrayLike | None
    ) -> Array:
        """Return [n, 11]: heel, fore, total, acc and gyr times their step, 1 for load, the step.

        The IMU's values are integrals since the sample before, by the trapezoidal rule, so that
        sums over frames hold at any rate and where samples are lost.
        """
        rows = np.zeros((len(time_ns), self._columns))
        if load is not None and self._cells:
            cells = np.asarray(load, dtype=np.float64)
            finite = np.isfinite(cells)
            cells = np.where(finite, cells, 0.0)
            rows[:, self._regions] = np.add.reduceat(cells[:, self._order], self._starts, axis=1)
            rows[:, 2] += rows[:, 0] + rows[:, 1]  # midfoot, until here
            rows[:, 9] = finite.any(axis=1)
        if imu is not None and self._attitude is not None:
            axes = np.array(imu, dtype=np.float64)
            there = np.isfinite(axes).all(axis=1)
            integrals, steps_s = self._integrals(time_ns[there], axes[there])
            rows[there, 3:9], rows[there, 10] = integrals, steps_s
        return rows

    def _integrals(self, time_ns: NDArray[np.int64], axes: Array) -> tuple[Array, Array]:
        """Return the integrals [n, 6] since the sample before, and the times [n, s]."""
        if not len(time_ns):
            return np.empty((0, 6)), np.empty(0)
        before_ns, before = self._imu_before or (int(time_ns[0]) - FRAME_NS, axes[0])
        self._imu_before = int(time_ns[-1]), axes[-1].copy()
        times = np.concatenate([[before_ns], time_ns])
        steps_s = np.minimum((times[1:] - times[:-1]) / 1e9, LONGEST_STEP_S)
        earlier = np.concatenate([before[None], axes[:-1]])
        return 0.5 * (earlier + axes) * steps_s[:, None], steps_s

    def _make(self, numbers: NDArray[np.int64], rows: Array) -> list[Frame]:
        if not len(numbers):
            return []
        starts = np.concatenate([[0], np.flatnonzero(numbers[1:] != numbers[:-1]) + 1])
        sums = np.add.reduceat(rows, starts, axis=0).tolist()
        frames: list[Frame] = []
        for number, row in zip(numbers[starts].tolist(), sums, strict=True):
            frames += self._fill(number)
            frames.append(self._frame(number, row))
            self._last = frames[-1]
        return frames

    def _fill(self, number: int) -> list[Frame]:
        """Return the empty frames before `number`, as far as they are bridged."""
        last = self._last
        if last is None or not 1 < number - last.number <= HOLD_FRAMES + 1:
            if last is not None and number - last.number > 1 and self._attitude is not None:
                self._attitude.forget()
            return []
        return [last._replace(number=k) for k in range(last.number + 1, number)]

    def _frame(self, number: int, row: list[float]) -> Frame:
        heel = fore = total = None
        if row[9]:
            heel, fore, total = (value / row[9] for value in row[:3])
        tilt = None
        if row[10] and self._attitude is not None:
            values = [value / row[10] for value in row[3:9]]
            tilt = self._attitude.update(values[:3], values[3:], row[10])
        return Frame(number, heel, fore, total, tilt)

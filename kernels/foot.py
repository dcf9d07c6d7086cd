"""The door of the kernel: checks what comes in, hands out structured arrays."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels._foot import FootEngine
from kernels.config import FootConfig
from kernels.errors import KernelInputError
from kernels.records import EVENT_DTYPE, STRIDE_DTYPE

__all__ = ["Findings", "FootKernel"]


class Findings(NamedTuple):
    """What became certain: `EVENT_DTYPE` and `STRIDE_DTYPE` arrays, each in order of decision."""

    events: NDArray[np.void]
    strides: NDArray[np.void]


def _nothing() -> Findings:
    empty = Findings(np.empty(0, EVENT_DTYPE), np.empty(0, STRIDE_DTYPE))
    for array in empty:
        array.setflags(write=False)
    return empty


NOTHING = _nothing()


class FootKernel:
    """Gait of one foot, streaming: samples in, events and strides out as they become certain.

    Cutting the same stream at any places gives the same output, to the bit. Nothing is allocated
    per sample, and the loop holds no lock of the interpreter.

    Parameters
    ----------
    config : FootConfig
        The foot's cells and IMU, and the constants of the detection.
    """

    def __init__(self, config: FootConfig) -> None:
        self.config = config
        self._engine = FootEngine(config)

    def push(
        self,
        time_ns: NDArray[np.int64],
        load: NDArray[np.float32] | None,
        imu: NDArray[np.float32] | None,
    ) -> Findings:
        """Take n samples, also none, and return what became certain with them.

        Parameters
        ----------
        time_ns : int64[n]
            Monotonic nanoseconds, strictly increasing, also against the last push.
        load : float32[n, cells] or None
            Non-negative, in any unit that stays the same; NaN is a missing value.
        imu : float32[n, 6] or None
            Acceleration x y z with gravity [m/s2], angular rate x y z [rad/s], in the foot frame (x
            to the toes, y to the left, z up); NaN is a missing value.

        Raises
        ------
        KernelInputError
            For a wrong type, shape or order; nothing of that push was taken then.
        """
        found = self._engine.push(time_ns, load, imu)
        if found == 0:
            return NOTHING
        if found < 0:
            return self._push_unusual(time_ns, load, imu)
        return Findings(*self._engine.drain())

    def finish(self) -> Findings:
        """Close the landing that still waits for its strike type; pushing may go on afterwards."""
        self._engine.finish()
        return Findings(*self._engine.drain())

    @property
    def imu_fault(self) -> int:
        """Likely mistakes of mounting or units, bits of `imu_constants.FAULT_*`; 0 none."""
        return self._engine.imu_fault

    def _push_unusual(self, time_ns: Any, load: Any, imu: Any) -> Findings:
        """Bring other layouts into shape, or say what is wrong."""
        time_ns = self._times(time_ns)
        load = _table("load", load, len(time_ns), len(self.config.x))
        imu = _table("imu", imu, len(time_ns), 6)
        if self._engine.push(time_ns, load, imu) < 0:
            raise KernelInputError("time_ns", "not readable; give a C-contiguous int64 array")
        return Findings(*self._engine.drain())

    def _times(self, time_ns: Any) -> NDArray[np.int64]:
        times = np.asarray(time_ns)
        if times.ndim != 1:
            raise KernelInputError("time_ns", f"shape {times.shape}, give one dimension")
        if times.size == 0:
            return np.empty(0, np.int64)
        if times.dtype.kind not in "iu":
            raise KernelInputError(
                "time_ns", f"dtype {times.dtype}, give int64 nanoseconds (seconds x 1e9, rounded)"
            )
        times = np.ascontiguousarray(times, dtype=np.int64)
        last = self._engine.last_time_ns
        back = np.flatnonzero(np.diff(times) <= 0) + 1
        if last is not None and times[0] <= last:
            raise KernelInputError(
                "time_ns", f"{times[0]} is not after {last} of the last push; push in order", 0
            )
        if back.size:
            i = int(back[0])
            raise KernelInputError(
                "time_ns", f"{times[i]} is not after {times[i - 1]}; sort, drop duplicates", i
            )
        return times


def _table(what: str, values: Any, rows: int, columns: int) -> NDArray[np.float32] | None:
    """Return `values` as C-contiguous float32[rows, columns], or say what is wrong with it."""
    if values is None:
        return None
    table = np.asarray(values)
    if table.dtype.kind not in "fiu":
        raise KernelInputError(what, f"dtype {table.dtype}, give float32")
    if rows == 0 and table.size == 0:
        return np.empty((0, columns), np.float32)
    if table.shape != (rows, columns):
        unit = "cells" if what == "load" else "axes"
        raise KernelInputError(
            what,
            f"shape {table.shape}, give ({rows}, {columns}): one row per time, {columns} {unit}",
        )
    return np.ascontiguousarray(table, dtype=np.float32)

"""The PC software's UDP lines: numbers in ASCII, in the order that the profile names."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw.source import SIDES, Side

__all__ = ["Layout", "MoticonCodec", "Row"]

_MOST_N_CM2: Final = 100.0
_MOST_G: Final = 32.0
_MOST_DPS: Final = 4000.0


class Row(NamedTuple):
    """A line: time in the software's unit and, per side, cells[c] N/cm2 and imu[6] g, deg/s.

    A side is absent where all its numbers are missing; a missing number is NaN.
    """

    time: float
    feet: dict[Side, tuple[NDArray[np.float32], NDArray[np.float32]]]


class Layout:
    """Where the columns lie, from the profile's list such as "left cells 16".

    Raises ValueError for a list that lacks the time or the cells and the IMU of both feet.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._at: dict[str, slice] = {}
        start = 0
        for column in columns:
            name, _, width = column.rpartition(" ")
            if not width.isdigit() or not name:
                raise ValueError(f"column {column!r}; write a name and a width: 'left cells 16'")
            self._at[name] = slice(start, start + int(width))
            start += int(width)
        self.width = start
        needed = ["time", *(f"{s} {n}" for s in SIDES for n in ("cells", "acceleration", "gyro"))]
        missing = [name for name in needed if name not in self._at]
        if missing:
            raise ValueError(f"columns lack {', '.join(missing)}; add them in the software's order")

    def __getitem__(self, name: str) -> slice:
        return self._at[name]


class MoticonCodec:
    """Decodes lines; what it rejects is counted by reason in `rejected`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.rejected: Counter[str] = Counter()

    def decode(self, data: bytes) -> list[Row]:
        """Return the rows of a datagram: one a line."""
        rows = []
        for line in data.splitlines():
            row = self._row(line.split())
            if isinstance(row, str):
                self.rejected[row] += 1
            else:
                rows.append(row)
        if not rows and not data.strip():
            self.rejected["length"] += 1
        return rows

    def _row(self, fields: list[bytes]) -> Row | str:
        if len(fields) != self._layout.width:
            return "length"
        try:
            numbers = [float(field) for field in fields]
        except ValueError:
            return "no number"
        time = numbers[self._layout["time"].start]
        if not math.isfinite(time) or abs(time) > 1e12:
            return "time"
        feet: dict[Side, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        for side in SIDES:
            cells = np.array(numbers[self._layout[f"{side} cells"]], dtype=np.float32)
            acceleration = numbers[self._layout[f"{side} acceleration"]]
            imu = np.array(acceleration + numbers[self._layout[f"{side} gyro"]], dtype=np.float32)
            if _outside(cells, imu):
                return "range"
            if not (np.isnan(cells).all() and np.isnan(imu).all()):
                feet[side] = (cells, imu)
        return Row(time, feet)


def _outside(cells: NDArray[np.float32], imu: NDArray[np.float32]) -> bool:
    """Whether a number is beyond what the sensors can say; NaN is not."""
    return bool(
        (cells < 0).any()
        or (cells > _MOST_N_CM2).any()
        or (np.abs(imu[:3]) > _MOST_G).any()
        or (np.abs(imu[3:]) > _MOST_DPS).any()
    )

"""Channels of different rates on one grid: an insole and an IMU of their own become one stream.

Between two samples at most 30 ms apart a value is interpolated linearly; over longer gaps it is
missing (NaN): neither a step nor a drag is made up. A sample that lies on the grid is kept exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_GAP_NS", "GridBlock", "Resampler", "resample"]

MAX_GAP_NS = 30_000_000
"""The longest gap [ns] that is interpolated (gait.md)."""


@dataclass(frozen=True, slots=True)
class GridBlock:
    """Rows of the grid: time_ns int64[m], per channel float32[m, width] with NaN for missing."""

    time_ns: NDArray[np.int64]
    values: tuple[NDArray[np.float32], ...]


def resample(
    time_ns: NDArray[np.int64],
    values: NDArray[np.float32],
    grid_ns: NDArray[np.int64],
    max_gap_ns: int = MAX_GAP_NS,
) -> NDArray[np.float32]:
    """Return values[n, width] at the times of the grid, float32[m, width].

    `time_ns` increases. NaN stands before the first and after the last sample, in gaps longer than
    `max_gap_ns`, and beside a sample that is NaN itself.
    """
    out = np.full((len(grid_ns), values.shape[1]), np.nan, dtype=np.float32)
    if len(time_ns) == 0 or len(grid_ns) == 0:
        return out
    right = np.searchsorted(time_ns, grid_ns, side="left")
    exact = (right < len(time_ns)) & (time_ns[np.minimum(right, len(time_ns) - 1)] == grid_ns)
    out[exact] = values[right[exact]]
    between = ~exact & (right > 0) & (right < len(time_ns))
    after = right[between]
    before = after - 1
    width_ns = time_ns[after] - time_ns[before]
    share = (grid_ns[between] - time_ns[before]) / width_ns
    share[width_ns > max_gap_ns] = np.nan
    low = values[before].astype(np.float64)
    out[between] = low + share[:, None] * (values[after] - low)
    return out


class _Channel:
    def __init__(self, width: int) -> None:
        self.time_ns = np.empty(0, dtype=np.int64)
        self.values = np.empty((0, width), dtype=np.float32)

    def push(self, time_ns: NDArray[np.int64], values: NDArray[np.float32]) -> int:
        """Append the samples that are newer than the last; return how many were not."""
        last = self.time_ns[-1] if len(self.time_ns) else np.iinfo(np.int64).min
        keep = time_ns > np.maximum.accumulate(np.concatenate(([last], time_ns)))[:-1]
        self.time_ns = np.concatenate((self.time_ns, time_ns[keep]))
        self.values = np.concatenate((self.values, values[keep]))
        return int(len(keep) - keep.sum())

    def newest(self) -> int | None:
        return int(self.time_ns[-1]) if len(self.time_ns) else None

    def forget(self, before_ns: int) -> None:
        """Keep the last sample at or before `before_ns` and what follows."""
        first = max(0, int(np.searchsorted(self.time_ns, before_ns, side="right")) - 1)
        self.time_ns = self.time_ns[first:]
        self.values = self.values[first:]


class Resampler:
    """Streaming `resample` of several channels of one foot onto the multiples of `period_ns`.

    A row is given once every channel has a sample at or after it, or once a channel is
    `patience_ns` behind the newest one: then that channel's part is missing. However the input is
    cut, the rows are the same as long as no channel falls behind. `discarded` counts samples that
    came too late.
    """

    def __init__(
        self,
        period_ns: int,
        widths: Sequence[int],
        max_gap_ns: int = MAX_GAP_NS,
        patience_ns: int = 150_000_000,
    ) -> None:
        if period_ns <= 0:
            raise ValueError(f"period_ns is {period_ns}; give a positive number of nanoseconds")
        self._period_ns = period_ns
        self._channels = [_Channel(width) for width in widths]
        self._max_gap_ns = max_gap_ns
        self._patience_ns = patience_ns
        self._next_ns: int | None = None
        self.discarded = 0

    def push(
        self, channel: int, time_ns: NDArray[np.int64], values: NDArray[np.float32]
    ) -> GridBlock:
        """Take samples of a channel in; return the rows that became certain (perhaps none)."""
        if len(time_ns):
            fresh = time_ns >= (
                self._next_ns - self._period_ns if self._next_ns is not None else -(2**62)
            )
            self.discarded += int(len(fresh) - fresh.sum())
            self.discarded += self._channels[channel].push(time_ns[fresh], values[fresh])
        return self._rows(self._certain_ns())

    def finish(self) -> GridBlock:
        """Return the rows up to the newest sample of any channel."""
        return self._rows(max((c.newest() or 0 for c in self._channels), default=0))

    def _certain_ns(self) -> int | None:
        newest = [channel.newest() for channel in self._channels]
        known = [time for time in newest if time is not None]
        if not known:
            return None
        waited = max(known) - self._patience_ns
        oldest = min(known) if len(known) == len(newest) else waited
        return max(oldest, waited)

    def _rows(self, until_ns: int | None) -> GridBlock:
        grid = self._grid(until_ns)
        parts = tuple(resample(c.time_ns, c.values, grid, self._max_gap_ns) for c in self._channels)
        if len(grid):
            self._next_ns = int(grid[-1]) + self._period_ns
            for channel in self._channels:
                channel.forget(int(grid[-1]))
        return GridBlock(grid, parts)

    def _grid(self, until_ns: int | None) -> NDArray[np.int64]:
        """Return the grid's next times up to `until_ns`; it begins at the first sample of all."""
        begin_ns = self._next_ns
        if begin_ns is None:
            starts = [int(c.time_ns[0]) for c in self._channels if len(c.time_ns)]
            begin_ns = -(-min(starts, default=0) // self._period_ns) * self._period_ns
        if until_ns is None or until_ns < begin_ns:
            return np.empty(0, dtype=np.int64)
        return np.arange(begin_ns, until_ns + 1, self._period_ns, dtype=np.int64)

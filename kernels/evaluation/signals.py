"""The kernel over whole signals of one foot or both, fed as a recording is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kernels.config import FOREFOOT_FROM_X, HEEL_BELOW_X, FootConfig
from kernels.walk import Walk
from kernels.walk_records import GaitEvent, GaitStride, Side

__all__ = ["Found", "Signal", "Signals", "run"]

CHUNK_NS = 1_000_000_000
"""Both feet are fed in steps of one second, so that neither runs ahead."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One foot: its configuration and samples, as `FootKernel.push` takes them."""

    config: FootConfig
    time_ns: NDArray[np.int64]
    load: NDArray[np.float32] | None
    imu: NDArray[np.float32] | None

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Times of the samples [s]."""
        return np.asarray(self.time_ns / 1e9)

    @property
    def cells(self) -> NDArray[np.float32]:
        """Load of the cells, float32[n, cells].

        Raises
        ------
        ValueError
            There is none: give a foot with pressure cells.
        """
        if self.load is None:
            raise ValueError("this foot has no load; give one with pressure cells")
        return self.load

    def region(self, name: str) -> NDArray[np.bool_]:
        """Return which cells lie in the heel, the midfoot or the forefoot."""
        x = np.array(self.config.x)
        heel, forefoot = x < HEEL_BELOW_X, x > FOREFOOT_FROM_X
        chosen = {"heel": heel, "forefoot": forefoot, "midfoot": ~(heel | forefoot)}
        return np.asarray(chosen[name])

    def without_imu(self) -> "Signal":
        """Return the same foot, its IMU taken off."""
        return replace(self, config=replace(self.config, mount=None), imu=None)

    def without_load(self) -> "Signal":
        """Return the same foot, its cells taken out."""
        return replace(self, config=replace(self.config, x=(), y=()), load=None)


Signals = Mapping[Side, Signal]


@dataclass(frozen=True, slots=True)
class Found:
    """What the kernel says of each foot, in order of time."""

    events: dict[Side, list[GaitEvent]] = field(default_factory=dict)
    strides: dict[Side, list[GaitStride]] = field(default_factory=dict)

    def times_s(self, side: Side, event: str) -> NDArray[np.float64]:
        """Return when one kind of event happened [s]."""
        return np.array([e.time_ns / 1e9 for e in self.events[side] if e.event == event])


def run(signals: Signals) -> Found:
    """Push both feet through `Walk`, side by side in time, and close it.

    Raises
    ------
    KernelInputError
        For signals the kernel refuses.
    """
    feet = {side: s for side, s in signals.items() if len(s.time_ns)}
    found = Found({side: [] for side in signals}, {side: [] for side in signals})
    if not feet:
        return found
    walk = Walk({side: s.config for side, s in feet.items()})
    begin = min(int(s.time_ns[0]) for s in feet.values())
    end = max(int(s.time_ns[-1]) for s in feet.values())
    edges = np.arange(begin, end + CHUNK_NS + 1, CHUNK_NS)
    cuts = {side: np.searchsorted(s.time_ns, edges).tolist() for side, s in feet.items()}
    for index in range(len(edges) - 1):
        for side, signal in feet.items():
            part = slice(cuts[side][index], cuts[side][index + 1])
            if part.stop > part.start:
                load = None if signal.load is None else signal.load[part]
                imu = None if signal.imu is None else signal.imu[part]
                _take(found, walk.push(side, signal.time_ns[part], load, imu))
    _take(found, walk.finish())
    return found


def _take(found: Found, records: Iterable[object]) -> None:
    for record in records:
        if isinstance(record, GaitEvent):
            found.events[record.side].append(record)
        elif isinstance(record, GaitStride):
            found.strides[record.side].append(record)

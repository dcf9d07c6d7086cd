"""Technical faults of one foot's sensors: when they begin, when they are gone, the likely mistake.

They are looked for once per second of samples, at the same samples however the stream is cut.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import imu_constants as imu
from kernels.cell_faults import WINDOW_S, CellWatch
from kernels.walk_records import EventName, GaitEvent, Side

__all__ = ["CLEARANCE_FAULT", "FAULTS_OF_THE_IMU", "FootFaults"]

POLL_NS = 1_000_000_000
GONE_POLLS = 5
"""A fault of the IMU is gone when it was not seen for so many seconds and a stride was measured
since: missing gravity, say, shows in standing only, so not to see it proves nothing."""
FAULTS_OF_THE_IMU: tuple[tuple[int, str], ...] = (
    (imu.FAULT_NO_GRAVITY, "acceleration without gravity"),
    (imu.FAULT_UNIT_G, "acceleration in g"),
    (imu.FAULT_UNIT_DEG, "angular rate in degrees"),
    (imu.FAULT_TURNED_OVER, "imu turned over"),
    (imu.FAULT_HEADING, "imu heading wrong"),
    (imu.FAULT_BACKWARDS, "imu backwards"),
    (imu.FAULT_DISAGREE, "acceleration and angular rate disagree"),
)
"""Bits of `FootKernel.imu_fault` and the likely mistake, the most telling first. Wrong units make
right axes seem wrong too, so only one is reported: the first that holds, until it is gone or one
before it holds instead."""
_RANK = {name: rank for rank, (_, name) in enumerate(FAULTS_OF_THE_IMU)}
CLEARANCE_FAULT = "toe clearance impossible"

Piece = tuple[NDArray[np.int64], NDArray[np.float32] | None, NDArray[np.float32] | None]


class FootFaults:
    """What is wrong with one foot's sensors, as `sensor_fault` and `sensor_fault_gone` events.

    No two of them have the same time, so that a store keyed by time keeps them all.

    Parameters
    ----------
    side : {"left", "right"}
    cells : int
        Number of pressure cells.
    """

    def __init__(self, side: Side, cells: int) -> None:
        self._side: Side = side
        self._columns = cells
        self._cells = CellWatch(cells)
        self._active: dict[str, None] = {}
        self._quiet, self._measured = 0, False
        self._polls = 0
        self._next_ns: int | None = None
        self._last_ns: int | None = None
        self._told_ns: int | None = None

    @property
    def active(self) -> tuple[str, ...]:
        """The faults that hold, in the order they began."""
        return tuple(self._active)

    def pieces(self, time_ns: Any, load: Any, imu: Any) -> Iterator[tuple[bool, Piece]]:
        """Yield (whether to `poll` before it, samples): a push cut at whole seconds.

        What the kernel's door would refuse or convert stays in one piece, so that a push is taken
        whole or not at all.
        """
        time_ns = np.asarray(time_ns)
        load, imu = (None if table is None else np.asarray(table) for table in (load, imu))
        if not self._regular(time_ns, load, imu):
            yield False, (time_ns, load, imu)
            return
        begin, n = 0, len(time_ns)
        if self._next_ns is None:
            self._next_ns = int(time_ns[0]) + POLL_NS
        while begin < n:
            due = int(time_ns[begin]) >= self._next_ns
            if due:
                self._next_ns += POLL_NS * ((int(time_ns[begin]) - self._next_ns) // POLL_NS + 1)
            end = begin + int(np.searchsorted(time_ns[begin:], self._next_ns))
            yield due, (time_ns[begin:end], _rows(load, begin, end), _rows(imu, begin, end))
            begin = end

    def see(self, piece: Piece) -> None:
        """Take samples that the kernel has taken."""
        time_ns, load, _ = piece
        if len(time_ns):
            self._last_ns = int(time_ns[-1])
            if load is not None:
                self._cells.see(np.asarray(load, np.float32))

    def poll(self, imu_fault: int) -> list[GaitEvent]:
        """Return what began or is gone, at the last sample seen; once per second of samples."""
        self._polls += 1
        out = self._poll_imu(imu_fault)
        if self._polls % WINDOW_S == 0:
            out += self._poll_cells()
        return out

    def note_measured(self) -> None:
        """Take note that the IMU gave the numbers of a stride."""
        self._measured = True

    def set_clearance(self, faulty: bool, time_ns: int, decided_ns: int) -> list[GaitEvent]:
        """Return what changes when the recent clearances can, or cannot, be believed."""
        return self._change(CLEARANCE_FAULT, faulty, time_ns, decided_ns)

    def _regular(self, time_ns: Any, load: Any, imu: Any) -> bool:
        """Say whether the kernel's door will take these arrays."""
        if time_ns.ndim != 1 or time_ns.dtype.kind not in "iu" or not len(time_ns):
            return False
        for table, columns in ((load, self._columns), (imu, 6)):
            if table is not None and not (
                table.dtype.kind in "fiu" and table.shape == (len(time_ns), columns)
            ):
                return False
        if self._last_ns is not None and int(time_ns[0]) <= self._last_ns:
            return False
        return bool((time_ns[1:] > time_ns[:-1]).all())

    def _poll_imu(self, fault: int) -> list[GaitEvent]:
        held = [name for bit, name in FAULTS_OF_THE_IMU if fault & bit]
        known = next((name for _, name in FAULTS_OF_THE_IMU if name in self._active), None)
        if known is None:
            return self._change(held[0], True) if held else []
        if known in held:
            self._quiet, self._measured = 0, False
            return []
        self._quiet += 1
        if self._quiet < GONE_POLLS:
            return []
        if held and _RANK[held[0]] < _RANK[known]:
            return self._change(known, False) + self._change(held[0], True)
        return self._change(known, False) if self._measured and not held else []

    def _poll_cells(self) -> list[GaitEvent]:
        found = self._cells.close()
        out: list[GaitEvent] = []
        for name in [n for n in self._active if n.startswith("cell ") and n not in found]:
            out += self._change(name, False)
        for name in sorted(found):
            out += self._change(name, True)
        return out

    def _change(
        self, name: str, on: bool, time_ns: int | None = None, decided_ns: int | None = None
    ) -> list[GaitEvent]:
        if on == (name in self._active):
            return []
        if on:
            self._active[name] = None
        else:
            del self._active[name]
        at = (self._last_ns or 0) if time_ns is None else time_ns
        if self._told_ns is not None:
            at = max(at, self._told_ns + 1)
        self._told_ns = at
        decided = at if decided_ns is None else max(at, decided_ns)
        event: EventName = "sensor_fault" if on else "sensor_fault_gone"
        return [GaitEvent(at, decided, self._side, event, name)]


def _rows(table: Any, begin: int, end: int) -> Any:
    return None if table is None else table[begin:end]

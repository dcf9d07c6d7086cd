"""Samples that never came: found in the times of a foot, summed into gap records."""

import numpy as np

from edge import wire
from edge.events import fit
from hw.source import Block, Side

__all__ = ["GAP_NS", "GATHER_NS", "SampleGaps"]

GAP_NS = 30_000_000
"""Longer gaps are invalid for the kernel (gait.md); at under 50 Hz one and a half periods are."""
GATHER_NS = 10_000_000_000
"""Gaps within ten seconds become one record: a bad radio must not fill the outbox."""
SILENT_NS = 2_000_000_000
"""A foot that is silent for longer than the other one's time has lost samples."""


class SampleGaps:
    """Watches the times of one foot; `last_ns` is its last sample's, None before the first."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self.last_ns: int | None = None
        self._period_ns = 0.0
        self._begin_ns: int | None = None
        self._lost = 0
        self._missing_ns = 0

    @property
    def period_ns(self) -> float:
        """The usual time from one sample to the next; 0 while it is not known."""
        return self._period_ns

    def see(self, block: Block) -> None:
        """Take note of a block's times and of what its source knows to be lost."""
        if not block.time_ns.size:
            self._add(self.last_ns or 0, block.lost, 0)
            return
        first_ns = int(block.time_ns[0])
        before_ns = first_ns if self.last_ns is None else self.last_ns
        steps = np.diff(block.time_ns, prepend=before_ns)
        self.last_ns = int(block.time_ns[-1])
        if self._period_ns == 0.0:
            self._period_ns = _usual_step(steps)
        limit_ns = max(GAP_NS, 1.5 * self._period_ns)
        if block.lost or steps.max() > limit_ns:
            self._measure(block, steps, limit_ns, before_ns)
        else:
            self._period_ns += 0.05 * (float(steps[-1]) - self._period_ns)

    def _measure(
        self, block: Block, steps: np.ndarray[tuple[int], np.dtype[np.int64]], limit: float, at: int
    ) -> None:
        period_ns = max(self._period_ns, 1.0)
        holes = np.flatnonzero(steps > min(limit, 1.5 * period_ns))
        guessed = np.rint(steps[holes] / period_ns - 1)
        long = steps[holes] > limit
        lost = block.lost or int(guessed[long].sum())
        missing_ns = int((guessed * period_ns)[long | (block.lost > 0)].sum())
        begin_ns = at
        if holes.size and holes[0] > 0:
            begin_ns = int(block.time_ns[holes[0] - 1])
        self._add(begin_ns, lost, missing_ns)

    def silent_until(self, end_ns: int) -> None:
        """Count what a foot that fell silent would have sent until then."""
        if self.last_ns is None or self._period_ns == 0.0 or end_ns - self.last_ns < SILENT_NS:
            return
        missing_ns = end_ns - self.last_ns
        self._add(self.last_ns, round(missing_ns / self._period_ns), missing_ns)
        self.last_ns = end_ns

    def _add(self, begin_ns: int, lost: int, missing_ns: int) -> None:
        if lost == 0:
            return
        if self._begin_ns is None:
            self._begin_ns = begin_ns
        self._lost += lost
        self._missing_ns += missing_ns

    def take(self, now_ns: int | None = None) -> wire.Event | None:
        """Return the gap that has gathered for long enough (None as time: at once), or None."""
        if self._begin_ns is None:
            return None
        if now_ns is not None and now_ns - self._begin_ns < GATHER_NS:
            return None
        gap = fit(
            wire.Gap,
            self._begin_ns,
            {
                "side": self._side,
                "what": "samples",
                "lost": self._lost,
                "duration_s": min(self._missing_ns / 1e9, 864_000.0),
                "reason": "samples missing",
            },
        )
        self._begin_ns, self._lost, self._missing_ns = None, 0, 0
        return gap


def _usual_step(steps: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    """Return the median of the steps that are no gap; 0 while there is none."""
    usual = steps[(steps > 0) & (steps <= 2 * GAP_NS)]
    return float(np.median(usual)) if usual.size else 0.0

"""Both feet at stride rate: strides in contact order, bouts, double support, symmetry, risk."""

import heapq
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.bouts import BOUT_END_NS, BoutBuilder, double_support_percent
from kernels.clearance import ClearanceCheck
from kernels.config import FootConfig
from kernels.errors import KernelInputError
from kernels.faults import FootFaults
from kernels.foot import Findings, FootKernel
from kernels.personal import (
    CIRCUMDUCTION_OVER_MM,
    STEPPAGE_OVER_PERCENT,
    Baseline,
    Personal,
)
from kernels.plausible import implausible
from kernels.records import MISSING_NS, DragKind, EventKind, Flag, Sensor, Strike
from kernels.risk import TripRisk
from kernels.walk_records import Affected, GaitBout, GaitEvent, GaitStride, Side

__all__ = ["HOLD_NS", "SILENT_NS", "Walk"]

HOLD_NS = 1_000_000_000
"""A foot's stride is out at most so long after its contact (the kernel waits 0.5 s for the heel
lead, and for the next flat foot where there is an IMU)."""
SILENT_NS = 2_000_000_000
"""A foot silent for so long of the other's time does not hold it up."""
Outcome = GaitEvent | GaitStride | GaitBout
_NUMBERS = (
    "strike_index",
    "heel_lead_ms",
    "pitch_at_contact_deg",
    "pitch_at_toe_off_deg",
    "max_dorsiflexion_deg",
    "stride_length_m",
    "clearance_mm",
    "lift_mm",
    "lateral_excursion_mm",
    "impulse_heel",
    "impulse_midfoot",
    "impulse_forefoot",
    "peak_heel",
    "peak_midfoot",
    "peak_forefoot",
)


def _time(value: Any) -> int | None:
    return None if value == MISSING_NS else int(value)


def _seconds(start: int | None, stop: int | None) -> float | None:
    return None if start is None or stop is None else (stop - start) / 1e9


class Walk:
    """Two feet walking: `FootKernel` per foot, and what needs both.

    Parameters
    ----------
    feet : mapping of side to FootConfig
        One or both feet.
    affected : {"none", "left", "right", "both"}
        The leg with foot drop; the reference of the symmetry index follows from it.
    landed : callable, optional
        Takes each stride as one foot alone gives it, at once: without what needs the other foot or
        the baseline. The complete one follows in its order, about 1 s after the contact.

    Notes
    -----
    Events pass at once. Strides and bouts come in the order of contact, the same for any cut of the
    streams and any interleaving of left and right whose feet stay within 2 s of each other.
    """

    def __init__(
        self,
        feet: Mapping[Side, FootConfig],
        affected: Affected = "none",
        landed: Callable[[GaitStride], None] | None = None,
    ) -> None:
        if not feet or set(feet) - {"left", "right"}:
            raise KernelInputError(
                "config", f"feet are {sorted(feet)}, give 'left', 'right' or both"
            )
        if affected not in ("none", "left", "right", "both"):
            raise KernelInputError(
                "config", f"affected is {affected!r}, give none, left, right, both"
            )
        self._kernels: dict[Side, FootKernel] = {s: FootKernel(feet[s]) for s in sorted(feet)}
        self._affected: Affected = affected
        self._landed = landed
        self._seen: dict[Side, int | None] = dict.fromkeys(self._kernels)
        self._first_ns: int | None = None
        self._waiting: list[tuple[int, str, GaitStride, list[float] | None]] = []
        self._recent: dict[Side, deque[GaitStride]] = {
            "left": deque(maxlen=4),
            "right": deque(maxlen=4),
        }
        self._risk = {side: TripRisk() for side in self._kernels}
        self._clearance = {side: ClearanceCheck() for side in self._kernels}
        self._faults = {s: FootFaults(s, len(feet[s].x)) for s in self._kernels}
        self._personal = Personal(affected)
        self._bout = BoutBuilder(affected)

    def baseline(self, side: Side) -> Baseline | None:
        """Return what is usual for this foot; None before ten plain strides."""
        return self._personal.baseline(side)

    def faults(self, side: Side) -> tuple[str, ...]:
        """Return the technical faults of a foot that hold now, in the order they began."""
        return self._faults[side].active

    def push(
        self,
        side: Side,
        time_ns: NDArray[np.int64],
        load: NDArray[np.float32] | None,
        imu: NDArray[np.float32] | None,
    ) -> list[Outcome]:
        """Take samples of one foot (see `FootKernel.push`); return what became certain.

        Raises
        ------
        KernelInputError
            For a side that was not configured, and whatever `FootKernel.push` refuses.
        """
        kernel = self._kernels.get(side)
        if kernel is None:
            known = ", ".join(self._kernels)
            raise KernelInputError("config", f"no foot {side!r} here, only {known}; configure it")
        out: list[Outcome] = []
        faults = self._faults[side]
        for poll, piece in faults.pieces(time_ns, load, imu):
            if poll:
                out += faults.poll(kernel.imu_fault)
            out += self._take(side, kernel.push(*piece))
            faults.see(piece)
        if len(time_ns):
            self._seen[side] = int(time_ns[-1])
            if self._first_ns is None:
                self._first_ns = int(time_ns[0])
        self._release(self._watermark(), out)
        return out

    def finish(self) -> list[Outcome]:
        """Close both feet; return the rest, the open bout last."""
        out: list[Outcome] = []
        for side, kernel in self._kernels.items():
            out += self._take(side, kernel.finish())
            out += self._faults[side].poll(kernel.imu_fault)
        self._release(None, out)
        return out

    # -- from the kernel's arrays to records -----------------------------------------------

    def _take(self, side: Side, findings: Findings) -> list[Outcome]:
        out: list[Outcome] = []
        for time_ns, decided_ns, kind, detail in findings.events.tolist():
            event = self._event(side, time_ns, decided_ns, EventKind(kind), detail)
            if event is not None:
                out.append(event)
        for row in findings.strides:
            stride = self._stride(side, row)
            if self._landed is not None:
                self._landed(stride)
            if stride.stride_length_m is not None:
                self._faults[side].note_measured()
            heapq.heappush(self._waiting, (stride.time_ns, side, stride, self._curve(row)))
        return out

    def _event(
        self, side: Side, time_ns: int, decided_ns: int, kind: EventKind, detail: int
    ) -> GaitEvent | None:
        if kind == EventKind.STRIKE:
            name = Strike(detail).name.lower()
            return GaitEvent(time_ns, decided_ns, side, "initial_contact", name)
        if kind == EventKind.TOE_OFF:
            return GaitEvent(time_ns, decided_ns, side, "toe_off")
        if kind == EventKind.TOE_DRAG:
            name = DragKind(detail).name.lower()
            return GaitEvent(time_ns, decided_ns, side, "toe_drag", name)
        if kind == EventKind.NEAR_TRIP:
            return GaitEvent(time_ns, decided_ns, side, "near_trip")
        return None

    def _stride(self, side: Side, row: np.void) -> GaitStride:
        flags = Flag(int(row["flags"]))
        valid = bool(flags & Flag.VALID_SWING)
        contact = int(row["initial_contact_ns"])
        previous, toe_off = _time(row["previous_contact_ns"]), _time(row["toe_off_ns"])
        numbers: dict[str, Any] = {}
        for name in _NUMBERS:
            value = float(row[name])
            numbers[name] = None if math.isnan(value) else value
        drag_ms = float(row["drag_ms"])
        return GaitStride(
            time_ns=contact,
            decided_ns=int(row["decided_ns"]),
            side=side,
            strike=Strike(int(row["strike"])).name.lower(),  # type: ignore[arg-type] # the enum's names are the literals
            previous_contact_ns=previous,
            heel_off_ns=_time(row["heel_off_ns"]),
            toe_off_ns=toe_off,
            stride_s=_seconds(previous, contact),
            stance_s=_seconds(previous, toe_off),
            swing_s=_seconds(toe_off, contact),
            toe_drag=DragKind(int(row["drag"])).name.lower() if valid else None,  # type: ignore[arg-type] # same
            drag_ms=drag_ms if valid and not math.isnan(drag_ms) else None,
            valid_swing=valid,
            sources=tuple(s.name.lower() for s in Sensor if s & int(row["sources"]) and s.name),
            flags=tuple(
                f.name.lower() for f in Flag if f & flags and f.name and f != Flag.VALID_SWING
            ),
            **numbers,
        )

    def _curve(self, row: np.void) -> list[float] | None:
        """Return heel, midfoot and forefoot over the stance as shares of the total's peak."""
        heel, mid, fore = (row[f"curve_{r}"].tolist() for r in ("heel", "midfoot", "forefoot"))
        peak = max(map(sum, zip(heel, mid, fore, strict=True)))
        if not peak > 0.0 or not math.isfinite(peak):
            return None
        return [value / peak for value in heel + mid + fore]

    # -- both feet -------------------------------------------------------------------------

    def _watermark(self) -> int | None:
        """Return the time before which no foot can bring a stride any more."""
        newest = max((t for t in self._seen.values() if t is not None), default=0)
        marks = []
        for seen in self._seen.values():
            last = self._first_ns if seen is None else seen
            if last is not None and newest - last <= SILENT_NS:
                marks.append(last - HOLD_NS)
        return min(marks, default=MISSING_NS)

    def _release(self, watermark: int | None, out: list[Outcome]) -> None:
        while self._waiting and (watermark is None or self._waiting[0][0] <= watermark):
            _, _, stride, curve = heapq.heappop(self._waiting)
            self._end_bout(stride.time_ns, out)
            if self._bout.is_full(stride.time_ns):
                self._close_bout(out, continues=True)
            first = self._bout.last_contact_ns is None and not self._bout.continued
            stride = self._complete(stride, first)
            self._bout.add(stride, curve)
            out.append(stride)
            out += self._judge_clearance(stride)
        if watermark is None or self._bout.last_contact_ns is not None:
            self._end_bout(watermark, out)

    def _end_bout(self, now_ns: int | None, out: list[Outcome]) -> None:
        last = self._bout.last_contact_ns
        if last is not None and (now_ns is None or now_ns - last > BOUT_END_NS):
            self._close_bout(out, continues=False)

    def _close_bout(self, out: list[Outcome], continues: bool) -> None:
        bout = self._bout.close(one_foot=len(self._kernels) == 1, continues=continues)
        self._bout = BoutBuilder(self._affected, continued=continues)
        if bout is not None:
            out.append(bout)

    def _complete(self, stride: GaitStride, first_of_bout: bool) -> GaitStride:
        """Add what needs the other foot and the strides before."""
        if first_of_bout:
            stride = replace(stride, previous_contact_ns=None, stride_s=None, stance_s=None)
        other: Side = "right" if stride.side == "left" else "left"
        double = double_support_percent(stride, list(self._recent[other]))
        stride = self._compare(replace(stride, double_support_percent=double))
        risk, level, reasons = self._risk[stride.side].add(stride)
        stride = replace(stride, trip_risk=risk, trip_level=level, trip_reasons=reasons)
        self._recent[stride.side].append(stride)
        return stride

    def _compare(self, stride: GaitStride) -> GaitStride:
        """Set the flags that plausible ranges and the person's baseline give; learn from it."""
        lift, excursion = self._personal.compare(stride)
        found = (
            ("implausible", implausible(stride)),
            ("steppage", lift is not None and lift > STEPPAGE_OVER_PERCENT),
            ("circumduction", excursion is not None and excursion > CIRCUMDUCTION_OVER_MM),
        )
        flags = stride.flags + tuple(name for name, holds in found if holds)
        stride = replace(stride, flags=flags, lift_over_percent=lift, excursion_over_mm=excursion)
        self._personal.learn(stride)
        return stride

    def _judge_clearance(self, stride: GaitStride) -> list[GaitEvent]:
        if stride.clearance_mm is None:
            return []
        faulty = self._clearance[stride.side].add(stride.clearance_mm)
        faults = self._faults[stride.side]
        return faults.set_clearance(faulty, stride.time_ns, stride.decided_ns)

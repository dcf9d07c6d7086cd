"""Whether the insoles are worn, and how: off, sitting, standing, walking. Streaming, both feet.

    (unknown) -> off <-> sitting <-> standing <-> walking      any -> any, after its dwell

Half seconds of sample time are judged one by one. Load is compared with what the same feet bear on
the mean in this person's walking, so no unit matters. No data for 10 s is `off`: the wire has no
word for "not known", and a time without data is never worn time.
"""

import math
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import numpy as np

from edge import wire
from hw.source import SIDES, Block, Profile, Side

__all__ = ["WearChange", "WearState", "WearWatch"]

WearState = Literal["off", "sitting", "standing", "walking"]
BIN_NS: Final = 500_000_000
LAG: Final = 4
"""Bins that a foot may be behind the other one before it counts as silent."""
STAND_ON: Final = 0.60
STAND_OFF: Final = 0.45
"""Standing begins and ends at these shares of the walking load; seated feet bear a fifth."""
EMPTY: Final = 0.02
WORN_ON: Final = 0.06
"""Shares of the walking load: an empty shoe; a foot that rests on the floor, at least."""
STILL_RAD_S: Final = 0.05
"""Root mean square about the mean in half a second; IMU noise stays under a fifth of it."""
DWELL_NS: Final = {"sitting": 2 * 10**9, "standing": 2 * 10**9, "off": 30 * 10**9, "walking": 0}
OFF_BLIND_NS: Final = 600 * 10**9
"""Without pressure cells a still shoe is off after so long: people sit still for minutes."""
STEPS: Final = 3
"""Alternating contacts that make walking, as in a bout."""
KEPT: Final = 8
"""Contacts remembered; those of the two feet may come out of order, some at a time."""
STEP_NS: Final = 4 * 10**9
"""Contacts lie closer in the slowest walking; walking is over when none came for so long."""
AFTER_STEP_NS: Final = 500_000_000
SILENT_NS: Final = 10 * 10**9
SMOOTH_ALONE: Final = 8
"""Bins over which the load of a single foot is averaged: weight goes from foot to foot."""
PRIOR_N: Final = 250.0
"""One foot's mean walking load of a light adult [N], until this person walked."""
FOLLOW: Final = 0.02
"""Share of the difference by which the reference follows a bin of walking (25 s)."""
FLOOR_SHARE: Final = 0.10
"""Preload and drift may make so much of a foot's reference."""
FLOOR_RISE: Final = 0.05
"""The floor rises by this share of the reference per hour: insoles drift."""


class WearChange(NamedTuple):
    """The wearer's state from `time_ns` on [monotonic]; `reason` is "no data" where it is that."""

    time_ns: int
    state: WearState
    reason: str = ""

    def event(self) -> wire.Wear:
        """Return it for the outbox, which gives number and wall time."""
        return wire.Wear(seq=1, time_ns=self.time_ns, state=self.state)


class _Bin(NamedTuple):
    load: float | None
    still: bool | None


class _Foot:
    """One foot's samples of the open bins, its floor and its reference load."""

    def __init__(self, cells: int, reference: float | None) -> None:
        self.cells = cells
        self.reference = reference
        self.known = False
        self.newest = -1
        self._floor = math.inf
        self._loads: dict[int, list[float]] = {}
        self._rates: dict[int, list[np.ndarray[tuple[int, int], np.dtype[np.float64]]]] = {}

    def forget(self) -> None:
        """Drop the open bins."""
        self._loads.clear()
        self._rates.clear()

    def push(self, block: Block, first: int) -> None:
        """Sort samples into bins; those before bin `first` come too late."""
        index = block.time_ns // BIN_NS
        self.newest = int(index[-1])
        for number in np.unique(index[index >= first]).tolist():
            begin, end = (int(k) for k in np.searchsorted(index, (number, number + 1)))
            if block.load is not None and self.cells:
                rows = block.load[begin:end]
                rows = rows[np.isfinite(rows).any(axis=1)]
                sums = np.asarray(np.nansum(rows, axis=1, dtype=np.float64))
                self._loads.setdefault(number, []).extend(float(value) for value in sums)
            if block.imu is not None:
                rates = block.imu[begin:end, 3:].astype(np.float64)
                self._rates.setdefault(number, []).append(rates[np.isfinite(rates).all(axis=1)])

    def take(self, number: int) -> _Bin | None:
        """Return a bin and forget it; None where the foot gave no number in it."""
        loads, rates = self._loads.pop(number, []), self._rates.pop(number, [])
        still = None
        if sum(map(len, rates)):
            rows = np.concatenate(rates)
            still = float(np.sqrt(rows.var(axis=0).sum())) < STILL_RAD_S
        if not loads:
            return None if self.cells or still is None else _Bin(None, still)
        return _Bin(self._over_floor(sum(loads) / len(loads)), still)

    def _over_floor(self, load: float) -> float:
        if self.reference is None:
            return load
        rise = self.reference * FLOOR_RISE * BIN_NS / 3.6e12
        self._floor = min(load, self._floor + rise)
        return load - min(self._floor, FLOOR_SHARE * self.reference)

    def learn(self, load: float) -> None:
        """Take a bin of walking as what the foot bears."""
        if not self.known or self.reference is None:
            self.reference, self.known = load, True
        self.reference += FOLLOW * (load - self.reference)


class WearWatch:
    """Follows the wear states of one person's device, in constant memory.

    Walking comes from the kernel's contacts, the other states from load and stillness. Without
    pressure cells it can tell walking from rest only: rest is `sitting` while a foot moves at all.
    Before the person walked for the first time and without `full_load` or cells in newtons, a
    loaded insole is called `sitting`: the least that is sure.

    Parameters
    ----------
    profile : Profile
    sides : iterable of side
        The feet that are listened to.
    full_load : float, optional
        The body weight in the unit of the loads, where it is calibrated.
    off_s : float
        Unloaded and still for so long [s] is off; ten minutes at least without cells.
    """

    def __init__(
        self,
        profile: Profile,
        sides: Iterable[Side] = SIDES,
        full_load: float | None = None,
        off_s: float = 30.0,
    ) -> None:
        self.state: WearState | None = None
        self._dwell_ns = {**DWELL_NS, "off": round(off_s * 1e9)}
        self._feet: dict[Side, _Foot] = {}
        for side in sides:
            foot = profile.foot(side)
            prior = PRIOR_N if foot.cell_unit == "N" else None
            reference = prior if full_load is None else full_load / 2
            self._feet[side] = _Foot(len(foot.x), reference)
            self._feet[side].known = full_load is not None
        if not any(foot.cells for foot in self._feet.values()):
            self._dwell_ns["off"] = max(self._dwell_ns["off"], OFF_BLIND_NS)
        self._next: int | None = None
        self._seen_ns: int | None = None
        self._told_ns = -1
        self._candidate: WearState | None = None
        self._since_ns = 0
        self._contacts: list[tuple[int, Side]] = []
        self._ratios: deque[float] = deque(maxlen=SMOOTH_ALONE)
        self._worn_ns = self._pending_ns = 0

    @property
    def worn_s(self) -> float:
        """Time with data in which the insoles were worn [s]; the denominator of every rate."""
        return self._worn_ns / 1e9

    @property
    def worn(self) -> bool:
        """Whether they are worn now, as far as is known."""
        return self.state not in (None, "off")

    def push(self, block: Block) -> list[WearChange]:
        """Take a block; return the changes that became certain, ascending in time.

        A change is dated back to when its state began. Blocks of a foot come in order of time.
        """
        foot = self._feet.get(block.side)
        if foot is None or not len(block.time_ns):
            return []
        out = self.tick(int(block.time_ns[0]))
        number = int(block.time_ns[0] // BIN_NS) if self._next is None else self._next
        foot.push(block, number)
        while self._complete(number):
            out += self._judge(number)
            number += 1
        self._next = number
        return out

    def contact(self, side: Side, time_ns: int) -> list[WearChange]:
        """Take an initial contact of the kernel; return the begin of walking."""
        self._contacts = sorted([*self._contacts, (time_ns, side)])[-KEPT:]
        if self.state == "walking":
            self._drop_candidate()
            return []
        start_ns = self._walking_since()
        return [] if start_ns is None else self._change(start_ns, "walking")

    def _walking_since(self) -> int | None:
        """Return the first of enough alternating contacts; None: there are not enough."""
        first = 0
        for i in range(1, len(self._contacts)):
            (before_ns, before), (now_ns, now) = self._contacts[i - 1 : i + 1]
            same = len(self._feet) > 1 and before == now
            if same or now_ns - before_ns > STEP_NS:
                first = i
            if i - first + 1 >= STEPS:
                return self._contacts[first][0]
        return None

    def tick(self, now_ns: int) -> list[WearChange]:
        """Take note of the time on the blocks' clock; return `off` after 10 s without any data."""
        if self._seen_ns is None or now_ns - self._seen_ns < SILENT_NS:
            return []
        self._next = None
        for foot in self._feet.values():
            foot.forget()
        return self._silence(self._seen_ns)

    def _silence(self, since_ns: int) -> list[WearChange]:
        self._contacts.clear()
        self._ratios.clear()
        self._drop_candidate()
        return self._change(since_ns, "off", "no data") if self.worn else []

    # -- one bin ----------------------------------------------------------------------------

    def _complete(self, number: int) -> bool:
        newest = [foot.newest for foot in self._feet.values()]
        return min(newest) > number or max(newest) > number + LAG

    def _judge(self, number: int) -> list[WearChange]:
        bins = {s: b for s, foot in self._feet.items() if (b := foot.take(number)) is not None}
        begin_ns, end_ns = number * BIN_NS, (number + 1) * BIN_NS
        if not bins:
            seen_ns = begin_ns if self._seen_ns is None else self._seen_ns
            return self._silence(seen_ns) if end_ns - seen_ns >= SILENT_NS else []
        self._seen_ns = end_ns
        if self.state == "walking" and end_ns - self._contacts_end() < STEP_NS / 4:
            self._learn(bins)
        return self._weigh(self._posture(bins), begin_ns, end_ns)

    def _contacts_end(self) -> int:
        return self._contacts[-1][0] if self._contacts else -STEP_NS

    def _learn(self, bins: dict[Side, _Bin]) -> None:
        if len(bins) == len(self._feet):
            total = sum(found.load or 0.0 for found in bins.values())
            for side, found in bins.items():
                if found.load is not None and total > 0:
                    self._feet[side].learn(total / len(bins))

    def _posture(self, bins: dict[Side, _Bin]) -> WearState | None:
        """Return what a bin looks like; None where it says nothing new."""
        loads = [found.load for found in bins.values() if found.load is not None]
        still = [found.still for found in bins.values()]
        unmoved = False not in still
        if not loads:
            return "off" if unmoved else "sitting" if self.worn else None
        ratio, known = self._ratio(bins)
        if ratio is None:
            return "sitting" if sum(loads) > 0 and not unmoved else None
        if ratio < (WORN_ON if self.state in (None, "off") else EMPTY):
            return "off" if unmoved else None
        standing = STAND_OFF if self.state == "standing" else STAND_ON
        return "standing" if known and ratio >= standing else "sitting"

    def _ratio(self, bins: dict[Side, _Bin]) -> tuple[float | None, bool]:
        """Return the load as a share of that in walking, and whether newtons or steps say so."""
        pairs = [
            (found.load, self._feet[side].reference)
            for side, found in bins.items()
            if found.load is not None
        ]
        whole = sum(reference or 0.0 for _, reference in pairs)
        if not whole:
            return None, False
        self._ratios.append(sum(load or 0.0 for load, _ in pairs) / whole)
        if len(pairs) > 1:
            return self._ratios[-1], True
        return sum(self._ratios) / len(self._ratios), True

    def _weigh(self, posture: WearState | None, begin_ns: int, end_ns: int) -> list[WearChange]:
        """Hold a posture against the state: count worn time, change after the dwell."""
        walks = self.state == "walking" and end_ns - self._contacts_end() < STEP_NS
        if self.state == "walking" and not walks and posture in (None, "off"):
            return self._stop_walking("sitting", 0)
        if posture is None or posture == self.state:
            self._drop_candidate()
            self._worn_ns += BIN_NS * self.worn
            return []
        if posture != self._candidate:
            self._drop_candidate()
            self._candidate, self._since_ns = posture, begin_ns
        if (posture == "off") == self.worn:
            self._pending_ns += BIN_NS
        else:
            self._worn_ns += BIN_NS * self.worn
        if walks or end_ns - self._since_ns < self._dwell_ns[posture]:
            return []
        if self.state == "walking":
            return self._stop_walking(posture, self._since_ns)
        return self._change(self._since_ns, posture)

    def _stop_walking(self, posture: WearState, since_ns: int) -> list[WearChange]:
        """No step for long: the posture began after the last one. `sitting` is the least claim."""
        since_ns = max(since_ns, self._contacts_end() + AFTER_STEP_NS)
        self._contacts.clear()
        return self._change(since_ns, posture)

    def _drop_candidate(self) -> None:
        """The candidate did not last: its time belongs to the state that holds."""
        self._worn_ns += self._pending_ns * self.worn
        self._candidate, self._pending_ns = None, 0

    def _change(self, time_ns: int, state: WearState, reason: str = "") -> list[WearChange]:
        if state == self.state:
            return []
        if state != "off":
            self._worn_ns += self._pending_ns
        self._candidate, self._pending_ns = None, 0
        self.state = state
        self._told_ns = max(time_ns, self._told_ns + 1)
        return [WearChange(self._told_ns, state, reason)]

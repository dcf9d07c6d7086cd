"""What the device counted, clock hour by clock hour: the completeness of the store is held
against it.

    events and blocks ─> counts of their own hour ─> state file ─> `wire.Tally`, 11 min after the
                                                                   hour

Promised: every stride, swing and drag is counted once, with its own event and in the hour of its
event time. The tallies of one hour add up; one that comes again, after a kill within half a minute,
has the same numbers and lies in the same millisecond, by which it is known. The counts are saved
five seconds after an event. Over a clean stop they are exact: what is not over is told by the next
run. A kill or a power cut loses the counts since the last save, at most those of five seconds: the
tally then says less than what was committed meanwhile, never more than happened.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from edge import wire
from edge.alerts.keeper import Keeper
from edge.companion import Companion, Emit
from hw.source import Block

__all__ = ["CLOSE_NS", "HOUR_NS", "PART_NS", "Hour", "Tally"]

HOUR_NS: Final = 3600 * 10**9
CLOSE_NS: Final = 660 * 10**9
"""An hour is told so long after its end: wear changes are dated back by up to ten minutes."""
PART_NS: Final = 1_000_000
"""Tallies of one hour are a millisecond apart, the first a millisecond into the hour: the last
microsecond of an event's time may be changed (edge/eventtime.py), which must not move the hour."""
SAVE_NS: Final = 5 * 10**9
IDLE_SAVE_NS: Final = 60 * 10**9
"""Where nothing but samples and time was counted: a card is not worn out by standing still."""
SETTLED_NS: Final = 30 * 10**9
"""An emitted tally is on disk by then; before, a restart emits it again."""
MOST_HOURS: Final = 400
"""Hours kept while no clock is known; the oldest are added up beyond them."""
LATEST_PARTS: Final = 48


class Hour(msgspec.Struct):
    """The counts of one hour; the fields are those of `wire.Tally`, but `is_wear_known`."""

    duration_s: float = 0.0
    worn_s: float = 0.0
    is_wear_known: bool = False
    strides_left: int = 0
    strides_right: int = 0
    valid_swings_left: int = 0
    valid_swings_right: int = 0
    drags_left: int = 0
    drags_right: int = 0
    samples_left: int = 0
    samples_right: int = 0
    samples_lost_left: int = 0
    samples_lost_right: int = 0
    events_lost: int = 0

    def add(self, name: str, count: float) -> None:
        """Add to a field."""
        setattr(self, name, getattr(self, name) + count)

    def event(self, time_ns: int) -> wire.Tally:
        """Return the tally at a monotonic time."""
        counts = {
            name: getattr(self, name)
            for name in wire.Tally.__struct_fields__
            if name not in ("seq", "time_ns", "duration_s", "worn_s")
        }
        worn_s = min(self.worn_s, self.duration_s) if self.is_wear_known else None
        return wire.Tally(
            seq=1, time_ns=time_ns, duration_s=min(self.duration_s, 3600.0), worn_s=worn_s, **counts
        )


class _Kept(msgspec.Struct):
    """The state file. Hours begin at a wall time where `clock` is empty, else at a monotonic time
    of that clock; `told` are emitted tallies by their wall time."""

    clock: str
    hours: dict[int, Hour] = {}
    unknown: dict[int, Hour] = {}
    parts: dict[int, int] = {}
    told: dict[int, Hour] = {}


class Tally(Companion):
    """Counts; see the module.

    Parameters
    ----------
    path : Path
        The state file.
    clock_name : str
        Name of the monotonic clock.
    dropped : callable, optional
        Returns how many events were dropped since the agent's start.
    is_paused : callable
        Whether the patient has paused sharing: strides are not counted then, nor sent.
    keeper : Keeper, optional
        Another way to the disk than a thread.
    """

    def __init__(
        self,
        path: Path,
        clock_name: str,
        *,
        dropped: Callable[[], int] | None = None,
        is_paused: Callable[[], bool] = lambda: False,
        keeper: Keeper | None = None,
    ) -> None:
        self._keeper = keeper or Keeper(path)
        self._clock_name = clock_name
        self._dropped = dropped or (lambda: 0)
        self._is_paused = is_paused
        self._seen_dropped = 0
        self._offset_ns: int | None = None
        self._hours: dict[int, Hour] = {}
        self._unknown: dict[int, Hour] = {}
        self._parts: dict[int, int] = {}
        self._told: dict[int, Hour] = {}
        self._told_ns: int | None = None
        self._is_changed = False
        self._counted_ns: int | None = None
        self._wear: tuple[int, bool] | None = None
        self._saved_ns = 0
        self._emit: Emit | None = None
        self._load()

    def started(self, emit: Emit) -> None:
        """Take note of the way to the outbox."""
        self._emit = emit

    # -- counting -----------------------------------------------------------------------------

    def _hour(self, time_ns: int) -> Hour:
        """Return the counts that a monotonic time belongs to."""
        if self._offset_ns is None:
            if len(self._unknown) > MOST_HOURS:
                oldest, second, *_ = sorted(self._unknown)
                _merge(self._unknown[second], self._unknown.pop(oldest))
            return self._unknown.setdefault(time_ns - time_ns % HOUR_NS, Hour())
        wall_ns = time_ns + self._offset_ns
        return self._hours.setdefault(wall_ns - wall_ns % HOUR_NS, Hour())

    def block(self, block: Block, now_ns: int) -> Iterable[wire.Event]:
        """Count samples; a block lies in the hour of its last one."""
        if len(block.time_ns):
            hour = self._hour(int(block.time_ns[-1]))
            hour.add(f"samples_{block.side}", len(block.time_ns))
        return ()

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Count what goes to the outbox."""
        self._is_changed = True
        if isinstance(event, wire.Stride) and not self._is_paused():
            hour = self._hour(event.time_ns)
            hour.add(f"strides_{event.side}", 1)
            hour.add(f"valid_swings_{event.side}", event.valid_swing)
            hour.add(f"drags_{event.side}", event.toe_drag not in (None, "none"))
        elif isinstance(event, wire.Gap):
            self._count_gap(event)
        elif isinstance(event, wire.Wear):
            self._count_worn(event.time_ns)
            self._wear = event.time_ns, event.state != "off"
        return ()

    def _count_gap(self, gap: wire.Gap) -> None:
        if gap.what == "samples" and gap.side is not None:
            self._hour(gap.time_ns).add(f"samples_lost_{gap.side}", gap.lost)
        elif gap.what in ("events", "alerts"):
            self._hour(gap.time_ns).add("events_lost", gap.lost)

    def _count_worn(self, until_ns: int) -> None:
        """Count the time since the last change; up to the next one it is the present state's."""
        if self._wear is None:
            return
        since_ns, is_worn = self._wear
        for begin_ns, end_ns in self._cut(since_ns, until_ns):
            hour = self._hour(begin_ns)
            hour.is_wear_known = True
            hour.worn_s += (end_ns - begin_ns) / 1e9 * is_worn
        self._wear = max(since_ns, until_ns), is_worn

    def _cut(self, begin_ns: int, end_ns: int) -> Iterable[tuple[int, int]]:
        """Cut a span at the hours."""
        shift_ns = self._offset_ns or 0
        while begin_ns < end_ns:
            at_ns = begin_ns + HOUR_NS - (begin_ns + shift_ns) % HOUR_NS
            yield begin_ns, min(at_ns, end_ns)
            begin_ns = at_ns

    # -- telling ------------------------------------------------------------------------------

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """Count time and losses, tell hours that are over, save."""
        self._follow(offset_ns)
        if self._counted_ns is not None:
            for begin_ns, end_ns in self._cut(self._counted_ns, now_ns):
                self._hour(begin_ns).duration_s += (end_ns - begin_ns) / 1e9
        self._counted_ns = now_ns
        dropped = self._dropped()
        if dropped > self._seen_dropped:
            self._hour(now_ns).events_lost += dropped - self._seen_dropped
            self._seen_dropped = dropped
        self._settle(now_ns)
        if self._offset_ns is not None:
            last_ns = now_ns + self._offset_ns - CLOSE_NS
            if any(begin_ns + HOUR_NS <= last_ns for begin_ns in self._hours):
                self._count_worn(now_ns - CLOSE_NS)
            self._tell(last_ns, now_ns)
        if now_ns - self._saved_ns >= (SAVE_NS if self._is_changed else IDLE_SAVE_NS):
            self._save(now_ns)
        return ()

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """Count up to now and save; hours that are not over are told by the next run."""
        self.tick(now_ns, self._offset_ns)
        self._count_worn(now_ns)
        self._save(now_ns)
        self._keeper.close()
        return ()

    def _follow(self, offset_ns: int | None) -> None:
        """The clock became known, or turned out to have been wrong: hours not told move."""
        if offset_ns is None or offset_ns == self._offset_ns:
            return
        self._offset_ns = offset_ns
        waiting, self._unknown = self._unknown, {}
        for begin_ns, counts in waiting.items():
            _merge(self._hour(begin_ns), counts)

    def _tell(self, before_ns: int, now_ns: int) -> None:
        """Emit the hours that ended before a wall time; they stay in the file for a while."""
        over = sorted(begin_ns for begin_ns in self._hours if begin_ns + HOUR_NS <= before_ns)
        for begin_ns in over:
            hour = self._hours.pop(begin_ns)
            if hour == Hour():
                continue
            part = self._parts[begin_ns] = self._parts.get(begin_ns, 0) + 1
            self._told[begin_ns + part * PART_NS] = hour
            self._emit_told(begin_ns + part * PART_NS, now_ns)
        if over:
            self._parts = dict(sorted(self._parts.items())[-LATEST_PARTS:])
            self._save(now_ns)

    def _emit_told(self, wall_ns: int, now_ns: int) -> None:
        assert self._offset_ns is not None
        if self._emit is not None:
            self._emit(self._told[wall_ns].event(wall_ns - self._offset_ns))
        self._told_ns = now_ns

    def _settle(self, now_ns: int) -> None:
        """Emit again what the last run may not have committed; let go of what is on disk."""
        if not self._told or self._offset_ns is None:
            return
        if self._told_ns is None:
            for wall_ns in self._told:
                self._emit_told(wall_ns, now_ns)
        elif now_ns - self._told_ns >= SETTLED_NS:
            self._told.clear()
            self._is_changed = True

    # -- over a restart -----------------------------------------------------------------------

    def _save(self, now_ns: int) -> None:
        self._saved_ns, self._is_changed = now_ns, False
        kept = _Kept(self._clock_name, self._hours, self._unknown, self._parts, self._told)
        self._keeper.save(msgspec.json.encode(kept))

    def _load(self) -> None:
        data = self._keeper.load()
        if data is None:
            return
        try:
            kept = msgspec.json.decode(data, type=_Kept)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._keeper.set_aside(str(error))
            return
        self._hours, self._parts, self._told = kept.hours, kept.parts, kept.told
        if kept.clock == self._clock_name:
            self._unknown = kept.unknown


def _merge(hour: Hour, other: Hour) -> None:
    for name in Hour.__struct_fields__:
        if name == "is_wear_known":
            hour.is_wear_known = hour.is_wear_known or other.is_wear_known
        else:
            hour.add(name, getattr(other, name))

"""The companion that runs the rules: what they say is kept on disk, then told.

    record, wear, time ─> rule ─> change ─> state file ─> alert ─> outbox
                                  (raised, waiting)        └─ waiting until it is committed

A restart emits again what may not have reached the outbox: the same id, so the pipeline takes it
once. Technical alarms of a foot keep gait alarms of that foot from being raised.
"""

import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from edge import wire
from edge.alerts.book import Fault, Kept, Open, Waiting, alert_event, alert_id, clock_mark
from edge.alerts.drags import RepeatedToeDrag
from edge.alerts.keeper import Keeper
from edge.alerts.rule import Change, Rule, Situation
from edge.alerts.technical import BatteryLow, ClockUnknown, NotWorn, SensorSilent
from edge.alerts.walking import HighTripRisk, NearTrips
from edge.companion import Companion, Emit
from edge.events import MINOR_FAULTS, SENSOR_FAULT, Record
from hw.source import SIDES, Block, Side
from kernels import GaitBout, GaitStride

__all__ = ["RULES", "AlertRules", "Progress"]

RULES: Final[tuple[type[Rule], ...]] = (
    RepeatedToeDrag,
    HighTripRisk,
    NearTrips,
    BatteryLow,
    NotWorn,
    SensorSilent,
    ClockUnknown,
)
SAVE_NS: Final = 10 * 10**9
"""Windows are saved so often while they change; what is raised is saved at once."""
FAULT_AGAIN_NS: Final = 600 * 10**9
"""A sensor fault that does not come again for so long after a restart is over."""
MOST_WAITING: Final = 50
"""A disk that hangs for days must not fill the memory; an alert that is let go was emitted."""
SETTLED_NS: Final = 30 * 10**9
"""Without `progress`, an emitted alert counts as committed after this."""

_OTHER_VERSION: Final = (KeyError, TypeError, ValueError, IndexError)
"""What a rule's state of another version may raise: the rule begins anew."""

Affected = Literal["none", "left", "right", "both"]
Progress = Callable[[], tuple[int, int]]
"""How many events were queued and how many of them are on disk, since the agent's start."""


class AlertRules(Companion):
    """Decides alerts; see the module.

    Parameters
    ----------
    path : Path
        The state file.
    clock_name : str
        Name of the monotonic clock (`edge.clock.machine_clock_name`): after a restart on the same
        clock its times go on to count.
    affected : {"none", "left", "right", "both"}
        The leg with foot drop, until a `Setup` says otherwise; none and both: each by itself.
    feet : sequence of {"left", "right"}
        Which have a sensor.
    zone : str
        IANA time zone until a `Setup` names one; empty: this machine's.
    battery : callable, optional
        Returns the charge by foot [%].
    progress : Progress, optional
        Says when an alert is on disk.
    keeper : Keeper, optional
        Another way to the disk than a thread.
    """

    def __init__(
        self,
        path: Path,
        clock_name: str,
        affected: Affected = "none",
        *,
        feet: Sequence[Side] = SIDES,
        zone: str = "",
        battery: Callable[[], Mapping[Side, float | None]] | None = None,
        progress: Progress | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._keeper = keeper or Keeper(path)
        self._clock_name, self._mark = clock_name, clock_mark(clock_name)
        self._affected, self._zone_name = affected, zone
        self._battery = battery or dict
        self._progress = progress
        self._rules = [kind() for kind in RULES]
        self._now = Situation(feet=tuple(feet), sides=_watched(affected), zone=_zone(zone))
        self._open: dict[str, Open] = {}
        self._waiting: list[Waiting] = []
        self._faults: dict[str, Fault] = {}
        self._forgot_ns = 0
        self._emit: Emit | None = None
        self._is_begun = False
        self._is_changed = False
        self._saved_ns = 0
        self._late = self._load()
        """What hangs on the clock and is not taken up yet."""

    @property
    def raised(self) -> tuple[str, ...]:
        """Ids of what is raised now."""
        return tuple(self._open)

    # -- what comes in ------------------------------------------------------------------------

    def started(self, emit: Emit) -> None:
        """Take note of the way to the outbox."""
        self._emit = emit

    def block(self, block: Block, now_ns: int) -> Iterable[wire.Event]:
        """Take note that a foot's sensor is alive."""
        if len(block.time_ns):
            self._at(now_ns)
            self._now.seen_ns[block.side] = now_ns
            for part, values in (("pressure", block.load), ("IMU", block.imu)):
                if values is not None and np.isfinite(values).any():
                    self._now.heard_ns[block.side, part] = now_ns
                elif values is not None:
                    self._now.heard_ns.setdefault((block.side, part), now_ns)
        return ()

    def record(self, record: Record, now_ns: int) -> Iterable[wire.Event]:
        """Give a stride or moment of a trusted foot to the rules."""
        self._at(now_ns)
        if isinstance(record, GaitBout) or record.side in self._blind():
            return ()
        for rule in self._rules:
            if isinstance(record, GaitStride):
                self._take(rule, rule.stride(record, self._now))
                self._is_changed = True
            else:
                self._take(rule, rule.moment(record, self._now))
        return ()

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Look at wear states and sensor faults that others found."""
        self._at(now_ns)
        if isinstance(event, wire.Wear):
            for rule in self._rules:
                self._take(rule, rule.wear(event, self._now))
            self._is_changed = True
        elif isinstance(event, wire.Alert) and event.rule == SENSOR_FAULT:
            self._see_fault(event)
        return ()

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """Look at the time, at what has reached the disk, and save now and then."""
        self._at(now_ns)
        self._now.offset_ns = offset_ns
        self._now.battery_percent = self._battery()
        self._tell_again()
        for rule in self._rules:
            self._take(rule, rule.tick(self._now))
        self._end_old_faults()
        self._settle()
        if self._is_changed and now_ns - self._saved_ns >= SAVE_NS:
            self._save()
        return ()

    def setup(self, setup: wire.Setup) -> None:
        """Use the therapist's thresholds, affected leg and zone."""
        self._now.thresholds = setup.thresholds
        self._now.sides = _watched(setup.affected or self._affected)
        self._now.zone = _zone(setup.zone or self._zone_name)

    def request(self, request: wire.Request) -> None:
        """Forget, once, what was learnt and raised before a time."""
        if not isinstance(request, wire.Forget) or request.before_ns <= self._forgot_ns:
            return
        self._forgot_ns = request.before_ns
        before = datetime.fromtimestamp(request.before_ns / 1e9, self._now.zone or UTC)
        for rule in self._rules:
            rule.forget(before.date().isoformat())
        self._open.clear()
        self._waiting.clear()
        self._know_raised()
        self._save()

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """Save, and bring into the outbox what waited for the disk."""
        self._at(now_ns)
        self._save()
        self._keeper.close()
        self._emit_waiting()
        return ()

    # -- what the rules say -------------------------------------------------------------------

    def _at(self, now_ns: int) -> None:
        self._now.now_ns = now_ns
        if not self._is_begun:
            self._is_begun = True
            self._now.started_ns = self._saved_ns = now_ns

    def _blind(self) -> set[Side]:
        """Return the feet whose strides prove nothing."""
        names = {rule.name for rule in self._rules if rule.blinds}
        found = {side for name, side in self._now.raised if name in names}
        found |= {f.side for f in self._faults.values() if f.seen and f.priority != "low"}
        return {side for side in found if side is not None}

    def _take(self, rule: Rule, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.raised == ((rule.name, change.side) in self._now.raised):
                continue
            if change.raised:
                number = alert_id(rule, change, self._mark)
                self._open[number] = Open(rule.name, change.side, number)
            else:
                key = (rule.name, change.side)
                number = next(n for n, each in self._open.items() if each.key == key)
                del self._open[number]
            self._know_raised()
            self._announce(alert_event(rule, change, number))

    def _know_raised(self) -> None:
        self._now.raised = {each.key for each in self._open.values()}

    def _announce(self, event: wire.Event) -> None:
        """Store first, then emit."""
        self._waiting.append(Waiting(event))
        self._save(self._emit_waiting)

    def _emit_waiting(self) -> None:
        for index, each in enumerate(self._waiting):
            if each.after is None and self._emit is not None:
                self._waiting[index] = msgspec.structs.replace(each, after=2**62)
                self._emit(each.event)
                self._waiting[index] = Waiting(each.event, self._queued())

    def _queued(self) -> int:
        if self._progress is not None:
            return self._progress()[0]
        return self._now.now_ns + SETTLED_NS

    def _settle(self) -> None:
        """Let go of what is committed."""
        done = self._progress()[1] if self._progress is not None else self._now.now_ns
        left = [each for each in self._waiting if each.after is None or each.after > done]
        left = left[-MOST_WAITING:]
        is_shorter = len(left) < len(self._waiting)
        self._waiting = left
        if is_shorter:
            self._save()

    # -- sensor faults ------------------------------------------------------------------------

    def _see_fault(self, alert: wire.Alert) -> None:
        if alert.raised:
            priority = "low" if alert.detail in MINOR_FAULTS else alert.priority
            self._faults[alert.id] = Fault(alert.id, alert.side, priority, alert.detail)
        else:
            self._faults.pop(alert.id, None)
        self._save()

    def _end_old_faults(self) -> None:
        """Clear faults of before a restart that the samples since then do not show any more."""
        if self._now.now_ns - self._now.started_ns < FAULT_AGAIN_NS:
            return
        for fault in [each for each in self._faults.values() if not each.seen]:
            seen_ns = self._now.seen_ns.get(fault.side) if fault.side else None
            if seen_ns is None or self._now.now_ns - seen_ns > 10**9:
                continue
            del self._faults[fault.id]
            gone = wire.Alert(
                seq=1,
                time_ns=self._now.now_ns,
                id=fault.id,
                rule=SENSOR_FAULT,
                side=fault.side,
                priority="low" if fault.priority == "low" else "medium",
                raised=False,
                detail=fault.detail,
                technical=True,
            )
            self._announce(gone)

    # -- over a restart -----------------------------------------------------------------------

    def _save(self, then: Callable[[], None] | None = None) -> None:
        if self._late is not None:
            self._restore_times(self._shift_ns(self._late))
        kept = Kept(
            clock=self._clock_name,
            offset_ns=self._now.offset_ns,
            open=tuple(self._open.values()),
            waiting=tuple(each.event for each in self._waiting),
            faults=tuple(self._faults.values()),
            forgot_ns=self._forgot_ns,
            rules={rule.name: rule.keep() for rule in self._rules},
        )
        self._is_changed, self._saved_ns = False, self._now.now_ns
        self._keeper.save(msgspec.json.encode(kept), then)

    def _load(self) -> Kept | None:
        data = self._keeper.load()
        if data is None:
            return None
        try:
            kept = msgspec.json.decode(data, type=Kept)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._keeper.set_aside(str(error))
            return None
        self._forgot_ns = kept.forgot_ns
        self._open = {each.id: each for each in kept.open}
        self._faults = {each.id: msgspec.structs.replace(each, seen=False) for each in kept.faults}
        self._know_raised()
        for rule in self._rules:
            with suppress(*_OTHER_VERSION):
                rule.restore(kept.rules[rule.name])
        return kept

    def _tell_again(self) -> None:
        """Take up what hangs on the clock, and emit what may not have reached the outbox.

        On another clock the times are moved by the two offsets; the new one is awaited a little.
        """
        if self._late is None:
            return
        shift_ns = self._shift_ns(self._late)
        is_early = self._now.now_ns - self._now.started_ns < SETTLED_NS
        if shift_ns is None and self._late.offset_ns is not None and is_early:
            return
        self._restore_times(shift_ns)
        self._emit_waiting()

    def _shift_ns(self, kept: Kept) -> int | None:
        """Return this clock less the old one; None where that cannot be known (yet)."""
        if kept.clock == self._clock_name:
            return 0
        if kept.offset_ns is None or self._now.offset_ns is None:
            return None
        return kept.offset_ns - self._now.offset_ns

    def _restore_times(self, shift_ns: int | None) -> None:
        assert self._late is not None
        kept, self._late = self._late, None
        for rule in self._rules:
            if shift_ns is not None:
                with suppress(*_OTHER_VERSION):
                    rule.restore_times(kept.rules[rule.name], shift_ns)
        waiting = []
        for event in kept.waiting:
            at_ns = self._now.now_ns if shift_ns is None else event.time_ns + shift_ns
            waiting.append(Waiting(msgspec.structs.replace(event, time_ns=at_ns)))
        self._waiting = waiting + self._waiting


def _watched(affected: Affected) -> tuple[Side, ...]:
    return (affected,) if affected in ("left", "right") else SIDES


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    """Return a zone; None, this machine's, where there is no such."""
    with suppress(zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo(name) if name else None
    return None

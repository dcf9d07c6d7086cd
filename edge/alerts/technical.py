"""Technical rules: the measuring is in doubt, not the gait. No data is never good news."""

from collections.abc import Iterable
from typing import Any, Final

from edge import wire
from edge.alerts.rule import Change, Rule, Situation
from hw.source import Side

__all__ = ["BatteryLow", "ClockUnknown", "NotWorn", "SensorSilent"]

BATTERY_AGAIN_PERCENT: Final = 5.0
"""A battery is well again so far above the threshold: its reading moves with the load."""
DAY_FROM, DAY_TO = 9, 20
"""Hours of the patient's day in which the insoles should be worn."""
SILENT_NS: Final = 30 * 10**9
"""A foot's sensor is silent after so long; a technical alarm is due within 60 s."""
ALIVE_NS: Final = 5 * 10**9
CLOCK_NS: Final = 900 * 10**9
"""A Pi with a network knows the time within a minute or two."""


class BatteryLow(Rule):
    """Raise under `battery_percent`; clear when charged."""

    name = "battery_low"
    priority = "low"
    technical = True

    def tick(self, now: Situation) -> Iterable[Change]:
        """Look at the batteries that are known."""
        limit = now.thresholds.battery_percent
        for side, percent in now.battery_percent.items():
            if percent is None:
                continue
            is_raised = (self.name, side) in now.raised
            if percent < limit and not is_raised:
                detail = f"battery of the {side} insole at {percent:.0f} %"
                yield Change(True, side, now.now_ns, detail)
            elif is_raised and percent >= min(limit + BATTERY_AGAIN_PERCENT, 100.0):
                yield Change(False, side, now.now_ns, f"battery at {percent:.0f} %")


class NotWorn(Rule):
    """Raise after `not_worn_hours` without the insoles on, counted between 9 and 20 o'clock of
    one day; clear when they are worn. Silence is not wearing."""

    name = "not_worn"
    priority = "low"
    technical = True

    def __init__(self) -> None:
        self._off_ns: int | None = None
        self._is_worn = False

    def wear(self, wear: wire.Wear, now: Situation) -> Iterable[Change]:
        """Take note of putting on and taking off."""
        was_worn, self._is_worn = self._is_worn, wear.state != "off"
        if self._is_worn:
            self._off_ns = None
            if (self.name, None) in now.raised:
                yield Change(False, None, wear.time_ns, "worn again")
        elif was_worn or self._off_ns is None:
            self._off_ns = wear.time_ns

    def tick(self, now: Situation) -> Iterable[Change]:
        """Add up the day's hours."""
        if self._is_worn or (self.name, None) in now.raised:
            return
        if self._off_ns is None:
            self._off_ns = now.started_ns
        moment = now.local(now.now_ns)
        if moment is None:
            return
        nine = moment.replace(hour=DAY_FROM, minute=0, second=0, microsecond=0)
        begin_ns = max(self._off_ns, now.mono_ns(nine))
        end_ns = min(now.now_ns, now.mono_ns(nine.replace(hour=DAY_TO)))
        hours = (end_ns - begin_ns) / 3.6e12
        if hours >= now.thresholds.not_worn_hours:
            detail = f"not worn for {hours:.1f} hours between {DAY_FROM} and {DAY_TO} o'clock"
            yield Change(True, None, end_ns, detail, cause=moment.date().isoformat())

    def keep(self) -> Any:
        """Return since when they are off."""
        return None if self._is_worn else self._off_ns

    def restore_times(self, kept: Any, shift_ns: int) -> None:
        """Take it up, unless they were put on since."""
        if kept is not None and not self._is_worn:
            self._off_ns = int(kept) + shift_ns


class SensorSilent(Rule):
    """Raise when a foot gives no samples for 30 s while the other one does, or after it fell
    silent on the foot; insoles that were taken off before are just put away. Samples that come
    without a single value of the cells or of the IMU are silence of that part."""

    name = "sensor_silent"
    priority = "medium"
    technical = True
    blinds = True

    def __init__(self) -> None:
        self._states: list[tuple[int, str]] = []

    def wear(self, wear: wire.Wear, now: Situation) -> Iterable[Change]:
        """Remember what was worn when."""
        self._states = [*self._states, (wear.time_ns, wear.state)][-4:]
        return ()

    def tick(self, now: Situation) -> Iterable[Change]:
        """Look when each foot was last heard of."""
        for side in now.feet:
            last_ns = now.seen_ns.get(side)
            silent_ns = now.now_ns - (now.started_ns if last_ns is None else last_ns)
            is_raised = (self.name, side) in now.raised
            if is_raised and silent_ns < ALIVE_NS and not _mute(side, now, ALIVE_NS):
                yield Change(False, side, now.now_ns, "samples come again")
            elif not is_raised and (mute := _mute(side, now, SILENT_NS)) and silent_ns < ALIVE_NS:
                since_ns = min(now.heard_ns[side, part] for part in mute)
                detail = f"samples of the {side} foot without values: {' and '.join(mute)}"
                yield Change(True, side, since_ns, detail)
            elif not is_raised and silent_ns >= SILENT_NS and self._matters(side, last_ns, now):
                since_ns = now.started_ns if last_ns is None else last_ns
                detail = f"no samples of the {side} foot for {silent_ns / 1e9:.0f} s"
                yield Change(True, side, since_ns, detail)

    def _matters(self, side: Side, last_ns: int | None, now: Situation) -> bool:
        others = [at for other, at in now.seen_ns.items() if other != side]
        if any(now.now_ns - at < ALIVE_NS for at in others):
            return True
        return last_ns is not None and self._worn_at(last_ns - 10**9)

    def _worn_at(self, time_ns: int) -> bool:
        before = [state for at, state in self._states if at <= time_ns]
        return bool(before) and before[-1] != "off"


def _mute(side: Side, now: Situation, limit_ns: int) -> list[str]:
    """Return the parts of a foot's sensor that gave no value for so long."""
    return [
        part
        for (other, part), at in now.heard_ns.items()
        if other == side and now.now_ns - at >= limit_ns
    ]


class ClockUnknown(Rule):
    """Raise when the time of day is not known a quarter of an hour after the start: events wait."""

    name = "clock_unknown"
    priority = "low"
    technical = True

    def tick(self, now: Situation) -> Iterable[Change]:
        """Look at the clock."""
        is_raised = (self.name, None) in now.raised
        if now.offset_ns is not None:
            if is_raised:
                yield Change(False, None, now.now_ns, "the time of day is known")
        elif not is_raised and now.now_ns - now.started_ns >= CLOCK_NS:
            detail = "the time of day is not known: nothing can be sent, nothing is lost"
            yield Change(True, None, now.now_ns, detail)

"""The alerts as the patient sees them: what they say, whether they were seen, whether right."""

from typing import Any, Final

import msgspec

from edge import wire
from edge.events import FIRST_SEQ

__all__ = ["SHOWN_NS", "AlertItem", "AlertList"]

SHOWN_NS: Final = 48 * 3600 * 10**9
"""An alert that is over stays on the page for so long."""
_MOST: Final = 50


class AlertItem(msgspec.Struct):
    """One alert. `wall_ns` is when it was raised, None while the clock is not known."""

    id: str
    rule: str
    side: str | None
    priority: str
    technical: bool
    wall_ns: int | None
    is_raised: bool = True
    is_seen: bool = False
    was_right: bool | None = None


class AlertList:
    """Follows alerts and acknowledgements; `stored` is what was kept over a restart."""

    def __init__(self, stored: Any = None) -> None:
        try:
            items = msgspec.convert(stored or [], list[AlertItem])
        except msgspec.ValidationError:
            items = []
        self._items = {item.id: item for item in items}

    def take(self, event: wire.Alert, wall_ns: int | None) -> None:
        """Take an alert that was raised, raised again, or is over."""
        known = self._items.get(event.id)
        if not event.raised:
            if known is not None:
                known.is_raised = False
            return
        if known is not None and known.is_raised:
            return
        self._items.pop(event.id, None)
        self._items[event.id] = AlertItem(
            event.id, event.rule, event.side, event.priority, event.technical, wall_ns
        )
        while len(self._items) > _MOST:
            del self._items[next(iter(self._items))]

    def seen(self, alert: str) -> wire.Event | None:
        """Take note that the patient saw it; return the acknowledgement, None: nothing new."""
        item = self._items.get(alert)
        if item is None or item.is_seen:
            return None
        item.is_seen = True
        return _acknowledge(alert, None)

    def right(self, alert: str, was_right: bool) -> wire.Event | None:
        """Take whether it was right; return the acknowledgement, None: nothing new."""
        item = self._items.get(alert)
        if item is None or item.was_right == was_right:
            return None
        item.is_seen, item.was_right = True, was_right
        return _acknowledge(alert, was_right)

    def seen_elsewhere(self, alert: str) -> bool:
        """Take note that somebody else acknowledged it; return whether it is known here."""
        if alert not in self._items:
            return False
        self._items[alert].is_seen = True
        return True

    def forget(self, before_ns: int) -> None:
        """Remove what was raised before a wall time, or at an unknown one."""
        kept = [i for i in self._items.values() if i.wall_ns is not None and i.wall_ns >= before_ns]
        self._items = {item.id: item for item in kept}

    def shown(self, now_wall_ns: int | None) -> list[dict[str, Any]]:
        """Return what the page shows: open ones first, then by time, the newest first."""
        shown = [item for item in self._items.values() if _is_shown(item, now_wall_ns)]
        shown.sort(key=lambda item: (item.is_raised and not item.is_seen, item.wall_ns or 0))
        return [
            {
                "id": item.id,
                "rule": item.rule,
                "side": item.side,
                "technical": item.technical,
                "high": item.priority == "high",
                "at": None if item.wall_ns is None else item.wall_ns // 10**6,
                "raised": item.is_raised,
                "seen": item.is_seen,
                "right": item.was_right,
            }
            for item in reversed(shown)
        ]

    def to_store(self) -> list[Any]:
        """Return all of it in plain values."""
        found: list[Any] = msgspec.to_builtins(list(self._items.values()))
        return found


def _is_shown(item: AlertItem, now_wall_ns: int | None) -> bool:
    if item.is_raised or item.wall_ns is None or now_wall_ns is None:
        return True
    return now_wall_ns - item.wall_ns < SHOWN_NS


def _acknowledge(alert: str, was_right: bool | None) -> wire.Event:
    return wire.Acknowledge(seq=FIRST_SEQ, time_ns=0, id=alert, by="patient", true_alarm=was_right)

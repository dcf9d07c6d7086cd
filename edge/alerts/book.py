"""What is raised, and what was decided but is perhaps not in the outbox: kept over a restart."""

import hashlib
import re
from typing import Any

import msgspec

from edge import wire
from edge.alerts.rule import Change, Key, Rule
from edge.events import fit

__all__ = ["Fault", "Kept", "Open", "Waiting", "alert_event", "alert_id", "clock_mark"]


class Open(msgspec.Struct, frozen=True):
    """A raised alert."""

    rule: str
    side: wire.Side | None
    id: str

    @property
    def key(self) -> Key:
        """Rule and foot."""
        return self.rule, self.side


class Fault(msgspec.Struct, frozen=True):
    """A sensor fault that the kernel reported; `seen` False: not again since the restart."""

    id: str
    side: wire.Side | None
    priority: str
    detail: str
    seen: bool = True


class Waiting(msgspec.Struct, frozen=True):
    """An event that is emitted, and again after a restart until it is known to be on disk."""

    event: wire.Event
    after: int | None = None
    """Safe as soon as so many events are committed; None: not emitted yet."""


class Kept(msgspec.Struct, frozen=True):
    """The state file. Times are monotonic ones of the clock `clock`."""

    clock: str
    offset_ns: int | None = None
    open: tuple[Open, ...] = ()
    waiting: tuple[wire.Event, ...] = ()
    faults: tuple[Fault, ...] = ()
    forgot_ns: int = 0
    rules: dict[str, Any] = {}


def clock_mark(clock_name: str) -> str:
    """Return six characters that tell one boot's monotonic clock from another's."""
    return hashlib.sha256(clock_name.encode()).hexdigest()[:6]


def alert_id(rule: Rule, change: Change, mark: str) -> str:
    """Return the id that follows from the cause: rule, foot and the episode's begin."""
    cause = change.cause or f"{mark}-{change.time_ns // 1_000_000}"
    parts = (rule.name, change.side or "", cause)
    return re.sub(r"[^a-z0-9_.:-]+", "_", "-".join(filter(None, parts)).lower())[:100]


def alert_event(rule: Rule, change: Change, number: str) -> wire.Event:
    """Return the alert, its time monotonic; raises `WireError`."""
    values = {
        "id": number,
        "rule": rule.name,
        "side": change.side,
        "priority": rule.priority,
        "raised": change.raised,
        "detail": change.detail,
        "technical": rule.technical,
    }
    return fit(wire.Alert, change.time_ns, values)

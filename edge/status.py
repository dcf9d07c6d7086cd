"""What a device's `Status` says: its outbox, the samples that come, batteries, what is in use."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from edge import wire
from edge.service import OutboxService
from hw.source import SIDES

__all__ = ["WINDOW_NS", "Facts", "LinkShare", "StatusWriter", "battery_facts"]

log = logging.getLogger(__name__)
WINDOW_NS = 60_000_000_000
Facts = Callable[[], Mapping[str, Any]]
"""Returns what is known, by the field names of `wire.Status`."""


class StatusWriter:
    """Writes the messages of a device's `status` topic.

    Parameters
    ----------
    device, version : str
        The device's id and the program's version.
    outbox : OutboxService
    wall_ns : callable
        Gives the wall time, None while unknown.
    """

    def __init__(
        self, device: str, version: str, outbox: OutboxService, wall_ns: Callable[[], int | None]
    ) -> None:
        self.topic = wire.topic(device, "status")
        self._device, self._version = device, version
        self._outbox = outbox
        self._wall_ns = wall_ns
        self._problem = ""

    def will(self) -> bytes:
        """Return the last will: offline, and no word of when."""
        return wire.encode(self._status({}, online=False))

    def status(
        self, facts: Mapping[str, Any], online: bool, oldest_ns: int | None, reconnections: int
    ) -> bytes:
        """Return the status now.

        Parameters
        ----------
        facts : mapping
            What is said beside the outbox; names that a status does not have are left out, and all
            of them where one is out of its range: that must not end the sending.
        online : bool
        oldest_ns : int or None
            Wall time of the oldest event that waits.
        reconnections : int
        """
        own = self._own(oldest_ns, reconnections)
        known = {name: facts[name] for name in wire.Status.__struct_fields__ if name in facts}
        try:
            return wire.encode(self._status({**known, **own}, online))
        except wire.WireError as error:
            if str(error) != self._problem:
                log.warning("status without what is said beside the outbox: %s", error)
            self._problem = str(error)
            return wire.encode(self._status(own, online))

    def said(
        self, facts: Mapping[str, Any], oldest_ns: int | None, reconnections: int
    ) -> dict[str, Any]:
        """Return what a status would say now, by its field names; see `status`."""
        return {**facts, **self._own(oldest_ns, reconnections)}

    def _own(self, oldest_ns: int | None, reconnections: int) -> dict[str, Any]:
        wall_ns = self._wall_ns()
        age_s = None if None in (wall_ns, oldest_ns) else (wall_ns - oldest_ns) / 1e9  # type: ignore[operator] # neither is None
        return {
            "time_ns": wall_ns,
            "waiting": self._outbox.waiting,
            "oldest_s": age_s if age_s is None else max(0.0, age_s),
            "outbox_bytes": self._outbox.file_bytes,
            "dropped": self._outbox.counts.dropped,
            "reconnections": reconnections,
        }

    def _status(self, facts: Mapping[str, Any], online: bool) -> wire.Status:
        own = {"device": self._device, "boot": self._outbox.boot, "online": online}
        return wire.Status(**{**facts, **own, "agent_version": self._version})


class LinkShare:
    """The share of the samples that came of those expected in the last minute, of one foot."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()

    def see(self, now_ns: int, samples: int) -> None:
        """Take note of how many samples have come since the start, at least every few seconds."""
        if not self._seen and not samples:
            return
        self._seen.append((now_ns, samples))
        while len(self._seen) > 2 and now_ns - self._seen[1][0] >= WINDOW_NS:
            self._seen.popleft()

    def percent(self, period_ns: float) -> float | None:
        """Return it, 0-100, for samples that are a period apart; None: none were expected.

        A foot that came once and is silent has 0.
        """
        if len(self._seen) < 2 or period_ns <= 0:
            return None
        (begin_ns, before), (end_ns, after) = self._seen[0], self._seen[-1]
        if end_ns <= begin_ns:
            return None
        return min(100.0, 100.0 * (after - before) * period_ns / (end_ns - begin_ns))


def battery_facts(source: object) -> dict[str, Any]:
    """Return the batteries by the field names of `wire.Status`, where the source's driver knows.

    A driver knows by its method `health`: for each side something with `battery_percent`.
    """
    ask = getattr(source, "health", None)
    health = ask() if callable(ask) else {}
    known = {side: getattr(health.get(side), "battery_percent", None) for side in SIDES}
    return {f"battery_{side}_percent": value for side, value in known.items() if value is not None}

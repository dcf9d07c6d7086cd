"""Pause sharing: while it lasts, what the insoles see is not kept for sending.

    shared <── tap, or 12 h ──> paused      at its end: one gap with the exact number held back

Cues, the page and the alerts on it go on. The agent asks `holds_back` about every event before
it goes to the outbox. What says nothing about the person is never held back: gaps, technical
alerts, and the end or acknowledgement of an alert that was sent before the pause.

The state survives a restart in a small file; what is counted there is as old as the agent's last
commit interval. A damaged file is taken as a pause: sharing what somebody wanted kept is the
worse mistake.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from edge import wire
from edge.companion import Companion
from edge.events import FIRST_SEQ
from edge.wholefile import replace_file

__all__ = ["LONGEST_NS", "PAUSED", "SharingPause"]

log = logging.getLogger(__name__)

LONGEST_NS = 12 * 3600 * 10**9
"""A pause ends by itself after so long: one that was forgotten must not lose a week."""
PAUSED = "sharing paused"
"""The gap's reason."""
_UNSURE = "sharing paused; the number before a restart is not known"
_MOST_IDS = 200
"""Alerts that are remembered as held back."""


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: what must survive a restart. Wall times are None while the clock is not known."""

    clock: str
    begin_mono_ns: int
    begin_wall_ns: int | None
    left_ns: int
    held: int
    held_alerts: tuple[str, ...] = ()


class SharingPause(Companion):
    """Whether sharing is paused, since when, and how many events were held back.

    Parameters
    ----------
    path : Path
        The file in the state directory.
    clock_name : str
        Name of the boot of the machine: monotonic times of another one mean nothing.
    now_ns : int
        Monotonic time of the start.
    write : callable, optional
        Runs a call that may block; by default on a thread of its own.
    """

    def __init__(
        self,
        path: Path,
        clock_name: str,
        now_ns: int,
        write: Callable[[Callable[[], None]], Any] | None = None,
    ) -> None:
        self._path = path
        self._clock_name = clock_name
        self._pool = ThreadPoolExecutor(1, "sharing") if write is None else None
        self._write = write or self._on_thread
        self._kept: _Kept | None = None
        self._end_ns = 0
        self._offset_ns: int | None = None
        self._reason = PAUSED
        self._ended: _Kept | None = None
        self._stored: _Kept | None = None
        self._load(now_ns)

    # -- what others ask --------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        """Whether events are held back now."""
        return self._kept is not None

    @property
    def held(self) -> int:
        """Events held back in this pause."""
        return self._kept.held if self._kept is not None else 0

    def left_s(self, now_ns: int) -> float:
        """Return how long the pause still lasts at most [s]; 0 without one."""
        return max(0.0, (self._end_ns - now_ns) / 1e9) if self._kept is not None else 0.0

    def holds_back(self, event: wire.Event) -> bool:
        """Say whether an event must not go to the outbox, and count it if so."""
        kept = self._kept
        if kept is None or _says_nothing(event, kept.held_alerts):
            return False
        alerts = kept.held_alerts
        if isinstance(event, wire.Alert) and event.raised and event.id not in alerts:
            alerts = (*alerts, event.id)[-_MOST_IDS:]
        self._kept = msgspec.structs.replace(kept, held=kept.held + 1, held_alerts=alerts)
        return True

    # -- what the patient does --------------------------------------------------------------

    def pause(self, now_ns: int) -> None:
        """Hold back from now on; while paused, nothing changes."""
        if self._kept is not None:
            return
        wall_ns = None if self._offset_ns is None else now_ns + self._offset_ns
        self._end_ns = now_ns + LONGEST_NS
        self._kept = _Kept(self._clock_name, now_ns, wall_ns, LONGEST_NS, 0)
        self._store(now_ns)

    def resume(self, now_ns: int) -> None:
        """Share again; the next tick brings the gap to the outbox."""
        if self._kept is None:
            return
        self._ended, self._kept = self._at(self._kept, now_ns), None

    # -- as a companion ---------------------------------------------------------------------

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """End a pause that lasted too long; keep the count; tell of one that ended."""
        self._offset_ns = offset_ns
        if self._kept is not None and now_ns >= self._end_ns:
            self.resume(now_ns)
        if self._ended is not None:
            gap = self._gap(self._ended, now_ns)
            self._ended, self._reason = None, PAUSED
            self._store(now_ns)
            return (gap,)
        if self._kept is not None:
            self._store(now_ns)
        return ()

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """Keep the state: a pause goes on after the restart."""
        gaps = self.tick(now_ns, self._offset_ns)
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        self._save(self._kept and self._at(self._kept, now_ns))
        return gaps

    def facts(self) -> dict[str, Any]:
        """Return what the status says."""
        return {"is_paused": self.is_paused}

    def _gap(self, ended: _Kept, now_ns: int) -> wire.Event:
        begin_ns = ended.begin_mono_ns
        if ended.clock != self._clock_name:  # before this boot: placed by wall time, or from here
            known = ended.begin_wall_ns is not None and self._offset_ns is not None
            begin_ns = ended.begin_wall_ns - self._offset_ns if known else now_ns  # type: ignore[operator]  # both are known here
        return wire.Gap(
            seq=FIRST_SEQ,
            time_ns=begin_ns,
            what="events",
            lost=ended.held,
            duration_s=min(864_000.0, max(0.0, (now_ns - begin_ns) / 1e9)),
            reason=self._reason,
        )

    # -- the file ---------------------------------------------------------------------------

    def _at(self, kept: _Kept, now_ns: int) -> _Kept:
        return msgspec.structs.replace(kept, left_ns=max(0, self._end_ns - now_ns))

    def _load(self, now_ns: int) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("sharing stays paused: %s cannot be read (%s)", self._path, error)
            data = b""
        try:
            kept = msgspec.json.decode(data, type=_Kept)
        except msgspec.MsgspecError:
            log.warning("sharing is paused: %s is damaged; end it on the page", self._path)
            kept = _Kept(self._clock_name, now_ns, None, LONGEST_NS, 0)
            self._reason = _UNSURE
        self._kept = self._stored = kept
        self._end_ns = now_ns + min(kept.left_ns, LONGEST_NS)

    def _store(self, now_ns: int) -> None:
        """Write what changed; the time left alone once a minute."""
        kept = self._kept and self._at(self._kept, now_ns - now_ns % (60 * 10**9))
        if kept != self._stored:
            self._stored = kept
            self._write(lambda: self._save(kept))

    def _on_thread(self, call: Callable[[], None]) -> None:
        assert self._pool is not None
        self._pool.submit(call)

    def _save(self, kept: _Kept | None) -> None:
        try:
            if kept is None:
                self._path.unlink(missing_ok=True)
                return
            replace_file(self._path, msgspec.json.encode(kept))
        except OSError as error:
            log.warning("the pause of sharing may not survive a restart: %s", error)


def _says_nothing(event: wire.Event, held_alerts: tuple[str, ...]) -> bool:
    """Whether an event says nothing about the person that is not already known elsewhere."""
    if isinstance(event, wire.Gap):
        return True
    if isinstance(event, wire.Alert):
        return event.technical or (not event.raised and event.id not in held_alerts)
    return isinstance(event, wire.Acknowledge) and event.id not in held_alerts

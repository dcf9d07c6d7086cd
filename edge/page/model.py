"""What the page shows, by section, and what a tap changes. One model for all open screens.

    blocks, records, events ──> GaitView, TodayView, AlertList ──> sections ──> every screen
                                          taps ──> here ──> events to the outbox

A section is plain data. `changes` returns those that differ from what was sent before, so that
a screen gets little, and all screens the same.
"""

import contextlib
import zoneinfo
from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Any, Final, Literal

import msgspec

from edge import wire
from edge.companion import Companion, Emit
from edge.config import AgentConfig
from edge.events import FIRST_SEQ, Record
from edge.page.alerts import AlertList
from edge.page.gait import GaitView
from edge.page.history import Changes, ExerciseDone, Loaded
from edge.page.ledger import QUARTER_NS, Counts, row
from edge.page.sections import Parts, Sections
from edge.page.sharing import SharingPause
from edge.page.today import TodayView
from edge.state import AgentState
from hw.source import Block, Profile

__all__ = ["KEPT_DAYS", "LANGUAGES", "PageModel"]

LANGUAGES: Final = ("en", "de")
KEPT_DAYS: Final = 92
Language = Literal["en", "de"]


class PageModel(Companion):
    """The page's data.

    Parameters
    ----------
    config : AgentConfig
        Affected leg, broker, page, the patient's zone.
    state : AgentState
        The agent's numbers: what waits, whether it is connected.
    profile : Profile
        The device's cells.
    loaded : Loaded
        What was kept.
    sharing : SharingPause
        Paused by a tap here; a companion of its own.
    parts : Parts
        Cues, exercises, reminders.
    now_ns : callable
        The monotonic time of the samples.
    """

    def __init__(
        self,
        config: AgentConfig,
        state: AgentState,
        profile: Profile,
        loaded: Loaded,
        sharing: SharingPause,
        parts: Parts,
        now_ns: Callable[[], int],
    ) -> None:
        self.config = config
        self.agent = state
        self.parts = parts
        self.sharing = sharing
        self.now_ns = now_ns
        self.gait = GaitView(profile, config.affected)
        self.today = TodayView(loaded.ledger, loaded.exercises, _zone(config.cues.zone))
        self.alerts = AlertList(loaded.marks.get("alerts"))
        self._marks = loaded.marks
        self._wearing: dict[str, Any] = loaded.marks.get("wearing") or {}
        self.screens = 0
        self.on_change: Callable[[], None] = lambda: None
        """Called when something worth sending at once happened."""
        self._emit: Emit = lambda event: None
        self._offset_ns: int | None = None
        self._setup: wire.Setup | None = None
        self._pending = Changes()
        self._sent: dict[str, Any] = {}
        self._closed: str | None = None
        self._is_stale = True
        self._sections = Sections(self)
        self._day = self.today.day(None)

    # -- as a companion ---------------------------------------------------------------------

    def started(self, emit: Emit) -> None:
        """Take the way to the outbox."""
        self._emit = emit

    def block(self, block: Block, now_ns: int) -> Iterable[wire.Event]:
        """Take the newest samples; the feet are drawn from them when a screen is due."""
        self.gait.block(block, now_ns)
        self.on_change()
        return ()

    def record(self, record: Record, now_ns: int) -> Iterable[wire.Event]:
        """Take a landing."""
        if self.gait.record(record, now_ns):
            self.on_change()
        return ()

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Count strides; take alerts, exercises and wear states."""
        if isinstance(event, wire.Stride):
            self._count(event)
        elif isinstance(event, wire.Wear):
            self.gait.worn(event)
        elif isinstance(event, wire.Alert):
            self.alerts.take(event, self._wall(event.time_ns))
            self._keep("alerts", self.alerts.to_store())
        elif isinstance(event, wire.Exercise):
            self._exercised(event)
        return ()

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """Follow the clock, the day and what was promised for the day."""
        self._offset_ns = offset_ns
        if offset_ns is not None:
            self._place(offset_ns)
        day = self.today.day(self._wall(now_ns))
        if day != self._day:
            self._new_day(str(day), now_ns)
            self._day = day
        self.touch()
        return ()

    def setup(self, setup: wire.Setup) -> None:
        """Take targets, plan, zone and affected leg from the therapist."""
        self._setup = setup
        self.today.targets, self.today.plan = setup.targets, setup.plan
        self.today.zone = _zone(setup.zone) or _zone(self.config.cues.zone)
        self.gait.watch(setup.affected or self.config.affected)

    def request(self, request: wire.Request) -> None:
        """Forget what was before a time; take note of an acknowledgement made elsewhere."""
        if isinstance(request, wire.Snooze):
            if self.alerts.seen_elsewhere(request.id):
                self._keep("alerts", self.alerts.to_store())
        elif isinstance(request, wire.Forget):
            self._forget(request.before_ns)

    # -- counting ---------------------------------------------------------------------------

    def _wall(self, mono_ns: int) -> int | None:
        return None if self._offset_ns is None else mono_ns + self._offset_ns

    def _count(self, stride: wire.Stride) -> None:
        counts = Counts(steps=1)
        if stride.side in self.gait.watched:
            for strike in ("heel", "flat", "toe"):
                setattr(counts, strike, int(stride.strike == strike))
            counts.swings = int(stride.valid_swing)
            counts.drags = int(stride.valid_swing and stride.toe_drag not in (None, "none"))
        self.today.ledger.add(stride.time_ns, self._offset_ns, counts)
        if self._offset_ns is None:
            self._pending.waiting = self.today.ledger.waiting

    def _exercised(self, event: wire.Exercise) -> None:
        wall_ns = self._wall(event.time_ns)
        done = ExerciseDone(
            event.time_ns if wall_ns is None else wall_ns,
            event.exercise,
            event.side,
            event.repetitions,
            event.is_complete,
        )
        if wall_ns is None:
            self.today.undated.append(done)
        else:
            self._dated(done)

    def _dated(self, done: ExerciseDone) -> None:
        self.today.exercises.append(done)
        self._pending.exercises.append(done)

    def _place(self, offset_ns: int) -> None:
        """Give wall time to what was counted before the clock was known."""
        if self.today.ledger.place(offset_ns):
            self._pending.waiting = {}
        undated, self.today.undated = self.today.undated, []
        for done in undated:
            self._dated(msgspec.structs.replace(done, wall_ns=done.wall_ns + offset_ns))

    def _new_day(self, day: str, now_ns: int) -> None:
        best = self._marks.get("best")
        if isinstance(best, list) and len(best) == 2 and best[0] == day:
            self.gait.best = max(self.gait.best, best[1])
        elif self._day is not None:  # midnight, not the clock that just became known
            self.gait.best = self.gait.streak
        wall_ns = self._wall(now_ns)
        if wall_ns is not None:
            oldest = wall_ns - KEPT_DAYS * 96 * QUARTER_NS
            self.today.ledger.forget(oldest)
            self.today.exercises[:] = [e for e in self.today.exercises if e.wall_ns >= oldest]
            self._pending.forget_before_ns = max(oldest, self._pending.forget_before_ns or 0)

    def _forget(self, before_ns: int) -> None:
        self.today.ledger.forget(before_ns)
        self.today.ledger.waiting.clear()
        self.today.exercises[:] = [e for e in self.today.exercises if e.wall_ns >= before_ns]
        self.today.undated.clear()
        self.alerts.forget(before_ns)
        self.gait.best = self.gait.streak = 0
        self._pending.exercises.clear()
        self._pending.waiting = {}
        self._pending.forget_before_ns = max(before_ns, self._pending.forget_before_ns or 0)
        if self._wearing and self._wearing.get("at_ns", 0) < before_ns:
            self._wearing = {}
            self._keep("wearing", {})
        self._keep("best", None)
        self._keep("alerts", self.alerts.to_store())

    # -- keeping ----------------------------------------------------------------------------

    def _keep(self, name: str, value: Any) -> None:
        self._marks[name] = value
        self._pending.marks[name] = value
        self.touch()

    def touch(self) -> None:
        """Have the slow sections looked at anew."""
        self._is_stale = True
        self.on_change()

    def take_pending(self) -> Changes:
        """Return what is to be stored now; `put_back` where that failed."""
        best = [str(self._day), self.gait.best]
        if self._day is not None and self._marks.get("best") != best and self.gait.best:
            self._marks["best"] = self._pending.marks["best"] = best
        ledger = self.today.ledger
        self._pending.quarters = {
            quarter: Counts(*row(ledger.quarters[quarter])) for quarter in ledger.touched
        }
        ledger.touched.clear()
        taken, self._pending = self._pending, Changes()
        if taken.waiting is not None:
            taken.waiting = {m: Counts(*row(c)) for m, c in ledger.waiting.items()}
        return taken

    def put_back(self, failed: Changes) -> None:
        """Take back what could not be stored."""
        ledger = self.today.ledger
        ledger.touched.update(quarter for quarter in failed.quarters if quarter in ledger.quarters)
        newer, self._pending = self._pending, failed
        failed.exercises += newer.exercises
        failed.marks |= newer.marks
        failed.waiting = newer.waiting if newer.waiting is not None else failed.waiting
        known = [t for t in (failed.forget_before_ns, newer.forget_before_ns) if t is not None]
        failed.forget_before_ns = max(known, default=None)

    # -- what a tap changes -----------------------------------------------------------------

    @property
    def language(self) -> str:
        """The language that was chosen, or the settings'."""
        chosen = self._marks.get("language")
        return chosen if chosen in LANGUAGES else self.config.page.language

    def choose(self, name: Literal["language", "sound", "reminders"], value: str | bool) -> None:
        """Take a setting of the page."""
        self._keep(name, value)

    def wear(self, orthosis: wire.Orthosis) -> None:
        """Take what holds the foot up today."""
        now_ns = self.now_ns()
        wall_ns = self._wall(now_ns)
        if self.worn_today(wall_ns) == orthosis:
            return
        side = self.gait.watched[0] if len(self.gait.watched) == 1 else None
        self._emit(wire.Wearing(seq=FIRST_SEQ, time_ns=now_ns, side=side, orthosis=orthosis))
        day = self.today.day(wall_ns)
        kept = {"day": str(day), "orthosis": orthosis, "at_ns": wall_ns or 0}
        self._wearing = kept
        self._keep("wearing", kept)

    def acknowledge(self, alert: str, was_right: bool | None) -> None:
        """Take that an alert was seen, or whether it was right."""
        event = (
            self.alerts.seen(alert) if was_right is None else self.alerts.right(alert, was_right)
        )
        if event is not None:
            self._emit(msgspec.structs.replace(event, time_ns=self.now_ns()))
            self._keep("alerts", self.alerts.to_store())

    def dose(self, exercise: str, side: str | None) -> wire.Dose | None:
        """Return today's dose of an exercise; None: the plan has none."""
        doses = self.today.doses(self._wall(self.now_ns()))
        return next((d for d in doses if (d.exercise, d.side) == (exercise, side)), None)

    def is_on(self, name: Literal["sound", "reminders"]) -> bool:
        """Whether a setting of the page is on; it is until it was switched off."""
        return self._marks.get(name) is not False

    def worn_today(self, wall_ns: int | None) -> str | None:
        """Return what holds the foot up today; None: not said."""
        day = str(self.today.day(wall_ns))
        return self._wearing.get("orthosis") if self._wearing.get("day") == day else None

    @property
    def share_raw_until_ns(self) -> int | None:
        """Until when raw recordings may leave the home; None: not at all."""
        return self._setup.share_raw_until_ns if self._setup is not None else None

    @property
    def reminder(self) -> str | None:
        """The habit to be reminded of now, unless that was closed or reminders are off."""
        reminders = self.parts.reminders
        due = reminders.reminder() if reminders is not None and self.is_on("reminders") else None
        if due != self._closed:
            self._closed = None
        return due if due != self._closed else None

    def close_reminder(self) -> None:
        """Take that the patient read the reminder; it comes again when it is due again."""
        self._closed = self.reminder

    # -- what the screens show --------------------------------------------------------------

    @property
    def sections(self) -> dict[str, Any]:
        """Every section as `changes` last found it, for a screen that opens."""
        return dict(self._sent)

    def changes(self) -> dict[str, Any]:
        """Return the sections that differ from what was sent before."""
        now_ns = self.now_ns()
        found = self._sections.quick(now_ns)
        if self._is_stale:
            self._is_stale = False
            found |= self._sections.slow(now_ns, self._wall(now_ns))
        changed = {n: value for n, value in found.items() if self._sent.get(n, self) != value}
        self._sent |= changed
        return changed


def _zone(name: str) -> tzinfo | None:
    """Return the time zone; None, this machine's, where there is no such one."""
    with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo(name) if name else None
    return None

"""What is set for a patient, as plain values without I/O.

A record knows what holds at any time: the plan of a day, the orthosis of a moment. What was said
is kept (`spans` by the therapist, `wearings` by the patient, `plans` with their begin); what
follows from it (`orthosis_at`, `periods`, `marks`) is computed, so that a late word of the patient
or another time zone changes all that depends on it and nothing else.
"""

import bisect
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, Literal

import msgspec

from edge import wire
from pipeline.care.days import day_end_ns, day_of, day_span, day_start_ns, iso

__all__ = [
    "DEFAULT_ZONE",
    "MAX_WEARINGS_A_DAY",
    "ORTHOSES",
    "SIDES",
    "Affected",
    "Mark",
    "Note",
    "PatientRecord",
    "Period",
    "PlanChange",
    "Span",
    "Worn",
    "describe_dose",
]

Affected = Literal["none", "left", "right", "both"]
SIDES: Final[tuple[wire.Side, wire.Side]] = ("left", "right")
DEFAULT_ZONE: Final = "UTC"
ORTHOSES: Final[dict[wire.Orthosis, str]] = {
    "none": "without orthosis",
    "afo": "brace (AFO)",
    "fes": "stimulator (FES)",
}
"""Words for people."""
_LONGEST_DAY_NS: Final = 26 * 3600 * 1_000_000_000
"""A day has 25 hours where clocks go back by one."""
MAX_WEARINGS_A_DAY: Final = 12
"""A defective button fills no record: the last ones of a day count."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What holds the foot up by the therapist, since_ns <= time < until_ns [ns UTC].

    Attributes
    ----------
    side : {"left", "right"} or None
        None: strides of both feet.
    until_ns : int or None
        None: until further notice.
    """

    orthosis: wire.Orthosis
    since_ns: int
    until_ns: int | None = None
    side: wire.Side | None = None

    def covers(self, time_ns: int, side: wire.Side | None) -> bool:
        """Say whether a moment of this foot lies in the span."""
        ends = self.until_ns is not None and time_ns >= self.until_ns
        return self.since_ns <= time_ns and not ends and self.side in (None, side)

    def overlaps(self, other: "Span") -> bool:
        """Say whether both hold for the same foot at the same time."""
        same_side = self.side is None or other.side is None or self.side == other.side
        before = self.until_ns is not None and self.until_ns <= other.since_ns
        after = other.until_ns is not None and other.until_ns <= self.since_ns
        return same_side and not (before or after)


class Worn(msgspec.Struct, frozen=True, kw_only=True):
    """What the patient said is worn, from `time_ns` until the local day ends."""

    time_ns: int
    orthosis: wire.Orthosis
    side: wire.Side | None = None


class PlanChange(msgspec.Struct, frozen=True, kw_only=True):
    """The whole exercise plan from `since_ns` on, until the next one."""

    since_ns: int
    plan: tuple[wire.Dose, ...]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A remark of the therapist; holds no name."""

    time_ns: int
    text: str


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one foot, the patient's word before the therapist's; None: not known."""

    start_ns: int
    stop_ns: int
    side: wire.Side
    orthosis: wire.Orthosis | None


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A line on a time axis: a change of orthosis or programme, or a note."""

    time_ns: int
    what: Literal["orthosis", "programme", "note"]
    title: str
    text: str


class PatientRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is set for one patient; every sequence ascends by time.

    Attributes
    ----------
    patient : str
        The pseudonym.
    zone : str
        IANA name of the time zone; always one that exists.
    zone_is_set : bool
        False: `zone` is the clinic's, nobody set the patient's own.
    affected : {"none", "left", "right", "both"} or None
        None: as the device's own settings say.
    thresholds, targets
        See `edge.wire`.
    spans, wearings
        Orthoses by the therapist, who never overlaps, and by the patient, who wins.
    plans : tuple of PlanChange
        The plan's history.
    baseline_since_ns : int
        Days before this count for no baseline; 0: from the first day on.
    share_raw_until_ns : int or None
        End of the consent to raw recordings leaving the home; None: none was given.
    revision : int
        Grows with every change.
    """

    patient: str
    zone: str = DEFAULT_ZONE
    zone_is_set: bool = False
    affected: Affected | None = None
    thresholds: wire.Thresholds = wire.Thresholds()
    targets: wire.Targets = wire.Targets()
    spans: tuple[Span, ...] = ()
    wearings: tuple[Worn, ...] = ()
    plans: tuple[PlanChange, ...] = ()
    notes: tuple[Note, ...] = ()
    baseline_since_ns: int = 0
    share_raw_until_ns: int | None = None
    revision: int = 0

    # -- days ---------------------------------------------------------------------------------

    def day_of(self, time_ns: int) -> date:
        """Return the patient's day that a moment lies in."""
        return day_of(time_ns, self.zone)

    def day_span(self, day: date) -> tuple[int, int]:
        """Return begin and end of the patient's day [ns UTC]."""
        return day_span(day, self.zone)

    def counts_for_baseline(self, day: date) -> bool:
        """Say whether a day may be one of the baseline's."""
        return day_start_ns(day, self.zone) >= self.baseline_since_ns

    # -- exercises ----------------------------------------------------------------------------

    @property
    def plan(self) -> tuple[wire.Dose, ...]:
        """The plan that was set last."""
        return self.plans[-1].plan if self.plans else ()

    def plan_at(self, day: date) -> tuple[wire.Dose, ...]:
        """Return the plan of a day, as it stood when the day ended: all doses, of any weekday."""
        end_ns = day_start_ns(day + timedelta(days=1), self.zone)
        return next((c.plan for c in reversed(self.plans) if c.since_ns < end_ns), ())

    def due_on(self, day: date) -> tuple[wire.Dose, ...]:
        """Return the doses of the plan that are to be done on this day."""
        weekday = wire.WEEK[day.weekday()]
        return tuple(dose for dose in self.plan_at(day) if weekday in dose.days)

    # -- orthosis -----------------------------------------------------------------------------

    def orthosis_at(self, time_ns: int, side: wire.Side | None) -> wire.Orthosis | None:
        """Return what held this foot up at a moment; None: nobody said.

        Without a side only what was said of both feet counts.
        """
        index = bisect.bisect_right(self.wearings, time_ns, key=lambda worn: worn.time_ns)
        while index and time_ns - self.wearings[index - 1].time_ns < _LONGEST_DAY_NS:
            index -= 1
            worn = self.wearings[index]
            if worn.side in (None, side) and time_ns < self._worn_until_ns(worn):
                return worn.orthosis
        return next((s.orthosis for s in self.spans if s.covers(time_ns, side)), None)

    def periods(self, start_ns: int, stop_ns: int, side: wire.Side) -> list[Period]:
        """Return what holds for a foot, without gaps from start to stop; neighbours differ."""
        cuts = sorted({t for t in self.cuts() if start_ns < t < stop_ns} | {start_ns, stop_ns})
        found: list[Period] = []
        for begin, end in pairwise(cuts):
            orthosis = self.orthosis_at(begin, side)
            goes_on = bool(found) and found[-1].orthosis == orthosis
            since_ns = found.pop().start_ns if goes_on else begin
            found.append(Period(start_ns=since_ns, stop_ns=end, side=side, orthosis=orthosis))
        return found

    def _worn_until_ns(self, worn: Worn) -> int:
        return day_end_ns(worn.time_ns, self.zone)

    def cuts(self) -> Iterable[int]:
        """Yield every time at which the orthosis may change."""
        for span in self.spans:
            yield span.since_ns
            if span.until_ns is not None:
                yield span.until_ns
        for worn in self.wearings:
            yield worn.time_ns
            yield self._worn_until_ns(worn)

    # -- marks --------------------------------------------------------------------------------

    def marks(self) -> list[Mark]:
        """Return all marks, ascending, no two at one time."""
        found = [*self._orthosis_marks(), *self._programme_marks(), *self._note_marks()]
        found.sort(key=lambda mark: (mark.time_ns, mark.what, mark.text))
        unique: list[Mark] = []
        for mark in found:
            after = unique[-1].time_ns + 1 if unique else mark.time_ns
            unique.append(msgspec.structs.replace(mark, time_ns=max(mark.time_ns, after)))
        return unique

    def _orthosis_marks(self) -> Iterable[Mark]:
        """Yield changes of what was last known; where both feet change alike, one mark.

        That nobody said anything of a day is no change.
        """
        before: dict[wire.Side, wire.Orthosis] = {}
        for time_ns in sorted(set(self.cuts())):
            now = {side: self.orthosis_at(time_ns, side) for side in SIDES}
            changed = {s: o for s, o in now.items() if o is not None and o != before.get(s)}
            before.update(changed)
            if len(changed) == 2 and len(set(changed.values())) == 1:
                yield self._orthosis_mark(time_ns, changed["left"], "both feet")
            else:
                for side, orthosis in changed.items():
                    yield self._orthosis_mark(time_ns, orthosis, f"{side} foot")

    def _orthosis_mark(self, time_ns: int, orthosis: wire.Orthosis, where: str) -> Mark:
        said = any(worn.time_ns == time_ns for worn in self.wearings)
        text = f"{where}, as the patient said for this day" if said else where
        return Mark(time_ns=time_ns, what="orthosis", title=ORTHOSES[orthosis], text=text)

    def _programme_marks(self) -> Iterable[Mark]:
        for change in self.plans:
            doses = "; ".join(map(describe_dose, change.plan)) or "no exercises"
            yield Mark(
                time_ns=change.since_ns, what="programme", title="programme changed", text=doses
            )
        if self.baseline_since_ns:
            text = f"days before {iso(self.baseline_since_ns, self.zone)} no longer count for it"
            yield Mark(
                time_ns=self.baseline_since_ns, what="programme", title="new baseline", text=text
            )

    def _note_marks(self) -> Iterable[Mark]:
        for note in self.notes:
            yield Mark(time_ns=note.time_ns, what="note", title="note", text=note.text)


def describe_dose(dose: wire.Dose) -> str:
    """Return a dose in words: `toe taps, left: 3 sets of 10, hold 2 s, mon wed fri`."""
    name = dose.exercise.replace("_", " ")
    where = f", {dose.side}" if dose.side else ""
    sets = f"{dose.sets} sets" if dose.sets > 1 else "1 set"
    amount = [f"{dose.repetitions}"] if dose.repetitions is not None else []
    amount += [f"{dose.seconds:g} s"] if dose.seconds is not None else []
    each = f" of {', '.join(amount)}" if amount else ""
    hold = f", hold {dose.hold_s:g} s" if dose.hold_s else ""
    days = "" if len(set(dose.days)) == len(wire.WEEK) else f", {' '.join(dose.days)}"
    return f"{name}{where}: {sets}{each}{hold}{days}"

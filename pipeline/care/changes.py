"""What changed from one record to the next: for others, for the journal, for people."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from edge import wire
from pipeline.care.days import iso
from pipeline.care.edits import settable, value_of
from pipeline.care.orthoses import describe_span
from pipeline.care.record import PatientRecord, Span, describe_dose
from pipeline.journal import Action

__all__ = ["Change", "describe", "journal_entries", "kinds_of"]

_OF_THRESHOLDS: Final = frozenset(wire.Thresholds.__struct_fields__)
_NOT_KINDS: Final = frozenset({"patient", "revision"})


class Change(NamedTuple):
    """That something was set: for whom, and which fields of the record."""

    number: int
    patient: str
    kinds: tuple[str, ...]
    time_ns: int


def kinds_of(old: PatientRecord, new: PatientRecord) -> tuple[str, ...]:
    """Return the names of the fields that differ."""
    names = [field.name for field in msgspec.structs.fields(PatientRecord)]
    return tuple(n for n in names if n not in _NOT_KINDS and getattr(old, n) != getattr(new, n))


def describe(old: PatientRecord, new: PatientRecord) -> Iterator[tuple[str, str, str]]:
    """Yield what is different: a name, what it was, what it is; an empty text: nothing."""
    for key in settable():
        before, after = value_of(old, key), value_of(new, key)
        if before != after:
            yield key, before, after
    if old.plan != new.plan:
        yield "plan", _plan(old), _plan(new)
    for gone, come in _paired(old, new):
        yield "orthosis", gone, come
    for note in new.notes:
        if note not in old.notes:
            yield "note", "", f"{iso(note.time_ns, new.zone)}: {note.text}"


def journal_entries(
    old: PatientRecord, new: PatientRecord
) -> Iterator[tuple[Action, dict[str, Any]]]:
    """Yield the journal's lines. Of a note only how long it is: what is in the journal stays, also
    when the patient is erased."""
    details: dict[Action, dict[str, Any]] = {}
    for key, before, after in describe(old, new):
        named = details.setdefault(_action(key), {})
        number = sum(name.startswith(f"{key}.old") for name in named)
        suffix = f".{number + 1}" if number else ""
        length = f"{len(after.partition(': ')[2])} characters"
        named[f"{key}.old{suffix}"] = before
        named[f"{key}.new{suffix}"] = length if key == "note" else after
    yield from details.items()


def _action(key: str) -> Action:
    if key in _OF_THRESHOLDS:
        return "threshold"
    named: dict[str, Action] = {
        "consent_until": "consent",
        "plan": "plan",
        "orthosis": "orthosis",
        "note": "note",
    }
    return named.get(key, "setting")


def _plan(record: PatientRecord) -> str:
    return "; ".join(map(describe_dose, record.plan)) or "no exercises"


def _paired(old: PatientRecord, new: PatientRecord) -> Iterator[tuple[str, str]]:
    """Yield spans that changed: with what they were where begin and side are the same."""
    before = {(s.since_ns, s.side): s for s in old.spans if s not in new.spans}
    after = {(s.since_ns, s.side): s for s in new.spans if s not in old.spans}
    for key in sorted(before.keys() | after.keys(), key=str):
        yield _span(before.get(key), old), _span(after.get(key), new)


def _span(span: Span | None, record: PatientRecord) -> str:
    return describe_span(span, record.zone) if span else ""

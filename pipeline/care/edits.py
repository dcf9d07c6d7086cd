"""Changes of a record: each takes one and returns the next, or says why not. No I/O.

`set_values` is a table: a key of `edge.wire`'s Thresholds or Targets is settable by being there,
its range stands at its field.
"""

import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import msgspec

from edge import wire
from pipeline.care.days import iso, iso_end
from pipeline.care.errors import CareError, closest, nearest
from pipeline.care.moments import parse_end, parse_moment
from pipeline.care.record import (
    Affected,
    Note,
    PatientRecord,
    PlanChange,
    describe_dose,
)

__all__ = [
    "MAX_DOSES",
    "MAX_NOTE",
    "add_dose",
    "add_note",
    "default_of",
    "exercise_name",
    "remove_dose",
    "set_values",
    "settable",
    "value_of",
    "weekdays",
]

DEFAULT: Final = "default"
"""As a value: back to what holds for everybody."""
MAX_DOSES: Final = 20
MAX_NOTE: Final = 500
"""Characters of a note."""
_THRESHOLDS: Final = {field.name: field for field in msgspec.structs.fields(wire.Thresholds)}
_TARGETS: Final = {field.name: field for field in msgspec.structs.fields(wire.Targets)}


# -- settings -----------------------------------------------------------------------------------


def _zone(record: PatientRecord, text: str) -> PatientRecord:
    known = zoneinfo.available_timezones()
    if text not in known:
        cities = {name.rpartition("/")[2].casefold(): name for name in sorted(known)}
        match = cities.get(text.casefold().replace(" ", "_")) or closest(text, known)
        usual = "Give an IANA name such as Europe/Berlin (timedatectl list-timezones)"
        raise CareError(f"no time zone {text!r}", f"Did you mean {match}?" if match else usual)
    return msgspec.structs.replace(record, zone=text, zone_is_set=True)


def _affected(record: PatientRecord, text: str) -> PatientRecord:
    if text not in get_args(Affected):
        raise CareError(f"affected cannot be {text!r}", nearest(text, get_args(Affected)))
    return msgspec.structs.replace(record, affected=text)


def _consent(record: PatientRecord, text: str) -> PatientRecord:
    until_ns = None if text == "none" else parse_end(text, record.zone)
    return msgspec.structs.replace(record, share_raw_until_ns=until_ns)


def _baseline(record: PatientRecord, text: str) -> PatientRecord:
    since_ns = 0 if text == "none" else parse_moment(text, record.zone)
    return msgspec.structs.replace(record, baseline_since_ns=since_ns)


_OWN: Final[Mapping[str, Callable[[PatientRecord, str], PatientRecord]]] = {
    "zone": _zone,
    "affected": _affected,
    "consent_until": _consent,
    "baseline_since": _baseline,
}
_CLEARED: Final[Mapping[str, Mapping[str, Any]]] = {
    "zone": {"zone_is_set": False},  # the clinic's is filled in where the record is read
    "affected": {"affected": None},
    "consent_until": {"share_raw_until_ns": None},
    "baseline_since": {"baseline_since_ns": 0},
}


def settable() -> tuple[str, ...]:
    """Return every key that `set_values` knows."""
    return (*_OWN, *_THRESHOLDS, *_TARGETS)


def set_values(record: PatientRecord, values: Mapping[str, str]) -> PatientRecord:
    """Return the record with these values, each as text; `default` takes one back.

    Raises
    ------
    CareError
        An unknown key (naming the nearest), a value out of its range, thresholds that do not fit
        together.
    """
    for key, text in values.items():
        if key not in settable():
            raise CareError(f"no key {key!r}", nearest(key, settable()))
        record = _set(record, key, text)
    _check(record.thresholds)
    return record


def _set(record: PatientRecord, key: str, text: str) -> PatientRecord:
    if key in _OWN:
        if text == DEFAULT:
            return msgspec.structs.replace(record, **_CLEARED[key])
        return _OWN[key](record, text)
    field = _THRESHOLDS.get(key) or _TARGETS[key]
    value = field.default if text == DEFAULT else _converted(key, text, field.type)
    if key in _THRESHOLDS:
        thresholds = msgspec.structs.replace(record.thresholds, **{key: value})
        return msgspec.structs.replace(record, thresholds=thresholds)
    targets = msgspec.structs.replace(record.targets, **{key: value})
    return msgspec.structs.replace(record, targets=targets)


def _converted(key: str, text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text.removesuffix("%"), kind, strict=False)
    except msgspec.ValidationError as error:
        raise CareError(
            f"{key} cannot be {text!r}: {error}",
            f"Write {key}={DEFAULT} for the usual value, {default_of(key)}",
        ) from None


def _check(thresholds: wire.Thresholds) -> None:
    if thresholds.drags > thresholds.drags_window:
        raise CareError(
            f"drags={thresholds.drags} can never be reached within "
            f"drags_window={thresholds.drags_window} swings",
            "Set a larger window or fewer drags",
        )
    if thresholds.clear_share >= thresholds.drags_share:
        raise CareError(
            f"clear_share={thresholds.clear_share:g} is not under "
            f"drags_share={thresholds.drags_share:g}: an alert would be raised and cleared at once",
            "Set clear_share lower",
        )


def default_of(key: str) -> Any:
    """Return what a threshold or target is where nobody set it."""
    return (_THRESHOLDS.get(key) or _TARGETS[key]).default


def value_of(record: PatientRecord, key: str) -> str:
    """Return a key's value for people."""
    if key == "zone":
        return record.zone if record.zone_is_set else f"{record.zone} (the clinic's)"
    if key == "affected":
        return record.affected or "as the device says"
    if key == "consent_until":
        until_ns = record.share_raw_until_ns
        return "none" if until_ns is None else iso_end(until_ns, record.zone)
    if key == "baseline_since":
        since_ns = record.baseline_since_ns
        return iso(since_ns, record.zone) if since_ns else "the first day"
    value = getattr(record.thresholds if key in _THRESHOLDS else record.targets, key)
    return "from the baseline" if value is None else f"{value:g}"


# -- exercises ----------------------------------------------------------------------------------


def exercise_name(text: str) -> wire.ExerciseName:
    """Return the wire's name of an exercise; blanks and hyphens are as good as underscores.

    Raises
    ------
    CareError
        An unknown exercise, naming the nearest.
    """
    known = get_args(wire.ExerciseName)
    name = text.strip().casefold().replace(" ", "_").replace("-", "_")
    if name not in known:
        raise CareError(f"no exercise {text!r}", nearest(name, known))
    chosen: wire.ExerciseName = next(each for each in known if each == name)
    return chosen


def weekdays(text: str) -> tuple[wire.Weekday, ...]:
    """Return the days of a plan from `mon,wed,fri`; an empty text: all.

    Raises
    ------
    CareError
        An unknown day, naming the nearest.
    """
    named = [word.strip().casefold()[:3] for word in text.split(",") if word.strip()]
    for word in named:
        if word not in wire.WEEK:
            raise CareError(f"no weekday {word!r}", nearest(word, wire.WEEK))
    return tuple(day for day in wire.WEEK if day in named) or wire.WEEK


def add_dose(record: PatientRecord, dose: wire.Dose, now_ns: int) -> PatientRecord:
    """Return the record with a dose added; one of the same exercise and side is replaced.

    Raises
    ------
    CareError
        Neither repetitions nor seconds, or more doses than a plan holds.
    """
    if dose.repetitions is None and dose.seconds is None:
        raise CareError(f"{describe_dose(dose)}: how much is one set?", "Give --reps or --seconds")
    others = tuple(each for each in record.plan if _same_exercise(each, dose) is False)
    if len(others) >= MAX_DOSES:
        raise CareError(f"a plan holds {MAX_DOSES} exercises", "Remove one first")
    return _with_plan(record, (*others, dose), now_ns)


def remove_dose(
    record: PatientRecord, exercise: wire.ExerciseName, side: wire.Side | None, now_ns: int
) -> PatientRecord:
    """Return the record without an exercise; without a side, all of that name.

    Raises
    ------
    CareError
        The plan does not hold it.
    """
    left = tuple(
        dose
        for dose in record.plan
        if dose.exercise != exercise or (side is not None and dose.side != side)
    )
    if len(left) == len(record.plan):
        held = "; ".join(map(describe_dose, record.plan)) or "no exercises"
        where = f" for the {side} foot" if side else ""
        raise CareError(f"the plan holds no {exercise}{where}", f"It holds: {held}")
    return _with_plan(record, left, now_ns)


def _same_exercise(one: wire.Dose, other: wire.Dose) -> bool:
    return (one.exercise, one.side) == (other.exercise, other.side)


def _with_plan(record: PatientRecord, plan: tuple[wire.Dose, ...], now_ns: int) -> PatientRecord:
    if plan == record.plan:
        return record
    earlier = tuple(change for change in record.plans if change.since_ns < now_ns)
    plans = (*earlier, PlanChange(since_ns=now_ns, plan=plan))
    return msgspec.structs.replace(record, plans=plans)


# -- notes --------------------------------------------------------------------------------------


def add_note(record: PatientRecord, text: str, time_ns: int) -> PatientRecord:
    """Return the record with a note.

    Raises
    ------
    CareError
        An empty or overlong note, or one with characters that cannot be shown in one line.
    """
    note = " ".join(text.split())
    if not note or len(note) > MAX_NOTE or not note.isprintable():
        raise CareError(
            f"a note has 1 to {MAX_NOTE} printable characters, this one {len(note)}",
            "Shorten it, or write two",
        )
    notes = sorted(
        {*record.notes, Note(time_ns=time_ns, text=note)}, key=lambda n: (n.time_ns, n.text)
    )
    return msgspec.structs.replace(record, notes=tuple(notes))

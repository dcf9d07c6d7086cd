"""Changes of a record's orthoses: spans of the therapist, words of the patient. No I/O.

Spans never overlap. A span that is open-ended says "until the next one"; every other overlap is
refused, because nobody could tell which of the two was meant.
"""

from itertools import zip_longest
from typing import Any

import msgspec

from edge import wire
from pipeline.care.days import iso, iso_end
from pipeline.care.errors import CareError
from pipeline.care.record import MAX_WEARINGS_A_DAY, SIDES, PatientRecord, Span, Worn

__all__ = ["add_wearings", "describe_span", "place_span", "remove_span", "touched"]


def place_span(record: PatientRecord, span: Span) -> PatientRecord:
    """Return the record with an orthosis span of the therapist.

    The same begin, side and orthosis as a known span gives that one a new end. An open-ended span
    that is followed by another open-ended one ends where that begins. Every other overlap is
    refused.

    Raises
    ------
    CareError
        The span ends before it begins, or overlaps another.
    """
    if span.until_ns is not None and span.until_ns <= span.since_ns:
        raise CareError(
            f"the span would end {iso_end(span.until_ns, record.zone)}, not after its begin "
            f"{iso(span.since_ns, record.zone)}",
            "Give a later --to",
        )
    others = [other for other in record.spans if not _same_begin(other, span)]
    others = [_ended_by(other, span) for other in others]
    for other in others:
        if other.overlaps(span):
            raise _overlap(other, span, record)
    return _with_spans(record, [*others, span])


def _same_begin(one: Span, other: Span) -> bool:
    same_place = (one.since_ns, one.side) == (other.since_ns, other.side)
    return same_place and one.orthosis == other.orthosis


def _ended_by(other: Span, span: Span) -> Span:
    follows = other.until_ns is None and span.until_ns is None and span.since_ns > other.since_ns
    if not (follows and other.overlaps(span)) or span.side not in (None, other.side):
        return other  # one foot's new span cannot end what holds for both
    return msgspec.structs.replace(other, until_ns=span.since_ns)


def _overlap(other: Span, span: Span, record: PatientRecord) -> CareError:
    """Return the refusal: which span is in the way, and the command that ends or removes it."""
    zone = record.zone
    side = f" --side {other.side}" if other.side else ""
    begin = iso(other.since_ns, zone).replace(" ", "T")
    command = f"heelfirst patients orthosis {record.patient}"
    remove = f"{command} remove --from {begin}{side}"
    remedy = f"Take that one away: {remove}"
    if other.since_ns < span.since_ns:
        until = iso_end(span.since_ns, zone).replace(" ", "T")
        remedy = f"End that one first: {command} {other.orthosis} --from {begin} --to {until}{side}"
    return CareError(f"overlaps {describe_span(other, zone)}", remedy)


def remove_span(record: PatientRecord, since_ns: int, side: wire.Side | None) -> PatientRecord:
    """Return the record without the span that begins then; raise `CareError` where none does."""
    left = [
        span
        for span in record.spans
        if span.since_ns != since_ns or (side is not None and span.side != side)
    ]
    if len(left) == len(record.spans):
        begins = ", ".join(iso(span.since_ns, record.zone) for span in record.spans) or "none"
        raise CareError(f"no span begins {iso(since_ns, record.zone)}", f"Spans begin: {begins}")
    return _with_spans(record, left)


def _with_spans(record: PatientRecord, spans: list[Span]) -> PatientRecord:
    ordered = tuple(sorted(spans, key=lambda span: (span.since_ns, span.side or "")))
    return msgspec.structs.replace(record, spans=ordered)


def add_wearings(record: PatientRecord, said: list[Worn]) -> PatientRecord:
    """Return the record with what the patient said; what is known already changes nothing."""
    known = {(worn.time_ns, worn.side or ""): worn for worn in record.wearings}
    known.update({(worn.time_ns, worn.side or ""): worn for worn in said})
    kept: list[Worn] = []
    counts: dict[Any, int] = {}
    for _, worn in sorted(known.items(), reverse=True):
        day = record.day_of(worn.time_ns)
        counts[day] = counts.get(day, 0) + 1
        if counts[day] <= MAX_WEARINGS_A_DAY:
            kept.append(worn)
    return msgspec.structs.replace(record, wearings=tuple(reversed(kept)))


def describe_span(span: Span, zone: str) -> str:
    """Return a span for people: `afo left, 2026-03-01 until further notice`."""
    where = f" {span.side}" if span.side else ""
    end = "until further notice" if span.until_ns is None else f"to {iso_end(span.until_ns, zone)}"
    return f"{span.orthosis}{where}, {iso(span.since_ns, zone)} {end}"


def touched(old: PatientRecord, new: PatientRecord) -> list[tuple[int, int | None]]:
    """Return the times [ns] in which a foot's orthosis is another now; None: without an end."""
    cuts = sorted({*old.cuts(), *new.cuts()})
    found: list[tuple[int, int | None]] = []
    for begin, end in zip_longest(cuts, cuts[1:]):
        if all(old.orthosis_at(begin, side) == new.orthosis_at(begin, side) for side in SIDES):
            continue
        since = found.pop()[0] if found and found[-1][1] == begin else begin
        found.append((since, end))
    return found

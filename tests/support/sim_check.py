"""The checker: what the ledger of the edge and the contents of the database say to each other.

It shares no code with the way in between. The ledger knows what was offered to the outbox and what
the outbox said to be durable; the rest is read from the database's points and the dead letters.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from sim_influx import SimInflux, Stored

__all__ = ["Ledger", "Told", "letters_in", "violations"]

SAME_NS = 2_000
"""Two events of one series at one instant lie up to so far apart: 1 us tags, some bumps."""


@dataclass(slots=True)
class Told:
    """One event as the edge had it: `true_ns` is its wall time, None where nobody can know."""

    identity: tuple[str, str, str]
    side: str
    kind: str
    true_ns: int | None
    order: int
    is_committed: bool = False


@dataclass(slots=True)
class Ledger:
    """All events of one device, by identity: (kind, id or monotonic time, machine boot)."""

    device: str
    events: dict[tuple[str, str, str], Told] = field(default_factory=dict)

    def offer(self, told: Told) -> None:
        assert told.identity not in self.events
        self.events[told.identity] = told


def letters_in(folder: Path) -> list[dict[str, object]]:
    """All dead letters of refused events, of all generations."""
    files = sorted(folder.glob("refused.jsonl*"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def _mark(kind: str, fields: dict[str, object]) -> str:
    """The number that the test wrote into an event: strides in the heel lead, others in words."""
    if kind == "stride":
        return str(round(float(str(fields["heel_lead_ms"]))))
    if kind == "alert":
        return str(fields["id"])
    if kind == "wear":
        return ""
    return str(round(float(str(fields["duration_s"])) * 1000)) if kind == "bout" else ""


def violations(
    ledger: Ledger, database: SimInflux, letters: Path | None = None, *, may_lose: bool = False
) -> list[str]:
    """Return what is wrong, in words: nothing lost, doubled, moved, and every loss told."""
    points = [p for p in database.points.values() if p.tag("device") == ledger.device]
    gaps = [p for p in points if p.measurement == "gap" and p.fields["what"] != "samples"]
    stored: dict[tuple[str, str], list[int]] = {}
    for point in points:
        mark = _mark(point.measurement, point.fields)
        if mark:
            stored.setdefault((point.measurement, mark), []).append(point.time_ns)
    refused = {
        _letter_mark(letter)
        for letter in (letters_in(letters) if letters else [])
        if letter["device"] == ledger.device
    }
    problems = [f"a second write changed a point: {text}" for text in database.rewritten]
    problems += _compare(ledger, stored, refused)
    problems += _losses(ledger, stored, refused, gaps, may_lose)
    return problems + _disorder(ledger, stored)


def _letter_mark(letter: dict[str, object]) -> tuple[str, str]:
    event = letter["event"]
    assert isinstance(event, dict)
    return str(event["kind"]), _mark(str(event["kind"]), event)


def _compare(
    ledger: Ledger, stored: dict[tuple[str, str], list[int]], refused: set[tuple[str, str]]
) -> list[str]:
    problems = []
    known = {told.identity[:2]: told for told in ledger.events.values()}
    for key, times in stored.items():
        if key not in known:
            problems.append(f"A: {key} was never detected")
            continue
        if len(times) > 1:
            problems.append(f"A: {key} is stored {len(times)} times, at {times}")
        true_ns = known[key].true_ns
        if true_ns is not None and abs(times[0] - true_ns) > SAME_NS:
            problems.append(f"C: {key} moved by {times[0] - true_ns} ns")
        if key in refused:
            problems.append(f"A: {key} is stored and among the dead letters")
    return problems


def _losses(
    ledger: Ledger,
    stored: dict[tuple[str, str], list[int]],
    refused: set[tuple[str, str]],
    gaps: list[Stored],
    may_lose: bool,
) -> list[str]:
    safe = stored.keys() | refused
    missing = [
        told
        for told in ledger.events.values()
        if told.is_committed and told.identity[:2] not in safe
    ]
    told = sum(int(point.fields["lost"]) for point in gaps)
    if not may_lose and missing:
        return [f"A: {len(missing)} committed events are gone, the first {missing[0]}"]
    if not may_lose and told:
        return [f"F: gap records tell of {told} lost events, none is"]
    if len(missing) > told and not any("unknown" in str(p.fields["reason"]) for p in gaps):
        return [f"F: {len(missing)} committed events are gone, gap records tell of {told}"]
    return []


def _disorder(ledger: Ledger, stored: dict[tuple[str, str], list[int]]) -> list[str]:
    """Times of one foot's strides ascend as they were detected (C), but at one instant."""
    problems = []
    for side in ("left", "right"):
        strides = sorted(
            (told.order, stored[told.identity[:2]][0])
            for told in ledger.events.values()
            if told.side == side and told.kind == "stride" and told.identity[:2] in stored
        )
        times = [time_ns for _, time_ns in strides]
        problems += [
            f"C: the {side} strides {strides[at - 1 : at + 1]} are out of order"
            for at in range(1, len(times))
            if times[at] < times[at - 1] - SAME_NS
        ]
    return problems

"""Dead letters once more: what is in them by reason, and back into the store.

A letter is replayed as its event would be taken today: by the present registry, into the present
store. What is refused again is a dead letter again, with the new reason. Points only overwrite
themselves, so a replay that was killed is simply begun again.
"""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from edge import wire
from pipeline.companion import Annotator, Companion
from pipeline.deadletter import DeadLetters, malformed_letter
from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.inbox import Inbox, sort
from pipeline.registry import Quarantined, Registry
from pipeline.store import Store

__all__ = ["Letters", "Replayed", "Summary", "replay", "summarise"]

_CHUNK: Final = 1000
_UNREADABLE: Final = "not a dead letter: cut off, or changed by hand"


class _Letter(msgspec.Struct, frozen=True):
    received_ns: int
    reason: str
    device: str
    boot: str
    event: wire.Event


Letters = Iterator[_Letter | bytes]
_DECODER: Final = msgspec.json.Decoder(_Letter)


@dataclass(frozen=True, slots=True)
class Summary:
    """The letters that have one reason: how many, of which devices, received from when to when."""

    kind: str
    reason: str
    count: int
    devices: tuple[str, ...]
    first_ns: int
    last_ns: int


@dataclass(slots=True)
class Replayed:
    """What became of the letters.

    Attributes
    ----------
    stored, quarantined, refused, unreadable : int
        Into the store; their device has no patient; dead letters again; no letters at all.
    reasons : Counter
        Why they were refused again.
    """

    stored: int = 0
    quarantined: int = 0
    refused: int = 0
    unreadable: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def summarise(letters: DeadLetters) -> list[Summary]:
    """Return the dead letters by kind and reason, the most frequent first."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for kind in ("refused", "malformed"):
        for line in _lines(letters.files(kind)):
            try:
                letter = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                letter = {"reason": _UNREADABLE}
            key = (kind, str(letter.get("reason", _UNREADABLE)))
            groups.setdefault(key, []).append(letter)
    found = [_summary(*key, members) for key, members in groups.items()]
    return sorted(found, key=lambda each: (-each.count, each.kind, each.reason))


def _summary(kind: str, reason: str, members: list[dict[str, Any]]) -> Summary:
    times = [int(letter.get("received_ns", 0)) for letter in members]
    devices = {
        str(letter[key]) for letter in members for key in ("device", "topic") if key in letter
    }
    return Summary(kind, reason, len(members), tuple(sorted(devices)), min(times), max(times))


async def replay(
    letters: DeadLetters,
    store: Store,
    registry: Registry,
    companions: Sequence[Companion] = (),
    *,
    annotator: Annotator | None = None,
    dry_run: bool = False,
    now_ns: Callable[[], int] = time.time_ns,
    progress: Callable[[int], None] = lambda count: None,
) -> Replayed:
    """Bring all refused letters into the store again; safe beside a running pipeline.

    Parameters
    ----------
    companions, annotator : Companion, Annotator
        As the ingester has them.
    dry_run : bool
        Only say what is readable and whose it is; nothing is written or moved.
    progress : callable
        Called with the number of letters done.

    Raises
    ------
    StoreUnavailable
        The store cannot be reached: the letters stay; do it again later.
    """
    done = Replayed()
    paths = letters.files("refused")
    if not dry_run:
        aside = letters.set_aside()
        paths = [aside] if aside else []
    await registry.refresh()
    if annotator is not None:
        await annotator.refresh()
    count = 0
    for chunk in _chunks(_read(paths)):
        await _replay_chunk(
            chunk, letters, store, registry, companions, annotator, dry_run, now_ns(), done
        )
        count += len(chunk)
        progress(count)
    if not dry_run:
        for path in paths:
            path.unlink()
    return done


def _lines(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            yield from (line for line in file if line.strip())


def _read(paths: Iterable[Path]) -> Letters:
    for line in _lines(paths):
        try:
            yield _DECODER.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield line


def _chunks(letters: Letters) -> Iterator[list[_Letter | bytes]]:
    while chunk := list(itertools.islice(letters, _CHUNK)):
        yield chunk


async def _replay_chunk(
    chunk: Sequence[_Letter | bytes],
    letters: DeadLetters,
    store: Store,
    registry: Registry,
    companions: Sequence[Companion],
    annotator: Annotator | None,
    dry_run: bool,
    now_ns: int,
    done: Replayed,
) -> None:
    unreadable = [item for item in chunk if isinstance(item, bytes)]
    events = [Quarantined(i.device, i.boot, i.event) for i in chunk if isinstance(i, _Letter)]
    parts = sort(Inbox(events=events), registry, now_ns)
    if not dry_run:
        refused = 0
        if annotator is not None:
            annotator.annotate(parts.points)
        if parts.points:
            try:
                await store.write(parts.points)
            except StoreRefused as error:
                refused = parts.refuse(error.refusals, now_ns)
            for companion in companions:
                await companion.take(parts.points)
        if parts.unknown and not await registry.quarantine(parts.unknown):
            raise StoreUnavailable("the quarantine is full: give the devices in it a patient first")
        await letters.add("refused", parts.letters)
        cut = [malformed_letter("dead letter", line, _UNREADABLE, now_ns) for line in unreadable]
        await letters.add("malformed", cut)
        done.stored -= refused
    done.stored += len(parts.points)
    done.quarantined += len(parts.unknown)
    done.refused += len(parts.letters)
    done.unreadable += len(unreadable)
    done.reasons.update(str(letter["reason"]) for letter in parts.letters)

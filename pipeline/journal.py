"""The journal: an append-only, hash-chained log of what people did with data and access.

One JSON object per line. Each holds the hash of the one before, so that a line that was changed,
removed or put in between is found by `verify`. Whoever may write the file can still write a
whole new chain, or cut its end off: note `head()` down elsewhere from time to time (an export's
manifest carries it) and give it to `verify`.

Subjects are pseudonymous ids (a patient's, a device's), never names.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from pipeline.errors import PipelineError

__all__ = ["Action", "Entry", "Head", "Journal", "JournalError"]

Action = Literal[
    "export",
    "erase",
    "threshold",
    "acknowledge",
    "provision",
    "enrol",
    "renew",
    "revoke",
    "token",
    "consent",
    "patient",
    "assign",
    "setting",
    "plan",
    "orthosis",
    "note",
    "repair",
]
Value = str | int | float | bool | None
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]

_START: Final = "0" * 64
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class JournalError(PipelineError, ValueError):
    """The journal is not what was written.

    Attributes
    ----------
    path : Path
        The file.
    line : int
        The first line that is wrong, counted from 1; 0 where the whole file is meant.
    """

    def __init__(self, path: Path, line: int, problem: str) -> None:
        place = f"{path}, line {line}" if line else f"{path}"
        super().__init__(
            f"{place}: {problem}. Keep the file as it is, compare it with the backup and find out "
            "who changed it"
        )
        self.path = path
        self.line = line


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line. `time_ns` is UTC since 1970; `hash` covers all the other fields."""

    seq: Annotated[int, Meta(ge=1)]
    time_ns: int
    actor: str
    action: Action
    subject: str
    detail: dict[str, Value]
    previous: Hash
    hash: Hash = _START

    def sealed(self) -> "Entry":
        """Return the entry with the hash that its other fields have."""
        content = msgspec.structs.asdict(self)
        del content["hash"]
        digest = hashlib.sha256(_ENCODER.encode(content)).hexdigest()
        return msgspec.structs.replace(self, hash=digest)


class Head(NamedTuple):
    """The last entry's number and hash; (0, 64 zeros) of an empty journal."""

    seq: int
    hash: str


class Journal:
    """A journal in one file, made where missing (mode 0600). Any number of processes may append.

    Parameters
    ----------
    path : Path
        The file.
    clock : callable, optional
        Returns the time in ns since 1970 UTC.
    """

    def __init__(self, path: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self.path = Path(path)
        self._clock = clock

    def append(self, action: Action, subject: str, actor: str = "", **detail: Value) -> Entry:
        """Add one entry; it is on disk when this returns.

        The actor is by default the number of the account that runs this, not its name.

        Raises
        ------
        ValueError
            An unknown action.
        JournalError
            The end of the file is damaged, so that nothing can be chained to it.
        OSError
            The file cannot be written; nothing that has to be logged may then be done.
        """
        if action not in get_args(Action):
            raise ValueError(f"{action!r} is not an action; known: {', '.join(get_args(Action))}")
        with self._locked() as handle:
            torn = self._repair(handle)
            if torn:
                self._write(handle, "repair", "journal", "", {"torn_bytes": torn})
            return self._write(handle, action, subject, actor, dict(detail))

    def _write(
        self, handle: int, action: Action, subject: str, actor: str, detail: dict[str, Value]
    ) -> Entry:
        last = self._last(handle)
        entry = Entry(
            seq=last.seq + 1,
            time_ns=self._clock(),
            actor=actor or f"uid:{os.getuid()}",
            action=action,
            subject=subject,
            detail=detail,
            previous=last.hash,
        ).sealed()
        _write_all(handle, _ENCODER.encode(entry) + b"\n")
        os.fsync(handle)
        return entry

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _repair(self, handle: int) -> int:
        """Cut off a line that a power cut left half written; return how many bytes it had.

        No caller was ever told that it is stored: `append` returns after the whole line is.
        """
        size = os.fstat(handle).st_size
        whole = _end_of_last_line(handle, size)
        if whole == size:
            return 0
        os.ftruncate(handle, whole)
        return size - whole

    def _last(self, handle: int) -> Head:
        size = os.fstat(handle).st_size
        if not size:
            return Head(0, _START)
        start = _end_of_last_line(handle, size - 1)
        line = os.pread(handle, size - start, start)
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise JournalError(self.path, 0, f"its last line is not an entry ({error})") from None
        if entry.sealed() != entry:
            raise JournalError(self.path, entry.seq, "the entry was changed")
        return Head(entry.seq, entry.hash)

    def entries(self) -> Iterator[Entry]:
        """Yield all entries in order; raise `JournalError` at the first that does not fit.

        A half-written last line is not an entry.
        """
        if not self.path.exists():
            return
        before = Head(0, _START)
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    entry = self._checked(line, number, before)
                    before = Head(entry.seq, entry.hash)
                    yield entry

    def _checked(self, line: bytes, number: int, before: Head) -> Entry:
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise JournalError(self.path, number, f"is not an entry ({error})") from None
        if (entry.seq, entry.previous) != (before.seq + 1, before.hash):
            raise JournalError(self.path, number, "does not follow the line before it")
        if entry.sealed() != entry:
            raise JournalError(self.path, number, "the entry was changed")
        if _ENCODER.encode(entry) + b"\n" != line:
            raise JournalError(self.path, number, "is not written as entries are")
        return entry

    def head(self) -> Head:
        """Return number and hash of the last entry, to be noted down elsewhere."""
        last = Head(0, _START)
        for entry in self.entries():
            last = Head(entry.seq, entry.hash)
        return last

    def verify(self, noted: Head | None = None) -> int:
        """Check the whole chain and return how many entries it has.

        Parameters
        ----------
        noted : Head, optional
            A head noted earlier; the journal has to hold it still.

        Raises
        ------
        JournalError
            At the first line that is wrong, or where the noted head is not there any more.
        """
        count, found = 0, noted is None or noted == Head(0, _START)
        for entry in self.entries():
            count += 1
            found = found or noted == Head(entry.seq, entry.hash)
        if not found:
            assert noted is not None
            raise JournalError(self.path, 0, f"entry {noted.seq} as noted down is not in it")
        return count


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _end_of_last_line(handle: int, size: int) -> int:
    """Return the offset after the last line end within the first `size` bytes."""
    step = 4096
    end = size
    while end:
        start = max(0, end - step)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0

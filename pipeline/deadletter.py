"""Dead letters: what can never be stored is kept in JSON lines, with the reason.

    refused.jsonl     one event per line: received_ns, reason, device, boot, event, point
    malformed.jsonl   one message per line: received_ns, reason, topic, bytes, payload (cut)

The two are apart, so that a flood of malformed messages pushes no event out. A file that reaches
its size is turned over: refused.jsonl.1 is the next older; the oldest goes when `keep` is reached.
What is being replayed is in replaying.jsonl; a replay that was killed goes on with it.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from edge import wire
from pipeline.config import PipelineConfig
from pipeline.points import Point

__all__ = ["DeadLetters", "malformed_letter", "open_letters", "refused_letter"]

_LOG = logging.getLogger(__name__)
_PAYLOAD_BYTES: Final = 512
REPLAYING: Final = "replaying.jsonl"
Letter = dict[str, Any]


def refused_letter(
    event: wire.Event, device: str, boot: str, reason: str, received_ns: int, point: Point | None
) -> Letter:
    """Return the letter of an event that no store takes; `point` where there is one."""
    return {
        "received_ns": received_ns,
        "reason": reason,
        "device": device,
        "boot": boot,
        "event": event,
        "point": point,
    }


def malformed_letter(topic: str, payload: bytes, reason: str, received_ns: int) -> Letter:
    """Return the letter of a message that nobody can read, cut after 512 bytes."""
    return {
        "received_ns": received_ns,
        "reason": reason[:_PAYLOAD_BYTES],
        "topic": topic[:_PAYLOAD_BYTES],
        "bytes": len(payload),
        "payload": payload[:_PAYLOAD_BYTES].decode("utf-8", "backslashreplace"),
    }


class DeadLetters:
    """The folder of dead letters; what `add` returned from is on disk.

    Parameters
    ----------
    folder : Path
        Made where missing, readable by its owner alone.
    max_bytes, keep : int
        Size at which a file is turned over, and how many older ones are kept.
    """

    def __init__(self, folder: Path, max_bytes: int = 16 * 1024 * 1024, keep: int = 8) -> None:
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._keep = keep

    async def add(self, kind: Literal["refused", "malformed"], letters: Sequence[Letter]) -> None:
        """Append the letters to the file of their kind; raise OSError where that cannot be."""
        if letters:
            await asyncio.to_thread(self._append, self._folder / f"{kind}.jsonl", letters)

    def files(self, kind: Literal["refused", "malformed"]) -> list[Path]:
        """Return the files of a kind, the oldest first; those of a replay under way before them."""
        numbered = [self._folder / f"{kind}.jsonl.{number}" for number in range(self._keep, 0, -1)]
        own = [self._folder / REPLAYING] if kind == "refused" else []
        return [p for p in (*own, *numbered, self._folder / f"{kind}.jsonl") if p.exists()]

    def set_aside(self) -> Path | None:
        """Move all refused letters to the file that is being replayed and return it.

        Where a replay was killed, its file is returned and nothing is moved; None: no letters.
        """
        aside = self._folder / REPLAYING
        if aside.exists() or not self.files("refused"):
            return aside if aside.exists() else None
        with self._locked():
            draft = aside.with_suffix(".draft")
            waiting = self.files("refused")
            with draft.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                for path in waiting:
                    file.write(path.read_bytes().rstrip(b"\n") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(aside)
            _sync_folder(self._folder)
            for path in waiting:  # killed here, some letters are replayed twice: no harm is done
                path.unlink()
        return aside

    def remove(self, is_theirs: Callable[[bytes], bool]) -> int:
        """Remove the letters whose line says so from every file; return how many those were.

        Each file is replaced as a whole: a crash leaves it as it was or without them.
        """
        removed = 0
        with self._locked():
            for path in (*self.files("refused"), *self.files("malformed")):
                lines = path.read_bytes().splitlines(keepends=True)
                kept = [line for line in lines if not is_theirs(line)]
                if len(kept) == len(lines):
                    continue
                draft = path.with_name(f".{path.name}.draft")
                with draft.open("wb") as file:
                    os.fchmod(file.fileno(), 0o600)
                    file.writelines(kept)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
                removed += len(lines) - len(kept)
            _sync_folder(self._folder)
        return removed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _append(self, path: Path, letters: Sequence[Letter]) -> None:
        lines = b"".join(msgspec.json.encode(letter) + b"\n" for letter in letters)
        with self._locked():
            self._append_lines(path, lines)

    def _append_lines(self, path: Path, lines: bytes) -> None:
        if path.exists() and path.stat().st_size + len(lines) > self._max_bytes:
            self._turn_over(path)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            begin = os.fstat(handle).st_size
            if begin and os.pread(handle, 1, begin - 1) != b"\n":
                lines = b"\n" + lines  # a write that was cut by a crash keeps to its own line
            _write_all(handle, lines)
            os.fsync(handle)
        finally:
            os.close(handle)
        _sync_folder(self._folder)

    def _turn_over(self, path: Path) -> None:
        oldest = path.with_name(f"{path.name}.{self._keep}")
        if oldest.exists():
            lost = oldest.read_bytes().count(b"\n")
            _LOG.error("%s is full: the oldest %d dead letters go", self._folder, lost)
        for number in range(self._keep - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        path.replace(path.with_name(f"{path.name}.1"))


def open_letters(config: PipelineConfig) -> DeadLetters:
    """Return the dead letters of these settings."""
    letters = config.deadletter
    return DeadLetters(Path(letters.path), letters.max_bytes, letters.keep)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""A damaged write-ahead log, found and mended before SQLite opens the file.

SQLite ends its reading of the log at the first frame whose checksum fails, without a word: right
for a commit torn by a power cut, wrong for a bit that flipped before later commits. Each frame's
checksum continues that of the frame before, so every other frame can still be verified, and the
later ones put into the file. Format: SQLite, "WAL-mode File Format", sqlite.org/walformat.html.
"""

import logging
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["mend_log"]

log = logging.getLogger(__name__)

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_BIG_ENDIAN = 0x377F0683
_MAGIC = 0x377F0682
_MASK = 0xFFFFFFFF


class _Frame(NamedTuple):
    """One page as the log holds it; `commit` is the file's size in pages, 0 within a commit."""

    number: int
    commit: int
    data: bytes
    is_whole: bool


class _Header(NamedTuple):
    """Byte order of the checksums, page size, the round's salts, where the checksums begin."""

    order: str
    page_bytes: int
    salts: list[int]
    sums: tuple[int, int]


def mend_log(path: Path, page_bytes: int) -> bool:
    """Put a damaged log's whole frames into the file at `path`, and remove the log.

    `page_bytes` is the file's page size. A log that is whole, torn at its end only, or missing is
    left to SQLite. Returns whether a
    page was damaged for which no later frame makes up: what it held is lost.
    """
    wal = path.with_name(path.name + "-wal")
    data = wal.read_bytes() if path.exists() and wal.exists() else b""
    if len(data) <= _HEADER.size + _FRAME.size:
        return False
    header, is_sound = _header(data, page_bytes)
    frames = list(_frames(data, header))
    bad = (i for i, frame in enumerate(frames) if not frame.is_whole)
    first_bad = next(bad, len(frames)) if is_sound else -1
    if not _is_followed_by_commits(frames, first_bad):
        return False
    last = max(i for i, frame in enumerate(frames) if frame.is_whole and frame.commit)
    lost = {frame.number for frame in frames[: last + 1]}
    with path.open("r+b") as file:
        for frame in frames[: last + 1]:
            if frame.is_whole:
                file.seek((frame.number - 1) * len(frame.data))
                file.write(frame.data)
                lost.discard(frame.number)
            else:
                lost.add(frame.number)
        file.flush()
        os.fsync(file.fileno())
    wal.replace(path.with_name(wal.name + ".damaged"))
    log.error("outbox: damaged write-ahead log mended, %d pages are lost", len(lost))
    return bool(lost)


def _is_followed_by_commits(frames: list[_Frame], bad: int) -> bool:
    """Say whether whole frames stand behind a whole commit: then the bad one had been synced.

    A commit begins only when the one before is on the disk, so a torn one is the last. A bad frame
    that says to end a commit is followed by the next one.
    """
    if 0 <= bad < len(frames) and frames[bad].commit:
        return any(frame.is_whole for frame in frames[bad + 1 :])
    ends = [i for i, frame in enumerate(frames) if i > bad and frame.is_whole and frame.commit]
    return bool(ends) and any(frame.is_whole for frame in frames[ends[0] + 1 :])


def _header(data: bytes, page_bytes: int) -> tuple[_Header, bool]:
    """Return the log's header and whether it is sound; else what stands in it for sure."""
    magic, _, size, _, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack_from(data)
    order = ">" if magic == _BIG_ENDIAN else "<"
    if magic & ~1 == _MAGIC and _checksum(data[:24], 0, 0, order) == (sum_1, sum_2):
        return _Header(order, size, [salt_1, salt_2], (sum_1, sum_2)), True
    salts = list(_FRAME.unpack_from(data, _HEADER.size)[2:4])
    for order in "<>":
        header = _Header(order, page_bytes, salts, (sum_1, sum_2))
        if sum(frame.is_whole for frame in _frames(data, header)) > 1:
            return header, False
    return header, False


def _frames(data: bytes, header: _Header) -> Iterator[_Frame]:
    """Yield the frames of the log's present round, each verified from the one before."""
    step, sums = _FRAME.size + header.page_bytes, header.sums
    for place in range(_HEADER.size, len(data) - step + 1, step):
        number, commit, *salts, told_1, told_2 = _FRAME.unpack_from(data, place)
        if salts != header.salts and not _is_near(salts, header.salts):
            return
        page = data[place + _FRAME.size : place + step]
        own = _checksum(data[place : place + 8] + page, *sums, header.order)
        is_whole = own == (told_1, told_2) and salts == header.salts and number > 0
        yield _Frame(number, commit, page, is_whole)
        sums = told_1, told_2


def _is_near(found: list[int], salts: list[int]) -> bool:
    """Say whether one bit alone makes the difference: a flipped one, not an older round."""
    return sum((a ^ b).bit_count() for a, b in zip(found, salts, strict=True)) == 1


def _checksum(data: bytes, sum_1: int, sum_2: int, order: str) -> tuple[int, int]:
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        sum_1 = (sum_1 + first + sum_2) & _MASK
        sum_2 = (sum_2 + second + sum_1) & _MASK
    return sum_1, sum_2

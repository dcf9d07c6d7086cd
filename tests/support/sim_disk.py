"""A disk that fails on demand, under the real SQLite.

A SQLite VFS that is the system's own but for open, read, write, truncate, sync and delete. Those
are counted and may fail; no sync reaches the real disk, but what was not synced is known, so that
a power cut can drop, reorder and tear it. Works where Python uses the shared libsqlite3.

    with fault_disk(folder) as disk:        # from here on SQLite's files in `folder` are on it
        disk.fail_at(7, "EIO")              # the 7th call from now fails, once
        image = disk.image(rng)             # what a power cut would leave
"""

import ctypes
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

__all__ = ["Image", "SimDisk", "fault_disk"]

Image = dict[str, bytes]
FULL = 13
ERRORS = {"open": 14, "read": 266, "write": 778, "sync": 1034, "truncate": 1546, "delete": 2570}
"""SQLite's codes for EIO in each call; SQLITE_FULL is its word for ENOSPC."""
SECTOR = 512

# names as pointers: SQLite keeps them, so they must stay where they are
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_MOVE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    _fields_: ClassVar = [
        ("version", c_int),
        ("file_bytes", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("rest", c_void_p * 14),
    ]


class _Methods(Structure):
    _fields_: ClassVar = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", _MOVE),
        ("write", _MOVE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("rest", c_void_p * 13),
    ]


Op = tuple[int, bytes | None]
"""A write (offset, data) or a truncation (size, None)."""


@dataclass(slots=True)
class _File:
    """What is surely on the disk (None: not even the name), and what may be."""

    durable: bytearray | None
    pending: list[Op] = field(default_factory=list)

    def content(self, ops: list[Op]) -> bytearray:
        """What the file holds when these have reached the disk."""
        return _applied(bytearray(self.durable or b""), ops)


def _applied(data: bytearray, ops: list[Op]) -> bytearray:
    for at, written in ops:
        if written is None:
            del data[at:]
            continue
        data.extend(bytes(max(0, at - len(data))))
        data[at : at + len(written)] = written
    return data


class SimDisk:
    """One machine's disk: SQLite's files of one folder.

    Attributes
    ----------
    calls : int
        Calls that were counted so far.
    dead : bool
        The machine is off: every call fails and nothing changes.
    crashed : dict or None
        What `crash_at` left.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = 0
        self.dead = False
        self.crashed: Image | None = None
        self._files: dict[str, _File] = {}
        self._plan: Callable[[int, str], str | None] = lambda _call, _kind: None
        self._crash: tuple[int, random.Random | None] | None = None

    # -- faults -----------------------------------------------------------------------------

    def fail(self, plan: Callable[[int, str], str | None]) -> None:
        """`plan(call, kind)` says what a call meets: None, "EIO", "ENOSPC" or "short"."""
        self._plan = plan

    def fail_at(self, number: int, how: str, forever: bool = False) -> None:
        """Let the call with this number from now fail, and with `forever` all after it."""
        first = self.calls + number
        self.fail(lambda call, _: how if call == first or (forever and call > first) else None)

    def fill(self) -> None:
        """No byte more fits."""
        self.fail(lambda _, kind: "ENOSPC" if kind == "write" else None)

    def mend(self) -> None:
        """No call fails any more."""
        self.fail(lambda _call, _kind: None)

    def crash_at(self, number: int, rng: random.Random | None) -> None:
        """At that call from now the machine stops: by a kill (no rng) or a power cut."""
        self._crash = (self.calls + number, rng)

    def image(self, rng: random.Random | None) -> Image:
        """Return the files: as a kill leaves them, or with an rng as a power cut does."""
        found = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        if rng is None:
            return found
        for name, file in self._files.items():
            if name not in found:
                continue
            kept = [_torn(op, rng) for op in file.pending if rng.random() < 0.5]
            rng.shuffle(kept)
            if file.durable is None and not kept:
                del found[name]
            else:
                found[name] = bytes(file.content(kept))
        return found

    def restore(self, image: Image) -> None:
        """Switch the machine on again with these files."""
        for path in self.folder.iterdir():
            if path.is_file():
                path.unlink()
        for name, data in image.items():
            (self.folder / name).write_bytes(data)
        self._files.clear()
        self._crash, self.crashed, self.dead = None, None, False
        self.mend()

    # -- calls ------------------------------------------------------------------------------

    def meet(self, kind: str) -> str | None:
        """Count a call and say what it meets."""
        if self.dead:
            return "EIO"
        self.calls += 1
        if self._crash is not None and self.calls >= self._crash[0]:
            self.crashed = self.image(self._crash[1])
            self.dead = True
            return "EIO"
        return self._plan(self.calls, kind)

    def opened(self, name: str) -> None:
        """Take note of a file; one that others wrote to meanwhile counts as synced."""
        path = self.folder / name
        now = path.read_bytes() if path.exists() else None
        file = self._files.get(name)
        if file is None or now is None or bytes(file.content(file.pending)) != now:
            self._files[name] = _File(None if not now else bytearray(now))

    def changed(self, name: str, op: Op) -> None:
        self._files[name].pending.append(op)

    def synced(self, name: str) -> None:
        file = self._files[name]
        file.durable = _applied(bytearray() if file.durable is None else file.durable, file.pending)
        file.pending.clear()

    def deleted(self, name: str) -> None:
        self._files.pop(name, None)


def _torn(op: Op, rng: random.Random) -> Op:
    at, data = op
    if data is None or len(data) <= SECTOR or rng.random() < 0.6:
        return op
    return at, data[: SECTOR * rng.randrange(1, len(data) // SECTOR + 1)]


class _Shim:
    """The VFS; made once and kept, because SQLite keeps pointers into it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libsqlite3.so.0")
        self._library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._base = self._library.sqlite3_vfs_find(None)
        self._own = _Vfs.from_buffer_copy(self._base.contents)
        self._own.name = b"heelfirst-faults"
        self._own.open, self._own.delete = _OPEN(self._open), _DELETE(self._delete)
        self._patched: dict[int, tuple[_Methods, int]] = {}
        self._where: dict[int, tuple[SimDisk, str] | None] = {}
        self.disks: dict[str, SimDisk] = {}

    def use(self, on: bool) -> None:
        chosen = ctypes.byref(self._own) if on else self._base
        self._library.sqlite3_vfs_register(chosen, 1)

    def _disk(self, name: int | None) -> tuple[SimDisk, str] | None:
        if name is None:
            return None
        folder, _, leaf = ctypes.string_at(name).decode().rpartition("/")
        disk = self.disks.get(folder)
        return None if disk is None or leaf.endswith("-shm") else (disk, leaf)

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        found = self._disk(name)
        if found is not None and found[0].meet("open"):
            ctypes.memset(file, 0, 8)
            return ERRORS["open"]
        code: int = self._base.contents.open(vfs, name, file, flags, out)
        if code == 0:
            methods = c_void_p.from_address(file)
            assert methods.value is not None
            methods.value = self._patch(methods.value)
            self._where[file] = found
            if found is not None:
                found[0].opened(found[1])
        return code

    def _patch(self, address: int) -> int:
        if address not in self._patched:
            real = _Methods.from_address(address)
            own = _Methods.from_buffer_copy(real)
            own.read, own.write = _MOVE(self._reader(real)), _MOVE(self._writer(real))
            own.truncate = _TRUNCATE(self._truncater(real))
            own.sync = _SYNC(self._syncer)
            self._patched[address] = own, ctypes.addressof(own)
        return self._patched[address][1]

    def _reader(self, real: _Methods) -> Callable[..., int]:
        def read(file: int, buffer: int, count: int, at: int) -> int:
            found = self._where[file]
            if found is not None and found[0].meet("read"):
                return ERRORS["read"]
            return int(real.read(file, buffer, count, at))

        return read

    def _writer(self, real: _Methods) -> Callable[..., int]:
        def write(file: int, buffer: int, count: int, at: int) -> int:
            found = self._where[file]
            if found is None:
                return int(real.write(file, buffer, count, at))
            disk, name = found
            how = disk.meet("write")
            if how is not None and (how != "short" or disk.dead):
                return FULL if how == "ENOSPC" else ERRORS["write"]
            size = count if how is None else count // 2
            code = int(real.write(file, buffer, size, at))
            disk.changed(name, (at, ctypes.string_at(buffer, size)))
            return code if how is None else FULL

        return write

    def _truncater(self, real: _Methods) -> Callable[..., int]:
        def truncate(file: int, size: int) -> int:
            found = self._where[file]
            if found is None:
                return int(real.truncate(file, size))
            disk, name = found
            if disk.meet("truncate"):
                return ERRORS["truncate"]
            disk.changed(name, (size, None))
            return int(real.truncate(file, size))

        return truncate

    def _syncer(self, file: int, _flags: int) -> int:
        found = self._where[file]
        if found is None:
            return 0
        disk, name = found
        if disk.meet("sync"):
            return ERRORS["sync"]
        disk.synced(name)
        return 0

    def _delete(self, vfs: int, name: int, sync: int) -> int:
        found = self._disk(name)
        if found is None:
            return int(self._base.contents.delete(vfs, name, sync))
        if found[0].meet("delete"):
            return ERRORS["delete"]
        found[0].deleted(found[1])
        return int(self._base.contents.delete(vfs, name, 0))


_shim: _Shim | None = None


@contextmanager
def fault_disk(*folders: Path) -> Iterator[list[SimDisk]]:
    """Put SQLite's files of each folder on a disk of its own, for files opened within."""
    global _shim
    if _shim is None:
        try:
            _shim = _Shim()
        except OSError:
            pytest.skip("no shared libsqlite3.so.0 here: the disk cannot be simulated")
    disks = [SimDisk(folder.resolve()) for folder in folders]
    _shim.disks = {str(disk.folder): disk for disk in disks}
    _shim.use(True)
    try:
        yield disks
    finally:
        _shim.use(False)
        _shim.disks = {}

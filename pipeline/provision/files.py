"""Files of the clinic: secrets that only their owner reads, and public ones; written whole."""

import os
import secrets
import stat
from pathlib import Path

from pipeline.provision.errors import SecretError

__all__ = ["make_private_folder", "read_secret", "write_public", "write_secret"]

_OTHERS = 0o077
_MAX_SECRET_BYTES = 64 * 1024


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, with its parents, where it is missing."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_secret(path: Path, data: bytes, group: int | None = None) -> None:
    """Replace the file by `data` in one step, mode 0600 from its first byte on.

    With a group id its members may read it, too (0640): a server's account that must not be able
    to change what it runs by.
    """
    _replace(path, data, 0o600 if group is None else 0o640, group)


def write_public(path: Path, data: bytes) -> None:
    """Replace the file by `data` in one step, mode 0644: a reader sees the old or the new."""
    _replace(path, data, 0o644, None)


def _replace(path: Path, data: bytes, mode: int, group: int | None) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            if group is not None:
                os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), mode)  # whatever the umask says
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_secret(path: Path) -> bytes:
    """Return what a secret file holds, without the line end at its end.

    The mode is read from the open file, so that it cannot be changed for another in between.

    Raises
    ------
    SecretError
        Missing, empty, not a plain file, over 64 KiB, or readable by group or others.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SecretError(
            path, f"cannot be read ({error.strerror})", "Make it with `heelfirst provision`"
        ) from None
    try:
        _check_mode(path, os.fstat(handle))
        data = os.read(handle, _MAX_SECRET_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > _MAX_SECRET_BYTES:
        raise SecretError(path, "is over 64 KiB", "Name the file that holds the secret alone")
    secret = data.rstrip(b"\r\n")
    if not secret:
        raise SecretError(path, "is empty", "Make it again with `heelfirst provision`")
    return secret


def _check_mode(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(path, "is not a plain file", "Name a file that holds the secret")
    if status.st_mode & _OTHERS:
        raise SecretError(
            path,
            f"can be read by others (mode {status.st_mode & 0o777:04o})",
            f"Run: chmod 600 {path}",
        )
    if status.st_uid not in {os.geteuid(), 0}:
        raise SecretError(
            path, f"belongs to user {status.st_uid}", f"Run: chown {os.geteuid()} {path}"
        )

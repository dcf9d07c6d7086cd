"""Files of the clinic: secrets that only their owner reads, and public ones; written whole."""

import os
import secrets
from functools import partial
from pathlib import Path

from edge.settings import read_secret_file
from pipeline.provision.errors import SecretError

__all__ = ["make_private_folder", "read_secret", "write_public", "write_secret"]


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

    Raises
    ------
    SecretError
        Missing, empty, not a plain file, over 64 KiB, readable by group or others, or another
        user's.
    """
    refuse = partial(SecretError, path)
    owners = {os.geteuid(), 0}
    return read_secret_file(path, refuse, "Make it with `heelfirst provision`", owners)

"""Who can be told, and how: apprise's addresses, in files that only the pipeline can read.

    <folder>/p0123456789ab.patient      addresses of this patient's own
    <folder>/p0123456789ab.caregiver    of who cares for this patient
    <folder>/therapist                  of the clinic: the list of the day

One address a line, such as mailto://.., ntfy://..; `#` begins a remark. Mode 0600: an address
holds a password. Nothing but a short hash of an address leaves this module.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from edge.settings import read_secret_file
from pipeline.errors import ConfigError
from pipeline.notify.model import Role

__all__ = ["Recipients", "addresses"]

log = logging.getLogger(__name__)
_FRESH_S: Final = 5.0


class Recipients:
    """The addresses in a folder; changed files count within seconds.

    Parameters
    ----------
    folder : Path or None
        None: nobody can be told.
    monotonic : callable
        Seconds that never step.
    """

    def __init__(
        self, folder: Path | None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._read_s = -_FRESH_S
        self._urls: dict[str, dict[str, str]] = {}
        self.problems: dict[str, str] = {}
        """By file: why it cannot be used."""

    def targets(self, patient: str, role: Role) -> tuple[str, ...]:
        """Return the addresses of a role as short hashes, in the file's order."""
        return tuple(self._of(patient, role))

    def url(self, patient: str, role: Role, target: str) -> str | None:
        """Return an address by its hash; None: it is no longer there."""
        return self._of(patient, role).get(target)

    def _of(self, patient: str, role: Role) -> dict[str, str]:
        now_s = self._monotonic()
        if now_s - self._read_s >= _FRESH_S:
            self._read_s = now_s
            self._read()
        name = role.word if role == Role.THERAPIST else f"{patient}.{role.word}"
        return self._urls.get(name, {})

    def _read(self) -> None:
        urls: dict[str, dict[str, str]] = {}
        problems: dict[str, str] = {}
        for path in self._files():
            try:
                urls[path.name] = addresses(path)
            except ConfigError as error:
                problems[path.name] = str(error)
                if path.name not in self.problems:
                    log.error("nobody is told by %s", error)
                urls[path.name] = self._urls.get(path.name, {})
        self._urls, self.problems = urls, problems

    def _files(self) -> list[Path]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(self._folder.iterdir())


def addresses(path: Path) -> dict[str, str]:
    """Return a file's addresses by hash; raise `ConfigError` where others can read it."""
    refuse = partial(ConfigError, str(path), "")
    remedy = "Write one address of apprise a line, such as mailto://.., mode 0600"
    try:
        lines = read_secret_file(path, refuse, remedy).decode().splitlines()
    except UnicodeDecodeError:  # its own text would show a byte of the secret
        raise refuse("is not UTF-8 text", remedy) from None
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return {hashlib.sha256(url.encode()).hexdigest()[:16]: url for url in urls}

"""Durable state of a companion: the newest contents of one file, written on a thread of its own."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from edge.wholefile import replace_file

__all__ = ["Keeper"]

log = logging.getLogger(__name__)
CLOSE_S = 2.0
"""A hung disk may hold up the end of the agent for so long."""


class Keeper:
    """Replaces a file atomically; the event loop never waits for the disk.

    Parameters
    ----------
    path : Path
        The file, mode 0600.
    threaded : bool
        False: `save` writes in the caller, for simulations and tests.

    Attributes
    ----------
    failures : int
        Writes that failed; what waited for them was told all the same.
    """

    def __init__(self, path: Path, *, threaded: bool = True) -> None:
        self.path = path
        self.failures = 0
        self._pool: ThreadPoolExecutor | None = None
        if threaded:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=path.stem)
        self._last: Future[None] | None = None

    def load(self) -> bytes | None:
        """Return the contents; None where there is no file, or none that can be read."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s cannot be read, begun anew: %s", self.path, error)
            return None

    def set_aside(self, reason: str) -> None:
        """Keep contents that make no sense for a person to look at, and begin anew."""
        log.warning("%s is set aside as .damaged, begun anew: %s", self.path, reason)
        with contextlib.suppress(OSError):
            self.path.replace(self.path.with_suffix(".damaged"))

    def save(self, data: bytes, then: Callable[[], None] | None = None) -> None:
        """Write the contents; call `then` in the caller's thread when they are on disk, or when
        the disk refused them: an alert is rather told twice than never."""
        if self._pool is None:
            self._write(data)
            if then is not None:
                then()
            return
        self._last = self._pool.submit(self._write, data)
        if then is not None:
            loop = asyncio.get_running_loop()
            self._last.add_done_callback(lambda _: _call(loop, then))

    def _write(self, data: bytes) -> None:
        try:
            replace_file(self.path, data)
        except OSError as error:
            self.failures += 1
            if self.failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th: no log is flooded
                log.error("%s not written %d times: %s", self.path, self.failures, error)

    def close(self) -> None:
        """Wait a little for the last write, then end the thread."""
        if self._pool is None:
            return
        if self._last is not None:
            with contextlib.suppress(TimeoutError):
                self._last.result(CLOSE_S)
        self._pool.shutdown(wait=False)


def _call(loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: it is told after the restart
        loop.call_soon_threadsafe(then)

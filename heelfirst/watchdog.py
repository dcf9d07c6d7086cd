"""Tells systemd that a service is well, while every stage of it moves.

Plain sd_notify: a datagram to the socket that NOTIFY_SOCKET names (man sd_notify(3)). A process
that hangs sends none, and systemd starts it again. A device that is switched off is no hang: a
stage may say that it has nothing to do.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from hw.source import Block, Profile, Source

__all__ = ["CountedSource", "Stage", "Watchdog", "notify"]

MAX_AGE_S = 60.0
"""A stage that has not moved for so long hangs: twice the longest wait for a failed source."""


def notify(message: str) -> bool:
    """Send a message to systemd; return whether there is one that listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), address)
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Stage:
    """Work that must go on: a number that grows with it, and whether there is nothing to do."""

    done: Callable[[], int]
    idle: Callable[[], bool] = lambda: False


class CountedSource:
    """A source whose blocks are counted as they are read, for the reader's stage."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.read = 0

    @property
    def profile(self) -> Profile:
        """The device's own."""
        return self._source.profile

    @property
    def silent(self) -> bool:
        """Whether the source says that no device is connected; a source without devices never."""
        health = getattr(self._source, "health", None)
        feet: Mapping[Any, Any] = health() if health else {}
        return bool(feet) and not any(foot.connected for foot in feet.values())

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield the source's blocks."""
        async with aclosing(self._source.blocks()) as blocks:  # type: ignore[type-var]  # every source's iterator is a generator
            async for block in blocks:
                self.read += 1
                yield block


class Watchdog:
    """Feeds systemd's watchdog.

    Parameters
    ----------
    stages : mapping of str to Stage
        What must move, by name.
    max_age_s : float
        How long a stage may stand still [s].
    now_ns : callable
        Monotonic time [ns].
    """

    def __init__(
        self,
        stages: Mapping[str, Stage],
        max_age_s: float = MAX_AGE_S,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._stages = dict(stages)
        self._max_age_ns = round(max_age_s * 1e9)
        self._now_ns = now_ns
        self._seen = {name: (stage.done(), now_ns()) for name, stage in self._stages.items()}

    def stalled(self) -> list[str]:
        """Look at every stage; return the names of those that hang."""
        now_ns = self._now_ns()
        for name, stage in self._stages.items():
            done = stage.done()
            if done != self._seen[name][0] or stage.idle():
                self._seen[name] = (done, now_ns)
        return [name for name, (_, at) in self._seen.items() if now_ns - at > self._max_age_ns]

    def feed(self) -> bool:
        """Feed the watchdog, or say which stage hangs; return whether all move."""
        hanging = self.stalled()
        if hanging:
            notify(f"STATUS=hangs: {', '.join(hanging)}")
        else:
            notify("WATCHDOG=1")
        return not hanging

    async def run(self) -> None:
        """Say that the service is ready, feed three times per period, say that it ends (cancelled).

        Where nobody watches, a stage that hangs is still said in the status.
        """
        notify("READY=1\nSTATUS=running")
        period_s = watchdog_s() or MAX_AGE_S
        try:
            while True:
                self.feed()
                await asyncio.sleep(period_s / 3)
        finally:
            notify("STOPPING=1")


def watchdog_s() -> float | None:
    """Return the period in which systemd wants to be told [s]; None: it does not watch us."""
    text = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not text.isdigit() or int(text) == 0 or watched != str(os.getpid()):
        return None
    return int(text) / 1e6

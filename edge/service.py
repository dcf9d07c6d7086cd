"""The outbox for the event loop: every call runs on one writer thread, none blocks detection."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from edge import wire
from edge.outbox import Outbox, Ranges
from edge.rows import OutboxCounts, Row

__all__ = ["InlineWorker", "OutboxService", "ThreadWorker", "Worker"]

_T = TypeVar("_T")


class Worker(Protocol):
    """Where blocking calls run, one after the other."""

    async def run(self, call: Callable[[], _T]) -> _T:
        """Run a call and return its result."""
        ...

    def close(self) -> None:
        """Let the running call end; no further ones come."""
        ...


class ThreadWorker:
    """Runs calls on one thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")

    async def run(self, call: Callable[[], _T]) -> _T:
        """Run a call on the thread; a cancelled caller does not stop it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Wait for the running call."""
        self._pool.shutdown(wait=True)


class InlineWorker:
    """Runs calls at once in the caller: for simulations, where disk time is simulated too."""

    async def run(self, call: Callable[[], _T]) -> _T:
        """Run a call."""
        return call()

    def close(self) -> None:
        """Nothing to end."""


class OutboxService:
    """The outbox's operations as coroutines.

    Receipts are gathered and deleted together with the next commit, so that in steady state one
    transaction a second does both; before anything is read they are applied.
    """

    def __init__(self, outbox: Outbox, worker: Worker | None = None) -> None:
        self._outbox = outbox
        self._worker = worker or ThreadWorker()
        self._receipts: list[tuple[str, Ranges]] = []
        self._losses: list[tuple[int, int, int, str]] = []

    @property
    def boot(self) -> str:
        """Id of this run."""
        return self._outbox.boot

    @property
    def waiting(self) -> int:
        """Events not yet receipted; receipts that wait for the next commit are not yet counted."""
        return self._outbox.waiting

    @property
    def last_seq(self) -> int:
        """The highest number given so far."""
        return self._outbox.last_seq

    @property
    def is_to_be_read_again(self) -> bool:
        """Whether the last `pending` may have left rows out: the disk did not answer."""
        return self._outbox.is_to_be_read_again

    @property
    def counts(self) -> OutboxCounts:
        """What happened since the start."""
        return self._outbox.counts

    @property
    def offset_ns(self) -> int | None:
        """Wall less monotonic time in use; None while unknown."""
        return self._outbox.offset_ns

    @property
    def file_bytes(self) -> int | None:
        """Bytes on disk, the write-ahead log included; None where they cannot be seen."""
        path = self._outbox.path
        try:
            log = path.with_name(f"{path.name}-wal")
            return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        except OSError:
            return None

    def receipt(self, boot: str, ranges: Ranges) -> None:
        """Take note of a receipt; the next commit deletes its rows."""
        self._receipts.append((boot, ranges))

    def note_loss(self, priority: int, count: int, mono_ns: int, reason: str) -> None:
        """Count events lost before they reached the outbox; the next commit writes the gap."""
        self._losses.append((priority, count, mono_ns, reason))

    @property
    def has_work(self) -> bool:
        """Whether a commit without events has something to do."""
        return bool(self._receipts or self._losses or self._outbox.has_work)

    async def commit(self, events: Sequence[wire.Event] = ()) -> int:
        """Store events and apply the receipts; return how many events became durable."""
        receipts, self._receipts = self._receipts, []
        losses, self._losses = self._losses, []
        return await self._worker.run(partial(self._commit, events, receipts, losses))

    def _commit(
        self,
        events: Sequence[wire.Event],
        receipts: Sequence[tuple[str, Ranges]],
        losses: Sequence[tuple[int, int, int, str]],
    ) -> int:
        for loss in losses:
            self._outbox.note_loss(*loss)
        return self._outbox.commit(events, receipts)

    async def pending(
        self, after: int, upto: int | None, limit: int, limit_bytes: int
    ) -> list[Row]:
        """Return what can be sent (see `Outbox.pending`)."""
        if self._receipts:
            await self.commit()
        return await self._worker.run(
            partial(self._outbox.pending, after, upto, limit, limit_bytes)
        )

    def is_behind(self, offset_ns: int) -> bool:
        """Whether `stamp` has something to do (see `Outbox.is_behind`)."""
        return self._outbox.is_behind(offset_ns)

    async def stamp(self, offset_ns: int) -> int:
        """Give wall time to all that waits for it (see `Outbox.stamp`)."""
        return await self._worker.run(partial(self._outbox.stamp, offset_ns))

    async def close(self) -> None:
        """Apply the last receipts, close the file and end the thread."""
        await self.commit()
        await self._worker.run(self._outbox.close)
        self._worker.close()

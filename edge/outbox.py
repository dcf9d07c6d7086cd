"""The outbox: every event on disk before it is sent, until the pipeline's receipt.

    commit   durable on return (WAL, synchronous=FULL), numbered, unique in time
    pending  what can be sent, in the order of the numbers
    receipt  deletes: the only way an event leaves without a gap record
    stamp    gives wall time to what was committed while the clock was not known

Over its caps the outbox drops raw before events before alerts and leaves a `Gap` with the exact
count. On a full disk events wait in a bounded buffer in memory and are tried again. A row whose
checksum fails and a damaged file become gaps too. Nothing here raises into the agent.

One connection, one thread: the agent's writer. See edge/outbox_file.py for the file.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from edge import wire
from edge.clock import new_boot_id
from edge.eventtime import EventTimes
from edge.gaps import GapRows
from edge.losses import Loss, Losses, priority_of, what_of
from edge.outbox_caps import Caps, shed
from edge.outbox_file import OutboxError, is_full, open_file
from edge.outbox_layout import FAILURES
from edge.outbox_salvage import Salvage
from edge.rows import NewRow, OutboxCounts, Row, Stored, Table
from edge.stamping import Stamper

__all__ = ["BUFFER_EVENTS", "Outbox", "OutboxCounts", "Ranges", "Row"]

log = logging.getLogger(__name__)

Ranges = Sequence[tuple[int, int]]
BUFFER_EVENTS = 5000
"""Events that wait in memory on a full disk: over half an hour of brisk walking."""
MAX_RECEIPTS = 1000
"""Receipts that wait in memory on a full disk; a lost one comes again after the resending."""
AHEAD_SEQ = 1000
"""The mark of what was handed out is written so far ahead."""
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ENCODE = msgspec.json.Encoder()


class Outbox:
    """The outbox in a file; use it from one thread.

    Parameters
    ----------
    path : Path
        The SQLite file; created where missing.
    clock_name : str, optional
        Name of the monotonic clock (`edge.clock.machine_clock_name`): a restart on the same
        clock goes on with its offset. None: a clock of this run only.
    max_rows, max_bytes : int
        Caps.
    boot : str, optional
        Id of this run; None: a random one.
    program : str
        The program's version: a refusal of the file by an older one names it.

    Raises
    ------
    OutboxError
        The file cannot be opened: folder, rights, another agent, a newer version.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock_name: str | None = None,
        max_rows: int = 1_000_000,
        max_bytes: int = 512 * 1024 * 1024,
        boot: str | None = None,
        program: str = "",
    ) -> None:
        self.path = path
        self.boot = boot or new_boot_id()
        self.counts = OutboxCounts()
        self._clock_name = clock_name or self.boot
        self._program = program
        self._caps = Caps(max_rows, max_bytes)
        self._buffer: list[NewRow] = []
        self._receipts: list[tuple[str, Ranges]] = []
        self._losses = Losses()
        self._has_told_of_foreign = False
        self.is_to_be_read_again = False
        """The last `pending` met a disk that did not answer, or damaged rows: more may be there."""
        self._open()

    def _open(self, last_seq: int = 0) -> None:
        """Open the file and take up its state; what salvage could not keep becomes a gap."""
        db, salvage = open_file(self.path)
        self._broken = self._failing = False
        before = self._losses.copy(), replace(self.counts)
        try:
            self._table = Table(db, last_seq)
            self._first_seq = self._table.level.last_seq
            db.execute("BEGIN IMMEDIATE")
            self._table.forget(self._table.damaged)
            self._stamper = Stamper(self._table, self.boot, self._clock_name, self._program)
            self._gaps = GapRows(self._table, self._stamper, self.boot)
            self._handed_ceiling = self._handed_out = self._table.marked("handed_out")
            self._tell_of(salvage)
            db.execute("COMMIT")
        except FAILURES as error:
            db.close()
            self._losses, self.counts = before
            remedy = "Free space on the disk, or move the file aside"
            problem = f"cannot be written ({error})"
            raise OutboxError(self.path, problem, remedy, is_full=is_full(error)) from None

    def _tell_of(self, salvage: Salvage | None) -> None:
        """Write the gap records of what was damaged, within the transaction that takes it out."""
        if salvage is not None:
            self.counts.damaged += salvage.lost or 0
            self._lose_near(self.last_seq + 1, salvage.lost or 0, salvage.reason)
            salvage.forget(self._table.db)
        if self._table.damaged:
            self._note_damaged(self._table.damaged)
        self._write_gaps()

    # -- state ------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Events that are not yet receipted, in the file and in memory."""
        return self._table.level.total + len(self._buffer)

    @property
    def buffered(self) -> int:
        """Events that wait in memory because the disk takes none."""
        return len(self._buffer)

    @property
    def has_work(self) -> bool:
        """Whether a commit without events has something to do: what an earlier one could not."""
        return bool(self._buffer or self._receipts or self._losses)

    @property
    def last_seq(self) -> int:
        """The highest number given so far."""
        return self._table.level.last_seq

    @property
    def offset_ns(self) -> int | None:
        """Wall less monotonic time in use on this clock; None while unknown."""
        return self._stamper.times.offset_ns

    def is_behind(self, offset_ns: int) -> bool:
        """Whether something has not got its wall time: the disk may have refused a `stamp`."""
        return offset_ns != self.offset_ns or self._table.level.unstamped > 0

    def close(self) -> None:
        """Try once more to write what waits in memory, then close the file."""
        self.commit(())
        self._table.db.close()

    # -- in ---------------------------------------------------------------------------------

    def commit(
        self, events: Sequence[wire.Event], receipts: Sequence[tuple[str, Ranges]] = ()
    ) -> int:
        """Store events (their `time_ns` monotonic) and apply receipts, in one transaction.

        What waits in memory from earlier failures goes along. Returns the number of events
        that became durable: 0 while the disk is full, and then more than were given.
        """
        self._buffer.extend(self._prepared(event) for event in events)
        self._receipts.extend(receipts)
        if not (self._buffer or self._receipts or self._losses):
            return 0
        stored = len(self._buffer)
        if not self._try(self._store):
            self._shed_memory()
            return 0
        self._buffer.clear()
        self._receipts.clear()
        self.counts.committed += stored
        return stored

    def receipt(self, boot: str, ranges: Ranges) -> int:
        """Delete the rows of one run in inclusive ranges; return how many there were.

        Numbers that were never handed out are ignored: nobody can have stored them.
        """
        before = self.counts.receipted
        self.commit((), [(boot, ranges)])
        return self.counts.receipted - before

    def note_loss(self, priority: int, count: int, mono_ns: int, reason: str) -> None:
        """Count events that were lost on their way here; the next commit writes the gap."""
        key = (self.boot, what_of(priority), reason)
        self._losses.add(Loss(key, count, mono_ns, mono_ns, None))
        self.counts.dropped += count

    def _prepared(self, event: wire.Event) -> NewRow:
        body = _ENCODE.encode(msgspec.structs.replace(event, seq=1, time_ns=0))
        kind, side = str(event.__struct_config__.tag), getattr(event, "side", None) or ""
        wall_ns = self._stamper.assign((kind, side), event.time_ns)
        return NewRow(self.boot, event.time_ns, wall_ns, priority_of(event), kind, side, body)

    def _store(self) -> None:
        handed_out = max(self._handed_ceiling, self._handed_out)
        for boot, ranges in self._receipts:
            for first, last in ranges:
                known = min(last, handed_out)
                self.counts.receipted += self._table.delete_range(boot, first, known)
        for new in self._buffer:
            self._table.insert(new)
        self._stamper.raise_ceiling(max((new.wall_ns or 0 for new in self._buffer), default=0))
        for row in self._caps.enforce(self._table, self._handed_out):
            self._lose(row, "outbox full")
        self._write_gaps()

    def _shed_memory(self) -> None:
        """Keep memory bounded: the least important, oldest events go, and are counted."""
        del self._receipts[:-MAX_RECEIPTS]
        for row in shed(self._buffer, BUFFER_EVENTS):
            self._lose(row, "disk full")

    def _lose(self, row: NewRow | Stored, reason: str) -> None:
        key = (row.boot, what_of(row.priority), reason)
        self._losses.add(Loss(key, 1, row.mono_ns, row.mono_ns, row.wall_ns))
        self.counts.dropped += 1

    # -- gaps ------------------------------------------------------------------------------

    def _write_gaps(self) -> None:
        self._gaps.write(self._losses, self._handed_out)

    # -- out --------------------------------------------------------------------------------

    def pending(
        self, after: int = 0, upto: int | None = None, limit: int = 500, limit_bytes: int = 60_000
    ) -> list[Row]:
        """Return stamped rows of one run with `after < seq <= upto`, ascending.

        At least one row comes where there is one, however long; beyond it at most `limit` rows
        and `limit_bytes` bytes. What is returned counts as handed out. Events that only a newer
        program can read stay where they are until it is back.
        """
        found: list[Stored] = []
        last = self.last_seq if upto is None else upto
        if self.offset_ns is None:
            last = min(last, self._first_seq)  # nothing of this run has a wall time
        where = "seq > ? AND seq <= ? AND wall_ns IS NOT NULL ORDER BY seq LIMIT ?"
        is_read = self._try(lambda: found.extend(self._table.select(where, (after, last, limit))))
        damaged = [row.seq for row in found if not row.whole]
        rows = list(self._readable(found, limit_bytes))
        self.is_to_be_read_again = not is_read or bool(damaged)
        if damaged:
            self._try(lambda: self._discard(damaged))
        if rows:
            self._note_handed_out(rows[-1].seq)
        elif found and not damaged:
            return self.pending(found[-1].seq, last, limit, limit_bytes)
        return rows

    def _readable(self, found: list[Stored], limit_bytes: int) -> Iterator[Row]:
        """Yield events of one run, up to some bytes but at least one."""
        boot, total = None, 0
        for row in found:
            event = row.event()
            if event is None:
                if row.whole and not self._has_told_of_foreign:
                    self._has_told_of_foreign = True
                    log.warning("outbox: a %s waits for a newer program to read it", row.kind)
                continue
            total += row.size
            if boot is not None and (row.boot != boot or total > limit_bytes):
                return
            boot = row.boot
            yield Row(row.seq, row.boot, event, row.size)

    def _note_handed_out(self, seq: int) -> None:
        ceiling = seq + AHEAD_SEQ
        if seq > self._handed_ceiling and self._try(
            lambda: self._table.mark("handed_out", ceiling)
        ):
            self._handed_ceiling = ceiling
        self._handed_out = max(self._handed_out, seq)

    def _discard(self, damaged: list[int]) -> None:
        self._table.forget(damaged)
        self._table.measure()
        self._note_damaged(damaged)
        self._write_gaps()

    def _note_damaged(self, damaged: list[int]) -> None:
        """Count damaged rows; what stands in them cannot be trusted, so all are "events"."""
        self.counts.damaged += len(damaged)
        self._lose_near(damaged[0], len(damaged), "outbox row damaged")

    def _lose_near(self, seq: int, count: int, reason: str) -> None:
        """Count events lost about a number; the time is that of the whole row before it."""
        near = self._table.select("seq < ? ORDER BY seq DESC LIMIT 1", (seq,))
        boot, mono_ns, wall_ns = self.boot, 0, None
        if near:
            boot, mono_ns, wall_ns = near[0].boot, near[0].mono_ns, near[0].wall_ns
        self._losses.add(Loss((boot, "events", reason), count, mono_ns, mono_ns, wall_ns))

    # -- time -------------------------------------------------------------------------------

    def stamp(self, offset_ns: int) -> int:
        """Use an offset from monotonic to wall time from now on, and for all that waits for one.

        Rows of earlier boots whose clock was never right are put, in order, directly before
        this boot's start, and a gap that lost nothing tells of it. Returns the rows stamped.
        """
        if offset_ns != self.offset_ns:
            numbered: list[tuple[int, int]] = []
            if not self._try(lambda: numbered.append(self._stamper.adopt(offset_ns))):
                return 0
            self._stamper.times.use(offset_ns, *numbered[-1])
        for index, new in enumerate(self._buffer):
            if new.wall_ns is None:
                wall_ns = self._stamper.assign((new.kind, new.side), new.mono_ns)
                self._buffer[index] = new._replace(wall_ns=wall_ns)
        before = self._table.level.unstamped
        if before:
            self._stamp_own()
        if self._table.level.unstamped:
            self._stamp_orphans(offset_ns)
        return before - self._table.level.unstamped

    def _stamp_own(self) -> None:
        after = 0
        while rows := self._stamper.unstamped(after):
            after = rows[-1].seq
            if not self._try(lambda: self._stamper.stamp(rows)):
                return

    def _stamp_orphans(self, start_ns: int) -> None:
        """Stamp what earlier boots left, all of one clock in one transaction."""
        for clock, known_ns, first_ns, last_ns, boot, count in self._stamper.orphans():
            offset_ns = start_ns - last_ns - 1 if known_ns is None else known_ns
            start_ns = first_ns + offset_ns
            if known_ns is None:
                reason = f"clock never set: times of {count} events estimated"
                self._losses.add(Loss((boot, "events", reason), 0, first_ns, last_ns, start_ns))
            if not self._try(partial(self._adopt, clock, offset_ns)):
                return

    def _adopt(self, clock: int, offset_ns: int) -> None:
        times, after = EventTimes(), 0
        times.use(offset_ns, *self._stamper.adopt(offset_ns, clock))
        while rows := self._stamper.unstamped(after, clock):
            self._stamper.stamp(rows, times)
            after = rows[-1].seq
        self._write_gaps()

    # -- failures ---------------------------------------------------------------------------

    def _try(self, action: Callable[[], object]) -> bool:
        """Run an action in a transaction; where it fails, all is as before and False returned."""
        if self._broken and not self._reopen():
            return False
        before = self._table.level.copy(), dict(self._gaps.open_rows), self._losses.copy()
        ceiling_ns, counts = self._stamper.ceiling_ns, replace(self.counts)
        try:
            self._table.db.execute("BEGIN IMMEDIATE")
            action()
            self._table.db.execute("COMMIT")
        except FAILURES as error:
            self._table.level, self._gaps.open_rows, self._losses = before
            self._stamper.ceiling_ns = ceiling_ns
            self.counts = replace(counts, failed_writes=counts.failed_writes + 1)
            self._back_out(error)
            return False
        self._failing = False
        return True

    def _back_out(self, error: Exception) -> None:
        if not self._failing:
            log.error("outbox: %s; events wait in memory until the disk takes them", error)
        self._failing = True
        try:
            self._table.db.execute("ROLLBACK")
        except sqlite3.DatabaseError:
            log.debug("outbox: SQLite had rolled back by itself")
        is_text = isinstance(error, UnicodeDecodeError)
        if is_text or getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT:
            self._table.db.close()
            self._broken = True

    def _reopen(self) -> bool:
        """Open the damaged file again, with salvage; events of this run keep their numbers."""
        try:
            self._open(self._table.level.last_seq)
        except (OutboxError, *FAILURES) as error:
            log.error("outbox: cannot be opened again: %s", error)
            return False
        return True

"""The rows of the outbox's file, and how many there are of what.

Every method runs within the caller's transaction; `Level` is what has to be put back when that
transaction fails.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from edge import wire
from edge.outbox_layout import COLUMNS
from edge.outbox_salvage import checksum

__all__ = ["ROW_OVERHEAD_BYTES", "Level", "NewRow", "OutboxCounts", "Row", "Stored", "Table"]

_DECODE = msgspec.json.Decoder(wire.Event)
ROW_OVERHEAD_BYTES = 96
"""What a row takes beside its body, in the file and in a message."""


class NewRow(NamedTuple):
    """An event on its way into the file; `body` is its JSON with seq 1 and time 0."""

    boot: str
    mono_ns: int
    wall_ns: int | None
    priority: int
    kind: str
    side: str
    body: bytes


class Stored(NamedTuple):
    """A row as it stands in the file, in the order of `COLUMNS`."""

    seq: int
    boot: str
    mono_ns: int
    wall_ns: int | None
    priority: int
    kind: str
    side: str
    body: bytes
    gone: int
    crc: int

    @property
    def whole(self) -> bool:
        """Whether the checksum holds."""
        return checksum(self[:-1]) == self.crc

    @property
    def size(self) -> int:
        """Bytes it counts for."""
        return len(self.body) + ROW_OVERHEAD_BYTES

    def event(self) -> wire.Event | None:
        """Return the event as it is sent; None where the row is damaged or a newer program's."""
        if not self.whole:
            return None
        try:
            event: wire.Event = _DECODE.decode(self.body)
        except msgspec.MsgspecError:
            return None
        return msgspec.structs.replace(event, seq=self.seq, time_ns=self.wall_ns)


class Row(NamedTuple):
    """One event that waits: its number, the run that made it, the event as it is sent."""

    seq: int
    boot: str
    event: wire.Event
    size: int


@dataclass(slots=True)
class OutboxCounts:
    """What happened since the start, in events; `failed_writes` in transactions."""

    committed: int = 0
    receipted: int = 0
    dropped: int = 0
    damaged: int = 0
    failed_writes: int = 0


@dataclass(slots=True)
class Level:
    """Rows per priority, bytes, rows without wall time, and the highest number given."""

    rows: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    bytes: int = 0
    unstamped: int = 0
    last_seq: int = 0

    @property
    def total(self) -> int:
        """Rows in the file."""
        return sum(self.rows)

    def copy(self) -> "Level":
        """Return a copy, to go back to after a failed write."""
        return Level(list(self.rows), self.bytes, self.unstamped, self.last_seq)

    def account(self, sign: int, priority: int, size: int, unstamped: bool) -> None:
        """Add (+1) or take away (-1) one row."""
        self.rows[priority] += sign
        self.bytes += sign * size
        self.unstamped += sign * unstamped


class Table:
    """Rows, clocks and marks in an open file."""

    def __init__(self, db: sqlite3.Connection, last_seq: int = 0) -> None:
        self.db = db
        self.level = Level(last_seq=last_seq)
        self.damaged = self.measure()

    def measure(self) -> list[int]:
        """Count the rows anew, reading them all; return the numbers of damaged ones, uncounted."""
        level, damaged = Level(last_seq=self.level.last_seq), []
        for values in self.db.execute(f"SELECT {COLUMNS} FROM rows"):
            row = Stored(*values)
            if row.whole:
                level.account(1, row.priority, row.size, row.wall_ns is None)
            else:
                damaged.append(row.seq)
            level.last_seq = max(level.last_seq, row.seq)
        for (seq,) in self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'"):
            level.last_seq = max(level.last_seq, seq if isinstance(seq, int) else 0)
        self.level = level
        return damaged

    def forget(self, seqs: Iterable[int]) -> None:
        """Remove damaged rows, which `level` does not count."""
        self.db.executemany("DELETE FROM rows WHERE seq = ?", [(seq,) for seq in seqs])

    def insert(self, new: NewRow) -> int:
        """Add a row and return its number."""
        seq = self.level.last_seq + 1
        row = (seq, *new, self.level.last_seq - self.level.total)
        self.db.execute(
            f"INSERT INTO rows ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", (*row, checksum(row))
        )
        self.level.last_seq = seq
        size = len(new.body) + ROW_OVERHEAD_BYTES
        self.level.account(1, new.priority, size, new.wall_ns is None)
        return seq

    def select(self, where: str, values: Iterable[Any]) -> list[Stored]:
        """Return the rows that fulfil a condition, ascending by number where it does not say."""
        cursor = self.db.execute(f"SELECT {COLUMNS} FROM rows WHERE {where}", tuple(values))
        return [Stored(*row) for row in cursor.fetchall()]

    def delete(self, row: Stored) -> None:
        """Remove one row."""
        self.db.execute("DELETE FROM rows WHERE seq = ?", (row.seq,))
        self.level.account(-1, row.priority, row.size, row.wall_ns is None)

    def delete_range(self, boot: str, first: int, last: int) -> int:
        """Remove the rows of one run in an inclusive range; return how many there were."""
        gone = self.db.execute(
            "DELETE FROM rows WHERE boot = ? AND seq BETWEEN ? AND ?"
            " RETURNING priority, length(body), wall_ns IS NULL",
            (boot, first, last),
        ).fetchall()
        for priority, body_bytes, unstamped in gone:
            self.level.account(-1, priority, body_bytes + ROW_OVERHEAD_BYTES, bool(unstamped))
        return len(gone)

    def stamp(self, row: Stored, wall_ns: int) -> None:
        """Give a row its wall time; a damaged row keeps a wrong checksum."""
        fresh = row._replace(wall_ns=wall_ns)
        crc = checksum(fresh[:-1]) ^ (not row.whole)
        self.db.execute(
            "UPDATE rows SET wall_ns = ?, crc = ? WHERE seq = ?", (wall_ns, crc, row.seq)
        )
        self.level.unstamped -= row.wall_ns is None

    def mark(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        self.db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))

    def marked(self, name: str) -> int:
        """Return the number under a name, 0 where there is none."""
        row = self.db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return row[0] if row and isinstance(row[0], int) else 0

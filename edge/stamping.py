"""Wall time for the rows of the outbox: one offset per boot of the machine, kept in the file.

See edge/clock.py for when an offset is taken and edge/eventtime.py for how times stay unique.
All methods but `assign` and `unique` run within the caller's transaction.
"""

from edge.eventtime import EventTimes, Series
from edge.rows import Stored, Table

__all__ = ["CHUNK", "Stamper"]

CHUNK = 2000
"""Rows stamped in one transaction."""
AHEAD_NS = 900_000_000_000
"""The ceiling of event times is written a quarter of an hour ahead: one write, not one each."""
_UNSTAMPED = (
    "seq > ? AND wall_ns IS NULL AND boot IN (SELECT boot FROM boots WHERE clock = ?)"
    " ORDER BY seq LIMIT ?"
)


class Stamper:
    """Knows the clock of this run and what it and earlier ones have used.

    Parameters
    ----------
    table : Table
        The open file.
    boot, clock_name, program : str
        This run of the agent, the monotonic clock it runs on, and the program's version.
    """

    def __init__(self, table: Table, boot: str, clock_name: str, program: str = "") -> None:
        self._table = table
        self.times = EventTimes()
        self._adopt_strays()
        self._clock = self._register(boot, clock_name, program)
        self.ceiling_ns = table.marked("time_ceiling")
        self._restore()

    def _adopt_strays(self) -> None:
        """Give a clock of its own to each run whose clock was lost with a damaged page.

        Without one its rows would wait for wall time for ever, or take that of another clock.
        """
        db = self._table.db
        db.execute("DELETE FROM boots WHERE clock NOT IN (SELECT id FROM clocks)")
        strays = db.execute(
            "SELECT boot FROM rows WHERE boot NOT IN (SELECT boot FROM boots)"
            " GROUP BY boot ORDER BY min(seq)"
        ).fetchall()
        for (boot,) in strays:
            self._register(boot, f"lost with {boot}")

    def _register(self, boot: str, clock_name: str, program: str = "") -> int:
        db = self._table.db
        db.execute("INSERT OR IGNORE INTO clocks (name) VALUES (?)", (clock_name,))
        (clock,) = db.execute("SELECT id FROM clocks WHERE name = ?", (clock_name,)).fetchone()
        db.execute("DELETE FROM boots WHERE boot NOT IN (SELECT DISTINCT boot FROM rows)")
        row = (boot, clock, program)
        db.execute("INSERT OR REPLACE INTO boots (boot, clock, program) VALUES (?, ?, ?)", row)
        return int(clock)

    def _restore(self) -> None:
        db = self._table.db
        self.times.remember(
            db.execute(
                "SELECT kind, side, wall_ns FROM (SELECT * FROM rows WHERE wall_ns IS NOT NULL"
                " ORDER BY seq DESC LIMIT 5000) ORDER BY seq"
            )
        )
        offset_ns, tag = db.execute(
            "SELECT offset_ns, tag FROM clocks WHERE id = ?", (self._clock,)
        ).fetchone()
        if isinstance(offset_ns, int) and isinstance(tag, int):
            self.times.use(offset_ns, tag, self._table.marked(f"floor-{self._clock}"))

    def assign(self, series: Series, mono_ns: int) -> int | None:
        """Return the wall time of an event of this run; None while the clock is not known."""
        return self.times.assign(series, mono_ns)

    def raise_ceiling(self, wall_ns: int) -> None:
        """Note that an event time is in use."""
        if wall_ns >= self.ceiling_ns:
            self.ceiling_ns = wall_ns + AHEAD_NS
            self._table.mark("time_ceiling", self.ceiling_ns)

    def adopt(self, offset_ns: int, clock: int | None = None) -> tuple[int, int]:
        """Take an offset for a clock (None: this run's), and give it a number.

        Returns the number and the ceiling below which it is needed, for `EventTimes.use`.
        """
        clock = clock or self._clock
        tag = self._table.marked("offsets")
        self._table.mark("offsets", tag + 1)
        self._table.mark(f"floor-{clock}", self.ceiling_ns)
        self._table.db.execute(
            "UPDATE clocks SET offset_ns = ?, tag = ? WHERE id = ?", (offset_ns, tag, clock)
        )
        return tag, self.ceiling_ns

    def unstamped(self, after: int = 0, clock: int | None = None) -> list[Stored]:
        """Return up to `CHUNK` rows above a number that wait for a clock; None: this run's."""
        return self._table.select(_UNSTAMPED, (after, clock or self._clock, CHUNK))

    def stamp(self, rows: list[Stored], times: EventTimes | None = None) -> None:
        """Give rows the wall time that an offset makes of their monotonic time."""
        times = times or self.times
        top_ns = 0
        for row in rows:
            wall_ns = times.assign((row.kind, row.side), row.mono_ns)
            assert wall_ns is not None
            self._table.stamp(row, wall_ns)
            top_ns = max(top_ns, wall_ns)
        self.raise_ceiling(top_ns)

    def orphans(self) -> list[tuple[int, int | None, int, int, str, int]]:
        """Return other clocks that rows wait for, newest first.

        Each as (clock, its offset, first and last monotonic time, one of its runs, number of
        rows). The offset is None where the clock was never right; it is known where the power went
        between taking the offset and stamping the rows.
        """
        return self._table.db.execute(
            "SELECT clock, offset_ns, min(mono_ns), max(mono_ns), max(boot), count(*)"
            " FROM rows JOIN boots USING (boot) JOIN clocks ON clocks.id = clock"
            " WHERE wall_ns IS NULL AND clock <> ?"
            " GROUP BY clock ORDER BY max(seq) DESC",
            (self._clock,),
        ).fetchall()

"""What an outbox over its caps lets go: raw before events before alerts, the oldest first."""

from collections.abc import Iterator

from edge.rows import NewRow, Stored, Table
from edge.stamping import CHUNK

__all__ = ["Caps", "shed"]

SLACK = 0.05
"""Share of a cap that is freed at once, so that dropping is rare."""


class Caps:
    """The caps of one outbox.

    Parameters
    ----------
    max_rows, max_bytes : int
        Neither is exceeded after `enforce`, but by gap records.
    """

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._max_rows, self._max_bytes = max_rows, max_bytes

    def enforce(self, table: Table, handed_out: int) -> Iterator[Stored]:
        """Delete the least important rows, and yield them.

        Of one priority those that were never handed out go first: the others may be stored already.
        """
        if not self._over(table, 1.0):
            return
        for priority in (0, 1, 2):
            for after in (handed_out, 0):
                while self._over(table, 1.0 - SLACK):
                    victims = self._victims(table, priority, after)
                    if not victims:
                        break
                    for row in victims:
                        table.delete(row)
                        yield row

    def _over(self, table: Table, share: float) -> bool:
        level = table.level
        return level.total > self._max_rows * share or level.bytes > self._max_bytes * share

    def _victims(self, table: Table, priority: int, after: int) -> list[Stored]:
        level = table.level
        if not level.rows[priority]:
            return []
        excess = level.total - int(self._max_rows * (1.0 - SLACK))
        where = "priority = ? AND seq > ? ORDER BY seq LIMIT ?"
        return table.select(where, (priority, after, max(1, min(excess, CHUNK))))


def shed(buffer: list[NewRow], limit: int) -> list[NewRow]:
    """Take the least important, oldest rows out of a buffer in memory; return them."""
    order = sorted(range(len(buffer)), key=lambda i: (buffer[i].priority, i))
    excess = order[: max(0, len(buffer) - limit)]
    return [buffer.pop(index) for index in sorted(excess, reverse=True)]

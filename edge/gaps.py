"""The outbox's own gap records: one per run, kind and reason, growing until it is handed out."""

import msgspec

from edge import wire
from edge.losses import GAP, Loss, Losses, LossKey
from edge.rows import NewRow, Stored, Table
from edge.stamping import Stamper

__all__ = ["GapRows"]

_DECODE = msgspec.json.Decoder(wire.Gap)
_ENCODE = msgspec.json.Encoder()
_SERIES = ("gap", "")


class GapRows:
    """Writes losses as rows; `open_rows` is what has to be put back after a failed write."""

    def __init__(self, table: Table, stamper: Stamper, boot: str) -> None:
        self._table = table
        self._stamper = stamper
        self._boot = boot
        self.open_rows: dict[LossKey, int] = {}

    def write(self, losses: Losses, handed_out: int) -> None:
        """Put losses into gap rows, within the caller's transaction.

        A row above `handed_out` grows; one that may be on its way stays, and a new one begins,
        so that a receipt never deletes a count that nobody has stored.
        """
        for loss in losses.take():
            old = self._open_row(loss.key, handed_out)
            if old is None:
                whole, wall_ns = loss, self._time(loss)
            else:
                gap = _DECODE.decode(old.body)
                whole = Loss.of_gap(loss.key, gap, old.mono_ns, old.wall_ns).plus(loss)
                wall_ns = old.wall_ns
                self._table.delete(old)
            body = _ENCODE.encode(whole.gap())
            new = NewRow(loss.boot, whole.first_ns, wall_ns, GAP, "gap", "", body)
            self.open_rows[loss.key] = self._table.insert(new)

    def _open_row(self, key: LossKey, handed_out: int) -> Stored | None:
        seq = self.open_rows.get(key, 0)
        if seq <= handed_out:
            return None
        rows = self._table.select("seq = ?", (seq,))
        return rows[0] if rows and rows[0].whole else None

    def _time(self, loss: Loss) -> int | None:
        if loss.wall_ns is not None:
            return self._stamper.times.unique(_SERIES, loss.wall_ns)
        if loss.boot == self._boot:
            return self._stamper.assign(_SERIES, loss.first_ns)
        return None

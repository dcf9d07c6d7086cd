"""What a change of a record leaves to be done in the stores: strides marked anew, and marks.

Both can stop at any instant and go on: done is noted after it is done, and doing it twice gives
the same.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pipeline.care.care import Care, Rewrite
from pipeline.care.record import PatientRecord
from pipeline.care.strides import FIELD, GONE, orthosis_of
from pipeline.errors import StoreUnavailable
from pipeline.points import Point
from pipeline.store import Store

__all__ = ["CareWorker", "OnRewritten", "marks"]

_LOG = logging.getLogger(__name__)
_HOUR_NS: Final = 3600 * 1_000_000_000
_CHUNK_NS: Final = 6 * _HOUR_NS
_MAX_CHUNK_NS: Final = 48 * _HOUR_NS
"""Of a time without strides; 48 h hold some 12 000 where there are any."""
_AHEAD_NS: Final = 24 * _HOUR_NS
"""No event lies further ahead of this machine's clock than the ingester lets through."""
_END_NS: Final = 2**62
OnRewritten = Callable[[str, int, int], Awaitable[None]]


async def _nobody(patient: str, start_ns: int, stop_ns: int) -> None:
    return None


def marks(record: PatientRecord) -> list[Point]:
    """Return the record's marks as points of the rollups' store, ascending by time."""
    return [
        Point(
            "mark",
            (("patient", record.patient),),
            {"what": mark.what, "title": mark.title, "text": mark.text},
            mark.time_ns,
        )
        for mark in record.marks()
    ]


class CareWorker:
    """Brings changes of records to what is stored already.

    Parameters
    ----------
    care : Care
    store : Store
        Where strides are.
    rollups : Store
        Where marks go.
    reader : Store, optional
        Reads the strides where the account of `store` may only write.
    on_rewritten : callable
        Awaited with patient and time [ns] when a stretch of strides has been gone through, before
        that is noted as done: what is computed from them has to be computed again.
    poll_s : float
        So often the file is looked at [s].
    """

    def __init__(
        self,
        care: Care,
        store: Store,
        rollups: Store,
        *,
        reader: Store | None = None,
        on_rewritten: OnRewritten = _nobody,
        poll_s: float = 2.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._care = care
        self._store = store
        self._reader = reader or store
        self._rollups = rollups
        self._on_rewritten = on_rewritten
        self._poll_s = poll_s
        self._now_ns = now_ns
        self._stopping = asyncio.Event()
        self.rewritten = 0
        """Strides that got another orthosis."""

    async def run(self) -> None:
        """Work off what is there, and what comes, until `stop`; a store that is down is waited
        for."""
        problem = ""
        while not self._stopping.is_set():
            try:
                await self.catch_up()
                problem = ""
            except StoreUnavailable as error:
                if str(error) != problem:
                    _LOG.warning("changes reach stored strides and marks later: %s", error)
                problem = str(error)
            await self._pause()

    def stop(self) -> None:
        """End `run` after the stretch in hand."""
        self._stopping.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def catch_up(self) -> None:
        """Do all that is to be done now; raise `StoreUnavailable` where a store is down."""
        await self.sync_marks()
        for rewrite in await self._care.rewrites():
            if not self._stopping.is_set():
                await self._rewrite(rewrite)

    # -- strides --------------------------------------------------------------------------------

    async def _rewrite(self, rewrite: Rewrite) -> None:
        """Go through the time in stretches, longer ones where nothing is."""
        start_ns, step_ns = rewrite.start_ns, _CHUNK_NS
        horizon_ns = self._now_ns() + _AHEAD_NS
        stop_ns = horizon_ns if rewrite.stop_ns is None else min(rewrite.stop_ns, horizon_ns)
        while start_ns < stop_ns and not self._stopping.is_set():
            end_ns = min(start_ns + step_ns, stop_ns)
            rows = await self._rewrite_stretch(rewrite.patient, start_ns, end_ns)
            await self._care.rewritten(rewrite, end_ns)
            start_ns = end_ns
            step_ns = _CHUNK_NS if rows else min(2 * step_ns, _MAX_CHUNK_NS)
        if start_ns >= stop_ns:
            await self._care.rewritten(rewrite, None)

    async def _rewrite_stretch(self, patient: str, start_ns: int, stop_ns: int) -> int:
        """Mark the strides of a stretch; return how many there are."""
        await self._care.refresh()
        record = self._care.known(patient)
        rows = await self._reader.read(
            "stride", patient=patient, start_ns=start_ns, stop_ns=stop_ns, fields=("strike", FIELD)
        )
        points = [point for row in rows if (point := _marked_anew(row, record))]
        if points:
            await self._store.write(points)
            self.rewritten += len(points)
        if rows:  # also where all are right: a crash may have come between write and word of it
            await self._on_rewritten(patient, start_ns, stop_ns)
        return len(rows)

    # -- marks ----------------------------------------------------------------------------------

    async def sync_marks(self) -> None:
        """Bring the marks of changed records into the rollups' store; take others out of it."""
        for record in await self._care.unmarked():
            points = marks(record)
            wanted = {point.time_ns for point in points}
            stored = await self._rollups.read(
                "mark", patient=record.patient, start_ns=0, stop_ns=_END_NS
            )
            for row in stored:
                if row["time_ns"] not in wanted:
                    await self._take_out(record.patient, row["time_ns"])
            if points:
                await self._rollups.write(points)
            await self._care.marked(record)

    async def _take_out(self, patient: str, time_ns: int) -> None:
        """Remove a mark; a database that cannot (InfluxDB 3 Core) gets it blank instead."""
        try:
            await self._rollups.remove(
                "mark", patient=patient, start_ns=time_ns, stop_ns=time_ns + 1
            )
        except StoreUnavailable as error:
            if error.status not in (404, 405, 501):
                raise
            blank = Point(
                "mark", (("patient", patient),), {"what": "", "title": "", "text": ""}, time_ns
            )
            await self._rollups.write([blank])


def _marked_anew(row: dict[str, Any], record: PatientRecord) -> Point | None:
    """Return a point with the orthosis alone, None where the stored one is right."""
    orthosis = orthosis_of(record, row["side"], row["time_ns"])
    if orthosis == row[FIELD]:
        return None
    tags = tuple((tag, row[tag]) for tag in ("device", "patient", "side") if row[tag])
    return Point("stride", tags, {FIELD: orthosis or GONE}, row["time_ns"])

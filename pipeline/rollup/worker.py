"""The worker: makes the rollups of every day that was touched, and again when late data come.

    stored points ──take──> touched hours ──every 30 s and day──> read the day, compute, replace
                            (durable, before the receipt)          └─> mark forgotten

A day is computed from the stored rows alone, so neither the order of arrival nor duplicates nor a
restart can show in the result; a crash on the way leaves the mark, and the day is made once more.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

import msgspec

from pipeline.care.record import PatientRecord
from pipeline.errors import PipelineError, PointError, RegistryError, StoreRefused
from pipeline.points import Point
from pipeline.rollup.bands import is_settled, settle_bands, with_bands
from pipeline.rollup.baseline import Baseline
from pipeline.rollup.basis import Basis, first_affected_ns
from pipeline.rollup.day import OF_A_DAY, roll_up
from pipeline.rollup.replacing import EVER, remove, replace
from pipeline.rollup.rows import HOUR_NS, REACH_NS, read_day
from pipeline.rollup.touched import Mark, Touched
from pipeline.store import Store

__all__ = ["Records", "RollupState", "RollupWorker"]

_LOG = logging.getLogger(__name__)
_DAYS_AT_ONCE: Final = 16
"""After so many days it is looked for newer ones: a backlog does not hold up today."""
_REFRESH_S: Final = 60.0
_DAY_NS: Final = 24 * HOUR_NS


class Records(Protocol):
    """Knows what is set for a patient; `pipeline.care.Care` does."""

    async def record(self, patient: str) -> PatientRecord:
        """Return the record; raise `RegistryError` for an unknown patient."""


@dataclass(slots=True)
class RollupState:
    """What the worker has done since it began.

    Attributes
    ----------
    days : int
        Patient-days made, each as often as it was.
    points : int
        Points written; a day that came out as before writes none.
    waiting : int
        Patient-days that are touched and not made yet, when last looked at.
    problem : str
        What keeps rollups from being made at this moment; empty: nothing.
    """

    days: int = 0
    points: int = 0
    waiting: int = 0
    problem: str = ""


class RollupWorker:
    """Works the touched hours off.

    Parameters
    ----------
    source, target : Store
        Where the events are, and where the rollups go.
    touched : Touched
        A companion of the ingester. Stores and set stay the caller's to close.
    records : Records
    patients : callable, optional
        Returns all patients: those with a plan have `programme` rows of days without events, too.
    every_s, settle_s : float
        A day is made at most every `every_s`, and `settle_s` after it was looked for last [s].
    now_ns, clock : callable
        Wall clock [ns since 1970, UTC] and monotonic clock [s].
    """

    def __init__(
        self,
        source: Store,
        target: Store,
        touched: Touched,
        records: Records,
        *,
        patients: Callable[[], Awaitable[Iterable[str]]] | None = None,
        every_s: float = 30.0,
        settle_s: float = 2.0,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = RollupState()
        self._source, self._target = source, target
        self._touched, self._records, self._patients = touched, records, patients
        self._every_s, self._settle_s = every_s, settle_s
        self._now_ns, self._clock = now_ns, clock
        self._made: dict[tuple[str, date], float] = {}
        self._bands: dict[str, dict[str, Baseline]] = {}

    async def run(self) -> None:
        """Make rollups until cancelled; another process that does so already is waited for."""
        refreshed = float("-inf")
        while True:
            wait_s = self._settle_s
            try:
                if not self._touched.lock():
                    self._bands.clear()  # they may have changed when it is our turn
                    wait_s = self._every_s
                elif self._clock() - refreshed >= _REFRESH_S:
                    await self.refresh()
                    refreshed = self._clock()
                elif await self.round(self._every_s):
                    wait_s = 0.0
                self.state.problem = ""
            except (OSError, PipelineError) as error:
                if str(error) != self.state.problem:
                    _LOG.warning("rollups wait, nothing is lost: %s", error)
                self.state.problem = str(error)
                wait_s = self._every_s
            await asyncio.sleep(wait_s)

    async def work_off(self, progress: Callable[[int], None] | None = None) -> int:
        """Make every touched day now and return how many; `progress` is told how many wait.

        Raises
        ------
        StoreUnavailable
            What was not made stays marked.
        """
        before = self.state.days
        while await self.round(0.0):
            if progress:
                progress(self.state.waiting)
        return self.state.days - before

    async def round(self, every_s: float) -> bool:
        """Make some of the days that are due, newest first; say whether there were any.

        Raises
        ------
        StoreUnavailable
            Not now; the marks stay.
        PointError, StoreRefused
            Rows or rollups that no store can hold; the marks stay, other patients' days are made.
        """
        due = await self._due(every_s)
        days = sorted({each for _, spans in due for each in spans}, key=lambda d: (d[1], d[0]))
        chosen = set(days[-_DAYS_AT_ONCE:])
        marks = [mark for mark, spans in due if spans & chosen]
        chosen |= {each for mark, spans in due if spans & chosen for each in spans}
        self._touched.begin(marks)
        failed: dict[str, PipelineError] = {}
        for patient in sorted({patient for patient, _ in chosen}):
            try:
                await self._make(patient, sorted(day for who, day in chosen if who == patient))
            except (PointError, StoreRefused) as error:  # one patient's rows hold up nobody else
                _LOG.error("no rollups of %s: %s", patient, error)
                failed[patient] = error
                self._made |= {each: self._clock() for each in chosen if each[0] == patient}
        made = [mark for mark in marks if mark.patient not in failed]
        await self._touched.done(made)
        self.state.waiting = len(set(days) - chosen)
        if failed and not made:
            raise next(iter(failed.values()))
        return bool(made)

    async def _due(self, every_s: float) -> list[tuple[Mark, set[tuple[str, date]]]]:
        """Return the marks that may be worked off now, each with the days that it touches."""
        now = self._clock()
        self._made = {key: at for key, at in self._made.items() if now - at < every_s}
        due, gone = [], []
        records: dict[str, PatientRecord | None] = {}
        for mark in await self._touched.marks():
            if mark.patient not in records:
                records[mark.patient] = await self._record(mark.patient)
            record = records[mark.patient]
            if record is None:
                gone.append(mark)
                continue
            days = {(mark.patient, day) for day in _days_of(mark.hour, record)}
            if not days & self._made.keys():
                due.append((mark, days))
        if gone:
            _LOG.warning("%d touched hours of patients that are not in the registry", len(gone))
            await self._touched.done(gone)
        return due

    async def _record(self, patient: str) -> PatientRecord | None:
        try:
            return await self._records.record(patient)
        except RegistryError:
            return None

    async def _make(self, patient: str, days: Sequence[date]) -> None:
        record = await self._record(patient)
        if record is None:
            return  # erased since the marks were read
        if patient not in self._bands:
            self._bands[patient] = await settle_bands(self._target, record)
        starts = []
        for day in days:
            start_ns, stop_ns = record.day_span(day)
            points = await self._compute(record, day, start_ns, stop_ns)
            written = await replace(self._target, patient, start_ns, stop_ns, points, OF_A_DAY)
            self._made[patient, day] = self._clock()
            self.state.days += 1
            self.state.points += written
            starts.append(start_ns)
        if not is_settled(self._bands[patient], starts):
            self._bands[patient] = await settle_bands(self._target, record)

    async def _compute(
        self, record: PatientRecord, day: date, start_ns: int, stop_ns: int
    ) -> list[Point]:
        rows = await read_day(self._source, record.patient, start_ns, stop_ns)
        points = await asyncio.to_thread(roll_up, rows, record, day)
        return with_bands(points, self._bands[record.patient])

    # ---- what is set for the patients

    async def refresh(self) -> None:
        """Mark what depends on records that changed since the last call, and the new day."""
        for patient in await self._patients() if self._patients else ():
            record = await self._record(patient)
            if record is not None:
                await self._refresh(record)

    async def _refresh(self, record: PatientRecord) -> None:
        patient, now_ns = record.patient, self._now_ns()
        text = await self._touched.basis(patient)
        before = msgspec.json.decode(text, type=Basis) if text else None
        after = Basis.of(record, now_ns)
        if before == after:
            return
        since_ns = first_affected_ns(before, after, record)
        if since_ns is not None:
            await self._touched.add_span(patient, since_ns, now_ns + 1)
        if before and before.zone != after.zone:
            await self._move(record)
        self._bands[patient] = await settle_bands(self._target, record)
        await self._touched.set_basis(patient, msgspec.json.encode(after).decode())

    async def _move(self, record: PatientRecord) -> None:
        """Mark all days and remove their rollups: every day begins at another time now."""
        patient, times = record.patient, []
        for name in OF_A_DAY:
            rows = await self._target.read(name, patient=patient, **EVER)
            times += [row["time_ns"] for row in rows]
        if times:
            await self._touched.add_span(patient, min(times) - _DAY_NS, max(times) + 2 * _DAY_NS)
        for name in OF_A_DAY:
            await remove(self._target, name, patient, **EVER)


def _days_of(hour: int, record: PatientRecord) -> list[date]:
    """Return the days that anything in a clock hour may have an effect on."""
    first = record.day_of(hour * HOUR_NS - REACH_NS)
    last = record.day_of((hour + 1) * HOUR_NS + REACH_NS)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]

"""What stands beside ingester and agent in the simulated house: alert rules, rollups, notifier.

The real companions run in the real ingester. What they should come to is read from the edge alone:
the notifier's alerts are those that the device found, each once (E), and the rollups are those that
the stored points give when all came once and no fault befell (B).
"""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from memory_store import MemoryStore
from sim_influx import SimInflux

from pipeline.care.record import PatientRecord
from pipeline.config import NotifyConfig
from pipeline.influx import InfluxStore
from pipeline.journal import Journal
from pipeline.notify.model import Message
from pipeline.notify.notifier import Notifier
from pipeline.notify.sender import SendError
from pipeline.points import Point
from pipeline.rollup.day import OF_A_DAY
from pipeline.rollup.touched import Touched
from pipeline.rollup.worker import RollupWorker

__all__ = ["People", "SimStore"]


class SimStore(InfluxStore):
    """The real store over the simulated server, whose points can be read back."""

    def __init__(self, server: SimInflux) -> None:
        super().__init__(server)
        self._sim = server

    async def read(self, name: str, **span: Any) -> list[dict[str, Any]]:
        """Return what the simulated server holds."""
        return await held(self._sim).read(name, **span)


def held(server: SimInflux) -> MemoryStore:
    """Return a copy of what a server holds."""
    copy = MemoryStore()
    for point in server.points.values():
        copy.points[point.measurement, point.tags, point.time_ns] = dict(point.fields)
    return copy


class Records:
    """Every patient lives in one zone."""

    async def record(self, patient: str) -> PatientRecord:
        """Return the record."""
        return PatientRecord(patient=patient, zone="Europe/Berlin")


class Mailbox:
    """Takes messages, now and then only at the second try."""

    def __init__(self, rng: random.Random) -> None:
        self.got: list[tuple[int, str]] = []
        self._rng = rng

    async def send(self, url: str, message: Message) -> None:
        """Take a message."""
        if self._rng.random() < 0.2:
            raise SendError("busy")
        self.got.append((message.number, url))


class People:
    """The ingester's companions of one life of it; the files outlast it."""

    def __init__(
        self, folder: Path, server: SimInflux, target: MemoryStore, rng: random.Random, now_ns: Any
    ) -> None:
        self.store = SimStore(server)
        self.touched = Touched(folder / "touched.db")
        self.target = target
        self.mailbox = Mailbox(rng)
        config = NotifyConfig(
            path=str(folder / "notify.db"),
            recipients=str(folder / "recipients"),
            key_file=str(folder / "acknowledge.key"),
        )
        journal = Journal(folder / "journal.jsonl", now_ns)
        self.notifier = Notifier(config, journal, now_ns=now_ns, sender=self.mailbox, rng=rng)
        self.worker = self._worker(self.store)

    def _worker(self, source: Any) -> RollupWorker:
        return RollupWorker(source, self.target, self.touched, Records())

    @property
    def companions(self) -> tuple[Touched, Notifier]:
        """For the ingester."""
        return self.touched, self.notifier

    async def work(self) -> None:
        """A round of both, as their own loops make them."""
        self.touched.lock()
        await self.worker.round(0.0)
        await self.notifier._round()

    async def close(self) -> None:
        """The process ends."""
        await self.touched.close()
        await self.notifier.close()

    async def finish(self) -> None:
        """Make what is due."""
        self.touched.lock()
        await self.worker.work_off()

    async def rollup_problems(self, folder: Path) -> list[str]:
        """B: say where the rollups differ from those that the stored points give at one go."""
        fresh = MemoryStore()
        touched = Touched(folder / "again.db")
        source = held(self.store._sim)
        points = [Point(*key[:2], fields, key[2]) for key, fields in source.points.items()]
        await touched.take([point for point in points if point.measurement != "status"])
        await RollupWorker(source, fresh, touched, Records()).work_off()
        await touched.close()
        problems = []
        for name in OF_A_DAY:
            now = await self.target.read(name, start_ns=0, stop_ns=2**62)
            then = await fresh.read(name, start_ns=0, stop_ns=2**62)
            if now != then:
                problems.append(f"B: {name}: {len(now)} rows, {len(then)} without faults")
        return problems

    def alert_problems(self, told: set[tuple[str, int, bool]], path: Path) -> list[str]:
        """E: say which alerts the notifier does not know, made up, or holds twice.

        `told` holds (id, wall time, raised) as the device found them; `path`: the notifier's file.
        """
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute("select id, time_ns, raised from events").fetchall()
            begins = db.execute("select id, begin_ns from episodes").fetchall()
        known = {(name, time_ns, bool(raised)) for name, time_ns, raised in rows}
        raised = sorted((name, time_ns) for name, time_ns, is_raised in told if is_raised)
        problems = []
        for what, odd in (("not known", told - known), ("made up", known - told)):
            if odd:
                problems.append(f"E: {len(odd)} alerts are {what}, the first {min(odd)}")
        if sorted(begins) != raised:
            problems.append(f"E: {len(begins)} episodes of {len(raised)} alerts")
        return problems

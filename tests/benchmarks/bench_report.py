"""How long a report over 90 days takes, 6000 strides a day, from SQLite and from real InfluxDB.

    PYTHONPATH=.:tests/support python tests/benchmarks/bench_report.py [DAYS] [STEPS]

Each report is made three times in a process of its own, from its start to both files on disk: a
virtual patient (tests/support/month.py), compared with and without a stimulator. Filling the
databases takes a few minutes before.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import month
from report_room import fill, record_of
from servers import InfluxServer, influx_server

from pipeline.config import StoreConfig
from pipeline.points import Point
from pipeline.report.build import make_report, write_report
from pipeline.report.span import Span
from pipeline.store import open_store

GOAL_S = 10.0
ROUNDS = 3
PERSON = month.people(1)[0]


def configs(kind: str, place: str) -> tuple[StoreConfig, StoreConfig]:
    """Return the stores of events and of rollups: files in a folder, or databases at a URL."""
    if kind == "sqlite":
        return StoreConfig(path=f"{place}/store.db"), StoreConfig(path=f"{place}/rollups.db")
    return (
        StoreConfig(kind="influx1", url=place, database="gait", timeout_s=60.0),
        StoreConfig(kind="influx1", url=place, database="gait_rollups", timeout_s=60.0),
    )


def batches(days: int, steps: int) -> Iterator[list[Point]]:
    """Yield the points of each day, telling how far it is."""
    for number, day in enumerate(month.days(days), start=1):
        sys.stderr.write(f"\rfilling: day {number} of {days}")
        yield month.day_points(PERSON, day, steps)
    sys.stderr.write("\n")


async def prepare(kind: str, place: str, days: int, steps: int) -> None:
    """Fill both databases."""
    store, rollups = map(open_store, configs(kind, place))
    await fill(store, rollups, record_of(PERSON), batches(days, steps), month.days(days))
    await store.close()
    await rollups.close()


async def make(kind: str, place: str, days: int, out: Path) -> None:
    """Make the report once."""
    store, rollups = map(open_store, configs(kind, place))
    every = month.days(days)
    span = Span(every[0], every[-1], PERSON.zone)
    report = await make_report(
        store, rollups, record_of(PERSON), span, version="bench", orthosis="fes"
    )
    write_report(report, out)
    await store.close()
    await rollups.close()


def measure(kind: str, place: str, days: int, out: Path) -> None:
    """Print how long a process takes for the whole report."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        before, start = os.times(), time.perf_counter()
        argv = [sys.executable, __file__, "make", kind, place, str(days), str(out)]
        subprocess.run(argv, check=True)
        after = os.times()
        walls.append(time.perf_counter() - start)
        cpus.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    sizes = {path.suffix: path.stat().st_size // 1024 for path in out.iterdir()}
    verdict = "reached" if sorted(walls)[1] <= GOAL_S else "MISSED"
    sys.stdout.write(
        f"{kind:8} {days} days: " + ", ".join(f"{wall:.1f}" for wall in walls) + " s"
        f" (CPU {min(cpus):.1f} s of the report itself), HTML {sizes['.html']} KiB,"
        f" PDF {sizes['.pdf']} KiB; goal {GOAL_S:.0f} s {verdict} by the median\n"
    )


def start_influx(folder: Path) -> InfluxServer:
    """Return a real InfluxDB with both databases."""
    server = influx_server(folder)
    server.start()
    for name in ("gait", "gait_rollups"):
        server.create(name)
    return server


def main() -> None:
    """Fill, make, print."""
    if sys.argv[1:2] == ["make"]:
        kind, place, days, out = sys.argv[2:]
        asyncio.run(make(kind, place, int(days), Path(out)))
        return
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 6000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("sqlite", "influx1"):
            server = start_influx(folder) if kind == "influx1" else None
            place = server.url if server else name
            try:
                asyncio.run(prepare(kind, place, days, steps))
                measure(kind, place, days, folder / f"out-{kind}")
            finally:
                if server:
                    server.stop()


if __name__ == "__main__":
    main()

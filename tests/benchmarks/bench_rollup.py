"""How long the rollup of one patient-day takes, and of a month that arrives late.

    PYTHONPATH=.:tests/support python tests/benchmarks/bench_rollup.py [--days 30] [--steps 6000]

Starts its own influxd and nginx on loopback. A day is read from the store, computed, and put into
the rollups' store in place of what is there; each day is timed apart. The goal is 200 ms (p95).
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from month import day_points, days, people
from servers import influx_server, influx_v2_server

from pipeline.care.record import PatientRecord
from pipeline.config import PipelineConfig, RollupConfig, StoreConfig
from pipeline.rollup.opening import Rollups, open_rollups

PERSON = people(1)[0]


class Records:
    """Knows the one virtual patient."""

    async def record(self, patient: str) -> PatientRecord:
        """Return what is set for the patient."""
        return PERSON.record()


async def fill(rollups: Rollups, count: int, steps: int) -> int:
    """Store the days and mark them; return how many strides they have."""
    strides = 0
    for day in days(count):
        points = day_points(PERSON, day, steps)
        strides += sum(point.measurement == "stride" for point in points)
        await rollups.source.write(points)
        await rollups.touched.take(points)
    return strides


async def one_by_one(rollups: Rollups, count: int) -> list[float]:
    """Return how long each day takes when it alone was touched, at its noon [ms]."""
    took = []
    for day in days(count):
        noon_ns = PERSON.time_ns(day, 12.0)
        await rollups.touched.add_span(PERSON.patient, noon_ns, noon_ns + 1)
        begin = time.perf_counter()
        made = await rollups.worker.work_off()
        took.append(1e3 * (time.perf_counter() - begin) / made)
    return took


async def measure(config: PipelineConfig, count: int, steps: int) -> str:
    """Return one line of figures."""
    async with open_rollups(config, Records()) as rollups:
        rollups.touched.lock()
        strides = await fill(rollups, count, steps)
        begin, cpu = time.perf_counter(), time.process_time()
        made = await rollups.worker.work_off()
        backfill_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        took = await one_by_one(rollups, count)
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20, method="inclusive")[-1]
    return (
        f"{config.store.kind:8} one day: p50 {p50:5.0f} ms  p95 {p95:5.0f} ms"
        f"   {made} days at once: {backfill_s:5.1f} s, {1e3 * cpu_s / made:4.0f} ms CPU each"
        f"   ({strides / count:.0f} strides a day, {os.cpu_count()} cores)\n"
    )


def main() -> None:
    """Measure each store and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--steps", type=int, default=6000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("influx", "nginx"):
            (folder / part).mkdir()
        influx = influx_server(folder / "influx")
        nginx = influx_v2_server(folder / "nginx", influx)
        try:
            influx.start()
            nginx.start()
            for number, (kind, url) in enumerate(
                (("influx1", influx.url), ("influx2", nginx.url), ("sqlite", ""))
            ):
                databases = [f"{what}{number}" for what in ("gait", "rollups")]
                for database in databases:
                    influx.create(database)
                store = StoreConfig(
                    kind=kind,  # type: ignore[arg-type] # one of the three
                    url=url,
                    database=databases[0],
                    bucket=databases[0],
                    path=str(folder / "store.db"),
                )
                rollups = RollupConfig(
                    path=str(folder / "rollups.db"),
                    touched=str(folder / f"touched{number}.db"),
                    database=databases[1],
                    bucket=databases[1],
                )
                config = PipelineConfig(store=store, rollups=rollups)
                sys.stdout.write(asyncio.run(measure(config, options.days, options.steps)))
                sys.stdout.flush()
        finally:
            nginx.stop()
            influx.stop()


if __name__ == "__main__":
    main()

"""What outages, restarts and the disk cost: drain, live lag, recovery, memory, bytes written.

    PYTHONPATH=.:tests/support python tests/benchmarks/bench_faults.py [--days 2]

All on the simulated system (virtual time, real agent, outbox and ingester code); nothing is timed.
Memory is what the edge's own files hold on to, by tracemalloc; the events come without samples.
"""

import argparse
import asyncio
import fnmatch
import gc
import random
import shutil
import sys
import tracemalloc
from pathlib import Path

from edge_tools import WALL_NS, stride
from sim_disk import Op, fault_disk
from sim_house import house
from sim_loop import simulate
from sim_outage import HOUR, hours_of_walking, outage
from sim_story import scratch, tell

from edge.outbox import Outbox

DAY_S = 24 * HOUR
EVENTS_PER_HOUR = 1500


def say(name: str, value: str, limit: str) -> None:
    sys.stdout.write(f"{name:<52} {value:>12}   (limit {limit})\n")
    sys.stdout.flush()


def drain(base: Path) -> None:
    """72 hours without a broker."""
    folders = [base / name for name in ("pipeline", "device")]
    for folder in folders:
        folder.mkdir()
    with fault_disk(*folders) as disks:
        found = outage(disks, 72 * HOUR, "broker", 300)
    say(
        f"72 h without a broker, {found.events} events: drained in",
        f"{found.drained_s:.0f} s",
        "1800",
    )
    say("  live events meanwhile at most late", f"{found.live_lag_s:.1f} s", "5")


def recovery(stories: int) -> None:
    """The longest time that any of the stories took after its last fault."""
    worst = max(tell(seed).recovery_s for seed in range(stories))
    say(f"recovery, longest of {stories} stories", f"{worst:.1f} s", "60")


def written(base: Path, events: int = 3600) -> None:
    """Bytes that SQLite writes for one event a second, each with its receipt, checkpoints too."""
    base.mkdir()
    count = 0
    with fault_disk(base) as (disk,):
        changed = disk.changed

        def counted(name: str, op: Op) -> None:
            nonlocal count
            count += len(op[1] or b"")
            changed(name, op)

        outbox = Outbox(base / "outbox.db", clock_name="one")
        outbox.stamp(WALL_NS)
        disk.changed = counted  # type: ignore[method-assign]  # to count
        for number in range(events):
            rows = outbox.pending()
            receipts = [(rows[0].boot, [(rows[0].seq, rows[-1].seq)])] if rows else []
            outbox.commit([stride(number)], receipts)
        outbox.close()
    say("outbox, written per event at one event a second", f"{count / events:.0f} B", "4096")


def held_bytes() -> int:
    gc.collect()
    traces = tracemalloc.take_snapshot().statistics("filename")
    return sum(s.size for s in traces if fnmatch.fnmatch(s.traceback[0].filename, "*/edge/*.py"))


def memory(base: Path, days: int) -> None:
    """What the agent's files hold after so many days of walking, less after the first."""
    folders = [base / name for name in ("pipeline", "device")]
    for folder in folders:
        folder.mkdir(parents=True)
    held: list[int] = []

    async def live() -> None:
        async with house(folders[0], random.Random(1)) as world:
            device = await world.add(disks[1])
            for _ in range(days + 1):
                await hours_of_walking(device, DAY_S, EVENTS_PER_HOUR)
                await asyncio.sleep(120)
                held.append(held_bytes())

    tracemalloc.start()
    with fault_disk(*folders) as disks:
        simulate(live())
    tracemalloc.stop()
    slope = (held[-1] - held[0]) / days
    events = EVENTS_PER_HOUR * 24
    say(f"agent's memory, slope at {events} events a day", f"{slope / 1e6:.3f} MB/day", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=2, help="days of the memory's slope")
    parser.add_argument("--stories", type=int, default=60, help="stories of the recovery")
    chosen = parser.parse_args()
    base = scratch()
    try:
        written(base / "written")
        (base / "drain").mkdir()
        drain(base / "drain")
        recovery(chosen.stories)
        memory(base / "memory", chosen.days)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()

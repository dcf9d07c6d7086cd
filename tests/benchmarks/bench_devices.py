"""Three ORPHE insoles on one simulated adapter; `python tests/benchmarks/bench_devices.py`.

Simulated time: first a clean link, then one that loses 5 % of the packets. Says what was lost, what
the link truly dropped, and the processor time per simulated second, simulators included.
"""

import argparse
import asyncio
import sys
import time

import numpy as np

from hw.clock import VirtualClock
from hw.devices import profiles
from hw.devices.orphe.driver import OrpheDevice, OrpheSource
from hw.devices.orphe.simulator import OrpheInsole
from hw.devices.simulation.feed import FootFeed
from hw.devices.simulation.gatt import LinkFaults, SimulatedRadio
from hw.source import SIDES, FootSeries, Side

WALL_NS = 1_790_000_000_000_000_000
SAMPLES_PER_PACKET = 2


def still(side: Side) -> FootFeed:
    """Return a foot at rest."""
    foot = profiles.load("orphe").foot(side)
    time_ns = np.arange(0, 10_000_000_000, 10_000_000, dtype=np.int64)
    imu = np.tile(np.array([0, 0, 9.80665, 0, 0, 0], np.float32), (len(time_ns), 1))
    load = np.full((len(time_ns), len(foot.x)), 0.5, dtype=np.float32)
    return FootFeed(FootSeries(time_ns, load, imu), foot, foot)


async def walk(seconds: float, loss: float) -> tuple[int, int, int, float]:
    """Return samples given, samples counted as lost, samples dropped, processor seconds used."""
    clock = VirtualClock(start_ns=10**12, wall_start_ns=WALL_NS)
    faults = LinkFaults(delay_s=(0.002, 0.030))
    sides: list[Side] = [*SIDES, "left"]
    insoles = [
        OrpheInsole(f"AA:00:00:00:00:0{i}", side, still(side), clock, drift_ppm=20.0 * i)
        for i, side in enumerate(sides)
    ]
    radio = SimulatedRadio(insoles, clock, faults)
    devices = [OrpheDevice(insole.address, insole.side) for insole in insoles]
    sources = [OrpheSource(devices[:2], radio, clock), OrpheSource(devices[2:], radio, clock)]
    given = lost = 0

    async def read(source: OrpheSource) -> None:
        nonlocal given, lost
        stream = source.blocks()
        try:
            async for block in stream:
                given += len(block.time_ns)
                lost += block.lost
        finally:
            await stream.aclose()

    began = time.process_time()
    readers = [asyncio.create_task(read(source)) for source in sources]
    await clock.sleep(5.0)
    faults.loss = loss
    await clock.sleep(seconds)
    faults.loss = 0.0
    await clock.sleep(2.0)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    used_s = time.process_time() - began
    return given, lost, faults.dropped * SAMPLES_PER_PACKET, used_s


def main() -> None:
    """Print what a clean and a lossy stretch gave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    seconds = parser.parse_args().seconds
    for name, loss in (("clean", 0.0), ("5 % lost", 0.05)):
        given, lost, dropped, used_s = asyncio.run(walk(seconds, loss))
        share = 100 * used_s / (seconds + 7)
        sys.stdout.write(
            f"{name}, {seconds:.0f} s, 3 insoles: {given} samples, {lost} counted as lost, "
            f"{dropped} dropped by the link; {share:.1f} % of a core\n"
        )


if __name__ == "__main__":
    main()

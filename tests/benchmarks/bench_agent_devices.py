"""What the whole agent costs with simulated devices: share of a core and memory of one process.

The process runs the agent, the device's driver and the simulator that speaks its wire format (an
ORPHE INSOLE by unmodified bleak over a simulated Bluetooth stack), against a real mosquitto where
it is installed; the simulator's own work is therefore in the figure.

    PYTHONPATH=.:tests/support python tests/benchmarks/bench_agent_devices.py --device orphe
"""

import argparse
import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import mosquitto_server

from edge.assembly import assemble
from edge.config import AgentConfig, BrokerConfig, StateConfig
from hw.clock import SystemClock
from hw.registry import SourceSettings, simulate

GOAL_PERCENT = 12.0
WARM_UP_S = 5.0


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    server = mosquitto_server(folder)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


async def measure(device: str, seconds: float, port: int, folder: Path) -> tuple[float, int]:
    """Return the share of a core [%] and the number of events detected."""
    clock = SystemClock(trust_wall=True)
    config = AgentConfig(
        device="insole-1",
        broker=BrokerConfig(port=port),
        state=StateConfig(dir=str(folder)),
    )
    async with simulate(device, SourceSettings(seconds=WARM_UP_S + seconds + 5), clock) as source:
        agent = assemble(config, source, clock, once=True)
        running = asyncio.create_task(agent.run())
        await asyncio.sleep(WARM_UP_S)
        begin_s, begin_cpu_s = time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        share = (time.process_time() - begin_cpu_s) / (time.monotonic() - begin_s)
        agent.stop()
        agent.stop()  # nobody receipts here: do not wait for it
        await running
        return 100 * share, agent.state.detected


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="orphe")
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, broker(Path(name)) as port:
        share, events = asyncio.run(measure(options.device, options.seconds, port, Path(name)))
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    verdict = "reached" if share <= GOAL_PERCENT else "MISSED"
    print(  # noqa: T201 - a benchmark speaks
        f"{options.device}, {options.seconds:.0f} s, {events} events: {share:.1f} % of a core "
        f"(goal <= {GOAL_PERCENT:.0f}): {verdict}; {memory_mb:.0f} MB; {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()

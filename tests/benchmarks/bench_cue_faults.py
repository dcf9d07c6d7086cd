"""Does the network delay a cue? `PYTHONPATH=.:tests/support python THIS_FILE [--seconds 40]`.

The agent in real time, with outbox, publisher and alert rules, on a virtual patient with severe
foot drop; a real broker behind a proxy that is fine, silent (half-open), slow and lossy, flapping,
and gone. For each: from the decision to the start of the cue. A cue of a contact waits on purpose
until 60 ms after it (`cues.delay_ms`). Exit code 1: a p99 over 100 ms (invariant G).
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from servers import mosquitto_server
from tcp_proxy import Proxy, proxy_to

from edge import wire
from edge.alerts import AlertRules
from edge.assembly import assemble
from edge.companion import Companion
from edge.config import AgentConfig, BrokerConfig, CueConfig, StateConfig
from edge.cueing import Cueing
from edge.cues import Conditions
from edge.state import AgentState
from hw.clock import SystemClock
from hw.virtual import VirtualPatient, VirtualSource, preset

GOAL_MS = 100.0
CUES = CueConfig(
    enabled=True,
    failures=1,
    failures_of=1,
    pause_s=0.5,
    most_per_minute=60,
    most_duty_percent=20.0,
    quiet_from="",
    quiet_to="",
)


class Buzzer:
    def pulse(self, seconds: float, signal: str = "") -> bool:
        return True

    def stop(self) -> None:
        return


class Ear(Companion):
    """Notes the delay of each cue given, and counts those that were too late."""

    def __init__(self) -> None:
        self.delays_ms: list[float] = []
        self.late = 0

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        if isinstance(event, wire.Cue):
            self.late += event.reason == "late"
            if event.delay_ms is not None:
                self.delays_ms.append(event.delay_ms)
        return ()


async def flap(proxy: Proxy) -> None:
    rng = random.Random(3)
    while True:
        proxy.cut()
        await asyncio.sleep(rng.uniform(0.1, 1.0))


async def measure(name: str, seconds: float, change: Callable[[Proxy], None]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        server = mosquitto_server(Path(folder))
        server.start()
        try:
            async with proxy_to(server.port) as proxy:
                ear = await walk(Path(folder), proxy, seconds, change, name == "flapping")
        finally:
            server.stop()
    delays = np.array(ear.delays_ms)
    p50, p99 = np.percentile(delays, (50, 99))
    well = bool(p99 <= GOAL_MS)
    sys.stdout.write(
        f"{name:28} {len(delays):4} cues  p50 {p50:5.1f} ms  p99 {p99:5.1f} ms  too late "
        f"{ear.late}  (goal p99 <= {GOAL_MS:.0f}: {'reached' if well else 'MISSED'})\n"
    )
    return well


async def walk(
    folder: Path, proxy: Proxy, seconds: float, change: Callable[[Proxy], None], flapping: bool
) -> Ear:
    clock = SystemClock(trust_wall=True)
    patient = VirtualPatient(preset("severe", affected="left"), seed=11)
    source = VirtualSource(patient, clock, 0.02, seconds)
    state, ear = AgentState(), Ear()
    config = AgentConfig(
        affected="left",
        broker=BrokerConfig(port=proxy.port),
        cues=CUES,
        state=StateConfig(dir=str(folder / "state")),
    )

    def conditions(side: wire.Side) -> Conditions:
        return Conditions(state.foot(side).last_sample_ns, True, True)

    cueing = Cueing(CUES, "left", clock, [Buzzer()], conditions)
    rules = AlertRules(folder / "alerts.json", "bench", "left")
    agent = assemble(config, source, clock, once=True, companions=[rules, cueing, ear], state=state)
    running = asyncio.create_task(agent.run())
    await asyncio.sleep(2.0)
    change(proxy)
    flaps = asyncio.create_task(flap(proxy)) if flapping else None
    try:
        await running
    finally:
        cueing.close()
        if flaps is not None:
            flaps.cancel()
    return ear


def fine(proxy: Proxy) -> None:
    """Nothing is wrong."""


def silent(proxy: Proxy) -> None:
    proxy.is_silent = True


def lossy(proxy: Proxy) -> None:
    proxy.delay_s, proxy.loss = 2.0, 0.2


def gone(proxy: Proxy) -> None:
    proxy.is_silent = True
    proxy.cut()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of walking, for each state")
    seconds = parser.parse_args().seconds
    states = {
        "network fine": fine,
        "half-open": silent,
        "2 s delay, 20 % loss": lossy,
        "flapping": fine,
        "gone": gone,
    }
    well = [asyncio.run(measure(name, seconds, change)) for name, change in states.items()]
    sys.exit(not all(well))


if __name__ == "__main__":
    main()

"""How late a cue comes; `python tests/benchmarks/bench_cues.py [--latest-ms MS]`.

First in simulated time: a virtual patient with severe foot drop walks in two simulated ORPHE
insoles over a radio with 30 ms of jitter, and as a source without a radio; from contact, and from
the sample that decided it, to the start of the cue. Cues that would be late are not given and
counted; "to the decision" holds them too. Then in real time: from the decision to the pin, on
gpiozero's mock pins where gpiozero is installed. Exit code 1: a cue came outside its window, or
the goal was missed.
"""

import argparse
import asyncio
import importlib.util
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import msgspec
import numpy as np

from edge.analyse import foot_configs
from edge.config import CueConfig
from edge.cueing import Cueing
from edge.cues import Conditions
from hw.clock import VirtualClock
from hw.devices import profiles
from hw.devices.orphe.driver import OrpheDevice, OrpheSource
from hw.devices.orphe.simulator import OrpheInsole
from hw.devices.simulation.feed import feet_of
from hw.devices.simulation.gatt import LinkFaults, SimulatedRadio
from hw.outputs import GpioOutput
from hw.registry import Ending
from hw.source import SIDES, Side, Source
from hw.virtual import VirtualPatient, VirtualSource, preset
from kernels import GaitEvent, Walk

WALL_NS = 1_790_000_000_000_000_000
GOAL_MS = 60.0
CONFIG = CueConfig(
    enabled=True,
    sound=True,
    quiet_from="",
    quiet_to="",
    most_per_minute=60,
    most_duty_percent=20,
    pause_s=0.5,
)


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")


class Ear:
    """Notes when a cue begins."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.starts: list[int] = []

    def pulse(self, seconds: float) -> None:
        self.starts.append(self._clock.monotonic_ns())

    def stop(self) -> None:
        return


@asynccontextmanager
async def without_radio(clock: VirtualClock, seconds: float) -> AsyncIterator[Source]:
    """A virtual patient as a source of its own, 20 ms blocks."""
    patient = VirtualPatient(preset("severe", affected="left"), seed=11)
    yield VirtualSource(patient, clock, 0.02, seconds)


@asynccontextmanager
async def with_radio(clock: VirtualClock, seconds: float) -> AsyncIterator[Source]:
    """The same in two ORPHE insoles, each packet 4 to 34 ms on its way."""
    patient = VirtualPatient(preset("severe", affected="left"), seed=11)
    device = profiles.load("orphe")
    feeds = feet_of(patient.recording(seconds)[0], device.left, device.right)
    insoles = [OrpheInsole(f"AA:0{i}", side, feeds[side], clock) for i, side in enumerate(SIDES)]
    radio = SimulatedRadio(insoles, clock, LinkFaults(delay_s=(0.004, 0.034)))
    devices = [OrpheDevice(insole.address, insole.side) for insole in insoles]
    yield Ending(OrpheSource(devices, radio, clock), seconds)


async def walk(title: str, source: Source, clock: VirtualClock) -> bool:
    """Walk, print, and return whether every cue came within its window."""
    ear = Ear(clock)
    last: dict[Side, int] = {}
    cueing = Cueing(CONFIG, "left", clock, [ear], lambda side: Conditions(last[side], True, True))
    kernel = Walk(foot_configs(source.profile, SIDES), affected="left")
    causes: list[tuple[int, int, int]] = []
    decisions: list[int] = []
    async with aclosing(source.blocks()) as blocks:  # type: ignore[type-var]  # a generator
        async for block in blocks:
            now_ns = last[block.side] = clock.monotonic_ns()
            for record in kernel.push(block.side, block.time_ns, block.load, block.imu):
                given = cueing.policy.counts.given["toe_strike"]
                cueing.observe(record, now_ns)
                if isinstance(record, GaitEvent) and record.detail == "toe":
                    decisions.append(now_ns - record.decided_ns)
                if cueing.policy.counts.given["toe_strike"] > given:
                    assert isinstance(record, GaitEvent)
                    causes.append((record.time_ns, record.decided_ns, now_ns))
    await clock.sleep(1.0)
    well = _report(title, ear, causes, cueing)
    _line("deciding sample to the decision, all", np.array(decisions) / 1e6)
    return well


def _report(title: str, ear: Ear, causes: list[tuple[int, int, int]], cueing: Cueing) -> bool:
    counts = cueing.policy.counts
    say(f"{title}: {dict(counts.given)} given, {_plain(counts.suppressed)} suppressed")
    starts = np.array(ear.starts)
    # each cue is about the newest cause that was decided before it began
    pairs = [
        (s, max(c for c in causes if c[2] <= s)) for s in starts if causes and causes[0][2] <= s
    ]
    strikes = [(s, c) for s, c in pairs if s - c[0] < 1_000_000_000]
    since_contact = np.array([s - c[0] for s, c in strikes]) / 1e6
    since_sample = np.array([s - c[1] for s, c in strikes]) / 1e6
    since_arrival = np.array([s - c[2] for s, c in strikes]) / 1e6
    _line("contact to cue", since_contact)
    _line("deciding sample to cue", since_sample, GOAL_MS)
    _line("block's arrival to cue", since_arrival)
    low, high = CONFIG.delay_ms, CONFIG.latest_ms
    inside = bool(np.all((since_contact >= low) & (since_contact <= high)))
    return bool(strikes) and inside and float(np.percentile(since_sample, 99)) <= GOAL_MS


def _plain(suppressed: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{n} {cause} {reason}" for (cause, reason), n in suppressed.items()) or "none"


def _line(what: str, ms: np.ndarray, goal_ms: float | None = None) -> None:
    if not len(ms):
        say(f"  {what}: none, nothing known")
        return
    p50, p99 = np.percentile(ms, [50, 99])
    verdict = ""
    if goal_ms is not None:
        verdict = f" (goal p99 <= {goal_ms:.0f} ms: {'reached' if p99 <= goal_ms else 'MISSED'})"
    say(
        f"  {what}: n {len(ms)}, p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {ms.max():.1f} ms{verdict}"
    )


def pins(times: int = 1000) -> None:
    """Print how long it takes from a decision to the pin, in real time, on mock pins."""
    if importlib.util.find_spec("gpiozero") is None:
        say("decision to pin: gpiozero is not installed, not measured")
        return
    import gpiozero
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    gpiozero.Device.pin_factory = MockFactory(pin_class=MockPWMPin)
    output = GpioOutput(12, 0.8)
    pin = gpiozero.Device.pin_factory.pin(12)
    clock = VirtualClock(start_ns=10**9, wall_start_ns=WALL_NS)
    took = []
    for i in range(times):
        cueing = Cueing(CONFIG, "left", clock, [output], lambda side: Conditions(10**9, True, True))
        contact = 10**9 - 70_000_000
        event = GaitEvent(contact, contact + 50_000_000, "left", "initial_contact", "toe")
        begin = time.perf_counter_ns()
        cueing.observe(event, 10**9)
        took.append((time.perf_counter_ns() - begin) / 1e6)
        assert pin.state == 0.8, i
        output.stop()
    output.close()
    _line("decision to pin, real time, mock pin", np.array(took))


async def simulate(minutes: float) -> bool:
    """Print both walks; return whether every cue came within its window."""
    well = True
    for title, make in (("without a radio", without_radio), ("ORPHE, 30 ms jitter", with_radio)):
        clock = VirtualClock(start_ns=10**12, wall_start_ns=WALL_NS)
        async with make(clock, 60.0 * minutes) as source:
            well &= await walk(title, source, clock)
    return well


def main() -> None:
    global CONFIG
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--latest-ms", type=float, default=CueConfig().latest_ms)
    chosen = parser.parse_args()
    CONFIG = msgspec.structs.replace(CONFIG, latest_ms=chosen.latest_ms)
    well = asyncio.run(simulate(chosen.minutes))
    pins()
    sys.exit(not well)


if __name__ == "__main__":
    main()

"""What `heelfirst bench` measures: the kernel's speed, and the agent as a process of its own.

The agent reads two feet of 16 cells and IMU at 100 Hz in real time and sends to a broker on
loopback; a receiver here answers with receipts as the pipeline does. Latency is taken for
urgent events, from the sample that decided one (its own time, and its block's arrival) to the
message's arrival at the receiver: both processes share the machine's monotonic clock.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import numpy as np

from edge import wire
from edge.analyse import foot_config
from edge.assembly import assemble
from edge.clock import LoopClock
from edge.config import build
from edge.events import URGENT, Record, to_wire
from edge.synthetic import drop_foot_walk
from hw.source import SIDES, Block, Clock, FootProfile, FootSeries, Profile, Recording, Side
from kernels import FootKernel

__all__ = ["AgentFigures", "bench_agent", "bench_kernel", "run"]

DEVICE = "bench"
WARM_UP_S = 3.0
BLOCK_S = 0.02
FRAMES_GOAL, CPU_GOAL, MEMORY_GOAL, LATENCY_GOAL = 2e6, 8.0, 90.0, 50.0
"""Foot-frames/s in large chunks, percent of a core, MB, ms at the 99th percentile."""


@dataclass(frozen=True, slots=True)
class AgentFigures:
    """What was measured on the running agent.

    Attributes
    ----------
    cpu_percent : float
        Of one core, user and system time.
    rss_mb, peak_mb : float
        Resident memory at the end and at most.
    from_sample_ms, from_arrival_ms : tuple of float
        One latency per urgent event, since its deciding sample and since that one's block.
    events : int
        Events received.
    broker : str
        What was measured against.
    """

    cpu_percent: float
    rss_mb: float
    peak_mb: float
    from_sample_ms: tuple[float, ...]
    from_arrival_ms: tuple[float, ...]
    events: int
    broker: str


def run(seconds: float, say: Callable[[str], None], recording: Recording | None = None) -> bool:
    """Measure all, say it line by line, and return whether every target was met.

    Parameters
    ----------
    seconds : float
        How long the agent is watched, after a warm-up.
    say : callable
        Takes a line of text.
    recording : Recording, optional
        What walks, over and over; None: a synthetic walk with a toe drag in every second swing.
    """
    recording = recording or drop_foot_walk(60.0)
    figures = [(_kernel_line(chunk), bench_kernel(recording, chunk)) for chunk in (1, 10, 10_000)]
    for text, speed in figures:
        say(f"{text}: {speed:12,.0f} foot-frames/s")
    results = [_judged("kernel, large chunks", figures[-1][1], FRAMES_GOAL, "foot-frames/s", ">=")]
    measured = asyncio.run(bench_agent(seconds, recording))
    say(f"agent for {seconds:.0f} s against {measured.broker}, {measured.events} events came")
    results += _agent_results(measured)
    for text, _ in results:
        say(text)
    return all(reached for _, reached in results)


def _kernel_line(chunk: int) -> str:
    return f"kernel, chunks of {chunk:6}"


def _agent_results(figures: AgentFigures) -> list[tuple[str, bool]]:
    results = [
        _judged("agent, CPU", figures.cpu_percent, CPU_GOAL, "% of one core", "<"),
        _judged("agent, memory at most", figures.peak_mb, MEMORY_GOAL, "MB", "<"),
    ]
    for name, times in (
        ("from the deciding sample", figures.from_sample_ms),
        ("from its block's arrival", figures.from_arrival_ms),
    ):
        if not times:
            results.append((f"{name} to the wire: no urgent event came, nothing known", False))
            continue
        p50, p99 = (float(value) for value in np.percentile(times, [50, 99]))
        text = f"{name} to the wire, {len(times)} events, p50 {p50:.1f} ms, p99"
        results.append(_judged(text, p99, LATENCY_GOAL, "ms", "<="))
    return results


def _judged(text: str, value: float, goal: float, unit: str, sign: str) -> tuple[str, bool]:
    reached = {"<": value < goal, "<=": value <= goal, ">=": value >= goal}[sign]
    verdict = "reached" if reached else "MISSED"
    return f"{text}: {value:,.1f} {unit} (goal {sign} {goal:,.0f}): {verdict}", reached


def bench_kernel(recording: Recording, chunk: int, at_least_s: float = 1.0) -> float:
    """Return how many samples of one foot the kernel takes in a second of one core's time."""
    side: Side = next(side for side in SIDES if side in recording.feet)
    series = recording.feet[side]
    shift = int(series.time_ns[-1] - series.time_ns[0]) + 10_000_000
    kernel = FootKernel(foot_config(recording.profile, side))
    frames, used, rounds = 0, 0.0, 0
    while used < at_least_s:
        parts = _parts(series, chunk, rounds * shift)
        begin = time.thread_time()
        for part in parts:
            kernel.push(part.time_ns, part.load, part.imu)
        used += time.thread_time() - begin
        frames, rounds = frames + len(series.time_ns), rounds + 1
    return frames / used


def _parts(series: FootSeries, chunk: int, shift: int) -> list[FootSeries]:
    return [
        FootSeries(
            series.time_ns[i : i + chunk] + shift,
            None if series.load is None else series.load[i : i + chunk],
            None if series.imu is None else series.imu[i : i + chunk],
        )
        for i in range(0, len(series.time_ns), chunk)
    ]


# -- the agent, seen from outside ---------------------------------------------------------------


async def bench_agent(seconds: float, recording: Recording) -> AgentFigures:
    """Run the agent as a process for `seconds` after a warm-up, and return what it cost."""
    with tempfile.TemporaryDirectory(prefix="heelfirst-bench-") as name, _broker(Path(name)) as at:
        port, broker = at
        folder = Path(name)
        _save(recording, folder / "walk.npz")
        arrivals: dict[tuple[str, int], int] = {}
        receiving = asyncio.create_task(_receive(port, arrivals))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge.bench", str(port), name, broker
        )
        try:
            await asyncio.sleep(WARM_UP_S)
            used, begin = _cpu_s(process.pid), time.perf_counter()
            await asyncio.sleep(seconds)
            cpu = 100 * (_cpu_s(process.pid) - used) / (time.perf_counter() - begin)
            rss, peak = _memory_mb(process.pid)
        finally:
            process.terminate()
            await process.wait()
            receiving.cancel()
            await asyncio.wait((receiving,))
        if not receiving.cancelled():
            receiving.result()
        decided = json.loads((folder / "decided.json").read_text())
    known = [
        (arrivals[side, time_ns], *ns)
        for side, time_ns, *ns in decided
        if (side, time_ns) in arrivals
    ]
    return AgentFigures(
        cpu_percent=cpu,
        rss_mb=rss,
        peak_mb=peak,
        from_sample_ms=tuple((got - sample) / 1e6 for got, sample, _ in known),
        from_arrival_ms=tuple((got - arrival) / 1e6 for got, _, arrival in known),
        events=len(arrivals),
        broker=broker,
    )


async def _receive(port: int, arrivals: dict[tuple[str, int], int]) -> None:
    """Note when each event came, and answer with receipts."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(wire.topic(DEVICE, "events"), qos=1)
        async for message in client.messages:
            now_ns = time.monotonic_ns()
            batch = wire.decode(message.payload, wire.Batch)
            for event in batch.events:
                arrivals.setdefault((_name(event), event.time_ns), now_ns)
            ranges = ((batch.events[0].seq, batch.events[-1].seq),)
            receipt = wire.encode(wire.Receipt(boot=batch.boot, ranges=ranges))
            await client.publish(wire.topic(DEVICE, "receipt"), receipt, qos=1)


def _name(event: wire.Event) -> str:
    return f"{type(event).__name__} {getattr(event, 'side', None)}"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> tuple[float, float]:
    """Return resident memory now and at most [MB]."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(kilobytes["VmRSS"]) / 1024, int(kilobytes["VmHWM"]) / 1024


# -- a broker -----------------------------------------------------------------------------------

MOSQUITTO = "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
AMQTT = "listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\n"


@contextmanager
def _broker(folder: Path) -> Iterator[tuple[int, str]]:
    """Run mosquitto, or amqtt where that is not installed; yield its port and name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    config = folder / "broker.conf"
    config.write_text((MOSQUITTO if mosquitto else AMQTT).format(port=port))
    argv = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)]
    if mosquitto:
        argv = [mosquitto, "-c", str(config)]
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield port, "mosquitto" if mosquitto else "amqtt"
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no broker on port {port} within {seconds:.0f} s")


# -- the agent, from inside ---------------------------------------------------------------------


def _save(recording: Recording, path: Path) -> None:
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {}
    for side, series in recording.feet.items():
        foot = recording.profile.foot(side)
        arrays[f"{side}_x"], arrays[f"{side}_y"] = np.array(foot.x), np.array(foot.y)
        arrays[f"{side}_time"] = series.time_ns
        if series.load is not None:
            arrays[f"{side}_load"] = series.load
        if series.imu is not None:
            arrays[f"{side}_imu"] = series.imu
    np.savez(path, **arrays)  # type: ignore[arg-type]  # mypy takes them for its own options


class _Endless:
    """A saved walk, over and over, at the pace of a clock."""

    def __init__(self, path: Path, clock: Clock) -> None:
        with np.load(path) as arrays:
            self._arrays = dict(arrays)
        self._clock = clock
        self.profile = Profile("bench", self._foot("left"), self._foot("right"), claim="virtual")

    def _foot(self, side: Side) -> FootProfile:
        x, y = self._arrays.get(f"{side}_x"), self._arrays.get(f"{side}_y")
        if x is None or y is None:
            return FootProfile()
        mount = "foot" if f"{side}_imu" in self._arrays else None
        return FootProfile(x=tuple(x.tolist()), y=tuple(y.tolist()), mount=mount)  # type: ignore[arg-type]  # a literal

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks of 20 ms of both feet for ever."""
        feet: list[Side] = [side for side in SIDES if f"{side}_time" in self._arrays]
        first = min(int(self._arrays[f"{side}_time"][0]) for side in feet)
        last = max(int(self._arrays[f"{side}_time"][-1]) for side in feet)
        step = round(BLOCK_S * 1e9)
        shift = self._clock.monotonic_ns() - first
        while True:
            for begin in range(first, last + 1, step):
                due = begin + step + shift
                await self._clock.sleep(max(0, due - self._clock.monotonic_ns()) / 1e9)
                for side in feet:
                    yield self._block(side, begin, begin + step, shift)
            shift += last - first + 10_000_000

    def _block(self, side: Side, begin: int, end: int, shift: int) -> Block:
        times = self._arrays[f"{side}_time"]
        part = slice(*np.searchsorted(times, (begin, end)))
        load, imu = self._arrays.get(f"{side}_load"), self._arrays.get(f"{side}_imu")
        return Block(
            side,
            times[part] + shift,
            None if load is None else load[part],
            None if imu is None else imu[part],
        )


class _SetClock(LoopClock):
    """The machine's clock, its wall time taken as right: for latency that is of no account."""

    def wall_ns(self) -> int | None:
        return time.time_ns()


async def _be_agent(port: int, folder: Path, broker: str) -> None:
    protocol = "5" if broker == "mosquitto" else "3.1.1"
    config = build(
        {
            "device": DEVICE,
            "broker": {"port": port, "protocol": protocol},
            "state": {"dir": str(folder)},
        }
    )
    decided: list[tuple[str, int, int, int]] = []

    def note(record: Record, arrival_ns: int) -> None:
        event = to_wire(record)
        if isinstance(event, URGENT):
            decided.append((_name(event), record.time_ns, record.decided_ns, arrival_ns))  # type: ignore[union-attr]  # a moment

    clock = _SetClock()
    agent = assemble(config, _Endless(folder / "walk.npz", clock), clock, observer=note)
    agent.handle_signals()
    await agent.run()
    offset_ns = agent.offset_ns or 0
    told = [(name, time_ns + offset_ns, *rest) for name, time_ns, *rest in decided]
    (folder / "decided.json").write_text(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(_be_agent(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))

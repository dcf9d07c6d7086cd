"""What FootKernel costs (16 cells + 6 axes): time, instructions, heap, memory over a day.

python tests/benchmarks/bench_kernel.py

Instructions and heap allocations per frame are counted by valgrind, where it is installed, as the
difference between two runs over signals of different length.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from kernels import FootConfig, FootKernel  # noqa: E402 - the repository comes first on the path

SECONDS = 120
REPEAT = 20
PERIOD_NS = 10_000_000
FEW, MANY = 20_000, 100_000
"""Frames of the two runs that valgrind counts."""
HOUR = 360_000
"""Frames of an hour at 100 Hz."""
COUNTERS = {
    "instructions": (("callgrind", "--callgrind-out-file=/dev/null"), r"Collected : (\d+)"),
    "heap allocations": (
        ("memcheck", "--undef-value-errors=no"),
        r"total heap usage: ([\d,]+) allocs",
    ),
}


def signal():
    """Return a config and the samples of one virtual foot, repeated."""
    from hw.virtual import VirtualPatient, preset

    recording, _ = VirtualPatient(preset("moderate"), seed=1).recording(SECONDS)
    profile, foot = recording.profile.left, recording.feet["left"]
    config = FootConfig("left", profile.x, profile.y, profile.mount, 0.26, profile.to_toe_m)
    load, imu = np.tile(foot.load, (REPEAT, 1)), np.tile(foot.imu, (REPEAT, 1))
    return config, np.arange(len(load), dtype=np.int64) * PERIOD_NS, load, imu


def seconds(config, time_ns, load, imu, chunk):
    """Return the time to push all samples in chunks."""
    kernel = FootKernel(config)
    begin = time.perf_counter()
    for a in range(0, len(time_ns), chunk):
        kernel.push(time_ns[a : a + chunk], load[a : a + chunk], imu[a : a + chunk])
    return time.perf_counter() - begin


def speed(config, time_ns, load, imu):
    """Yield lines of frames per second by sensors and chunk."""
    yield f"{'sensors':>16} {'chunk':>7} {'frames/s':>12} {'us/push':>9}"
    bare = FootConfig("left", config.x, config.y)
    for name, cfg in (("cells and IMU", config), ("cells", bare)):
        for chunk in (1, 10, 10_000):
            n = len(time_ns) if chunk > 1 else len(time_ns) // 4
            best = min(seconds(cfg, time_ns[:n], load[:n], imu[:n], chunk) for _ in range(3))
            micro = best / (n / chunk) * 1e6
            yield f"{name:>16} {chunk:>7} {n / best:>12,.0f} {micro:>9.2f}"


def day(config, load, imu):
    """Yield the line of memory over 24 hours, fed a minute at a time."""
    kernel = FootKernel(config)
    minute = 6_000
    peaks = []
    for a in range(0, 24 * HOUR, minute):
        k = a % len(load)
        time_ns = (a + np.arange(minute, dtype=np.int64)) * PERIOD_NS
        kernel.push(time_ns, load[k : k + minute], imu[k : k + minute])
        if (a + minute) % HOUR == 0:
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    grown = peaks[-1] - peaks[0]
    yield f"24 h of signal: {peaks[-1] / 1024:.0f} MiB at most, {grown} KiB more than after 1 h"


def push_saved(path, frames):
    """Push the first frames of a saved signal at once: what valgrind runs."""
    saved = np.load(path)
    config = FootConfig("left", tuple(saved["x"]), tuple(saved["y"]), "foot", 0.26)
    time_ns, load, imu = (saved[name][:frames].copy() for name in ("time_ns", "load", "imu"))
    FootKernel(config).push(time_ns, load, imu)


def counted(tool, pattern, path, frames):
    """Return what valgrind counts while `frames` are pushed."""
    command = ["valgrind", f"--tool={tool[0]}", *tool[1:], sys.executable, __file__, path]
    run = subprocess.run(
        [*command, str(frames)],
        env={**os.environ, "PYTHONMALLOC": "malloc", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(re.search(pattern, run.stderr)[1].replace(",", ""))


def counts(config, time_ns, load, imu):
    """Yield lines of instructions and heap allocations per frame."""
    if shutil.which("valgrind") is None:
        yield "instructions and heap allocations: not counted, valgrind is not installed"
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "signal.npz"))
        rows = slice(MANY)
        np.savez(
            path, x=config.x, y=config.y, time_ns=time_ns[rows], load=load[rows], imu=imu[rows]
        )
        for name, (tool, pattern) in COUNTERS.items():
            few, many = (counted(tool, pattern, path, frames) for frames in (FEW, MANY))
            yield f"{name} per frame: {(many - few) / (MANY - FEW):.4g}"


def main():
    samples = signal()
    for lines in (speed(*samples), day(samples[0], *samples[2:]), counts(*samples)):
        for line in lines:
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        push_saved(sys.argv[1], int(sys.argv[2]))
    else:
        main()

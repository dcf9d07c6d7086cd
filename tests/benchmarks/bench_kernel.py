"""Foot-frames per second of FootKernel (16 cells + 6 axes), in chunks of 1, 10 and 10 000.

python tests/benchmarks/bench_kernel.py
"""

import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from hw.virtual import VirtualPatient, preset  # noqa: E402 - the repository comes first on the path
from kernels import FootConfig, FootKernel  # noqa: E402

SECONDS = 120
REPEAT = 20


def signal():
    """Return a config and the samples of one virtual foot, repeated."""
    recording, _ = VirtualPatient(preset("moderate"), seed=1).recording(SECONDS)
    profile, foot = recording.profile.left, recording.feet["left"]
    config = FootConfig("left", profile.x, profile.y, profile.mount, 0.26, profile.to_toe_m)
    load, imu = np.tile(foot.load, (REPEAT, 1)), np.tile(foot.imu, (REPEAT, 1))
    time_ns = np.arange(len(load), dtype=np.int64) * 10_000_000
    return config, time_ns, load, imu


def seconds(config, time_ns, load, imu, chunk):
    """Return the time to push all samples in chunks."""
    kernel = FootKernel(config)
    begin = time.perf_counter()
    for a in range(0, len(time_ns), chunk):
        kernel.push(time_ns[a : a + chunk], load[a : a + chunk], imu[a : a + chunk])
    return time.perf_counter() - begin


def main():
    config, time_ns, load, imu = signal()
    lines = [f"{'sensors':>16} {'chunk':>7} {'frames/s':>12} {'us/push':>9}"]
    bare = FootConfig("left", config.x, config.y)
    for name, cfg in (("cells and IMU", config), ("cells", bare)):
        for chunk in (1, 10, 10_000):
            n = len(time_ns) if chunk > 1 else len(time_ns) // 4
            best = min(seconds(cfg, time_ns[:n], load[:n], imu[:n], chunk) for _ in range(3))
            micro = best / (n / chunk) * 1e6
            lines.append(f"{name:>16} {chunk:>7} {n / best:>12,.0f} {micro:>9.2f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

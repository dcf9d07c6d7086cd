"""How well exercises are recognised on unseen virtual patients, what is seen that is not there, and
what the recogniser costs.

python tests/benchmarks/bench_exercises.py [--sessions 50] [--days 3] [--hours 8] [--seed 7000]

Real walks are looked at as well, from HEELFIRST_DATA or ../shared/data, where they are.
"""

import argparse
import os
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

# the repository and its test support come first on the path
import numpy as np  # noqa: E402
from exercise_rooms import (  # noqa: E402
    everyday,
    exercised,
    false_sets,
    recognise,
    recogniser,
)

from hw.virtual import DeviceConfig, VirtualPatient, preset  # noqa: E402
from kernels.exercises import LegsCrossed  # noqa: E402


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def sessions(first: int, count: int) -> None:
    """Print names and counts over sessions with every exercise, well and badly done."""
    rows, false = defaultdict(list), Counter()
    for seed in range(first, first + count):
        scores, wrong = exercised(seed)
        for one in scores:
            right = one.name == one.exercise and one.side_right
            rows[one.exercise].append((right, abs(one.miss) <= 1, bool(one.mistake)))
            if not right or abs(one.miss) > 1:
                say(
                    f"  seed {seed}: {one.exercise}, {one.mistake or 'well done'}: found "
                    f"{one.name or 'nothing'}, count {one.miss:+d}"
                )
        false.update(one.name for one in wrong)
    everything = [part for parts in rows.values() for part in parts]
    say(f"\n| {count} sessions | sets | name right | count within 1 |\n|---|---|---|---|")
    for name, parts in [*sorted(rows.items()), ("all", everything)]:
        table = np.array(parts)
        say(f"| {name} | {len(table)} | {table[:, 0].mean():.1%} | {table[:, 1].mean():.1%} |")
    badly = np.array([part for part in everything if part[2]])
    say(f"| done badly | {len(badly)} | {badly[:, 0].mean():.1%} | {badly[:, 1].mean():.1%} |")
    say(f"sets found besides: {sum(false.values())} {dict(false) or ''}\n")


def days(first: int, count: int, hours: float) -> None:
    """Print what is found in everyday life without exercise."""
    for seed in range(first, first + count):
        config, seconds = everyday(seed, hours)
        recording, labels = VirtualPatient(config, seed).recording(seconds)
        found = recognise(recording, 1.0)
        wrong = Counter(one.name for one in false_sets(labels, found))
        crossed = [one for one in found if isinstance(one, LegsCrossed)]
        true, hits, sure = _crossings(labels.crossings, crossed)
        say(
            f"{hours:g} h, seed {seed}: {sum(wrong.values())} false exercises {dict(wrong) or ''}; "
            f"legs crossed for over a minute: {hits} of {true} seen, {sure} false at >= 0.5"
        )


def _crossings(truth: np.ndarray, found: list[LegsCrossed]) -> tuple[int, int, int]:
    long = [t for t in truth if t["end_ns"] - t["start_ns"] > 60e9]

    def meet(one: LegsCrossed, t: np.void) -> bool:
        over = min(one.end_ns, t["end_ns"]) - max(one.begin_ns, t["start_ns"])
        return one.side == t["side"] and over > 0.8 * (t["end_ns"] - t["start_ns"])

    hits = sum(any(meet(one, t) and one.certainty >= 0.5 for one in found) for t in long)
    sure = [one for one in found if one.certainty >= 0.5 and one.end_ns - one.begin_ns > 60e9]
    false = sum(
        not any(one.begin_ns < t["end_ns"] and one.end_ns > t["start_ns"] for t in truth)
        for one in sure
    )
    return len(long), hits, false


def real_walks() -> None:
    """Print what is found in the real recordings; nobody exercises in them."""
    from hw.research import read_folder

    folder = Path(os.environ.get("HEELFIRST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        say("real walks: none here; set HEELFIRST_DATA")
        return
    data = read_folder(folder)
    walks = [walk.recording for walk in data.insole_walks]
    walks += [capture.recording for capture in data.motion_capture] + list(data.force_walks)
    found = [one for walk in walks for one in recognise(walk, sides=tuple(walk.feet))]
    seconds = sum(
        max(foot.time_ns[-1] - foot.time_ns[0] for foot in walk.feet.values()) / 1e9
        for walk in walks
    )
    say(f"real walks: {len(walks)} recordings, {seconds:.0f} s: {len(found)} found")


def cost(rate_hz: float, chunk_s: float) -> None:
    """Print the share of a core that both feet take, in chunks as the agent gathers them."""
    patient = VirtualPatient(preset("exercises", device=DeviceConfig(rate_hz=rate_hz)), 1)
    recording, _ = patient.recording(300)
    watch = recogniser(recording.profile)
    step = round(chunk_s * 1e9)
    cuts = {
        side: np.searchsorted(foot.time_ns, np.arange(0, 300 * 10**9 + step, step))
        for side, foot in recording.feet.items()
    }
    begin = time.process_time()
    for k in range(len(cuts["left"]) - 1):
        for side, foot in recording.feet.items():
            a, b = cuts[side][k], cuts[side][k + 1]
            watch.push(side, foot.time_ns[a:b], foot.load[a:b], foot.imu[a:b])
    share = (time.process_time() - begin) / 300
    say(
        f"cost at {rate_hz:g} Hz: {share:.3%} of this core, two feet, 16 cells and IMU, "
        f"{chunk_s:g} s at a time"
    )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=7000)
    wanted = parser.parse_args()
    for rate_hz in (50.0, 100.0, 200.0):
        cost(rate_hz, 0.2)
    real_walks()
    if wanted.sessions:
        sessions(wanted.seed, wanted.sessions)
    days(wanted.seed, wanted.days, wanted.hours)


if __name__ == "__main__":
    main()

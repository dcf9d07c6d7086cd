"""Error of the clock mapping over a simulated link; `python tests/benchmarks/bench_timing.py`.

A device at 50 packets a second, its clock 40 ppm fast, for ten minutes; the first 5 s are left out.
Each packet takes the link's least delay and up to 30 ms more (uniform). The least delay is another
for each seed, 0.5 to 9 ms, and not known to the mapping, which takes it for 4 ms. With and without
one exchange a second, its question and answer delayed alike.
"""

import argparse
import random
import sys

import numpy as np
from numpy.typing import NDArray

from hw.timing import ClockMap, LinkDelay

PACKET_NS = 20_000_000
LEAST_S = (0.0005, 0.009)
ASSUMED_NS = 4_000_000
JITTER_S = 0.030
DRIFT_PPM = 40.0
SETTLE_S = 5.0


def errors_ms(seed: int, two_way: bool, seconds: float = 600.0) -> NDArray[np.float64]:
    """Return the mapped minus the true host time of each packet [ms], after settling."""
    draw = random.Random(seed)
    start_ns = draw.randrange(10**15)
    device_start_ns = draw.randrange(10**15)
    rate = 1 + DRIFT_PPM * 1e-6
    least_s = draw.uniform(*LEAST_S)
    clock = ClockMap(LinkDelay(least_ns=ASSUMED_NS))

    def delay_ns() -> int:
        return round((least_s + draw.uniform(0, JITTER_S)) * 1e9)

    errors = []
    for number in range(round(seconds * 1e9 / PACKET_NS)):
        true_ns = start_ns + number * PACKET_NS
        device_ns = device_start_ns + round(number * PACKET_NS * rate)
        if two_way and (number % 50 == 0 or number < 20):
            sent_ns = true_ns - delay_ns()
            clock.exchange(sent_ns, device_ns, true_ns + delay_ns())
        clock.arrival(device_ns, true_ns + delay_ns())
        if clock.ready:
            error_ns = clock.host_ns(device_ns) - true_ns
            if number * PACKET_NS > SETTLE_S * 1e9:
                errors.append(error_ns / 1e6)
    return np.array(errors)


def p99_ms(two_way: bool, seeds: int) -> float:
    """Return the 99th percentile of the absolute error over all seeds [ms]."""
    errors = np.concatenate([errors_ms(seed, two_way) for seed in range(seeds)])
    return float(np.percentile(np.abs(errors), 99))


def main() -> None:
    """Print the 99th percentiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    for two_way, name in ((True, "two-way"), (False, "one-way")):
        sys.stdout.write(f"clock error, {name}: p99 {p99_ms(two_way, seeds):.2f} ms\n")


if __name__ == "__main__":
    main()

"""Time to decode one ORPHE packet; `python tests/benchmarks/bench_codec.py`. Goal: 2 us."""

import sys
import timeit

from hw.devices.orphe.codec import OrpheCodec

CALLS = 100_000
ROUNDS = 5


def best_us(header: int) -> float:
    """Return the least mean time per call [us] over some rounds."""
    packet = bytes((header, 1, 2, 3, 4, 5, 0, 100)) + bytes(96)
    codec = OrpheCodec()
    seconds = timeit.repeat(lambda: codec.sensor_values(packet), number=CALLS, repeat=ROUNDS)
    if codec.rejected:
        raise RuntimeError(f"the packet was refused: {dict(codec.rejected)}")
    return min(seconds) / CALLS * 1e6


def main() -> None:
    """Print the time for each header."""
    for header in (56, 55, 54, 50):
        sys.stdout.write(f"ORPHE header {header}: {best_us(header):.2f} us per packet\n")


if __name__ == "__main__":
    main()

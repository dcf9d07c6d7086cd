"""Stretches of time as sorted, disjoint (start_ns, stop_ns) pairs."""

from collections.abc import Iterable, Sequence

__all__ = ["Interval", "clip", "length_s", "overlap", "union", "without"]

Interval = tuple[int, int]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same time, sorted and disjoint; empty and backward intervals are dropped."""
    merged: list[Interval] = []
    for start, stop in sorted(intervals):
        if stop <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def clip(intervals: Iterable[Interval], start_ns: int, stop_ns: int) -> list[Interval]:
    """Return the part of each interval that lies within start..stop."""
    cut = [(max(start, start_ns), min(stop, stop_ns)) for start, stop in intervals]
    return [(start, stop) for start, stop in cut if start < stop]


def overlap(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    """Return the time that is in both; each has to be sorted and disjoint."""
    found: list[Interval] = []
    a = b = 0
    while a < len(first) and b < len(second):
        start = max(first[a][0], second[b][0])
        stop = min(first[a][1], second[b][1])
        if start < stop:
            found.append((start, stop))
        if first[a][1] < second[b][1]:
            a += 1
        else:
            b += 1
    return found


def without(kept: Sequence[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """Return the time of `kept` that is not in `taken`; each has to be sorted and disjoint."""
    edges = [-(2**63), *(edge for interval in taken for edge in interval), 2**63]
    free = list(zip(edges[::2], edges[1::2], strict=True))
    return overlap(kept, free)


def length_s(intervals: Iterable[Interval]) -> float:
    """Return how long disjoint intervals are together [s]."""
    return sum(stop - start for start, stop in intervals) / 1e9

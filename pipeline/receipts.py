"""Receipts: which events of which boot of which device are safe, as ranges of their numbers."""

from collections.abc import Iterable, Iterator
from typing import Final

from edge import wire
from pipeline.registry import Quarantined

__all__ = ["ranges", "receipts"]

_RANGES: Final = 500


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the numbers as inclusive ranges, ascending: 1, 2, 2, 5 is (1, 2), (5, 5)."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def receipts(events: Iterable[Quarantined]) -> Iterator[tuple[str, wire.Receipt, int]]:
    """Yield per device and boot the receipts for these events, and how many events each is for."""
    seqs: dict[tuple[str, str], list[int]] = {}
    for item in events:
        seqs.setdefault((item.device, item.boot), []).append(item.event.seq)
    for (device, boot), numbers in seqs.items():
        spans = ranges(numbers)
        for start in range(0, len(spans), _RANGES):
            part = tuple(spans[start : start + _RANGES])
            count = sum(last - first + 1 for first, last in part)
            yield device, wire.Receipt(boot=boot, ranges=part), count

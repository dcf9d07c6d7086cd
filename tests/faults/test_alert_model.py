"""Fault 25: the notifier against a simple model, invariant E. `HEELFIRST_SEED=n` replays one."""

import os
from collections import Counter
from pathlib import Path

import pytest
from alert_story import memory, tell

SHORT, SHORT_CHUNK = 2000, 250
LONG, LONG_CHUNK = 100_000, 1000
FIRST_LONG = 1_000_000


def assert_sound(first: int, count: int) -> Counter[str]:
    if "HEELFIRST_SEED" in os.environ:
        first, count = int(os.environ["HEELFIRST_SEED"]), 1
    kinds: Counter[str] = Counter()
    bad = []
    with memory() as folder:
        for seed in range(first, first + count):
            told = tell(seed, Path(folder))
            kinds += told.kinds
            if told.problems:
                bad.append(f"HEELFIRST_SEED={seed}: {told.problems[:2]}")
            (Path(folder) / f"{seed}.db").unlink(missing_ok=True)
    assert not bad, "\n".join(bad[:5])
    return kinds


@pytest.mark.parametrize("first", range(0, SHORT, SHORT_CHUNK))
def test_no_alert_is_lost_or_doubled_whatever_happens(first: int) -> None:
    kinds = assert_sound(first, SHORT_CHUNK)
    if "HEELFIRST_SEED" not in os.environ:
        assert all(kinds[kind] >= 10 for kind in ("page", "summary", "clear", "list"))


@pytest.mark.soak(fault="25", runs=LONG_CHUNK)
@pytest.mark.parametrize("first", range(FIRST_LONG, FIRST_LONG + LONG, LONG_CHUNK))
def test_soak_no_alert_is_lost_or_doubled(first: int) -> None:
    assert_sound(first, LONG_CHUNK)

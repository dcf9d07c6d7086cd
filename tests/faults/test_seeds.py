"""Fault 24: the whole system under one seed. A failure prints it; `HEELFIRST_SEED=n` replays it."""

import os

import pytest
from sim_story import FAULTS, tell

SHORT, SHORT_CHUNK = 200, 20
LONG, LONG_CHUNK = 100_000, 500
FIRST_LONG = 1_000_000


def assert_sound(first: int, count: int) -> None:
    if "HEELFIRST_SEED" in os.environ:
        first, count = int(os.environ["HEELFIRST_SEED"]), 1
    bad = [told for told in map(tell, range(first, first + count)) if told.problems]
    assert not bad, "\n".join(
        f"HEELFIRST_SEED={told.seed}: {told.faults}: {told.problems[:3]}" for told in bad
    )


@pytest.mark.parametrize("first", range(0, SHORT, SHORT_CHUNK))
def test_whatever_the_seed_draws_nothing_is_lost_doubled_or_moved(first: int) -> None:
    assert_sound(first, SHORT_CHUNK)


@pytest.mark.soak(fault="24", runs=LONG_CHUNK)
@pytest.mark.parametrize("first", range(FIRST_LONG, FIRST_LONG + LONG, LONG_CHUNK))
def test_soak_whatever_the_seed_draws(first: int) -> None:
    assert_sound(first, LONG_CHUNK)


@pytest.mark.parametrize("seed", [3, 48, 1171])
def test_a_seed_tells_the_same_story_again(seed: int) -> None:
    first, second = tell(seed), tell(seed)
    assert first == second
    assert first.events > 20


def test_the_seeds_draw_every_fault() -> None:
    drawn = {name for seed in range(12) for name in tell(seed).faults}
    assert drawn == {fault.__name__ for fault in FAULTS}

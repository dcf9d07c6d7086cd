import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw import profile as profiles
from hw.clock import ScaledClock, VirtualClock
from hw.replay import Replay, read
from hw.source import Block, Clock, FootSeries, Recording, Side, Source

PROFILE = profiles.parse('name = "p"\n[cells]\nx = [0.1, 0.9]\ny = [0.5, 0.5]\n')


def series(times_ms: list[int]) -> FootSeries:
    time_ns = np.array(times_ms, dtype=np.int64) * 1_000_000
    load = np.arange(2 * len(times_ms), dtype=np.float32).reshape(-1, 2)
    return FootSeries(time_ns, load, None)


def recording(**feet: list[int]) -> Recording:
    named: dict[Side, FootSeries] = {}
    for side in ("left", "right"):
        if side in feet:
            named[side] = series(feet[side])
    return Recording("walk", PROFILE, named)


def collect(source: Source) -> list[Block]:
    async def run() -> list[Block]:
        return [block async for block in source.blocks()]

    return asyncio.run(run())


def content(blocks: list[Block], start_ns: int) -> list[tuple[object, ...]]:
    return [
        (
            block.side,
            (block.time_ns - start_ns).tobytes(),
            None if block.load is None else block.load.tobytes(),
            None if block.imu is None else block.imu.tobytes(),
            block.lost,
        )
        for block in blocks
    ]


times = st.lists(st.integers(0, 400), max_size=40, unique=True).map(sorted)


@settings(deadline=None)
@given(times, times, st.integers(1, 100))
def test_every_sample_comes_once_in_order_of_time(
    left: list[int], right: list[int], block_ms: int
) -> None:
    walk = recording(left=left, right=right)
    blocks = collect(Replay(walk, VirtualClock(start_ns=99), block_ms / 1000))
    first = min([*left, *right], default=0) * 1_000_000
    for side, foot in walk.feet.items():
        mine = [block for block in blocks if block.side == side]
        got = np.concatenate([np.zeros(0, np.int64), *(block.time_ns for block in mine)])
        np.testing.assert_array_equal(got - 99 + first, foot.time_ns)
        loads = [block.load for block in mine if block.load is not None]
        assert foot.load is not None
        np.testing.assert_array_equal(np.concatenate(loads) if loads else foot.load[:0], foot.load)
    spans = [(int(b.time_ns[0]) - 99) // (block_ms * 1_000_000) for b in blocks]
    ends = [(int(b.time_ns[-1]) - 99) // (block_ms * 1_000_000) for b in blocks]
    assert spans == ends == sorted(spans)


def test_a_block_comes_when_the_clock_has_reached_its_end() -> None:
    async def run() -> list[tuple[int, int]]:
        clock = VirtualClock(start_ns=1_000)
        source = Replay(recording(left=[0, 10, 20, 30, 500]), clock, 0.02)
        return [(clock.monotonic_ns(), int(b.time_ns[-1])) async for b in source.blocks()]

    ms = 1_000_000
    assert asyncio.run(run()) == [
        (20 * ms + 1000, 10 * ms + 1000),
        (40 * ms + 1000, 30 * ms + 1000),
        (520 * ms + 1000, 500 * ms + 1000),
    ]


def test_lost_samples_are_counted_where_time_jumps() -> None:
    walk = recording(left=[0, 10, 20, 60, 70], right=[0, 10, 20, 30, 40, 50, 60, 70])
    blocks = collect(Replay(walk, VirtualClock()))
    assert sum(b.lost for b in blocks if b.side == "left") == 3
    assert [b.lost for b in blocks if b.side == "left"] == [0, 0, 3]
    assert sum(b.lost for b in blocks if b.side == "right") == 0


def test_nothing_to_replay_is_nothing() -> None:
    assert collect(Replay(recording(left=[]), VirtualClock())) == []


def test_a_block_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Replay(recording(left=[0]), VirtualClock(), 0)


def test_both_paces_give_the_same_blocks(recordings: Path) -> None:
    walk = read(recordings / "moticon_opengo" / "text_export.txt")

    def run(clock: Clock) -> list[tuple[object, ...]]:
        blocks = collect(Replay(walk, clock))
        return content(blocks, min(int(b.time_ns[0]) for b in blocks))

    assert run(VirtualClock()) == run(ScaledClock(25)) == run(VirtualClock(start_ns=123))

"""A walk without an end: bounded memory, bouts of ten minutes, no stride lost between them."""

import gc
from itertools import pairwise

import pytest
import synthetic

from kernels import FootConfig, GaitBout, GaitStride, Walk
from kernels.bouts import LONGEST_NS, BoutBuilder
from kernels.personal import KEPT, _Plain
from kernels.records import CURVE_POINTS

FEET = {side: FootConfig(side, synthetic.X, (0.5,) * 5) for side in ("left", "right")}
HALF_STRIDE_NS = 600_000_000
STRIDES = 1150


@pytest.fixture(scope="module")
def walked():
    """Both feet walk for 23 minutes and then stop for 10 s."""
    samples = synthetic.Walk().stand(1).steps(STRIDES).stand(10).samples(50)
    feet = {"left": samples, "right": (samples[0] + HALF_STRIDE_NS, samples[1])}
    walk, out = Walk(FEET), []
    for a in range(0, len(samples[0]), 50):
        for side, (time_ns, load) in feet.items():
            out += walk.push(side, time_ns[a : a + 50], load[a : a + 50], None)
    return out + walk.finish()


def test_a_long_walk_is_several_bouts_without_a_seam(walked):
    strides = [o for o in walked if isinstance(o, GaitStride)]
    bouts = [o for o in walked if isinstance(o, GaitBout)]
    assert [bout.continues for bout in bouts] == [True, True, False]
    assert all(bout.duration_s <= LONGEST_NS / 1e9 for bout in bouts)
    for side in ("left", "right"):
        mine = [s for s in strides if s.side == side]
        assert len(mine) == STRIDES
        assert [s.previous_contact_ns for s in mine[1:]] == [s.time_ns for s in mine[:-1]]
        assert sum(getattr(b, f"heel_first_{side}") for b in bouts) == STRIDES
        assert sum(getattr(b, f"strides_{side}") for b in bouts) == STRIDES - 1
    for earlier, later in pairwise(bouts):
        seam = later.time_ns - earlier.time_ns - earlier.duration_s * 1e9
        assert 0 < seam < 1.3e9


def test_memory_of_an_open_bout_is_bounded():
    def stride(n):
        return GaitStride(n * HALF_STRIDE_NS, 0, ("left", "right")[n % 2], "heel")

    builder, count = BoutBuilder("none"), 0
    while not builder.is_full(count * HALF_STRIDE_NS):
        builder.add(stride(count), [0.1] * 3 * CURVE_POINTS)
        count += 1
    assert count == LONGEST_NS // HALF_STRIDE_NS + 1


def test_a_walk_keeps_no_more_records_with_time():
    def kept():
        gc.collect()
        return sum(isinstance(o, GaitStride | GaitBout | _Plain) for o in gc.get_objects())

    samples = synthetic.Walk().stand(1).steps(30).stand(6).samples(50)
    walk, counts, before = Walk(FEET), [], kept()
    length = int(samples[0][-1]) + 20_000_000
    for n in range(12):
        for a in range(0, len(samples[0]), 50):
            for side in FEET:
                time_ns = samples[0][a : a + 50] + n * length
                walk.push(side, time_ns, samples[1][a : a + 50], None)
        counts.append(kept() - before)
    assert counts[4:] == counts[4:5] * 8
    assert counts[-1] <= 2 * KEPT + 10


@pytest.mark.parametrize("offset_ns", [0, -5_000_000_000, 10**18])
def test_the_time_of_the_first_sample_means_nothing(offset_ns):
    samples = synthetic.Walk().stand(1).steps(8).samples()
    walk, out = Walk(FEET), []
    for a in range(0, len(samples[0]), 10):
        for side, shift in (("left", 0), ("right", HALF_STRIDE_NS)):
            time_ns = samples[0][a : a + 10] + offset_ns + shift
            out += walk.push(side, time_ns, samples[1][a : a + 10], None)
    strides = [o for o in out + walk.finish() if isinstance(o, GaitStride)]
    assert len(strides) == 16
    assert [s.time_ns for s in strides] == sorted(s.time_ns for s in strides)
    assert strides[-1].double_support_percent == pytest.approx(100 / 3, abs=3)

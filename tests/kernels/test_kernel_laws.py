"""Laws: any cut of the stream gives the same bits, and the twin gives the same as the compiled."""

from itertools import pairwise

import numpy as np
import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st
from twin import TwinKernel

from kernels import FootKernel
from kernels.records import EVENT_DTYPE, STRIDE_DTYPE


def whole(kernel, samples, cuts=()):
    """Push samples cut at `cuts`; return all events and strides."""
    time_ns, load, imu = samples
    edges = [0, *sorted(cuts), len(time_ns)]
    parts = []
    for a, b in pairwise(edges):
        parts.append(
            kernel.push(
                time_ns[a:b],
                None if load is None else load[a:b],
                None if imu is None else imu[a:b],
            )
        )
    parts.append(kernel.finish())
    return tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1))


def assert_same(one, other):
    """Same bits, NaN in the same places (its payload is no result)."""
    for a, b, dtype in zip(one, other, (EVENT_DTYPE, STRIDE_DTYPE), strict=True):
        assert len(a) == len(b)
        for name in dtype.names:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name, strict=True)


@st.composite
def walks(draw):
    """Walks of any strikes, drags, pauses and rates, with noise, holes and an IMU or none."""
    walk = synthetic.Walk().stand(draw(st.floats(0.2, 1.5)))
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["free", "scuff", "late", "pause"]))
        swing_s = draw(st.floats(0.3, 0.9))
        if kind == "pause":
            walk.stand(draw(st.floats(0.1, 5.0)))
        share = draw(st.floats(0.03, 0.2))
        if kind == "late":
            walk.push_off(rest=share).swing(swing_s, (0.0, draw(st.floats(0.1, 1.0)), share))
        elif kind == "scuff":
            walk.push_off().swing(swing_s, (0.3 * swing_s, 0.6 * swing_s, share))
        else:
            walk.push_off().swing(swing_s)
        walk.land(draw(st.floats(-0.15, 0.2)), draw(st.floats(0.25, 2.0)))
    rate_hz = draw(st.sampled_from([25, 40, 100, 208, 300]))
    seed = draw(st.integers(0, 9999))
    time_ns, load = walk.samples(rate_hz, noise=draw(st.sampled_from([0, 2, 8])), seed=seed)
    imu = synthetic.swinging_imu(walk, time_ns)
    rng = np.random.default_rng(seed)
    imu += rng.normal(0, 0.05, imu.shape).astype(np.float32)
    holes = draw(st.sampled_from([0.0, 0.02, 0.1]))
    load[rng.random(load.shape) < holes] = np.nan
    imu[rng.random(len(imu)) < holes] = np.nan
    keep = np.ones(len(time_ns), bool)
    for _ in range(draw(st.integers(0, 3))):
        a = rng.integers(len(time_ns))
        keep[a : a + rng.integers(1, 60)] = False
    if not keep.any():
        keep[:] = True
    sensors = draw(st.sampled_from(["both", "load", "imu"]))
    return (
        time_ns[keep],
        None if sensors == "imu" else np.ascontiguousarray(load[keep]),
        None if sensors == "load" else np.ascontiguousarray(imu[keep]),
    )


@settings(max_examples=60, deadline=None)
@given(walks(), st.data())
def test_any_cut_gives_the_same_bits(samples, data):
    n = len(samples[0])
    cuts = data.draw(st.lists(st.integers(0, n), max_size=12))
    one = whole(FootKernel(synthetic.IMU_CONFIG), samples)
    assert_same(one, whole(FootKernel(synthetic.IMU_CONFIG), samples, cuts))


def test_one_sample_at_a_time_gives_the_same_bits():
    walk = synthetic.Walk().stand(1).steps(6)
    walk.push_off(rest=0.1).swing(0.4, (0.0, 0.2, 0.1)).land(-0.05).steps(2)
    time_ns, load = walk.samples(noise=3.0)
    samples = time_ns, load, synthetic.swinging_imu(walk, time_ns)
    one = whole(FootKernel(synthetic.IMU_CONFIG), samples)
    assert len(one[1]) == 9
    cuts = range(1, len(time_ns))
    assert_same(one, whole(FootKernel(synthetic.IMU_CONFIG), samples, cuts))


@settings(max_examples=40, deadline=None)
@given(walks())
def test_twin_and_compiled_agree_to_the_bit(samples):
    one = whole(FootKernel(synthetic.IMU_CONFIG), samples)
    assert_same(one, whole(TwinKernel(synthetic.IMU_CONFIG), samples))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([25, 100, 300]),
    st.sampled_from([1.0, 1e-30, 65535.0, 3e38]),
    st.floats(0, 1),
)
def test_rubbish_never_crashes_and_both_agree(seed, rate_hz, scale, holes):
    rng = np.random.default_rng(seed)
    n = 600
    time_ns = np.cumsum(rng.integers(1, 2e9 / rate_hz, n)).astype(np.int64)
    load = (rng.random((n, 5)) ** 3 * scale).astype(np.float32)
    imu = (rng.normal(0, 1, (n, 6)) * min(scale, 1e30)).astype(np.float32)
    load[rng.random(load.shape) < holes] = rng.choice([np.nan, np.inf, -np.inf, -1, 0])
    imu[rng.random(imu.shape) < holes] = rng.choice([np.nan, np.inf, -np.inf])
    samples = time_ns, load, imu
    one = whole(FootKernel(synthetic.IMU_CONFIG), samples, [n // 3])
    assert_same(one, whole(TwinKernel(synthetic.IMU_CONFIG), samples))


@pytest.mark.parametrize("name", ["230927_102114", "230927_102231"])
def test_laws_on_real_recordings(recordings, name):
    import recordings as reader

    for side, foot in reader.moticon(recordings, name).items():
        config = reader.config(side, foot)
        samples = foot.time_ns, foot.load, foot.imu
        one = whole(FootKernel(config), samples)
        assert len(one[1]) >= 5
        cuts = np.random.default_rng(1).integers(0, len(foot.time_ns), 300).tolist()
        assert_same(one, whole(FootKernel(config), samples, cuts))
        assert_same(one, whole(TwinKernel(config), samples))

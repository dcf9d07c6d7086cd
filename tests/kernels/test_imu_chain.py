"""Laws and bad input of the IMU chain."""

import itertools
import math
from pathlib import Path

import gaitmap
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kernels import imu_constants as c
from kernels._imu import ImuChain

HZ = 100.0


def times(n: int, hz: float = HZ) -> NDArray[np.int64]:
    return np.round(np.arange(n) * 1e9 / hz).astype(np.int64)


def standing(n: int, gravity: tuple[float, float, float] = (0.0, 0.0, 9.81)) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    out = rng.normal(0.0, 0.01, (n, 6))
    out[:, :3] += gravity
    return out.astype(np.float32)


@pytest.fixture(scope="module")
def walk(recordings: Path) -> gaitmap.Walk:
    return gaitmap.read(recordings / "gaitmap")


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=12))
def test_any_cut_gives_the_same_bits(walk: gaitmap.Walk, cuts: list[int]) -> None:
    time_ns, imu = walk.time_ns[:1500], walk.imu["left"][:1500]
    whole, cut = ImuChain(foot_length_m=0.26), ImuChain(foot_length_m=0.26)
    edges = [0, *sorted(cuts), 1500]
    parts = [cut.run(time_ns[a:b], imu[a:b]) for a, b in itertools.pairwise(edges)]
    assert np.concatenate(parts).tobytes() == whole.run(time_ns, imu).tobytes()


def test_standing_is_still_flat_and_without_events() -> None:
    tilt = math.radians(25)
    gravity = (-9.81 * math.sin(tilt), 0.0, 9.81 * math.cos(tilt))
    chain = ImuChain()
    samples = chain.run(times(500), standing(500, gravity))
    assert (samples["contact_ns"] == gaitmap.MISSING_NS).all()
    assert (samples["toe_off_ns"] == gaitmap.MISSING_NS).all()
    assert samples["still"][10:].all()
    assert np.abs(samples["pitch_deg"][100:]).max() < 1.0
    assert chain.fault == 0


def test_pitch_is_positive_with_the_toes_up() -> None:
    turn = np.zeros((100, 6), np.float32)
    turn[:, 2] = 9.81
    turn[:, 4] = -math.radians(60)  # against y: toes up
    chain = ImuChain()
    chain.run(times(200), standing(200))
    samples = chain.run(times(100) + 2_000_000_000, turn)
    assert samples["pitch_rate_dps"][50] == pytest.approx(60, abs=1)
    assert samples["pitch_deg"][50] == pytest.approx(30, abs=2)


def test_a_gyro_offset_is_learnt_at_rest() -> None:
    imu = standing(600)
    imu[:, 3:] += np.array([0.05, -0.08, 0.1], np.float32)
    samples = ImuChain().run(times(600), imu)
    assert np.abs(samples["pitch_rate_dps"][-50:]).mean() < 2.5


def test_a_gap_voids_the_swing_and_the_pitch(walk: gaitmap.Walk) -> None:
    landings, _ = gaitmap.follow(ImuChain(foot_length_m=0.26), walk.time_ns, walk.imu["left"])
    landing = landings[5]
    middle = (landing.toe_off_ns + landing.contact_ns) // 2
    keep = np.abs(walk.time_ns - middle) > 40_000_000
    chain = ImuChain(foot_length_m=0.26)
    found, samples = gaitmap.follow(
        chain, walk.time_ns[keep], np.ascontiguousarray(walk.imu["left"][keep])
    )
    contacts = [x.contact_ns for x in found]
    assert all(abs(t - landing.contact_ns) > 100_000_000 for t in contacts)
    time_ns = walk.time_ns[keep]
    after = (time_ns > middle) & (time_ns < landing.contact_ns)
    assert np.isnan(samples["pitch_deg"][after]).all()
    assert len(found) == len(landings) - 1


def test_nothing_is_made_up_from_missing_samples() -> None:
    imu = np.full((1000, 6), np.nan, np.float32)
    chain = ImuChain(foot_length_m=0.26)
    samples = chain.run(times(1000), imu)
    assert np.isnan(samples["pitch_deg"]).all()
    assert (samples["contact_ns"] == gaitmap.MISSING_NS).all()
    stride = chain.stride(gaitmap.MISSING_NS, 1_000_000_000, 2_000_000_000)
    assert not stride["complete"]
    assert math.isnan(stride["stride_length_m"])


FLIP = np.array([1, -1, -1, 1, -1, -1], np.float32)
IN_G = np.array([1 / 9.80665] * 3 + [1] * 3, np.float32)
IN_DEG = np.array([1] * 3 + [180 / math.pi] * 3, np.float32)
GYRO_BACK = np.array([1] * 3 + [-1] * 3, np.float32)
BACKWARDS = np.array([-1, -1, 1, -1, -1, 1], np.float32)


@pytest.mark.parametrize(
    ("factor", "fault"),
    [
        (FLIP, c.FAULT_TURNED_OVER),
        (IN_G, c.FAULT_UNIT_G),
        (IN_DEG, c.FAULT_UNIT_DEG),
        (GYRO_BACK, c.FAULT_DISAGREE),
        (BACKWARDS, c.FAULT_BACKWARDS),
    ],
    ids=["turned over", "g", "deg/s", "gyro turned over", "x backwards"],
)
def test_wrong_axes_and_units_are_named(
    walk: gaitmap.Walk, factor: NDArray[np.float32], fault: int
) -> None:
    imu = np.ascontiguousarray(walk.imu["left"] * factor)
    chain = ImuChain(foot_length_m=0.26)
    landings, _ = gaitmap.follow(chain, walk.time_ns, imu)
    assert chain.fault & fault
    for landing in landings[6:]:
        assert math.isnan(landing.stride["stride_length_m"])
        assert math.isnan(landing.stride["pitch_at_contact_deg"])


def test_missing_gravity_is_named(walk: gaitmap.Walk) -> None:
    imu = walk.imu["left"].copy()
    imu[:, :3] -= imu[:500, :3].mean(axis=0)
    chain = ImuChain()
    chain.run(walk.time_ns[:1500], imu[:1500] * np.float32(0.3))
    assert chain.fault & c.FAULT_NO_GRAVITY


def test_a_right_recording_raises_no_fault(walk: gaitmap.Walk) -> None:
    for side in gaitmap.SIDES:
        chain = ImuChain(foot_length_m=0.26)
        for landing in gaitmap.follow(chain, walk.time_ns, walk.imu[side])[0]:
            assert chain.fault == 0
            assert landing.stride["residual_mps"] < 2.0 or not landing.stride["complete"]


def test_a_climb_is_stairs_and_gives_no_clearance(walk: gaitmap.Walk) -> None:
    landings, _ = gaitmap.follow(ImuChain(foot_length_m=0.26), walk.time_ns, walk.imu["left"])
    landing = landings[10]
    swing = (walk.time_ns >= landing.toe_off_ns) & (walk.time_ns <= landing.contact_ns)
    phase = np.linspace(0.0, 2 * math.pi, int(swing.sum()))
    rise_m, swing_s = 0.17, swing.sum() / gaitmap.IMU_HZ
    up = rise_m * 2 * math.pi / swing_s**2 * np.sin(phase)
    imu = walk.imu["left"].copy()
    lifted = np.flatnonzero(swing)
    pitch = np.radians(ImuChain().run(walk.time_ns, imu)["pitch_deg"][lifted])
    imu[lifted, 0] += (up * np.sin(pitch)).astype(np.float32)
    imu[lifted, 2] += (up * np.cos(pitch)).astype(np.float32)
    found, _ = gaitmap.follow(ImuChain(foot_length_m=0.26), walk.time_ns, imu)
    climbed = min(found, key=lambda x: abs(x.contact_ns - landing.contact_ns)).stride
    assert climbed["stairs"]
    assert math.isnan(climbed["clearance_mm"])
    assert climbed["net_height_m"] == pytest.approx(rise_m, abs=0.06)


def test_lengths_of_arrays_are_checked() -> None:
    with pytest.raises(ValueError, match="check the arrays' lengths"):
        ImuChain().run(times(3), np.zeros((2, 6), np.float32))

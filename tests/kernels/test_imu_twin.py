"""Compiled IMU chain and its readable twin agree on anything, sane or not."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import gaitmap
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kernels import imu_reference
from kernels._imu import ImuChain

TOLERANCE = 1e-9


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or abs(a - b) <= TOLERANCE


def compare(
    time_ns: NDArray[np.int64], imu: NDArray[np.float32], ground: NDArray[np.intc], **config: Any
) -> int:
    """Push both; close strides alike; return how many strides were compared."""
    fast, slow = ImuChain(**config), imu_reference.ImuChain(**config)
    samples = fast.run(time_ns, imu, ground)
    fast = ImuChain(**config)
    toe_off = contact = previous = gaitmap.MISSING_NS
    strides = 0
    for n, t in enumerate(time_ns.tolist()):
        fast.run(time_ns[n : n + 1], imu[n : n + 1], ground[n : n + 1])
        slow.push(t, imu[n].tolist(), int(ground[n]))
        s = samples[n]
        assert same(s["pitch_deg"], slow.pitch)
        assert same(s["pitch_rate_dps"], slow.pitch_rate)
        assert same(s["speed_mps"], slow.speed)
        assert (s["swing"], s["still"], s["spike"]) == (slow.swing, slow.still, slow.spike)
        assert (s["toe_off_ns"] != gaitmap.MISSING_NS) == slow.toe_off
        assert (s["contact_ns"] != gaitmap.MISSING_NS) == slow.contact
        assert (fast.fault, fast.mounted, fast.gap) == (slow.fault, slow.mounted, slow.gap)
        if slow.toe_off:
            assert s["toe_off_ns"] == slow.toe_off_ns
            toe_off = slow.toe_off_ns
        if contact != gaitmap.MISSING_NS and (slow.is_settled(contact) or slow.toe_off):
            assert fast.is_settled(contact) == slow.is_settled(contact)
            wanted = dataclasses.asdict(slow.stride(previous, toe_off, contact))
            found = fast.stride(previous, toe_off, contact)
            assert found.keys() == wanted.keys()
            assert all(same(found[k], wanted[k]) for k in wanted), (found, wanted)
            strides += 1
            previous, contact = contact, gaitmap.MISSING_NS
        if slow.contact:
            assert s["contact_ns"] == slow.contact_ns
            contact = slow.contact_ns
    assert same(fast.levers()[0][0], slow.path.points()[0][0])
    assert same(fast.levers()[1][0], slow.path.points()[1][0])
    return strides


@pytest.fixture(scope="module")
def walk(recordings: Path) -> gaitmap.Walk:
    return gaitmap.read(recordings / "gaitmap")


@pytest.mark.parametrize(
    ("side", "config"),
    [
        ("left", {"foot_length_m": 0.26}),
        ("right", {}),
        ("right", {"to_toe_m": (0.2, 0.01, -0.05)}),
        ("left", {"mount": "shank"}),
    ],
)
def test_on_a_walk(walk: gaitmap.Walk, side: str, config: dict[str, Any]) -> None:
    span = slice(300, 4200)  # with the turn
    ground = np.full(len(walk.time_ns[span]), -1, np.intc)
    assert compare(walk.time_ns[span], walk.imu[side][span], ground, **config) >= 14


def test_on_a_walk_with_holes_and_an_insole(walk: gaitmap.Walk) -> None:
    rng = np.random.default_rng(7)
    imu = walk.imu["right"][:2600].copy()
    imu[rng.random(imu.shape[0]) < 0.03] = np.nan
    keep = np.ones(len(imu), bool)
    keep[900:930] = keep[1700:1950] = False
    ground = rng.integers(-1, 3, len(imu)).astype(np.intc)
    imu = np.ascontiguousarray(imu[keep])
    compare(walk.time_ns[:2600][keep], imu, ground[keep], foot_length_m=0.26)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([0.01, 0.3, 3.0, 40.0, 600.0, 1e5]),
    hz=st.floats(20.0, 400.0),
    bad=st.floats(0.0, 0.3),
)
def test_on_anything(seed: int, size: float, hz: float, bad: float) -> None:
    rng = np.random.default_rng(seed)
    n = 250
    slow = np.cumsum(rng.normal(0.0, 0.2, (n, 6)), axis=0)
    imu = (slow + rng.normal(0.0, 1.0, (n, 6))) * size / 3
    imu[:, 2] += 9.8
    imu[rng.random((n, 6)) < bad] = rng.choice([np.nan, np.inf, -np.inf, 1e30, 0.0])
    step = rng.choice([1, 1, 1, 1, 3, 40], n) * 1e9 / hz
    time_ns = np.cumsum(step).astype(np.int64)
    ground = rng.integers(-1, 3, n).astype(np.intc)
    compare(time_ns, imu.astype(np.float32), ground, foot_length_m=0.26)

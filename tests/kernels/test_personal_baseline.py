"""The personal baseline, and steppage and circumduction that stand out of it."""

from dataclasses import replace

import numpy as np
import pytest
import synthetic
from hypothesis import given
from hypothesis import strategies as st

from edge.analyse import foot_configs
from hw.virtual import LegConfig, PatientConfig, Phase, VirtualPatient
from kernels import GaitBout, GaitStride, Walk
from kernels.personal import LEAST_STRIDES, Personal, teaches

PLAIN = GaitStride(
    0,
    0,
    "left",
    "heel",
    stride_s=1.1,
    stride_length_m=1.2,
    lift_mm=200.0,
    lateral_excursion_mm=45.0,
    toe_drag="none",
    valid_swing=True,
    sources=("pressure", "imu"),
)
RIGHT = replace(PLAIN, side="right")


def known(affected, *strides):
    personal = Personal(affected)
    for each in strides:
        for _ in range(LEAST_STRIDES):
            personal.learn(each)
    return personal


@pytest.mark.parametrize(
    "change",
    [
        {"stride_s": None},
        {"stride_s": 3.5},
        {"flags": ("turn",)},
        {"flags": ("stairs",)},
        {"valid_swing": False, "toe_drag": None},
        {"toe_drag": "full"},
        {"lift_mm": 30.0},
        {"sources": ("imu",), "valid_swing": False, "lift_mm": None},
    ],
)
def test_only_plain_strides_teach(change):
    assert teaches(PLAIN)
    assert teaches(replace(PLAIN, sources=("imu",), valid_swing=False, toe_drag=None))
    assert not teaches(replace(PLAIN, **change))
    personal = known("none", replace(PLAIN, **change))
    assert personal.baseline("left") is None


@given(st.integers(0, 300))
def test_shuffling_never_changes_what_was_learnt(count):
    personal = known("none", PLAIN)
    before = personal.baseline("left")
    for _ in range(count):
        personal.learn(replace(PLAIN, toe_drag="full", lift_mm=20.0, stride_s=0.7))
    assert personal.baseline("left") == before


def test_what_stands_out_does_not_teach_but_a_habit_does():
    personal = known("left", PLAIN, RIGHT)
    for _ in range(300):
        personal.learn(replace(PLAIN, lift_mm=260.0))
        personal.learn(replace(PLAIN, lateral_excursion_mm=80.0))
    assert personal.baseline("left").strides == LEAST_STRIDES
    habit = known("left", RIGHT, replace(PLAIN, lift_mm=260.0))
    assert habit.baseline("left").lift_mm == 260.0
    assert habit.compare(replace(PLAIN, lift_mm=260.0))[0] == pytest.approx(30.0)


def test_the_baseline_is_the_median_and_says_its_number():
    personal = Personal("none")
    for n in range(LEAST_STRIDES - 1):
        personal.learn(PLAIN)
        assert personal.baseline("left") is None, n
    personal.learn(replace(PLAIN, lift_mm=900.0))
    found = personal.baseline("left")
    assert (found.strides, found.lift_mm, found.stride_s) == (LEAST_STRIDES, 200.0, 1.1)
    assert found.pitch_at_contact_deg is None and found.clearance_mm is None
    assert personal.baseline("right") is None


def test_lift_is_compared_with_the_reference_that_affected_decides():
    lifted = replace(PLAIN, lift_mm=260.0)
    habit = replace(PLAIN, lift_mm=255.0)
    for affected, least, most in (
        ("none", 1, 3),  # its own baseline only: 255
        ("both", 1, 3),
        ("right", 1, 3),
        ("left", 29, 31),  # and the unaffected foot's: 200
    ):
        lift, _ = known(affected, habit, RIGHT).compare(lifted)
        assert least < lift < most, affected
    assert known("none").compare(lifted) == (None, None)


def test_excursion_is_compared_with_the_other_foot():
    swung = replace(PLAIN, lateral_excursion_mm=80.0)
    wide = replace(RIGHT, lateral_excursion_mm=30.0)
    for affected, over in (("none", 50.0), ("left", 50.0), ("right", 35.0), ("both", 35.0)):
        _, excursion = known(affected, PLAIN, wide).compare(swung)
        assert excursion == pytest.approx(over), affected


@pytest.mark.parametrize(
    "change",
    [{"flags": ("turn",)}, {"flags": ("stairs",)}, {"stride_length_m": None}],
)
def test_turns_and_stairs_are_not_compared(change):
    personal = known("none", PLAIN, RIGHT)
    assert personal.compare(replace(PLAIN, **change)) == (None, None)


def test_a_brisk_walk_after_a_slow_one_is_no_steppage():
    personal = known("none", PLAIN)
    brisk = replace(PLAIN, stride_length_m=1.6, lift_mm=270.0)
    assert personal.compare(brisk)[0] is None, "nothing alike is known"
    for _ in range(LEAST_STRIDES):
        personal.learn(brisk)
    assert personal.compare(brisk)[0] == pytest.approx(0.0)


def walked(affected, left, seed=2001, seconds=150):
    """Run a virtual patient's level walk; return strides per side and the bouts."""
    config = PatientConfig(
        speed_m_s=1.0, left=left, right=LegConfig(), programme=(Phase("walk", 3600),)
    )
    recording, _ = VirtualPatient(config, seed).recording(seconds)
    walk, out = Walk(foot_configs(recording.profile), affected), []
    for second in range(seconds + 1):
        for side, foot in recording.feet.items():
            a, b = np.searchsorted(foot.time_ns, [second * 10**9, (second + 1) * 10**9])
            out += walk.push(side, foot.time_ns[a:b], foot.load[a:b], foot.imu[a:b])
    out += walk.finish()
    strides = [o for o in out if isinstance(o, GaitStride)]
    return strides, [o for o in out if isinstance(o, GaitBout)], walk


def share(strides, side, flag):
    mine = [s for s in strides if s.side == side and s.lift_over_percent is not None]
    return sum(flag in s.flags for s in mine) / len(mine)


@pytest.mark.parametrize("affected", ["left", "none", "both"])
def test_virtual_patient_with_steppage_and_circumduction(affected):
    leg = LegConfig(steppage_m=0.15, circumduction_m=0.12)
    strides, bouts, walk = walked(affected, leg)
    if affected == "both":
        assert share(strides, "left", "circumduction") == 0, "neither leg is the reference"
    else:
        assert share(strides, "left", "circumduction") >= 0.95
    assert share(strides, "right", "circumduction") <= 0.02
    if affected == "left":
        assert share(strides, "left", "steppage") >= 0.95
    else:
        assert share(strides, "left", "steppage") <= 0.02, "its own baseline has the habit"
    assert share(strides, "right", "steppage") <= 0.02
    (bout,) = bouts
    for side in ("left", "right"):
        for flag, number in (
            ("steppage", "lift_over_percent"),
            ("circumduction", "excursion_over_mm"),
        ):
            mine = [s for s in strides if s.side == side]
            judged = sum(getattr(s, number) is not None for s in mine)
            assert judged > 80
            assert getattr(bout, f"{flag}_judged_{side}") == judged
            assert getattr(bout, f"{flag}_{side}") == sum(flag in s.flags for s in mine)
    assert walk.baseline("left").lift_mm > 1.25 * walk.baseline("right").lift_mm


def test_virtual_patient_without_either():
    strides, bouts, walk = walked("left", LegConfig())
    for side in ("left", "right"):
        assert share(strides, side, "steppage") <= 0.02
        assert share(strides, side, "circumduction") <= 0.02
        found = walk.baseline(side)
        assert found.strides == 100
        assert found.lift_mm > 50
    (bout,) = bouts
    assert bout.asymmetric is False
    assert 0.9 <= bout.stance_time_ratio <= 1.1


def test_without_an_imu_nothing_is_judged():
    left = synthetic.Walk().stand(1).steps(30)
    feet = {"left": synthetic.CONFIG}
    walk = Walk(feet, "left")
    out = walk.push("left", *left.samples(), None) + walk.finish()
    (bout,) = [o for o in out if isinstance(o, GaitBout)]
    assert bout.steppage_left is None and bout.circumduction_left is None
    assert bout.steppage_judged_left == bout.circumduction_judged_left == 0
    assert bout.clearance_under_5mm_left is None and bout.clearance_swings_left == 0
    found = walk.baseline("left")
    assert found.lift_mm is None and found.stride_s == pytest.approx(1.2, abs=0.02)

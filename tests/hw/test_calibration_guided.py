"""The guided session: known gains come back, and what cannot be accepted is refused by name."""

import numpy as np
import pytest
from calibration_room import KEY, STEPS, calibrated, follow, mean_loads, obey, session
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.calibration import CalibrationError, GuidedCalibration
from hw.calibration.rehearsal import Pose, Rehearsal
from hw.source import SIDES, Block
from hw.virtual import DeviceConfig, PatientConfig, VirtualPatient

WEIGHT_N = 750.0
BAD = DeviceConfig(gain_spread=0.2, preload_n=6.0, drift_n_per_h=10.0)
SEEDS = (501, 502, 503)


@pytest.mark.parametrize("seed", SEEDS)
def test_body_weight_comes_back_in_every_posture(seed: int) -> None:
    person = Rehearsal(BAD, seed)
    calibration = calibrated(person)
    for pose in ("stand", "left", "right"):
        loads = mean_loads(person, calibration, pose)
        for side in SIDES:
            assert loads[side] == pytest.approx(person.true_load(pose, side), abs=0.01 * WEIGHT_N)
    for pose in ("heels", "toes"):
        loads = mean_loads(person, calibration, pose)
        assert sum(loads.values()) == pytest.approx(WEIGHT_N, rel=0.02)
        for side in SIDES:
            assert loads[side] == pytest.approx(person.true_load(pose, side), abs=0.05 * WEIGHT_N)


@pytest.mark.parametrize("cells", [6, 8, 16])
def test_preload_is_not_load(cells: int) -> None:
    person = Rehearsal(DeviceConfig(cells=cells, preload_n=20.0), 504)
    loads = mean_loads(person, calibrated(person), "sit")
    assert max(loads.values()) < 0.01 * WEIGHT_N


@pytest.mark.parametrize("cells", [6, 16])
def test_counts_become_shares_of_the_body_weight(cells: int) -> None:
    person = Rehearsal(DeviceConfig(cells=cells, gain_spread=0.3, preload_n=10.0), 505)
    calibration = calibrated(person, weight_n=None, kind="counts")
    assert calibration.full_load == 1.0
    assert mean_loads(person, calibration, "left")["left"] == pytest.approx(1.0, abs=0.02)
    assert mean_loads(person, calibration, "right")["left"] < 0.02


def test_the_session_says_what_to_do_and_how_far_it_is() -> None:
    person = Rehearsal(seed=506)
    guided = session(person)
    updates = obey(guided, person)
    kinds = [update.kind for update in updates]
    assert kinds.count("step") == kinds.count("accepted") == len(STEPS)
    assert kinds[-1] == "done" and updates[-1].progress == guided.progress == 1.0
    progress = [update.progress for update in updates]
    assert progress == sorted(progress)
    assert guided.result(None).separated


def test_heels_and_toes_may_be_left_out() -> None:
    person = Rehearsal(seed=507)
    guided = session(person)
    obey(guided, person, without=("heels", "toes", "sit"))
    calibration = guided.result(None)
    assert not calibration.separated
    assert "heel and forefoot share one gain" in calibration.notes
    assert mean_loads(person, calibration, "left")["left"] == pytest.approx(WEIGHT_N, rel=0.02)


def test_standing_on_one_foot_cannot_be_left_out() -> None:
    person = Rehearsal(seed=508)
    guided = session(person)
    follow(guided, person, "stand", 6)
    with pytest.raises(CalibrationError, match="chair"):
        guided.skip()


@pytest.mark.parametrize(
    ("asked", "done", "word"),
    [
        ("stand", "fidget", "moving"),
        ("left", "right", "That is the right insole"),
        ("right", "left", "That is the left insole"),
        ("left", "stand", "all your weight on the left"),
        ("heels", "toes", "heels"),
        ("toes", "heels", "balls"),
        ("sit", "stand", "still touches"),
    ],
)
def test_another_posture_is_refused_by_name(asked: Pose, done: Pose, word: str) -> None:
    person = Rehearsal(seed=509)
    guided = session(person)
    for pose in STEPS:
        if pose == asked:
            break
        while guided.step == pose:
            follow(guided, person, pose, 0.5)
    updates = follow(guided, person, done, 10)
    refused = [update.text for update in updates if update.kind == "refused"]
    assert refused and all(word in text for text in refused)
    assert guided.step == asked


def test_swapped_insoles_end_the_session_by_name() -> None:
    person = Rehearsal(seed=510, swapped=True)
    guided = session(person, patience_s=15.0)
    follow(guided, person, "stand", 6)
    updates = follow(guided, person, "left", 30)
    assert updates[-1].kind == "failed" and "swapped" in updates[-1].text
    with pytest.raises(CalibrationError, match="swapped"):
        guided.result(None)


def test_a_dead_cell_is_named_and_gives_no_numbers() -> None:
    person = Rehearsal(seed=511, dead={"right": (1,)})
    calibration = calibrated(person)
    assert calibration.right is not None and calibration.left is not None
    assert calibration.right.verdicts[1] == "dead" and calibration.right.gain[1] is None
    assert "dead" not in calibration.left.verdicts
    assert "right cell 2 dead" in calibration.notes
    assert mean_loads(person, calibration, "right")["right"] == pytest.approx(WEIGHT_N, rel=0.02)


def test_a_dead_heel_is_refused() -> None:
    person = Rehearsal(seed=512, dead={"left": (0, 1, 2, 3)})
    guided = session(person, patience_s=15.0)
    for pose in STEPS:
        while guided.step == pose:
            follow(guided, person, pose, 1.0)
    with pytest.raises(CalibrationError, match="heel"):
        guided.result(None)


def test_a_saturated_cell_is_named() -> None:
    person = Rehearsal(DeviceConfig(saturation_n=60.0), 513)
    guided = session(person, full_scale=60.0)
    obey(guided, person)
    assert any("saturated" in note for note in guided.result(None).notes)


def test_no_data_is_said_and_ends_the_session() -> None:
    person = Rehearsal(seed=514)
    guided = session(person, patience_s=20.0)
    updates = [update for second in range(40) for update in guided.tick(second * 10**9)]
    assert "No data" in updates[0].text
    assert updates[-1].kind == "failed" and guided.done


def test_one_silent_insole_is_named() -> None:
    person = Rehearsal(seed=515)
    guided = session(person)
    blocks = [block for block in person.blocks("stand", 15) if block.side == "left"]
    texts = [update.text for block in blocks for update in guided.push(block)]
    assert any("right insole" in text for text in texts)


def test_missing_numbers_are_no_data() -> None:
    person = Rehearsal(seed=516)
    guided = session(person)
    texts = []
    for block in person.blocks("stand", 8):
        assert block.load is not None
        empty = Block(block.side, block.time_ns, np.full_like(block.load, np.nan), block.imu)
        texts += [update.text for update in guided.push(empty)]
    assert any("No data" in text for text in texts)
    assert guided.step == "stand" and guided.progress == 0


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_cut_gives_the_same_calibration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole, cut = Rehearsal(seed=517), Rehearsal(seed=517)
    one, other = session(whole), session(cut)
    for pose in STEPS:
        blocks = whole.blocks(pose, 9, 0.1)
        for block in blocks:
            one.push(block)
            at = int(rng.integers(0, len(block.time_ns) + 1))
            for part in (slice(None, at), slice(at, None)):
                assert block.load is not None and block.imu is not None
                other.push(
                    Block(block.side, block.time_ns[part], block.load[part], block.imu[part])
                )
    assert one.result(None) == other.result(None)


def test_bad_settings_are_refused() -> None:
    no_cells = PatientConfig(device=DeviceConfig(cells=0))
    with pytest.raises(CalibrationError, match="no pressure cells"):
        GuidedCalibration(VirtualPatient(no_cells).profile, KEY)
    with pytest.raises(CalibrationError, match="no person"):
        session(Rehearsal(), weight_n=75.0)
    with pytest.raises(CalibrationError, match="not finished"):
        GuidedCalibration(Rehearsal().profile, KEY).result(None)

"""The recogniser names, counts and measures what a virtual patient does, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exercise_rooms import (
    everyday,
    exercised,
    false_sets,
    recognise,
    recogniser,
    score,
    session,
    sets,
)

from hw.source import SIDES, FootSeries, Recording
from hw.virtual import (
    DeviceConfig,
    Labels,
    LegConfig,
    Manner,
    PatientConfig,
    Phase,
    VirtualPatient,
    manner,
    preset,
)
from kernels.errors import KernelInputError
from kernels.exercises import (
    SIGNATURES,
    ExerciseRecogniser,
    FootSensors,
    LegsCrossed,
    recognisable,
)

UNSEEN = 7000
WALK = (Phase("stand", 3), Phase("walk", 12), Phase("stand", 3))


def one(
    exercise: str, how: Manner, device: DeviceConfig | None = None, seed: int = 3
) -> tuple[Recording, Labels]:
    """Return a recording of a walk, one set, and rest."""
    programme = (*WALK, Phase(exercise, 1, 0.45, how), Phase("sit", 1800))
    config = PatientConfig(
        programme=programme, left=LegConfig(drop=0.4), device=device or DeviceConfig()
    )
    long_s = how.repetitions * (1.5 if exercise == "heel_walk" else 1.4 * how.period_s)
    return VirtualPatient(config, seed).recording(60 + long_s)


@pytest.mark.parametrize("exercise", sorted(SIGNATURES))
@pytest.mark.parametrize("side", SIDES)
def test_a_good_set_is_named_counted_and_measured(exercise: str, side: str) -> None:
    how = manner(exercise, side, repetitions=10 if exercise != "toe_taps" else 30)
    recording, labels = one(exercise, how)
    (found,) = sets(recognise(recording))
    truth = labels.exercises[0]
    assert found.name == exercise
    assert (found.side or "") == truth["side"]
    assert abs(found.count - truth["repetitions"]) <= 1
    assert abs(found.begin_ns - truth["start_ns"]) < 1.5e9
    assert abs(found.end_ns - truth["end_ns"]) < 1.5e9
    true_size = np.median(labels.repetitions["size"])
    if exercise == "step_ups":
        heights = [part.height_m for part in found.repetitions]
        assert np.median(heights) == pytest.approx(true_size, abs=0.03)
    else:
        ranges = [part.range_deg for part in found.repetitions]
        assert np.median(ranges) == pytest.approx(true_size, abs=2.5)
    if exercise == "ankle_dorsiflexion":
        holds = [part.hold_s for part in found.repetitions]
        assert np.median(holds) == pytest.approx(2.0, abs=0.6)


@pytest.mark.parametrize("rate_hz", [25.0, 33.0, 104.0, 300.0])
def test_the_rate_of_the_device_does_not_matter(rate_hz: float) -> None:
    for exercise in SIGNATURES:
        how = manner(exercise, repetitions=20 if exercise == "toe_taps" else 7)
        recording, labels = one(exercise, how, DeviceConfig(rate_hz=rate_hz))
        (found,) = sets(recognise(recording))
        assert found.name == exercise
        assert abs(found.count - labels.exercises["repetitions"][0]) <= 1


def test_half_repetitions_are_not_counted() -> None:
    for exercise in ("ankle_dorsiflexion", "toe_taps", "step_ups"):
        recording, labels = one(exercise, manner(exercise, "left", "half"))
        assert not labels.repetitions["counts"].all()
        (found,) = sets(recognise(recording))
        assert abs(found.count - labels.exercises["repetitions"][0]) <= 1


def test_sets_of_unseen_people_are_right() -> None:
    """A small dose of tests/benchmarks/bench_exercises.py, whose figures are the promise."""
    results = [exercised(seed) for seed in range(UNSEEN, UNSEEN + 5)]
    scores = [part for part, _ in results for part in part]
    assert len(scores) == 20
    assert sum(s.name == s.exercise and s.side_right for s in scores) >= 0.95 * len(scores)
    assert sum(abs(s.miss) <= 1 for s in scores) >= 0.95 * len(scores)
    assert sum(len(false) for _, false in results) <= 1


@pytest.mark.parametrize("name", ["healthy", "severe"])
def test_walking_turning_and_stairs_are_no_exercise(name: str) -> None:
    programme = (
        Phase("walk", 60, 0.3),
        Phase("turn", 8),
        Phase("stairs", 20),
        Phase("walk", 60),
        Phase("stairs", 3),
        Phase("walk", 30, 1.3),
        Phase("shift", 20),
        Phase("stand", 10),
        Phase("stairs", 8),
        Phase("fidget", 120),
    )
    config = replace(preset(name), programme=programme)
    recording, labels = VirtualPatient(config, 7100).recording(400)
    assert {"stairs", "turn", "fidget"} <= set(labels.phases["kind"])
    assert sets(recognise(recording)) == []


def test_everyday_life_holds_no_exercise() -> None:
    config, seconds = everyday(7101, 0.4)
    recording, labels = VirtualPatient(config, 7101).recording(seconds)
    assert false_sets(labels, recognise(recording)) == []


@pytest.mark.parametrize("insole", ["moticon", "gaitpdb"])
def test_real_walks_are_no_exercise(recordings: Path, insole: str) -> None:
    from hw.replay import read
    from hw.research import read_gaitpdb

    if insole == "moticon":
        walks = [read(path) for path in sorted((recordings / "moticon_opengo").glob("23*.txt"))]
    else:
        walks = [read_gaitpdb(path) for path in sorted((recordings / "gaitpdb").glob("GaCo*.txt"))]
    assert walks
    for walk in walks:
        assert recognise(walk, sides=tuple(walk.feet)) == []


def test_crossed_legs_are_seen_with_their_certainty() -> None:
    programme = (*WALK, Phase("sit", 30), Phase("cross", 120, manner=Manner(side="right")))
    config = PatientConfig(programme=(*programme, Phase("sit", 1800)))
    recording, labels = VirtualPatient(config, 5).recording(240)
    (truth,) = labels.crossings
    (found,) = [x for x in recognise(recording) if isinstance(x, LegsCrossed)]
    assert found.side == truth["side"] == "right"
    assert found.certainty > 0.7
    assert abs(found.begin_ns - truth["start_ns"]) < 3e9
    assert abs(found.end_ns - truth["end_ns"]) < 3e9


def test_sitting_with_both_feet_down_is_not_crossed() -> None:
    config = PatientConfig(programme=(*WALK, Phase("sit", 600)))
    recording, _ = VirtualPatient(config, 5).recording(300)
    assert recognise(recording) == []


# -- what the sensors allow ---------------------------------------------------------------------


def test_without_an_imu_the_range_is_unknown() -> None:
    recording, labels = one("toe_taps", manner("toe_taps"), DeviceConfig(imu=False))
    (found,) = sets(recognise(recording))
    assert found.name == "toe_taps"
    assert abs(found.count - labels.exercises["repetitions"][0]) <= 1
    assert {part.range_deg for part in found.repetitions} == {None}


@pytest.mark.parametrize("exercise", sorted(SIGNATURES))
def test_without_cells_nothing_is_named(exercise: str) -> None:
    recording, _ = one(exercise, manner(exercise), DeviceConfig(cells=0))
    assert sets(recognise(recording)) == []
    watch = recogniser(recording.profile)
    assert not watch.can_see(exercise, "left")


def test_step_ups_need_an_imu_on_the_foot() -> None:
    assert "step_ups" not in recognisable(has_cells=True, has_imu=False)
    assert recognisable(has_cells=True, has_imu=True) == set(SIGNATURES)
    recording, _ = one("step_ups", manner("step_ups"), DeviceConfig(imu=False))
    assert sets(recognise(recording)) == []


@pytest.mark.parametrize("from_s", [0.0, 19.0])
def test_the_unit_of_the_cells_does_not_matter(from_s: float) -> None:
    """Also where the person was never seen standing: then it is not known that they sit."""
    recording, labels = one("ankle_dorsiflexion", manner("ankle_dorsiflexion"))
    feet = {}
    for side, foot in recording.feet.items():
        late = foot.time_ns >= from_s * 1e9
        load = np.float32(0.013) * foot.load[late]
        feet[side] = FootSeries(foot.time_ns[late], load, foot.imu[late])
    raw = replace(recording.profile.left, cell_unit="raw")
    profile = replace(recording.profile, left=raw, right=raw)
    (found,) = sets(recognise(replace(recording, profile=profile, feet=feet)))
    assert found.name == "ankle_dorsiflexion"
    assert abs(found.count - labels.exercises["repetitions"][0]) <= 1


def test_one_foot_alone_is_enough_for_its_own_exercises() -> None:
    recording, labels = one("ankle_dorsiflexion", manner("ankle_dorsiflexion", "right"))
    (found,) = sets(recognise(recording, sides=("right",)))
    assert (found.name, found.side) == ("ankle_dorsiflexion", "right")
    assert abs(found.count - labels.exercises["repetitions"][0]) <= 1


def test_a_foot_that_is_not_listened_to_is_refused() -> None:
    watch = ExerciseRecogniser({"left": FootSensors((0.1, 0.9))})
    with pytest.raises(KernelInputError, match="right"):
        watch.push("right", np.array([0]), np.ones((1, 2)))
    with pytest.raises(KernelInputError, match="foot"):
        ExerciseRecogniser({})


def test_a_gap_makes_no_repetition_up() -> None:
    recording, labels = one("ankle_dorsiflexion", manner("ankle_dorsiflexion"))
    middle = int(labels.repetitions["start_ns"][5]) + 300_000_000
    feet = {}
    for side, foot in recording.feet.items():
        keep = (foot.time_ns < middle) | (foot.time_ns > middle + 4_000_000_000)
        feet[side] = replace(foot, time_ns=foot.time_ns[keep], load=foot.load[keep])
        feet[side] = replace(feet[side], imu=foot.imu[keep])
    (found,) = sets(recognise(replace(recording, feet=feet)))
    whole = labels.exercises["repetitions"][0]
    assert whole - 2 <= found.count < whole


def test_missing_numbers_are_no_load() -> None:
    recording, labels = one("toe_taps", manner("toe_taps"))
    load = recording.feet["left"].load.copy()
    load[:, 3] = np.nan
    load[::17] = np.nan
    feet = {**recording.feet, "left": replace(recording.feet["left"], load=load)}
    (found,) = sets(recognise(replace(recording, feet=feet)))
    assert abs(found.count - labels.exercises["repetitions"][0]) <= 1


def test_the_score_of_a_session_names_every_true_set() -> None:
    config, order, seconds = session(2)
    _, labels = VirtualPatient(replace(config, device=DeviceConfig(rate_hz=25)), 2).recording(
        seconds
    )
    scores = score(labels, [], order)
    assert [part.name for part in scores] == [""] * 4
    assert all(part.miss < -4 for part in scores)

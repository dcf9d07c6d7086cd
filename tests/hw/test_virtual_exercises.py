"""The virtual patient's exercises keep their signatures (gait.md, "Home exercises") and physics."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from hw.source import FootSeries, Recording, Side
from hw.virtual import (
    EXERCISES,
    EXERCISING,
    DeviceConfig,
    Labels,
    Manner,
    PatientConfig,
    Phase,
    VirtualConfigError,
    VirtualPatient,
    manner,
    preset,
)

G = 9.80665
WEIGHT = 750.0


@cache
def ideal(
    exercise: str, how: Manner | None = None, side: Side = "left"
) -> tuple[Recording, Labels]:
    programme = (
        Phase("stand", 3),
        Phase(exercise, 1, 0.5, how or manner(exercise, side)),
        Phase("sit", 600),
    )
    config = PatientConfig(programme=programme, device=DeviceConfig(rate_hz=100).ideal())
    return VirtualPatient(config, 12).recording(75)


def loads(recording: Recording, side: Side) -> tuple[np.ndarray, ...]:
    foot = recording.feet[side]
    x = np.array(recording.profile.foot(side).x)
    assert foot.load is not None
    heel, fore = foot.load[:, x < 1 / 3].sum(axis=1), foot.load[:, x > 2 / 3].sum(axis=1)
    return foot.time_ns, heel, fore, foot.load.sum(axis=1)


def pitch_deg(foot: FootSeries, begin_ns: int, end_ns: int) -> np.ndarray:
    """Pitch by integration of the angular rate alone."""
    assert foot.imu is not None
    inside = (foot.time_ns >= begin_ns) & (foot.time_ns < end_ns)
    return np.degrees(np.cumsum(-foot.imu[inside, 4]) * 0.01)


@pytest.mark.parametrize("exercise", ["ankle_dorsiflexion", "toe_taps"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_seated_toes_go_up_over_a_loaded_heel(exercise: str, side: Side) -> None:
    recording, labels = ideal(exercise, side=side)
    time_ns, heel, fore, total = loads(recording, side)
    truth = labels.exercises[0]
    assert truth["exercise"] == exercise
    assert truth["side"] == side
    inside = (time_ns > truth["start_ns"]) & (time_ns < truth["end_ns"])
    assert total[inside].max() < 0.2 * WEIGHT
    assert heel[inside].min() > 0.3 * heel[inside].max()
    turned = pitch_deg(recording.feet[side], int(truth["start_ns"]) - 10**8, truth["end_ns"])
    assert turned.min() > -2
    for part in labels.repetitions[:20]:
        during = (time_ns >= part["start_ns"]) & (time_ns < part["end_ns"])
        assert fore[during].min() < 0.05 * total[during].max()
        rise = pitch_deg(recording.feet[side], part["start_ns"], part["end_ns"])
        assert rise.max() == pytest.approx(part["size"], rel=0.05)


def test_the_other_foot_rests_meanwhile() -> None:
    recording, labels = ideal("ankle_dorsiflexion")
    truth, foot = labels.exercises[0], recording.feet["right"]
    assert foot.imu is not None
    inside = (foot.time_ns > truth["start_ns"]) & (foot.time_ns < truth["end_ns"])
    np.testing.assert_allclose(foot.imu[inside], [[0, 0, G, 0, 0, 0]] * inside.sum(), atol=1e-5)


def test_tempos_are_those_of_the_table() -> None:
    for exercise, low, high in (("ankle_dorsiflexion", 0.2, 0.7), ("toe_taps", 1, 4)):
        parts = ideal(exercise)[1].repetitions
        period_s = np.median(np.diff(parts["start_ns"])) / 1e9
        assert low <= 1 / period_s <= high


def test_a_heel_walker_keeps_the_forefoot_up() -> None:
    recording, labels = ideal("heel_walk")
    truth = labels.exercises[0]
    assert truth["side"] == ""
    assert truth["repetitions"] == EXERCISES["heel_walk"].repetitions
    parts = labels.repetitions
    for side in ("left", "right"):
        time_ns, _, fore, total = loads(recording, side)
        contacts = labels.contacts[side]
        mine = contacts[contacts["time_ns"] <= parts["end_ns"][-1]]
        assert len(mine) == EXERCISES["heel_walk"].repetitions / 2
        for contact in mine["time_ns"]:
            stance = (time_ns > contact) & (time_ns < contact + 400_000_000)
            assert fore[stance].max() < 0.1 * WEIGHT
            assert total[stance].max() > 0.35 * WEIGHT


def test_heel_walk_feet_carry_the_body_and_stay_above_the_ground() -> None:
    recording, labels = ideal("heel_walk")
    (_, _, _, left), (_, _, _, right) = (loads(recording, side) for side in ("left", "right"))
    time_ns = recording.feet["left"].time_ns
    truth = labels.exercises[0]
    inside = (time_ns > truth["start_ns"]) & (time_ns < truth["end_ns"])
    assert (left + right)[inside].mean() == pytest.approx(WEIGHT, rel=0.02)


def height_m(foot: FootSeries, begin_ns: int, end_ns: int) -> float:
    """Height gained from rest to rest, by integration of the IMU (pitch only)."""
    assert foot.imu is not None
    inside = (foot.time_ns >= begin_ns) & (foot.time_ns <= end_ns)
    imu = foot.imu[inside].astype(np.float64)
    pitch = np.cumsum(-imu[:, 4]) * 0.01
    up = imu[:, 0] * np.sin(pitch) + imu[:, 2] * np.cos(pitch) - G
    speed = np.cumsum(up) * 0.01
    speed -= speed[-1] * np.linspace(0, 1, len(speed))
    return float(np.sum(speed) * 0.01)


def test_the_imu_shows_the_height_of_the_step() -> None:
    recording, labels = ideal("step_ups", manner("step_ups", rise_m=0.17))
    foot = recording.feet["left"]
    contacts = labels.contacts["left"]["time_ns"]
    part = labels.repetitions[2]
    up, down = (int(t) for t in contacts[(contacts > part["start_ns"])][:2])
    gained = height_m(foot, int(part["start_ns"]) - 800_000_000, up + 250_000_000)
    assert gained == pytest.approx(0.17, abs=0.03)
    lost = height_m(foot, up + 250_000_000, down + 250_000_000)
    assert lost == pytest.approx(-0.17, abs=0.03)


def test_the_whole_weight_goes_up_the_step_and_half_a_repetition_does_not() -> None:
    recording, labels = ideal("step_ups", manner("step_ups", "left", "half", half_share=0.4))
    parts = labels.repetitions
    assert 0 < (~parts["counts"]).sum() < len(parts)
    assert parts["counts"].sum() == labels.exercises["repetitions"][0]
    time_ns, _, _, total = loads(recording, "left")
    contacts = labels.contacts["left"]["time_ns"]
    offs = labels.toe_offs["left"]["time_ns"]
    for part in parts:
        up = contacts[contacts > part["start_ns"]][0]
        off = offs[offs > up][0]
        on_step = (time_ns > up) & (time_ns < off)
        assert (total[on_step].max(initial=0.0) > 0.8 * WEIGHT) == part["counts"]


def test_mistakes_are_what_their_names_say() -> None:
    good = ideal("ankle_dorsiflexion")[1].repetitions
    small = ideal("ankle_dorsiflexion", manner("ankle_dorsiflexion", "left", "small"))[1]
    fast = ideal("ankle_dorsiflexion", manner("ankle_dorsiflexion", "left", "fast"))[1]
    assert np.median(small.repetitions["size"]) < 0.5 * np.median(good["size"])
    assert np.diff(fast.repetitions["start_ns"]).mean() < 0.5 * np.diff(good["start_ns"]).mean()
    recording, careless = ideal(
        "ankle_dorsiflexion", manner("ankle_dorsiflexion", "left", "careless")
    )
    time_ns, heel, _, _ = loads(recording, "left")
    for part in careless.repetitions:
        middle = (part["start_ns"] + part["end_ns"]) // 2
        at = int(np.searchsorted(time_ns, middle))
        assert (heel[at] > 10) == part["is_good"]


def test_a_crossed_leg_hangs_and_the_other_one_bears_more() -> None:

    programme = (Phase("stand", 3), Phase("cross", 40, manner=Manner(side="right")))
    config = PatientConfig(programme=programme, device=DeviceConfig().ideal())
    recording, labels = VirtualPatient(config, 3).recording(40)
    (truth,) = labels.crossings
    assert truth["side"] == "right"
    time_ns, _, _, top = loads(recording, "right")
    _, _, _, below = loads(recording, "left")
    held = (time_ns > truth["start_ns"] + 2e9) & (time_ns < truth["end_ns"] - 2e9)
    before = (time_ns > truth["start_ns"] - 0.5e9) & (time_ns < truth["start_ns"])
    assert top[held].max() == 0
    assert below[held].mean() > 1.3 * below[before].mean()


def test_one_sitting_holds_several_sets() -> None:
    _, labels = VirtualPatient(preset(EXERCISING), 1).recording(200)
    recording, _ = VirtualPatient(preset(EXERCISING), 1).recording(200)
    begin, end = labels.exercises["end_ns"][0], labels.exercises["start_ns"][1]
    time_ns = recording.feet["left"].time_ns
    between = (time_ns > begin) & (time_ns < end)
    for side in ("left", "right"):
        foot = recording.feet[side]
        assert foot.load is not None
        assert foot.load[between].sum(axis=1).max() < 0.25 * WEIGHT


def test_the_exercising_patient_does_all_four() -> None:
    _, labels = VirtualPatient(preset(EXERCISING, "right"), 0).recording(620)
    assert set(labels.exercises["exercise"]) == set(EXERCISES)
    assert not labels.repetitions["is_good"].all()
    assert not labels.repetitions["counts"].all()
    assert len(labels.crossings) == 1
    order = labels.exercises
    assert all(a["end_ns"] <= b["start_ns"] for a, b in pairwise(order))


def test_a_longer_recording_begins_as_a_shorter_one() -> None:
    config = preset(EXERCISING)
    a, _ = VirtualPatient(config, 2).recording(60)
    b, _ = VirtualPatient(config, 2).recording(90)
    for side in ("left", "right"):
        n = len(a.feet[side].time_ns)
        np.testing.assert_array_equal(a.feet[side].load, b.feet[side].load[:n])
        np.testing.assert_array_equal(a.feet[side].imu, b.feet[side].imu[:n])


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Manner(range_deg=80), "range_deg"),
        (lambda: Manner(period_s=0.1), "period_s"),
        (lambda: Manner(repetitions=0), "repetitions"),
        (lambda: Manner(rise_m=0.5), "rise_m"),
        (lambda: Manner(half_share=1.0), "half_share"),
        (lambda: manner("cartwheel"), "exercise"),
        (lambda: Phase("cartwheel", 3), "kind"),
    ],
)
def test_what_nobody_can_do_is_refused(make: object, key: str) -> None:
    assert callable(make)
    with pytest.raises(VirtualConfigError) as caught:
        make()
    assert caught.value.key == key

"""The virtual patient keeps the laws that a person keeps."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from hw.source import SIDES, FootSeries, Recording, Side
from hw.virtual import (
    DeviceConfig,
    Labels,
    LegConfig,
    PatientConfig,
    Phase,
    VirtualPatient,
    preset,
)
from hw.virtual.motion import travel
from hw.virtual.plan import Planner

G = 9.80665
SPEEDS = (0.2, 0.5, 0.9, 1.3, 1.5)
PATIENTS = ("healthy", "mild", "moderate", "severe")


@cache
def ideal(name: str, speed: float, rate_hz: float = 200.0) -> tuple[Recording, Labels]:
    programme = (Phase("stand", 3), Phase("walk", 60))
    device = DeviceConfig(rate_hz=rate_hz).ideal()
    config = replace(preset(name, device=device, programme=programme), speed_m_s=speed)
    return VirtualPatient(config, seed=11).recording(50)


def steady(labels: Labels, side: Side) -> np.ndarray:
    """Strides of a walk under way: the first two from standing are left out."""
    strides = labels.strides[side]
    return strides[strides["previous_contact_ns"] > 0][2:]


@pytest.mark.parametrize("name", PATIENTS)
@pytest.mark.parametrize("speed", SPEEDS)
def test_both_feet_carry_the_body_weight_on_the_mean(name: str, speed: float) -> None:
    recording, labels = ideal(name, speed)
    begin = steady(labels, "left")["initial_contact_ns"]
    total = np.zeros(len(recording.feet["left"].time_ns))
    for foot in recording.feet.values():
        assert foot.load is not None
        total += foot.load.sum(axis=1)
    time_ns = recording.feet["left"].time_ns
    whole = (time_ns >= begin[0]) & (time_ns < begin[-1])
    assert total[whole].mean() == pytest.approx(750, rel=0.01)
    assert total.min() > 500


def strapdown(foot: FootSeries, begin_ns: int, end_ns: int) -> tuple[float, float]:
    """Way and height by integration of the IMU alone, from one foot-flat to the next."""
    assert foot.imu is not None
    inside = (foot.time_ns >= begin_ns) & (foot.time_ns <= end_ns)
    imu = foot.imu[inside].astype(np.float64)
    step_s = float(np.median(np.diff(foot.time_ns))) / 1e9
    attitude, velocity, place = np.eye(3), np.zeros(3), np.zeros(3)
    for before, now in pairwise(imu):
        turn = 0.5 * (before[3:] + now[3:]) * step_s
        angle = float(np.linalg.norm(turn))
        if angle > 1e-12:
            x, y, z = turn / angle
            skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            rotation = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
            attitude = attitude @ rotation
        velocity = velocity + (attitude @ now[:3] - [0, 0, G]) * step_s
        place = place + velocity * step_s
    return float(np.hypot(place[0], place[1])), float(place[2])


@pytest.mark.parametrize("name", ["healthy", "severe"])
@pytest.mark.parametrize("speed", [0.3, 0.7, 1.3])
def test_the_integrated_imu_gives_the_stride_length(name: str, speed: float) -> None:
    recording, labels = ideal(name, speed, 300.0)
    for side in SIDES:
        foot = recording.feet[side]
        for stride in steady(labels, side)[:8]:
            if not stride["previous_contact_ns"] > 0:
                continue
            stance = stride["toe_off_ns"] - stride["previous_contact_ns"]
            begin = stride["previous_contact_ns"] + int(0.4 * stance)
            end = stride["initial_contact_ns"] + int(0.4 * stance)
            length, height = strapdown(foot, begin, end)
            assert length == pytest.approx(stride["length_m"], abs=0.015)
            assert abs(height) < 0.015


def test_a_flat_foot_is_really_still() -> None:
    recording, labels = ideal("healthy", 1.3)
    foot = recording.feet["left"]
    assert foot.imu is not None
    for stride in steady(labels, "left"):
        stance = stride["toe_off_ns"] - stride["previous_contact_ns"]
        begin = stride["previous_contact_ns"] + 0.3 * stance
        still = (foot.time_ns > begin) & (foot.time_ns < begin + 0.15 * stance)
        np.testing.assert_allclose(foot.imu[still], [[0, 0, G, 0, 0, 0]] * still.sum(), atol=1e-5)


@pytest.mark.parametrize("speed", SPEEDS)
def test_stride_length_is_speed_times_stride_time(speed: float) -> None:
    _, labels = ideal("healthy", speed)
    for side in SIDES:
        strides = steady(labels, side)
        seconds = (strides["initial_contact_ns"] - strides["previous_contact_ns"]) / 1e9
        assert strides["length_m"].sum() / seconds.sum() == pytest.approx(speed, rel=0.03)


@pytest.mark.parametrize(
    ("speed", "low", "high"), [(1.3, 0.59, 0.65), (0.7, 0.61, 0.70), (0.3, 0.68, 0.80)]
)
def test_stance_takes_its_share_of_the_stride(speed: float, low: float, high: float) -> None:
    _, labels = ideal("healthy", speed)
    strides = steady(labels, "right")
    stance = strides["toe_off_ns"] - strides["previous_contact_ns"]
    share = stance / (strides["initial_contact_ns"] - strides["previous_contact_ns"])
    assert low < share.mean() < high


def test_healthy_numbers_are_those_of_gait_laboratories() -> None:
    _, labels = ideal("healthy", 1.3)
    for side in SIDES:
        strides, contacts = steady(labels, side), labels.contacts[side]
        assert np.nanmedian(strides["mtc_mm"]) == pytest.approx(15, abs=5)
        assert 15 < np.median(contacts["pitch_deg"]) < 25
        assert 30 < np.median(strides["lateral_excursion_mm"]) < 60
        assert -75 < np.median(strides["pitch_at_toe_off_deg"]) < -50


@pytest.mark.parametrize("name", PATIENTS)
@pytest.mark.parametrize("speed", [0.3, 1.3])
def test_no_part_of_the_sole_goes_under_the_ground(name: str, speed: float) -> None:
    config = replace(preset(name), speed_m_s=speed)
    config = replace(config, left=replace(config.left, drag_rate=0.5))
    planner = Planner(config, np.random.default_rng(5))
    planner.extend(300)
    swings = [x.swing for side in SIDES for x in planner.landings[side] if x.swing]
    assert len(swings) > 50
    for swing in swings:
        t = np.linspace(swing.before.off_s, swing.after.contact_s, 200)[:-1]
        pose = swing.pose(t)
        assert pose.point(0, 0, 0)[:, 2].min() > -0.001
        assert pose.point(config.foot_length_m, 0, 0)[:, 2].min() > -0.001


def test_position_and_velocity_have_no_jump() -> None:
    config = replace(preset("severe"), left=LegConfig(drop=0.9, drag_rate=0.5))
    planner = Planner(config, np.random.default_rng(6))
    planner.extend(200)
    tiny = 1e-6
    for side in SIDES:
        for item in planner.landings[side]:
            if item.swing is None:
                continue
            swing, stance = item.swing, item.stance
            for first, then, at in (
                (swing.before, swing, swing.before.off_s),
                (swing, stance, stance.contact_s),
            ):
                a = first.pose(np.array([at - 2 * tiny, at - tiny]))
                b = then.pose(np.array([at + tiny, at + 2 * tiny]))
                np.testing.assert_allclose(a.heel[1], b.heel[0], atol=1e-4)
                np.testing.assert_allclose(
                    np.diff(a.heel, axis=0), np.diff(b.heel, axis=0), atol=2e-2 * tiny
                )
                assert a.pitch[1] == pytest.approx(b.pitch[0], abs=1e-4)


def test_travel_is_a_way() -> None:
    u = np.linspace(-0.2, 1.2, 2000)
    way = travel(u)
    assert way[0] == 0
    assert way[-1] == pytest.approx(1)
    assert (np.diff(way) >= 0).all()


def test_drop_hangs_the_toes_and_weakens_push_off() -> None:
    _, well = ideal("healthy", 0.5)
    _, ill = ideal("severe", 0.5)
    for column, sign in (("max_dorsiflexion_deg", -1), ("pitch_at_toe_off_deg", 1)):
        healthy = np.nanmedian(steady(well, "left")[column])
        affected = np.nanmedian(steady(ill, "left")[column])
        assert sign * (affected - healthy) > 5, column


@pytest.mark.parametrize(
    ("setting", "column"), [("steppage_m", "lift_mm"), ("circumduction_m", "lateral_excursion_mm")]
)
def test_steppage_and_circumduction_are_as_large_as_set(setting: str, column: str) -> None:
    values = []
    for size in (0.0, 0.06):
        leg = LegConfig(drop=0.5, drag_rate=0, steppage_m=0.0, circumduction_m=0.0)
        leg = replace(leg, steppage_m=size) if setting == "steppage_m" else leg
        leg = replace(leg, circumduction_m=size) if setting == "circumduction_m" else leg
        config = PatientConfig(left=leg, speed_m_s=0.8)
        _, labels = VirtualPatient(config, 8).recording(60)
        values.append(float(np.nanmedian(steady(labels, "left")[column])))
    assert 25 < values[1] - values[0] < 80


def test_sitting_unloads_and_shifting_moves_the_weight() -> None:
    programme = (Phase("stand", 2), Phase("shift", 10), Phase("sit", 10))
    config = PatientConfig(programme=programme, device=DeviceConfig().ideal())
    recording, _ = VirtualPatient(config, 1).recording(22)
    left, right = (recording.feet[side].load for side in SIDES)
    assert left is not None
    assert right is not None
    left, right = left.sum(axis=1), right.sum(axis=1)
    assert (left + right)[300:1100] == pytest.approx(750, rel=1e-4)
    assert left[300:1100].max() > 600
    assert left[300:1100].min() < 150
    assert (left + right)[1600] == pytest.approx(0.18 * 750, rel=0.05)

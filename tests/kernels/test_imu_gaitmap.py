"""The IMU chain against motion capture: the figures of gait.md are the bounds here."""

import math
from pathlib import Path
from typing import Any

import gaitmap
import numpy as np
import pytest

from kernels._imu import ImuChain


@pytest.fixture(scope="module")
def walk(recordings: Path) -> gaitmap.Walk:
    return gaitmap.read(recordings / "gaitmap")


@pytest.fixture(scope="module")
def landings(walk: gaitmap.Walk) -> dict[str, list[gaitmap.Landing]]:
    return {side: follow(walk, side, foot_length_m=gaitmap.FOOT_LENGTH_M) for side in gaitmap.SIDES}


@pytest.fixture(scope="module")
def scores(
    walk: gaitmap.Walk, landings: dict[str, list[gaitmap.Landing]]
) -> list[dict[str, gaitmap.Figure]]:
    return [gaitmap.score(landings[side], walk, side) for side in gaitmap.SIDES]


def follow(walk: gaitmap.Walk, side: str, **config: Any) -> list[gaitmap.Landing]:
    return gaitmap.follow(ImuChain(**config), walk.time_ns, walk.imu[side])[0]


@pytest.mark.parametrize("side", gaitmap.SIDES)
def test_contacts_are_found(
    side: str, walk: gaitmap.Walk, landings: dict[str, list[gaitmap.Landing]]
) -> None:
    found = [x.contact_ns * 1e-9 for x in landings[side]]
    assert gaitmap.f1(found, gaitmap.labelled_contacts(walk, side)) >= 0.98


def test_contact_and_toe_off_times(scores: list[dict[str, gaitmap.Figure]]) -> None:
    contact, toe_off = (gaitmap.pool(scores, name) for name in ("contact_ms", "toe_off_ms"))
    assert contact.n >= 58
    assert abs(contact.offset) <= 10
    assert contact.mae_without_offset <= 6
    assert toe_off.n >= 56
    assert toe_off.mae_without_offset <= 5


def test_pitch_at_contact(scores: list[dict[str, gaitmap.Figure]]) -> None:
    pitch = gaitmap.pool(scores, "pitch_at_contact_deg")
    assert pitch.n >= 56
    assert pitch.mae <= 1.4


def test_stride_length(scores: list[dict[str, gaitmap.Figure]]) -> None:
    length = gaitmap.pool(scores, "stride_length_m")
    assert length.n >= 52
    assert length.mae <= 0.035


def test_clearance_from_foot_length_alone(scores: list[dict[str, gaitmap.Figure]]) -> None:
    clearance = gaitmap.pool(scores, "clearance_mm")
    assert clearance.n >= 50
    assert clearance.mae <= 6.4


@pytest.mark.parametrize("first", [0, 1])
def test_clearance_with_the_lever_fitted_on_the_other_half(walk: gaitmap.Walk, first: int) -> None:
    errors = []
    for side in gaitmap.SIDES:
        wanted = gaitmap.references(walk, side)

        def miss(
            lever: tuple[float, float, float],
            side: str = side,
            wanted: list[gaitmap.Reference] = wanted,
        ) -> gaitmap.Floats:
            found = follow(walk, side, to_toe_m=lever)
            return gaitmap.errors(found, wanted, "clearance_mm", lambda w: w.straight)

        lever = gaitmap.fit_lever(miss, slice(first, None, 2))
        errors.append(miss(lever)[1 - first :: 2])
    left = np.concatenate(errors)
    left = left[np.isfinite(left)]
    assert len(left) >= 24
    assert np.mean(np.abs(left)) <= 6.4


def test_an_event_is_certain_within_60_ms_and_uses_nothing_later(
    landings: dict[str, list[gaitmap.Landing]], walk: gaitmap.Walk
) -> None:
    for side in gaitmap.SIDES:
        for landing in landings[side]:
            assert 0 <= landing.decided_ns - landing.contact_ns <= 60_000_000
            if landing.decided_ns > 30_000_000_000:
                break
            chain = ImuChain(foot_length_m=gaitmap.FOOT_LENGTH_M)
            n = int(np.searchsorted(walk.time_ns, landing.decided_ns)) + 1
            last = chain.run(walk.time_ns[:n], walk.imu[side][:n])[-1]
            assert last["contact_ns"] == landing.contact_ns
            break  # the first landing of each foot; the chain is causal by construction


@pytest.mark.parametrize("hz", [50.0, 100.0, 150.0, 300.0])
def test_other_sampling_rates_give_the_same_walk(walk: gaitmap.Walk, hz: float) -> None:
    for side in gaitmap.SIDES:
        time_ns, imu = gaitmap.resample(walk.imu[side], hz)
        found, _ = gaitmap.follow(ImuChain(foot_length_m=0.26), time_ns, imu)
        figures = gaitmap.score(found, walk, side)
        assert figures["contact_ms"].n >= 29
        assert abs(figures["contact_ms"].offset) <= 10
        assert figures["pitch_at_contact_deg"].mae <= 1.4
        assert figures["stride_length_m"].mae <= 0.035


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("degrees", [-25.0, 30.0])
def test_a_tilted_sensor_gives_the_same_pitch(
    walk: gaitmap.Walk,
    landings: dict[str, list[gaitmap.Landing]],
    axis: int,
    degrees: float,
) -> None:
    known = 0
    if axis == 2:  # this sensor's heading is 17-21 deg off already
        degrees = math.copysign(20.0, degrees)
        known = 1  # and a first step hardly turns: its heading may still be the rough one
    for side in gaitmap.SIDES:
        chain = ImuChain(foot_length_m=gaitmap.FOOT_LENGTH_M)
        found, _ = gaitmap.follow(chain, walk.time_ns, gaitmap.tilt(walk.imu[side], axis, degrees))
        assert chain.fault == 0
        assert len(found) == len(landings[side])
        for a, b in zip(found[known:], landings[side][known:], strict=True):
            p, q = (x.stride["pitch_at_contact_deg"] for x in (a, b))
            assert (math.isnan(p) and math.isnan(q)) or abs(p - q) < 1.0


def test_noise_and_offsets_are_borne(walk: gaitmap.Walk) -> None:
    rng = np.random.default_rng(3)
    offset = np.array([0.1, -0.1, 0.15, 0.035, -0.035, 0.05], np.float32)
    spread = np.array([0.15] * 3 + [0.01] * 3)
    for side in gaitmap.SIDES:
        noise = rng.normal(0.0, 1.0, walk.imu[side].shape) * spread
        imu = np.ascontiguousarray(walk.imu[side] + offset + noise, np.float32)
        found, _ = gaitmap.follow(ImuChain(foot_length_m=0.26), walk.time_ns, imu)
        figures = gaitmap.score(found, walk, side)
        assert figures["contact_ms"].n >= 29
        assert figures["pitch_at_contact_deg"].mae <= 2.0
        assert figures["stride_length_m"].mae <= 0.035


def test_turns_give_no_spatial_numbers(
    landings: dict[str, list[gaitmap.Landing]], walk: gaitmap.Walk
) -> None:
    turns = [x.stride for side in gaitmap.SIDES for x in landings[side] if x.stride["turn"]]
    assert len(turns) >= 3
    for stride in turns:
        for name in ("stride_length_m", "clearance_mm", "lift_mm", "lateral_excursion_mm"):
            assert math.isnan(stride[name])
    assert not any(x.stride["stairs"] for side in gaitmap.SIDES for x in landings[side])


def test_no_shock_is_made_up_in_a_healthy_walk(walk: gaitmap.Walk) -> None:
    for side in gaitmap.SIDES:
        samples = ImuChain().run(walk.time_ns, walk.imu[side])
        assert not samples["spike"].any()


def test_a_blow_in_mid_swing_is_seen(
    walk: gaitmap.Walk, landings: dict[str, list[gaitmap.Landing]]
) -> None:
    landing = landings["left"][12]
    hit = int(
        np.searchsorted(
            walk.time_ns, landing.toe_off_ns + 0.6 * (landing.contact_ns - landing.toe_off_ns)
        )
    )
    imu = walk.imu["left"].copy()
    imu[hit : hit + 4, 0] -= 40.0
    imu[hit : hit + 4, 4] += 2.5
    samples = ImuChain().run(walk.time_ns, imu)
    assert np.flatnonzero(samples["spike"])[0] in range(hit, hit + 4)
    assert samples["contact_ns"].max() > 0


def test_a_shank_gives_no_foot_numbers(walk: gaitmap.Walk) -> None:
    found = follow(walk, "left", mount="shank", foot_length_m=0.26)
    assert len(found) >= 29
    for landing in found:
        for name in ("pitch_at_contact_deg", "clearance_mm", "lift_mm", "max_dorsiflexion_deg"):
            assert math.isnan(landing.stride[name])
    assert any(math.isfinite(x.stride["stride_length_m"]) for x in found)

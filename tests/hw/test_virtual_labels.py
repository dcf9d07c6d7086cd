"""The labels say what the samples show, by the definitions of gait.md."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from hw.source import SIDES, Recording
from hw.virtual import (
    DeviceConfig,
    Labels,
    LegConfig,
    PatientConfig,
    Phase,
    VirtualConfigError,
    VirtualPatient,
    preset,
)

HEEL, FLAT, TOE = 1, 2, 3
LATE, SCUFF, FULL = 1, 2, 3


@cache
def limping(cells: int = 16) -> tuple[Recording, Labels]:
    leg = LegConfig(drop=0.6, strike_mix=(1, 1, 1), drag_rate=0.35)
    device = replace(DeviceConfig(cells=cells, rate_hz=250).ideal())
    config = PatientConfig(speed_m_s=0.8, left=leg, device=device)
    return VirtualPatient(config, seed=21).recording(240)


def regions(recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    foot = recording.feet["left"]
    assert foot.load is not None
    x = np.array(recording.profile.left.x)
    heel, fore = foot.load[:, x < 1 / 3].sum(axis=1), foot.load[:, x > 2 / 3].sum(axis=1)
    return foot.time_ns, heel, fore


@pytest.mark.parametrize("cells", [6, 8, 16])
def test_contacts_are_where_the_load_begins(cells: int) -> None:
    recording, labels = limping(cells)
    time_ns, heel, fore = regions(recording)
    drags = labels.drags["left"]
    contacts = labels.contacts["left"]
    assert len(contacts) > 60
    for contact in contacts["time_ns"]:
        if np.any(np.abs(drags["end_ns"] - contact) < 80e6):
            continue
        at = int(np.searchsorted(time_ns, contact))
        assert (heel + fore)[at - 10 : at].max() < 0.1
        assert (heel + fore)[at + 5] > 5


@pytest.mark.parametrize("cells", [6, 8, 16])
def test_the_heel_lead_is_that_of_the_cells(cells: int) -> None:
    recording, labels = limping(cells)
    time_ns, heel, fore = regions(recording)
    contacts, drags = labels.contacts["left"], labels.drags["left"]
    for contact in contacts:
        if np.any(np.abs(drags["end_ns"] - contact["time_ns"]) < 80e6):
            continue
        at = int(np.searchsorted(time_ns, contact["time_ns"]))
        onset = [
            at + int(np.argmax(part[at : at + 90] > max(1e-6, 0.01 * part[at : at + 90].max())))
            for part in (heel, fore)
        ]
        lead_ms = (time_ns[onset[1]] - time_ns[onset[0]]) / 1e6
        assert lead_ms == pytest.approx(contact["heel_lead_ms"], abs=16)


def test_strike_types_keep_their_margin_from_the_definitions() -> None:
    contacts = limping()[1].contacts["left"]
    heel, flat, toe = (contacts[contacts["strike"] == kind] for kind in (HEEL, FLAT, TOE))
    assert min(len(heel), len(flat), len(toe)) > 15
    assert heel["heel_lead_ms"].min() >= 35
    assert heel["pitch_deg"].min() >= 11
    assert np.abs(flat["heel_lead_ms"]).max() <= 8
    assert flat["pitch_deg"].min() >= -1
    assert flat["pitch_deg"].max() <= 5
    assert toe["heel_lead_ms"].max() <= -35
    assert toe["pitch_deg"].max() <= -4


def test_drags_load_the_forefoot_alone() -> None:
    recording, labels = limping()
    time_ns, heel, fore = regions(recording)
    drags = labels.drags["left"]
    assert set(drags["kind"]) == {LATE, SCUFF, FULL}
    peak = (heel + fore).max()
    for drag in drags:
        assert drag["end_ns"] - drag["start_ns"] >= 60e6
        inside = (time_ns > drag["start_ns"] + 15e6) & (time_ns < drag["end_ns"] - 15e6)
        assert fore[inside].min() > 0.03 * peak
        assert heel[inside].max() < 0.001 * peak


def test_kinds_of_drag_are_what_their_names_say() -> None:
    recording, labels = limping()
    time_ns, heel, fore = regions(recording)
    total = heel + fore
    offs = labels.toe_offs["left"]["time_ns"]
    contacts = labels.contacts["left"]["time_ns"]
    for drag in labels.drags["left"]:
        off = offs[np.searchsorted(offs, drag["start_ns"], side="right") - 1]
        contact = contacts[np.searchsorted(contacts, off)]
        swing = (time_ns > off + 12e6) & (time_ns < contact - 12e6)
        free = (total[swing] < 0.5).mean()
        if drag["kind"] == FULL:
            assert free == 0
        else:
            assert 0.2 < free < 0.9
            begins_loaded = total[swing][0] > 5
            assert begins_loaded == (drag["kind"] == LATE)


def test_events_of_a_foot_alternate() -> None:
    _, labels = limping()
    for side in SIDES:
        times = [*labels.contacts[side]["time_ns"], *labels.toe_offs[side]["time_ns"]]
        kinds = [1] * len(labels.contacts[side]) + [0] * len(labels.toe_offs[side])
        order = [kind for _, kind in sorted(zip(times, kinds, strict=True))]
        assert all(a != b for a, b in pairwise(order))
        strides = labels.strides[side]
        np.testing.assert_array_equal(
            strides["initial_contact_ns"], labels.contacts[side]["time_ns"]
        )
        assert (strides["toe_off_ns"] < strides["initial_contact_ns"]).all()
        known = strides["previous_contact_ns"] > 0
        assert (strides["previous_contact_ns"] < strides["toe_off_ns"])[known].all()
        first = labels.phases["start_ns"][labels.phases["kind"] == "walk"]
        assert (~known).sum() >= 1
        assert len(first) > 1


def test_a_drag_rate_and_a_mix_are_kept() -> None:
    _, labels = limping()
    strikes = labels.contacts["left"]["strike"]
    drags = labels.drags["left"]
    assert len(drags) / len(strikes) == pytest.approx(0.33, abs=0.12)
    assert labels.drags["right"].size == 0
    healthy = labels.contacts["right"]["strike"]
    assert (healthy == HEEL).all()


def test_phases_follow_the_programme() -> None:
    programme = (Phase("stand", 2), Phase("walk", 8), Phase("turn", 3), Phase("sit", 5))
    _, labels = VirtualPatient(PatientConfig(programme=programme), 3).recording(30)
    kinds = labels.phases["kind"].tolist()
    assert kinds[:6] == ["stand", "walk", "turn", "sit", "stand", "walk"]
    np.testing.assert_array_equal(labels.phases["end_ns"][:-1], labels.phases["start_ns"][1:])
    turning = labels.strides["left"]["turn"]
    assert turning.any()
    assert not turning.all()


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: LegConfig(drop=1.2), "drop"),
        (lambda: LegConfig(strike_mix=(0, 0, 0)), "strike_mix"),
        (lambda: LegConfig(drag_rate=-0.1), "drag_rate"),
        (lambda: LegConfig(drag_level=(0.01, 0.1)), "drag_level"),
        (lambda: LegConfig(steppage_m=1.0), "steppage_m"),
        (lambda: DeviceConfig(cells=7), "cells"),
        (lambda: DeviceConfig(cells=0, imu=False), "imu"),
        (lambda: DeviceConfig(rate_hz=20), "rate_hz"),
        (lambda: DeviceConfig(loss=1.0), "loss"),
        (lambda: PatientConfig(speed_m_s=3), "speed_m_s"),
        (lambda: PatientConfig(cadence_per_min=400), "cadence_per_min"),
        (lambda: PatientConfig(programme=()), "programme"),
        (lambda: Phase("walk", 10, speed_m_s=5), "speed_m_s"),
        (lambda: preset("well"), "preset"),
    ],
)
def test_what_nobody_can_have_is_refused(make: object, key: str) -> None:
    assert callable(make)
    with pytest.raises(VirtualConfigError) as caught:
        make()
    assert caught.value.key == key

"""Agreement with the vendor's own steps on the Moticon walks, and the two gaitpdb walks."""

import numpy as np
import pytest
import recordings as reader
from truth import pair

from kernels import FootKernel
from kernels.records import EventKind, Strike


def events_of(side, foot, imu=True):
    config = reader.config(side, foot, "foot" if imu else None)
    kernel = FootKernel(config)
    samples = foot.imu if imu else None
    parts = kernel.push(foot.time_ns, foot.load, samples), kernel.finish()
    return np.concatenate([p.events for p in parts])


def of(events, kind):
    return events["time_ns"][events["kind"] == kind]


@pytest.mark.parametrize("imu", [True, False], ids=["imu", "pressure only"])
def test_each_of_the_vendors_42_steps_is_found(recordings, imu):
    contact_errors, toe_off_errors, steps = [], [], 0
    for name in reader.MOTICON:
        offs = []
        for side, foot in reader.moticon(recordings, name).items():
            events = events_of(side, foot, imu)
            for labels, kind, errors in (
                (foot.contacts_s, EventKind.INITIAL_CONTACT, contact_errors),
                (foot.toe_offs_s, EventKind.TOE_OFF, offs),
            ):
                true_ns = np.round(labels * 1e9).astype(np.int64)
                found = of(events, kind)
                inside = found[(found >= true_ns[0] - 10**8) & (found <= true_ns[-1] + 10**8)]
                pairs = pair(true_ns, inside, 100_000_000)
                assert len(pairs) == len(true_ns), "each found"
                assert len(inside) == len(true_ns), "none more between them"
                errors += [float(inside[j] - true_ns[i]) / 1e6 for i, j in pairs]
            steps += len(foot.contacts_s)
        toe_off_errors += (np.array(offs) - np.median(offs)).tolist()
    assert steps == 42
    assert np.abs(contact_errors).max() <= 50
    assert np.mean(np.abs(contact_errors) <= 20) >= 0.9
    assert np.abs(toe_off_errors).max() <= 60


@pytest.mark.parametrize("imu", [True, False], ids=["imu", "pressure only"])
@pytest.mark.parametrize("name", reader.MOTICON)
def test_healthy_walks_have_no_toe_first_contact_and_no_drag(recordings, name, imu):
    for side, foot in reader.moticon(recordings, name).items():
        events = events_of(side, foot, imu)
        strikes = events["detail"][events["kind"] == EventKind.STRIKE]
        assert len(strikes) >= len(foot.contacts_s)
        assert Strike.TOE not in strikes
        assert len(of(events, EventKind.TOE_DRAG)) == 0


@pytest.mark.parametrize("name", reader.GAITPDB)
def test_control_subjects_land_heel_first_and_drag_nothing(recordings, name):
    strikes = []
    for side, foot in reader.gaitpdb(recordings, name).items():
        events = events_of(side, foot, imu=False)
        strikes += events["detail"][events["kind"] == EventKind.STRIKE].tolist()
        assert len(of(events, EventKind.TOE_DRAG)) == 0
    assert len(strikes) >= 190
    assert np.mean(np.array(strikes) == Strike.HEEL) >= 0.95

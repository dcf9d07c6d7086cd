"""What the IMU alone sees of a toe that strikes something: a drag marked so, and near-trips."""

import numpy as np
import pytest
from twin import TwinKernel

from hw.virtual import DeviceConfig, PatientConfig, Phase, VirtualPatient
from kernels import FootConfig, FootKernel
from kernels.records import EventKind, Flag

WALK = (Phase("stand", 3), Phase("walk", 60))
CUT_NS = 120_000_000


@pytest.fixture(scope="module")
def healthy():
    config = PatientConfig(speed_m_s=1.1, programme=WALK, device=DeviceConfig(cells=8))
    recording, labels = VirtualPatient(config, seed=1000).recording(45)
    profile, foot = recording.profile.left, recording.feet["left"]
    kernel = FootConfig("left", profile.x, profile.y, "foot", 0.26, profile.to_toe_m)
    return kernel, foot, labels.strides["left"]


def struck(foot, strides, early):
    """Strike something in the middle of every fifth swing; `early`: the swing ends sooner."""
    imu, keep = foot.imu.copy(), np.ones(len(foot.time_ns), bool)
    time_ns, hits = foot.time_ns.copy(), []
    for stride in strides[6:-4:5]:
        middle = (stride["toe_off_ns"] + stride["initial_contact_ns"]) // 2
        k = int(np.searchsorted(foot.time_ns, middle))
        imu[k : k + 3, 0] -= 30
        imu[k : k + 3, 2] += np.array([15, -10, 8], np.float32)
        imu[k : k + 3, 4] += np.array([2, 3, 1.5], np.float32)
        hits.append(int(time_ns[k]))
        if early:
            gone = (foot.time_ns > foot.time_ns[k + 3]) & (
                foot.time_ns <= foot.time_ns[k + 3] + CUT_NS
            )
            keep &= ~gone
            time_ns[foot.time_ns > foot.time_ns[k + 3]] -= CUT_NS
    return time_ns[keep], foot.load[keep], imu[keep], hits


def run(kernel, config, time_ns, load, imu):
    one = kernel(config)
    parts = one.push(time_ns, load, imu), one.finish()
    return tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1))


@pytest.mark.parametrize("early", [False, True])
def test_struck_toe_is_a_drag_of_the_imu_and_early_contact_a_near_trip(healthy, early):
    config, foot, strides = healthy
    *samples, hits = struck(foot, strides, early)
    events, found = run(FootKernel, config, *samples)
    drags = events["time_ns"][events["kind"] == EventKind.TOE_DRAG]
    seen = [any(0 <= d - hit <= 60_000_000 for d in drags) for hit in hits]
    assert len(hits) >= 5 and np.mean(seen) >= 0.8
    assert len(drags) == sum(seen), "none elsewhere"
    assert ((found["flags"] & Flag.IMU_DRAG) > 0).sum() == len(drags)
    trips = events["time_ns"][events["kind"] == EventKind.NEAR_TRIP]
    assert set(trips) <= set(drags)
    assert len(trips) == (len(drags) if early else 0)
    again, _ = run(TwinKernel, config, *samples)
    assert again.tobytes() == events.tobytes()


def test_healthy_swings_strike_nothing(healthy):
    config, foot, _ = healthy
    events, _ = run(FootKernel, config, foot.time_ns, foot.load, foot.imu)
    assert not np.isin(events["kind"], (EventKind.TOE_DRAG, EventKind.NEAR_TRIP)).any()

"""FootKernel without pressure, on the shoe IMU recording with motion capture's contacts."""

import numpy as np
import pytest
from truth import pair, score_times

from kernels import FootConfig, FootKernel
from kernels.records import MISSING_NS, EventKind, Flag, Sensor, Strike

RATE_HZ = 204.8


@pytest.fixture(scope="module", params=["left", "right"])
def foot(request, recordings):
    side = request.param
    folder = recordings / "gaitmap"
    rows = np.genfromtxt(folder / "imu_sample.csv", delimiter=",", skip_header=2)
    columns = 1 + (side == "right") + 2 * np.arange(6)
    imu = rows[:, columns] * ([1.0] * 3 + [np.pi / 180] * 3)
    time_ns = np.round(np.arange(len(imu)) / RATE_HZ * 1e9).astype(np.int64)
    events = np.genfromtxt(
        folder / "stride_events_sample.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    mine = events[events["foot"] == side]
    contacts = np.unique(np.concatenate([mine["ic"], mine["pre_ic"]]))
    contacts_ns = np.round(contacts / RATE_HZ * 1e9).astype(np.int64)
    return side, time_ns, imu.astype(np.float32), contacts_ns


def found(side, time_ns, imu):
    kernel = FootKernel(FootConfig(side, mount="foot"))
    parts = kernel.push(time_ns, None, imu), kernel.finish()
    return tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1))


def test_contacts_and_strides_of_the_imu_alone(foot):
    side, time_ns, imu, contacts_ns = foot
    events, strides = found(side, time_ns, imu)
    contacts = events[events["kind"] == EventKind.INITIAL_CONTACT]
    score = score_times(contacts_ns, contacts["time_ns"], 50_000_000)
    assert score.missed <= 1, str(score)
    assert np.median(np.abs(score.errors_ms)) <= 15
    assert len(strides) == len(contacts)
    for i, j in pair(contacts_ns, strides["initial_contact_ns"], 50_000_000):
        assert strides["strike"][j] in (Strike.HEEL, Strike.UNKNOWN), i
    whole = strides[strides["previous_contact_ns"] != MISSING_NS]
    assert len(whole) >= 20
    assert np.isfinite(whole["stride_length_m"]).mean() > 0.8
    assert np.isnan(strides["strike_index"]).all() and np.isnan(strides["peak_heel"]).all()


def test_the_imu_alone_never_says_there_was_no_drag(foot):
    side, time_ns, imu, _ = foot
    _, strides = found(side, time_ns, imu)
    assert (strides["sources"] == Sensor.IMU).all()
    assert not (strides["flags"] & Flag.VALID_SWING).any()
    assert np.isnan(strides["drag_ms"]).all()


def test_a_shank_gives_no_foot_pitch(foot):
    side, time_ns, imu, _ = foot
    kernel = FootKernel(FootConfig(side, mount="shank"))
    strides = np.concatenate([kernel.push(time_ns, None, imu).strides, kernel.finish().strides])
    for name in ("pitch_at_contact_deg", "clearance_mm", "lift_mm"):
        assert np.isnan(strides[name]).all()
    assert set(strides["strike"].tolist()) <= {int(Strike.UNKNOWN)}

"""Faulty sensors and links on real walks: no step and no drag is made up (gait.md's pitfalls).

The reference is the same kernel on the undisturbed recording: what is lost is bounded, what is made
up is nothing.
"""

import numpy as np
import pytest
import recordings as reader
from perturb_signals import (
    compare,
    interleaved,
    of,
    resampled,
    run,
    toe_first,
    without_packets,
)

from kernels.records import EventKind, Flag

WALKS = [*reader.MOTICON, *reader.GAITPDB]
TURNING = "GaCo02_01"
"""Its left foot pivots at 49.0 s: the heel loads anew before the forefoot has let go."""


def feet(recordings, name):
    """Yield (config, samples) of both feet; only the Moticon insoles have an IMU."""
    load = reader.moticon if name in reader.MOTICON else reader.gaitpdb
    for side, foot in load(recordings, name).items():
        yield reader.config(side, foot), foot


def no_drag_no_toe(events):
    assert len(of(events, EventKind.TOE_DRAG)) == 0
    assert toe_first(events) == 0 or len(events) > 200, "gaitpdb's turns may land on the toes"


def loaded_cells(load, count=3):
    """Return the cells with the largest peaks."""
    return np.argsort(load.max(axis=0))[::-1][:count]


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_gain_of_a_cell_by_a_fifth(recordings, name, factor):
    for config, foot in feet(recordings, name):
        reference, _ = run(config, foot.time_ns, foot.load, foot.imu)
        for cell in loaded_cells(foot.load):
            load = foot.load.copy()
            load[len(load) // 2 :, cell] *= factor
            events, _ = run(config, foot.time_ns, load, foot.imu)
            assert compare(events, reference) == (0, 0)
            no_drag_no_toe(events)


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize(("share", "count"), [(0.5, 1), (0.5, 3), (0.7, 16)])
def test_saturated_cells(recordings, name, share, count):
    for config, foot in feet(recordings, name):
        reference, _ = run(config, foot.time_ns, foot.load, foot.imu)
        load = foot.load.copy()
        for cell in loaded_cells(load, count):
            load[:, cell] = np.minimum(load[:, cell], share * load[:, cell].max())
        events, _ = run(config, foot.time_ns, load, foot.imu)
        assert compare(events, reference) == (0, 0)
        no_drag_no_toe(events)


@pytest.mark.parametrize("name", reader.GAITPDB)
@pytest.mark.parametrize("sign", [1, -1])
def test_drift_of_ten_times_five_percent_per_hour(recordings, name, sign):
    for config, foot in feet(recordings, name):
        reference, _ = run(config, foot.time_ns, foot.load)
        hours = (foot.time_ns - foot.time_ns[0])[:, None] / 3600e9
        drift = sign * 10 * 0.05 * hours * foot.load.max(axis=0)
        load = np.maximum(foot.load + drift, 0).astype(np.float32)
        events, _ = run(config, foot.time_ns, load)
        made_up, missed = compare(events, reference)
        assert made_up == 0
        assert missed <= 2
        assert len(of(events, EventKind.TOE_DRAG)) == 0


@pytest.mark.parametrize("name", WALKS)
def test_a_cell_of_nan(recordings, name):
    for config, foot in feet(recordings, name):
        reference, _ = run(config, foot.time_ns, foot.load, foot.imu)
        for cell in loaded_cells(foot.load):
            load = foot.load.copy()
            load[len(load) // 2 :, cell] = np.nan
            events, _ = run(config, foot.time_ns, load, foot.imu)
            made_up, missed = compare(events, reference)
            assert made_up == 0
            assert missed <= 2
            assert len(of(events, EventKind.TOE_DRAG)) == 0


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize(("share", "packet"), [(0.02, 2), (0.05, 5), (0.05, 20)])
def test_lost_packets(recordings, name, share, packet):
    for config, foot in feet(recordings, name):
        reference, whole = run(config, foot.time_ns, foot.load, foot.imu)
        keep = without_packets(foot.time_ns, share, packet, seed=packet)
        imu = None if foot.imu is None else np.ascontiguousarray(foot.imu[keep])
        load = np.ascontiguousarray(foot.load[keep])
        events, strides = run(config, foot.time_ns[keep], load, imu)
        made_up, _ = compare(events, reference)
        assert made_up == 0
        assert len(of(events, EventKind.TOE_DRAG)) == 0
        valid = [int((s["flags"] & Flag.VALID_SWING > 0).sum()) for s in (strides, whole)]
        assert valid[0] <= valid[1]
        holes = np.diff(foot.time_ns[keep]) > 45_000_000
        for stride in strides[strides["flags"] & Flag.VALID_SWING > 0]:
            swing = (foot.time_ns[keep][:-1] >= stride["toe_off_ns"]) & (
                foot.time_ns[keep][1:] <= stride["initial_contact_ns"]
            )
            assert not (holes & swing).any(), "a hole in the swing voids it"


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("rate_hz", [25, 40, 50, 128, 200, 300])
def test_other_sampling_rates(recordings, name, rate_hz):
    for config, foot in feet(recordings, name):
        reference, _ = run(config, foot.time_ns, foot.load, foot.imu)
        events, _ = run(config, *resampled(foot.time_ns, foot.load, foot.imu, rate_hz))
        made_up, missed = compare(events, reference)
        assert made_up == 0
        assert missed <= (0 if rate_hz >= 50 else 2)


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("rate_hz", [25, 40, 50, 128, 200, 300])
def test_other_sampling_rates_give_no_drag(request, recordings, name, rate_hz):
    if (name, rate_hz) == (TURNING, 50):
        reason = "a known defect: the pivot at 49.2 s is called a late release at 50 Hz"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    drags = 0
    for config, foot in feet(recordings, name):
        events, _ = run(config, *resampled(foot.time_ns, foot.load, foot.imu, rate_hz))
        drags += len(of(events, EventKind.TOE_DRAG))
    assert drags == 0


@pytest.mark.parametrize("name", reader.MOTICON)
@pytest.mark.parametrize(("load_hz", "imu_hz"), [(50, 200), (100, 204.8), (100, 50), (75, 100)])
def test_insole_and_imu_at_different_rates(recordings, name, load_hz, imu_hz):
    for config, foot in feet(recordings, name):
        reference, _ = run(config, foot.time_ns, foot.load, foot.imu)
        samples = interleaved(foot.time_ns, foot.load, foot.imu, load_hz, imu_hz)
        events, strides = run(config, *samples)
        assert compare(events, reference) == (0, 0)
        no_drag_no_toe(events)
        assert (strides["sources"] == 3).all()
        assert np.isfinite(strides["pitch_at_contact_deg"]).sum() >= len(strides) - 2

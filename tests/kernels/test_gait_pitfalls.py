"""gait.md's pitfalls: what is no step must not become one, and lost data is never good news."""

import numpy as np
import pytest
import synthetic

from kernels import FootConfig, FootKernel
from kernels.records import MISSING_NS, EventKind, Flag, Strike


def run(time_ns, load, imu=None, config=None):
    kernel = FootKernel(config or (synthetic.CONFIG if imu is None else synthetic.IMU_CONFIG))
    parts = kernel.push(time_ns, load, imu), kernel.finish()
    return tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1))


def count(events, kind):
    return int((events["kind"] == kind).sum())


def standing(seconds, share, rate_hz=100, noise=1.0):
    """Load of one standing foot: `share(t)` of 800 N, half on the heel."""
    t = np.arange(0, seconds, 1 / rate_hz)
    total = 800 * np.clip(share(t), 0, 1)
    cells = np.outer(total, [0.25, 0.25, 0.1, 0.25, 0.15])
    cells += np.random.default_rng(0).normal(0, noise, cells.shape)
    time_ns = np.round(t * 1e9).astype(np.int64)
    return time_ns, np.maximum(cells, 0).astype(np.float32)


def still_imu(n):
    imu = np.zeros((n, 6), np.float32)
    imu[:, 2] = 9.81
    return imu + np.random.default_rng(1).normal(0, 0.03, imu.shape).astype(np.float32)


@pytest.mark.parametrize("hz", [0.2, 0.4, 0.7])
@pytest.mark.parametrize("depth", [0.5, 0.8, 1.0, 1.3])
@pytest.mark.parametrize("imu", [True, False])
def test_standing_weight_shifts_are_no_steps(hz, depth, imu):
    time_ns, load = standing(30, lambda t: 0.5 + 0.5 * depth * np.sin(2 * np.pi * hz * t))
    events, strides = run(time_ns, load, still_imu(len(time_ns)) if imu else None)
    assert len(events) == len(strides) == 0


def test_sitting_with_moving_feet_after_a_walk_adds_no_contact():
    walk = synthetic.Walk().stand(1).steps(5).stand(4)
    time_ns, load = walk.samples()
    rest_ns, rest = standing(20, lambda t: 0.1 + 0.1 * np.sin(2 * np.pi * 0.8 * t))
    time_ns = np.concatenate([time_ns, time_ns[-1] + 10_000_000 + rest_ns])
    events, _ = run(time_ns, np.concatenate([load, rest]))
    assert count(events, EventKind.INITIAL_CONTACT) == 5
    assert count(events, EventKind.TOE_DRAG) == 0


def test_shuffling_never_unloads_and_teaches_the_baseline_nothing():
    time_ns, load = standing(20, lambda t: 0.65 + 0.3 * np.sin(2 * np.pi * 0.9 * t))
    kernel = FootKernel(synthetic.CONFIG)
    found = kernel.push(time_ns, load, None)
    base, sigma = kernel._engine.learned
    assert len(found.events) == 0
    assert base == [0.0] * 5 and sigma == 0.0


def test_an_unworn_insole_says_nothing():
    rng = np.random.default_rng(3)
    for quiet in (rng.random((3000, 5)) * 0.5, rng.integers(0, 2, (3000, 5)) * 0.25):
        time_ns = np.arange(3000, dtype=np.int64) * 10_000_000
        events, strides = run(time_ns, quiet.astype(np.float32))
        assert len(events) == len(strides) == 0


def test_lateral_border_landing_is_not_toe_first():
    walk = synthetic.Walk().stand(1).steps(4)
    walk.push_off().swing(0.4)
    t = walk.now_s
    walk.mid += [(t, 0.0), (t + 0.08, 400.0), (t + 0.2, 400.0), (t + 0.3, 80.0)]
    walk.heel += [(t + 0.15, 0.0), (t + 0.25, 300.0)]
    walk.fore += [(t + 0.10, 0.0), (t + 0.25, 240.0)]
    walk.now_s = t + 0.3
    walk.stand(0.2).steps(1)
    events, _ = run(*walk.samples())
    strikes = events["detail"][events["kind"] == EventKind.STRIKE].tolist()
    assert strikes == [Strike.HEEL] * 4 + [Strike.FLAT, Strike.HEEL]
    assert count(events, EventKind.TOE_DRAG) == 0


@pytest.mark.parametrize("rate_hz", [25, 31, 50, 100, 208, 300])
def test_sampling_rates(rate_hz):
    walk = synthetic.Walk().stand(1).steps(8)
    events, strides = run(*walk.samples(rate_hz, noise=2.0))
    assert len(strides) == 8
    assert strides["strike"].tolist() == [Strike.HEEL] * 8
    assert count(events, EventKind.TOE_DRAG) == 0
    errors = events["time_ns"][events["kind"] == EventKind.INITIAL_CONTACT] / 1e9 - walk.contacts_s
    assert np.abs(errors).max() <= 0.02


def without(samples, begin_s, end_s):
    time_ns, load = samples
    keep = (time_ns < begin_s * 1e9) | (time_ns >= end_s * 1e9)
    return time_ns[keep], load[keep]


def test_a_hole_over_the_contact_hides_the_step():
    walk = synthetic.Walk().stand(1).steps(6)
    contact = walk.contacts_s[3]
    events, strides = run(*without(walk.samples(), contact - 0.05, contact + 0.07))
    assert len(strides) == 5
    assert count(events, EventKind.TOE_DRAG) == 0
    after = strides[3]
    assert after["initial_contact_ns"] / 1e9 == pytest.approx(walk.contacts_s[4], abs=0.02)
    assert after["previous_contact_ns"] == MISSING_NS, "no stride is measured over the hole"


def test_a_hole_in_swing_makes_no_drag_and_no_valid_swing():
    walk = synthetic.Walk().stand(1).steps(4)
    walk.push_off().swing(0.4, drag=(0.1, 0.2, 0.1)).land().steps(1)
    hole = walk.toe_offs_s[4] + 0.12, walk.toe_offs_s[4] + 0.18
    events, strides = run(*without(walk.samples(), *hole))
    assert count(events, EventKind.TOE_DRAG) == 0
    assert len(strides) == 6
    assert not strides["flags"][4] & Flag.VALID_SWING
    assert np.isnan(strides["drag_ms"][4])
    assert strides["flags"][5] & Flag.VALID_SWING


@pytest.mark.parametrize("seconds", [0.5, 3.0, 60.0])
def test_after_a_long_hole_nothing_is_known_of_before(seconds):
    walk = synthetic.Walk().stand(1).steps(4)
    time_ns, load = walk.samples()
    later = time_ns + time_ns[-1] + int(seconds * 1e9)
    _, strides = run(np.concatenate([time_ns, later]), np.concatenate([load, load]))
    assert len(strides) == 8
    assert strides["previous_contact_ns"][4] == MISSING_NS


def test_alternate_rows_without_load_are_another_rate_not_a_hole():
    walk = synthetic.Walk().stand(1).steps(5)
    time_ns, load = walk.samples(200)
    load[1::2] = np.nan
    imu = synthetic.swinging_imu(walk, time_ns)
    events, strides = run(time_ns, load, imu)
    assert len(strides) == 5
    assert all(strides["flags"] & Flag.VALID_SWING)
    assert count(events, EventKind.TOE_OFF) == 5


@pytest.mark.parametrize("cell", range(5))
@pytest.mark.parametrize("fault", ["nan", "zero", "stuck", "saturated", "gain"])
def test_one_faulty_cell_makes_up_no_step_and_no_drag(cell, fault):
    walk = synthetic.Walk().stand(1).steps(12)
    time_ns, load = walk.samples(noise=1.0)
    half = len(load) // 2
    if fault == "nan":
        load[half:, cell] = np.nan
    elif fault == "zero":
        load[half:, cell] = 0
    elif fault == "stuck":
        load[half:, cell] = load[half, cell]
    elif fault == "saturated":
        load[:, cell] = np.minimum(load[:, cell], 120)
    else:
        load[half:, cell] *= 1.2
    events, strides = run(time_ns, load)
    contacts = events["time_ns"][events["kind"] == EventKind.INITIAL_CONTACT] / 1e9
    for contact in contacts:
        assert np.abs(np.array(walk.contacts_s) - contact).min() < 0.08, "made up"
    assert count(events, EventKind.TOE_DRAG) == 0
    assert len(strides) >= 9, "three strides are the most that a stuck cell may cost"


def test_drift_of_five_percent_per_hour_is_followed():
    walk = synthetic.Walk().stand(1).steps(120)
    time_ns, load = walk.samples()
    drift = 240.0 * 0.05 * 5 * time_ns[:, None] / 1e9 / 3600  # five times that
    events, strides = run(time_ns, load + drift.astype(np.float32))
    assert len(strides) == 120
    assert count(events, EventKind.TOE_DRAG) == 0


def test_an_offset_common_to_all_cells_is_taken_off():
    walk = synthetic.Walk().stand(1).steps(8)
    time_ns, load = walk.samples(noise=1.0)
    events, strides = run(time_ns, load + np.float32(8.0))
    assert len(strides) == 8
    assert count(events, EventKind.TOE_DRAG) == 0
    assert strides["strike"].tolist() == [Strike.HEEL] * 8


def test_a_drag_in_every_swing_stays_a_drag():
    walk = synthetic.Walk().stand(1).steps(2)
    for _ in range(150):
        walk.push_off(rest=0.08).swing(0.4, drag=(0.0, 0.2, 0.08)).land()
    _, strides = run(*walk.samples())
    assert (strides["drag"][2:] > 0).all()


def test_no_heel_cell_means_unknown_not_toe_first():
    walk = synthetic.Walk().stand(1).steps(4)
    time_ns, load = walk.samples()
    config = FootConfig("left", synthetic.X[2:], (0.5,) * 3)
    _, strides = run(time_ns, np.ascontiguousarray(load[:, 2:]), config=config)
    assert set(strides["strike"].tolist()) <= {int(Strike.UNKNOWN)}


def test_a_still_imu_vetoes_what_pressure_takes_for_steps():
    walk = synthetic.Walk().stand(1).steps(5)
    time_ns, load = walk.samples()
    events, strides = run(time_ns, load, still_imu(len(time_ns)))
    assert count(events, EventKind.INITIAL_CONTACT) == 0
    assert len(strides) == 0


def test_shoe_taken_off_and_put_on_again():
    walk = synthetic.Walk().stand(1).steps(4)
    time_ns, load = walk.samples()
    empty = np.zeros((3000, 5), np.float32)
    gap_ns = time_ns[-1] + 10_000_000 * np.arange(1, 3001)
    times = np.concatenate([time_ns, gap_ns, gap_ns[-1] + 10_000_000 + time_ns])
    events, strides = run(times, np.concatenate([load, empty, load]))
    assert len(strides) == 8
    assert count(events, EventKind.TOE_DRAG) == 0

"""Motions that are no walking, or another walking: gait.md's pitfalls, with both feet."""

from dataclasses import replace

import gaitmap
import numpy as np
import pytest
import recordings as reader
import synthetic

from edge.analyse import foot_configs
from hw.virtual import LegConfig, PatientConfig, Phase, VirtualPatient
from kernels import FootConfig, GaitBout, GaitEvent, GaitStride, Walk
from kernels._imu import ImuChain

FEET = {side: FootConfig(side, synthetic.X, (0.5,) * 5) for side in ("left", "right")}
IMU_FEET = {side: replace(config, mount="foot") for side, config in FEET.items()}
G = 9.80665


def push(walk, feet, chunk_s=1.0):
    """Push feet of (time_ns, load, imu) side by side; return all that comes."""
    out, begin = [], min(int(f[0][0]) for f in feet.values())
    end, step = max(int(f[0][-1]) for f in feet.values()), round(chunk_s * 1e9)
    for edge in range(begin, end + step, step):
        for side, foot in feet.items():
            a, b = np.searchsorted(foot[0], [edge, edge + step])
            out += walk.push(side, *(None if x is None else x[a:b] for x in foot))
    return out + walk.finish()


def of(kind, out):
    return [o for o in out if isinstance(o, kind)]


def named(out, name):
    return [o for o in out if isinstance(o, GaitEvent) and o.event == name]


def times(seconds, rate_hz=100):
    return np.arange(0, seconds, 1 / rate_hz)


def cells(heel, mid, fore, seed=0):
    """Return load[n, 5] of region loads, with a noise of 1 N."""
    load = np.column_stack([0.5 * heel, 0.5 * heel, mid, 0.6 * fore, 0.4 * fore])
    load += np.random.default_rng(seed).normal(0, 1, load.shape)
    return np.maximum(load, 0).astype(np.float32)


def imu_of(t, pitch, height=0.0, seed=1):
    """Return a foot's IMU that turns by `pitch` [rad, toes up] and rises by `height` [m]."""
    step = t[1] - t[0]
    rise = np.gradient(np.gradient(np.broadcast_to(height, t.shape), step), step)
    imu = np.zeros((len(t), 6))
    imu[:, 0] = (rise + G) * np.sin(pitch)
    imu[:, 2] = (rise + G) * np.cos(pitch)
    imu[:, 4] = -np.gradient(pitch, step)
    return (imu + np.random.default_rng(seed).normal(0, 0.02, imu.shape)).astype(np.float32)


def after_a_walk(tail, imu=None):
    """Return a foot's samples: five steps, a pause, then load[n, 5] and imu[n, 6] of a motion."""
    walk = synthetic.Walk().stand(1).steps(5).stand(5)
    time_ns, load = walk.samples(noise=1.0)
    tail_ns = time_ns[-1] + 10_000_000 * np.arange(1, len(tail) + 1)
    joined = np.concatenate([time_ns, tail_ns]), np.concatenate([load, tail])
    if imu is None:
        return *joined, None
    return *joined, np.concatenate([synthetic.swinging_imu(walk, time_ns), imu])


def test_shuffling_teaches_no_baseline_and_has_no_drag_free_swing():
    t = times(60)
    shares = [0.62 + 0.3 * np.sin(2 * np.pi * 0.9 * t + phase) for phase in (0, np.pi)]
    feet = {}
    for side, share in zip(FEET, shares, strict=True):
        total = 800 * share
        feet[side] = (t * 1e9).astype(np.int64), cells(0.5 * total, 0.1 * total, 0.4 * total), None
    walk = Walk(FEET)
    out = push(walk, feet)
    assert of(GaitStride, out) == [] and of(GaitBout, out) == []
    assert walk.baseline("left") is None and walk.baseline("right") is None


def test_shuffling_after_a_walk_leaves_the_baseline_as_it_was():
    t = times(40)
    total = 800 * (0.62 + 0.3 * np.sin(2 * np.pi * 0.9 * t))
    tail = cells(0.5 * total, 0.1 * total, 0.4 * total)
    steps = synthetic.Walk().stand(1).steps(25).stand(5)
    time_ns, load = steps.samples(noise=1.0)
    walk = Walk({"left": FEET["left"]})
    walk.push("left", time_ns, load, None)
    before = walk.baseline("left")
    assert before.strides >= 20
    tail_ns = time_ns[-1] + 10_000_000 * np.arange(1, len(tail) + 1)
    out = walk.push("left", tail_ns, tail, None) + walk.finish()
    assert walk.baseline("left") == before
    assert not any(s.valid_swing for s in of(GaitStride, out) if s.time_ns > tail_ns[100])


@pytest.mark.parametrize("imu", [True, False])
@pytest.mark.parametrize("rise_s", [0.8, 1.5, 3.0])
def test_sit_to_stand_and_back_is_no_step(imu, rise_s):
    t = times(36)
    share = np.full_like(t, 0.1)
    for start in range(2, 32, 6):
        share += 0.45 * np.clip((t - start) / rise_s, 0, 1)
        share -= 0.45 * np.clip((t - start - 3) / rise_s, 0, 1)
        share += 0.1 * np.exp(-(((t - start - rise_s) / 0.15) ** 2))
    lean = np.gradient(share, 0.01) * 0.3
    total = 800 * share
    tail = cells(
        total * np.clip(0.55 - lean, 0, 1), 0.1 * total, total * np.clip(0.35 + lean, 0, 1)
    )
    still = imu_of(t, 0.02 * np.sin(2 * np.pi * 0.2 * t)) if imu else None
    feet = {side: after_a_walk(tail, still) for side in FEET}
    out = push(Walk(IMU_FEET if imu else FEET), feet)
    assert len(named(out, "initial_contact")) == 10, "those of the walk before"
    assert named(out, "toe_drag") == []


@pytest.mark.parametrize("imu", [True, False])
def test_legs_crossed_while_seated_are_no_steps(imu):
    t = times(40)
    over = np.clip(np.sin(2 * np.pi * t / 20) * 4, -1, 1)  # left over right, then right over left
    feet = {}
    for side, lifted in (("left", over > 0), ("right", over < 0)):
        total = 800 * np.where(lifted, 0.0, 0.12)
        tail = cells(0.6 * total, 0.1 * total, 0.3 * total)
        swing = 0.25 * np.sin(2 * np.pi * 0.9 * t)
        pitch = np.where(lifted, -0.5 + swing, 0.0)
        pitch = np.convolve(pitch, np.ones(40) / 40, "same")
        feet[side] = after_a_walk(tail, imu_of(t, pitch) if imu else None)
    out = push(Walk(IMU_FEET if imu else FEET), feet)
    assert len(named(out, "initial_contact")) == 10
    assert named(out, "toe_drag") == []
    assert len(of(GaitBout, out)) == 1


def on_the_spot(count=20):
    """Return both feet stepping on the spot: load as in steps, the foot goes up and comes down."""
    feet = {}
    for side, shift in (("left", 0), ("right", 600_000_000)):
        walk = synthetic.Walk().stand(1).steps(count, lead_s=-0.03)
        time_ns, load = walk.samples(noise=1.0)
        t = time_ns / 1e9
        pitch, height = np.zeros_like(t), np.zeros_like(t)
        for off, on in zip(walk.toe_offs_s, walk.contacts_s, strict=True):
            u = np.clip((t - off + 0.15) / (on - off + 0.15), 0, 1)
            pitch -= 0.5 * np.sin(np.pi * u) ** 2
            height += 0.08 * np.sin(np.pi * u) ** 4
        feet[side] = time_ns + shift, load, imu_of(t, pitch, height)
    return feet


def test_stepping_on_the_spot_is_no_walking():
    out = push(Walk(IMU_FEET), on_the_spot())
    assert of(GaitBout, out) == []
    for stride in of(GaitStride, out):
        assert stride.stride_length_m is None or stride.stride_length_m < 0.15
        if stride.stride_length_m is not None and stride.stride_s is not None:
            assert "implausible" in stride.flags


def test_one_foot_that_taps_while_the_other_stands_is_no_walking():
    taps = synthetic.Walk().stand(1).steps(12)
    time_ns, load = taps.samples(noise=1.0)
    stand = cells(*(np.full(len(time_ns), v) for v in (250.0, 50.0, 150.0)))
    out = push(Walk(FEET), {"left": (time_ns, load, None), "right": (time_ns, stand, None)})
    assert of(GaitBout, out) == [], "walking needs alternation"


# -- turns, stairs -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shoe(recordings):
    return gaitmap.read(recordings / "gaitmap")


def test_turns_of_the_real_walk_have_no_spatial_numbers(shoe):
    feet = {s: FootConfig(s, mount="foot", foot_length_m=0.26) for s in gaitmap.SIDES}
    out = push(Walk(feet), {s: (shoe.time_ns, None, shoe.imu[s]) for s in feet})
    turning = [s for s in of(GaitStride, out) if "turn" in s.flags]
    assert len(turning) >= 6, "it walks 20 m and back"
    spatial = ("stride_length_m", "clearance_mm", "lift_mm", "lateral_excursion_mm")
    compared = ("lift_over_percent", "excursion_over_mm")
    for stride in turning:
        assert all(getattr(stride, name) is None for name in (*spatial, *compared))
        assert not {"steppage", "circumduction"} & set(stride.flags)


@pytest.mark.parametrize("seed", [2010, 2011])
def test_turns_of_the_virtual_patient(seed):
    config = PatientConfig(
        programme=(Phase("stand", 2), Phase("walk", 10), Phase("turn", 3), Phase("walk", 10))
    )
    recording, labels = VirtualPatient(config, seed).recording(75)
    feet = {s: (f.time_ns, f.load, f.imu) for s, f in recording.feet.items()}
    out = push(Walk(foot_configs(recording.profile)), feet)
    assert named(out, "toe_drag") == []
    for stride in of(GaitStride, out):
        if "turn" in stride.flags:
            assert stride.stride_length_m is None and stride.clearance_mm is None
    truth = sum(int(labels.strides[s]["turn"].sum()) for s in feet)
    assert truth > 0


def climb(imu, time_ns, swings, rise_m=0.17):
    """Add to an IMU the acceleration of a step up in each swing (toe off, contact)."""
    imu = imu.copy()
    pitch = np.radians(np.nan_to_num(ImuChain().run(time_ns, imu)["pitch_deg"]))
    for off_ns, on_ns in swings:
        inside = np.flatnonzero((time_ns >= off_ns) & (time_ns <= on_ns))
        if len(inside) < 5:
            continue
        phase, swing_s = np.linspace(0, 2 * np.pi, len(inside)), (on_ns - off_ns) / 1e9
        up = rise_m * 2 * np.pi / swing_s**2 * np.sin(phase)
        imu[inside, 0] += (up * np.sin(pitch[inside])).astype(np.float32)
        imu[inside, 2] += (up * np.cos(pitch[inside])).astype(np.float32)
    return imu


def test_stairs_are_climbed_toe_first_without_a_risk():
    leg = LegConfig(strike_mix=(0.0, 0.0, 1.0), drag_rate=0.0)
    config = PatientConfig(left=leg, right=leg, programme=(Phase("walk", 3600),))
    recording, labels = VirtualPatient(config, 2020).recording(60)
    level, up = {}, {}
    for side, foot in recording.feet.items():
        rows = labels.strides[side]
        swings = zip(rows["toe_off_ns"].tolist(), rows["initial_contact_ns"].tolist(), strict=True)
        level[side] = foot.time_ns, foot.load, foot.imu
        imu = np.ascontiguousarray(foot.imu, np.float32)
        up[side] = foot.time_ns, foot.load, climb(imu, foot.time_ns, swings)
    configs = foot_configs(recording.profile)
    flat = of(GaitStride, push(Walk(configs, "left"), level))
    assert "toe_first" in flat[-1].trip_reasons and flat[-1].trip_level != "low"
    stairs = of(GaitStride, push(Walk(configs, "left"), up))
    assert np.mean(["stairs" in s.flags for s in stairs]) >= 0.9
    assert np.mean([s.strike == "toe" for s in stairs]) >= 0.9
    assert all(s.clearance_mm is None for s in stairs if "stairs" in s.flags)
    assert stairs[-1].trip_level == "low"
    assert not any({"steppage", "circumduction"} & set(s.flags) for s in stairs)


# -- walker, stick, border, swapped shoes ---------------------------------------------------


@pytest.mark.parametrize("aid", ["walker", "stick"])
@pytest.mark.parametrize("seed", [2030, 2031, 2032])
def test_a_walker_or_a_stick_takes_load_off_the_feet(aid, seed):
    config = PatientConfig(speed_m_s=0.35, programme=(Phase("stand", 3), Phase("walk", 3600)))
    recording, labels = VirtualPatient(config, seed).recording(60)
    feet = {}
    for side, foot in recording.feet.items():
        t = foot.time_ns / 1e9
        carried = 0.35 + 0.15 * np.sin(2 * np.pi * 0.23 * t + (side == "left"))
        if aid == "stick" and side == "right":
            carried = 0.0 * t
        load = foot.load * (1 - carried)[:, None].astype(np.float32)
        feet[side] = foot.time_ns, load.astype(np.float32), foot.imu
    out = push(Walk(foot_configs(recording.profile)), feet)
    assert named(out, "toe_drag") == []
    for side in feet:
        found = np.array([e.time_ns for e in named(out, "initial_contact") if e.side == side])
        true = labels.contacts[side]["time_ns"]
        true = true[true < recording.feet[side].time_ns[-1] - 1_000_000_000]
        apart = np.abs(found[:, None] - true[None, :]) <= 80_000_000
        assert apart.any(axis=0).mean() >= 0.97
        assert (~apart.any(axis=1)).sum() <= 1, "the last second has no label here"


@pytest.mark.parametrize("imu", [True, False])
@pytest.mark.parametrize("name", reader.MOTICON)
def test_landing_on_the_lateral_border_of_real_steps_is_not_toe_first(recordings, name, imu):
    for side, foot in reader.moticon(recordings, name).items():
        load = foot.load.copy()
        late = np.full_like(load[:, :4], 0.0)
        late[8:] = load[:-8, :4]
        load[:, :4] = late  # the heel cells load 80 ms late
        load[:-6, 4:8] = np.maximum(load[:-6, 4:8], load[6:, 4:8])  # the midfoot 60 ms early
        config = reader.config(side, foot, "foot" if imu else None)
        out = push(Walk({side: config}), {side: (foot.time_ns, load, foot.imu if imu else None)})
        strikes = [e.detail for e in named(out, "initial_contact")]
        assert len(strikes) >= len(foot.contacts_s)
        assert "toe" not in strikes
        assert named(out, "toe_drag") == []


def test_shoes_swapped_left_for_right_are_mirrored_and_nothing_is_made_up(recordings):
    real = reader.moticon(recordings, reader.MOTICON[0])
    other = {"left": "right", "right": "left"}
    plain = push(
        Walk({s: reader.config(s, f) for s, f in real.items()}), {s: f[:3] for s, f in real.items()}
    )
    swapped = push(
        Walk({s: reader.config(s, real[other[s]]) for s in real}),
        {s: real[other[s]][:3] for s in real},
    )
    contacts = [(e.time_ns, other[e.side], e.detail) for e in named(plain, "initial_contact")]
    again = [(e.time_ns, e.side, e.detail) for e in named(swapped, "initial_contact")]
    assert sorted(contacts) == sorted(again)
    assert named(swapped, "toe_drag") == []


def test_a_shoe_carried_in_the_hand_takes_no_step():
    t = times(30)
    rng = np.random.default_rng(4)
    turns = np.convolve(rng.normal(0, 1.5, len(t)), np.ones(30) / 30, "same") * 3
    tail = np.zeros((len(t), 5), np.float32)
    feet = {side: after_a_walk(tail, imu_of(t, turns, seed=5)) for side in IMU_FEET}
    out = push(Walk(IMU_FEET), feet)
    assert len(named(out, "initial_contact")) == 10
    assert named(out, "toe_drag") == []
    assert len(of(GaitBout, out)) == 1

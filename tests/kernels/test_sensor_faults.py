"""Technical faults as events: named from the data, begun once, gone once."""

import math
from dataclasses import replace

import gaitmap
import numpy as np
import pytest
import recordings as reader
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.analyse import foot_configs
from hw.virtual import DeviceConfig, PatientConfig, Phase, VirtualPatient
from kernels import FootConfig, GaitEvent, GaitStride, KernelInputError, Walk
from kernels._imu import ImuChain
from kernels.cell_faults import CellWatch
from kernels.risk import TripRisk

IMU_NUMBERS = (
    "pitch_at_contact_deg",
    "pitch_at_toe_off_deg",
    "max_dorsiflexion_deg",
    "stride_length_m",
    "clearance_mm",
    "lift_mm",
    "lateral_excursion_mm",
    "lift_over_percent",
    "excursion_over_mm",
)
ALARM_S = 60
FLIP = np.array([1, -1, -1, 1, -1, -1], np.float32)
IN_G = np.array([1 / 9.80665] * 3 + [1] * 3, np.float32)
IN_DEG = np.array([1] * 3 + [180 / math.pi] * 3, np.float32)
GYRO_BACK = np.array([1] * 3 + [-1] * 3, np.float32)
BACKWARDS = np.array([-1, -1, 1, -1, -1, 1], np.float32)
MISTAKES = {
    "imu turned over": FLIP,
    "acceleration in g": IN_G,
    "angular rate in degrees": IN_DEG,
    "acceleration and angular rate disagree": GYRO_BACK,
    "imu backwards": BACKWARDS,
}
MINOR = "toe clearance impossible"


def faults(out, without=()):
    """Return (event, detail) of the technical events, in order."""
    return [
        (o.event, o.detail)
        for o in out
        if isinstance(o, GaitEvent) and o.event.startswith("sensor") and o.detail not in without
    ]


def push(walk, feet, cuts=1_000_000_000):
    """Push feet of (time_ns, load, imu) side by side; return all that comes."""
    out, begin = [], min(int(f[0][0]) for f in feet.values())
    end = max(int(f[0][-1]) for f in feet.values())
    for edge in range(begin, end + cuts, cuts):
        for side, foot in feet.items():
            a, b = np.searchsorted(foot[0], [edge, edge + cuts])
            out += walk.push(side, *(None if x is None else x[a:b] for x in foot))
    return out + walk.finish()


@pytest.fixture(scope="module")
def shoe(recordings):
    walk = gaitmap.read(recordings / "gaitmap")
    return walk.time_ns, walk.imu


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("side", gaitmap.SIDES)
def test_a_real_walk_with_wrong_axes_or_units_names_the_mistake(shoe, side, mistake):
    time_ns, imu = shoe
    wrong = np.ascontiguousarray(imu[side] * MISTAKES[mistake])
    walk = Walk({side: FootConfig(side, mount="foot", foot_length_m=0.26)})
    out = push(walk, {side: (time_ns, None, wrong)})
    begun = [o for o in out if isinstance(o, GaitEvent) and o.event == "sensor_fault"]
    assert begun[-1].detail == mistake
    assert (begun[0].time_ns - time_ns[0]) / 1e9 <= ALARM_S
    assert walk.faults(side) == (mistake,)
    after = [o for o in out if isinstance(o, GaitStride) and o.time_ns > begun[0].time_ns + 3e9]
    for stride in after:
        assert all(getattr(stride, name) is None for name in IMU_NUMBERS)
        assert not {"steppage", "circumduction"} & set(stride.flags)


@pytest.mark.parametrize("side", gaitmap.SIDES)
def test_missing_gravity_is_named_in_standing_and_held_in_walking(shoe, side):
    time_ns, imu = shoe
    pitch = np.radians(np.nan_to_num(ImuChain().run(time_ns, imu[side])["pitch_deg"]))
    walked = imu[side].copy()
    walked[:, 0] -= 9.81 * np.sin(pitch)
    walked[:, 2] -= 9.81 * np.cos(pitch)
    stood = np.random.default_rng(0).normal(0, 0.01, (1024, 6)).astype(np.float32)
    times = np.concatenate([time_ns[:1024], time_ns + time_ns[1024]])
    walk = Walk({side: FootConfig(side, mount="foot", foot_length_m=0.26)})
    out = push(walk, {side: (times, None, np.concatenate([stood, walked]))})
    assert faults(out) == [("sensor_fault", "acceleration without gravity")]
    strides = [o for o in out if isinstance(o, GaitStride)]
    assert all(getattr(s, name) is None for s in strides for name in IMU_NUMBERS)


def test_a_right_walk_raises_none(shoe, recordings):
    time_ns, imu = shoe
    feet = {s: FootConfig(s, mount="foot", foot_length_m=0.26) for s in gaitmap.SIDES}
    assert faults(push(Walk(feet), {s: (time_ns, None, imu[s]) for s in feet})) == []
    for name in reader.GAITPDB:
        real = reader.gaitpdb(recordings, name)
        walk = Walk({s: reader.config(s, f) for s, f in real.items()})
        assert faults(push(walk, {s: f[:3] for s, f in real.items()})) == []
    for name in reader.MOTICON:
        real = reader.moticon(recordings, name)
        walk = Walk({s: reader.config(s, f) for s, f in real.items()})
        found = faults(push(walk, {s: f[:3] for s, f in real.items()}), without=(MINOR,))
        assert found == [], name


@pytest.mark.parametrize("name", reader.MOTICON)
def test_an_insole_that_bends_with_the_sole_says_that_clearance_is_worthless(recordings, name):
    real = reader.moticon(recordings, name)
    configs = {
        s: FootConfig(s, reader.MOTICON_X, (0.5,) * 16, "foot", foot_length_m=0.26) for s in real
    }
    out = push(Walk(configs), {s: f[:3] for s, f in real.items()})
    strides = [o for o in out if isinstance(o, GaitStride)]
    assert {o.side for o in out if getattr(o, "detail", "") == MINOR} == {"left", "right"}
    for stride in strides:
        impossible = stride.clearance_mm is not None and stride.clearance_mm < -8
        assert ("implausible" in stride.flags) >= impossible
        assert "low_clearance" not in stride.trip_reasons
    bout = out[-1]
    assert bout.clearance_impossible_left + bout.clearance_impossible_right >= 8
    assert bout.clearance_under_5mm_left is None and bout.clearance_p1_mm_right is None
    assert bout.cadence_per_min is not None, "the times of those strides are right"


@pytest.mark.parametrize("name", [*reader.MOTICON, *reader.GAITPDB])
def test_healthy_walks_get_no_trip_risk(recordings, name):
    load = reader.moticon if name in reader.MOTICON else reader.gaitpdb
    real = load(recordings, name)
    configs = {s: reader.config(s, f) for s, f in real.items()}
    strides = [
        o
        for o in push(Walk(configs), {s: f[:3] for s, f in real.items()})
        if isinstance(o, GaitStride)
    ]
    assert len(strides) >= 12
    assert {s.trip_level for s in strides} <= {None, "low"}


def test_the_healthy_shoe_walk_gets_no_trip_risk_even_with_whole_swings(shoe):
    time_ns, imu = shoe
    feet = {s: FootConfig(s, mount="foot", foot_length_m=0.26) for s in gaitmap.SIDES}
    out = push(Walk(feet), {s: (time_ns, None, imu[s]) for s in feet})
    for side in feet:
        strides = [o for o in out if isinstance(o, GaitStride) and o.side == side]
        assert {s.trip_level for s in strides} == {None}, "the IMU alone cannot see a drag"
        risk = TripRisk()
        seen = [risk.add(replace(s, valid_swing=True, toe_drag="none")) for s in strides]
        assert seen[-1][1] == "low"


def test_a_fault_that_is_mended_is_gone(shoe):
    time_ns, imu = shoe
    wrong = imu["left"].copy()
    wrong[: len(wrong) // 3, :3] /= 9.80665
    walk = Walk({"left": FootConfig("left", mount="foot", foot_length_m=0.26)})
    found = faults(push(walk, {"left": (time_ns, None, wrong)}))
    assert found[0] == ("sensor_fault", "acceleration in g")
    assert ("sensor_fault_gone", "acceleration in g") in found
    begun = [d for e, d in found if e == "sensor_fault"]
    gone = [d for e, d in found if e == "sensor_fault_gone"]
    assert sorted(begun) == sorted(gone), "each begins once and ends once"
    assert walk.faults("left") == ()


@pytest.mark.parametrize("cuts", [37_000_000, 1_000_000_000, 7_300_000_000])
def test_any_cut_gives_the_same_fault_events(shoe, cuts):
    time_ns, imu = shoe
    wrong = np.ascontiguousarray(imu["left"] * FLIP)
    feet = {"left": FootConfig("left", mount="foot", foot_length_m=0.26)}

    def events(cuts):
        return [
            o
            for o in push(Walk(feet), {"left": (time_ns, None, wrong)}, cuts)
            if isinstance(o, GaitEvent)
        ]

    assert events(cuts) == events(100_000_000_000)


# -- cells ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def insole():
    config = PatientConfig(device=DeviceConfig(imu=False), programme=(Phase("walk", 3600),))
    recording, _ = VirtualPatient(config, 2002).recording(70)
    return recording


def worn(insole, change, seconds=70):
    """Run the walk with the left load changed by `change(load)`; return all that comes."""
    feet = {}
    for side, foot in insole.feet.items():
        load = foot.load.copy()
        if side == "left":
            change(load)
        keep = foot.time_ns < seconds * 10**9
        feet[side] = foot.time_ns[keep], load[keep], None
    return push(Walk(foot_configs(insole.profile)), feet)


def break_cell(fault, cell, begin):
    def change(load):
        if fault == "stuck":
            load[begin:, cell] = 35.0
        elif fault == "silent":
            load[begin:, cell] = np.nan
        else:
            load[begin:, cell] = np.minimum(load[begin:, cell], 0.4 * load[:, cell].max())

    return change


@pytest.mark.parametrize("fault", ["stuck", "silent", "saturated"])
@pytest.mark.parametrize("cell", [0, 5, 10])
def test_a_broken_cell_is_named_within_a_minute(insole, fault, cell):
    out = worn(insole, break_cell(fault, cell, 500))
    (event,) = [o for o in out if isinstance(o, GaitEvent) and o.event.startswith("sensor")]
    assert (event.side, event.event) == ("left", "sensor_fault")
    assert event.detail == f"cell {cell + 1} {fault}"
    assert event.time_ns / 1e9 - 5 <= ALARM_S
    drags = [o for o in out if isinstance(o, GaitEvent) and o.event == "toe_drag"]
    assert not drags, "a cell that keeps its load after push-off is no drag"


def test_a_cell_that_comes_back_is_gone(insole):
    def change(load):
        load[500:2500, 3] = np.nan

    assert faults(worn(insole, change)) == [
        ("sensor_fault", "cell 4 silent"),
        ("sensor_fault_gone", "cell 4 silent"),
    ]


def test_two_cells_at_once_are_two_events_at_two_times(insole):
    def change(load):
        load[500:, 3] = np.nan
        load[500:, 7] = np.nan

    out = [o for o in worn(insole, change) if isinstance(o, GaitEvent)]
    times = [o.time_ns for o in out if o.event == "sensor_fault"]
    assert len(times) == len(set(times)) == 2


def test_a_whole_walk_and_standing_raise_nothing(insole):
    assert faults(worn(insole, lambda load: None)) == []
    standing = np.tile(np.float32([40.0] * 16), (6000, 1))
    time_ns = np.arange(6000, dtype=np.int64) * 10_000_000
    walk = Walk({"left": foot_configs(insole.profile)["left"]})
    assert faults(push(walk, {"left": (time_ns, standing, None)})) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 999), max_size=10), st.integers(0, 2**32 - 1))
def test_cell_windows_do_not_depend_on_the_cut(cuts, seed):
    rng = np.random.default_rng(seed)
    load = np.round(rng.random((1000, 4)) * rng.integers(1, 9, 4)).astype(np.float32)
    load[rng.random(load.shape) < 0.2] = rng.choice([np.nan, np.inf, -np.inf])
    load[:, 3] = np.nan
    whole, cut = CellWatch(4), CellWatch(4)
    for _ in range(2):
        whole.see(load)
        for part in np.split(load, sorted(cuts)):
            cut.see(part)
        assert whole.close() == cut.close()


def test_bad_input_is_refused_and_nothing_of_it_taken():
    left = synthetic.Walk().stand(1).steps(6)
    time_ns, load = left.samples()
    walk = Walk({"left": synthetic.CONFIG})
    twisted = time_ns.copy()
    twisted[400] = twisted[399]
    with pytest.raises(KernelInputError) as refused:
        walk.push("left", twisted, load, None)
    assert refused.value.index == 400
    with pytest.raises(KernelInputError):
        walk.push("left", time_ns, load[:, :3], None)
    out = walk.push("left", time_ns, load, None) + walk.finish()
    assert sum(isinstance(o, GaitStride) for o in out) == 6


def test_cells_outside_the_foot_are_refused():
    for x, y in (((1.2,), (0.5,)), ((0.5,), (-0.1,)), ((math.nan,), (0.5,))):
        with pytest.raises(KernelInputError, match="cell 1"):
            FootConfig("left", x, y)

"""Calibrated sources: zeros followed, loads in one unit, saturation and missing numbers kept."""

import asyncio
import functools
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from calibration_room import KEY, calibrated, obey, session
from numpy.typing import NDArray

from hw.calibration import (
    CalibratedSource,
    Calibration,
    CalibrationError,
    CellWatch,
    Divider,
    FootCalibration,
    ZeroTracker,
    linearise,
    run_calibration,
)
from hw.calibration.linear import two_point_weights
from hw.calibration.rehearsal import Rehearsal, RehearsalSource
from hw.clock import VirtualClock
from hw.source import SIDES, Block, Profile, Recording
from hw.virtual import (
    DeviceConfig,
    LegConfig,
    PatientConfig,
    Phase,
    VirtualPatient,
)

WALK = (Phase("walk", 3600),)


class Silent:
    """A source that never gives a block."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    async def blocks(self) -> AsyncIterator[Block]:
        return
        yield


def plain(
    profile: Profile,
    zero: float = 0.0,
    gain: float = 1.0,
    low: float | None = None,
    **settings: object,
) -> Calibration:
    """Every cell alike."""
    feet = {}
    for side in SIDES:
        cells = len(profile.foot(side).x)
        feet[side] = FootCalibration(
            zero=(zero,) * cells,
            gain=(gain,) * cells,
            low=(zero if low is None else low,) * cells,
            noise=(0.4,) * cells,
            verdicts=("good",) * cells,
        )
    fields = {"body_weight_n": 750.0, **settings}
    return Calibration(
        device=KEY.device,
        shoe=KEY.shoe,
        firmware=KEY.firmware,
        fit_error_percent=0.0,
        separated=True,
        **feet,
        **fields,  # type: ignore[arg-type]  # tests pass what they know
    )


def blocks_of(recording: Recording, rows: int = 10) -> list[Block]:
    out = []
    for begin in range(0, len(recording.feet["left"].time_ns), rows):
        for side in SIDES:
            foot = recording.feet[side]
            assert foot.load is not None and foot.imu is not None
            part = slice(begin, begin + rows)
            out.append(Block(side, foot.time_ns[part], foot.load[part], foot.imu[part]))
    return out


@functools.cache
def walked(drift: float, leg: LegConfig | None = None, seconds: float = 240.0) -> Recording:
    device = DeviceConfig(drift_n_per_h=drift, preload_n=0.0, gain_spread=0.0)
    config = PatientConfig(device=device, programme=WALK, left=leg or LegConfig())
    return VirtualPatient(config, 601).recording(seconds)[0]


def drifted(recording: Recording, n_per_h: float, preload_n: float = 3.0) -> Recording:
    """The same walk on cells that all drift, from a preload on."""
    feet = {}
    for side, foot in recording.feet.items():
        assert foot.load is not None
        rise = (foot.time_ns / 3.6e12 * n_per_h).astype(np.float32)
        feet[side] = replace(foot, load=foot.load + preload_n + rise[:, None])
    return replace(recording, feet=feet)


def zeros_after(
    recording: Recording, frozen: bool = False, preload_n: float = 3.0
) -> NDArray[np.float64]:
    calibration = plain(recording.profile, zero=preload_n, low=preload_n).left
    assert calibration is not None
    tracker = ZeroTracker(recording.profile.left, calibration, 750.0)
    tracker.frozen = frozen
    for block in blocks_of(recording, 100):
        if block.side == "left":
            assert block.load is not None
            tracker.push(block.time_ns, block.load.astype(np.float64), block.imu)
    return tracker.zero


@pytest.mark.parametrize("n_per_h", [-3.0, 2.0, 4.0])
def test_the_zero_follows_drift_through_swings(n_per_h: float) -> None:
    still = zeros_after(drifted(walked(0.0, seconds=600.0), 0.0)) - 3.0
    moved = zeros_after(drifted(walked(0.0, seconds=600.0), n_per_h)) - 3.0
    np.testing.assert_allclose(moved - still, n_per_h / 6, atol=0.1)


@pytest.mark.parametrize("preload_n", [0.0, 3.0])
def test_the_zero_of_steady_cells_stays(preload_n: float) -> None:
    """Also of cells whose noise the device cuts off at 0."""
    recording = drifted(walked(0.0), 0.0, preload_n)
    zeros = zeros_after(recording, preload_n=preload_n)
    assert np.abs(zeros - preload_n).max() < 0.1


def test_a_frozen_zero_does_not_move() -> None:
    assert (zeros_after(drifted(walked(0.0, seconds=60.0), 3.0), frozen=True) == 3.0).all()


def test_a_foot_that_always_drags_teaches_no_zero() -> None:
    leg = LegConfig(drop=0.6, drag_rate=1.0, drag_mix=(0, 0, 1), drag_level=(0.045, 0.06))
    recording = walked(0.0, leg)
    fore = np.array(recording.profile.left.x) > 2 / 3
    assert zeros_after(drifted(recording, 0.0))[fore].max() < 3.1


def test_loads_are_never_negative_and_nan_stays() -> None:
    profile = Rehearsal().profile
    source = CalibratedSource(Silent(profile), plain(profile, zero=5.0, gain=2.0))
    load = np.tile(np.array([[1.0], [5.0], [8.0], [np.nan]], np.float32), (1, 16))
    block = source.apply(Block("left", np.arange(4, dtype=np.int64), load, None, lost=3))
    assert block.load is not None and block.lost == 3 and block.load.dtype == np.float32
    np.testing.assert_array_equal(block.load[:, 0], [0.0, 0.0, 6.0, np.nan])


def test_a_saturated_sample_is_one_number_while_the_zero_moves() -> None:
    recording = drifted(walked(0.0, seconds=120.0), 20.0)
    source = CalibratedSource(Silent(recording.profile), plain(recording.profile, full_scale=60.0))
    seen = set()
    for block in blocks_of(recording):
        assert block.load is not None
        clipped = replace(block, load=np.minimum(block.load, np.float32(60.0)))
        load = source.apply(clipped).load
        assert load is not None
        seen |= set(load[clipped.load >= 60.0].tolist())
    assert seen == {60.0} and np.abs(source.zero("left")).max() > 0.1
    assert any(fault.fault == "saturated" for fault in source.faults("left"))


def test_a_dead_cell_gives_nan() -> None:
    person = Rehearsal(seed=602, dead={"left": (2,)})
    source = CalibratedSource(Silent(person.profile), calibrated(person))
    for block in person.blocks("stand", 1.0):
        load = source.apply(block).load
        assert load is not None
        assert np.isnan(load[:, 2]).all() == (block.side == "left")


def test_the_unit_is_named() -> None:
    profile = Rehearsal().profile
    assert CalibratedSource(Silent(profile), plain(profile)).profile.left.cell_unit == "N"
    shares = plain(profile, body_weight_n=None)
    assert CalibratedSource(Silent(profile), shares).profile.left.cell_unit == "raw"


def test_other_cells_than_calibrated_are_refused() -> None:
    six = VirtualPatient(PatientConfig(device=DeviceConfig(cells=6))).profile
    with pytest.raises(CalibrationError, match="calibrated 16"):
        CalibratedSource(Silent(six), plain(Rehearsal().profile))
    source = CalibratedSource(Silent(six), plain(six))
    wrong = Block("left", np.arange(2, dtype=np.int64), np.zeros((2, 16), np.float32), None)
    with pytest.raises(CalibrationError, match="6 cells"):
        source.apply(wrong)


def test_conductance_undoes_the_divider() -> None:
    conductance = np.array([0.0, 10.0, 100.0, 1000.0])
    codes = 4096 * conductance * 2.2e-3 / (1 + conductance * 2.2e-3)
    divider = Divider(full_code=4096, resistor_ohm=2200)
    np.testing.assert_allclose(linearise(codes, divider), conductance, rtol=1e-9)
    last, missing = linearise(np.array([4096.0, np.nan]), divider)
    assert np.isfinite(last) and np.isnan(missing)
    np.testing.assert_array_equal(linearise(codes, None), codes)


def test_two_points_make_cells_alike_but_do_not_blow_up_noise() -> None:
    unloaded = np.array([100.0, 500.0, 100.0, 100.0])
    loaded = np.array([1100.0, 900.0, 101.0, 90.0])
    weights = two_point_weights(unloaded, loaded)
    np.testing.assert_allclose((loaded - unloaded)[:2] * weights[:2], 1.0)
    assert (loaded - unloaded)[2] * weights[2] < 0.02 and weights[3] == 0


def test_cells_of_a_walk_are_healthy_and_a_stuck_one_is_named() -> None:
    recording = walked(2.0, seconds=30.0)
    healthy, stuck = (CellWatch("left", recording.profile.left) for _ in range(2))
    for block in blocks_of(recording):
        assert healthy.push(block) == ()
        if block.side == "left":
            assert block.load is not None
            load = block.load.copy()
            load[:, 10], load[:, 1] = 0.0, np.where(block.time_ns < 5e9, load[:, 1], 40.0)
            stuck.push(replace(block, load=load))
    assert {str(fault) for fault in stuck.faults} == {"cell 11 stuck", "cell 2 stuck"}


def test_an_unloaded_heel_is_a_gait_not_a_fault() -> None:
    person = Rehearsal(seed=603)
    watch = CellWatch("left", person.profile.left)
    for block in [*person.blocks("stand", 1), *person.blocks("toes", 10)]:
        watch.push(block)
    assert watch.faults == ()


def test_far_zeros_are_named_as_drift() -> None:
    profile = Rehearsal().profile
    watch = CellWatch("left", profile.left)
    moved = np.zeros(16)
    moved[4] = 0.03
    block = Block("left", np.arange(1, dtype=np.int64), np.zeros((1, 16), np.float32), None)
    assert [str(fault) for fault in watch.push(block, moved)] == ["cell 5 drifting"]
    faults = watch.push(block, np.full(16, 0.01))
    assert [str(fault) for fault in faults] == ["insole drifting"]


def test_real_walks_have_no_cell_fault(recordings: object) -> None:
    from hw.replay import read

    for path in sorted((recordings / "moticon_opengo").glob("2309*.txt")):  # type: ignore[operator]  # the fixture's Path
        recording = read(path)
        for side in SIDES:
            foot, watch = recording.feet[side], CellWatch(side, recording.profile.foot(side))
            for begin in range(0, len(foot.time_ns), 10):
                part = slice(begin, begin + 10)
                assert foot.load is not None
                assert watch.push(Block(side, foot.time_ns[part], foot.load[part], None)) == ()


async def test_the_runner_guides_a_person_to_a_calibration() -> None:
    clock = VirtualClock(wall_start_ns=1_790_000_000_000_000_000)
    person = Rehearsal(seed=604)
    source, guided = RehearsalSource(person, clock), session(person)
    said: list[str] = []
    tones: list[str] = []
    shares: list[float] = []

    def say(text: str) -> None:
        said.append(text)
        if guided.step is not None:
            source.pose = guided.step

    calibration = await run_calibration(guided, source, clock, say, tones.append, shares.append)
    assert calibration.made_ns is not None and calibration.fit_error_percent < 1
    assert tones.count("good") == 7 and shares[-1] == 1.0
    assert any("left foot" in text for text in said)


async def test_the_runner_says_that_a_device_ended() -> None:
    person = Rehearsal(seed=605)
    with pytest.raises(CalibrationError, match="ended"):
        await run_calibration(
            session(person), Silent(person.profile), VirtualClock(), lambda text: None
        )


async def test_the_runner_ends_by_itself_where_nothing_comes() -> None:
    class Mute(Silent):
        async def blocks(self) -> AsyncIterator[Block]:
            await asyncio.Event().wait()
            yield Block("left", np.empty(0, np.int64), None, None)

    person = Rehearsal(seed=606)
    said: list[str] = []
    with pytest.raises(CalibrationError, match="No data"):
        await run_calibration(session(person), Mute(person.profile), VirtualClock(), said.append)
    assert "No data" in said[0]


def test_a_person_without_heel_stand_still_gets_a_source() -> None:
    person = Rehearsal(seed=607)
    guided = session(person)
    obey(guided, person, without=("heels",))
    assert CalibratedSource(Silent(person.profile), guided.result(None)).calibration.key == KEY

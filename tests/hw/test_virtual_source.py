"""One patient, one seed: the same bytes as a recording, as a stream, at any pace and cut."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.clock import ScaledClock, VirtualClock
from hw.source import SIDES, Block, Clock, Recording, Side
from hw.virtual import DeviceConfig, PatientConfig, Phase, VirtualPatient, VirtualSource, preset
from hw.virtual.patient import _Stream


def patient(rate_hz: float = 100.0, loss: float = 0.0, seed: int = 4) -> VirtualPatient:
    device = DeviceConfig(rate_hz=rate_hz, loss=loss, cells=8)
    return VirtualPatient(preset("severe", device=device), seed)


def stream(
    who: VirtualPatient, clock: Clock, block_s: float, seconds: float
) -> tuple[int, list[Block]]:
    async def run() -> tuple[int, list[Block]]:
        start = clock.monotonic_ns()
        source = VirtualSource(who, clock, block_s, seconds)
        blocks = [block async for block in source.blocks()]
        return (start if isinstance(clock, VirtualClock) else -1), blocks

    return asyncio.run(run())


def joined(blocks: list[Block], side: Side) -> tuple[np.ndarray, bytes, bytes]:
    mine = [block for block in blocks if block.side == side]
    loads = [block.load for block in mine if block.load is not None]
    imus = [block.imu for block in mine if block.imu is not None]
    times = np.concatenate([block.time_ns for block in mine])
    return times, np.concatenate(loads).tobytes(), np.concatenate(imus).tobytes()


def same(recording: Recording, blocks: list[Block]) -> bool:
    for side in SIDES:
        times, load, imu = joined(blocks, side)
        foot = recording.feet[side]
        assert foot.load is not None
        assert foot.imu is not None
        shifted = times - times[0] + foot.time_ns[0]
        if not np.array_equal(shifted, foot.time_ns):
            return False
        if (load, imu) != (foot.load.tobytes(), foot.imu.tobytes()):
            return False
    return True


@settings(deadline=None, max_examples=15)
@given(
    st.floats(25, 300),
    st.floats(0.004, 0.5),
    st.sampled_from([0.0, 0.1]),
    st.integers(0, 2**32),
)
def test_a_stream_is_the_recording_however_it_is_cut(
    rate_hz: float, block_s: float, loss: float, seed: int
) -> None:
    who = patient(rate_hz, loss, seed)
    recording, _ = who.recording(4)
    _, blocks = stream(who, VirtualClock(start_ns=17), block_s, 4)
    assert same(recording, blocks)


def test_every_clock_gives_the_same_blocks() -> None:
    who = patient()
    _, fast = stream(who, VirtualClock(), 0.02, 3)
    _, slow = stream(who, ScaledClock(20), 0.02, 3)
    assert [(b.side, len(b.time_ns), b.lost) for b in fast] == [
        (b.side, len(b.time_ns), b.lost) for b in slow
    ]
    recording, _ = who.recording(3)
    assert same(recording, fast)
    assert same(recording, slow)


def test_a_seed_is_a_person() -> None:
    first, labels = patient().recording(10)
    again, labels_again = patient().recording(10)
    other, _ = patient(seed=5).recording(10)
    for side in SIDES:
        a, b, c = (r.feet[side].load for r in (first, again, other))
        assert a is not None
        assert b is not None
        assert c is not None
        assert a.tobytes() == b.tobytes() != c.tobytes()
        np.testing.assert_array_equal(labels.contacts[side], labels_again.contacts[side])


def test_a_longer_recording_begins_like_a_shorter_one() -> None:
    short, short_labels = patient().recording(7.3)
    whole, labels = patient().recording(20)
    for side in SIDES:
        n = len(short.feet[side].time_ns)
        assert n == 730
        a, b = short.feet[side].imu, whole.feet[side].imu
        assert a is not None
        assert b is not None
        assert a.tobytes() == b[:n].tobytes()
        m = len(short_labels.contacts[side])
        np.testing.assert_array_equal(short_labels.contacts[side], labels.contacts[side][:m])


def test_a_stream_comes_in_order_of_time_and_not_before_its_time() -> None:
    async def run() -> list[tuple[int, Block]]:
        clock = VirtualClock(start_ns=5_000)
        source = VirtualSource(patient(), clock, 0.02, 1)
        return [(clock.monotonic_ns(), block) async for block in source.blocks()]

    got = asyncio.run(run())
    assert int(got[0][1].time_ns[0]) == 5_000
    for now, block in got:
        assert int(block.time_ns[-1]) < now
    assert all(int(a.time_ns[0]) <= int(b.time_ns[0]) for (_, a), (_, b) in pairwise(got))
    assert len(got) == 2 * 50


def test_lost_packets_are_counted_exactly() -> None:
    _, blocks = stream(patient(loss=0.2), VirtualClock(), 0.02, 20)
    for side in SIDES:
        mine = [block for block in blocks if block.side == side]
        arrived = sum(len(block.time_ns) for block in mine)
        last = round(int(mine[-1].time_ns[-1]) / 1e7)
        assert arrived + sum(block.lost for block in mine) == last + 1
        assert 0.1 < sum(block.lost for block in mine) / last < 0.3


def test_memory_stays_flat() -> None:
    endless = replace(patient().config, programme=(Phase("walk", 86400),))
    chunks = _Stream(VirtualPatient(endless))
    sizes = []
    for _, _chunk in zip(range(800), chunks, strict=False):
        planner = chunks._planner
        sizes.append(len(planner.intervals) + sum(map(len, planner.landings.values())))
    assert chunks.now_s > 1000
    assert max(sizes) < 40
    assert len(chunks._planner.phases) == 1
    assert not chunks._history


@pytest.mark.parametrize("cells", [0, 6, 8, 16])
@pytest.mark.parametrize("imu", [True, False])
def test_any_device_can_be_worn(cells: int, imu: bool) -> None:
    if not cells and not imu:
        return
    config = PatientConfig(device=DeviceConfig(cells=cells, imu=imu))
    recording, _ = VirtualPatient(config, 0).recording(3)
    for side in SIDES:
        foot, profile = recording.feet[side], recording.profile.foot(side)
        assert (foot.load is not None) == bool(cells)
        assert (foot.imu is not None) == imu == (profile.mount == "foot")
        assert len(profile.x) == cells
        if foot.load is not None:
            assert foot.load.shape == (300, cells)
            assert foot.load.min() >= 0
            assert foot.load.dtype == np.float32


def test_the_insole_has_the_faults_it_was_given() -> None:
    device = DeviceConfig(saturation_n=50, quantum_n=0.5, preload_n=5, loss=0.0)
    recording, _ = VirtualPatient(PatientConfig(device=device), 0).recording(20)
    load = recording.feet["left"].load
    assert load is not None
    assert load.max() == 50
    np.testing.assert_array_equal(load * 2, np.rint(load * 2))
    assert load.min(axis=0).max() > 1


def test_a_tilted_imu_sees_gravity_tilted() -> None:
    device = replace(DeviceConfig().ideal(), imu_tilt_deg=20)
    recording, _ = VirtualPatient(PatientConfig(device=device), 0).recording(1)
    imu = recording.feet["left"].imu
    assert imu is not None
    expected = 9.80665 * np.array([np.sin(np.radians(20)), 0, np.cos(np.radians(20))])
    np.testing.assert_allclose(imu[50, :3], expected, atol=1e-4)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        patient().recording(seconds)

"""What every device keeps, whatever its link does: simulators, faulty links, simulated time."""

from collections.abc import Sequence

import numpy as np
import pytest
from device_rigs import LENGTH_S, RIGS, START_NS, OrphePullRig, Rig

from hw.source import Block, Side

PACKETS = [name for name in RIGS if name not in ("lsm6dsox", "mcp3208")]
"""Devices whose packets a link can lose, double and delay one by one."""


@pytest.fixture(params=RIGS, ids=str)
def rig(request: pytest.FixtureRequest) -> Rig:
    return RIGS[request.param]()


@pytest.fixture(params=PACKETS, ids=str)
def packet_rig(request: pytest.FixtureRequest) -> Rig:
    return RIGS[request.param]()


def of(blocks: Sequence[Block], side: Side) -> list[Block]:
    return [block for block in blocks if block.side == side]


def times_ns(blocks: Sequence[Block]) -> np.ndarray:
    return np.concatenate([block.time_ns for block in blocks])


def lost(blocks: Sequence[Block]) -> int:
    return sum(block.lost for block in blocks)


def error_s(rig: Rig, blocks: Sequence[Block]) -> np.ndarray:
    """Mapped minus true time, per sample."""
    said_s = (times_ns(blocks) - START_NS) / 1e9
    true_s = np.concatenate([rig.truth_s(block) for block in blocks])
    return (said_s - true_s + LENGTH_S / 2) % LENGTH_S - LENGTH_S / 2


def check_samples(rig: Rig, blocks: Sequence[Block], least: int) -> None:
    """Time increases strictly; every sample is one that was true then; there are enough."""
    for side in rig.sides:
        mine = of(blocks, side)
        assert sum(len(block.time_ns) for block in mine) >= least
        assert (np.diff(times_ns(mine)) > 0).all()
        settled = [block for block in mine if block.time_ns[0] > START_NS + 3_000_000_000]
        assert np.abs(error_s(rig, settled)).max() < rig.slack_s
        for block in mine:
            for values in (block.load, block.imu):
                assert values is None or (len(values) == len(block.time_ns))
                assert values is None or (values.dtype == np.float32 and np.isfinite(values).all())
            assert block.load is None or (block.load >= 0).all()


async def test_a_clean_link_loses_nothing(rig: Rig) -> None:
    blocks = await rig.collect(20.0)
    check_samples(rig, blocks, least=round(17 / rig.period_s))
    assert lost(blocks) == 0
    for side, health in rig.source.health().items():
        assert health.counts.samples == sum(len(b.time_ns) for b in of(blocks, side))
        assert not health.rejected
        assert health.connections == 1
        assert health.sync_uncertainty_s < 0.02


async def test_every_lost_packet_is_counted(packet_rig: Rig) -> None:
    rig = packet_rig
    rig.faults.delay_s = (0.002, 0.030)

    def calm() -> None:
        rig.faults.loss = 0.0

    def storm() -> None:
        rig.faults.loss = 0.1

    blocks = await rig.collect(40.0, [(5.0, storm), (30.0, calm)])
    check_samples(rig, blocks, least=round(20 / rig.period_s))
    assert rig.faults.dropped > 100
    if isinstance(rig, OrphePullRig):
        assert lost(blocks) == 0
    else:
        feet_in_packet = 2 if "moticon" in rig.source.profile.name.lower() else 1
        counted = lost(blocks)
        assert counted == rig.faults.dropped * rig.samples_per_packet * feet_in_packet


async def test_duplicates_and_overtaking_change_nothing(packet_rig: Rig) -> None:
    rig = packet_rig
    rig.faults.duplicates = 0.2
    rig.faults.delay_s = (0.002, 0.030)
    blocks = await rig.collect(20.0)
    check_samples(rig, blocks, least=round(16 / rig.period_s))
    assert rig.faults.duplicated > 50
    assert lost(blocks) == 0
    assert sum(h.counts.duplicates for h in rig.source.health().values()) > 50


async def test_a_stall_is_a_gap_with_its_count(rig: Rig) -> None:
    blocks = await rig.collect(
        30.0, [(10.0, lambda: rig.mute(True)), (13.0, lambda: rig.mute(False))]
    )
    check_samples(rig, blocks, least=round(20 / rig.period_s))
    if isinstance(rig, OrphePullRig):
        assert lost(blocks) == 0  # it pushes nothing that could stall
        return
    for side in rig.sides:
        mine = of(blocks, side)
        gap_s = float(np.diff(times_ns(mine)).max()) / 1e9
        assert 2.9 < gap_s < (3.1 if rig.exact else 12.0)
        assert (lost(mine) + 1) * rig.device_period_s == pytest.approx(gap_s, abs=0.03)


async def test_a_device_that_vanishes_for_an_hour_comes_back(rig: Rig) -> None:
    blocks = await rig.collect(3640.0, [(15.0, rig.vanish), (3615.0, rig.come_back)])
    for side in rig.sides:
        mine = of(blocks, side)
        time_ns = times_ns(mine)
        assert (np.diff(time_ns) > 0).all()
        steps_s = np.diff(time_ns) / 1e9
        assert (steps_s > 1).sum() == 1
        away_s = steps_s.max()
        assert 3595 < away_s < 3660  # back within a minute
        assert time_ns[-1] > START_NS + 3_630_000_000_000
        gap = int(np.argmax(steps_s))
        true_s = np.concatenate([rig.truth_s(block) for block in mine])
        turn_s = (true_s[gap + 1] - true_s[gap]) % LENGTH_S
        truly_away_s = turn_s + LENGTH_S * round((away_s - turn_s) / LENGTH_S)
        missing = truly_away_s / rig.device_period_s - 1
        assert lost(mine) == pytest.approx(missing, abs=0.9 if rig.exact else 1.0 / rig.period_s)
        after = [block for block in mine if block.time_ns[0] > START_NS + 3_625_000_000_000]
        assert np.abs(error_s(rig, after)).max() < rig.slack_s


async def test_saturation_is_counted_and_given_as_it_is(rig: Rig) -> None:
    blocks = await rig.collect(12.0, [(6.0, rig.saturate)])
    assert lost(blocks) == 0
    last = [of(blocks, side)[-1] for side in rig.sides]
    for block in last:
        for values in (block.load, block.imu):
            assert values is None or np.isfinite(values).all()
    if "moticon" not in rig.source.profile.name.lower():  # its cells have no code for it
        for side in rig.sides:
            assert rig.source.health()[side].saturated_samples > 100


async def test_closing_ends_all_tasks(rig: Rig) -> None:
    import asyncio

    await rig.collect(3.0)
    await rig.clock.sleep(0.1)
    rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    named = [t for t in rest if t.get_name().startswith("device ")]
    assert named == []

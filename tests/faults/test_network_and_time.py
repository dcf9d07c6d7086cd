"""Faults 12 to 15, 18 and 23, each alone and in its dose, on the simulated system."""

import asyncio
import os
import random
import time
from pathlib import Path

import pytest
from edge_tools import SECOND, WALL_NS
from sim_broker import Net
from sim_house import House, SimDevice, made_event
from sim_scene import run, walk
from wire_noise import any_message, is_batch, numbered

from edge import wire

# -- 12: duplicates and disorder ------------------------------------------------------------------


def disorder(memory: Path, seed: int) -> None:
    """Batches of 5000 events, 30 % of them twice, each up to 1000 messages out of place."""

    async def story(world: House, device: SimDevice) -> None:
        rng = random.Random(seed)
        events = [
            made_event(n, "stride", ("left", "right")[n % 2], WALL_NS + n * SECOND // 10)
            for n in range(1, 5001)
        ]
        batches = [
            wire.Batch(
                device=device.name,
                boot="0" * 16,
                events=tuple(numbered(e, n + i) for i, e in enumerate(events[n : n + 4], 1)),
            )
            for n in range(0, 5000, 4)
        ]
        sent = batches + rng.sample(batches, len(batches) * 3 // 10)
        order = sorted(range(len(sent)), key=lambda i: i % len(batches) + rng.uniform(0, 1000))
        for index in order:
            world.broker.accept(wire.topic(device.name, "events"), wire.encode(sent[index]))
            if index % 10 == 0:
                await asyncio.sleep(0.1)
        await asyncio.sleep(30)
        strides = [p for p in world.database.points.values() if p.measurement == "stride"]
        marks = sorted((p.time_ns, p.fields["heel_lead_ms"]) for p in strides)
        assert [mark for _, mark in marks] == [float(n) for n in range(1, 5001)]
        world.database.points.clear()  # the ledger knows nothing of these

    run(memory, seed, story)


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_and_disorder_over_a_thousand_messages(memory: Path, seed: int) -> None:
    disorder(memory, seed)


@pytest.mark.soak(fault="12", runs=100)
def test_soak_duplicates_and_disorder(memory: Path) -> None:
    for seed in range(100, 200):
        disorder(memory, seed)


# -- 13, 14: the link -----------------------------------------------------------------------------


def poor_link(memory: Path, seed: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        for net in (device.net, world.net):
            net.delay_s, net.cut = (2.0, 2.0), 0.2
            await walk(world, 120)
            net.cut, net.is_silent = 0.0, True
            await walk(world, 900)
            net.is_silent, net.delay_s = False, (0.005, 0.05)

    run(memory, seed, story)


@pytest.mark.parametrize("seed", range(3))
def test_delay_loss_and_a_quarter_of_an_hour_half_open(memory: Path, seed: int) -> None:
    poor_link(memory, seed)


@pytest.mark.soak(fault="13", runs=50)
def test_soak_poor_link(memory: Path) -> None:
    for seed in range(100, 150):
        poor_link(memory, seed)


@pytest.mark.parametrize(
    "flaps", [50, pytest.param(500, marks=pytest.mark.soak(fault="14", runs=500))]
)
def test_a_flapping_link_is_met_with_jittered_patience(memory: Path, flaps: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        connects = world.broker.connects
        for _ in range(flaps):
            before = len(connects)
            world.broker.cut_all(device.net)
            begin = asyncio.get_running_loop().time()
            while len(connects) == before:
                await asyncio.sleep(0.5)
                device.detect(1)
            at_s = connects[before][1] if connects[before][0] == device.name else begin + 1
            waits.append(at_s - begin)
            await walk(world, 2)
        tasks = asyncio.all_tasks()
        assert len(tasks) < 30

    waits: list[float] = []
    run(memory, flaps, story)
    assert all(1.0 <= wait <= 60.5 for wait in waits)
    assert len({round(wait, 3) for wait in waits}) > flaps // 2


# -- 15: the wall clock ---------------------------------------------------------------------------

STEPS_S = [1, -1, 3600, -3600, 315_360_000]


def stepped(memory: Path, seed: int, step_s: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        await walk(world, 20)
        device.learn_time(error_ns=step_s * SECOND)
        await walk(world, 300)
        device.learn_time()
        await walk(world, 20)

    run(memory, seed, story)


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_stepped_wall_clock_moves_nothing_that_was_detected(memory: Path, step_s: int) -> None:
    stepped(memory, step_s & 0xFFFF, step_s)


def boot_in_1970(memory: Path, seed: int, late_s: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        await walk(world, 5)
        await device.crash(power=True)
        device.power_on(knows_time=False)
        device.start()
        await walk(world, min(60, late_s))
        assert not [p for p in world.database.points.values() if p.time_ns < WALL_NS]
        await asyncio.sleep(late_s)
        device.learn_time()

    run(memory, seed, story)


@pytest.mark.parametrize("late_s", [5, 600, 7200])
def test_a_boot_in_1970_is_stamped_when_the_time_is_known(memory: Path, late_s: int) -> None:
    boot_in_1970(memory, late_s, late_s)


@pytest.mark.soak(fault="15", runs=8)
@pytest.mark.parametrize("seed", range(100, 120))
def test_soak_wall_clock(memory: Path, seed: int) -> None:
    for step_s in STEPS_S:
        stepped(memory, seed, step_s)
    for late_s in (5, 600, 7200):
        boot_in_1970(memory, seed, late_s)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_daylight_saving_moves_nothing(
    memory: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    async def story(world: House, device: SimDevice) -> None:
        await walk(world, 10)
        os.environ["TZ"] = zone
        time.tzset()
        await walk(world, 10)

    try:
        run(memory, 1, story)
    finally:
        monkeypatch.undo()
        time.tzset()


# -- 18: any bytes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak(fault="18", runs=1_000_000))]
)
def test_any_bytes_on_any_topic_are_counted_and_harm_nothing(memory: Path, count: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        rng = random.Random(count)
        event = made_event(1, "stride", "left", WALL_NS)
        good = wire.encode(wire.Batch(device="insole-1", boot="0" * 16, events=(event,)))
        before = world.broker.accepted
        assert world.ingest is not None
        for number in range(count):
            topic, payload = any_message(rng, good)
            if is_batch(payload):
                payload = payload[:-1]  # by chance: not what is meant here
            world.broker.accept(topic, payload)
            if number % 200 == 0:
                await asyncio.sleep(0.5)
                device.detect(1)
        await asyncio.sleep(10)
        state = world.ingest.state
        assert world.broker.accepted - before >= count
        statuses = sum(p.measurement == "status" for p in world.database.points.values())
        assert count - statuses <= state.malformed <= count
        assert sum(f.stat().st_size for f in world.letters.iterdir()) < 160 * 1024 * 1024

    run(memory, count, story)


# -- 23: everybody at once ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.soak(fault="23")) for n in range(50, 60))]
)
def test_fifty_agents_that_lose_their_broker_do_not_come_back_as_one(
    memory: Path, seed: int
) -> None:
    async def story(world: House, device: SimDevice) -> None:
        await walk(world, 5, rate=1)
        world.broker.kill(loses_all=True)
        await walk(world, 20, rate=1)
        world.broker.start()
        begin = asyncio.get_running_loop().time()
        await walk(world, 30, rate=1)
        seconds = [int(at - begin) for _, at in world.broker.connects if at >= begin]
        assert max(seconds.count(second) for second in set(seconds)) <= 20

    run(memory, seed, story, devices=50)


def test_the_network_does_lose_and_repeat(memory: Path) -> None:
    """Without it the tests above could not fail."""

    async def story(world: House, device: SimDevice) -> None:
        device.net.cut, device.net.repeat = 0.3, 0.5
        await walk(world, 60)
        device.net.cut = device.net.repeat = 0.0
        assert device.agent is not None and device.agent._publisher is not None
        assert device.agent._publisher.state.connections > 2
        assert world.ingest is not None
        assert world.ingest.state.received > len(device.ledger.events)

    assert Net().cut == 0.0
    run(memory, 1, story)

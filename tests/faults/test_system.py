"""Faults 2, 6, 7, 10 and 11, each alone and in its dose, on the simulated system."""

import asyncio
import random
from pathlib import Path

import pytest
from sim_house import House, SimDevice
from sim_influx import Moods
from sim_scene import RECOVERY_S, run, walk

# -- 2: a stop between every two steps ------------------------------------------------------------


@pytest.mark.parametrize(
    "what", ["kill agent", "cut power", "kill ingester", "kill broker", "kill all between"]
)
@pytest.mark.parametrize(
    "runs", [40, pytest.param(800, marks=pytest.mark.soak(fault="2", runs=800))]
)
def test_a_stop_at_any_step_from_commit_to_delete(memory: Path, what: str, runs: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        world.database.moods = Moods(is_down=what == "kill all between")
        device.detect(10)
        await asyncio.sleep(step)
        if what == "kill ingester":
            await world.kill_ingest()
            world.start_ingest()
        elif what == "kill all between":
            await world.kill_ingest()
            world.broker.kill(loses_all=True)
            world.database.moods = Moods()
            world.broker.start()
            world.start_ingest()
        elif what == "kill broker":
            world.broker.kill(loses_all=True)
            await asyncio.sleep(1)
            world.broker.start()
        else:
            await device.crash(power=what == "cut power")
            if what == "cut power":
                device.power_on()
            device.start()
        await asyncio.sleep(1)
        device.detect(1)
        await asyncio.sleep(1)

    for index in range(runs):
        step = 1.2 * index / runs  # from before the commit to after the delete
        run(memory, index, story)


# -- 6: the cap -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.soak(fault="6")) for n in range(100, 105))]
)
def test_twice_the_cap_is_counted_and_alerts_survive(memory: Path, seed: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        world.broker.kill(loses_all=True)
        await walk(world, 200, rate=3)
        assert device.outbox is not None
        assert device.outbox.waiting <= 300
        assert device.outbox.counts.dropped >= 300
        world.broker.start()
        await asyncio.sleep(RECOVERY_S)
        alerts = {
            told.identity[1] for told in device.ledger.events.values() if told.kind == "alert"
        }
        points = world.database.points.values()
        assert alerts == {str(p.fields["id"]) for p in points if p.measurement == "alert"}
        lost = sum(p.fields["lost"] for p in points if p.measurement == "gap")
        assert lost == device.outbox.counts.dropped

    run(memory, seed, story, may_lose=True, max_rows=300)


# -- 7: a flipped bit -----------------------------------------------------------------------------


def last_commit(log: bytes) -> int:
    """Return where the log's last commit begins: a flip there looks like a power cut that tore it.

    Format: SQLite, "WAL-mode File Format": 32 bytes, then frames of 24 bytes and a page of 1 KiB,
    the last one of a commit with the file's size in its second word.
    """
    frames = range(32, len(log) - 1047, 1048)
    ends = [at for at in frames if log[at + 4 : at + 8] != bytes(4)]
    return ends[-2] + 1048


def flip(memory: Path, seed: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        world.broker.kill(loses_all=True)
        await walk(world, 30)
        await device.crash(power=False)
        rng = random.Random(seed)
        path = rng.choice([p for p in device.disk.folder.iterdir() if p.stat().st_size])
        data = bytearray(path.read_bytes())
        at = rng.randrange(last_commit(data) if path.name.endswith("-wal") else len(data))
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        device.start()
        world.broker.start()
        await asyncio.sleep(RECOVERY_S)

    run(memory, seed, story, may_lose=True)


def test_a_flipped_bit_is_found_salvaged_and_told(memory: Path) -> None:
    for seed in range(20):
        flip(memory, seed)


@pytest.mark.soak(fault="7", runs=100)
@pytest.mark.parametrize("first", range(1000, 1500, 100))
def test_soak_flipped_bits(memory: Path, first: int) -> None:
    for seed in range(first, first + 100):
        flip(memory, seed)


# -- 10: the broker's memory is gone --------------------------------------------------------------


@pytest.mark.parametrize(
    "times", [5, pytest.param(100, marks=pytest.mark.soak(fault="10", runs=100))]
)
def test_a_killed_broker_without_its_file_loses_nothing(memory: Path, times: int) -> None:
    async def story(world: House, device: SimDevice) -> None:
        for number in range(times):
            await world.kill_ingest()  # so that the broker has a backlog
            await walk(world, 20)
            world.broker.kill(loses_all=True)
            world.start_ingest()
            await walk(world, number % 7)
            world.broker.start()
            await walk(world, 20)
        assert world.broker.dropped > 5 * times

    run(memory, times, story)


# -- 11: the database's answers -------------------------------------------------------------------


def answers(memory: Path, seed: int) -> set[str]:
    seen: set[str] = set()

    async def story(world: House, device: SimDevice) -> None:
        world.database.moods = Moods(
            unavailable=0.2, slow_down=0.2, lost_before=0.1, lost_after=0.3, too_large=4
        )
        for _ in range(15):
            await asyncio.sleep(1)
            device.detect(8, poison=0.05)
        world.database.moods = Moods()
        seen.update(world.database.answers)

    run(memory, seed, story)
    return seen


ANSWERS = {"503", "429", "413", "422", "400 partial", "no answer, stored", "no answer, not stored"}


def test_whatever_the_database_answers_each_event_is_stored_once_or_a_dead_letter(
    memory: Path,
) -> None:
    assert set().union(*(answers(memory, seed) for seed in range(50))) == ANSWERS


@pytest.mark.soak(fault="11", runs=100)
@pytest.mark.parametrize("first", range(1000, 2000, 100))
def test_soak_answers(memory: Path, first: int) -> None:
    for seed in range(first, first + 100):
        answers(memory, seed)

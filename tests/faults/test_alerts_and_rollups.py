"""Fault 24 with what hangs on the events: alert rules at the edge, notifier and rollups behind."""

import asyncio
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from memory_store import MemoryStore
from sim_disk import fault_disk
from sim_house import House, SimDevice, house
from sim_loop import simulate
from sim_people import People
from sim_story import FAULTS, RECOVERY_S, agent_stops, disk_fails

from edge import wire
from edge.alerts import AlertRules, Keeper
from edge.companion import Companion
from kernels import GaitStride
from pipeline.points import Point

OUTSIDE = [fault for fault in FAULTS if fault not in (agent_stops, disk_fails)]
"""What befalls everything but the device: it has to find the same alerts as without."""
SIDES = ("left", "right")


class Spy(Companion):
    """Keeps the alerts that the rules of a device found: (id, monotonic time, raised)."""

    def __init__(self) -> None:
        self.found: set[tuple[str, int, bool]] = set()

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Look at what goes to the outbox."""
        if isinstance(event, wire.Alert):
            self.found.add((event.id, event.time_ns, event.raised))
        return ()


def stride(now_ns: int, side: wire.Side, drags: bool) -> GaitStride:
    return GaitStride(
        time_ns=now_ns - 200_000_000,
        decided_ns=now_ns,
        side=side,
        strike="heel",
        stride_s=1.0,
        toe_drag="scuff" if drags else "none",
        valid_swing=True,
        trip_level="low",
    )


async def walk_and_tire(device: SimDevice, rng: random.Random, minutes: int) -> None:
    """Walk with drags in some minutes; alerts are raised and cleared."""
    for minute in range(minutes):
        share = rng.choice((0.0, 0.3)) if minute % 4 else 0.0
        for _ in range(60):
            await asyncio.sleep(1)
            assert device.agent is not None
            now_ns = device.clock.monotonic_ns()
            for side in SIDES:
                drags = side == "left" and rng.random() < share
                device.agent.companions.record(stride(now_ns, side, drags), now_ns)
            device.detect(1)


async def look_after(people: People) -> None:
    while True:
        await asyncio.sleep(10)
        await people.work()


async def befall(world: House, rng: random.Random) -> list[str]:
    names = []
    for _ in range(rng.randrange(3, 8)):
        await asyncio.sleep(rng.uniform(0, 60))
        fault = rng.choice(OUTSIDE)
        names.append(fault.__name__)
        await fault(world, rng)
    return names


def tell(memory: Path, seed: int) -> int:
    """Run a story; return how many alerts there were."""
    rng = random.Random(seed)
    folders = [memory / f"{seed}-{name}" for name in ("pipeline", "device")]
    for folder in folders:
        folder.mkdir()
    spy = Spy()

    async def live() -> None:
        async with house(folders[0], rng) as world:
            people = People(folders[0], world.database, MemoryStore(), rng, world.now_ns)
            world.companions = people.companions
            await world.kill_ingest()
            world.start_ingest()
            caring = asyncio.create_task(look_after(people))
            device = await world.add(disks[1])
            await device.stop()
            keeper = Keeper(folders[1] / "alerts.json", threaded=False)
            device.companions = lambda _: (
                AlertRules(keeper.path, "machine-1", "left", zone="UTC", keeper=keeper),
                spy,
            )
            device.start()
            await asyncio.gather(walk_and_tire(device, rng, 16), befall(world, rng))
            told = {
                (name, time_ns + device.true_offset_ns, raised)
                for name, time_ns, raised in spy.found
            }
            await world.drained(RECOVERY_S)
            caring.cancel()
            await asyncio.gather(caring, return_exceptions=True)
            await people.finish()
            problems = await people.rollup_problems(folders[0])
            problems += people.alert_problems(told, folders[0] / "notify.db")
            await people.notifier.take(
                [Point(*key[:2], p.fields, key[2]) for key, p in world.database.points.items()]
            )
            problems += people.alert_problems(told, folders[0] / "notify.db")  # after a replay
            await people.close()
            assert problems == [], f"seed {seed}"

    with fault_disk(*folders) as disks:
        simulate(live())
    return len(spy.found)


@pytest.mark.parametrize("seed", range(6))
def test_alerts_and_rollups_are_those_of_a_run_without_faults(memory: Path, seed: int) -> None:
    assert tell(memory, seed) > 0


@pytest.mark.soak(fault="24", runs=20)
@pytest.mark.parametrize("first", range(1000, 1200, 20))
def test_soak_alerts_and_rollups(memory: Path, first: int) -> None:
    assert sum(tell(memory, seed) for seed in range(first, first + 20)) > 40

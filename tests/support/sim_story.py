"""A seed becomes a story: which faults befall the whole system, when, and for how long.

`tell(seed)` runs it on simulated time and returns what the checker found. Everything is drawn from
the seed, so a story that failed is told again in the same words.
"""

import asyncio
import hashlib
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from sim_broker import Net
from sim_disk import fault_disk
from sim_house import House, SimDevice, house
from sim_influx import Moods
from sim_loop import simulate

__all__ = ["FAULTS", "Told", "scratch", "tell"]

RECOVERY_S = 60.0
Fault = Callable[[House, random.Random], Awaitable[None]]


@dataclass(slots=True)
class Told:
    """What became of a seed; `digest` is equal for equal runs."""

    seed: int
    problems: list[str] = field(default_factory=list)
    events: int = 0
    stored: int = 0
    recovery_s: float = 0.0
    digest: str = ""
    faults: list[str] = field(default_factory=list)


def scratch() -> Path:
    """A new folder, in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="heelfirst-", dir=memory if memory.is_dir() else None))


def some_net(world: House, rng: random.Random) -> Net:
    """The pipeline's way to the broker, or a device's."""
    return rng.choice([world.net, *(device.net for device in world.devices)])


async def agent_stops(world: House, rng: random.Random) -> None:
    """A kill or a power cut between any two calls to the disk, and a new start."""
    device, power = rng.choice(world.devices), rng.random() < 0.5
    if device.is_being_restarted:
        return
    device.is_being_restarted = True
    device.disk.crash_at(rng.randrange(1, 60), rng if power else None)
    for _ in range(30):
        await asyncio.sleep(0.1)
        if device.disk.dead:
            break
    await device.crash(power)
    await begin_again(device, rng, reboots=power)


async def begin_again(device: SimDevice, rng: random.Random, reboots: bool) -> None:
    """Start the agent; after a power cut on a new clock, which is set after a while."""
    await asyncio.sleep(rng.uniform(0.5, 5))
    knows = rng.random() < 0.5
    if reboots:
        device.power_on(knows_time=knows)
    await device.start_again()
    device.is_being_restarted = False
    if reboots and not knows:
        await asyncio.sleep(rng.uniform(1, 20))
        device.learn_time()


async def disk_fails(world: House, rng: random.Random) -> None:
    """Some call fails once, or every write does for a while."""
    disk = rng.choice(world.devices).disk
    if rng.random() < 0.5:
        disk.fail_at(rng.randrange(1, 100), rng.choice(("EIO", "ENOSPC", "short")))
    else:
        disk.fill()
    await asyncio.sleep(rng.uniform(1, 20))
    disk.mend()


async def link_is_poor(world: House, rng: random.Random) -> None:
    """Long delays, breaks between any two packets, messages that come twice."""
    net = some_net(world, rng)
    net.delay_s, net.cut = rng.choice([(0.0, 4.0), (0.0, 0.2), (1.0, 2.0)]), rng.random() * 0.2
    net.repeat = rng.random() * 0.5
    await asyncio.sleep(rng.uniform(5, 30))
    net.delay_s, net.cut, net.repeat = (0.005, 0.05), 0.0, 0.0


async def link_is_silent(world: House, rng: random.Random) -> None:
    """Half-open: nobody says that the connection is gone."""
    net = some_net(world, rng)
    net.is_silent = True
    await asyncio.sleep(rng.uniform(1, 60))
    net.is_silent = False


async def link_flaps(world: House, rng: random.Random) -> None:
    net = some_net(world, rng)
    for _ in range(rng.randrange(2, 10)):
        world.broker.cut_all(net)
        await asyncio.sleep(rng.uniform(0.05, 3))


async def link_is_down(world: House, rng: random.Random) -> None:
    net = some_net(world, rng)
    net.is_up = False
    world.broker.cut_all(net)
    await asyncio.sleep(rng.uniform(1, 30))
    net.is_up = True


async def broker_is_killed(world: House, rng: random.Random) -> None:
    """With its persistence file deleted in half of the cases."""
    world.broker.kill(loses_all=rng.random() < 0.5)
    await asyncio.sleep(rng.uniform(0.5, 30))
    world.broker.start()


async def database_is_ill(world: House, rng: random.Random) -> None:
    """Down, busy, or silent after it stored."""
    sick = Moods(
        is_down=rng.random() < 0.3,
        unavailable=rng.random() * 0.5,
        slow_down=rng.random() * 0.3,
        lost_before=rng.random() * 0.2,
        lost_after=rng.random() * 0.5,
        too_large=rng.choice((1, 5, 10**9)),
    )
    world.database.moods = sick
    await asyncio.sleep(rng.uniform(1, 40))
    world.database.moods = Moods()


async def ingester_stops(world: House, rng: random.Random) -> None:
    await world.kill_ingest()
    await asyncio.sleep(rng.uniform(0.1, 20))
    world.start_ingest()


async def device_is_registered_late(world: House, rng: random.Random) -> None:
    """Nobody's device: quarantined, then given to the patient."""
    device = rng.choice(world.devices)
    await world.registry.assign(device.name, None, since_ns=0)
    await asyncio.sleep(rng.uniform(1, 30))
    await world.registry.assign(device.name, world.patient, since_ns=0)


FAULTS: tuple[Fault, ...] = (
    agent_stops,
    agent_stops,
    disk_fails,
    link_is_poor,
    link_is_silent,
    link_flaps,
    link_is_down,
    broker_is_killed,
    database_is_ill,
    ingester_stops,
    device_is_registered_late,
)


async def _feed(world: House, rng: random.Random, seconds: int, poison: float) -> None:
    for _ in range(seconds):
        await asyncio.sleep(rng.uniform(0.5, 1.5))
        for device in world.devices:
            if device.is_running and device.agent is not None and not device.disk.dead:
                device.detect(rng.choice((0, 1, 2, 12)), poison)


async def _befall(world: House, rng: random.Random, faults: list[Fault]) -> None:
    for fault in faults:
        await asyncio.sleep(rng.uniform(0, 15))
        await fault(world, rng)


async def _live(told: Told, base: Path, disks: list[object], rng: random.Random) -> None:
    max_rows = rng.choice((10**6, 10**6, 10**6, 60))
    poison = rng.choice((0.0, 0.0, 0.05))
    async with house(base / "pipeline", rng) as world:
        for disk in disks:
            await world.add(disk, max_rows=max_rows)  # type: ignore[arg-type]  # a SimDisk
        faults = [rng.choice(FAULTS) for _ in range(rng.randrange(1, 6))]
        told.faults = [fault.__name__ for fault in faults]
        half = len(faults) // 2
        await asyncio.gather(
            _feed(world, rng, rng.randrange(40, 100), poison),
            _befall(world, rng, faults[:half]),
            _befall(world, rng, faults[half:]),
        )
        told.recovery_s = await world.drained(RECOVERY_S)
        told.problems = world.violations(may_lose=max_rows < 10**6)
        told.events = sum(len(device.ledger.events) for device in world.devices)
        told.stored = len(world.database.points)
        told.digest = _digest(world)


def _digest(world: House) -> str:
    text = "\n".join(
        f"{p.measurement} {p.tag('device')} {p.tag('side')} {p.time_ns} {sorted(p.fields.items())}"
        for p in sorted(world.database.points.values(), key=lambda p: (p.time_ns, str(p.tags)))
    )
    connects = ",".join(f"{who}@{at:.6f}" for who, at in world.broker.connects)
    return hashlib.sha256(f"{text}\n{connects}".encode()).hexdigest()


def tell(seed: int, devices: int | None = None) -> Told:
    """Run the story of a seed; its problems hold whatever went wrong, in words."""
    rng = random.Random(seed)
    count = devices or rng.choice((1, 1, 1, 2, 3))
    told = Told(seed)
    base = scratch()
    folders = [base / name for name in ["pipeline", *(f"device-{n}" for n in range(count))]]
    for folder in folders:
        folder.mkdir()
    try:
        with fault_disk(*folders) as disks:
            work = random.Random(rng.random())
            simulate(_live(told, base, list(disks[1:]), rng), lambda: work.uniform(0, 0.02))
    except AssertionError as error:
        told.problems.append(str(error))
    finally:
        shutil.rmtree(base)
    return told

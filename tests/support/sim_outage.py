"""Hours and days without a broker or a database, in virtual time, and how the backlog drains."""

import asyncio
import random
import resource
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from edge_tools import WALL_NS
from sim_disk import SimDisk
from sim_house import House, SimDevice, house
from sim_influx import Moods
from sim_loop import simulate

__all__ = ["HOUR", "MINUTE", "Drained", "hours_of_walking", "outage"]

MINUTE, HOUR = 60, 3600
DRAIN_S, LIVE_LAG_S, RECONNECT_S = 1800.0, 5.0, 60.0


class Drained(NamedTuple):
    """Events in all, how long the backlog took, and how late live events came meanwhile [s]."""

    events: int
    drained_s: float
    live_lag_s: float


def commits_every(device: SimDevice, seconds: float) -> None:
    """In the hours of an outage a commit a minute is enough to look at; live it is every second."""
    assert device.agent is not None
    outbox = msgspec.structs.replace(device.agent._config.outbox, commit_s=seconds)
    device.agent._config = msgspec.structs.replace(device.agent._config, outbox=outbox)


async def hours_of_walking(device: SimDevice, seconds: int, rate: int) -> None:
    commits_every(device, 60.0)
    for _ in range(0, seconds, MINUTE):
        device.detect(rate * MINUTE // HOUR)
        await asyncio.sleep(MINUTE)
    commits_every(device, 1.0)


async def drain(world: House, device: SimDevice) -> tuple[float, list[float]]:
    """Walk on until the backlog is gone; return how long that took, and the lag of live events."""
    loop = asyncio.get_running_loop()
    begin_s, backlog = loop.time(), device.ledger.events.copy()
    drained_s = None
    while drained_s is None or loop.time() - begin_s < max(drained_s, RECONNECT_S) + 60:
        await asyncio.sleep(1)
        device.detect(1)
        assert loop.time() - begin_s < DRAIN_S + 120
        if drained_s is None and device.outbox is not None and device.waiting < 20:
            drained_s = loop.time() - begin_s
    lags = live_lags(world, backlog, begin_s + RECONNECT_S)
    return drained_s, lags


def live_lags(world: House, backlog: Iterable[tuple[str, str, str]], after_s: float) -> list[float]:
    """How long after it was detected each live event stood in the database [s]."""
    old = {identity[1] for identity in backlog}
    return [
        world.database.first_s[key] - (point.time_ns - WALL_NS) / 1e9
        for key, point in world.database.points.items()
        if point.measurement == "stride"
        and str(round(point.fields["heel_lead_ms"])) not in old
        and (point.time_ns - WALL_NS) / 1e9 > after_s
    ]


def outage(disks: list[SimDisk], seconds: int, what: str, rate: int) -> Drained:
    """Let broker or database be away; return how the backlog drained, or fail."""
    found: list[Drained] = []

    async def live() -> None:
        async with house(disks[0].folder, random.Random(seconds)) as world:
            device = await world.add(disks[1])
            await asyncio.sleep(2)
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if what == "broker":
                world.broker.kill(loses_all=True)
            else:
                world.database.moods = Moods(is_down=True)
            await hours_of_walking(device, seconds, rate)
            assert device.waiting >= seconds * rate // HOUR - 1
            world.broker.start()
            world.database.moods = Moods()
            drained_s, lags = await drain(world, device)
            found.append(Drained(len(device.ledger.events), drained_s, max(lags)))
            assert drained_s <= DRAIN_S
            assert len(lags) > 20
            assert max(lags) <= LIVE_LAG_S, f"live events are {max(lags):.1f} s late"
            await world.drained(RECONNECT_S)
            assert world.violations() == []
            used_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
            assert used_kib < 300_000  # the ledger and the database included

    simulate(live())
    return found[0]

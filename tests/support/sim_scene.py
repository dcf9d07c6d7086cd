"""One story on a fresh house, and the checker's verdict a minute after its end."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sim_disk import fault_disk
from sim_house import House, SimDevice, house
from sim_loop import simulate

__all__ = ["RECOVERY_S", "run", "walk"]

RECOVERY_S = 60.0
Story = Callable[[House, SimDevice], Awaitable[None]]


def run(
    memory: Path,
    seed: int,
    story: Story,
    *,
    may_lose: bool = False,
    devices: int = 1,
    max_rows: int = 10**6,
) -> None:
    """Run a story on a new house; then everything is to be well within a minute."""
    base = memory / f"{seed}-{time.monotonic_ns()}"
    folders = [base / name for name in ("pipeline", *(f"device-{n}" for n in range(devices)))]
    for folder in folders:
        folder.mkdir(parents=True)

    async def live() -> None:
        async with house(folders[0], random.Random(seed)) as world:
            for disk in disks[1:]:
                await world.add(disk, max_rows=max_rows)
            await asyncio.sleep(1)
            await story(world, world.devices[0])
            await world.drained(RECOVERY_S)
            assert world.violations(may_lose=may_lose) == [], f"seed {seed}"

    with fault_disk(*folders) as disks:
        simulate(live())


async def walk(world: House, seconds: int, rate: int = 2) -> None:
    for _ in range(seconds):
        await asyncio.sleep(1)
        for device in world.devices:
            if device.is_running:
                device.detect(rate)

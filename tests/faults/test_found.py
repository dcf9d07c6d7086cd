"""Defects that the simulation has found: each stays mended."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from sim_disk import fault_disk
from sim_house import House, SimDevice, house
from sim_loop import simulate

from pipeline.registry import Registry

MINUTE = 60.0


def run(memory: Path, story: Callable[[House, SimDevice], Awaitable[None]]) -> None:
    folders = [memory / name for name in ("pipeline", "device", "second")]
    for folder in folders:
        folder.mkdir()

    async def live() -> None:
        async with house(folders[0], random.Random(1)) as world:
            world.spare_disks = disks[2:]
            device = await world.add(disks[1])
            await asyncio.sleep(1)
            await story(world, device)
            await world.drained(MINUTE)
            assert world.violations() == []

    with fault_disk(*folders) as disks:
        simulate(live())


def test_receipts_that_the_disk_refused_are_applied_without_a_new_event(memory: Path) -> None:
    async def story(world: House, device: SimDevice) -> None:
        assert device.outbox is not None
        device.detect(5)
        while device.outbox.last_seq < 5:  # noqa: ASYNC110 - the outbox has no event for it
            await asyncio.sleep(0.001)
        device.disk.fill()
        await asyncio.sleep(5)
        assert device.waiting == 5
        device.disk.mend()

    run(memory, story)


def test_a_backlog_that_could_not_be_read_is_read_again(memory: Path) -> None:
    async def story(world: House, device: SimDevice) -> None:
        world.broker.kill(loses_all=False)
        await asyncio.sleep(1)
        for _ in range(300):
            device.detect(10)
            await asyncio.sleep(0.5)
        assert device.outbox is not None
        device.outbox._table.db.execute("PRAGMA cache_size = 1")
        device.disk.fail(lambda _, kind: "EIO" if kind == "read" else None)
        world.broker.start()
        await asyncio.sleep(MINUTE)
        device.disk.mend()

    run(memory, story)


def test_receipts_for_rows_that_a_full_disk_handed_out_are_taken(memory: Path) -> None:
    async def story(world: House, device: SimDevice) -> None:
        world.broker.kill(loses_all=False)
        device.detect(5)
        await asyncio.sleep(2)
        device.disk.fill()
        world.broker.start()
        await asyncio.sleep(MINUTE)
        device.disk.mend()

    run(memory, story)


def test_a_stamping_that_the_disk_refused_is_done_again(memory: Path) -> None:
    async def story(world: House, device: SimDevice) -> None:
        await device.crash(power=True)
        device.power_on(knows_time=False)
        device.start()
        for _ in range(5):
            await asyncio.sleep(1)
            device.detect(2)
        await asyncio.sleep(1)
        device.disk.fill()
        device.learn_time()
        await asyncio.sleep(2)
        device.disk.mend()

    run(memory, story)


def test_power_cut_between_offset_and_stamping_keeps_the_times(memory: Path) -> None:
    async def story(world: House, device: SimDevice) -> None:
        await device.crash(power=True)
        device.power_on(knows_time=False)
        device.start()
        for _ in range(5):
            await asyncio.sleep(1)
            device.detect(2)
        await asyncio.sleep(1)
        assert device.outbox is not None
        stamper = device.outbox._stamper
        device.outbox._try(lambda: stamper.adopt(device.true_offset_ns))
        device.outbox._stamper.times.offset_ns = device.true_offset_ns
        await device.crash(power=True)
        await asyncio.sleep(100)
        device.power_on()
        device.start()
        await asyncio.sleep(1)

    run(memory, story)


def test_an_assignment_made_while_the_quarantine_is_emptied_is_not_overlooked(
    memory: Path,
) -> None:
    async def story(world: House, device: SimDevice) -> None:
        second = await world.add(world.spare_disks[0])
        for each in (device, second):
            await world.registry.assign(each.name, None, since_ns=0)
        await asyncio.sleep(2)
        device.detect(5)
        second.detect(5)
        await asyncio.sleep(5)
        assert await world.registry.quarantined() == {device.name: 5, second.name: 5}
        await world.registry.assign(second.name, world.patient, since_ns=0)
        releasable = Registry.releasable

        async def late(registry: Registry, limit: int) -> object:
            Registry.releasable = releasable  # type: ignore[method-assign]  # once
            found = await releasable(registry, limit)
            await registry.assign(device.name, world.patient, since_ns=0)
            return found

        Registry.releasable = late  # type: ignore[method-assign, assignment]
        await asyncio.sleep(5)
        assert Registry.releasable is releasable

    run(memory, story)

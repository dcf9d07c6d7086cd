"""The queue, the log and the waiting that all drivers share."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import numpy as np
import pytest

from hw.clock import VirtualClock
from hw.devices import profiles
from hw.devices.errors import DeviceLostError
from hw.devices.runtime import Backoff, BlockQueue, DeviceSource, RejectLog
from hw.devices.waiting import within
from hw.source import Block, Side


def block(side: Side, first: int, count: int = 2, lost: int = 0) -> Block:
    return Block(side, np.arange(first, first + count, dtype=np.int64), None, None, lost)


async def test_a_sleeping_reader_loses_the_oldest_and_is_told_how_much() -> None:
    queue = BlockQueue(max_blocks=3)
    for number in range(6):
        queue.put(block("left" if number != 1 else "right", 10 * number, lost=number))
    queue.put(block("right", 100))
    got = [await queue.get() for _ in range(3)]
    assert [(b.side, int(b.time_ns[0]), b.lost) for b in got] == [
        ("left", 40, 4 + (2 + 0) + (2 + 2) + (2 + 3)),
        ("left", 50, 5),
        ("right", 100, 2 + 1),
    ]


async def test_a_failure_comes_after_what_was_before_it() -> None:
    queue = BlockQueue()
    queue.put(block("left", 0))
    queue.fail(RuntimeError("broken"))
    assert (await queue.get()).side == "left"
    with pytest.raises(RuntimeError, match="broken"):
        await queue.get()


async def test_each_reason_is_named_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    log = RejectLog("insole", clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(180):
            log.counts["length"] += 1
            log.report()
            await clock.sleep(1.0)
    assert [record.getMessage() for record in caplog.records] == [
        "insole: length, 1 packets rejected",
        "insole: length, 60 packets rejected",
        "insole: length, 60 packets rejected",
    ]


def test_waiting_grows_to_its_limit_and_begins_anew() -> None:
    backoff = Backoff(first_s=0.5, most_s=20.0, seed=1)
    waits = [backoff.next_s() for _ in range(12)]
    assert waits[0] <= 0.5
    assert all(10.0 <= wait <= 20.0 for wait in waits[6:])
    backoff.reset()
    assert backoff.next_s() <= 0.5


async def test_within_ends_on_the_simulated_clock() -> None:
    clock = VirtualClock()

    async def answer(after_s: float) -> str:
        await clock.sleep(after_s)
        return "here"

    assert await within(clock, 5.0, answer(1.0)) == "here"
    with pytest.raises(TimeoutError, match=r"within 5\.0 s"):
        await within(clock, 5.0, answer(60.0))
    assert clock.monotonic_ns() == 6_000_000_000


class _Broken(DeviceSource):
    """Ends in ways that a test chooses."""

    def __init__(self, clock: VirtualClock, error: Exception) -> None:
        super().__init__(profiles.load("orphe"), clock, ["left"])
        self.error = error
        self.attempts = 0

    def sessions(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {"one": self.serve}

    async def serve(self) -> None:
        self.attempts += 1
        raise self.error


async def test_a_lost_device_is_tried_again_within_20_s_and_a_mistake_is_not_hidden() -> None:
    clock = VirtualClock()
    source = _Broken(clock, DeviceLostError("one", "gone", "trying again"))
    stream = source.blocks()
    reader = asyncio.ensure_future(anext(stream))
    await clock.sleep(600.0)
    assert 30 <= source.attempts <= 80
    assert source.health()["left"].trouble == "one: gone; trying again"
    source.error = ZeroDivisionError("a mistake of ours")
    with pytest.raises(ZeroDivisionError):
        await reader
    await stream.aclose()

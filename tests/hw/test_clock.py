import asyncio
import ctypes
import time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw import clock as clocks
from hw.clock import ScaledClock, SystemClock, VirtualClock


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 5000), min_size=1, max_size=6), min_size=1, max_size=6))
def test_sleepers_wake_in_order_of_their_ends(naps: list[list[int]]) -> None:
    async def run() -> list[tuple[int, int]]:
        clock, log = VirtualClock(start_ns=7), []

        async def sleeper(name: int, own: list[int]) -> None:
            for nap in own:
                await clock.sleep(nap / 1000)
                log.append((clock.monotonic_ns(), name))

        await asyncio.gather(*(sleeper(k, own) for k, own in enumerate(naps)))
        return log

    log = asyncio.run(run())
    ends = [7 + sum(own[: n + 1]) * 10**6 for own in naps for n in range(len(own))]
    assert [at for at, _ in log] == sorted(ends)
    assert log == asyncio.run(run())


async def test_an_hour_takes_no_time_and_blocks_nobody() -> None:
    clock, ticks = VirtualClock(), 0

    async def other() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(36):
        await clock.sleep(100)
    task.cancel()
    assert clock.monotonic_ns() == 3600 * 10**9
    assert ticks > 36


async def test_a_woken_task_gets_its_turn_before_time_goes_on() -> None:
    clock, log = VirtualClock(), []
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def consumer() -> None:
        while True:
            log.append((await queue.get(), clock.monotonic_ns()))

    task = asyncio.create_task(consumer())
    for k in range(5):
        await clock.sleep(1)
        await queue.put(k)
    await clock.sleep(1)
    task.cancel()
    assert log == [(k, (k + 1) * 10**9) for k in range(5)]


async def test_a_cancelled_sleeper_does_not_move_time() -> None:
    clock = VirtualClock()
    task = asyncio.create_task(clock.sleep(100))
    await asyncio.sleep(0)
    task.cancel()
    await clock.sleep(1)
    assert clock.monotonic_ns() == 10**9


def test_a_clock_serves_one_event_loop_after_the_other() -> None:
    clock = VirtualClock()
    asyncio.run(clock.sleep(1))

    async def leave_a_sleeper() -> None:
        asyncio.get_running_loop().create_task(clock.sleep(50))
        await clock.sleep(1)

    asyncio.run(leave_a_sleeper())
    asyncio.run(clock.sleep(1))
    assert clock.monotonic_ns() == 3 * 10**9


def test_virtual_wall_time_is_unknown_or_runs_along() -> None:
    clock = VirtualClock(start_ns=5, wall_start_ns=1000)
    assert clock.wall_ns() == 1000
    asyncio.run(clock.sleep(2e-9))
    assert clock.wall_ns() == 1002
    assert VirtualClock().wall_ns() is None


async def test_a_scaled_clock_sleeps_shorter_than_it_says() -> None:
    real = time.monotonic_ns()
    clock = ScaledClock(1000, wall_start_ns=10**18)
    begin = clock.monotonic_ns()
    await clock.sleep(5)
    passed = clock.monotonic_ns() - begin
    taken = time.monotonic_ns() - real
    assert passed >= 4.9e9
    assert taken * 1000 >= passed
    wall = clock.wall_ns()
    assert wall is not None
    assert wall >= 10**18 + passed
    assert ScaledClock(2).wall_ns() is None


def test_a_speed_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        ScaledClock(0)


class Kernel:
    """Stands for the machine's adjtimex."""

    def __init__(self, answer: int, status: int) -> None:
        self.answer, self.status = answer, status

    def adjtimex(self, state: "ctypes._CArgObject") -> int:
        state._obj.status = self.status  # type: ignore[attr-defined]  # byref keeps its object there
        return self.answer


@pytest.mark.parametrize(
    ("answer", "status", "synchronised"),
    [(0, 0x2001, True), (5, 0x40, False), (0, 0x40, False), (5, 0, False), (-1, 0, None)],
)
def test_wall_time_is_given_only_while_it_is_right(
    answer: int, status: int, synchronised: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Kernel(answer, status))
    assert clocks.wall_is_synchronised() is synchronised
    now = 1_800_000_000 * 10**9
    monkeypatch.setattr(clocks, "time", SimpleNamespace(time_ns=lambda: now))
    assert SystemClock().wall_ns() == (None if synchronised is False else now)
    assert SystemClock(trust_wall=True).wall_ns() == now


def test_a_machine_without_adjtimex_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert clocks.wall_is_synchronised() is None


def test_a_clock_that_starts_in_1970_is_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "time", SimpleNamespace(time_ns=lambda: 10**15))
    assert SystemClock(trust_wall=True).wall_ns() is None


async def test_the_system_clock_runs() -> None:
    clock = SystemClock()
    begin = clock.monotonic_ns()
    await clock.sleep(0.001)
    assert clock.monotonic_ns() > begin

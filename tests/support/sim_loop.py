"""An event loop on simulated time: when nothing is ready, time jumps to the next timer.

There are no sockets and no threads: blocking calls run at once, in the caller's turn, and their
result arrives after a simulated while. So a run depends on its seed alone.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["SimClock", "SimLoop", "SimStuckError", "simulate"]

_T = TypeVar("_T")


class SimStuckError(RuntimeError):
    """Nothing is ready and no timer is set: everybody waits for somebody else."""


class _Jump(selectors.SelectSelector):
    """Waits for nothing: tells the loop how much time would have passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise SimStuckError("every task waits and no timer is set")
        self.now_s += timeout
        return []


class _Numbered:
    """Its hash is a number in order of making: sets of it have the same order in every run."""

    _loop: "SimLoop"

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._number = settings["loop"].number()
        super().__init__(*args, **settings)

    def __hash__(self) -> int:
        return int(self._number)

    def __eq__(self, other: object) -> bool:
        return self is other


class _SimFuture(_Numbered, asyncio.Future[Any]):
    pass


class _SimTask(_Numbered, asyncio.Task[Any]):
    pass


class SimLoop(asyncio.SelectorEventLoop):
    """The loop; `work_s` draws how long a blocking call takes [s]."""

    def __init__(self, work_s: Callable[[], float] = lambda: 0.0) -> None:
        self._jump = _Jump()
        self._work_s = work_s
        self._made = 0
        super().__init__(self._jump)
        self.set_task_factory(lambda loop, coro, **more: _SimTask(coro, loop=loop, **more))

    def number(self) -> int:
        """Return the next number for a task or future."""
        self._made += 1
        return self._made

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future whose hash does not depend on its address."""
        return _SimFuture(loop=self)

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return self._jump.now_s

    def run_in_executor(  # type: ignore[override]  # the same, less exactly typed
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """Run the call now; its result comes after a simulated while."""
        future = self.create_future()
        try:
            value, error = func(*args), None
        except Exception as raised:
            value, error = None, raised
        self.call_later(self._work_s(), _settle, future, value, error)
        return future


def _settle(future: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


class SimClock:
    """A machine's clock on the loop's time: it begins at 0 when the machine does.

    `wall_offset_ns` is what its wall clock shows less its monotonic one; None: not known.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wall_offset_ns: int | None = None) -> None:
        self._loop = loop
        self._begin_ns = round(loop.time() * 1e9)
        self.wall_offset_ns = wall_offset_ns

    @property
    def begin_ns(self) -> int:
        """The loop's time at which the machine began."""
        return self._begin_ns

    def monotonic_ns(self) -> int:
        return round(self._loop.time() * 1e9) - self._begin_ns

    def wall_ns(self) -> int | None:
        if self.wall_offset_ns is None:
            return None
        return self.monotonic_ns() + self.wall_offset_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _end_the_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def simulate(main: Coroutine[Any, Any, _T], work_s: Callable[[], float] = lambda: 0.0) -> _T:
    """Run a coroutine to its end on simulated time; raise what any forgotten task raised."""
    loop = SimLoop(work_s)
    unseen: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: unseen.append(context))
    try:
        result = loop.run_until_complete(main)
        loop.run_until_complete(_end_the_others())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
    if unseen:
        raise AssertionError(f"an error that nobody saw: {unseen[0]}")
    return result

"""Time as a port: the real clock, a scaled one, and a simulated one that never waits."""

import asyncio
import ctypes
import heapq
import time
from itertools import count
from typing import ClassVar

__all__ = ["ScaledClock", "SystemClock", "VirtualClock", "wall_is_synchronised"]

_YEAR_2024_NS = 1_704_067_200_000_000_000
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
_SETTLE_TURNS = 8


class _Timex(ctypes.Structure):
    """The head of Linux's struct timex; the rest is room for what the kernel fills in."""

    _fields_: ClassVar = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]


def wall_is_synchronised() -> bool | None:
    """Tell whether the kernel's clock follows a time server; None where it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):
        return None
    state = _Timex(modes=0)
    answer = adjtimex(ctypes.byref(state))
    if answer < 0:
        return None
    return answer != _TIME_ERROR and not state.status & _STA_UNSYNC


class SystemClock:
    """The machine's clock.

    Parameters
    ----------
    trust_wall : bool
        Take the wall clock as right without asking the kernel: for machines that are set from
        outside, such as containers. A year before 2024 is never taken as right.
    """

    def __init__(self, trust_wall: bool = False) -> None:
        self._trust = trust_wall

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step."""
        return time.monotonic_ns()

    def wall_ns(self) -> int | None:
        """Nanoseconds since 1970 in UTC, or None while the clock is not known to be right."""
        now = time.time_ns()
        if now < _YEAR_2024_NS:
            return None
        return now if self._trust or wall_is_synchronised() is not False else None

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)


class ScaledClock:
    """A clock that runs `speed` times as fast as the machine's.

    `wall_ns` runs at the same speed from `wall_start_ns`, or stays None where that is None.
    """

    def __init__(self, speed: float, wall_start_ns: int | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed}; give a positive number, 1 for real time")
        self._speed = speed
        self._start_ns = time.monotonic_ns()
        self._wall_start_ns = wall_start_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds of scaled time since the clock was made."""
        return round((time.monotonic_ns() - self._start_ns) * self._speed)

    def wall_ns(self) -> int | None:
        """The scaled wall time, or None where no start was given."""
        return None if self._wall_start_ns is None else self._wall_start_ns + self.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of scaled time."""
        await asyncio.sleep(seconds / self._speed)


class VirtualClock:
    """A simulated clock: time passes only in `sleep`, and then at once.

    When nobody else wants to run, time jumps to the earliest sleeper's end and wakes it. Sleepers
    wake in order of their ends, equal ends in the order in which they fell asleep. The event loop
    is never blocked: it turns `settle_turns` times before each jump, so that tasks that were woken,
    and sockets and threads that are ready by then, get their turn first.
    """

    def __init__(
        self,
        start_ns: int = 0,
        wall_start_ns: int | None = None,
        settle_turns: int = _SETTLE_TURNS,
    ) -> None:
        self._now_ns = start_ns
        self._wall_offset_ns = None if wall_start_ns is None else wall_start_ns - start_ns
        self._settle_turns = max(1, settle_turns)
        self._turns_left = 0
        self._pumped: asyncio.AbstractEventLoop | None = None
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def monotonic_ns(self) -> int:
        """Nanoseconds of simulated time."""
        return self._now_ns

    def wall_ns(self) -> int | None:
        """The simulated wall time, or None where no start was given."""
        return None if self._wall_offset_ns is None else self._now_ns + self._wall_offset_ns

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of simulated time; 0 lets the others run first, as asyncio's does."""
        loop = asyncio.get_running_loop()
        wake_ns = self._now_ns + max(0, round(seconds * 1e9))
        future: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (wake_ns, next(self._order), future))
        self._turns_left = self._settle_turns
        if self._pumped is not loop:
            self._pumped = loop
            loop.call_soon(self._pump, loop)
        await future

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait out the turns, then wake the earliest sleeper; go on while anyone sleeps."""
        if self._turns_left > 0:
            self._turns_left -= 1
        else:
            self._wake()
        if self._sleepers:
            loop.call_soon(self._pump, loop)
        else:
            self._pumped = None

    def _wake(self) -> None:
        while self._sleepers:
            wake_ns, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self._now_ns = max(self._now_ns, wake_ns)
                self._turns_left = self._settle_turns
                future.set_result(None)
                return

"""From monotonic to wall time: the offset, and the names of boots and clocks.

Detection runs on the monotonic clock. Events get their wall time from one offset per boot of the
machine, taken when the clock is first known to be right and then kept, so that a step of the
wall clock moves no event. A new offset is taken only when the old one has been wrong by more
than `STEP_NS` for `PATIENCE_NS` without a break: then the first reading was the wrong one.
"""

import asyncio
import secrets
import time
from pathlib import Path

from hw.source import Clock

__all__ = [
    "PATIENCE_NS",
    "STEP_NS",
    "LoopClock",
    "WallOffset",
    "machine_clock_name",
    "new_boot_id",
]

STEP_NS = 500_000_000
"""Half a second: below it a stride still lies where the person walked it."""
PATIENCE_NS = 600_000_000_000
"""Ten minutes: longer than a wrong time server usually goes unnoticed."""


class WallOffset:
    """Follows the difference of wall and monotonic clock [ns].

    Parameters
    ----------
    clock : Clock
        Whose two times are compared.
    known_ns : int, optional
        The offset that this boot already uses.
    """

    def __init__(self, clock: Clock, known_ns: int | None = None) -> None:
        self._clock = clock
        self.offset_ns = known_ns
        self._wrong_since_ns: int | None = None

    def update(self) -> bool:
        """Look at the clock; return whether `offset_ns` has changed."""
        wall_ns, now_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        if wall_ns is None:
            return False
        seen_ns = wall_ns - now_ns
        if self.offset_ns is None:
            self.offset_ns = seen_ns
            return True
        return self._doubt(seen_ns, now_ns)

    def _doubt(self, seen_ns: int, now_ns: int) -> bool:
        assert self.offset_ns is not None
        if abs(seen_ns - self.offset_ns) <= STEP_NS:
            self._wrong_since_ns = None
            return False
        if self._wrong_since_ns is None:
            self._wrong_since_ns = now_ns
        if now_ns - self._wrong_since_ns < PATIENCE_NS:
            return False
        self.offset_ns, self._wrong_since_ns = seen_ns, None
        return True


def new_boot_id() -> str:
    """Return a random id for one run of the agent, 16 hexadecimal digits."""
    return secrets.token_hex(8)


def machine_clock_name() -> str:
    """Return a name of the machine's monotonic clock that changes when it starts again at 0."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return new_boot_id()


class LoopClock:
    """Real time for the network's timers, whatever clock the samples run on."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step."""
        return time.monotonic_ns()

    def wall_ns(self) -> int | None:
        """Unknown: event times come from the samples' clock."""
        return None

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)

"""What all drivers share: sessions that are tried again, a queue of blocks, a state to look at."""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hw.devices.assembly import PacketStream, StreamCounts
from hw.devices.errors import DeviceError
from hw.source import Block, Clock, Profile, Side

__all__ = ["Backoff", "BlockQueue", "DeviceSource", "FootHealth", "RejectLog"]

_LOG = logging.getLogger(__name__)
_MINUTE_NS = 60_000_000_000
MAX_BLOCKS = 4096


class BlockQueue:
    """Blocks on their way to one reader; when it sleeps, the oldest go and are counted as lost."""

    def __init__(self, max_blocks: int = MAX_BLOCKS) -> None:
        self._blocks: deque[Block] = deque()
        self._max_blocks = max_blocks
        self._overflow: Counter[Side] = Counter()
        self._ready = asyncio.Event()
        self._failure: BaseException | None = None

    def put(self, block: Block) -> None:
        """Append a block; never waits."""
        if len(self._blocks) >= self._max_blocks:
            oldest = self._blocks.popleft()
            self._overflow[oldest.side] += len(oldest.time_ns) + oldest.lost
        self._blocks.append(block)
        self._ready.set()

    def fail(self, failure: BaseException) -> None:
        """Raise `failure` at the reader once the blocks before it are read."""
        self._failure = failure
        self._ready.set()

    async def get(self) -> Block:
        """Return the oldest block, waiting for one."""
        while not self._blocks:
            if self._failure is not None:
                raise self._failure
            self._ready.clear()
            await self._ready.wait()
        block = self._blocks.popleft()
        if missed := self._overflow.pop(block.side, 0):
            block = replace(block, lost=block.lost + missed)
        return block


class RejectLog:
    """Counts what goes wrong with a device, and names it once a minute at most for each reason.

    `counts` is by reason; `what` says what is counted, such as "packets rejected".
    """

    def __init__(self, device: str, clock: Clock, what: str = "packets rejected") -> None:
        self._device = device
        self._clock = clock
        self._what = what
        self.counts: Counter[str] = Counter()
        self._said: dict[str, tuple[int, int]] = {}

    def report(self) -> None:
        """Log the reasons that counted up since they were last named, if a minute has passed."""
        now_ns = self._clock.monotonic_ns()
        for reason, count in self.counts.items():
            said, said_ns = self._said.get(reason, (0, now_ns - _MINUTE_NS))
            if count > said and now_ns - said_ns >= _MINUTE_NS:
                _LOG.warning("%s: %s, %d %s", self._device, reason, count - said, self._what)
                self._said[reason] = (count, now_ns)


class Backoff:
    """Waiting times between attempts: doubling, up to `most_s`, shaken so that feet take turns."""

    def __init__(self, first_s: float = 0.5, most_s: float = 20.0, seed: int | None = None) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._attempts = 0
        self._random = random.Random(seed)

    def reset(self) -> None:
        """Begin again with the shortest: the device was there."""
        self._attempts = 0

    def next_s(self) -> float:
        """Return the next waiting time [s]."""
        whole = min(self._most_s, self._first_s * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        return whole * self._random.uniform(0.5, 1.0)


@dataclass(slots=True)
class FootHealth:
    """What is known of one foot's device.

    `battery_percent` is None where the device does not say, `battery` its own raw number;
    `sync_uncertainty_s` is the half width of the interval that holds the true time of a sample, NaN
    before the first estimate; `trouble` says what is wrong now, "" when nothing is.
    """

    connected: bool = False
    connections: int = 0
    battery: int | None = None
    battery_percent: float | None = None
    saturated_samples: int = 0
    sync_uncertainty_s: float = float("nan")
    trouble: str = ""
    counts: StreamCounts = field(default_factory=StreamCounts)
    rejected: Counter[str] = field(default_factory=Counter)


class DeviceSource(ABC):
    """Base of all drivers: a `hw.source.Source` whose sessions are begun again when they break.

    A driver says in `sessions` what to keep running, one coroutine function per device, each of
    which serves one connection and raises a `DeviceError` when it ends.
    """

    def __init__(self, profile: Profile, clock: Clock, sides: Iterable[Side]) -> None:
        self._profile = profile
        self._clock = clock
        self._queue = BlockQueue()
        self._logs: dict[str, RejectLog] = {}
        self._health: dict[Side, FootHealth] = {side: FootHealth() for side in sides}

    @property
    def profile(self) -> Profile:
        """The device's cells, axes and units."""
        return self._profile

    def health(self) -> dict[Side, FootHealth]:
        """Return the state of each foot's device, as it is now."""
        return self._health

    def reject_log(self, device: str) -> RejectLog:
        """Return the log of what a device's codec rejects; it outlives the connections."""
        return self._logs.setdefault(device, RejectLog(device, self._clock))

    @abstractmethod
    def sessions(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return the session to keep running for each device, by the device's name."""

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks as they arrive, for ever; devices that go are waited for.

        Closing the iterator (`aclose`) closes the devices.
        """
        tasks = [
            asyncio.create_task(self._keep(name, session), name=f"device {name}")
            for name, session in self.sessions().items()
        ]
        try:
            while True:
                yield await self._queue.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, session: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(seed=sum(name.encode()))
        endings = RejectLog(name, self._clock, "attempts ended")
        try:
            while True:
                began_ns = self._clock.monotonic_ns()
                try:
                    await session()
                except DeviceError as error:
                    self._trouble(name, str(error))
                    endings.counts[error.reason] += 1
                endings.report()
                if self._clock.monotonic_ns() - began_ns > _MINUTE_NS // 6:
                    backoff.reset()
                await self._clock.sleep(backoff.next_s())
        except Exception as error:
            self._queue.fail(error)

    def _trouble(self, name: str, message: str) -> None:
        """Note what is wrong with the device `name`; drivers that know its side override it."""
        for health in self._health.values():
            health.connected = False
            health.trouble = message

    def _emit(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self._queue.put(block)

    def _observe(self, stream: PacketStream) -> None:
        """Copy what a stream knows into its foot's health."""
        health = self._health[stream.side]
        health.counts = stream.counts
        health.sync_uncertainty_s = stream.clock_map.uncertainty_ns / 1e9

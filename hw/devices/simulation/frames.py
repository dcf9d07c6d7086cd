"""A transport of whole frames in this process, with faults, on any clock."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from hw.devices.errors import DeviceLostError
from hw.devices.links import OnFrame
from hw.devices.simulation.gatt import LinkFaults
from hw.source import Clock

__all__ = ["FrameSender", "SimulatedFrames"]


class FrameSender(Protocol):
    """A device that sends frames by itself and may answer."""

    async def run(self, send: Callable[[bytes], object]) -> None:
        """Send frames for ever."""
        ...

    def answer(self, data: bytes, send: Callable[[bytes], object]) -> None:
        """Take in what the host sent."""
        ...


class SimulatedFrames:
    """The port of links.py: every frame takes a delay of its own, so they may overtake each other.

    `senders` are the devices by peer name. Faults hold for the frames that come, delays both ways.
    `fail_open` is how many more times opening fails.
    """

    def __init__(
        self,
        senders: Mapping[str, FrameSender],
        clock: Clock,
        faults: LinkFaults | None = None,
        on_air: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._senders = senders
        self._clock = clock
        self._on_air = on_air or (lambda data: data)
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_frame: OnFrame | None = None
        self.faults = faults or LinkFaults()
        self.fail_open = 0
        self.opened = 0

    @property
    def connected(self) -> bool:
        """Whether the link is open."""
        return self._on_frame is not None

    async def open(self, on_frame: OnFrame) -> None:
        """Let the devices send."""
        await self._clock.sleep(0.01)
        if self.fail_open > 0:
            self.fail_open -= 1
            raise DeviceLostError("simulated link", "it does not open", "trying again")
        self._on_frame = on_frame
        self.opened += 1
        for peer, sender in self._senders.items():
            self._spawn(sender.run(self._back(peer)))

    async def send(self, frame: bytes, peer: str) -> None:
        """Carry a frame to a device."""
        if self._on_frame is None:
            raise DeviceLostError(peer, "the link is closed", "trying again")
        self._spawn(self._carry(peer, frame))

    async def close(self) -> None:
        """Close the link; what is under way is lost."""
        self.drop()

    def drop(self) -> None:
        """Break the link."""
        self._on_frame = None
        for task in list(self._tasks):
            task.cancel()

    def _back(self, peer: str) -> Callable[[bytes], None]:
        """Return how a device sends to the host."""

        def send(data: bytes) -> None:
            for _ in range(self.faults.copies(data)):
                self._spawn(self._deliver(peer, data))

        return send

    async def _carry(self, peer: str, frame: bytes) -> None:
        await self._clock.sleep(self.faults.next_delay_s())
        self._senders[peer].answer(frame, lambda data: self._spawn(self._deliver(peer, data)))

    async def _deliver(self, peer: str, data: bytes) -> None:
        await self._clock.sleep(self.faults.next_delay_s())
        if self._on_frame is not None:
            self._on_frame(self._on_air(data), peer)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""What devices are told, over MQTT: a retained `Setup` each on `config`, requests on `command`.

A `Setup` goes out when it differs from the last, and all go out anew on every session: the broker
may have lost what it retained. The devices know a number they have already. Requests are not
retained; they go out when they are queued, on every session, and whenever their device comes back.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from edge import wire
from pipeline.care.care import Care
from pipeline.care.outgoing import Queued
from pipeline.errors import StoreUnavailable
from pipeline.link import Session

__all__ = ["SetupPublisher"]

_LOG = logging.getLogger(__name__)
_WHOLE_S: Final = 60.0
"""So often all is looked through, also where no file changed: a device may change hands by now."""
_MAX_REQUESTS: Final = 100


class SetupPublisher:
    """Sends setups and requests; implements `pipeline.sender.Sender`.

    Parameters
    ----------
    care : Care
    poll_s : float
        So often the file is looked at for what other processes changed [s].
    clock : callable, optional
        Monotonic time [s].
    """

    def __init__(
        self, care: Care, *, poll_s: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._care = care
        self._poll_s = poll_s
        self._clock = clock
        self._back: set[str] = set()
        self._lives: dict[str, tuple[str, bool, int | None]] = {}
        self._due = asyncio.Event()
        self.published = 0
        """Messages that a broker took."""

    def wake(self) -> None:
        """Look at once, not only at the next poll."""
        self._due.set()

    def seen(self, status: wire.Status) -> None:
        """Take note of a device that came back: it has not heard what was sent meanwhile."""
        life = (status.boot, status.online, status.reconnections)
        if status.online and self._lives.get(status.device) != life:
            self._back.add(status.device)
            self._due.set()
        self._lives[status.device] = life

    async def serve(self, session: Session) -> None:
        """Send until cancelled; see `Sender.serve`."""
        sent: dict[str, int] = {}
        heard: dict[str, int] = {}
        version: object = None
        problem = ""
        whole_s = self._clock()
        while True:
            self._due.clear()
            try:
                now = await self._care.version()
                if now != version or self._clock() >= whole_s:
                    await self._send_setups(session, sent)
                    version, whole_s = now, self._clock() + _WHOLE_S
                await self._send_requests(session, heard)
                problem = ""
            except StoreUnavailable as error:
                if str(error) != problem:
                    _LOG.warning("setups are sent later: %s", error)
                version, problem = None, str(error)
            await self._pause()

    async def _send_setups(self, session: Session, sent: dict[str, int]) -> None:
        for setup in await self._care.setups():
            if sent.get(setup.device) != setup.revision:
                topic = wire.topic(setup.device, "config")
                await session.publish(topic, wire.encode(setup), retain=True)
                sent[setup.device] = setup.revision
                self.published += 1

    async def _send_requests(self, session: Session, heard: dict[str, int]) -> None:
        """Send each device what it has not heard on this session, or since it came back."""
        back, self._back = self._back, set()
        for device in back:
            heard.pop(device, None)
        for device, queued in _by_device(await self._care.requests()).items():
            news = [each for each in queued if each.number > heard.get(device, 0)]
            for start in range(0, len(news), _MAX_REQUESTS):
                part = tuple(each.request for each in news[start : start + _MAX_REQUESTS])
                command = wire.Command(device=device, requests=part)
                await session.publish(wire.topic(device, "command"), wire.encode(command))
                self.published += 1
            heard[device] = queued[-1].number

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._due.wait()
        except TimeoutError:
            return


def _by_device(queued: Iterable[Queued]) -> dict[str, list[Queued]]:
    found: dict[str, list[Queued]] = {}
    for each in queued:
        found.setdefault(each.device, []).append(each)
    return found

"""A loopback TCP proxy that delays, stalls, breaks and half-opens what goes through it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Proxy", "proxy_to"]


class Proxy:
    """The proxy; its attributes may change at any time.

    Attributes
    ----------
    port : int
        Where it listens.
    delay_s : float
        Every piece comes so much later, in each direction [s].
    loss, resend_s : float
        Probability that a piece is lost on the way, and when TCP sends it again [s].
    is_silent : bool
        Half-open: nothing passes, nothing is closed.
    """

    def __init__(self, target: int, rng: random.Random) -> None:
        self.port = 0
        self.delay_s = 0.0
        self.loss, self.resend_s = 0.0, 0.2
        self.is_silent = False
        self.accepted = 0
        self._target = target
        self._rng = rng
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break every connection without a goodbye."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        self.accepted += 1
        try:
            far = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far[1]}
        self._writers |= ends
        ways = [
            asyncio.create_task(self._carry(reader, far[1])),
            asyncio.create_task(self._carry(far[0], writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.transport.abort()
            self._writers -= ends

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1400):
                wait_s = self.delay_s
                while self._rng.random() < self.loss:
                    wait_s += self.resend_s
                await asyncio.sleep(wait_s)
                while self.is_silent:  # noqa: ASYNC110 - a test sets it
                    await asyncio.sleep(0.02)
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxy_to(port: int, seed: int = 1) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a loopback port."""
    proxy = Proxy(port, random.Random(seed))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await asyncio.sleep(0.05)

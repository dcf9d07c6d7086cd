"""A tiny HTTP server that answers as a plan says, for answers no real database gives on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class TinyHttp:
    """Keeps the bodies it was sent; `plan(path, body)` gives the answer, None never answers."""

    def __init__(self, plan: Callable[[str, bytes], Answer | None]) -> None:
        self.plan = plan
        self.requests: list[tuple[str, bytes]] = []
        self.headers: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request of one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = 0
            for line in head.splitlines():
                if line.lower().startswith("content-length:"):
                    length = int(line.split(":")[1])
            body = await reader.readexactly(length)
            path = head.split()[1]
            self.requests.append((path, body))
            self.headers.append(head)
            answer = self.plan(path, body)
            if answer is None:
                await reader.read()
                return
            status, headers, text = answer
            lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(text)}", "Connection: close"]
            lines += [f"{key}: {value}" for key, value in headers.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + text)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def tiny_http(plan: Callable[[str, bytes], Answer | None]) -> AsyncIterator[TinyHttp]:
    """Run a `TinyHttp` on a free loopback port."""
    http = TinyHttp(plan)
    server = await asyncio.start_server(http.serve, "127.0.0.1", 0)
    http.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield http
    finally:
        server.close()

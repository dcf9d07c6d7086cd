"""A page with a screen in front of it: plain HTTP, WebSocket, and Chromium."""

import asyncio
import http.client
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets

from edge.page.errors import PageError
from edge.page.screenshots import CHROMIUM_ARGUMENTS, find_chromium


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cookie(self) -> str:
        """The cookie that was set, as it is sent back."""
        return self.headers.get("set-cookie", "").partition(";")[0]


@dataclass
class Visitor:
    """Asks a page by HTTP as a browser of that origin does; `headers` replace its own."""

    address: str
    cookie: str = ""
    context: ssl.SSLContext | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Host and port."""
        return urlsplit(self.address).netloc

    async def ask(self, method: str, path: str, body: str | bytes = b"", **more: str) -> Answer:
        """Return the answer; header names in `more` have _ for -."""
        own = {"Host": self.place, "Origin": self.address.rstrip("/"), "Cookie": self.cookie}
        own |= {name.replace("_", "-"): value for name, value in more.items()}
        sent = {name: value for name, value in own.items() if value}
        return await asyncio.to_thread(self._ask, method, path, body, sent)

    def _ask(self, method: str, path: str, body: str | bytes, headers: dict[str, str]) -> Answer:
        split = urlsplit(self.address)
        if self.context is not None:
            link: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", split.port, timeout=10, context=self.context
            )
        else:
            link = http.client.HTTPConnection("127.0.0.1", split.port, timeout=10)
        try:
            link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            data = body.encode() if isinstance(body, str) else body
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                link.putheader(name, value)
            link.endheaders(data)
            answer = link.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            link.close()

    async def pair(self, code: str) -> Answer:
        """Type a code; keep the cookie."""
        answer = await self.ask("POST", "/pair", f"code={code}")
        self.cookie = answer.cookie or self.cookie
        return answer

    async def tap(self, **message: Any) -> Answer:
        """Send a tap."""
        return await self.ask("POST", "/tap", json.dumps(message))

    def watch(self, **more: str) -> websockets.connect:
        """Open the WebSocket, as a context."""
        headers = {"Cookie": self.cookie, **{k.replace("_", "-"): v for k, v in more.items()}}
        url = self.address.replace("http", "ws", 1) + "live"
        origin = headers.pop("Origin", self.address.rstrip("/"))
        return websockets.connect(url, origin=origin, additional_headers=headers)  # type: ignore[arg-type]  # any text is sent


async def section(socket: websockets.ClientConnection, name: str, wanted: Any = None) -> Any:
    """Return a section's newest data; with `wanted`, wait until that holds of it."""
    async with asyncio.timeout(10):
        while True:
            sections = json.loads(await socket.recv())["s"]
            if name in sections and (wanted is None or wanted(sections[name])):
                return sections[name]


def chromium() -> str:
    """Return Chromium's path; skip (a person) or fail (CI) where it is missing."""
    try:
        return find_chromium()
    except PageError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """Chromium, started, without a window."""
    from playwright.async_api import async_playwright

    path = chromium()
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=path, args=list(CHROMIUM_ARGUMENTS)
        )
        try:
            yield running
        finally:
            await running.close()

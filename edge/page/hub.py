"""Sends what changed to every open screen, at most ten times a second, at once after a pause."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.page.model import PageModel

__all__ = ["MOST_SCREENS", "PUSH_S", "Hub"]

PUSH_S: Final = 0.1
IDLE_S: Final = 0.5
"""Timers of a guided session go on without samples."""
BEAT_S: Final = 5.0
"""A screen hears at least so often, so that it knows a dead connection (page.js: SILENCE)."""
MOST_SCREENS: Final = 8
SLOW_S: Final = 2.0
"""A screen that takes longer to take a message is let go; it connects again by itself."""
_BYE: Final = '{"bye":true}'
_FULL, _GOING = 1013, 1001
"""WebSocket close codes: try again later; going away."""


class Hub:
    """The open screens of a model.

    A message is `{"n": number, "s": {section: data}}`; the first one has every section.
    """

    def __init__(self, model: PageModel) -> None:
        self._model = model
        self._screens: dict[WebSocket, Callable[[], bool]] = {}
        self._due = asyncio.Event()
        self._somebody = asyncio.Event()
        self._in_turn = asyncio.Lock()
        self._number = 0
        self._pushed_s = 0.0
        model.on_change = self._due.set

    async def serve(self, socket: WebSocket, is_paired: Callable[[], bool]) -> None:
        """Keep one screen until it goes, or `is_paired` no longer holds."""
        await socket.accept()
        if len(self._screens) >= MOST_SCREENS:
            await socket.close(_FULL)
            return
        try:
            await self._welcome(socket, is_paired)
            while True:
                await socket.receive_text()  # a screen has nothing to say here; its end is seen
        except (WebSocketDisconnect, RuntimeError, KeyError):
            pass  # gone, or not text
        finally:
            self._screens.pop(socket, None)
            self._count()

    async def _welcome(self, socket: WebSocket, is_paired: Callable[[], bool]) -> None:
        """Send all sections; what changed since the last push goes to the others as well."""
        async with self._in_turn:
            await self._push()
            await socket.send_text(self._message(self._model.sections))
            self._screens[socket] = is_paired
        self._count()

    def _count(self) -> None:
        self._model.screens = len(self._screens)
        self._model.touch()
        if self._screens:
            self._somebody.set()
        else:
            self._somebody.clear()

    async def run(self) -> None:
        """Push until cancelled."""
        while True:
            await self._somebody.wait()
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            async with self._in_turn:
                await self._push()
            await asyncio.sleep(PUSH_S)

    async def _push(self) -> None:
        changes, now_s = self._model.changes(), asyncio.get_running_loop().time()
        if changes or now_s - self._pushed_s >= BEAT_S:
            self._pushed_s = now_s
            await self._send(self._message(changes))

    def _message(self, sections: dict[str, object]) -> str:
        self._number += 1
        return msgspec.json.encode({"n": self._number, "s": sections}).decode()

    async def check(self) -> None:
        """Let go of screens that are no longer paired."""
        for socket, is_paired in tuple(self._screens.items()):
            if not is_paired():
                await self._let_go(socket)

    async def close(self, bye: bool) -> None:
        """Let all screens go; `bye` tells them that the agent ends, and recording with it."""
        if bye:
            await self._send(_BYE)
        for socket in tuple(self._screens):
            await self._let_go(socket)

    async def _send(self, text: str) -> None:
        await asyncio.gather(*(self._send_one(socket, text) for socket in tuple(self._screens)))

    async def _send_one(self, socket: WebSocket, text: str) -> None:
        try:
            async with asyncio.timeout(SLOW_S):
                await socket.send_text(text)
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
            await self._let_go(socket)

    async def _let_go(self, socket: WebSocket) -> None:
        self._screens.pop(socket, None)
        try:
            async with asyncio.timeout(SLOW_S):
                await socket.close(_GOING)
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
            pass  # it is gone already

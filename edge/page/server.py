"""The page in the agent's own event loop: `build_page` makes it, `run` serves it.

Nothing here reaches detection: the page's failures are logged and tried again, its disk work is
done by a thread, its model only looks at what the agent passes on.
"""

import asyncio
import contextlib
import logging
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn

from edge import wire
from edge.companion import Companion, Emit
from edge.config import AgentConfig
from edge.events import Record
from edge.page.guard import own_names
from edge.page.history import Changes, History
from edge.page.hub import Hub
from edge.page.model import PageModel
from edge.page.pairing import Pairing, new_code
from edge.page.routes import build_app
from edge.page.sections import Parts
from edge.page.sharing import SharingPause
from edge.service import ThreadWorker, Worker
from edge.state import AgentState
from hw.source import Block, Clock, Profile

__all__ = ["KEEP_S", "PageServer", "build_page"]

log = logging.getLogger(__name__)

KEEP_S: Final = 10.0
"""The page's history is stored so often."""
LOOK_S: Final = 5.0
"""Screens that are no longer paired are let go within this time."""
RETRY_S: Final = (2.0, 60.0)
"""First and longest wait before serving is tried again."""

Announce = Callable[[str, str], None]


class _Uvicorn(uvicorn.Server):
    """uvicorn that leaves the process's signals to the agent."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class PageServer(Companion):
    """Serves the page until `stop`; as a companion it passes on what the agent sees.

    Attributes
    ----------
    model : PageModel
        What is shown.
    sharing : SharingPause
        A companion of its own: the agent asks it, and it must come before this one in the list.
    """

    def __init__(
        self,
        config: AgentConfig,
        model: PageModel,
        history: History,
        worker: Worker,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self.model = model
        self.sharing = model.sharing
        self._config = config
        self._history = history
        self._worker = worker
        self._clock = clock
        self._announce = announce
        self._is_finished = False
        self._folder = Path(config.state.dir)
        self._stop = asyncio.Event()
        self._server: _Uvicorn | None = None
        self._port = config.page.port
        self.ready = asyncio.Event()
        """Set while the page is served."""
        self.code = ""

    # -- as a companion ---------------------------------------------------------------------

    def started(self, emit: Emit) -> None:
        """Pass on."""
        self.model.started(emit)

    def block(self, block: Block, now_ns: int) -> Iterable[wire.Event]:
        """Pass on."""
        return self.model.block(block, now_ns)

    def record(self, record: Record, now_ns: int) -> Iterable[wire.Event]:
        """Pass on."""
        return self.model.record(record, now_ns)

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Pass on."""
        return self.model.event(event, now_ns)

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """Pass on."""
        return self.model.tick(now_ns, offset_ns)

    def setup(self, setup: wire.Setup) -> None:
        """Pass on."""
        self.model.setup(setup)

    def request(self, request: wire.Request) -> None:
        """Pass on."""
        self.model.request(request)

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """Keep what was counted."""
        self._is_finished = True
        self._worker.close()
        self._store(self.model.take_pending())
        self._history.close()
        return ()

    # -- serving ----------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where a person opens the page."""
        page = self._config.page
        host = page.host
        if host in ("0.0.0.0", "::"):
            host = (page.names.split() or [f"{socket.gethostname()}.local"])[0]
        if ":" in host:
            host = f"[{host}]"
        return f"{'https' if page.cert else 'http'}://{host}:{self._port}/"

    async def run(self) -> None:
        """Serve until `stop`; what fails is logged and tried again."""
        keeping = asyncio.create_task(self._keep())
        wait_s = RETRY_S[0]
        try:
            while not self._stop.is_set():
                try:
                    await self._serve()
                except Exception as error:
                    log.warning("no page: %s; tried again in %.0f s", error, wait_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), wait_s)
                wait_s = min(RETRY_S[1], 2 * wait_s)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    def stop(self) -> None:
        """End serving; open screens are told."""
        self._stop.set()

    async def _serve(self) -> None:
        page = self._config.page
        listener = _listener(page.host, page.port)
        self._port = listener.getsockname()[1]
        try:
            hub = Hub(self.model)
            pairing = Pairing(self._folder, time.time, time.monotonic)
            self.code = new_code(self._folder)
            app = build_app(
                self.model, hub, pairing, self._fresh_code, own_names(page.names), bool(page.cert)
            )
            self._server = _Uvicorn(_uvicorn_config(app, page.cert, page.key))
            serving = asyncio.create_task(self._server.serve(sockets=[listener]))
            tasks = [serving, asyncio.create_task(hub.run()), asyncio.create_task(_look(hub))]
            tasks.append(asyncio.create_task(self._stop.wait()))  # type: ignore[arg-type]  # its result is not used
            try:
                await self._tell(serving)
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                self.ready.clear()
                await hub.close(bye=self._stop.is_set())
                self._server.should_exit = True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(serving), 3.0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            listener.close()

    def _fresh_code(self) -> str:
        self.code = new_code(self._folder)
        return self.code

    async def _tell(self, serving: asyncio.Task[None]) -> None:
        """Say where the page is, and what that means, once it is there."""
        assert self._server is not None
        while not self._server.started:
            if serving.done():
                return
            await asyncio.sleep(0.02)
        self.ready.set()
        self._announce(self.address, self.code)
        if self._config.page.is_open:
            log.warning("the page is not encrypted: everyone in this network can read along")

    # -- keeping ----------------------------------------------------------------------------

    async def _keep(self) -> None:
        while not self._is_finished:
            await self._clock.sleep(KEEP_S)
            changes = self.model.take_pending()
            if changes and not await self._worker.run(partial(self._store, changes)):
                self.model.put_back(changes)

    def _store(self, changes: Changes) -> bool:
        try:
            self._history.store(changes)
        except sqlite3.Error as error:
            log.warning("the page's history was not stored: %s", error)
            return False
        return True


def _log_address(address: str, code: str) -> None:
    """The code goes to a person's console, never to a log."""
    log.info("the page: %s; its code: heelfirst page code", address)


def build_page(
    config: AgentConfig,
    state: AgentState,
    profile: Profile,
    clock: Clock,
    sharing: SharingPause,
    parts: Parts | None = None,
    clock_name: str = "",
    worker: Worker | None = None,
    announce: Announce = _log_address,
) -> PageServer:
    """Return the page of an agent.

    Parameters
    ----------
    config : AgentConfig
    state : AgentState
        The agent's.
    profile : Profile
        Of its source.
    clock : Clock
        Of its samples.
    sharing : SharingPause
        The one that the agent asks.
    parts : Parts, optional
        Cues, guided exercises, reminders, the status facts.
    clock_name : str
        `edge.clock.machine_clock_name()`: what waits for the wall clock survives a restart.
    worker : Worker, optional
        Where the history is written; by default a thread of its own.
    announce : callable
        Takes address and code each time that serving begins, for the console.
    """
    history = History(Path(config.state.dir) / "page.db", clock_name)
    loaded = history.load()
    parts = parts or Parts()
    model = PageModel(config, state, profile, loaded, sharing, parts, clock.monotonic_ns)
    return PageServer(config, model, history, worker or ThreadWorker(), clock, announce)


async def _look(hub: Hub) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        await hub.check()


def _listener(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises `OSError` where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    return listener


def _uvicorn_config(app: Any, cert: str, key: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http="h11",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=4096,
        server_header=False,
        limit_concurrency=64,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=1,
        ssl_certfile=cert or None,
        ssl_keyfile=key or None,
    )

"""An agent put together: outbox, publisher and what the therapist has set, from the settings."""

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from edge import wire
from edge.agent import Agent, Observer
from edge.companion import Companion
from edge.config import AgentConfig
from edge.link import MqttConnector
from edge.outbox import Outbox
from edge.outbox_file import OutboxError
from edge.publish import Publisher
from edge.service import OutboxService
from edge.setup import SetupDesk, SetupFile
from edge.state import AgentState
from edge.status import Facts
from hw.source import Clock, Source

__all__ = ["SETUP_FILE", "assemble"]

log = logging.getLogger(__name__)

RAM_FOLDER = "/dev/shm"
"""Where an outbox lives while the disk is full, if systemd names no runtime directory."""
RAM_BYTES = 16 * 1024 * 1024
SETUP_FILE = "setup.json"
"""In the state directory: the last good setup."""


def assemble(
    config: AgentConfig,
    source: Source,
    clock: Clock,
    *,
    clock_name: str | None = None,
    version: str = "",
    once: bool = False,
    observer: Observer | None = None,
    companions: Sequence[Companion] = (),
    source_facts: Facts = dict,
    state: AgentState | None = None,
    holds_back: Callable[[wire.Event], bool] | None = None,
) -> Agent:
    """Return an agent with its outbox and a real broker, as the configuration says.

    Parameters
    ----------
    clock_name : str, optional
        `edge.clock.machine_clock_name()` where `clock` is the machine's own monotonic clock: a
        restart then goes on with the known wall time. None for every other clock.

    Raises
    ------
    OutboxError
        The outbox cannot be opened; a full disk is no reason: see `_open_outbox`.
    LinkError
        A certificate cannot be read.
    """
    outbox = _open_outbox(config, clock_name, version)
    service = OutboxService(outbox)
    desk = SetupDesk(SetupFile(Path(config.state.dir) / SETUP_FILE, config.device), config.device)
    publisher = Publisher(
        config.device,
        service,
        MqttConnector(config.broker, config.device),
        version=version,
        wall_ns=clock.wall_ns,
        handler=desk,
    )
    return Agent(
        config,
        source,
        clock,
        service,
        publisher,
        once=once,
        observer=observer,
        companions=companions,
        desk=desk,
        source_facts=source_facts,
        state=state,
        holds_back=holds_back,
    )


def _open_outbox(config: AgentConfig, clock_name: str | None, version: str) -> Outbox:
    """Return the outbox; on a full disk one in memory.

    A Pi that starts with a full card goes on detecting, cueing, and sending what it detects; what
    was waiting in the file goes out after a start with room. What waits in memory goes on after a
    restart without room, and is lost with the machine's power.
    """
    _make_private(config.outbox_path)
    try:
        return Outbox(
            config.outbox_path,
            clock_name=clock_name,
            max_rows=config.outbox.max_rows,
            max_bytes=config.outbox.max_bytes,
            program=version,
        )
    except OutboxError as error:
        folder = Path(os.environ.get("RUNTIME_DIRECTORY", RAM_FOLDER))
        if not error.is_full or not folder.is_dir():
            raise
        path = folder / f"heelfirst-{config.device}.db"
        log.error(
            "%s; events wait in memory, %s, until the agent is started with room", error, path
        )
        _make_private(path)
        return Outbox(path, clock_name=clock_name, max_bytes=RAM_BYTES, program=version)


def _make_private(path: Path) -> None:
    """Make the file where it is missing, readable by its owner alone."""
    with contextlib.suppress(OSError):  # opening it says what is wrong
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)

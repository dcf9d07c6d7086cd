"""An agent put together: outbox, publisher and what the therapist has set, from the settings."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edge import wire
from edge.agent import Agent, Observer
from edge.companion import Companion
from edge.config import AgentConfig
from edge.link import MqttConnector
from edge.outbox import Outbox
from edge.publish import Publisher
from edge.service import OutboxService
from edge.setup import SetupDesk, SetupFile
from edge.state import AgentState
from edge.status import Facts
from hw.source import Clock, Source

__all__ = ["SETUP_FILE", "assemble"]

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
        The outbox cannot be opened.
    LinkError
        A certificate cannot be read.
    """
    outbox = Outbox(
        config.outbox_path,
        clock_name=clock_name,
        max_rows=config.outbox.max_rows,
        max_bytes=config.outbox.max_bytes,
        program=version,
    )
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

"""What the pipeline's process is made of.

broker ─> Ingest ─> store          companions, before each receipt:
            │                        Orthoses (the patient's own word), Touched (days to be
            │                        rolled up), Notifier (alerts)
            └─ senders: SetupPublisher, HomeAssistant
beside it: RollupWorker, CareWorker, Notifier, the acknowledgement page, the metrics page
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from heelfirst.console import VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pipeline.care.care import Care
    from pipeline.config import PipelineConfig
    from pipeline.ingest import Ingest
    from pipeline.metrics import PipelineMetrics
    from pipeline.notify.notifier import Notifier
    from pipeline.notify.sender import Sender
    from pipeline.registry import Registry
    from pipeline.rollup.opening import Rollups
    from pipeline.sender import Sender as PartSender
    from pipeline.store import Store

__all__ = ["Pipeline", "open_pipeline", "run_pipeline"]

log = logging.getLogger(__name__)
RESTART_S = 30.0
GRACE_S = 5.0
NOTIFICATIONS = "notifications"
Work = Callable[[], Awaitable[None]]


class _Closable(Protocol):
    async def close(self) -> None: ...


@dataclass(slots=True)
class Pipeline:
    """The parts of a running pipeline; closed by whoever opened it."""

    config: "PipelineConfig"
    ingest: "Ingest"
    store: "Store"
    rollups: "Rollups"
    registry: "Registry"
    care: "Care"
    notifier: "Notifier"
    beside: dict[str, Work]

    async def run(self) -> None:
        """Take and store until `stop`; what runs beside is begun again where it fails."""
        tasks = {
            name: asyncio.create_task(_insist(name, work)) for name, work in self.beside.items()
        }
        try:
            await self.ingest.run()
            self.notifier.stop()
            await asyncio.wait((tasks[NOTIFICATIONS],), timeout=GRACE_S)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def stop(self) -> None:
        """End `run` in good order."""
        self.ingest.stop()


async def _insist(name: str, work: Work) -> None:
    """Run what runs beside the ingester; whatever goes wrong in it never ends the ingesting."""
    from pipeline.errors import PipelineError

    while True:
        try:
            await work()
        except (OSError, PipelineError) as error:  # it says itself what to do
            log.warning("%s: %s; begun again in %.0f s", name, error, RESTART_S)
            await asyncio.sleep(RESTART_S)
        except Exception:
            log.exception("%s failed; begun again in %.0f s", name, RESTART_S)
            await asyncio.sleep(RESTART_S)
        else:
            return


@asynccontextmanager
async def open_pipeline(
    config: "PipelineConfig", sender: "Sender | None" = None
) -> "AsyncIterator[Pipeline]":
    """Open all parts of a pipeline; close them at the end.

    Parameters
    ----------
    sender : Sender, optional
        Another way to people than apprise.

    Raises
    ------
    ConfigError
        A secret that cannot be read, or that others can read.
    """
    from pipeline.care.care import Care
    from pipeline.care.publisher import SetupPublisher
    from pipeline.care.strides import Orthoses
    from pipeline.care.worker import CareWorker
    from pipeline.ingest import Ingest
    from pipeline.journal import Journal
    from pipeline.link import MqttLink
    from pipeline.notify.notifier import Notifier
    from pipeline.registry import Registry
    from pipeline.rollup.opening import open_rollups
    from pipeline.store import open_store

    async with AsyncExitStack() as stack:

        def closing(part: _Closable) -> None:
            stack.push_async_callback(part.close)

        store = open_store(config.store)
        registry = Registry(config.registry.path, config.registry.quarantine_events)
        journal = Journal(config.journal_path)
        care = Care(config.registry.path, zone=config.care.zone, journal=journal)
        for part in (store, registry, care):
            closing(part)

        async def patients() -> list[str]:
            return [each.patient for each in await registry.patients()]

        rollups = await stack.enter_async_context(open_rollups(config, care, patients))

        async def zone_of(patient: str) -> str:
            record = await care.record(patient)
            return record.zone if record.zone_is_set else ""

        notifier = Notifier(
            config.notify,
            journal,
            store,
            zone=config.care.zone,
            zone_of=zone_of,
            owner=registry.patient_of,
            send_request=care.queue,
            sender=sender,
        )
        closing(notifier)
        orthoses, setups = Orthoses(care), SetupPublisher(care, poll_s=config.care.poll_s)
        senders: list[PartSender] = [setups]
        if config.homeassistant.enabled:
            from pipeline.homeassistant import HomeAssistant

            prefix = config.homeassistant.prefix
            senders.append(
                HomeAssistant(registry, care, rollups.target, prefix=prefix, version=VERSION)
            )
        ingest = Ingest(
            config,
            store,
            registry,
            MqttLink(config.broker),
            companions=[orthoses, rollups.touched, notifier],
            senders=senders,
            annotator=orthoses,
        )
        care_worker = CareWorker(
            care,
            store,
            rollups.target,
            reader=rollups.source,
            on_rewritten=rollups.touched.add_span,
            poll_s=config.care.poll_s,
        )
        beside: dict[str, Work] = {
            "rollups": rollups.worker.run,
            "care": care_worker.run,
            NOTIFICATIONS: notifier.run,
        }
        if config.notify.port:
            beside["acknowledgement page"] = lambda: _serve_page(config, notifier)
        yield Pipeline(config, ingest, store, rollups, registry, care, notifier, beside)


async def _serve_page(config: "PipelineConfig", notifier: "Notifier") -> None:
    """Serve the acknowledgement page until cancelled; raises OSError where the port is taken."""
    import uvicorn
    from starlette.applications import Starlette

    from pipeline.notify.web import routes

    settings = uvicorn.Config(
        Starlette(routes=routes(notifier)),
        log_config=None,
        access_log=False,  # the address holds the token
        lifespan="off",
        server_header=False,
    )

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> "Iterator[None]":
            yield  # the process has its own

    with _listener(config.notify.host, config.notify.port) as listener:
        await Server(settings).serve(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    """Return a listening socket; uvicorn's own would end the process where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        remedy = "set notify.host and notify.port to what is free"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(f"{host}:{port}: {reason}; {remedy}") from None


async def run_pipeline(config: "PipelineConfig") -> None:
    """Run the pipeline of these settings until it is stopped."""
    from heelfirst.metrics import metrics_page
    from heelfirst.watchdog import Stage, Watchdog

    async with open_pipeline(config) as pipeline:
        running = asyncio.create_task(pipeline.run())
        _handle_signals(pipeline, running)
        ingest, notifier = pipeline.ingest.state, pipeline.notifier.state
        stages = {
            "writer": Stage(lambda: ingest.rounds),
            "notifier": Stage(lambda: notifier.rounds),
        }
        watching = asyncio.create_task(Watchdog(stages).run())
        try:
            with metrics_page(config.metrics.port, _metrics(pipeline)):
                await asyncio.wait({running})
            if not running.cancelled():
                running.result()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def _handle_signals(pipeline: Pipeline, running: "asyncio.Task[None]") -> None:
    """Stop on SIGTERM and SIGINT in good order, at a second one at once; nothing is lost by it."""
    loop, heard = asyncio.get_running_loop(), 0

    def stop() -> None:
        nonlocal heard
        heard += 1
        pipeline.stop() if heard == 1 else running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _metrics(pipeline: Pipeline) -> "PipelineMetrics":
    from pipeline.metrics import PipelineMetrics

    rollups, notify = pipeline.rollups.worker.state, pipeline.notifier.state
    return PipelineMetrics(
        lambda: pipeline.ingest.state,
        {
            "rollup_days_waiting": ("Days to be summed up.", lambda: rollups.waiting),
            "rollup_days_made": ("Days summed up since the start.", lambda: rollups.days),
            "notifications_waiting": ("Messages due, not yet handed over.", lambda: notify.waiting),
            "notifications_sent": ("Messages handed over since the start.", lambda: notify.sent),
            "notifications_failed": ("Tries that failed.", lambda: notify.failed),
        },
    )

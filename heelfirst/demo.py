"""`heelfirst demo`: a virtual patient or a recording through the whole chain."""

import asyncio
import os
import secrets
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from heelfirst.agent_process import open_household
from heelfirst.console import (
    EXIT_BAD_INPUT,
    Affected,
    AffectedLeg,
    fail,
    log_to_stderr,
    say,
    write_whole,
)
from heelfirst.pipeline_process import open_pipeline

if TYPE_CHECKING:
    from edge.config import AgentConfig
    from edge.live import Delivery
    from edge.state import AgentState
    from hw.source import Clock, Source
    from pipeline.config import PipelineConfig
    from pipeline.ingest import IngestState
    from pipeline.store import Store

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def demo(
    replay: Annotated[Path | None, typer.Option(help="Walk this recording.")] = None,
    profile: Annotated[Path | None, typer.Option(help="TOML of the recording's device.")] = None,
    patient: Annotated[
        Literal["healthy", "mild", "moderate", "severe", "exercises"],
        typer.Option(help="How much foot drop the virtual patient has; or: does the exercises."),
    ] = "moderate",
    device: Annotated[
        str,
        typer.Option(
            help="Through this device's driver on simulated hardware: orphe (by bleak and a "
            "simulated Bluetooth stack), openfoot, moticon_udp, lsm6dsox, mcp3208."
        ),
    ] = "",
    affected: Affected = "left",
    seed: Annotated[int, typer.Option(help="Another seed, another walk.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="The virtual patient walks so long.")] = 60,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="1 is real time.")] = 1,
    broker: Annotated[str, typer.Option(help="HOST:PORT; empty: a broker in the process.")] = "",
    influx: Annotated[
        str,
        typer.Option(
            help="http://HOST:PORT/DATABASE; InfluxDB 1.x, or with HEELFIRST_STORE_TOKEN set 2.x"
            " and 3. Empty: SQLite in the folder."
        ),
    ] = "",
    out: Annotated[Path, typer.Option(help="Where each walk gets a folder.")] = Path("out"),
    picture: Annotated[Path | None, typer.Option(help="Save the last view as SVG.")] = None,
) -> None:
    """Walk a virtual patient or a recording through kernel, broker, pipeline and store."""
    from hw.clock import ScaledClock, SystemClock

    log_to_stderr(verbose=False)
    real = bool(device) and speed == 1  # unmodified bleak knows the machine's clock only
    clock: Clock = SystemClock(trust_wall=True) if real else ScaledClock(speed, time.time_ns())
    source, title, length_s = _demo_source(
        replay, profile, patient, device, affected, seed, seconds, clock
    )
    folder = out / datetime.now().strftime("walk-%Y%m%d-%H%M%S")
    asyncio.run(_demo(source, title, length_s, clock, affected, broker, influx, folder, picture))


def _demo_source(
    replay: Path | None,
    profile: Path | None,
    patient: str,
    device: str,
    affected: AffectedLeg,
    seed: int,
    seconds: float,
    clock: "Clock",
) -> tuple["AbstractAsyncContextManager[Source]", str, float]:
    """Return what walks, its name for people, and how long it takes [s]."""
    from hw.registry import DEVICE_NAMES, SourceSettings, open_source, simulate

    if device and device not in DEVICE_NAMES:
        raise fail(f"--device {device!r}: give one of {', '.join(DEVICE_NAMES)}", EXIT_BAD_INPUT)
    leg: Literal["left", "right"] = "right" if affected == "right" else "left"
    worn = f" in {device}" if device else ""
    if replay is not None:
        from hw.replay import Replay, read

        recording = read(replay, profile)
        times = [foot.time_ns for foot in recording.feet.values()]
        length_s = float((max(t[-1] for t in times) - min(t[0] for t in times)) / 1e9)
        if device:
            opened = simulate(device, SourceSettings(seconds=length_s), clock, recording)
            return opened, replay.name + worn, length_s
        return nullcontext(Replay(recording, clock)), replay.name, length_s
    settings = SourceSettings(preset=patient, affected=leg, seed=seed, seconds=seconds)
    title = f"virtual patient, {patient}{worn}"
    if device:
        return simulate(device, settings, clock), title, seconds
    return nullcontext(open_source("virtual", settings, clock)), title, seconds


async def _demo(
    opened: "AbstractAsyncContextManager[Source]",
    title: str,
    length_s: float,
    clock: "Clock",
    affected: AffectedLeg,
    broker: str,
    influx: str,
    folder: Path,
    picture: Path | None,
) -> None:
    from edge.exercises.plan import STANDARD
    from edge.live import LiveView
    from pipeline.embedded import embedded_broker

    async with AsyncExitStack() as stack:
        place = broker or f"127.0.0.1:{await stack.enter_async_context(embedded_broker())}"
        agent_config, pipeline_config = _demo_configs(place, bool(broker), influx, affected, folder)
        pipeline = await stack.enter_async_context(open_pipeline(pipeline_config))
        await pipeline.store.check()
        patient = await pipeline.registry.add_patient("demo")
        await pipeline.registry.assign(agent_config.device, patient)
        source = await stack.enter_async_context(opened)
        view: LiveView | None = None

        def announce(address: str, code: str) -> None:
            if view is not None:
                view.show_page(address, code)

        household = stack.enter_context(
            open_household(
                agent_config,
                source,
                clock,
                calibrated=True,
                once=True,
                plan=STANDARD,
                announce=announce,
            )
        )
        agent = household.agent
        agent.handle_signals()
        start_ns = clock.wall_ns() or 0
        ingesting = asyncio.create_task(pipeline.run())
        try:
            view = LiveView(agent.state, title, lambda: _delivery(pipeline.ingest.state))
            await view.show_until(asyncio.create_task(household.run()), clock, length_s)
        finally:
            pipeline.stop()
            await ingesting
        if picture is not None:
            view.save(picture)
        await _demo_result(
            pipeline.store, patient, (start_ns, (clock.wall_ns() or 0) + 1), title, folder
        )
        say(_demo_account(agent.state, pipeline.ingest.state, folder))


def _demo_configs(
    broker: str, real_broker: bool, influx: str, affected: AffectedLeg, folder: Path
) -> tuple["AgentConfig", "PipelineConfig"]:
    """Return both rooms' settings for one walk, everything below its folder, which is made."""
    from edge import config as edge
    from pipeline import config as pipeline

    host, _, port = broker.rpartition(":")
    if not host or not port.isdigit():
        raise fail(f"--broker {broker!r}: give HOST:PORT, such as 127.0.0.1:1883", EXIT_BAD_INPUT)
    address: Any = {
        "host": host,
        "port": int(port),
        "protocol": "5" if real_broker else "3.1.1",
    }
    device = f"demo-{secrets.token_hex(4)}"
    agent_config = edge.AgentConfig(
        device=device,
        affected=affected,
        broker=edge.BrokerConfig(**address),
        state=edge.StateConfig(dir=str(folder)),
        page=edge.PageConfig(port=0),
    )
    pipeline_config = pipeline.PipelineConfig(
        broker=pipeline.BrokerConfig(
            **address, client_id=f"{device}-pipeline", persistent_session=False
        ),
        store=pipeline.StoreConfig(**_demo_store(influx, folder)),
        registry=pipeline.RegistryConfig(path=str(folder / "registry.db")),
        deadletter=pipeline.DeadLetterConfig(path=str(folder / "deadletters")),
        rollups=pipeline.RollupConfig(
            path=str(folder / "rollups.db"), touched=str(folder / "touched.db"), every_s=5.0
        ),
        notify=pipeline.NotifyConfig(
            path=str(folder / "notify.db"),
            recipients="",
            key_file=str(folder / "acknowledge.key"),
        ),
    )
    folder.mkdir(parents=True, exist_ok=True)
    return agent_config, pipeline_config


def _demo_store(influx: str, folder: Path) -> dict[str, Any]:
    if not influx:
        return {"kind": "sqlite", "path": str(folder / "store.db")}
    url, _, database = influx.rstrip("/").rpartition("/")
    if not url.startswith(("http://", "https://")):
        raise fail(f"--influx {influx!r}: give http://HOST:PORT/DATABASE", EXIT_BAD_INPUT)
    if "HEELFIRST_STORE_TOKEN" in os.environ:
        return {"kind": "influx2", "url": url, "bucket": database}
    return {"kind": "influx1", "url": url, "database": database}


def _delivery(state: "IngestState") -> "Delivery":
    from edge.live import Delivery

    return Delivery(state.stored, state.problem, "the store")


async def _demo_result(
    store: "Store", patient: str, span_ns: tuple[int, int], title: str, folder: Path
) -> None:
    """Say from the store what was found, and leave one page."""
    from pipeline.page import headline, make_page
    from pipeline.summary import summarise

    start_ns, stop_ns = span_ns
    strides = await store.read("stride", patient=patient, start_ns=start_ns, stop_ns=stop_ns)
    page = folder / "walk.html"
    write_whole(page, await make_page(store, patient, start_ns, stop_ns, title))
    say(headline(summarise(strides)))
    say(f"page: {page}")


def _demo_account(state: "AgentState", ingest: "IngestState", folder: Path) -> str:
    text = (
        f"{state.committed} events committed, {ingest.stored} stored, "
        f"{state.receipted} receipted, {state.waiting} waiting"
    )
    if state.waiting:
        text += f"\nwhat waits is in {folder / 'outbox.db'}; nothing is lost"
    return text

"""What an agent and a pipeline process are made of: the rooms put together."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from heelfirst.console import VERSION

if TYPE_CHECKING:
    from edge.config import AgentConfig
    from edge.cueing import Cueing
    from edge.cues import Conditions
    from edge.state import AgentState
    from edge.watchdog import CountedSource, Stage
    from hw.calibration import CalibrationKey, CalibrationStore
    from hw.source import Clock, Side, Source
    from pipeline.config import PipelineConfig
    from pipeline.ingest import Ingest
    from pipeline.registry import Registry
    from pipeline.store import Store

__all__ = [
    "PINS_NOTE",
    "calibration_key",
    "calibrations",
    "device_source",
    "open_pipeline",
    "run_agent",
    "run_pipeline",
]

PINS_NOTE = "outputs.json"
"""In the state directory: which pins the agent's cues use, for `outputs-off`."""


async def run_agent(settings: "AgentConfig") -> None:
    """Run the agent of these settings until it is stopped."""
    from edge.agent import assemble
    from edge.clock import machine_clock_name
    from edge.cues import Conditions
    from edge.watchdog import CountedSource, Watchdog
    from hw.clock import SystemClock

    clock = SystemClock(settings.trust_wall_clock)
    counted = CountedSource(device_source(settings, clock))
    source, calibrated = _calibrated(settings, counted, clock)

    def conditions(side: "Side") -> "Conditions":
        state = running.state
        return Conditions(state.foot(side).last_sample_ns, state.worn, calibrated)

    with _cueing(settings, clock, conditions) as cueing:
        running = assemble(
            settings,
            source,
            clock,
            clock_name=machine_clock_name(),
            version=VERSION,
            observer=cueing.observe if cueing else None,
        )
        running.handle_signals()
        watching = asyncio.create_task(Watchdog(_stages(counted, running.state)).run())
        try:
            await running.run()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def _calibrated(
    settings: "AgentConfig", source: "Source", clock: "Clock"
) -> tuple["Source", bool | None]:
    """Apply the device's calibration; None: there is none that can be trusted."""
    if settings.source.driver in ("virtual", "replay"):
        return source, True
    from hw.calibration import CalibratedSource

    found = calibrations(settings).find(calibration_key(settings), source.profile, clock.wall_ns())
    if found.problem:
        logging.getLogger(__name__).warning("no cues: %s", found.detail)
    if found.calibration is None:
        return source, None
    return CalibratedSource(source, found.calibration), None if found.problem else True


def calibrations(settings: "AgentConfig") -> "CalibrationStore":
    """Return where this machine keeps the calibrations."""
    from hw.calibration import CalibrationStore

    return CalibrationStore(Path(settings.state.dir) / "calibrations")


def calibration_key(settings: "AgentConfig") -> "CalibrationKey":
    """Return what a calibration belongs to."""
    from hw.calibration import CalibrationKey

    return CalibrationKey(settings.device, settings.source.shoe)


def _stages(source: "CountedSource", state: "AgentState") -> dict[str, "Stage"]:
    """What must move while the agent is well; a device that is switched off is no hang."""
    from edge.watchdog import Stage

    def detected() -> int:
        refused = state.blocks_refused + state.source_failures
        return state.left.samples + state.right.samples + refused

    return {
        "reader": Stage(lambda: source.read + state.source_failures, lambda: source.silent),
        "detector": Stage(detected, lambda: source.silent),
        "committer": Stage(lambda: state.commit_rounds),
    }


@contextmanager
def _cueing(
    settings: "AgentConfig", clock: "Clock", conditions: "Callable[[Side], Conditions]"
) -> "Iterator[Cueing | None]":
    """Open the outputs and the mute button; None without cues, also where a pin cannot be used."""
    if not settings.cues.enabled:
        yield None
        return
    from edge.cueing import Cueing
    from hw.outputs import OutputError, OutputSettings, open_outputs, watch_button

    names = ("buzzer_pin", "vibration_pin", "led_pin", "vibration_strength", "sound")
    chosen = OutputSettings(**{name: getattr(settings.cues, name) for name in names})
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        cueing = None
        try:
            note = Path(settings.state.dir) / PINS_NOTE
            outputs = stack.enter_context(open_outputs(chosen, note))
            cueing = Cueing(settings.cues, settings.affected, clock, outputs, conditions)
            stack.callback(cueing.close)
            if settings.cues.mute_pin:
                press = cueing.press_mute
                pressed = watch_button(
                    settings.cues.mute_pin, lambda: loop.call_soon_threadsafe(press)
                )
                stack.enter_context(pressed)
        except OutputError as error:
            logging.getLogger(__name__).warning("no cues: %s", error)
            cueing = None
        yield cueing


def device_source(settings: "AgentConfig", clock: "Clock") -> "Source":
    """Return the source that the settings name."""
    from hw.registry import SourceSettings, open_source

    named = settings.source
    chosen = SourceSettings(
        path=Path(named.path) if named.path else None,
        profile=Path(named.profile) if named.profile else None,
        affected="right" if settings.affected == "right" else "left",
        left=named.left,
        right=named.right,
        mode=named.mode,
        port=named.port,
        bus=named.bus,
        adapter=named.adapter,
    )
    return open_source(named.driver, chosen, clock)


async def run_pipeline(settings: "PipelineConfig") -> None:
    """Run the pipeline of these settings until it is stopped."""
    async with open_pipeline(settings) as (ingest, _store, _registry):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ingest.stop)
        await ingest.run()


@asynccontextmanager
async def open_pipeline(
    settings: "PipelineConfig",
) -> AsyncIterator[tuple["Ingest", "Store", "Registry"]]:
    """Open all that a pipeline is made of; close it at the end."""
    from pipeline.ingest import Ingest
    from pipeline.link import MqttLink
    from pipeline.registry import Registry
    from pipeline.store import open_store

    store = open_store(settings.store)
    registry = Registry(settings.registry.path, settings.registry.quarantine_events)
    try:
        yield Ingest(settings, store, registry, MqttLink(settings.broker)), store, registry
    finally:
        await registry.close()
        await store.close()

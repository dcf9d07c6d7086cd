"""What the agent's process is made of: the rooms put together."""

import asyncio
import logging
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heelfirst.console import VERSION, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge.agent import Agent
    from edge.companion import Companion
    from edge.config import AgentConfig
    from edge.cueing import Cueing
    from edge.cues import Conditions
    from edge.exercises.watch import ExerciseWatch
    from edge.metrics import AgentMetrics
    from edge.page.server import PageServer
    from edge.page.sharing import SharingPause
    from edge.state import AgentState
    from edge.wire import Dose
    from heelfirst.watchdog import CountedSource, Stage
    from hw.calibration import CalibrationKey, CalibrationStore
    from hw.outputs import OutputSettings
    from hw.source import Clock, Side, Source

__all__ = [
    "PINS_NOTE",
    "Household",
    "calibration_key",
    "calibrations",
    "device_source",
    "open_household",
    "output_settings",
    "run_agent",
]

PAGE_GRACE_S = 3.0
PINS_NOTE = "outputs.json"
"""In the state directory: which pins the agent's cues use, for `outputs-off`."""


@dataclass(frozen=True, slots=True)
class Household:
    """An agent and what runs beside it."""

    agent: "Agent"
    page: "PageServer | None"
    metrics: "AgentMetrics"

    async def run(self) -> None:
        """Run the agent until it ends; the page and its tasks end with it."""
        serving = asyncio.create_task(self.page.run()) if self.page else None
        try:
            await self.agent.run()
        finally:
            if self.page is not None and serving is not None:
                self.page.stop()
                await asyncio.wait((serving,), timeout=PAGE_GRACE_S)
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)


@contextmanager
def open_household(
    settings: "AgentConfig",
    source: "Source",
    clock: "Clock",
    *,
    calibrated: bool | None,
    battery: "Callable[[], dict[str, Any]]" = dict,
    clock_name: str | None = None,
    once: bool = False,
    plan: "Sequence[Dose]" = (),
    announce: "Callable[[str, str], None] | None" = None,
) -> "Iterator[Household]":
    """Put an agent together with its companions: alerts, tally, exercises, cues, page, metrics.

    Parameters
    ----------
    calibrated : bool or None
        Whether the source's loads can be trusted for cues; None: not known.
    battery : callable
        What the source's driver says for the status.
    clock_name : str, optional
        Name of the machine's monotonic clock where `clock` is that; None for every other clock.
    once : bool
        End when the source ends.
    plan : sequence of Dose
        The exercises of a page that no therapist has set any for.
    announce : callable, optional
        Takes the page's address and code; by default they are logged.
    """
    from edge.alerts import AlertRules, Tally
    from edge.assembly import assemble
    from edge.cues import Conditions
    from edge.exercises.watch import build_watch
    from edge.metrics import AgentMetrics
    from edge.page.sharing import SharingPause
    from edge.state import AgentState
    from hw.source import SIDES

    folder, state = Path(settings.state.dir), AgentState()
    named = clock_name or f"run-{secrets.token_hex(8)}"
    sides = SIDES if settings.source.side == "both" else (settings.source.side,)
    sharing = SharingPause(folder / "sharing.json", named, clock.monotonic_ns())
    exercises = build_watch(settings, source.profile, plan)

    def conditions(side: "Side") -> Conditions:
        return Conditions(state.foot(side).last_sample_ns, state.worn, calibrated)

    def facts() -> "Mapping[str, Any]":
        return agent.said()

    with _cueing(settings, clock, conditions) as cueing:
        metrics = AgentMetrics(lambda: state, facts)
        page = _page(
            settings, source, clock, state, sharing, exercises, cueing, facts, named, announce
        )
        members: list[Companion | None] = [
            sharing,
            AlertRules(
                folder / "alerts.json",
                named,
                settings.affected,
                feet=sides,
                zone=settings.cues.zone,
                battery=lambda: _by_side(battery()),
                progress=lambda: (state.detected, state.committed + state.dropped),
            ),
            Tally(
                folder / "tally.json",
                named,
                dropped=lambda: state.dropped,
                is_paused=lambda: sharing.is_paused,
            ),
            exercises,
            cueing,
            metrics,
            page,
        ]
        agent = assemble(
            settings,
            source,
            clock,
            clock_name=clock_name,
            version=VERSION,
            once=once,
            companions=[member for member in members if member is not None],
            source_facts=battery,
            state=state,
            holds_back=sharing.holds_back,
        )
        yield Household(agent, page, metrics)


def _by_side(facts: "Mapping[str, Any]") -> "dict[Side, float | None]":
    return {"left": facts.get("battery_left_percent"), "right": facts.get("battery_right_percent")}


def _page(
    settings: "AgentConfig",
    source: "Source",
    clock: "Clock",
    state: "AgentState",
    sharing: "SharingPause",
    exercises: "ExerciseWatch | None",
    cueing: "Cueing | None",
    facts: "Callable[[], Mapping[str, Any]]",
    clock_name: str,
    announce: "Callable[[str, str], None] | None",
) -> "PageServer | None":
    """Return the patient's page; None where it is switched off."""
    if not settings.page.enabled:
        return None
    from edge.page.sections import Parts
    from edge.page.server import build_page

    reminders = exercises.named_reminder(clock.monotonic_ns) if exercises else None
    parts = Parts(cues=cueing, guide=exercises, reminders=reminders, facts=facts)
    more: dict[str, Any] = {"announce": announce} if announce else {}
    return build_page(
        settings, state, source.profile, clock, sharing, parts, clock_name=clock_name, **more
    )


async def run_agent(settings: "AgentConfig") -> None:
    """Run the agent of these settings until it is stopped."""
    from edge.clock import machine_clock_name
    from edge.status import battery_facts
    from heelfirst.metrics import metrics_page
    from heelfirst.watchdog import CountedSource, Watchdog
    from hw.clock import SystemClock

    clock = SystemClock(settings.trust_wall_clock)
    driver = device_source(settings, clock)
    counted = CountedSource(driver)
    source, calibrated = _calibrated(settings, counted, clock)
    opened = open_household(
        settings,
        source,
        clock,
        calibrated=calibrated,
        battery=lambda: battery_facts(driver),
        clock_name=machine_clock_name(),
        announce=_announce if sys.stdout.isatty() else None,
    )
    with opened as household, metrics_page(settings.metrics.port, household.metrics):
        agent = household.agent
        agent.handle_signals()
        watching = asyncio.create_task(Watchdog(_stages(counted, agent.state)).run())
        try:
            await household.run()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def _announce(address: str, code: str) -> None:
    """Tell the person who started the agent; a log never holds the code."""
    say(f"the patient's page: {address}, code {code}; Ctrl-C ends the agent")


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
    from heelfirst.watchdog import Stage

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
    from hw.outputs import OutputError, open_outputs, watch_button

    chosen = output_settings(settings)
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        cueing = None
        try:
            note = Path(settings.state.dir) / PINS_NOTE
            outputs = stack.enter_context(open_outputs(chosen, note))
            folder = Path(settings.state.dir)
            cueing = Cueing(settings.cues, settings.affected, clock, outputs, conditions, folder)
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


def output_settings(settings: "AgentConfig") -> "OutputSettings":
    """Return what gives the cues."""
    from hw.outputs import OutputSettings

    names = ("buzzer_pin", "vibration_pin", "led_pin", "vibration_strength", "sound", "voice")
    return OutputSettings(**{name: getattr(settings.cues, name) for name in names})


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

"""A virtual patient's walk through a whole agent, with sensors that lie or fall silent."""

import asyncio
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from edge_tools import SECOND, WALL_NS, config_text, everything
from numpy.typing import NDArray
from sim_story import scratch

from edge import wire
from edge.agent import Agent
from edge.alerts import AlertRules, Keeper
from edge.companion import Companion
from edge.config import parse
from edge.outbox import Outbox
from edge.service import InlineWorker, OutboxService
from hw.clock import VirtualClock
from hw.replay import Replay
from hw.source import SIDES, FootSeries, Recording, Side
from hw.virtual import PRESETS, Labels, Phase, VirtualPatient, preset

__all__ = ["LENGTH_S", "Patient", "Told", "changed", "follow", "patient", "unmatched"]

LENGTH_S = 150.0
START_NS = 5 * SECOND
PROGRAMME = (Phase("stand", 5), Phase("walk", 3600))
Times = NDArray[np.int64]
E = TypeVar("E", bound=wire.Event)


@dataclass(frozen=True)
class Told:
    """What reached the outbox, its times those of the recording.

    `at_s` says when an alert was told (its own time is that of its cause), by id and `raised`.
    """

    events: list[wire.Event]
    at_s: dict[tuple[str, bool], float]

    def of(self, kind: type[E], side: Side) -> list[E]:
        return [e for e in self.events if isinstance(e, kind) and getattr(e, "side") == side]

    def alerts(self, technical: bool) -> list[tuple[str, Side | None, bool]]:
        found = [e for e in self.events if isinstance(e, wire.Alert) and e.technical == technical]
        return [(e.id, e.side, e.raised) for e in found]

    def lost(self, side: Side) -> int:
        return sum(gap.lost for gap in self.of(wire.Gap, side))


class Spy(Companion):
    """Notes when an alert was told first."""

    def __init__(self) -> None:
        self.at_s: dict[tuple[str, bool], float] = {}

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        if isinstance(event, wire.Alert):
            self.at_s.setdefault((event.id, event.raised), (now_ns - START_NS) / 1e9)
        return ()


@dataclass(frozen=True)
class Patient:
    """A walk, the truth about it, and what an agent tells of it when nothing is amiss."""

    recording: Recording
    labels: Labels
    calm: Told


def follow(recording: Recording, affected: str = "left") -> Told:
    """Run an agent over a recording on a simulated clock; return what it committed."""
    folder = scratch()
    try:
        return asyncio.run(_follow(recording, folder, affected))
    finally:
        shutil.rmtree(folder)


async def _follow(recording: Recording, folder: Path, affected: str) -> Told:
    clock = VirtualClock(start_ns=START_NS, wall_start_ns=WALL_NS, settle_turns=2)
    config = parse(config_text(1883, folder, f'affected = "{affected}"'))
    keeper = Keeper(folder / "alerts.json", threaded=False)
    rules, spy = AlertRules(keeper.path, "clock", affected, zone="UTC", keeper=keeper), Spy()  # type: ignore[arg-type]  # the text of a setting
    agent = Agent(
        config,
        Replay(recording, clock, block_s=0.05),
        clock,
        OutboxService(Outbox(config.outbox_path), InlineWorker()),
        once=True,
        companions=[rules, spy],
    )
    await agent.run()
    assert agent.companions.failures == agent.state.blocks_refused == agent.state.dropped == 0
    outbox = Outbox(config.outbox_path)
    events = [_as_recorded(event) for event in everything(outbox)]
    outbox.close()
    assert len(events) == agent.state.detected
    return Told(events, spy.at_s)


def _as_recorded(event: wire.Event) -> wire.Event:
    import msgspec
    return msgspec.structs.replace(event, seq=1, time_ns=event.time_ns - WALL_NS)


@cache
def patient(number: int) -> Patient:
    """Return a walk of `LENGTH_S`; the numbers go through the degrees of foot drop."""
    config = preset(PRESETS[number % len(PRESETS)], programme=PROGRAMME)
    recording, labels = VirtualPatient(config, number).recording(LENGTH_S)
    return Patient(recording, labels, follow(recording))


def changed(
    recording: Recording, side: Side, change: Callable[[FootSeries], FootSeries]
) -> Recording:
    feet = {s: change(f) if s == side else f for s, f in recording.feet.items()}
    return Recording(recording.name, recording.profile, feet)


def unmatched(found: Iterable[int], true: Iterable[int], within_s: float) -> list[float]:
    """Return the times found [s] without a true one so near."""
    mine, real = np.array([*found], np.int64), np.array([*true], np.int64)
    if not len(real):
        return [float(t / 1e9) for t in mine]
    apart = np.abs(mine[:, None] - real[None, :]).min(axis=1) if len(mine) else np.empty(0)
    return [float(t / 1e9) for t in mine[apart > within_s * 1e9]]

"""A virtual patient's walk through a whole agent, with sensors that lie or fall silent."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np
from edge_tools import SECOND, WALL_NS, config_text, everything
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
from hw.source import SIDES, Block, Recording, Side
from hw.virtual import PRESETS, Labels, Phase, VirtualPatient, preset

__all__ = ["LENGTH_S", "Patient", "Told", "follow", "made_up", "missed", "patient"]

LENGTH_S = 150.0
START_NS = 5 * SECOND
STEP_NS, DRAG_NS = 80_000_000, 60_000_000
"""A contact or drag so near a true one is that one."""
LATE_NS = 250_000_000
"""A landing whose begin was lost in a gap is found so late at most; it is still that one."""
ALERT_DRAGS = 5
NO_DRAG = (None, "none")
E = TypeVar("E", bound=wire.Event)
Affected = Literal["none", "left", "right", "both"]


@dataclass(frozen=True)
class Told:
    """What reached the outbox, its times those of the recording.

    `told_s` are the alerts in the order and at the time at which they were told [s]; an alert's
    own time is that of its cause.
    """

    events: list[wire.Event]
    told_s: list[tuple[float, wire.Alert]]

    def of(self, kind: type[E], side: Side) -> list[E]:
        return [e for e in self.events if isinstance(e, kind) and e.side == side]  # type: ignore[attr-defined]  # the kinds asked for have one

    def lost(self, side: Side) -> int:
        return sum(gap.lost for gap in self.of(wire.Gap, side))

    def technical(self, side: Side) -> list[tuple[float, str, bool]]:
        """Return when [s], what, and whether it was raised or cleared."""
        return [
            (at_s, alert.detail if alert.rule == "sensor_fault" else alert.rule, alert.raised)
            for at_s, alert in self.told_s
            if alert.technical and alert.side == side
        ]

    def gait(self) -> set[tuple[str, Side | None]]:
        return {(a.rule, a.side) for _, a in self.told_s if a.raised and not a.technical}


@dataclass(frozen=True)
class Patient:
    """A walk, the truth about it, and what an agent tells of it when nothing is amiss."""

    recording: Recording
    labels: Labels
    calm: Told


class Spy(Companion):
    """Notes when alerts were told."""

    def __init__(self) -> None:
        self.told_s: list[tuple[float, wire.Alert]] = []

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        if isinstance(event, wire.Alert):
            self.told_s.append(((now_ns - START_NS) / 1e9, event))
        return ()


class Numberless(Replay):
    """A device that does not number its samples: nobody knows how many were lost."""

    async def blocks(self) -> AsyncIterator[Block]:
        async for block in super().blocks():
            yield replace(block, lost=0)


def follow(recording: Recording, *, numbered: bool = True, affected: Affected = "left") -> Told:
    """Run an agent over a recording on a simulated clock; return what it committed."""
    folder = scratch()
    try:
        return asyncio.run(_follow(recording, folder, numbered, affected))
    finally:
        shutil.rmtree(folder)


async def _follow(recording: Recording, folder: Path, numbered: bool, affected: Affected) -> Told:
    clock = VirtualClock(start_ns=START_NS, wall_start_ns=WALL_NS, settle_turns=2)
    config = parse(config_text(1883, folder, f'affected = "{affected}"'))
    keeper = Keeper(folder / "alerts.json", threaded=False)
    rules = AlertRules(keeper.path, "clock", affected, zone="UTC", keeper=keeper)
    spy = Spy()
    agent = Agent(
        config,
        (Replay if numbered else Numberless)(recording, clock, block_s=0.1),
        clock,
        OutboxService(Outbox(config.outbox_path), InlineWorker()),
        once=True,
        companions=[rules, spy],
    )
    await agent.run()
    assert agent.companions.failures == agent.state.blocks_refused == agent.state.dropped == 0
    outbox = Outbox(config.outbox_path)
    stored = everything(outbox)
    outbox.close()
    assert len(stored) == agent.state.detected, "what was detected is stored once"
    return Told(
        [msgspec.structs.replace(e, seq=1, time_ns=e.time_ns - WALL_NS) for e in stored],
        spy.told_s,
    )


@lru_cache(maxsize=48)
def patient(number: int) -> Patient:
    """Return a walk of `LENGTH_S`; the numbers go through the degrees of foot drop."""
    programme = (Phase("stand", 5), Phase("walk", 3600))
    config = preset(PRESETS[number % len(PRESETS)], programme=programme)
    recording, labels = VirtualPatient(config, number).recording(LENGTH_S)
    return Patient(recording, labels, follow(recording))


# -- comparing --------------------------------------------------------------------------------


def times(events: Iterable[wire.Event]) -> np.ndarray:
    return np.array([event.time_ns for event in events], np.int64)


def apart(found: np.ndarray, true: np.ndarray, within_ns: int) -> list[int]:
    """Return those of the found times that have no true one so near."""
    return [int(t) for t in found if not (np.abs(true - t) <= within_ns).any()]


def made_up(told: Told, patient: Patient) -> list[tuple[float, str]]:
    """Return what neither the truth nor the run without faults knows: when [s], and what."""
    found = [*_false_alerts(told, patient)]
    for side in SIDES:
        calm, contacts = patient.calm, patient.labels.contacts[side]["time_ns"]
        steps = np.concatenate([contacts, times(calm.of(wire.Stride, side))])
        wrong = {
            "step": _false_steps(times(told.of(wire.Stride, side)), steps),
            "near-trip": apart(
                times(told.of(wire.NearTrip, side)), times(calm.of(wire.NearTrip, side)), DRAG_NS
            ),
            "drag": [
                at
                for at in apart(
                    times(told.of(wire.ToeDrag, side)), times(calm.of(wire.ToeDrag, side)), DRAG_NS
                )
                if not _drags(patient.labels, side, at, at)
            ],
        }
        found += [(at / 1e9, f"{side} {what}") for what, them in wrong.items() for at in them]
        found += _false_strides(told, patient, side)
    return sorted(found)


def _false_steps(found: np.ndarray, true: np.ndarray) -> list[int]:
    """Each late one takes the place of a true one that nothing else was found for."""
    wrong, free = [], apart(true, found, STEP_NS)
    for at in apart(found, true, STEP_NS):
        own = next((t for t in free if abs(t - at) <= LATE_NS), None)
        if own is None:
            wrong.append(at)
        else:
            free.remove(own)
    return wrong


def _drags(labels: Labels, side: Side, begin_ns: int, end_ns: int) -> bool:
    drags = labels.drags[side]
    begins, ends = drags["start_ns"] - DRAG_NS, drags["end_ns"] + DRAG_NS
    return bool(((begins <= end_ns) & (begin_ns <= ends)).any())


def _false_strides(told: Told, patient: Patient, side: Side) -> Iterator[tuple[float, str]]:
    """A stride over a contact that was not seen is none; a drag in a swing is a true one."""
    contacts = patient.labels.contacts[side]["time_ns"]
    calm = {s.time_ns for s in patient.calm.of(wire.Stride, side) if s.toe_drag not in NO_DRAG}
    for stride in told.of(wire.Stride, side):
        index = int(np.abs(contacts - stride.time_ns).argmin())
        before_ns = int(contacts[index - 1]) if index else 0
        true_s = (contacts[index] - before_ns) / 1e9
        if stride.stride_s is not None and abs(stride.stride_s - true_s) > 1e-9 * LATE_NS:
            yield stride.time_ns / 1e9, f"{side} stride of {stride.stride_s} s"
        has_drag = stride.toe_drag not in NO_DRAG and stride.time_ns not in calm
        if has_drag and not _drags(patient.labels, side, before_ns, stride.time_ns):
            yield stride.time_ns / 1e9, f"{side} swing with a drag"


def _false_alerts(told: Told, patient: Patient) -> Iterator[tuple[float, str]]:
    """An alert of the run without faults is none, nor is one that rests on true drags."""
    for at_s, alert in told.told_s:
        if alert.technical or not alert.raised or (alert.rule, alert.side) in patient.calm.gait():
            continue
        if alert.rule == "repeated_toe_drag" and alert.side is not None:
            drags = times(told.of(wire.ToeDrag, alert.side))
            true = [at for at in drags if _drags(patient.labels, alert.side, at, at)]
            if sum(at <= at_s * 1e9 for at in true) >= ALERT_DRAGS:
                continue
        yield at_s, f"{alert.side} alert {alert.rule}"


def missed(told: Told, patient: Patient, side: Side) -> list[float]:
    """Return the steps of the run without faults that were not found [s]."""
    calm, found = patient.calm.of(wire.Stride, side), told.of(wire.Stride, side)
    return [at / 1e9 for at in apart(times(calm), times(found), STEP_NS)]

"""A virtual patient's walk through a whole agent, with sensors that lie or fall silent."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from edge_tools import SECOND, WALL_NS, config_text, everything
from numpy.typing import NDArray
from sim_loop import simulate
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

__all__ = ["LENGTH_S", "Spans", "Told", "Walked", "changed", "far", "follow", "paired", "walked"]

LENGTH_S = 150.0
START_NS = 5 * SECOND
Spans = list[tuple[float, float]]
"""Begins and ends [s of the recording]."""


@dataclass(frozen=True)
class Told:
    """What reached the outbox, times as those of the recording; `at_s`: when alerts were told."""

    events: list[wire.Event]
    at_s: dict[tuple[str, bool], float]

    def of[E: wire.Event](self, kind: type[E], side: Side | None = None) -> list[E]:
        return [
            e
            for e in self.events
            if isinstance(e, kind) and (side is None or getattr(e, "side", None) == side)
        ]


class Spy(Companion):
    """Notes when each alert was told."""

    def __init__(self) -> None:
        self.at_s: dict[tuple[str, bool], float] = {}

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        if isinstance(event, wire.Alert):
            self.at_s.setdefault((event.id, event.raised), (now_ns - START_NS) / 1e9)
        return ()

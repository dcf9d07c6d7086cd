"""A page full of made-up data, for pictures and tests: a day of a patient with a left foot drop.

Nobody's data: the numbers come from a few formulas below.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np

from edge import wire
from edge.companions import Companions
from edge.config import AgentConfig, CueConfig, PageConfig, StateConfig
from edge.exercises.guide import GuidedSession, Word
from edge.page.sections import Parts
from edge.page.server import PageServer, build_page
from edge.page.sharing import SharingPause
from edge.state import AgentState
from hw.source import SIDES, Block, FootProfile, Profile, Side
from kernels import GaitEvent
from kernels.exercises.records import LiveSet

__all__ = ["PLAN", "ExampleClock", "ExampleCues", "ExampleGuide", "ExamplePage", "example_page"]

SECOND: Final = 10**9
HOUR: Final = 3600 * SECOND
ZONE: Final = "Europe/Berlin"
NOON: Final = datetime(2026, 3, 12, 15, 40, tzinfo=ZoneInfo(ZONE))
_FOOT = FootProfile(
    x=(0.08, 0.2, 0.22, 0.4, 0.5, 0.7, 0.74, 0.72, 0.88, 0.92),
    y=(0.5, 0.3, 0.7, 0.7, 0.5, 0.2, 0.5, 0.8, 0.3, 0.7),
)
PROFILE: Final = Profile("example insole", _FOOT, _FOOT, claim="virtual")
_STEPS: Final = {8: 310, 9: 520, 10: 180, 11: 440, 12: 90, 13: 60, 14: 390, 15: 260}
"""By hour of the example's day."""
_HEEL: Final = {8: 0.78, 9: 0.74, 10: 0.7, 11: 0.66, 12: 0.6, 13: 0.7, 14: 0.71, 15: 0.82}
PLAN: Final = (
    wire.Dose(exercise="ankle_dorsiflexion", side="left", sets=3, repetitions=12, hold_s=2.0),
    wire.Dose(exercise="toe_taps", side="left", sets=3, seconds=30.0),
    wire.Dose(exercise="heel_walk", sets=3, seconds=20.0),
    wire.Dose(exercise="step_ups", side="left", sets=2, repetitions=10),
)


class ExampleClock:
    """Real time, with a wall clock set to the example's afternoon, or not set."""

    def __init__(self, known: bool = True) -> None:
        self.known = known
        self._begin_s = asyncio.get_running_loop().time()

    def monotonic_ns(self) -> int:
        """Nanoseconds since the example began, over a day."""
        elapsed_s = asyncio.get_running_loop().time() - self._begin_s
        return 48 * HOUR + int(elapsed_s * SECOND)

    @property
    def offset_ns(self) -> int | None:
        """Wall less monotonic time."""
        return int(NOON.timestamp()) * SECOND - 48 * HOUR if self.known else None

    def wall_ns(self) -> int | None:
        """The example's wall time."""
        offset_ns = self.offset_ns
        return None if offset_ns is None else self.monotonic_ns() + offset_ns

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class ExamplePractice:
    """A practice session that says what it is told."""

    running: bool = False
    remaining_s: float = 0.0
    steps: int = 0
    on_target: int = 0
    last: Literal["on_target", "off_target"] | None = None
    refusal: str = ""


class ExampleCues:
    """Cues and practice without an output."""

    def __init__(self) -> None:
        self.muted = False
        self.practice = self
        self.now = ExamplePractice()

    def press_mute(self) -> bool:
        """Turn the mute over."""
        self.muted = not self.muted
        return self.muted

    def start(self, minutes: float | None = None) -> ExamplePractice:
        """Begin."""
        self.now = ExamplePractice(True, 118.0, 46, 37, "on_target")
        return self.now

    def stop(self) -> ExamplePractice:
        """End."""
        self.now = ExamplePractice()
        return self.now

    def state(self) -> ExamplePractice:
        """Return what is shown."""
        return self.now


class ExampleGuide:
    """Leads through a set that somebody else recognises: `follow` is for the caller."""

    def __init__(self) -> None:
        self.session: GuidedSession | None = None

    def begin(self, dose: wire.Dose, now_ns: int) -> GuidedSession:
        """Begin at once."""
        self.session = GuidedSession(dose)
        self.session.start(now_ns)
        return self.session

    def take_words(self) -> list[Word]:
        """Return what is to be said."""
        return self.session.take_words() if self.session is not None else []

    def stop(self, now_ns: int) -> None:
        """End it."""
        if self.session is not None:
            self.session.stop(now_ns)


class ExamplePage:
    """An agent's part around a page: passes on samples and events, holds back what is paused.

    Attributes
    ----------
    sent : list of wire.Event
        What went to the outbox.
    """

    def __init__(self, folder: Path, clock: ExampleClock, page: PageConfig) -> None:
        self.clock = clock
        self.cues, self.guide = ExampleCues(), ExampleGuide()
        self.state = AgentState(connected=True)
        self.sent: list[wire.Event] = []
        self.reminder_name: str | None = None
        self._set_begin_ns = 0
        config = AgentConfig(
            affected="left",
            page=page,
            state=StateConfig(dir=str(folder)),
            cues=CueConfig(zone=ZONE),
        )
        self.sharing = SharingPause(folder / "sharing.json", "example", clock.monotonic_ns())
        parts = Parts(
            self.cues,
            self.guide,
            self,
            lambda: {"battery_left_percent": 81.0, "battery_right_percent": 64.0},
        )
        self.server: PageServer = build_page(
            config, self.state, PROFILE, clock, self.sharing, parts, "example"
        )
        self._companions = Companions([self.sharing, self.server], self.queue)
        self.tick()

    def reminder(self) -> str | None:
        """Return what to be reminded of."""
        return self.reminder_name

    def queue(self, event: wire.Event) -> None:
        """Take an event as the agent does."""
        if not self.sharing.holds_back(event):
            self.sent.append(event)
        self._companions.event(event, self.clock.monotonic_ns())

    def tick(self) -> None:
        """A commit interval is over."""
        self._companions.tick(self.clock.monotonic_ns(), self.clock.offset_ns)

    def setup(self, plan: tuple[wire.Dose, ...] = PLAN) -> None:
        """Bring targets and plan."""
        targets = wire.Targets(steps_per_day=3000, heel_first_percent=80.0)
        setup = wire.Setup(
            device="example", revision=1, affected="left", zone=ZONE, targets=targets, plan=plan
        )
        self._companions.setup(setup)

    def request(self, request: wire.Request) -> None:
        """Bring a request of the pipeline."""
        self._companions.request(request)

    def wear(self, state: Literal["off", "sitting", "standing", "walking"]) -> None:
        """Change the wearer's state."""
        self.queue(wire.Wear(seq=1, time_ns=self.clock.monotonic_ns(), state=state))

    def samples(self, phase: float = 0.2) -> None:
        """Bring a sample of both feet; `phase` 0 .. 1 rolls from heel to toes."""
        now_ns = self.clock.monotonic_ns()
        for side, lag in (("left", 0.0), ("right", 0.5)):
            self._companions.block(_sample(side, (phase + lag) % 1.0, now_ns), now_ns)  # type: ignore[arg-type]  # the literals are sides

    def land(self, strike: str, side: Side = "left") -> None:
        """A landing of the left foot, by its strike type."""
        now_ns = self.clock.monotonic_ns()
        event = GaitEvent(now_ns - 50_000_000, now_ns, side, "initial_contact", strike)
        self._companions.record(event, now_ns)

    def day(self) -> None:
        """Bring the strides of the day until now."""
        now_ns = self.clock.monotonic_ns()
        for hour, steps in _STEPS.items():
            begin_ns = now_ns - round((NOON.hour + NOON.minute / 60 - hour) * HOUR)
            for i in range(steps):
                time_ns = begin_ns + i * SECOND
                self.queue(_stride(time_ns, i, _HEEL[hour]))

    def walk(self, steps: int) -> None:
        """So many strides just now."""
        now_ns = self.clock.monotonic_ns()
        for i in range(steps):
            self.queue(_stride(now_ns - (steps - i) * SECOND, i, 0.7))

    def repeat(self, count: int, is_up: bool = False, hold_s: float = 0.0) -> None:
        """So many repetitions of the guided exercise are seen in this set."""
        session, now_ns = self.guide.session, self.clock.monotonic_ns()
        if session is None:
            return
        self._set_begin_ns = self._set_begin_ns if count > 1 else now_ns
        dose = session.dose
        seen = LiveSet(dose.exercise, dose.side, self._set_begin_ns, now_ns, count, is_up, hold_s)
        session.follow(seen, now_ns)

    def done(self, exercise: wire.ExerciseName, side: Side | None, complete: bool = True) -> None:
        """A set that ended."""
        self.queue(
            wire.Exercise(
                seq=1,
                time_ns=self.clock.monotonic_ns() - 2 * HOUR,
                exercise=exercise,
                side=side,
                repetitions=12,
                duration_s=40.0,
                is_complete=complete,
            )
        )

    def alert(self, rule: str, hours_ago: float = 0.5, technical: bool = False) -> str:
        """Raise an alert; return its id."""
        name = f"{rule}-left"
        self.queue(
            wire.Alert(
                seq=1,
                time_ns=self.clock.monotonic_ns() - round(hours_ago * HOUR),
                id=name,
                rule=rule,
                side="left",
                priority="medium",
                raised=True,
                technical=technical,
            )
        )
        return name

    def finish(self) -> None:
        """The agent ends."""
        self._companions.finish(self.clock.monotonic_ns())


@asynccontextmanager
async def example_page(
    folder: Path, page: PageConfig | None = None, known: bool = True
) -> AsyncIterator[ExamplePage]:
    """Serve an example's page on a free port of this machine; `known`: the clock is set."""
    page = page or PageConfig(port=0)
    example = ExamplePage(folder, ExampleClock(known), page)
    serving = asyncio.create_task(example.server.run())
    waiting = asyncio.create_task(example.server.ready.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield example
    finally:
        example.finish()
        example.server.stop()
        await serving


def _stride(time_ns: int, i: int, heel: float) -> wire.Stride:
    side = SIDES[i % 2]
    share = (i * 0.381966) % 1.0  # spread evenly
    strike: Literal["heel", "toe", "flat"] = "heel" if share < heel else "toe"
    if strike == "toe" and share > 0.95:
        strike = "flat"
    dragged = side == "left" and share > 0.93
    return wire.Stride(
        seq=1,
        time_ns=time_ns,
        side=side,
        strike="heel" if side == "right" else strike,
        valid_swing=True,
        toe_drag="scuff" if dragged else "none",
    )


def _sample(side: Side, phase: float, now_ns: int) -> Block:
    x = np.array(_FOOT.x)
    height = max(0.0, math.sin(math.pi * min(1.0, phase / 0.6))) if phase < 0.6 else 0.02
    place = 0.1 + 1.3 * phase
    load = 220 * height * np.exp(-(((x - place) / 0.3) ** 2)) + 3
    return Block(side, np.array([now_ns], np.int64), load[None].astype(np.float32), None)

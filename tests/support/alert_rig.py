"""The alert rules on a simulated clock: strides in, alerts out, restarts in between."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge import wire
from edge.alerts import AlertRules, Keeper
from edge.companions import Companions
from hw.source import SIDES, Block, Side
from kernels import GaitEvent, GaitStride

SECOND = 10**9
MORNING_NS = 1_772_352_000 * SECOND
"""2026-03-01 08:00 UTC."""


class Rig:
    """One agent's alert rules.

    `kill` throws the rules away as SIGKILL does; `boot` also gives a new monotonic clock.
    """

    def __init__(self, folder: Path, affected: str = "left", feet: tuple[Side, ...] = SIDES):
        self.path = folder / "alerts.json"
        self.affected, self.feet = affected, feet
        self.now_ns = 1000 * SECOND
        self.offset_ns: int | None = MORNING_NS - self.now_ns
        self.clock_name = "clock-0"
        self.battery: dict[Side, float | None] = {}
        self.events: list[wire.Event] = []
        self.setup = wire.Setup(device="insole-1", revision=1, zone="UTC")
        self.start()

    def start(self) -> None:
        self.rules = AlertRules(
            self.path,
            self.clock_name,
            self.affected,
            feet=self.feet,
            zone="UTC",
            battery=self._battery,
            keeper=Keeper(self.path, threaded=False),
        )
        self.companions = Companions([self.rules], self._emit)
        self.companions.setup(self.setup)

    def _battery(self) -> Mapping[Side, float | None]:
        return self.battery

    def _emit(self, event: wire.Event) -> None:
        self.events.append(event)
        self.companions.event(event, self.now_ns)

    @property
    def wall_ns(self) -> int:
        assert self.offset_ns is not None
        return self.now_ns + self.offset_ns

    def kill(self) -> None:
        self.start()

    def boot(self, minutes: float = 2.0) -> None:
        """A new boot of the machine: the monotonic clock begins again."""
        wall_ns = self.wall_ns + round(minutes * 60 * SECOND)
        self.clock_name += "+"
        self.now_ns = 20 * SECOND
        self.offset_ns = wall_ns - self.now_ns
        self.start()

    def thresholds(self, **changes: float) -> None:
        revision = self.setup.revision + 1
        self.setup = wire.Setup(
            device="insole-1",
            revision=revision,
            zone="UTC",
            thresholds=wire.Thresholds(**changes),
        )
        self.companions.setup(self.setup)

    # -- what happens

    def tick(self, seconds: float = 1.0, alive: tuple[Side, ...] = ()) -> None:
        """Let time pass, second by second."""
        for _ in range(round(seconds)):
            self.now_ns += SECOND
            for side in alive:
                self.samples(side)
            self.companions.tick(self.now_ns, self.offset_ns)
        assert self.companions.failures == 0

    def pass_hours(self, hours: float) -> None:
        """Let time pass in minutes."""
        for _ in range(round(hours * 60)):
            self.now_ns += 60 * SECOND
            self.companions.tick(self.now_ns, self.offset_ns)
        assert self.companions.failures == 0

    def samples(self, side: Side) -> None:
        times = np.array([self.now_ns - 10_000_000, self.now_ns])
        self.companions.block(Block(side, times, None, None), self.now_ns)

    def walk(
        self,
        swings: str,
        side: Side = "left",
        level: str | None = "low",
        valid: bool = True,
        stride_s: float = 1.2,
    ) -> None:
        """Take a stride for each letter: `d` a drag, `.` none, `?` not known."""
        for letter in swings:
            self.now_ns += round(stride_s * SECOND)
            drag = {"d": "scuff", ".": "none", "?": None}[letter]
            stride = GaitStride(
                time_ns=self.now_ns,
                decided_ns=self.now_ns,
                side=side,
                strike="heel",
                stride_s=stride_s,
                toe_drag=drag,
                valid_swing=valid,
                trip_level=level,
            )
            self.companions.record(stride, self.now_ns)
        assert self.companions.failures == 0

    def near_trip(self, side: Side = "left") -> None:
        moment = GaitEvent(self.now_ns, self.now_ns, side, "near_trip")
        self.companions.record(moment, self.now_ns)

    def wear(self, state: str) -> None:
        event = wire.Wear(seq=1, time_ns=self.now_ns, state=state)
        self.companions.event(event, self.now_ns)

    def fault(self, side: Side = "left", raised: bool = True, detail: str = "cell 3 stuck") -> None:
        """A sensor fault as edge/events.py makes it of the kernel's."""
        event = wire.Alert(
            seq=1,
            time_ns=self.now_ns,
            id=f"sensor_fault-{side}-{detail.replace(' ', '_')}",
            rule="sensor_fault",
            side=side,
            priority="medium",
            raised=raised,
            detail=detail,
            technical=True,
        )
        self._emit(event)

    # -- what came of it

    @property
    def alerts(self) -> list[wire.Alert]:
        return [event for event in self.events if isinstance(event, wire.Alert)]

    def told(self, rule: str) -> list[bool]:
        """Raises (True) and clears (False) of a rule in order."""
        return [alert.raised for alert in self.alerts if alert.rule == rule]

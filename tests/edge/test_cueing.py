"""Cues from the detection loop to the outputs, on a simulated clock."""

import asyncio

import msgspec
import pytest

from edge.config import CueConfig
from edge.cueing import Cueing
from edge.cues import Conditions
from hw.clock import VirtualClock
from kernels import GaitEvent

MS, SECOND = 1_000_000, 1_000_000_000
WALL_NS = 1_790_000_000 * SECOND
CONFIG = CueConfig(enabled=True, sound=True, quiet_from="", quiet_to="")


class FakeOutput:
    def __init__(self, clock: VirtualClock, broken: bool = False) -> None:
        self.clock = clock
        self.broken = broken
        self.pulses: list[int] = []
        self.stops = 0

    def pulse(self, seconds: float) -> None:
        if self.broken:
            raise OSError("wire off")
        self.pulses.append(self.clock.monotonic_ns())

    def stop(self) -> None:
        self.stops += 1


class Bench:
    def __init__(self, broken: bool = False, **changes) -> None:
        self.clock = VirtualClock(start_ns=10 * SECOND, wall_start_ns=WALL_NS)
        self.output = FakeOutput(self.clock, broken)
        self.worn: bool | None = True
        config = msgspec.structs.replace(CONFIG, **changes)
        self.cueing = Cueing(config, "left", self.clock, [self.output], self.conditions)

    def conditions(self, side: str) -> Conditions:
        return Conditions(self.clock.monotonic_ns(), self.worn, True)

    def land(self, age_ms: int = 45) -> int:
        contact = self.clock.monotonic_ns() - age_ms * MS
        event = GaitEvent(contact, contact + 40 * MS, "left", "initial_contact", "toe")
        self.cueing.observe(event, self.clock.monotonic_ns())
        return contact


async def test_the_cue_comes_sixty_ms_after_the_contact():
    bench = Bench()
    contact = bench.land(45)
    assert bench.output.pulses == []
    await bench.clock.sleep(1)
    assert bench.output.pulses == [contact + 60 * MS]


async def test_after_sixty_ms_it_comes_at_once_within_the_call():
    bench = Bench()
    contact = bench.land(80)
    assert bench.output.pulses == [contact + 80 * MS]


@pytest.mark.parametrize("silenced_by", ["mute", "wear", "close"])
async def test_what_happens_before_its_start_still_silences_it(silenced_by):
    bench = Bench()
    bench.land(45)
    if silenced_by == "mute":
        bench.cueing.press_mute()
    elif silenced_by == "wear":
        bench.worn = None
    else:
        bench.cueing.close()
    await bench.clock.sleep(1)
    assert bench.output.pulses == []


async def test_a_loop_that_was_blocked_gives_no_late_cue():
    bench = Bench()
    bench.land(45)
    bench.clock._now_ns += 200 * MS  # nobody could run in between
    await bench.clock.sleep(1)
    assert bench.output.pulses == []
    assert bench.cueing.policy.counts.suppressed == {("toe_strike", "late"): 1}


async def test_a_broken_output_is_not_used_again_and_never_reaches_detection(caplog):
    bench = Bench(broken=True)
    bench.land(80)
    await bench.clock.sleep(2)
    bench.land(80)
    assert caplog.text.count("failed and is not used again") == 1
    assert bench.cueing.policy.counts.suppressed == {("toe_strike", "failed"): 2}


async def test_rules_that_fail_never_reach_detection(caplog):
    bench = Bench()
    bench.cueing._conditions = lambda side: 1 / 0
    bench.land(80)
    assert "the rules failed" in caplog.text
    assert bench.output.pulses == []


async def test_mute_stops_what_sounds_and_close_may_come_twice():
    bench = Bench()
    bench.land(80)
    bench.cueing.press_mute()
    assert bench.output.stops == 1
    bench.cueing.close()
    bench.cueing.close()
    await asyncio.sleep(0)
    bench.land(80)
    assert len(bench.output.pulses) == 1

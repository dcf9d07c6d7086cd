"""Cues from the detection loop to the outputs, on a simulated clock."""

import asyncio

import msgspec
import pytest

from edge import wire
from edge.companions import Companions
from edge.config import CueConfig
from edge.cueing import Cueing
from edge.cues import Conditions
from hw.clock import VirtualClock
from kernels import GaitEvent

MS, SECOND = 1_000_000, 1_000_000_000
WALL_NS = 1_790_000_000 * SECOND
NOON_NS = 1_772_449_200 * SECOND
"""2026-03-02 12:00 in Berlin, midnight in Auckland."""
CONFIG = CueConfig(enabled=True, sound=True, quiet_from="", quiet_to="", failures=1)


class FakeOutput:
    def __init__(self, clock: VirtualClock, broken: bool = False, deaf: bool = False) -> None:
        self.clock = clock
        self.broken = broken
        self.deaf = deaf
        self.signals: list[tuple[int, str]] = []
        self.stops = 0

    @property
    def pulses(self) -> list[int]:
        return [at_ns for at_ns, _ in self.signals]

    def pulse(self, seconds: float, signal: str = "") -> bool:
        if self.broken:
            raise OSError("wire off")
        if self.deaf:
            return False
        self.signals.append((self.clock.monotonic_ns(), signal))
        return True

    def stop(self) -> None:
        self.stops += 1


class Bench:
    def __init__(self, broken: bool = False, deaf: bool = False, **changes) -> None:
        self.clock = VirtualClock(start_ns=10 * SECOND, wall_start_ns=WALL_NS)
        self.output = FakeOutput(self.clock, broken, deaf)
        self.worn: bool | None = True
        config = msgspec.structs.replace(CONFIG, **changes)
        self.cueing = Cueing(config, "left", self.clock, [self.output], self.conditions)
        self.events: list[wire.Event] = []
        self.companions = Companions([self.cueing], self.events.append)

    def conditions(self, side: str) -> Conditions:
        return Conditions(self.clock.monotonic_ns(), self.worn, True)

    def land(self, age_ms: int = 45, strike: str = "toe", side: str = "left") -> int:
        contact = self.clock.monotonic_ns() - age_ms * MS
        event = GaitEvent(contact, contact + 40 * MS, side, "initial_contact", strike)
        self.companions.record(event, self.clock.monotonic_ns())
        return contact

    @property
    def cues(self) -> list[tuple[bool, str]]:
        return [(event.given, event.reason) for event in self.events]


async def test_the_cue_comes_sixty_ms_after_the_contact():
    bench = Bench()
    contact = bench.land(45)
    assert bench.output.pulses == []
    await bench.clock.sleep(1)
    assert bench.output.signals == [(contact + 60 * MS, "toe_strike")]
    (event,) = bench.events
    assert event == wire.Cue(
        seq=1, time_ns=contact, side="left", cause="toe_strike", given=True, delay_ms=15.0
    )


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
    assert bench.cues == [(False, "late")]


async def test_a_broken_output_is_not_used_again_and_never_reaches_detection(caplog):
    bench = Bench(broken=True)
    bench.land(80)
    await bench.clock.sleep(2)
    bench.land(80)
    assert caplog.text.count("failed and is not used again") == 1
    assert bench.cueing.policy.counts.suppressed == {("toe_strike", "failed"): 2}
    assert bench.cues == [(False, "failed")] * 2


async def test_rules_that_fail_never_reach_detection(caplog):
    bench = Bench()
    bench.cueing._conditions = lambda side: 1 / 0
    bench.land(80)
    assert "Cueing failed 1 times" in caplog.text
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


# -- each cue is an event -------------------------------------------------------------------------


async def test_each_suppressed_cue_is_an_event_with_its_reason():
    bench = Bench(failures=2)
    bench.land(80)
    bench.land(80)
    bench.worn = False
    await bench.clock.sleep(5)
    bench.land(80)
    bench.land(80)
    assert bench.cues == [
        (False, "not repeated"),
        (True, ""),
        (False, "not repeated"),
        (False, "unworn"),
    ]
    batch = wire.Batch(device="insole-1", boot="0" * 16, events=tuple(bench.events))
    assert wire.decode(wire.encode(batch), wire.Batch) == batch


async def test_no_event_for_a_cue_that_nobody_wanted():
    bench = Bench(toe_strike=False)
    bench.land(80)
    bench.land(80, side="right")
    assert bench.events == []
    assert bench.cueing.policy.counts.suppressed.total() == 2


async def test_at_most_one_event_for_a_landing_and_one_for_a_drag():
    """The volume is bounded by walking itself."""
    bench = Bench(failures=3)
    for step in range(200):
        contact = bench.clock.monotonic_ns()
        drag = GaitEvent(contact - 200 * MS, contact - 150 * MS, "left", "toe_drag", "scuff")
        if step % 4 == 0:
            bench.companions.record(drag, bench.clock.monotonic_ns())
        bench.land(70)
        await bench.clock.sleep(1.2)
    assert len(bench.events) == 200 + 50
    keys = [(event.cause, event.time_ns) for event in bench.events]
    assert len(set(keys)) == len(keys)


async def test_an_output_without_its_device_gave_nothing():
    bench = Bench(deaf=True)
    bench.land(80)
    assert bench.cues == [(False, "failed")]


async def test_the_end_tells_of_cues_that_had_not_begun():
    bench = Bench()
    bench.land(45)
    bench.companions.finish(bench.clock.monotonic_ns())
    await bench.clock.sleep(1)
    assert bench.cues == [(False, "stopped")]
    assert bench.output.pulses == []


# -- what the therapist sets ----------------------------------------------------------------------


async def test_the_therapist_says_which_leg():
    bench = Bench()
    bench.companions.setup(wire.Setup(device="insole-1", revision=1, affected="right"))
    bench.land(80)
    bench.land(80, side="right")
    assert [event.side for event in bench.events] == ["right"]
    bench.companions.setup(wire.Setup(device="insole-1", revision=2))
    bench.land(80)
    assert [event.side for event in bench.events] == ["right", "left"]


async def test_the_therapists_time_zone_moves_the_quiet_hours(caplog):
    bench = Bench(quiet_from="21:00", quiet_to="07:00", zone="Europe/Berlin")
    bench.clock._wall_offset_ns = NOON_NS - bench.clock.monotonic_ns()
    bench.companions.setup(wire.Setup(device="insole-1", revision=1, zone="Pacific/Auckland"))
    bench.land(80)
    bench.companions.setup(wire.Setup(device="insole-1", revision=2, zone="No/Where"))
    assert "no such time zone" in caplog.text
    bench.land(80)
    bench.companions.setup(wire.Setup(device="insole-1", revision=3))
    bench.land(80)
    assert bench.cues == [(False, "quiet hours"), (False, "quiet hours"), (True, "")]


async def test_the_page_mutes_and_unmutes_as_the_button_does():
    bench = Bench()
    assert bench.cueing.press_mute() and bench.cueing.muted
    bench.land(80)
    assert not bench.cueing.press_mute() and not bench.cueing.muted
    bench.land(80)
    assert bench.cues == [(False, "muted"), (True, "")]

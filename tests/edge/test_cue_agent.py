"""Cues in the running agent: a virtual patient walks, cues are given, their events are kept."""

import asyncio

from edge_tools import WALL_NS, config_text, everything

from edge import wire
from edge.agent import Agent
from edge.config import CueConfig, parse
from edge.cueing import Cueing
from edge.cues import Conditions
from edge.outbox import Outbox
from edge.service import InlineWorker, OutboxService
from hw.clock import VirtualClock
from hw.virtual import VirtualPatient, VirtualSource, preset

CUES = CueConfig(enabled=True, sound=True, quiet_from="", quiet_to="")


class Ear:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def pulse(self, seconds: float, signal: str = "") -> bool:
        self.heard.append(signal)
        return True

    def stop(self) -> None:
        return


async def test_cues_and_practice_of_a_walk_are_in_the_outbox(tmp_path):
    config = parse(config_text(1883, tmp_path))
    clock = VirtualClock(start_ns=5_000_000_000, wall_start_ns=WALL_NS)
    source = VirtualSource(VirtualPatient(preset("severe", affected="left"), 3), clock, 0.02, 150)
    ear = Ear()

    def conditions(side: str) -> Conditions:
        foot = agent.state.foot(side)
        return Conditions(foot.last_sample_ns, agent.state.worn, True)

    cueing = Cueing(CUES, "left", clock, [ear], conditions, tmp_path)
    service = OutboxService(Outbox(config.outbox_path), InlineWorker())
    agent = Agent(config, source, clock, service, once=True, companions=[cueing])

    async def practise() -> None:
        await clock.sleep(60)
        cueing.practice.start(1)

    await asyncio.gather(agent.run(), practise())
    cueing.close()
    outbox = Outbox(tmp_path / "outbox.db")
    events = everything(outbox)
    outbox.close()

    cues = [event for event in events if isinstance(event, wire.Cue)]
    (session,) = [event for event in events if isinstance(event, wire.Practice)]
    assert (session.duration_s, session.side) == (60.0, "left")
    assert session.steps > 20
    assert {cue.mode for cue in cues if cue.given} == {"everyday", "practice"}
    assert {cue.side for cue in cues} == {"left"}
    assert all((cue.delay_ms is not None) == cue.given == (not cue.reason) for cue in cues)
    assert max(cue.delay_ms for cue in cues if cue.given) <= 100
    asked = [signal for signal in ear.heard if signal not in ("begin", "end", "on_target")]
    assert len(asked) == sum(cue.given for cue in cues)
    missed = session.steps - session.on_target
    practised = [cue.given for cue in cues if cue.cause == "off_target"]
    assert len(practised) == missed
    assert session.fading == sum(practised) / missed
    assert agent.companions.failures == 0

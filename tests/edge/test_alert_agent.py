"""The rules and the tally within a whole agent, over the samples of a virtual patient."""

from pathlib import Path

from edge_tools import WALL_NS, config_text, everything
from wear_day import patient_day

from edge import wire
from edge.agent import Agent
from edge.alerts import AlertRules, Keeper, Tally
from edge.alerts.tally import PART_NS
from edge.config import parse
from edge.outbox import Outbox
from edge.service import InlineWorker, OutboxService
from hw.clock import VirtualClock
from hw.replay import Replay
from hw.source import Recording

SECOND = 10**9


async def walk(folder: Path, recording: Recording, after_s: int) -> None:
    """Run an agent over the recording, so long after the first one began."""
    clock = VirtualClock(start_ns=(5 + after_s) * SECOND, wall_start_ns=WALL_NS + after_s * SECOND)
    config = parse(config_text(1883, folder))
    rules = AlertRules(
        folder / "alerts.json",
        "clock",
        "both",
        progress=lambda: (agent.state.detected, agent.state.committed),
        keeper=Keeper(folder / "alerts.json", threaded=False),
    )
    tally = Tally(
        folder / "tally.json",
        "clock",
        dropped=lambda: agent.state.dropped,
        keeper=Keeper(folder / "tally.json", threaded=False),
    )
    agent = Agent(
        config,
        Replay(recording, clock),
        clock,
        OutboxService(Outbox(config.outbox_path), InlineWorker()),
        once=True,
        companions=[rules, tally],
    )
    await agent.run()
    assert agent.companions.failures == 0


async def test_alerts_are_raised_once_and_the_tally_agrees_with_what_is_stored(tmp_path: Path):
    recording, _ = patient_day("severe", 41, 240.0)
    for after_s in (0, 300, 2 * 3600):  # the last run tells the hour of the other two
        await walk(tmp_path, recording, after_s)
    outbox = Outbox(tmp_path / "outbox.db")
    stored = everything(outbox)
    outbox.close()
    alerts = [event for event in stored if isinstance(event, wire.Alert)]
    raised = [alert.id for alert in alerts if alert.raised and alert.rule == "repeated_toe_drag"]
    assert len(raised) == len(set(raised)) > 0
    tallies = {event.time_ns // PART_NS: event for event in stored if isinstance(event, wire.Tally)}
    (tally,) = tallies.values()
    for side in ("left", "right"):
        strides = [
            event
            for event in stored
            if isinstance(event, wire.Stride)
            and event.side == side
            and event.time_ns < WALL_NS + 3600 * SECOND
        ]
        drags = [event for event in strides if event.toe_drag not in (None, "none")]
        assert getattr(tally, f"strides_{side}") == len(strides) > 50
        assert getattr(tally, f"drags_{side}") == len(drags)
        assert getattr(tally, f"samples_{side}") == 2 * len(recording.feet[side].time_ns)

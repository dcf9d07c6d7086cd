"""Practice answers soon after the contact: the agent passes each stride on as one foot gives it."""

from edge_tools import WALL_NS, config_text

from edge import wire
from edge.agent import Agent
from edge.companion import Companion
from edge.config import parse
from edge.outbox import Outbox
from edge.service import InlineWorker, OutboxService
from hw.clock import VirtualClock
from hw.virtual import VirtualPatient, VirtualSource, preset
from kernels import GaitStride


class Notes(Companion):
    def __init__(self) -> None:
        self.early: list[tuple[GaitStride, int]] = []
        self.complete: list[GaitStride] = []

    def landing(self, stride: GaitStride, now_ns: int) -> tuple[wire.Event, ...]:
        self.early.append((stride, now_ns))
        return ()

    def record(self, record: object, now_ns: int) -> tuple[wire.Event, ...]:
        if isinstance(record, GaitStride):
            self.complete.append(record)
        return ()


async def test_a_companion_sees_each_stride_early_and_again_complete(tmp_path):
    config = parse(config_text(1883, tmp_path))
    clock = VirtualClock(start_ns=5_000_000_000, wall_start_ns=WALL_NS)
    source = VirtualSource(VirtualPatient(preset("moderate", affected="left"), 3), clock, 0.02, 60)
    notes = Notes()
    service = OutboxService(Outbox(config.outbox_path), InlineWorker())
    await Agent(config, source, clock, service, once=True, companions=[notes]).run()
    assert len(notes.complete) > 40
    complete = {(s.side, s.time_ns): s.pitch_at_contact_deg for s in notes.complete}
    assert {(s.side, s.time_ns): s.pitch_at_contact_deg for s, _ in notes.early} == complete
    assert all(0 < now_ns - stride.time_ns < 600_000_000 for stride, now_ns in notes.early)

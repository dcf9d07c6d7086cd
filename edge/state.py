"""What a live view shows of a running agent: plain numbers, updated where they arise."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from hw.source import Side
from kernels import GaitEvent, GaitStride

__all__ = ["AgentState", "Contact", "FootView"]


class Contact(NamedTuple):
    """A landing: when [monotonic ns] and on which part of the foot."""

    time_ns: int
    strike: str


@dataclass(slots=True)
class FootView:
    """One foot: its last contacts, and counts since the start with their denominators."""

    contacts: deque[Contact] = field(default_factory=lambda: deque(maxlen=12))
    strikes: dict[str, int] = field(
        default_factory=lambda: {"heel": 0, "flat": 0, "toe": 0, "unknown": 0}
    )
    strides: int = 0
    valid_swings: int = 0
    drags: int = 0
    samples: int = 0
    last_sample_ns: int | None = None
    stride_s: float | None = None
    trip_risk: float | None = None
    trip_level: str | None = None


@dataclass(slots=True)
class AgentState:
    """The whole agent. Numbers of events count since the start, `waiting` is the outbox's;
    `commit_rounds` grows with every round of the commit loop, also without events."""

    left: FootView = field(default_factory=FootView)
    right: FootView = field(default_factory=FootView)
    bouts: int = 0
    near_trips: int = 0
    detected: int = 0
    committed: int = 0
    commit_rounds: int = 0
    sent: int = 0
    receipted: int = 0
    waiting: int = 0
    dropped: int = 0
    blocks_refused: int = 0
    messages_refused: int = 0
    source_failures: int = 0
    worn: bool | None = None
    connected: bool = False
    clock_known: bool = False
    last_error: str = ""

    def foot(self, side: Side) -> FootView:
        """Return one foot's view."""
        return self.left if side == "left" else self.right

    @property
    def cadence_per_min(self) -> float | None:
        """Steps per minute by the last stride of each foot; None before the first."""
        known = [foot.stride_s for foot in (self.left, self.right) if foot.stride_s]
        return 120.0 * len(known) / sum(known) if known else None

    def take_event(self, event: GaitEvent) -> None:
        """Take note of a contact, a near-trip or a technical fault; a drag is counted with its
        swing."""
        foot = self.foot(event.side)
        if event.event == "initial_contact":
            foot.contacts.append(Contact(event.time_ns, event.detail))
            foot.strikes[event.detail] = foot.strikes.get(event.detail, 0) + 1
        elif event.event == "near_trip":
            self.near_trips += 1
        problem = f"{event.side} foot: {event.detail}"
        if event.event == "sensor_fault":
            self.last_error = problem
        elif event.event == "sensor_fault_gone" and self.last_error == problem:
            self.last_error = ""

    def take_stride(self, stride: GaitStride) -> None:
        """Take note of a stride."""
        foot = self.foot(stride.side)
        foot.strides += 1
        foot.valid_swings += stride.valid_swing
        foot.drags += stride.toe_drag not in (None, "none")
        foot.stride_s = stride.stride_s
        if stride.trip_risk is not None:
            foot.trip_risk, foot.trip_level = stride.trip_risk, stride.trip_level

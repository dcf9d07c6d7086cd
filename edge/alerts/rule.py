"""What an alert rule is: it looks at the gait and says when something begins and ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, ClassVar, Literal, NamedTuple

from edge import wire
from hw.source import SIDES, Side
from kernels import GaitEvent, GaitStride

__all__ = ["Change", "Key", "Priority", "Rule", "Situation"]

Priority = Literal["low", "medium", "high"]
Key = tuple[str, Side | None]
"""Rule and foot: what can be raised once at a time."""


class Change(NamedTuple):
    """A rule's condition begins (`raised`) or ends.

    `time_ns` is the event time on the monotonic clock. `cause` distinguishes this episode from
    others of the rule and foot; empty: its time does.
    """

    raised: bool
    side: Side | None
    time_ns: int
    detail: str = ""
    cause: str = ""


@dataclass(slots=True)
class Situation:
    """What every rule may know beside what it sees.

    Attributes
    ----------
    now_ns, offset_ns : int
        Monotonic time, and wall less monotonic time (None: the clock is not known) [ns].
    zone : tzinfo or None
        The patient's; None: this machine's.
    sides : tuple
        The legs whose gait is watched: the affected one, or both.
    feet : tuple
        The feet that have a sensor.
    seen_ns : dict
        When the last samples of a foot came [monotonic ns].
    heard_ns : dict
        When a part of a foot's sensor ("pressure", "IMU") last gave a value, or first a sample.
    battery_percent : mapping
        By foot; None or absent: not known.
    raised : set
        What is raised now.
    """

    now_ns: int = 0
    started_ns: int = 0
    offset_ns: int | None = None
    zone: tzinfo | None = None
    thresholds: wire.Thresholds = field(default_factory=wire.Thresholds)
    sides: tuple[Side, ...] = SIDES
    feet: tuple[Side, ...] = SIDES
    seen_ns: dict[Side, int] = field(default_factory=dict)
    heard_ns: dict[tuple[Side, str], int] = field(default_factory=dict)
    battery_percent: Mapping[Side, float | None] = field(default_factory=dict)
    raised: set[Key] = field(default_factory=set)

    def local(self, mono_ns: int) -> datetime | None:
        """Return a monotonic time as the patient's local time; None while that is not known."""
        if self.offset_ns is None:
            return None
        wall_s = (mono_ns + self.offset_ns) / 1e9
        return datetime.fromtimestamp(wall_s, self.zone).astimezone(self.zone)

    def mono_ns(self, moment: datetime) -> int:
        """Return a local time on the monotonic clock; the clock has to be known."""
        assert self.offset_ns is not None
        return round(moment.timestamp() * 1e9) - self.offset_ns


class Rule:
    """One rule; override what you need. All times are monotonic [ns].

    `keep` returns plain values for the state file; after a restart `restore` gets them back at
    once, and `restore_times` as soon as the shift from the old clock to this one is known.
    """

    name: ClassVar[str]
    priority: ClassVar[Priority]
    technical: ClassVar[bool] = False
    blinds: ClassVar[bool] = False
    """While raised for a foot, nothing is concluded from that foot's strides."""

    def watches(self, side: Side, now: Situation) -> bool:
        """Say whether a leg's gait is looked at: a watched one, or until what is raised clears."""
        return side in now.sides or (self.name, side) in now.raised

    def stride(self, stride: GaitStride, now: Situation) -> Iterable[Change]:
        """Look at a stride of a foot whose sensor is trusted."""
        return ()

    def moment(self, event: GaitEvent, now: Situation) -> Iterable[Change]:
        """Look at a contact, drag or near-trip of a foot whose sensor is trusted."""
        return ()

    def wear(self, wear: wire.Wear, now: Situation) -> Iterable[Change]:
        """Look at a change of the wearer's state."""
        return ()

    def tick(self, now: Situation) -> Iterable[Change]:
        """Look at the time; called about once a second."""
        return ()

    def keep(self) -> Any:
        """Return what must survive a restart: plain values."""
        return None

    def restore(self, kept: Any) -> None:
        """Take up what `keep` returned before the restart, but for what hangs on the clock."""

    def restore_times(self, kept: Any, shift_ns: int) -> None:
        """Take up what hangs on the clock; this clock's times are the old ones plus the shift."""

    def forget(self, before: str) -> None:
        """Drop everything learnt before a local date ("2026-03-01")."""

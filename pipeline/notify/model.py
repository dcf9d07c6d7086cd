"""What the notifier knows: episodes of alerts, acknowledgements, messages. Times are ns UTC."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Final, Literal

from pipeline.errors import PipelineError

__all__ = [
    "ROLES",
    "Ack",
    "AlertError",
    "By",
    "Case",
    "Episode",
    "Kind",
    "Message",
    "Page",
    "Planned",
    "Priority",
    "Role",
]

By = Literal["patient", "caregiver", "therapist"]
Kind = Literal["page", "summary", "clear", "list"]


class AlertError(PipelineError, LookupError):
    """An alert or link that is not as it should be; the message says what to do."""


class Priority(IntEnum):
    """As in IEC 60601-1-8."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The word of the wire."""
        return self.name.lower()


class Role(IntFlag):
    """Who is told; a set of roles is their sum."""

    NONE = 0
    PATIENT = 1
    CAREGIVER = 2
    THERAPIST = 4

    @property
    def word(self) -> str:
        """The role's name in file names and acknowledgements."""
        return (self.name or "").lower()


ROLES: Final = (Role.PATIENT, Role.CAREGIVER)
"""In the order of escalation; therapists get a list the next day."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Somebody saw an alert, or put it off by `snooze_s`."""

    time_ns: int
    by: By
    true_alarm: bool | None = None
    snooze_s: float = 0.0

    @property
    def settles(self) -> bool:
        """Whether the alert needs no more telling: it was seen, not only put off."""
        return self.snooze_s == 0.0 or self.true_alarm is not None


@dataclass(slots=True)
class Episode:
    """One alert from its raise to its clear.

    Attributes
    ----------
    number : int
        Of the row; stands in links.
    begin_ns, end_ns : int
        Event times; `end_ns` None: open.
    arrived_ns : int
        When the pipeline heard of it.
    is_late : bool
        It came over half an hour late: pages nobody.
    paged_ns : dict
        When each role was last paged for it.
    summed, told : Role
        Whose morning summary named it; who was told that it is open and not yet that it is over.
    is_listed : bool
        It stood in the therapist's list.
    is_merged : bool
        An earlier raise turned up later, and no clear in between: it is part of that episode.
    """

    number: int
    patient: str
    device: str
    id: str
    rule: str
    side: str
    priority: Priority
    technical: bool
    detail: str
    begin_ns: int
    end_ns: int | None
    arrived_ns: int
    is_late: bool = False
    is_listed: bool = False
    is_merged: bool = False
    paged_ns: dict[Role, int] = field(default_factory=dict)
    summed: Role = Role.NONE
    told: Role = Role.NONE
    acks: list[Ack] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it is raised and not cleared."""
        return self.end_ns is None and not self.is_merged

    @property
    def is_settled(self) -> bool:
        """Whether somebody acknowledged it."""
        return any(ack.settles for ack in self.acks)

    @property
    def progress(self) -> tuple[object, ...]:
        """What a step may change, to see whether it did."""
        return self.is_listed, tuple(self.paged_ns.items()), self.summed, self.told

    @property
    def is_done(self) -> bool:
        """Whether nothing can follow from it any more."""
        is_past = self.is_settled or self.is_listed or self.is_merged
        return not self.is_open and not self.told and is_past


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was made: when, for whom, how urgent."""

    time_ns: int
    role: Role
    technical: bool
    priority: Priority


@dataclass(slots=True)
class Case:
    """All that is open about one patient, and whom a message can reach."""

    patient: str
    zone: str
    reach: Role
    episodes: list[Episode]
    pages: list[Page]
    summaries: dict[Role, str] = field(default_factory=dict)
    """The local day of the last morning summary."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A message that is due: to whom, and of which episodes, the most urgent first."""

    kind: Kind
    role: Role
    technical: bool
    episodes: tuple[Episode, ...]

    @property
    def priority(self) -> Priority:
        """Of the most urgent."""
        return self.episodes[0].priority


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the outbox, for one address."""

    number: int
    patient: str
    role: Role
    target: str
    kind: Kind
    priority: Priority
    title: str
    body: str
    created_ns: int
    tries: int

"""The messages of the wire: what one MQTT payload is."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.wire.events import Event
from edge.wire.types import (
    BootId,
    Count,
    Degrees,
    DeviceId,
    ExerciseName,
    Orthosis,
    Percent,
    Seq,
    Share,
    Side,
    Struct,
    Text,
    TimeNs,
)

__all__ = [
    "MAX_MESSAGE_BYTES",
    "VERSION",
    "WEEK",
    "Batch",
    "Command",
    "Dose",
    "Forget",
    "OrthosisSpan",
    "Receipt",
    "Request",
    "Setup",
    "Snooze",
    "Status",
    "Targets",
    "Thresholds",
    "Weekday",
]

VERSION: Literal[1] = 1
MAX_MESSAGE_BYTES = 64 * 1024

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Batch(Struct, frozen=True, kw_only=True):
    """A message on `events`: events of one boot of one device, ascending by seq."""

    version: Literal[1] = VERSION
    device: DeviceId
    boot: BootId
    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=500)]


class Receipt(Struct, frozen=True, kw_only=True):
    """The database has these events for good: inclusive ranges of seq of one boot."""

    version: Literal[1] = VERSION
    boot: BootId
    ranges: Annotated[tuple[tuple[Seq, Seq], ...], Meta(min_length=1, max_length=500)]


class Status(Struct, frozen=True, kw_only=True):
    """How the device is; `online` false is the last will. What is not known is null."""

    version: Literal[1] = VERSION
    device: DeviceId
    boot: BootId
    online: bool
    time_ns: TimeNs | None = None
    waiting: Count | None = None
    agent_version: str = ""
    oldest_s: Annotated[float, Meta(ge=0)] | None = None
    """Age of the oldest event that waits."""
    outbox_bytes: Count | None = None
    dropped: Count | None = None
    reconnections: Count | None = None
    worn: bool | None = None
    is_paused: bool | None = None
    """The patient has paused sharing."""
    clock_known: bool | None = None
    battery_left_percent: Percent | None = None
    battery_right_percent: Percent | None = None
    link_left_percent: Percent | None = None
    """Share of the samples of the last minute that came; null: none were expected."""
    link_right_percent: Percent | None = None
    setup_revision: Count | None = None
    """Of the `Setup` in use."""


class Thresholds(Struct, frozen=True, kw_only=True):
    """When the Pi raises and clears a gait alert; the defaults are those of reliability.md."""

    drags: Annotated[int, Meta(ge=1, le=1000)] = 5
    drags_window: Annotated[int, Meta(ge=10, le=1000)] = 50
    """Last valid swings of the affected leg that are looked at."""
    drags_share: Share = 0.10
    clear_share: Share = 0.05
    clear_window: Annotated[int, Meta(ge=10, le=1000)] = 100
    baseline_days: Annotated[int, Meta(ge=1, le=60)] = 7
    baseline_sd: Annotated[float, Meta(ge=0, le=10)] = 2.0
    risk_minutes: Annotated[float, Meta(ge=0.5, le=240)] = 3.0
    """High trip risk for so many minutes of walking within half an hour."""
    near_trips: Annotated[int, Meta(ge=1, le=100)] = 2
    """Near-trips within an hour."""
    battery_percent: Percent = 15.0
    not_worn_hours: Annotated[float, Meta(ge=0.5, le=72)] = 4.0
    """Not worn for so long between 9 and 20 o'clock."""


class Dose(Struct, frozen=True, kw_only=True):
    """One exercise of the plan: so many sets a day, of so many repetitions or seconds."""

    exercise: ExerciseName
    side: Side | None = None
    """null: the exercise takes both legs, as heel walks do."""
    sets: Annotated[int, Meta(ge=1, le=20)]
    repetitions: Annotated[int, Meta(ge=1, le=100)] | None = None
    seconds: Annotated[float, Meta(ge=5, le=600)] | None = None
    hold_s: Annotated[float, Meta(ge=0, le=30)] = 0.0
    rest_s: Annotated[float, Meta(ge=0, le=600)] = 60.0
    days: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)] = WEEK


class Targets(Struct, frozen=True, kw_only=True):
    """What the patient's page counts against."""

    steps_per_day: Annotated[int, Meta(ge=100, le=50_000)] = 4000
    heel_first_percent: Percent = 80.0
    pitch_at_contact_deg: Degrees | None = None
    """null: from the own baseline."""


class OrthosisSpan(Struct, frozen=True, kw_only=True):
    """What holds the foot up, by the therapist, from `since_ns` until the next span of the side."""

    since_ns: TimeNs
    until_ns: TimeNs | None = None
    """It ends earlier than the next one begins; null: it does not."""
    side: Side | None = None
    orthosis: Orthosis


class Setup(Struct, frozen=True, kw_only=True):
    """The retained message on `config`: what the therapist has set for who wears the device.

    It names no patient. A larger revision replaces a smaller one.
    """

    version: Literal[1] = VERSION
    device: DeviceId
    revision: Count
    affected: Literal["none", "left", "right", "both"] | None = None
    """null: as the agent's own configuration says."""
    zone: Annotated[str, Meta(max_length=64)] = ""
    """IANA name of the patient's time zone; empty: the agent's own."""
    thresholds: Thresholds = Thresholds()
    targets: Targets = Targets()
    plan: Annotated[tuple[Dose, ...], Meta(max_length=20)] = ()
    orthoses: Annotated[tuple[OrthosisSpan, ...], Meta(max_length=20)] = ()
    share_raw_until_ns: TimeNs | None = None
    """Time-limited consent to raw recordings leaving the home; null: none."""


class Forget(Struct, frozen=True, tag="forget", tag_field="kind", kw_only=True):
    """Remove everything kept on the device that happened before this time."""

    before_ns: TimeNs


class Snooze(Struct, frozen=True, tag="snooze", tag_field="kind", kw_only=True):
    """Somebody acknowledged the alert elsewhere; the page shows it no longer as new."""

    id: Text
    until_ns: TimeNs


Request = Forget | Snooze


class Command(Struct, frozen=True, kw_only=True):
    """A message on `command`: one-off requests, each safe to carry out twice."""

    version: Literal[1] = VERSION
    device: DeviceId
    requests: Annotated[tuple[Request, ...], Meta(min_length=1, max_length=100)]

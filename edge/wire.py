"""The wire: what travels over MQTT between a device and the pipeline. Version 1.

    heelfirst/v1/<device>/events    agent -> pipeline   `Batch`, QoS 1, not retained
    heelfirst/v1/<device>/status    agent -> all        `Status`, retained, also the last will
    heelfirst/v1/<device>/receipt   pipeline -> agent   `Receipt`: the database has these events
    heelfirst/v1/<device>/config    pipeline -> agent   thresholds and plans, retained
    heelfirst/v1/<device>/command   pipeline -> agent   one-off requests

JSON, strict: a wrong type, NaN, a number out of range, an unknown field or version is a
`WireError`. Times are int64 nanoseconds since 1970 in UTC. An unknown number is null, never 0.
Field names are API: they are the names in the store, in CSV files and on dashboards.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from edge.errors import EdgeError

__all__ = [
    "VERSION",
    "Alert",
    "Batch",
    "Bout",
    "Event",
    "Exercise",
    "Gap",
    "NearTrip",
    "Receipt",
    "Status",
    "Stride",
    "ToeDrag",
    "Wear",
    "WireError",
    "decode",
    "encode",
    "parse_topic",
    "schema",
    "topic",
]

VERSION: Literal[1] = 1
PREFIX = f"heelfirst/v{VERSION}"
MAX_MESSAGE_BYTES = 64 * 1024

Channel = Literal["events", "status", "receipt", "config", "command"]
Side = Literal["left", "right"]
DeviceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
BootId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
Seq = Annotated[int, Meta(ge=1, le=2**53)]
TimeNs = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=864000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Degrees = Annotated[float, Meta(ge=-180, le=180)]


class WireError(EdgeError, ValueError):
    """A message that this version of the wire does not allow; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Event(_Struct, frozen=True, tag_field="kind", kw_only=True):
    """What every event carries: its number in the outbox and its time."""

    seq: Seq
    time_ns: TimeNs


class Stride(_Event, frozen=True, tag="stride", kw_only=True):
    """One landing and the stride it closes; `time_ns` is the closing initial contact."""

    side: Side
    stride_s: Seconds | None = None
    stance_s: Seconds | None = None
    swing_s: Seconds | None = None
    strike: Literal["heel", "flat", "toe", "unknown"]
    strike_index: Annotated[float, Meta(ge=0, le=100)] | None = None
    heel_lead_ms: float | None = None
    pitch_at_contact_deg: Degrees | None = None
    pitch_at_toe_off_deg: Degrees | None = None
    max_dorsiflexion_deg: Degrees | None = None
    stride_length_m: Annotated[float, Meta(ge=0, le=10)] | None = None
    clearance_mm: float | None = None
    lift_mm: float | None = None
    lateral_excursion_mm: float | None = None
    double_support_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    lift_over_percent: float | None = None
    """Lift over the person's baseline or the unaffected foot's; over 25 % is steppage."""
    excursion_over_mm: float | None = None
    """Lateral excursion over the other foot's; over 30 mm is circumduction."""
    toe_drag: Literal["none", "late_release", "scuff", "full"] | None = None
    drag_ms: Annotated[float, Meta(ge=0)] | None = None
    valid_swing: bool = False
    trip_risk: Share | None = None
    trip_level: Literal["low", "raised", "high"] | None = None
    trip_reasons: tuple[str, ...] = ()
    sync_uncertainty_ms: Annotated[float, Meta(ge=0)] | None = None
    sources: tuple[Literal["pressure", "imu"], ...] = ()
    flags: tuple[str, ...] = ()


class ToeDrag(_Event, frozen=True, tag="toe_drag", kw_only=True):
    """The forefoot carried load in swing; sent at once. `time_ns` is the drag's begin."""

    side: Side
    drag: Literal["late_release", "scuff", "full"]


class NearTrip(_Event, frozen=True, tag="near_trip", kw_only=True):
    """Sharp slowing in swing, then an early, hard contact; sent at once."""

    side: Side


class Bout(_Event, frozen=True, tag="bout", kw_only=True):
    """A stretch of walking; `time_ns` is its first contact. Every share names its denominator.

    Steppage and circumduction are counted among the strides that could be compared (`_judged`). The
    clearance margin rests on `clearance_swings`; clearances under -8 mm are counted apart. A bout
    is closed after ten minutes; `continues`: the walking went on.
    """

    duration_s: Seconds
    strides_left: Count
    strides_right: Count
    valid_swings_left: Count
    valid_swings_right: Count
    heel_first_left: Count
    heel_first_right: Count
    flat_left: Count
    flat_right: Count
    toe_first_left: Count
    toe_first_right: Count
    drags_left: Count
    drags_right: Count
    cadence_per_min: Annotated[float, Meta(ge=0, le=400)] | None = None
    double_support_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    stance_symmetry_index: float | None = None
    stride_time_cv_percent: Annotated[float, Meta(ge=0)] | None = None
    speed_m_s: Annotated[float, Meta(ge=0, le=10)] | None = None
    curve_left: tuple[float, ...] = ()
    """Mean load of heel, midfoot, forefoot over the left stance: 3 x 21, shares of its peak."""
    curve_right: tuple[float, ...] = ()
    continues: bool = False
    swing_symmetry_index: float | None = None
    stance_time_ratio: Annotated[float, Meta(ge=0)] | None = None
    asymmetric: bool | None = None
    steppage_left: Count | None = None
    steppage_right: Count | None = None
    steppage_judged_left: Count = 0
    steppage_judged_right: Count = 0
    circumduction_left: Count | None = None
    circumduction_right: Count | None = None
    circumduction_judged_left: Count = 0
    circumduction_judged_right: Count = 0
    clearance_swings_left: Count = 0
    clearance_swings_right: Count = 0
    clearance_impossible_left: Count = 0
    clearance_impossible_right: Count = 0
    clearance_under_5mm_left: Share | None = None
    clearance_under_5mm_right: Share | None = None
    clearance_under_10mm_left: Share | None = None
    clearance_under_10mm_right: Share | None = None
    clearance_under_15mm_left: Share | None = None
    clearance_under_15mm_right: Share | None = None
    clearance_p1_mm_left: float | None = None
    clearance_p1_mm_right: float | None = None
    clearance_spread_mm_left: Annotated[float, Meta(ge=0)] | None = None
    clearance_spread_mm_right: Annotated[float, Meta(ge=0)] | None = None


class Wear(_Event, frozen=True, tag="wear", kw_only=True):
    """The wearer's state from `time_ns` on."""

    state: Literal["off", "sitting", "standing", "walking"]


class Exercise(_Event, frozen=True, tag="exercise", kw_only=True):
    """A set of a home exercise that ended; `time_ns` is its begin."""

    side: Side | None = None
    exercise: str
    repetitions: Count
    duration_s: Seconds


class Alert(_Event, frozen=True, tag="alert", kw_only=True):
    """A rule that fired (`raised`) or cleared; the id is a function of its cause."""

    id: str
    rule: str
    side: Side | None = None
    priority: Literal["low", "medium", "high"]
    raised: bool
    detail: str = ""


class Gap(_Event, frozen=True, tag="gap", kw_only=True):
    """Something was lost: what, how much, and why. `time_ns` is the gap's begin."""

    side: Side | None = None
    what: Literal["samples", "events", "alerts", "raw"]
    lost: Count
    duration_s: Seconds
    reason: str


Event = Stride | ToeDrag | NearTrip | Bout | Wear | Exercise | Alert | Gap


class Batch(_Struct, frozen=True, kw_only=True):
    """A message on `events`: events of one boot of one device, ascending by seq."""

    version: Literal[1] = VERSION
    device: DeviceId
    boot: BootId
    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=500)]


class Receipt(_Struct, frozen=True, kw_only=True):
    """The database has these events for good: inclusive ranges of seq of one boot."""

    version: Literal[1] = VERSION
    boot: BootId
    ranges: Annotated[tuple[tuple[Seq, Seq], ...], Meta(min_length=1, max_length=500)]


class Status(_Struct, frozen=True, kw_only=True):
    """How the device is; `online` false is the last will."""

    version: Literal[1] = VERSION
    device: DeviceId
    boot: BootId
    online: bool
    time_ns: TimeNs | None = None
    waiting: Count | None = None
    agent_version: str = ""


_T = TypeVar("_T", Batch, Receipt, Status)
_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Batch, Receipt, Status)
}


def topic(device: str, channel: Channel) -> str:
    """Return the MQTT topic of a device's channel; `+` as device makes a subscription."""
    return f"{PREFIX}/{device}/{channel}"


def parse_topic(name: str) -> tuple[str, Channel]:
    """Return device and channel of a topic, or raise `WireError`."""
    head, _, rest = name.partition(f"{PREFIX}/")
    device, _, channel = rest.partition("/")
    if head:
        raise WireError(f"topic {name!r} is not below {PREFIX}/")
    try:
        return msgspec.convert(device, DeviceId), msgspec.convert(channel, Channel)
    except msgspec.ValidationError as error:
        raise WireError(f"topic {name!r}: {error}") from None


def encode(message: _T) -> bytes:
    """Return the message as JSON; raise `WireError` for what `decode` would refuse."""
    data = _ENCODER.encode(message)
    decode(data, type(message))
    return data


def decode(data: bytes | bytearray | memoryview, kind: type[_T]) -> _T:
    """Return the message in `data`, or raise `WireError` saying what is wrong with it."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes, at most {MAX_MESSAGE_BYTES} are allowed")
    try:
        message: _T = _DECODERS[kind].decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(str(error)) from None
    return message


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the three messages."""
    schemas, definitions = msgspec.json.schema_components((Batch, Receipt, Status))
    return {"anyOf": list(schemas), "$defs": definitions}

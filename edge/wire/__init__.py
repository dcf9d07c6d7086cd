"""The wire: what travels over MQTT between a device and the pipeline. Version 1.

    heelfirst/v1/<device>/events    agent -> pipeline   `Batch`, QoS 1, not retained
    heelfirst/v1/<device>/status    agent -> all        `Status`, retained, also the last will
    heelfirst/v1/<device>/receipt   pipeline -> agent   `Receipt`: the database has these events
    heelfirst/v1/<device>/config    pipeline -> agent   `Setup`: thresholds and plans, retained
    heelfirst/v1/<device>/command   pipeline -> agent   `Command`: one-off requests

JSON, strict: a wrong type, NaN, a number out of range, an unknown field or version is a
`WireError`. Times are int64 nanoseconds since 1970 in UTC. An unknown number is null, never 0.
Field names are API: they are the names in the store, in CSV files and on dashboards.
"""

from typing import Any, Literal, TypeVar

import msgspec

from edge.wire.events import (
    Acknowledge,
    Alert,
    Bout,
    Cue,
    Event,
    Exercise,
    Gap,
    Habit,
    NearTrip,
    Practice,
    Stride,
    Tally,
    ToeDrag,
    Wear,
    Wearing,
)
from edge.wire.messages import (
    MAX_MESSAGE_BYTES,
    VERSION,
    WEEK,
    Batch,
    Command,
    Dose,
    Forget,
    OrthosisSpan,
    Receipt,
    Request,
    Setup,
    Snooze,
    Status,
    Targets,
    Thresholds,
    Weekday,
)
from edge.wire.types import DeviceId, ExerciseName, Orthosis, Side, WireError

__all__ = [
    "MAX_MESSAGE_BYTES",
    "PREFIX",
    "VERSION",
    "WEEK",
    "Acknowledge",
    "Alert",
    "Batch",
    "Bout",
    "Channel",
    "Command",
    "Cue",
    "DeviceId",
    "Dose",
    "Event",
    "Exercise",
    "ExerciseName",
    "Forget",
    "Gap",
    "Habit",
    "NearTrip",
    "Orthosis",
    "OrthosisSpan",
    "Practice",
    "Receipt",
    "Request",
    "Setup",
    "Side",
    "Snooze",
    "Status",
    "Stride",
    "Tally",
    "Targets",
    "Thresholds",
    "ToeDrag",
    "Wear",
    "Wearing",
    "Weekday",
    "WireError",
    "decode",
    "encode",
    "parse_topic",
    "schema",
    "topic",
]

PREFIX = f"heelfirst/v{VERSION}"

Channel = Literal["events", "status", "receipt", "config", "command"]
_MESSAGES = (Batch, Receipt, Status, Setup, Command)
_T = TypeVar("_T", Batch, Receipt, Status, Setup, Command)
_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in _MESSAGES
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
    """Return the JSON Schema of the messages."""
    schemas, definitions = msgspec.json.schema_components(_MESSAGES)
    return {"anyOf": list(schemas), "$defs": definitions}

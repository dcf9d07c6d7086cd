"""Gait records of the kernel into events of the wire, by field name.

Field names agree by contract, so a record is copied by the names it shares with its wire struct.
`seq` and `time_ns` are not final here: the outbox gives the number and turns the monotonic time
into wall time. A number outside the wire's range (a stride of 12 m) becomes unknown and the
stride carries the flag "out_of_range": flagged, never dropped.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from edge import wire
from kernels import GaitBout, GaitEvent, GaitStride

__all__ = ["URGENT", "Record", "fit", "to_wire"]

Record = GaitEvent | GaitStride | GaitBout
URGENT: tuple[type[wire.Event], ...] = (
    wire.ToeDrag,
    wire.NearTrip,
    wire.Alert,
    wire.Acknowledge,
)
"""Committed and sent at once; the others wait up to a second for company."""

SENSOR_FAULT = "sensor_fault"
"""Rule of a technical alert."""
MINOR_FAULTS = frozenset({"toe clearance impossible"})
"""They void one number, the others every number that rests on the sensor: low priority."""

FIRST_SEQ = 1
_PLACE = re.compile(r"at `\$\.(\w+)")


def _stride(record: GaitStride) -> wire.Event:
    return _by_name(record, wire.Stride)


def _bout(record: GaitBout) -> wire.Event:
    return _by_name(record, wire.Bout)


def _sensor_fault(record: GaitEvent) -> wire.Event:
    """Return the technical alert; its id follows from foot and fault alone, so a fault that begins
    again is the same alert."""
    cause = re.sub(r"[^a-z0-9]+", "_", record.detail.lower())
    values = {
        "id": f"{SENSOR_FAULT}-{record.side}-{cause}",
        "rule": SENSOR_FAULT,
        "side": record.side,
        "priority": "low" if record.detail in MINOR_FAULTS else "medium",
        "raised": record.event == SENSOR_FAULT,
        "detail": record.detail,
        "technical": True,
    }
    return fit(wire.Alert, record.time_ns, values)


def _moment(record: GaitEvent) -> wire.Event | None:
    if record.event == "toe_drag":
        values = {"side": record.side, "drag": record.detail}
        return fit(wire.ToeDrag, record.time_ns, values)
    if record.event == "near_trip":
        return fit(wire.NearTrip, record.time_ns, {"side": record.side})
    if record.event in (SENSOR_FAULT, "sensor_fault_gone"):
        return _sensor_fault(record)
    return None


_TABLE: dict[type, Callable[[Any], wire.Event | None]] = {
    GaitEvent: _moment,
    GaitStride: _stride,
    GaitBout: _bout,
}


def to_wire(record: Record) -> wire.Event | None:
    """Return the wire event of a gait record, its time still monotonic; None: not sent.

    Contacts and toe offs are not sent by themselves: each stride carries its own.
    """
    return _TABLE[type(record)](record)


def _names(record: object, kind: type[msgspec.Struct]) -> tuple[str, ...]:
    own = {"seq", "time_ns"}
    return tuple(
        name for name in kind.__struct_fields__ if name not in own and hasattr(record, name)
    )


_SHARED: dict[type, tuple[str, ...]] = {}


def _by_name(record: Any, kind: type[wire.Event]) -> wire.Event:
    names = _SHARED.get(type(record))
    if names is None:
        names = _SHARED[type(record)] = _names(record, kind)
    return fit(kind, record.time_ns, {name: getattr(record, name) for name in names})


def fit(kind: type[wire.Event], time_ns: int, values: dict[str, Any]) -> wire.Event:
    """Return an event that the wire allows; what is out of range becomes unknown.

    Raises
    ------
    WireError
        A field that may not be unknown has a value that the wire does not allow.
    """
    values = {name: _known(value) for name, value in values.items()}
    values.update(seq=FIRST_SEQ, time_ns=time_ns)
    optional = {field.name for field in msgspec.structs.fields(kind) if not field.required}
    while True:
        try:
            return msgspec.convert({"kind": kind.__struct_config__.tag, **values}, kind)
        except msgspec.ValidationError as error:
            place = _PLACE.search(str(error))
            if place is None or place[1] not in optional or place[1] not in values:
                raise wire.WireError(f"{kind.__name__}: {error}") from None
            del values[place[1]]
            if "flags" in optional:
                values["flags"] = (*values.get("flags", ()), "out_of_range")


def _known(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

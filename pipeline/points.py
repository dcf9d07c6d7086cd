"""The only home of measurement, tag and field names, and the line protocol.

A measurement is an event kind of `edge.wire` (and `status`); its fields have the names they have on
the wire, so the table `MEASUREMENTS` is read off the wire's structs. What the pipeline computes or
adds stands in `pipeline.derived`. Tags are patient, device and side, nothing else. What a wire type
becomes in a store:

    float              float   always, also where the number is whole: 2.0
    int                int     counts only; the wire guarantees that they are never floats
    bool               bool
    str, one of a list str
    several strings    str     joined by commas
    several numbers    str     a JSON array (the load curves)
    null, empty        left out: a missing number is no number, never 0
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect

from edge import wire
from pipeline.derived import DERIVED, STRIDE_FIELDS
from pipeline.errors import PointError
from pipeline.tables import Field, FieldValue, Measurement

__all__ = [
    "CONSTANT_FIELD",
    "MEASUREMENTS",
    "TAGS",
    "Field",
    "FieldValue",
    "Measurement",
    "Point",
    "as_row",
    "check_point",
    "encode_point",
    "encode_points",
    "event_point",
    "measurement",
    "narrowed",
    "numbers",
    "status_point",
    "words",
]

Row = dict[str, Any]
TAGS: Final = ("patient", "device", "side")
CONSTANT_FIELD: Final = "count"
"""A point needs a field: an event that says nothing but when and where is stored as count = 1."""


class Point(msgspec.Struct, frozen=True):
    """One stored event; equal (measurement, tags, time_ns) means the same point.

    Attributes
    ----------
    tags : tuple of (name, value)
        Ascending by name; a tag without a value is left out.
    fields : dict
        At least one; never None, never NaN.
    time_ns : int
        Nanoseconds since 1970 in UTC.
    """

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: dict[str, FieldValue]
    time_ns: int


def numbers(value: object) -> tuple[float, ...]:
    """Return a stored or live series of numbers: a JSON array, a sequence, or nothing."""
    if isinstance(value, str):
        return tuple(msgspec.json.decode(value, type=list[float]))
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def words(value: object) -> tuple[str, ...]:
    """Return a stored or live list of words: joined by commas, a sequence, or nothing."""
    if isinstance(value, str):
        return tuple(value.split(",")) if value else ()
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def _join_words(value: tuple[str, ...]) -> str:
    for word in value:
        if "," in word:
            raise PointError(f"{word!r} holds a comma, which separates words in the store")
    return ",".join(value)


def _join_numbers(value: tuple[float, ...]) -> str:
    if not all(map(math.isfinite, value)):
        raise PointError("a series of numbers holds NaN or infinity; a store can hold neither")
    return msgspec.json.encode(value).decode() if value else ""


_SCALARS: Final[dict[type, type]] = {
    inspect.FloatType: float,
    inspect.IntType: int,
    inspect.BoolType: bool,
    inspect.StrType: str,
    inspect.LiteralType: str,
}
_NOT_FIELDS: Final = frozenset({"seq", "time_ns", "version", "device", "boot", "side"})


def _field(name: str, of: inspect.Type) -> Field:
    if isinstance(of, inspect.UnionType):
        (of,) = (each for each in of.types if not isinstance(each, inspect.NoneType))
    if isinstance(of, inspect.Metadata):
        return _field(name, of.type)
    if isinstance(of, inspect.VarTupleType):
        joined = _field(name, of.item_type).type is float
        return Field(name, str, _join_numbers if joined else _join_words)
    return Field(name, _SCALARS[type(of)])


def _measurement(struct: type[msgspec.Struct], name: str) -> Measurement:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    fields = tuple(_field(f.name, f.type) for f in info.fields if f.name not in _NOT_FIELDS)
    sided = any(f.name == "side" for f in info.fields)
    return Measurement(name, fields or (Field(CONSTANT_FIELD, int),), sided)


_EVENT_KINDS: Final = {
    struct: _measurement(struct, str(struct.__struct_config__.tag))
    for struct in get_args(wire.Event)
}
_STATUS: Final = _measurement(wire.Status, "status")


def _stored(table: Measurement) -> Measurement:
    """Return the table as it is stored: a stride also carries what the pipeline knows of it."""
    if table.name != "stride":
        return table
    return Measurement(table.name, (*table.fields, *STRIDE_FIELDS), table.sided)


MEASUREMENTS: Final[Mapping[str, Measurement]] = {
    table.name: _stored(table) for table in (*_EVENT_KINDS.values(), _STATUS, *DERIVED)
}


def measurement(name: str) -> Measurement:
    """Return the table of a measurement; raise `PointError` naming the known ones."""
    try:
        return MEASUREMENTS[name]
    except KeyError:
        known = ", ".join(sorted(MEASUREMENTS))
        raise PointError(f"no measurement {name!r}; known are {known}") from None


def _fields(table: Measurement, source: msgspec.Struct) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    for field in table.fields:
        value = 1 if field.name == CONSTANT_FIELD else getattr(source, field.name)
        if value is None:
            continue
        value = field.convert(value)
        if value != "":
            fields[field.name] = value
    return fields


@lru_cache(maxsize=4096)
def _tags(patient: str, device: str, side: str | None) -> tuple[tuple[str, str], ...]:
    tags = (("device", device), ("patient", patient))
    return (*tags, ("side", side)) if side else tags


def event_point(event: wire.Event, device: str, patient: str) -> Point:
    """Return the point of a wire event.

    Raises
    ------
    PointError
        Where a word holds a comma; everything else the wire has already refused.
    """
    table = _EVENT_KINDS[type(event)]
    side = getattr(event, "side", None)
    return Point(table.name, _tags(patient, device, side), _fields(table, event), event.time_ns)


def status_point(status: wire.Status, patient: str, time_ns: int) -> Point:
    """Return the point of a device's status, seen at `time_ns`."""
    return Point(
        _STATUS.name, _tags(patient, status.device, None), _fields(_STATUS, status), time_ns
    )


def as_row(
    table: Measurement, time_ns: int, tags: Mapping[str, Any], fields: Mapping[str, Any]
) -> Row:
    """Return what every store gives back: time_ns, the tags, every field of the table.

    Numbers get the table's type again (InfluxDB answers 2.0 as 2); what is missing is None.
    """
    row: Row = {"time_ns": time_ns}
    for tag in TAGS:
        row[tag] = tags.get(tag) or None
    for field in table.fields:
        row[field.name] = _restore(table, field, fields.get(field.name))
    return row


def narrowed(table: Measurement, fields: Sequence[str]) -> Measurement:
    """Return the table with these fields alone, in this order; without any, the whole table."""
    if not fields:
        return table
    known = {field.name: field for field in table.fields}
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise PointError(f"{table.name} has no field {unknown[0]!r}; it has {', '.join(known)}")
    return Measurement(table.name, tuple(known[name] for name in fields), table.sided)


def _restore(table: Measurement, field: Field, value: Any) -> FieldValue | None:
    if value is None or value == "":  # "": known no more, as no store can take a field back
        return None
    if type(value) is field.type:
        return value
    if isinstance(value, str) or field.type is str:
        raise PointError(f"{table.name}.{field.name} holds {value!r}: something else wrote it")
    return field.type(value)


def _name(text: str) -> str:
    # A backslash has no escape of its own in names and tags, a line break ends the point.
    if not text or "\\" in text or not text.isprintable():
        raise PointError(f"{text!r} cannot be a name or tag: empty, a backslash or not printable")
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


@lru_cache(maxsize=4096)
def _series(measurement: str, tags: tuple[tuple[str, str], ...]) -> str:
    head = _name(measurement).replace("\\=", "=")
    if head.startswith("#"):
        raise PointError(f"measurement {measurement!r}: a line that begins with # is a comment")
    return ",".join([head, *(f"{_name(key)}={_name(value)}" for key, value in tags)])


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    return _name(name)


def _value(name: str, value: FieldValue) -> str:
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(value)
        raise PointError(f"field {name} is {value}; a missing number is left out, never written")
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bool):
        return "t" if value else "f"
    if -(2**63) <= value < 2**63:
        return f"{value}i"
    raise PointError(f"field {name}: {value} does not fit into 64 bits")


def encode_point(point: Point) -> bytes:
    """Return the point as one line of InfluxDB's line protocol, without a line end.

    Raises
    ------
    PointError
        NaN or infinity, no field, a name or tag that the protocol cannot hold.
    """
    if not point.fields:
        raise PointError(f"a point of {point.measurement} without a field cannot be stored")
    if not -(2**63) < point.time_ns < 2**63 - 1:
        raise PointError(f"time {point.time_ns} ns is outside of what a store can hold")
    fields = ",".join([f"{_key(key)}={_value(key, value)}" for key, value in point.fields.items()])
    line = f"{_series(point.measurement, point.tags)} {fields} {point.time_ns}"
    try:
        return line.encode()
    except UnicodeEncodeError as error:
        raise PointError(f"text that is not Unicode: {error}") from None


def check_point(point: Point) -> None:
    """Raise `PointError` where a field is not in the measurement's table or has another type.

    A store that took a whole number for a float would refuse every float after it.
    """
    types = _types(point.measurement)
    for name, value in point.fields.items():
        if type(value) is not types.get(name):
            raise PointError(f"field {name} of {point.measurement} cannot be {value!r}")


@lru_cache(maxsize=256)
def _types(name: str) -> dict[str, type]:
    return {field.name: field.type for field in measurement(name).fields}


def encode_points(points: Iterable[Point]) -> bytes:
    """Return the points as line protocol, one per line; raise `PointError` as `encode_point`."""
    return b"\n".join([encode_point(point) for point in points])

"""Wire events as points, points as line protocol."""

import math
from typing import Any, get_args

import line_protocol
import msgspec
import pytest
from gait_device import BASE_NS, one_of_each
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from pipeline.derived import DERIVED
from pipeline.errors import PointError
from pipeline.points import (
    MEASUREMENTS,
    TAGS,
    Point,
    as_row,
    check_point,
    encode_point,
    encode_points,
    event_point,
    measurement,
    numbers,
    status_point,
    words,
)

NAMES = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="\\"), min_size=1
) | st.sampled_from(["a b", "a,b", "a=b", " lead", "trail ", "=,= ,", "é 足"])
MEASUREMENT_NAMES = NAMES.filter(lambda name: not name.startswith("#"))
FIELDS = st.dictionaries(
    NAMES,
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.text(st.characters(codec="utf-8")),
    min_size=1,
)
TIMES = st.integers(-(2**63) + 1, 2**63 - 2)


@given(MEASUREMENT_NAMES, st.dictionaries(NAMES, NAMES, max_size=4), FIELDS, TIMES)
def test_what_is_encoded_is_what_a_parser_reads(
    name: str, tags: dict[str, str], fields: dict[str, Any], time_ns: int
) -> None:
    point = Point(name, tuple(sorted(tags.items())), fields, time_ns)
    read = line_protocol.parse(encode_point(point).decode())
    assert read == (name, tags, fields, time_ns)
    for key, value in fields.items():
        assert type(read[2][key]) is type(value)
        if isinstance(value, float):
            assert math.copysign(1, read[2][key]) == math.copysign(1, value)


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.__struct_config__.tag)
def test_every_kind_becomes_a_point_with_the_names_of_the_wire(event: wire.Event) -> None:
    point = event_point(event, "insole-1", "p1")
    check_point(point)
    kind = str(event.__struct_config__.tag)
    name, tags, fields, time_ns = line_protocol.parse(encode_point(point).decode())
    assert (name, time_ns) == (kind, BASE_NS)
    side = getattr(event, "side", None)
    assert tags == {"device": "insole-1", "patient": "p1"} | ({"side": side} if side else {})
    wanted = msgspec.to_builtins(event)
    for key in ("kind", "seq", "time_ns", "side"):
        wanted.pop(key, None)
    for key, value in fields.items():
        if key == "count":
            continue
        if isinstance(wanted[key], (list, tuple)):
            read = numbers(value) if key.startswith("curve") else words(value)
            assert read == tuple(wanted[key])
        else:
            assert value == wanted[key]
            assert type(value) is type(wanted[key])
    left_out = {key for key, value in wanted.items() if value in (None, "", (), [])}
    assert fields.keys() - {"count"} == wanted.keys() - left_out


def test_the_table_covers_the_wire_and_nothing_collides() -> None:
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(wire.Event)}
    assert set(MEASUREMENTS) == kinds | {"status"} | {table.name for table in DERIVED}
    for table in MEASUREMENTS.values():
        names = [field.name for field in table.fields]
        assert len(names) == len(set(names)) > 0
        assert not {*TAGS, "time", "time_ns", "seq", "boot"} & set(names)


def test_gait_numbers_are_floats_even_where_they_are_whole() -> None:
    batch = wire.decode(
        b'{"version":1,"device":"d","boot":"0123456789abcdef","events":[{"kind":"stride","seq":1,'
        b'"time_ns":1,"side":"left","strike":"heel","stride_s":1,"heel_lead_ms":-40}]}',
        wire.Batch,
    )
    line = encode_point(event_point(batch.events[0], "d", "p")).decode()
    assert "stride_s=1.0," in line
    assert "heel_lead_ms=-40.0," in line


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**63, "\ud800"])
def test_what_no_store_can_hold_is_refused(value: Any) -> None:
    with pytest.raises(PointError):
        encode_point(Point("stride", (), {"stride_s": value}, 1))


@pytest.mark.parametrize(
    "point",
    [
        Point("stride", (), {}, 1),
        Point("", (), {"a": 1.0}, 1),
        Point("#a", (), {"a": 1.0}, 1),
        Point("a\nb", (), {"a": 1.0}, 1),
        Point("a", (("device", ""),), {"a": 1.0}, 1),
        Point("a", (("device", "x\\"),), {"a": 1.0}, 1),
        Point("a", (), {"a\\": 1.0}, 1),
        Point("a", (), {"a": 1.0}, 2**63),
    ],
)
def test_names_and_times_that_the_protocol_cannot_hold_are_refused(point: Point) -> None:
    with pytest.raises(PointError):
        encode_point(point)


def test_fields_of_another_type_are_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"stride_s": 1},
        {"stride_s": "1"},
        {"speed": 1.0},
        {"valid_swing": 1},
    ]
    for fields in wrong:
        with pytest.raises(PointError, match=next(iter(fields))):
            check_point(Point("stride", (), fields, 1))
    with pytest.raises(PointError, match="known are"):
        measurement("strides")


def test_a_word_with_a_comma_is_refused() -> None:
    event = wire.Stride(seq=1, time_ns=1, side="left", strike="heel", flags=("a,b",))
    with pytest.raises(PointError, match="comma"):
        event_point(event, "d", "p")


def test_a_row_has_every_column_and_the_types_of_the_table() -> None:
    row = as_row(measurement("stride"), 5, {"device": "d"}, {"stride_s": 1, "sources": "imu"})
    assert row["stride_s"] == 1.0
    assert type(row["stride_s"]) is float
    assert (row["time_ns"], row["device"], row["patient"], row["side"]) == (5, "d", None, None)
    assert row["stance_s"] is None
    assert words(row["sources"]) == ("imu",)
    assert words(row["flags"]) == ()
    assert numbers(None) == ()
    with pytest.raises(PointError, match="something else wrote it"):
        as_row(measurement("stride"), 5, {}, {"stride_s": "one"})


def test_a_status_is_a_point() -> None:
    status = wire.Status(device="d", boot="0" * 16, online=False, agent_version="1.0")
    point = status_point(status, "p", 7)
    assert point.fields == {"online": False, "agent_version": "1.0"}
    assert encode_points([point, point]).count(b"\n") == 1

"""All stores alike: the same points come back, field by field."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from gait_device import BASE_NS, one_of_each, strides
from servers import InfluxServer, Server

from pipeline.config import StoreConfig
from pipeline.errors import PointError, StoreRefused, StoreUnavailable
from pipeline.influx import InfluxStore
from pipeline.points import MEASUREMENTS, Point, as_row, event_point, measurement
from pipeline.sqlite import SqliteStore
from pipeline.store import Store, open_store

KINDS = ["sqlite", "influx1", "influx2"]
ALWAYS: dict[str, Any] = {"start_ns": 0, "stop_ns": 2**62}


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    config = StoreConfig(kind=request.param, path=str(tmp_path / "store.db"))
    if request.param == "influx1":
        server: Server = request.getfixturevalue("influx")
        config = StoreConfig(kind="influx1", url=server.url)
    elif request.param == "influx2":
        server = request.getfixturevalue("influx_v2")
        config = StoreConfig(kind="influx2", url=server.url)
    store = open_store(config)
    yield store
    await store.close()


def points(count: int, patient: str = "p1", side: str = "left") -> list[Point]:
    return [event_point(event, "insole-1", patient) for event in strides(count, side=side)]  # type: ignore[arg-type] # a plain str for brevity


def as_written(point: Point) -> dict[str, Any]:
    table = measurement(point.measurement)
    return as_row(table, point.time_ns, dict(point.tags), point.fields)


def exactly(rows: list[dict[str, Any]]) -> list[dict[str, tuple[type, str]]]:
    """Return rows so that 1 and 1.0, 0.0 and -0.0 differ."""
    return [{key: (type(value), repr(value)) for key, value in row.items()} for row in rows]


async def test_every_kind_comes_back_field_by_field(store: Store) -> None:
    written = [event_point(event, "insole-1", "p1") for event in one_of_each()]
    await store.write(written)
    for point in written:
        rows = await store.read(point.measurement, patient="p1", **ALWAYS)
        assert rows == [as_written(point)]
        assert [*rows[0]] == ["time_ns", "patient", "device", "side"] + [
            field.name for field in MEASUREMENTS[point.measurement].fields
        ]


async def test_types_come_back_too(store: Store) -> None:
    written = points(20)
    await store.write(written)
    rows = await store.read("stride", patient="p1", **ALWAYS)
    assert exactly(rows) == exactly([as_written(point) for point in written])


async def test_a_point_written_again_overwrites_itself(store: Store) -> None:
    written = points(10)
    await store.write(written)
    await store.write(written[::-1])
    first = written[0]
    await store.write([Point("stride", first.tags, {"stride_s": 9.0}, first.time_ns)])
    rows = await store.read("stride", patient="p1", **ALWAYS)
    assert len(rows) == 10
    assert rows[0] == as_written(first) | {"stride_s": 9.0}
    assert rows[1:] == [as_written(point) for point in written[1:]]


async def test_series_are_apart_and_rows_in_order(store: Store) -> None:
    await store.write([*points(5, "p2"), *points(5, side="right"), *points(5)])
    mine = await store.read("stride", patient="p1", **ALWAYS)
    assert [(row["time_ns"], row["side"]) for row in mine] == sorted(
        (BASE_NS + seq * 10**9, side) for seq in range(1, 6) for side in ("left", "right")
    )
    assert len(await store.read("stride", **ALWAYS)) == 15
    assert await store.read("stride", patient="p' OR 1=1", **ALWAYS) == []


async def test_a_range_includes_its_start_and_not_its_stop(store: Store) -> None:
    await store.write(points(10))
    start_ns, stop_ns = BASE_NS + 3 * 10**9, BASE_NS + 6 * 10**9
    rows = await store.read("stride", patient="p1", start_ns=start_ns, stop_ns=stop_ns)
    assert [row["time_ns"] for row in rows] == [BASE_NS + n * 10**9 for n in (3, 4, 5)]


async def test_a_few_fields_are_the_same_rows_with_less_in_them(store: Store) -> None:
    written = points(6)
    bare = Point("stride", written[0].tags, {"strike": "heel"}, BASE_NS + 99 * 10**9)
    await store.write([*written, bare])
    rows = await store.read("stride", patient="p1", fields=("stride_s", "lift_mm"), **ALWAYS)
    assert rows == [
        {
            "time_ns": point.time_ns,
            "patient": "p1",
            "device": "insole-1",
            "side": "left",
            "stride_s": point.fields["stride_s"],
            "lift_mm": None,
        }
        for point in written
    ]
    with pytest.raises(PointError, match="stride has no field 'steps'"):
        await store.read("stride", fields=("steps",), **ALWAYS)


async def test_removed_is_what_was_named_and_nothing_else(store: Store) -> None:
    toe_drags = [
        Point("toe_drag", point.tags, {"drag": "scuff"}, point.time_ns) for point in points(10)
    ]
    await store.write([*points(10), *points(10, "p2"), *toe_drags])
    span = {"start_ns": BASE_NS + 3 * 10**9, "stop_ns": BASE_NS + 6 * 10**9}
    await store.remove("stride", patient="p1", **span)
    left = await store.read("stride", patient="p1", **ALWAYS)
    assert [row["time_ns"] - BASE_NS for row in left] == [n * 10**9 for n in (1, 2, 6, 7, 8, 9, 10)]
    assert len(await store.read("stride", patient="p2", **ALWAYS)) == 10
    assert len(await store.read("toe_drag", patient="p1", **ALWAYS)) == 10
    await store.remove(None, patient="p1", **ALWAYS)
    await store.remove(None, patient="p1", **ALWAYS)
    assert await store.read("stride", patient="p1", **ALWAYS) == []
    assert await store.read("toe_drag", patient="p1", **ALWAYS) == []
    assert len(await store.read("stride", **ALWAYS)) == 10


async def test_nothing_is_removed_under_an_unknown_name(store: Store) -> None:
    await store.write(points(2))
    with pytest.raises(PointError, match="no measurement 'steps'"):
        await store.remove("steps", patient="p1", **ALWAYS)
    await store.remove("stride", patient="p9", **ALWAYS)
    assert len(await store.read("stride", patient="p1", **ALWAYS)) == 2


async def test_what_cannot_be_stored_is_refused_and_the_rest_is_kept(store: Store) -> None:
    good = points(9)
    bad = Point("stride", good[0].tags, {"stride_s": float("nan")}, BASE_NS)
    wrong = Point("stride", good[0].tags, {"stride_s": 2}, BASE_NS + 1)
    with pytest.raises(StoreRefused) as caught:
        await store.write([*good[:4], bad, wrong, *good[4:]])
    assert [refusal.point for refusal in caught.value.refusals] == [bad, wrong]
    assert len(await store.read("stride", **ALWAYS)) == 9


async def test_nothing_stored_is_an_empty_list_and_nothing_to_store_is_no_error(
    store: Store,
) -> None:
    await store.write([])
    assert await store.read("stride", patient="p1", **ALWAYS) == []
    with pytest.raises(PointError, match="no measurement 'steps'"):
        await store.read("steps", **ALWAYS)


async def test_check_says_what_it_is(store: Store, request: pytest.FixtureRequest) -> None:
    line = await store.check()
    assert line.startswith(("SQLite 3.", "InfluxDB"))


@pytest.mark.parametrize("kind", ["influx1", "influx2"])
async def test_a_partial_write_refuses_only_the_bad_points(
    kind: str, influx: InfluxServer, influx_v2: Server
) -> None:
    url = influx.url if kind == "influx1" else influx_v2.url
    store = open_store(StoreConfig(kind=kind, url=url))  # type: ignore[arg-type] # parametrised
    assert isinstance(store, InfluxStore)
    # Somebody wrote text into this field before: the database refuses numbers from now on.
    spoiled = f'stride,device=insole-1,patient=p1,side=left lift_mm="high" {BASE_NS}'
    await store._server.write(spoiled.encode())
    good = points(40)
    bad = [
        Point("stride", good[0].tags, {"lift_mm": 1.0, "stride_s": 1.0}, BASE_NS + n)
        for n in (1, 2, 3)
    ]
    mixed = [bad[0], *good[:17], bad[1], *good[17:], bad[2]]
    with pytest.raises(StoreRefused, match="type conflict") as caught:
        await store.write(mixed)
    assert [refusal.point for refusal in caught.value.refusals] == bad
    start_ns = BASE_NS + 10**9
    rows = await store.read("stride", patient="p1", start_ns=start_ns, stop_ns=2**62)
    assert rows == [as_written(point) for point in good]
    await store.close()


@pytest.mark.parametrize("kind", ["influx1", "influx2"])
async def test_a_database_that_goes_away_and_comes_back(
    kind: str, influx: InfluxServer, influx_v2: Server
) -> None:
    url = influx.url if kind == "influx1" else influx_v2.url
    store = open_store(StoreConfig(kind=kind, url=url))  # type: ignore[arg-type] # parametrised
    written = points(30)
    await store.write(written[:10])
    influx.kill()
    with pytest.raises(StoreUnavailable):
        await store.write(written[10:])
    with pytest.raises(StoreUnavailable):
        await store.read("stride", **ALWAYS)
    with pytest.raises(StoreUnavailable):
        await store.check()
    influx.start()
    await store.write(written[10:])
    assert len(await store.read("stride", **ALWAYS)) == 30
    await store.close()


async def test_a_missing_database_is_a_persons_to_mend(influx: InfluxServer) -> None:
    store = open_store(StoreConfig(kind="influx1", url=influx.url, database="absent"))
    with pytest.raises(StoreUnavailable, match="create the database") as caught:
        await store.write(points(1))
    assert caught.value.status == 404
    with pytest.raises(StoreUnavailable, match="CREATE DATABASE absent"):
        await store.check()
    await store.close()


async def test_sqlite_keeps_what_it_took_through_a_new_connection(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "store.db"
    first = SqliteStore(path)
    await first.write(points(3))
    second = SqliteStore(path)  # the first is still open: nothing was left in its memory
    assert len(await second.read("stride", **ALWAYS)) == 3
    assert path.stat().st_mode & 0o077 == 0
    await second.close()
    await first.close()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b"no database " * 100), "not a database"),
        (lambda path: path.mkdir(), "check the file"),
    ],
)
async def test_sqlite_says_which_file_is_wrong(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "store.db"
    spoil(path)
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match=message) as caught:
        await store.write(points(1))
    assert str(path) in str(caught.value)
    await store.close()

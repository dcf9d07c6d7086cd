"""`SqliteStore`: the embedded default, one file for one home or a trial."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.database import Database
from pipeline.errors import PointError, Refusal, StoreRefused
from pipeline.points import (
    Measurement,
    Point,
    as_row,
    check_point,
    encode_point,
    measurement,
    narrowed,
)

__all__ = ["SqliteStore"]

_SCHEMA: Final = """
create table if not exists points (
    measurement text not null,
    patient text not null,
    time_ns integer not null,
    device text not null,
    side text not null,
    fields text not null,
    primary key (measurement, patient, time_ns, device, side)
) without rowid
"""
# As in InfluxDB, the fields of a repeated point overwrite those of the same name.
_WRITE: Final = """
insert into points values (?, ?, ?, ?, ?, ?)
on conflict do update set fields = json_patch(fields, excluded.fields)
"""
_READ: Final = """
select time_ns, patient, device, side, fields from points
where measurement = ? and time_ns >= ? and time_ns < ?
"""
_REMOVE: Final = "delete from points where patient = ? and time_ns >= ? and time_ns < ?"
_Values = tuple[str, str, int, str, str, str]


def _values(point: Point) -> _Values:
    check_point(point)
    encode_point(point)  # refuses what InfluxDB would refuse: NaN, names it cannot hold
    tags = dict(point.tags)
    return (
        point.measurement,
        tags.get("patient", ""),
        point.time_ns,
        tags.get("device", ""),
        tags.get("side", ""),
        msgspec.json.encode(point.fields).decode(),
    )


class SqliteStore:
    """Points in a SQLite file: WAL, synchronous=FULL, so that what is written survives a power cut.

    Implements `pipeline.store.Store`. No call blocks the event loop; calls are done in order.
    """

    def __init__(self, path: Path | str) -> None:
        self._database = Database(Path(path), _SCHEMA, version=1)

    async def write(self, points: Sequence[Point]) -> None:
        """Store the points in one transaction; raises as `Store.write`."""
        values: list[_Values] = []
        refusals: list[Refusal] = []
        for point in points:
            try:
                values.append(_values(point))
            except PointError as error:
                refusals.append(Refusal(point, str(error)))
        if values:

            def write(connection: sqlite3.Connection) -> None:
                connection.executemany(_WRITE, values)

            await self._database.run(write)
        if refusals:
            raise StoreRefused(refusals)

    async def read(
        self,
        name: str,
        *,
        patient: str | None = None,
        start_ns: int,
        stop_ns: int,
        fields: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Return the rows of a measurement; raises as `Store.read`."""
        table = narrowed(measurement(name), fields)
        sql, parameters = _READ, [name, start_ns, stop_ns]
        if patient is not None:
            sql, parameters = f"{sql} and patient = ?", [*parameters, patient]
        sql = f"{sql} order by time_ns, device, side"

        def select(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            rows = _rows(table, connection.execute(sql, parameters))
            return [row for row in rows if not fields or _says_any(row, fields)]

        return await self._database.read(select)

    async def remove(self, name: str | None, *, patient: str, start_ns: int, stop_ns: int) -> None:
        """Remove points of a patient; raises as `Store.remove`."""
        sql, parameters = _REMOVE, [patient, start_ns, stop_ns]
        if name is not None:
            sql, parameters = f"{sql} and measurement = ?", [*parameters, measurement(name).name]

        def delete(connection: sqlite3.Connection) -> None:
            connection.execute(sql, parameters)

        await self._database.run(delete)

    async def check(self) -> str:
        """Return version, file and number of points; raises as `Store.check`."""

        def count(connection: sqlite3.Connection) -> int:
            (number,) = connection.execute("select count(*) from points").fetchone()
            return int(number)

        number = await self._database.read(count)
        return f"SQLite {sqlite3.sqlite_version}, {self._database.path}, {number} points"

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()


def _says_any(row: dict[str, Any], fields: Sequence[str]) -> bool:
    return any(row[name] is not None for name in fields)


def _rows(table: Measurement, cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    for time_ns, patient, device, side, fields in cursor:
        tags = {"patient": patient, "device": device, "side": side}
        yield as_row(table, time_ns, tags, msgspec.json.decode(fields))

"""One measurement to CSV and Parquet, in pieces: a year of strides needs little memory.

Columns: time (ISO 8601, UTC), time_ns, patient, device, side, then the fields as they are stored.
What is not known is an empty field in CSV and null in Parquet.
"""

import csv
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipeline.points import Row
from pipeline.tables import Measurement

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no type hints

__all__ = ["COLUMNS", "FORMATS", "read_pieces", "write_measurement"]

COLUMNS: Final = ("time", "time_ns", "patient", "device", "side")
FORMATS: Final = ("csv", "parquet")
_DAY_NS: Final = 86_400 * 10**9
_PIECE_DAYS: Final = {"stride": 7, "cue": 7}
_LONG_AGO_NS: Final = 1_577_836_800 * 10**9
"""Before 2020 there is hardly anything: those years are asked for one at a time."""

Read = Callable[[int, int], Any]


class _Writer(Protocol):
    def write(self, rows: Sequence[Row]) -> None: ...


def moment(time_ns: int) -> str:
    """Return a time as ISO 8601 in UTC, with all its nanoseconds."""
    seconds, rest = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


async def read_pieces(
    read: Read, table: Measurement, start_ns: int, stop_ns: int
) -> AsyncIterator[tuple[int, list[Row]]]:
    """Yield (time until which all is read, rows) of a measurement, ascending by time.

    Parameters
    ----------
    read : async callable
        Takes start_ns and stop_ns and returns the rows of this measurement.
    """
    step_ns = _PIECE_DAYS.get(table.name, 31) * _DAY_NS
    at_ns = start_ns
    while at_ns < stop_ns:
        until_ns = at_ns + (366 * _DAY_NS if at_ns < _LONG_AGO_NS else step_ns)
        until_ns = min(until_ns, stop_ns)
        yield until_ns, await read(at_ns, until_ns)
        at_ns = until_ns


class _Csv:
    def __init__(self, path: Path, names: Sequence[str], stack: ExitStack) -> None:
        file = stack.enter_context(path.open("w", newline="", encoding="utf-8"))
        self._rows = csv.DictWriter(file, names, extrasaction="raise", lineterminator="\n")
        self._rows.writeheader()

    def write(self, rows: Sequence[Row]) -> None:
        self._rows.writerows({"time": moment(row["time_ns"]), **row} for row in rows)


class _Parquet:
    def __init__(self, path: Path, table: Measurement, stack: ExitStack) -> None:
        from pyarrow import parquet

        self._schema = _schema(table)
        writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._file = stack.enter_context(writer)

    def write(self, rows: Sequence[Row]) -> None:
        import pyarrow as pa

        if rows:
            whole = [{"time": row["time_ns"], **row} for row in rows]
            self._file.write_table(pa.Table.from_pylist(whole, schema=self._schema))


def _schema(table: Measurement) -> "pa.Schema":
    import pyarrow as pa

    types = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    head = [("time", pa.timestamp("ns", "UTC")), ("time_ns", pa.int64())]
    tags = [(name, pa.string()) for name in COLUMNS[2:]]
    return pa.schema([*head, *tags, *((f.name, types[f.type]) for f in table.fields)])


async def write_measurement(
    folder: Path,
    table: Measurement,
    pieces: AsyncIterator[tuple[int, list[Row]]],
    formats: Sequence[str],
    progress: Callable[[int], None],
) -> tuple[int, list[Path]]:
    """Write a measurement into `folder`, one file per format; return rows and files.

    Parameters
    ----------
    progress : callable
        Called with the time until which all is written [ns].
    """
    names = [*COLUMNS, *(field.name for field in table.fields)]
    paths = [folder / f"{table.name}.{format}" for format in FORMATS if format in formats]
    count = 0
    with ExitStack() as stack:
        writers: list[_Writer] = [
            _Csv(path, names, stack) if path.suffix == ".csv" else _Parquet(path, table, stack)
            for path in paths
        ]
        async for until_ns, rows in pieces:
            for writer in writers:
                writer.write(rows)
            count += len(rows)
            progress(until_ns)
    return count, paths

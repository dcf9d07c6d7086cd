"""Our own recordings: an Arrow stream while recording, Parquet at rest.

Columns are those of hw/recording.py, in house units (m/s2, rad/s, foot frame; cells in the unit of
the profile), and `time_ns`, the exact time. A null says that the foot has no sample in this row,
NaN that the number is missing in its sample. The metadata carries the profile of the device.

    recorder = Recorder(path, profile)      # walk.arrows
    recorder.write(block)                   # a killed process loses at most the last batch
    parquet = recorder.seal()               # walk.parquet: pandas.read_parquet(parquet)
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from hw import profile as profiles
from hw.recording import RecordingError, cell_columns, imu_columns, to_seconds
from hw.source import SIDES, Block, FootSeries, HwError, Profile, Recording, Side
from hw.table import arrow, recording_of

__all__ = ["Recorder", "RecorderError", "read_archive", "recover", "write_parquet"]

_VERSION = b"1"
_PROFILE, _NAME, _FORMAT = b"heelfirst.profile", b"heelfirst.name", b"heelfirst.version"
_SILENT_NS = 2_000_000_000


class RecorderError(HwError, RuntimeError):
    """A block that does not belong to the recording, or a recorder that is already closed."""


class Recorder:
    """Writes blocks of both feet to an Arrow stream, about one batch per `batch_s`.

    Rows of both feet that share a time are one row, and rows are in order of time, unless a foot
    was silent for more than two seconds and then caught up.
    """

    def __init__(
        self, path: Path | str, profile: Profile, batch_s: float = 1.0, name: str = ""
    ) -> None:
        self.path = Path(path)
        self._profile = profile
        self._batch_ns = round(batch_s * 1e9)
        self._schema = _schema(profile, name or self.path.stem)
        self._waiting: dict[Side, FootSeries | None] = dict.fromkeys(SIDES)
        self._seen_ns: dict[Side, int] = {}
        self._file = self.path.open("xb")
        self._writer = arrow("pyarrow.ipc").new_stream(self._file, self._schema)
        self._file.flush()

    def write(self, block: Block) -> None:
        """Take in a block.

        Raises
        ------
        RecorderError
            Where the recorder is closed, or the block's shapes are not those of the profile.
        """
        if self._writer is None:
            raise RecorderError(f"{self.path} is closed; make a new Recorder")
        self._check(block)
        if not len(block.time_ns):
            return
        self._seen_ns[block.side] = int(block.time_ns[-1])
        waiting = self._waiting[block.side]
        parts = [waiting] if waiting is not None else []
        fresh = FootSeries(block.time_ns, block.load, block.imu)
        self._waiting[block.side] = _concatenate([*parts, fresh], self._profile, block.side)
        starts = [int(s.time_ns[0]) for s in self._waiting.values() if s is not None]
        known_ns = self._known_ns()
        if known_ns - min(starts) >= self._batch_ns:
            self._flush(known_ns)

    def close(self) -> Path:
        """Write what waits, end the stream, and return its path; a second time does nothing."""
        if self._writer is not None:
            self._flush(np.iinfo(np.int64).max)
            self._writer.close()
            self._writer = None
            _sync(self._file)
            self._file.close()
        return self.path

    def seal(self, path: Path | str | None = None) -> Path:
        """Close, and return the recording as Parquet, beside the stream unless `path` is given.

        Parquet appears whole or not at all; the stream is kept.
        """
        self.close()
        target = Path(path) if path is not None else self.path.with_suffix(".parquet")
        return _to_parquet(self.path, target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self, block: Block) -> None:
        foot = self._profile.foot(block.side)
        rows = len(block.time_ns)
        shapes = (
            ("load", block.load, (rows, len(foot.x))),
            ("imu", block.imu, (rows, 6 if foot.mount else 0)),
        )
        for what, values, shape in shapes:
            if values is not None and values.shape != shape:
                raise RecorderError(
                    f"{block.side} {what} has shape {values.shape}, the profile wants {shape}; "
                    "record with the source's own profile"
                )

    def _known_ns(self) -> int:
        """Return up to which time both feet are known, not waiting for a silent one."""
        patient = max(self._seen_ns.values()) - _SILENT_NS
        both = len(self._seen_ns) == len(SIDES)
        return max(patient, min(self._seen_ns.values())) if both else patient

    def _flush(self, until_ns: int) -> None:
        """Write the rows up to and including a time."""
        ready: dict[Side, FootSeries] = {}
        for side, series in self._waiting.items():
            if series is None:
                continue
            stop = int(np.searchsorted(series.time_ns, until_ns, side="right"))
            if stop:
                ready[side] = _slice(series, 0, stop)
            rest = _slice(series, stop, len(series.time_ns))
            self._waiting[side] = rest if len(rest.time_ns) else None
        if ready:
            self._writer.write_batch(_batch(self._schema, self._profile, ready))
            self._file.flush()


def write_parquet(recording: Recording, path: Path | str) -> Path:
    """Write a whole recording as Parquet, which appears whole or not at all."""
    target = Path(path)
    schema = _schema(recording.profile, recording.name)
    feet = {side: foot for side, foot in recording.feet.items() if len(foot.time_ns)}
    batches = iter([_batch(schema, recording.profile, feet)] if feet else [])
    return _write_parquet(target, schema, batches)


def recover(path: Path | str, target: Path | str | None = None) -> Path:
    """Return as Parquet what a killed process left in its stream, up to the last whole batch.

    Raises
    ------
    RecordingError
        Where not even the head of the stream is there.
    """
    source = Path(path)
    where = Path(target) if target is not None else source.with_suffix(".parquet")
    return _to_parquet(source, where, torn=True)


def read_archive(path: Path, profile: Profile | None = None) -> Recording:
    """Return a recording of ours, or a table of the same columns with a given profile.

    Raises
    ------
    RecordingError
        Where the file is truncated or damaged, is not a recording, or lacks a column.
    """
    try:
        return _recording(path, _read_table(path), profile)
    except HwError:
        raise
    except _damage() as error:
        reason = f"the file is truncated or damaged ({' '.join(str(error).split())})"
        remedy = "hw.archive.recover gets the whole batches out of an Arrow stream"
        raise RecordingError(path, reason, remedy) from None


def _damage() -> tuple[type[Exception], ...]:
    """Return what pyarrow raises for bytes that are not what they should be."""
    return (arrow().ArrowException, OSError, EOFError, LookupError, ValueError, TypeError)


def _recording(path: Path, table: Any, profile: Profile | None) -> Recording:
    metadata = table.schema.metadata or {}
    if _FORMAT not in metadata:
        return _read_foreign(path, table, profile)
    if metadata[_FORMAT] != _VERSION:
        reason = f"made by version {metadata[_FORMAT].decode()} of the format"
        raise RecordingError(path, reason, "read it with a newer heelfirst")
    own = profiles.decode(metadata[_PROFILE], str(path))
    if "time_ns" not in table.column_names:
        raise RecordingError(path, "missing column", "record again", column="time_ns")
    time_ns = table["time_ns"].to_numpy()
    feet = {}
    for side in SIDES:
        series = _series(path, table, time_ns, own, side)
        if series is not None:
            feet[side] = series
    name = metadata.get(_NAME, path.stem.encode()).decode()
    return Recording(name=name, profile=profile or own, feet=feet)


def _schema(profile: Profile, name: str) -> Any:
    pa = arrow()
    fields = [pa.field("time", pa.float64()), pa.field("time_ns", pa.int64())]
    for side in SIDES:
        fields += [pa.field(column, pa.float32()) for column in _columns(profile, side)]
    metadata = {_FORMAT: _VERSION, _PROFILE: profiles.encode(profile), _NAME: name.encode()}
    return pa.schema(fields, metadata=metadata)


def _columns(profile: Profile, side: Side) -> list[str]:
    foot = profile.foot(side)
    return cell_columns(side, len(foot.x)) + (imu_columns(side) if foot.mount else [])


def _concatenate(parts: list[FootSeries], profile: Profile, side: Side) -> FootSeries | None:
    """Return the parts as one, with both sensors of the profile; absent ones are NaN."""
    parts = [part for part in parts if len(part.time_ns)]
    if not parts:
        return None
    foot = profile.foot(side)
    loads = [_or_nan(part.load, len(part.time_ns), len(foot.x)) for part in parts]
    imus = [_or_nan(part.imu, len(part.time_ns), 6 if foot.mount else 0) for part in parts]
    times = np.concatenate([part.time_ns for part in parts])
    return FootSeries(times, np.concatenate(loads), np.concatenate(imus))


def _or_nan(values: NDArray[np.float32] | None, rows: int, width: int) -> NDArray[np.float32]:
    return np.full((rows, width), np.nan, np.float32) if values is None else values


def _slice(series: FootSeries, start: int, stop: int) -> FootSeries:
    return FootSeries(
        series.time_ns[start:stop],
        None if series.load is None else series.load[start:stop],
        None if series.imu is None else series.imu[start:stop],
    )


def _batch(schema: Any, profile: Profile, feet: dict[Side, FootSeries]) -> Any:
    """Return both feet as one record batch in order of time."""
    pa = arrow()
    time_ns = np.unique(np.concatenate([foot.time_ns for foot in feet.values()]))
    arrays = [pa.array(to_seconds(time_ns)), pa.array(time_ns)]
    for side in SIDES:
        columns = _columns(profile, side)
        series = _concatenate([feet[side]], profile, side) if side in feet else None
        if series is None or series.load is None or series.imu is None:
            arrays += [pa.nulls(len(time_ns), pa.float32())] * len(columns)
            continue
        rows = np.searchsorted(time_ns, series.time_ns)
        absent = np.ones(len(time_ns), dtype=bool)
        absent[rows] = False
        for values in np.hstack([series.load, series.imu]).T:
            full = np.full(len(time_ns), np.nan, np.float32)
            full[rows] = values
            arrays.append(pa.array(full, mask=absent, from_pandas=False))
    return pa.record_batch(arrays, schema=schema)


def _series(
    path: Path, table: Any, time_ns: NDArray[np.int64], profile: Profile, side: Side
) -> FootSeries | None:
    columns = _columns(profile, side)
    for name in columns:
        if name not in table.column_names:
            raise RecordingError(path, "missing column", "record again", column=name)
    if not columns:
        return None
    present = ~table[columns[0]].is_null().to_numpy()
    if not present.any():
        return None
    times = time_ns[present]
    if np.any(np.diff(times) <= 0):
        remedy = "record again: the file was not made by one recorder"
        raise RecordingError(
            path, f"times of the {side} foot do not increase", remedy, None, "time"
        )
    values = np.column_stack([table[name].to_numpy()[present] for name in columns])
    cells = len(profile.foot(side).x)
    parts = (values[:, :cells], values[:, cells:])
    load, imu = (None if not p.size or np.isnan(p).all() else p.copy() for p in parts)
    if load is not None:
        load[load < 0] = np.nan  # no recorder writes these: a damaged stream has no checksum
    return FootSeries(times, load, imu)


def _read_foreign(path: Path, table: Any, profile: Profile | None) -> Recording:
    if profile is None:
        remedy = "name the device's profile: --profile FILE.toml (see hw/README.md)"
        raise RecordingError(path, "a table that is not our own recording needs a profile", remedy)
    if "time" not in table.column_names:
        raise RecordingError(path, "no time column", "name the column of seconds `time`")
    return recording_of(path, _numbers(path, table), profile)


def _numbers(path: Path, table: Any) -> dict[str, NDArray[np.float64]]:
    pa, wanted = arrow(), {}
    for name in table.column_names:
        if name != "time" and not name.startswith(("left_", "right_")):
            continue
        try:
            wanted[name] = table[name].cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            reason, remedy = f"{table[name].type} is not a number", "store numbers"
            raise RecordingError(path, reason, remedy, column=name) from None
    return wanted


def _read_table(path: Path) -> Any:
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"PAR1"):
        parquet = arrow("pyarrow.parquet")
        return parquet.ParquetFile(path, page_checksum_verification=True).read()
    if magic == b"ARROW1":
        return arrow("pyarrow.ipc").open_file(path).read_all()
    with _reader(path) as reader:
        return reader.read_all()


def _reader(path: Path) -> Any:
    return arrow("pyarrow.ipc").open_stream(path)


def _whole_batches(path: Path, reader: Any, torn: bool) -> Iterator[Any]:
    """Yield the batches of a stream; where it may be torn, up to the first that is not whole."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except _damage() as error:
            if torn:
                return
            reason = f"the stream is damaged ({' '.join(str(error).split())})"
            raise RecordingError(path, reason, "hw.archive.recover gets the rest out") from None
        yield batch


def _to_parquet(source: Path, target: Path, torn: bool = False) -> Path:
    try:
        reader = _reader(source)
    except _damage() as error:
        reason = f"not an Arrow stream ({' '.join(str(error).split())})"
        raise RecordingError(source, reason, "give the stream of a recorder") from None
    with reader:
        return _write_parquet(target, reader.schema, _whole_batches(source, reader, torn))


def _write_parquet(target: Path, schema: Any, batches: Iterator[Any]) -> Path:
    """Write to a temporary file beside the target, sync it, and rename it."""
    partial = target.with_name(f".{target.name}.part")
    try:
        with partial.open("wb") as file:
            parquet = arrow("pyarrow.parquet")
            with parquet.ParquetWriter(file, schema, write_page_checksum=True) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            _sync(file)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return target


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())

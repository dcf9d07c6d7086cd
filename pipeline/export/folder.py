"""The export itself: a folder that is there as a whole or not at all, and its manifest."""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from pipeline.care.record import PatientRecord
from pipeline.derived import ROLLED_UP
from pipeline.errors import PipelineError
from pipeline.export.fhir import bundle
from pipeline.export.tables import FORMATS, moment, read_pieces, write_measurement
from pipeline.journal import Journal
from pipeline.points import MEASUREMENTS, Row
from pipeline.store import Store

__all__ = ["Export", "ExportError", "Format", "Manifest", "Sources", "Written", "export", "verify"]

Format = Literal["csv", "parquet", "fhir"]
FIRST_NS: Final = 946_684_800 * 10**9
"""2000-01-01: no event is taken whose time is before."""
_MANIFEST: Final = "manifest.json"


class ExportError(PipelineError, ValueError):
    """An export that cannot be made, or is not what its manifest says."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a patient's data are: events, rollups, and what is set."""

    store: Store
    rollups: Store
    record: PatientRecord


class Written(msgspec.Struct, frozen=True):
    """A file of the export; `rows` is None where rows mean nothing."""

    name: str
    bytes: int
    sha256: str
    rows: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an export holds. `journal_head` pins the journal as it was before."""

    heelfirst: Literal["export"] = "export"
    version: Literal[1] = 1
    software: str
    patient: str
    created: str
    start: str
    stop: str
    journal_head: str
    files: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export."""

    folder: Path
    manifest: Manifest


async def export(
    sources: Sources,
    folder: Path,
    *,
    formats: Sequence[Format] = ("csv", "parquet", "fhir"),
    start_ns: int = FIRST_NS,
    stop_ns: int | None = None,
    journal: Journal,
    software: str = "",
    now_ns: Callable[[], int] = time.time_ns,
    progress: Callable[[float], None] = lambda share: None,
) -> Export:
    """Write all of one patient into a new folder.

    The folder appears when everything in it is on disk; the export is in the journal then.

    Raises
    ------
    ExportError
        The folder exists already, or the range is empty.
    StoreUnavailable
        The data cannot be read now; nothing is left behind.
    """
    folder = Path(folder)
    end_ns = now_ns() + 86_400 * 10**9 if stop_ns is None else stop_ns
    if folder.exists():
        raise ExportError(f"{folder} exists already: an export never overwrites; name another one")
    if end_ns <= start_ns:
        raise ExportError("the range is empty: its end is not after its begin; swap them")
    draft = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    try:
        written = await _write_all(sources, draft, formats, (start_ns, end_ns), progress)
        head = journal.head()
        manifest = Manifest(
            software=software,
            patient=sources.record.patient,
            created=moment(now_ns()),
            start=moment(start_ns),
            stop=moment(end_ns),
            journal_head=f"{head.seq}:{head.hash}",
            files=tuple(written),
        )
        await asyncio.to_thread(_finish, draft, folder, manifest, journal)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Export(folder, manifest)


async def _write_all(
    sources: Sources,
    draft: Path,
    formats: Sequence[Format],
    span_ns: tuple[int, int],
    progress: Callable[[float], None],
) -> list[Written]:
    written: list[Written] = []
    tables = list(MEASUREMENTS.values()) if set(formats) & set(FORMATS) else []
    for number, table in enumerate(tables):
        store = sources.rollups if table.name in ROLLED_UP else sources.store
        read = partial(_read, store, table.name, sources.record.patient)

        def told(until_ns: int, number: int = number) -> None:
            part = (until_ns - span_ns[0]) / (span_ns[1] - span_ns[0])
            progress((number + part) / (len(tables) + 1))

        pieces = read_pieces(read, table, *span_ns)
        rows, paths = await write_measurement(draft, table, pieces, formats, told)
        written += [await _written(path, rows) for path in paths]
    record = draft / "record.json"
    record.write_bytes(msgspec.json.format(msgspec.json.encode(sources.record), indent=1) + b"\n")
    written.append(await _written(record, None))
    if "fhir" in formats:
        path = draft / "fhir-r4-bundle.json"
        resources = await _fhir(sources, span_ns)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(resources), indent=1) + b"\n")
        written.append(await _written(path, len(resources["entry"])))
    progress(1.0)
    return written


async def _fhir(sources: Sources, span_ns: tuple[int, int]) -> dict[str, Any]:
    rows: dict[str, list[Row]] = {}
    for name, store in (
        ("daily", sources.rollups),
        ("hourly", sources.rollups),
        ("bout", sources.store),
    ):
        read = partial(_read, store, name, sources.record.patient)
        pieces = read_pieces(read, MEASUREMENTS[name], *span_ns)
        rows[name] = [row async for _, piece in pieces for row in piece]
    return bundle(sources.record, rows["daily"], rows["hourly"], rows["bout"])


def _read(
    store: Store, name: str, patient: str, start_ns: int, stop_ns: int
) -> Awaitable[list[Row]]:
    return store.read(name, patient=patient, start_ns=start_ns, stop_ns=stop_ns)


async def _written(path: Path, rows: int | None) -> Written:
    size, digest = await asyncio.to_thread(_size_and_hash, path)
    return Written(path.name, size, digest, rows)


def _size_and_hash(path: Path) -> tuple[int, str]:
    return path.stat().st_size, _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finish(draft: Path, folder: Path, manifest: Manifest, journal: Journal) -> None:
    """Bring everything onto the disk, note it in the journal, give the folder its name."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    (draft / _MANIFEST).write_bytes(data)
    for path in draft.iterdir():
        path.chmod(0o600)
        _sync(path)
    _sync(draft)
    journal.append(
        "export",
        manifest.patient,
        files=len(manifest.files),
        manifest_sha256=hashlib.sha256(data).hexdigest(),
    )
    draft.replace(folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def verify(folder: Path) -> Manifest:
    """Return the manifest of an export after holding every file against it.

    Raises
    ------
    ExportError
        A file is missing, changed, or not in the manifest.
    """
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise ExportError(f"{folder} holds no manifest that can be read: {error}") from None
    names = {file.name for file in manifest.files}
    strangers = {path.name for path in folder.iterdir()} - names - {_MANIFEST}
    if strangers:
        raise ExportError(f"{folder}: not in the manifest: {', '.join(sorted(strangers))}")
    for file in manifest.files:
        path = folder / file.name
        if not path.exists() or _sha256(path) != file.sha256:
            raise ExportError(f"{path} is missing or changed: make the export anew")
    return manifest

"""The export: all of a patient, equal to the stores' rows, whole or not there at all."""

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from month import day_points, days, people, span_ns

from pipeline.care.record import PatientRecord
from pipeline.derived import ROLLED_UP
from pipeline.errors import StoreUnavailable
from pipeline.export.folder import ExportError, Sources, export, verify
from pipeline.journal import Journal
from pipeline.points import MEASUREMENTS, Point
from pipeline.sqlite import SqliteStore

PERSON = people(1)[0]
START_NS, STOP_NS = span_ns(PERSON, 3)
DAILY = Point(
    "daily",
    (("patient", PERSON.patient), ("side", "left")),
    {"steps": 400, "heel_first_percent": 62.5, "known_strikes": 400},
    START_NS,
)


class Room:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = SqliteStore(folder / "store.db")
        self.rollups = SqliteStore(folder / "rollups.db")
        self.journal = Journal(folder / "journal.jsonl")
        self.sources = Sources(
            self.store, self.rollups, PatientRecord(patient=PERSON.patient, zone="Europe/Berlin")
        )

    async def fill(self) -> None:
        for day in days(3):
            await self.store.write(day_points(PERSON, day, steps=300))
        stranger = msgspec.structs.replace(DAILY, tags=(("patient", "p0"), ("side", "left")))
        await self.rollups.write([DAILY, stranger])

    async def export(self, name: str = "out", **options: Any):
        span = {"start_ns": START_NS, "stop_ns": STOP_NS}
        return await export(
            self.sources,
            self.folder / name,
            journal=self.journal,
            now_ns=lambda: STOP_NS,
            **{**span, **options},
        )


@pytest.fixture
async def room(tmp_path):
    made = Room(tmp_path)
    await made.fill()
    yield made
    await made.store.close()
    await made.rollups.close()


async def rows_of(room: Room, name: str) -> list[dict[str, Any]]:
    store = room.rollups if name in ROLLED_UP else room.store
    return await store.read(name, patient=PERSON.patient, start_ns=START_NS, stop_ns=STOP_NS)


def text(value: Any) -> str:
    return "" if value is None else str(value)


async def test_every_row_of_every_measurement_is_in_both_formats(room):
    made = await room.export()
    filled = 0
    for name in MEASUREMENTS:
        wanted = await rows_of(room, name)
        filled += bool(wanted)
        with (made.folder / f"{name}.csv").open(newline="") as file:
            lines = list(csv.DictReader(file))
        assert [{k: line[k] for k in row} for line, row in zip(lines, wanted, strict=True)] == [
            {key: text(value) for key, value in row.items()} for row in wanted
        ]
        table = pd.read_parquet(made.folder / f"{name}.parquet", dtype_backend="pyarrow")
        found = [
            {key: None if value is pd.NA else value for key, value in row.items() if key != "time"}
            for row in table.to_dict("records")
        ]
        assert found == wanted
    assert filled >= 10, "the month has most kinds"


async def test_nothing_of_another_patient_is_in_it(room):
    made = await room.export()
    assert '"p0"' not in (made.folder / "record.json").read_text()
    assert (made.folder / "daily.csv").read_text().count("\n") == 2


async def test_the_manifest_holds_and_finds_a_change(room):
    made = await room.export()
    assert verify(made.folder) == made.manifest
    by_name = {file.name: file for file in made.manifest.files}
    assert by_name["stride.csv"].rows == len(await rows_of(room, "stride"))
    (made.folder / "bout.csv").write_text("time\n")
    with pytest.raises(ExportError, match=r"bout\.csv is missing or changed"):
        verify(made.folder)


async def test_the_journal_knows_of_it_and_nobody_else_reads_it(room):
    made = await room.export()
    (entry,) = room.journal.entries()
    assert (entry.action, entry.subject) == ("export", PERSON.patient)
    assert made.folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in made.folder.iterdir())


async def test_a_store_that_fails_leaves_nothing_behind(room, monkeypatch):
    read = room.store.read

    async def fail(measurement: str, **options: Any):
        if measurement == "bout":
            raise StoreUnavailable("down")
        return await read(measurement, **options)

    monkeypatch.setattr(room.store, "read", fail)
    before = {path.name for path in room.folder.iterdir()}
    with pytest.raises(StoreUnavailable):
        await room.export()
    assert {path.name for path in room.folder.iterdir()} == before
    assert list(room.journal.entries()) == []


async def test_it_never_overwrites_and_refuses_an_empty_range(room):
    await room.export()
    with pytest.raises(ExportError, match="exists already"):
        await room.export()
    with pytest.raises(ExportError, match="range is empty"):
        await room.export("other", stop_ns=START_NS)


async def test_without_a_range_all_is_found(room):
    made = await room.export(start_ns=946_684_800 * 10**9, stop_ns=None)
    by_name = {file.name: file.rows for file in made.manifest.files}
    assert by_name["stride.csv"] == len(await rows_of(room, "stride"))


async def test_progress_ends_with_all(room):
    shares: list[float] = []
    await room.export(progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


async def test_one_format_alone(room):
    made = await room.export(formats=("fhir",))
    assert {path.name for path in made.folder.iterdir()} == {
        "fhir-r4-bundle.json",
        "record.json",
        "manifest.json",
    }
    assert json.loads((made.folder / "fhir-r4-bundle.json").read_text())["type"] == "collection"

"""Erasing: nothing is left, nothing comes back, and cut short it goes on."""

import itertools
from pathlib import Path

import pytest
from gait_device import BASE_NS, BOOT, strides

from edge import wire
from pipeline.care.care import Care
from pipeline.deadletter import DeadLetters, refused_letter
from pipeline.errors import RegistryError, StoreUnavailable
from pipeline.export.erase import EraseError, Places, erase
from pipeline.inbox import Inbox, sort
from pipeline.journal import Journal
from pipeline.points import Point, event_point
from pipeline.registry import Quarantined, Registry
from pipeline.sqlite import SqliteStore

NOW_NS = BASE_NS + 3600 * 10**9


class Clinic:
    """A patient, and another one who had the device before, everywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queued: list[tuple[str, wire.Request]] = []

    async def __aenter__(self) -> "Clinic":
        self.registry = Registry(self.folder / "registry.db")
        self.care = Care(self.folder / "registry.db")
        self.store = SqliteStore(self.folder / "store.db")
        self.rollups = SqliteStore(self.folder / "rollups.db")
        self.letters = DeadLetters(self.folder / "dead")
        self.journal = Journal(self.folder / "journal.jsonl")
        return self

    async def __aexit__(self, *_: object) -> None:
        for part in (self.registry, self.care, self.store, self.rollups):
            await part.close()

    async def fill(self) -> str:
        other = await self.registry.add_patient("bed 1")
        patient = await self.registry.add_patient("bed 7")
        await self.registry.assign("insole-1", other, 0)
        await self.registry.assign("insole-1", patient, BASE_NS + 5 * 10**9)
        for owner, event in zip([other] * 4 + [patient] * 6, strides(10), strict=True):
            await self.store.write([event_point(event, "insole-1", owner)])
            letter = refused_letter(event, "insole-1", BOOT, "field type", NOW_NS, None)
            await self.letters.add("refused", [letter])
        tags = (("patient", patient), ("side", "left"))
        await self.rollups.write([Point("daily", tags, {"steps": 6}, BASE_NS)])
        late = [Quarantined("insole-1", BOOT, event) for event in strides(2, 20, "right")]
        await self.registry.quarantine(late)
        return patient

    def places(self) -> Places:
        async def queue(device: str, request: wire.Request) -> None:
            self.queued.append((device, request))

        return Places(
            registry=self.registry,
            store=self.store,
            reader=self.store,
            rollups=self.rollups,
            letters=self.letters,
            journal=self.journal,
            files=[self.folder / f"{name}.db" for name in ("registry", "store", "rollups")],
            queue=queue,
        )

    async def erase(self, patient: str):
        return await erase(self.places(), patient, now_ns=lambda: NOW_NS)

    def mentions(self, patient: str) -> set[str]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.name for path in files if patient.encode() in path.read_bytes()}


async def left_of(clinic: Clinic, patient: str) -> int:
    rows = await clinic.store.read("stride", patient=patient, start_ns=0, stop_ns=2**62)
    days = await clinic.rollups.read("daily", patient=patient, start_ns=0, stop_ns=2**62)
    return len(rows) + len(days)


async def test_only_tombstone_and_journal_are_left(tmp_path) -> None:
    async with Clinic(tmp_path) as clinic:
        patient = await clinic.fill()
        done = await clinic.erase(patient)
        assert done.devices == ("insole-1",)
        assert await left_of(clinic, patient) == 0
        assert clinic.queued == [("insole-1", wire.Forget(before_ns=NOW_NS))]
        assert await clinic.registry.quarantined() == {}
        steps = [(e.action, e.detail["step"]) for e in clinic.journal.entries()]
        assert steps == [("erase", "begun"), ("erase", "done")]
    assert clinic.mentions(patient) == {"registry.db", "journal.jsonl"}
    assert clinic.mentions("bed 7") == set()
    assert clinic.mentions("bed 1") == {"registry.db"}


async def test_the_other_patient_keeps_everything(tmp_path) -> None:
    async with Clinic(tmp_path) as clinic:
        patient = await clinic.fill()
        await clinic.erase(patient)
        (other,) = await clinic.registry.patients()
        assert other.label == "bed 1"
        assert await left_of(clinic, other.patient) == 4
        (path,) = clinic.letters.files("refused")
        assert path.read_bytes().count(b"\n") == 4


async def test_a_late_outbox_brings_nothing_back(tmp_path) -> None:
    async with Clinic(tmp_path) as clinic:
        patient = await clinic.fill()
        await clinic.erase(patient)
        await clinic.registry.refresh()
        events = [Quarantined("insole-1", BOOT, event) for event in strides(10)]
        status = wire.Status(device="insole-1", boot=BOOT, online=True)
        inbox = Inbox(events=events, statuses=[(status, BASE_NS + 6 * 10**9)])
        parts = sort(inbox, clinic.registry, NOW_NS)
        assert parts.erased == 6
        assert {dict(point.tags)["patient"] for point in parts.points} != {patient}
        assert len(parts.points) == 4
        assert (parts.unknown, parts.letters) == ([], [])
        after = wire.NearTrip(seq=99, time_ns=NOW_NS + 1, side="left")
        parts = sort(Inbox(events=[Quarantined("insole-1", BOOT, after)]), clinic.registry, NOW_NS)
        assert len(parts.unknown) == 1, "the device belongs to nobody since"


async def test_erased_twice_is_erased_once_and_the_id_stays_taken(tmp_path) -> None:
    async with Clinic(tmp_path) as clinic:
        patient = await clinic.fill()
        await clinic.erase(patient)
        again = await clinic.erase(patient)
        assert (again.rows, again.letters) == (0, 0)
        with pytest.raises(RegistryError, match="was erased"):
            await clinic.registry.assign("insole-2", patient)
        with pytest.raises(RegistryError, match="no patient"):
            await clinic.erase("p000000000000")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(7))
async def test_killed_after_any_step_it_goes_on(tmp_path, step: int) -> None:
    async with Clinic(tmp_path) as clinic:
        patient = await clinic.fill()
        count = itertools.count()

        def kill(share: float) -> None:
            if next(count) == step:
                raise Killed

        with pytest.raises(Killed):
            await erase(clinic.places(), patient, now_ns=lambda: NOW_NS, progress=kill)
    async with Clinic(tmp_path) as clinic:
        await clinic.erase(patient)
        assert await left_of(clinic, patient) == 0
        assert (await clinic.registry.tombstones())[patient] is not None
    assert clinic.mentions(patient) == {"registry.db", "journal.jsonl"}


async def test_a_store_that_is_down_leaves_the_tombstone(tmp_path, monkeypatch) -> None:
    async with Clinic(tmp_path) as clinic:
        patient = await clinic.fill()

        async def down(*_: object, **__: object) -> None:
            raise StoreUnavailable("down")

        with monkeypatch.context() as broken:
            broken.setattr(clinic.store, "remove", down)
            with pytest.raises(StoreUnavailable):
                await clinic.erase(patient)
        assert await clinic.registry.tombstones() == {patient: None}
        await clinic.erase(patient)
        assert (await clinic.registry.tombstones())[patient] == NOW_NS


async def test_what_cannot_be_removed_is_named(tmp_path, monkeypatch) -> None:
    async with Clinic(tmp_path) as clinic:
        patient = await clinic.fill()

        async def ignore(*_: object, **__: object) -> None:
            """A database that says yes and does nothing."""

        with monkeypatch.context() as broken:
            broken.setattr(clinic.store, "remove", ignore)
            broken.setattr("pipeline.export.erase.purge", lambda *_: 0)
            with pytest.raises(EraseError, match="something is still in") as raised:
                await clinic.erase(patient)
        assert "stride" in raised.value.places
        assert await clinic.registry.tombstones() == {patient: None}

"""Dead letters: listed by reason, replayed as often as wanted, nothing lost in between."""

import asyncio
from pathlib import Path

import pytest
from gait_device import BASE_NS, strides
from typer.testing import CliRunner

from edge import wire
from pipeline.deadletter import DeadLetters, malformed_letter, refused_letter
from pipeline.errors import StoreUnavailable
from pipeline.registry import Registry
from pipeline.replay import replay, summarise
from pipeline.service_commands import deadletters, journal
from pipeline.sqlite import SqliteStore

NOW_NS = BASE_NS + 3600 * 10**9
BOOT = "0123456789abcdef"


class Clinic:
    def __init__(self, folder: Path) -> None:
        self.letters = DeadLetters(folder / "deadletters")
        self.store = SqliteStore(folder / "store.db")
        self.registry = Registry(folder / "registry.db")
        self.told: list[int] = []

    async def take(self, points) -> None:
        self.told.append(len(points))

    async def refuse(self, events, device: str = "insole-1", reason: str = "422") -> None:
        letters = [refused_letter(e, device, BOOT, reason, NOW_NS, None) for e in events]
        await self.letters.add("refused", letters)

    async def replay(self, **options):
        return await replay(
            self.letters, self.store, self.registry, [self], now_ns=lambda: NOW_NS, **options
        )

    async def stored(self) -> list[int]:
        rows = await self.store.read("stride", start_ns=0, stop_ns=2**62)
        return [row["time_ns"] for row in rows]


@pytest.fixture
async def clinic(tmp_path):
    made = Clinic(tmp_path)
    patient = await made.registry.add_patient()
    await made.registry.assign("insole-1", patient)
    yield made
    await made.store.close()
    await made.registry.close()


async def test_what_was_refused_is_stored_and_the_companions_are_told(clinic):
    events = list(strides(30))
    await clinic.refuse(events)
    done = await clinic.replay()
    assert (done.stored, done.refused, done.quarantined, done.unreadable) == (30, 0, 0, 0)
    assert await clinic.stored() == sorted(e.time_ns for e in events)
    assert sum(clinic.told) == 30
    assert clinic.letters.files("refused") == []


async def test_a_dry_run_changes_nothing(clinic):
    await clinic.refuse(strides(5))
    before = clinic.letters.files("refused")[0].read_bytes()
    assert (await clinic.replay(dry_run=True)).stored == 5
    assert await clinic.stored() == []
    assert [p.read_bytes() for p in clinic.letters.files("refused")] == [before]


async def test_what_is_refused_again_stays_with_its_new_reason(clinic):
    old = wire.NearTrip(seq=1, time_ns=1, side="left")
    await clinic.refuse([old], reason="503 for a year")
    done = await clinic.replay()
    assert (done.stored, done.refused) == (0, 1)
    (summary,) = summarise(clinic.letters)
    assert "before 2000" in summary.reason
    assert summary.count == 1


async def test_a_device_without_patient_goes_to_the_quarantine(clinic):
    await clinic.refuse(strides(3), device="insole-9")
    assert (await clinic.replay()).quarantined == 3
    assert await clinic.registry.quarantined() == {"insole-9": 3}


async def test_a_store_that_is_down_keeps_the_letters_for_the_next_time(clinic, monkeypatch):
    await clinic.refuse(strides(4))
    with monkeypatch.context() as broken:

        async def down(points):
            raise StoreUnavailable("down")

        broken.setattr(clinic.store, "write", down)
        with pytest.raises(StoreUnavailable):
            await clinic.replay()
    await clinic.refuse(strides(2, side="right"))  # meanwhile the pipeline goes on
    assert (await clinic.replay()).stored == 4, "the one that was begun first"
    assert (await clinic.replay()).stored == 2
    assert len(await clinic.stored()) == 6


async def test_a_cut_line_is_kept_and_counted(clinic):
    await clinic.refuse(strides(2))
    (path,) = clinic.letters.files("refused")
    path.write_bytes(path.read_bytes()[:-20])
    done = await clinic.replay()
    assert (done.stored, done.unreadable) == (1, 1)
    assert len(clinic.letters.files("malformed")) == 1


async def test_letters_are_summed_by_reason(clinic):
    await clinic.refuse(strides(3), reason="field type conflict")
    await clinic.letters.add(
        "malformed", [malformed_letter("heelfirst/v1/x/events", b"?", "no", 7)]
    )
    first, second = summarise(clinic.letters)
    assert (first.reason, first.count, first.devices) == ("field type conflict", 3, ("insole-1",))
    assert (second.kind, second.count, second.first_ns) == ("malformed", 1, 7)


def test_the_commands(tmp_path):
    config = tmp_path / "pipeline.toml"
    config.write_text(
        f'[store]\npath = "{tmp_path}/store.db"\n[registry]\npath = "{tmp_path}/registry.db"\n'
        f'[deadletter]\npath = "{tmp_path}/deadletters"\n'
        f'[rollups]\ntouched = "{tmp_path}/touched.db"\n'
        f'[notify]\npath = "{tmp_path}/notify.db"\nkey_file = "{tmp_path}/key"\nrecipients = ""\n'
    )
    asyncio.run(_one_letter(tmp_path))
    run = CliRunner().invoke
    listed = run(deadletters, ["list", "--config", str(config)])
    assert "insole-1" in listed.stdout
    assert run(deadletters, ["replay", "--dry-run", "--config", str(config)]).exit_code == 0
    replayed = run(deadletters, ["replay", "--config", str(config)])
    assert (replayed.exit_code, replayed.stdout.splitlines()[0]) == (
        0,
        "stored 2, without a patient 0, refused again 0, unreadable 0",
    )
    assert run(deadletters, ["list", "--config", str(config)]).stdout == "no dead letters\n"
    verified = run(journal, ["verify", "--config", str(config)])
    assert verified.stdout.startswith("0 entries, unbroken; head 0:")


async def _one_letter(folder: Path) -> None:
    clinic = Clinic(folder)
    await clinic.registry.assign("insole-1", await clinic.registry.add_patient())
    await clinic.refuse(strides(2))
    await clinic.store.close()
    await clinic.registry.close()

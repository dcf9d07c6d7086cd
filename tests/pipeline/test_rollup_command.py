"""`heelfirst pipeline rollup`: by hand, over events that were stored before there were rollups."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from month import FIRST_DAY, day_points, people
from typer import Typer
from typer.testing import CliRunner, Result

from pipeline.config import PipelineConfig, load
from pipeline.errors import RegistryError
from pipeline.points import Point
from pipeline.registry import Registry
from pipeline.rollup.commands import rollup
from pipeline.rollup.replacing import EVER
from pipeline.rollup.touched import Touched
from pipeline.store import open_store

DAY = FIRST_DAY.isoformat()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.toml"
    places = {
        "store": {"path": "store.db"},
        "registry": {"path": "registry.db"},
        "rollups": {"path": "rollups.db", "touched": "touched.db"},
    }
    lines = [
        f"[{section}]\n" + "".join(f'{key} = "{tmp_path / name}"\n' for key, name in keys.items())
        for section, keys in places.items()
    ]
    file.write_text("\n".join(lines))
    return file


def invoke(file: Path, *arguments: str) -> Result:
    app = Typer()
    app.command()(rollup)
    return CliRunner().invoke(app, ["--config", str(file), *arguments])


async def store_day(config: PipelineConfig) -> str:
    """Store a day of a virtual patient under a new pseudonym; return that."""
    registry, store = Registry(config.registry.path), open_store(config.store)
    patient = await registry.add_patient()
    tags = (("device", "insole-1"), ("patient", patient))
    points = day_points(people(1)[0], FIRST_DAY, 100)
    await store.write(
        [Point(p.measurement, (*tags, *p.tags[2:]), p.fields, p.time_ns) for p in points]
    )
    await store.close()
    await registry.close()
    return patient


async def daily(config: PipelineConfig) -> list[dict[str, Any]]:
    store = open_store(config.rollups.target(config.store))
    rows = await store.read("daily", **EVER)
    await store.close()
    return rows


def test_stored_days_are_rolled_up_by_hand(file: Path) -> None:
    config = load(file)
    patient = asyncio.run(store_day(config))
    done = invoke(file, "--from", DAY, "--to", DAY)
    assert done.exit_code == 0, done.output
    assert "patient-days made" in done.output
    rows = asyncio.run(daily(config))
    assert {row["patient"] for row in rows} == {patient}
    assert {row["side"] for row in rows} == {"left", "right", "both"}
    again = invoke(file, "--patient", patient, "--from", DAY, "--to", DAY)
    assert again.exit_code == 0
    assert asyncio.run(daily(config)) == rows


def test_where_the_pipeline_runs_it_does_the_work(file: Path) -> None:
    config = load(file)
    asyncio.run(store_day(config))

    async def running(work: Callable[[], Awaitable[Result]]) -> Result:
        """Be a pipeline that takes every mark as soon as it comes."""
        touched = Touched(config.rollups.touched)
        assert touched.lock()
        waiting = asyncio.ensure_future(work())
        while not waiting.done():
            await touched.done(await touched.marks())
            await asyncio.sleep(0.02)
        await touched.close()
        return waiting.result()

    done = asyncio.run(running(lambda: asyncio.to_thread(invoke, file, "--from", DAY, "--to", DAY)))
    assert done.exit_code == 0, done.output
    assert "made by the pipeline that runs" in done.output
    assert asyncio.run(daily(config)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "yesterday"), "such as 2026-03-01"),
        (("--from", "2026-10-06", "--to", "2026-10-05"), "is after"),
    ],
)
def test_a_range_that_is_none_says_so(file: Path, arguments: tuple[str, ...], said: str) -> None:
    refused = invoke(file, *arguments)
    assert refused.exit_code == 2
    assert said in " ".join(refused.output.split())


def test_an_unknown_patient_says_so(file: Path) -> None:
    refused = invoke(file, "--patient", "p000000000000")
    assert isinstance(refused.exception, RegistryError)
    assert "p000000000000" in str(refused.exception)

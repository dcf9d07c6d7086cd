import asyncio
from pathlib import Path

import pytest

from hw.clock import VirtualClock
from hw.registry import DRIVERS, DriverError, SourceSettings, open_source
from hw.source import Block, Source

CSV = "time,left_cell_1\n0.00,1\n0.01,2\n"
PROFILE = 'name = "p"\n[cells]\nx = [0.5]\ny = [0.5]\n'


def take(source: Source) -> list[Block]:
    async def run() -> list[Block]:
        return [block async for block in source.blocks()]

    return asyncio.run(run())


def test_the_virtual_patient_walks() -> None:
    settings = SourceSettings(preset="mild", affected="right", seed=3, seconds=2, cells=6)
    source = open_source("virtual", settings, VirtualClock())
    assert len(source.profile.left.x) == 6
    assert sum(len(block.time_ns) for block in take(source)) == 400


def test_a_recording_is_replayed(tmp_path: Path) -> None:
    path, profile = tmp_path / "walk.csv", tmp_path / "device.toml"
    path.write_text(CSV, encoding="utf-8")
    profile.write_text(PROFILE, encoding="utf-8")
    source = open_source("replay", SourceSettings(path=path, profile=profile), VirtualClock())
    assert source.profile.name == "p"
    assert sum(len(block.time_ns) for block in take(source)) == 2


def test_an_unknown_driver_names_the_nearest() -> None:
    with pytest.raises(DriverError, match="did you mean virtual") as caught:
        open_source("vitrual", SourceSettings(), VirtualClock())
    assert caught.value.driver == "vitrual"


def test_replay_wants_a_recording() -> None:
    with pytest.raises(DriverError, match="give its path"):
        open_source("replay", SourceSettings(), VirtualClock())


def test_every_driver_says_what_it_is() -> None:
    assert all(driver.summary for driver in DRIVERS.values())

"""Faults 8 and 9: hours and days without a broker or a database, in virtual time.

Seven thousand strides a day wait in the outbox; when the way is free again they drain within half
an hour, while what happens now arrives within five seconds.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sim_disk import SimDisk, fault_disk
from sim_outage import HOUR, MINUTE, outage

EVENTS_PER_HOUR = 300


@pytest.fixture
def disks(memory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SimDisk]]:
    monkeypatch.setattr("pipeline.ingest._IDLE_S", 60.0)  # days of idle looks take real minutes
    folders = [memory / "pipeline", memory / "device"]
    for folder in folders:
        folder.mkdir()
    with fault_disk(*folders) as disks:
        yield disks


@pytest.mark.parametrize("seconds", [MINUTE, HOUR, 24 * HOUR, 72 * HOUR])
def test_after_an_outage_of_the_broker_all_drains_and_live_events_are_not_late(
    disks: list[SimDisk], seconds: int
) -> None:
    outage(disks, seconds, "broker", EVENTS_PER_HOUR)


@pytest.mark.parametrize("seconds", [HOUR, 24 * HOUR])
def test_after_an_outage_of_the_database_all_drains_and_live_events_are_not_late(
    disks: list[SimDisk], seconds: int
) -> None:
    outage(disks, seconds, "database", EVENTS_PER_HOUR)


@pytest.mark.soak(fault="8", runs=1)
@pytest.mark.parametrize("rate", range(600, 3600, 300))
@pytest.mark.parametrize("seconds", [MINUTE, HOUR, 24 * HOUR, 72 * HOUR])
def test_soak_broker_outage(disks: list[SimDisk], seconds: int, rate: int) -> None:
    outage(disks, seconds, "broker", rate)


@pytest.mark.soak(fault="9", runs=1)
@pytest.mark.parametrize("rate", range(600, 3600, 300))
@pytest.mark.parametrize("seconds", [HOUR, 24 * HOUR])
def test_soak_database_outage(disks: list[SimDisk], seconds: int, rate: int) -> None:
    outage(disks, seconds, "database", rate)

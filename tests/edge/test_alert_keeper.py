"""State on disk before an alert is told, without the event loop waiting for the disk."""

import asyncio
import threading
from pathlib import Path

import pytest
from alert_rig import SECOND, Rig
from edge_tools import until

from edge import wire
from edge.alerts import AlertRules, Keeper
from edge.companions import Companions
from kernels import GaitEvent


def near_trip(time_ns: int) -> GaitEvent:
    return GaitEvent(time_ns, time_ns, "left", "near_trip")


async def test_an_alert_is_told_only_when_its_state_is_on_disk(tmp_path: Path):
    path = tmp_path / "alerts.json"
    told: list[wire.Event] = []
    kept: list[bytes] = []

    def emit(event: wire.Event) -> None:
        assert threading.current_thread() is threading.main_thread()
        told.append(event)
        kept.append(path.read_bytes())

    rules = AlertRules(path, "clock", "left")
    companions = Companions([rules], emit)
    for second in (1, 2):
        companions.record(near_trip(second * SECOND), second * SECOND)
    assert told == []
    await until(lambda: bool(told))
    (alert,) = told
    assert isinstance(alert, wire.Alert)
    assert alert.id.encode() in kept[0]
    assert path.stat().st_mode & 0o777 == 0o600
    companions.finish(3 * SECOND)
    await asyncio.sleep(0)
    assert len(told) == 1


async def test_at_the_end_nothing_waits_for_the_disk_any_more(tmp_path: Path):
    told: list[wire.Event] = []
    companions = Companions([AlertRules(tmp_path / "a.json", "clock", "left")], told.append)
    for second in (1, 2):
        companions.record(near_trip(second * SECOND), second * SECOND)
    companions.finish(3 * SECOND)
    assert len(told) == 1
    await asyncio.sleep(0.05)
    assert len(told) == 1


def test_a_disk_that_refuses_suppresses_no_alert(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "alerts.json").mkdir()  # cannot be replaced by a file
    rig = Rig(tmp_path)
    rig.walk("d" * 5)
    assert rig.told("repeated_toe_drag") == [True]
    assert "not written" in caplog.text


def test_a_write_that_is_cut_short_leaves_the_old_state(tmp_path: Path):
    keeper = Keeper(tmp_path / "state.json", threaded=False)
    keeper.save(b"first")
    (tmp_path / "state.new").write_bytes(b"sec")
    assert Keeper(tmp_path / "state.json", threaded=False).load() == b"first"

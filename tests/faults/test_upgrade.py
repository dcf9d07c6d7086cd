"""Fault 22: upgrade and rollback of a full outbox, stopped at any instant of it."""

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_tools import WALL_NS, everything, stride
from sim_disk import SimDisk, fault_disk
from upgrade_process import open_as

from edge import outbox_layout, wire
from edge.outbox import Outbox
from edge.outbox_file import OutboxError

FULL = 2000
SUPPORT = Path(__file__).parents[1] / "support"


def fill(outbox: Outbox, count: int) -> None:
    outbox.stamp(WALL_NS)
    outbox.commit([stride(second) for second in range(1, count + 1)])
    outbox.close()


def seconds_in(outbox: Outbox) -> list[int]:
    events = everything(outbox)
    assert not [event for event in events if isinstance(event, wire.Gap)]
    return [(event.time_ns - WALL_NS) // 10**9 for event in events]


def version_one(path: Path, count: int) -> None:
    """Leave a file as version 1 of the layout had it."""
    fill(open_as(path, newer=False), count)
    steps, outbox_layout.STEPS = outbox_layout.STEPS, outbox_layout.STEPS[:1]
    try:
        outbox_layout.connect(path).close()
    finally:
        outbox_layout.STEPS = steps


@contextlib.contextmanager
def stopped_at(disk: SimDisk, call: int, rng: random.Random | None) -> Iterator[None]:
    """Stop the machine at a call to the disk within the block, and switch it on again."""
    disk.crash_at(call, rng)
    with contextlib.suppress(OutboxError, AssertionError):
        yield
    image = disk.crashed or disk.image(rng)
    disk.dead = True
    disk.restore(image)


def calls_to_open(folder: Path, newer: bool) -> int:
    with fault_disk(folder) as (disk,):
        before = disk.calls
        outbox = open_as(folder / "outbox.db", newer=newer)
        calls: int = disk.calls - before
        outbox.close()
    return calls


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power cut"])
@pytest.mark.parametrize("newer", [True, False], ids=["upgrade", "rollback"])
def test_a_stop_at_any_call_of_a_migration_loses_nothing(
    memory: Path, newer: bool, power: bool
) -> None:
    rng = random.Random(22)
    begin = memory / "begin"
    begin.mkdir()
    fill(open_as(begin / "outbox.db", newer=not newer), 200)
    whole = {path.name: path.read_bytes() for path in begin.iterdir()}
    for call in range(1, calls_to_open(begin, newer) + 1):
        folder = memory / str(call)
        folder.mkdir()
        with fault_disk(folder) as (disk,):
            disk.restore(whole)
            with stopped_at(disk, call, rng if power else None):
                open_as(folder / "outbox.db", newer=newer)._table.db.close()
            again = open_as(folder / "outbox.db", newer=newer)
            assert seconds_in(again) == list(range(1, 201)), f"stopped at call {call}"
            again.close()


def killed_in_migrations(folder: Path, seed: int) -> None:
    path = folder / "outbox.db"
    fill(open_as(path, newer=False), FULL)
    rng = random.Random(seed)
    child = subprocess.Popen(
        [sys.executable, str(SUPPORT / "upgrade_process.py"), str(path)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{SUPPORT}:{SUPPORT.parents[1]}"},
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, 0.3))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    outbox = Outbox(path, clock_name="one")
    assert seconds_in(outbox) == list(range(1, FULL + 1)), f"seed {seed}"
    outbox.close()


@pytest.mark.parametrize("seed", range(5))
def test_a_process_killed_in_its_migrations_loses_nothing(tmp_path: Path, seed: int) -> None:
    killed_in_migrations(tmp_path, seed)


@pytest.mark.soak(fault="22", runs=10)
@pytest.mark.parametrize("first", range(100, 200, 10))
def test_soak_killed_in_migrations(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 10):
        (tmp_path / str(seed)).mkdir()
        killed_in_migrations(tmp_path / str(seed), seed)


def test_the_first_version_is_upgraded_and_keeps_all(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    version_one(path, FULL)
    with contextlib.closing(outbox_layout.plain_connect(path)) as db:
        assert outbox_layout.version_of(db) == 1
        assert not outbox_layout.has_our_layout(db)
    outbox = Outbox(path, clock_name="one", program="0.2")
    assert seconds_in(outbox) == list(range(1, FULL + 1))
    programs = outbox._table.db.execute("SELECT program FROM boots ORDER BY program").fetchall()
    assert programs == [(None,), ("0.2",)]
    outbox.close()


def test_up_and_down_again_leaves_the_layout_and_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    fill(open_as(path, newer=False), 10)
    for _ in range(3):
        newer = open_as(path, newer=True)
        newer.commit([stride(newer.waiting + 1)])
        newer.close()
        older = open_as(path, newer=False)
        assert outbox_layout.has_our_layout(older._table.db)
        older.close()
    assert seconds_in(open_as(path, newer=False)) == list(range(1, 14))
    assert not list(tmp_path.glob("*damaged*"))


def test_a_newer_file_without_a_way_back_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    newer = open_as(path, newer=True)
    newer.stamp(WALL_NS)
    newer.commit([stride(1)])
    newer._table.db.execute("DELETE FROM marks WHERE name LIKE 'back%'")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(OutboxError, match=r"version 3.*heelfirst 9\.9.*Install the newer"):
        Outbox(path)
    assert path.read_bytes() == before
    again = open_as(path, newer=True)
    assert seconds_in(again) == [1]
    again.close()


def test_a_way_back_that_leads_elsewhere_is_undone_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    newer = open_as(path, newer=True)
    newer.stamp(WALL_NS)
    newer.commit([stride(1)])
    way = "DELETE FROM rows; ALTER TABLE clocks ADD COLUMN other TEXT"
    newer._table.db.execute("UPDATE marks SET value = ? WHERE name = 'back from 3'", (way,))
    newer.close()
    with pytest.raises(OutboxError, match="version 3"):
        Outbox(path)
    again = open_as(path, newer=True)
    assert seconds_in(again) == [1]
    again.close()


def test_a_newer_program_s_events_wait_for_it_and_hold_up_nothing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", clock_name="one")
    outbox.stamp(WALL_NS)
    outbox.commit([stride(1), stride(2)])
    for row in outbox._prepared(stride(3)), outbox._prepared(stride(4)):
        outbox._table.insert(row._replace(kind="balance", body=b'{"kind":"balance","seq":1}'))
    outbox.commit([stride(5)])
    assert seconds_in(outbox) == [1, 2, 5]
    assert [row.seq for row in outbox.pending(2, limit=1)] == [5]
    assert not outbox.is_to_be_read_again
    assert outbox.waiting == 5
    assert outbox.counts.damaged == 0
    outbox.close()

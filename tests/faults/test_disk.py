"""Faults 2 to 5 and 7: the outbox on a disk that stops, fails, fills, forgets and flips bits."""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from edge_tools import WALL_NS, everything
from sim_disk import SimDisk, fault_disk
from sim_house import made_event

from edge import wire
from edge.outbox import BUFFER_EVENTS, Outbox
from edge.outbox_file import OutboxError

CAP = 40


class Edge:
    """An outbox and what was promised: numbers that are durable, and that may be gone again."""

    def __init__(self, disk: SimDisk) -> None:
        self.disk = disk
        self.number = 0
        self.offered: list[int] = []
        self.committed: set[int] = set()
        self.receipted: set[int] = set()
        self.outbox = self.open()

    def open(self) -> Outbox:
        outbox = Outbox(self.disk.folder / "outbox.db", clock_name="one")
        outbox.stamp(WALL_NS)
        return outbox

    def commit(self, count: int) -> None:
        numbers = range(self.number + 1, self.number + count + 1)
        self.number += count
        self.offered += numbers
        if self.outbox.commit([made_event(n, "stride", "left", n * 10**9) for n in numbers]):
            self.committed |= set(self.offered)
            self.offered.clear()

    def receipt(self, limit: int = 20) -> None:
        rows = self.outbox.pending(limit=limit)
        if rows:
            self.receipted |= {mark(row.event) for row in rows} - {0}
            self.outbox.receipt(rows[0].boot, [(rows[0].seq, rows[-1].seq)])

    def cut(self, rng: random.Random | None) -> None:
        """The machine stops here, or stopped within the last call; and begins again."""
        image = self.disk.crashed or self.disk.image(rng)
        self.disk.dead = True
        self.outbox.close()
        self.disk.restore(image)
        self.offered.clear()
        self.outbox = self.open()

    def problems(self) -> list[str]:
        events = everything(self.outbox)
        kept = [mark(event) for event in events if not isinstance(event, wire.Gap)]
        lost = sum(event.lost for event in events if isinstance(event, wire.Gap))
        missing = self.committed - self.receipted - set(kept)
        found = []
        if len(kept) != len(set(kept)):
            found.append(f"A: doubled {sorted(n for n in kept if kept.count(n) > 1)}")
        if len(missing) > lost:
            found.append(f"A, F: {sorted(missing)} are gone, gap records tell of {lost}")
        if lost > len(missing):
            found.append(f"F: gap records tell of {lost}, {len(missing)} are gone")
        if not set(kept) <= set(range(1, self.number + 1)):
            found.append("A: made up")
        return found


def mark(event: wire.Event) -> int:
    return round(event.heel_lead_ms or 0) if isinstance(event, wire.Stride) else 0


def a_little_of_everything(edge: Edge) -> None:
    """Commits, deliveries, receipts, a late clock: every kind of transaction there is."""
    edge.commit(3)
    edge.receipt(2)
    edge.commit(1)
    edge.outbox.stamp(WALL_NS + 5)
    edge.receipt()
    edge.commit(12)


def calls_of(folder: Path, story: Callable[[Edge], None]) -> int:
    with fault_disk(folder) as (disk,):
        edge = Edge(disk)
        before = disk.calls
        story(edge)
        edge.outbox.close()
        return disk.calls - before


# -- 2, 3: stops ----------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power cut"])
def test_a_stop_at_any_call_to_the_disk_loses_nothing_committed(memory: Path, power: bool) -> None:
    rng = random.Random(2)
    total = calls_of(memory, a_little_of_everything)
    assert total > 40
    for number in range(1, total + 1):
        folder = memory / str(number)
        folder.mkdir()
        with fault_disk(folder) as (disk,):
            edge = Edge(disk)
            disk.crash_at(number, rng if power else None)
            a_little_of_everything(edge)
            edge.cut(rng if power else None)
            assert not edge.problems(), f"stopped at call {number}"
            edge.outbox.close()


def power_cuts(folder: Path, seed: int) -> list[str]:
    """Three lives of an outbox, each ended by a power cut; long enough for checkpoints."""
    rng = random.Random(seed)
    with fault_disk(folder) as (disk,):
        edge = Edge(disk)
        for _ in range(3):
            disk.crash_at(rng.randrange(1, 6000), rng)
            for _ in range(rng.randrange(20, 450)):
                if disk.dead:
                    break
                edge.commit(rng.choice((1, 1, 1, 5)))
                if rng.random() < 0.3:
                    edge.receipt()
            edge.cut(rng)
            if problems := edge.problems():
                return [f"seed {seed}: {problem}" for problem in problems]
        edge.outbox.close()
    return []


def many_power_cuts(memory: Path, seeds: range) -> list[str]:
    problems = []
    for seed in seeds:
        folder = memory / str(seed)
        folder.mkdir()
        problems += power_cuts(folder, seed)
    return problems


def test_unsynced_writes_dropped_torn_or_reordered_lose_nothing_committed(memory: Path) -> None:
    assert many_power_cuts(memory, range(50)) == []


@pytest.mark.soak(fault="3", runs=100)
@pytest.mark.parametrize("first", range(1000, 2000, 100))
def test_soak_power_cuts(memory: Path, first: int) -> None:
    assert many_power_cuts(memory, range(first, first + 100)) == []


# -- 4: the Nth call fails ------------------------------------------------------------------------


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("how", ["EIO", "ENOSPC", "short"])
def test_any_call_that_fails_loses_nothing_once_the_disk_is_well(
    memory: Path, how: str, forever: bool
) -> None:
    total = calls_of(memory, a_little_of_everything)
    for number in range(1, total + 1):
        folder = memory / str(number)
        folder.mkdir()
        with fault_disk(folder) as (disk,):
            edge = Edge(disk)
            disk.fail_at(number, how, forever)
            a_little_of_everything(edge)
            disk.mend()
            edge.commit(1)
            edge.commit(0)
            assert edge.outbox.buffered == 0, f"call {number}"
            assert edge.committed == set(range(1, edge.number + 1))
            assert not edge.problems(), f"call {number}"
            edge.outbox.close()


# -- 5: a full disk -------------------------------------------------------------------------------


def full_disk(memory: Path, seed: int) -> None:
    rng = random.Random(seed)
    with fault_disk(memory) as (disk,):
        edge = Edge(disk)
        edge.commit(5)
        disk.fill()
        enough = BUFFER_EVENTS // 2 if seed % 2 else BUFFER_EVENTS + 1500
        while edge.number < enough:
            edge.commit(rng.randrange(1, 12))
            if rng.random() < 0.05:
                edge.receipt(3)
            assert edge.outbox.buffered <= BUFFER_EVENTS
        shed = edge.outbox.counts.dropped
        disk.mend()
        edge.commit(1)
        edge.commit(0)
        assert edge.outbox.buffered == 0
        assert edge.problems() == []
        assert (shed > 0) == (edge.number - 6 > BUFFER_EVENTS)
        edge.outbox.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_full_disk_that_is_freed_counts_what_memory_could_not_hold(
    memory: Path, seed: int
) -> None:
    full_disk(memory, seed)


@pytest.mark.soak(fault="5", runs=1)
@pytest.mark.parametrize("seed", range(100, 120))
def test_soak_full_disk(memory: Path, seed: int) -> None:
    full_disk(memory, seed)


# -- the simulation itself ------------------------------------------------------------------------


def test_the_disk_does_forget_what_was_not_synced(memory: Path) -> None:
    """Without it the tests above could not fail."""
    with fault_disk(memory) as (disk,):
        edge = Edge(disk)
        edge.outbox._table.db.execute("PRAGMA synchronous = OFF")
        edge.commit(30)
        edge.cut(random.Random(1))
        assert edge.problems()
        edge.outbox.close()


# -- 7: a stop within the salvage -----------------------------------------------------------------


def damaged_disk(folder: Path) -> dict[str, bytes]:
    """Files of an outbox of 300 events that went through a damaged page; returns them."""
    with fault_disk(folder) as (disk,):
        edge = Edge(disk)
        edge.commit(300)
        edge.outbox.close()
        files = disk.image(None)
    data = bytearray(files["outbox.db"])
    data[20 * 1024 : 20 * 1024 + 512] = b"\xff" * 512
    return files | {"outbox.db": bytes(data)}


def open_again(disk: SimDisk) -> Edge:
    """Open the damaged outbox; all that was in it counts as committed."""
    edge = Edge(disk)
    edge.number = 300
    edge.committed = set(range(1, 301))
    return edge


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power cut"])
@pytest.mark.parametrize("step", [37, pytest.param(1, marks=pytest.mark.soak(fault="7", runs=250))])
def test_a_stop_within_the_salvage_loses_nothing_untold(
    memory: Path, step: int, power: bool
) -> None:
    rng = random.Random(7) if power else None
    begin, trial = memory / "begin", memory / "trial"
    begin.mkdir()
    trial.mkdir()
    damaged = damaged_disk(begin)
    with fault_disk(trial) as (disk,):
        disk.restore(damaged)
        open_again(disk).outbox.close()
        total = disk.calls
    assert total > 100
    for call in range(1, total + 1, step):
        with fault_disk(trial) as (disk,):
            disk.restore(damaged)
            disk.crash_at(call, rng)
            with contextlib.suppress(OutboxError):
                open_again(disk).outbox._table.db.close()
            disk.restore(disk.crashed or disk.image(rng))
            edge = open_again(disk)
            assert edge.problems() == [], f"stopped at call {call}"
            assert 0 < edge.outbox.waiting < 302
            edge.outbox.close()


@pytest.mark.parametrize("how", ["EIO", "ENOSPC"])
def test_a_disk_that_fails_at_the_start_is_not_taken_for_a_damaged_file(
    memory: Path, how: str
) -> None:
    with fault_disk(memory) as (disk,):
        edge = Edge(disk)
        edge.commit(60)
        edge.outbox.close()
        before = disk.calls
        Outbox(memory / "outbox.db", clock_name="one").close()
        for call in range(1, disk.calls - before + 1):
            disk.fail_at(call, how)
            with contextlib.suppress(OutboxError):
                Outbox(memory / "outbox.db", clock_name="one").close()
            disk.mend()
        assert not [path for path in memory.iterdir() if "db." in path.name], "it was salvaged"
        edge.outbox = edge.open()
        assert edge.problems() == []
        edge.outbox.close()

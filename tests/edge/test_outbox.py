"""Laws of the outbox: durable on return, gone on a receipt only, unique in time, exact in loss."""

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from edge_tools import SECOND, WALL_NS, alert, everything, stride
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge import wire
from edge.outbox import BUFFER_EVENTS, Outbox
from edge.outbox_file import OutboxError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def opened(path: Path, **settings: object) -> Outbox:
    """An outbox whose clock is known."""
    outbox = Outbox(path, **settings)  # type: ignore[arg-type]  # the tests pass what fits
    outbox.stamp(WALL_NS)
    return outbox


def gaps(outbox: Outbox) -> list[wire.Gap]:
    return [event for event in everything(outbox) if isinstance(event, wire.Gap)]


def fill_disk(outbox: Outbox) -> None:
    """Let SQLite find the disk full from now on."""
    database = outbox._table.db
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")


def free_disk(outbox: Outbox) -> None:
    outbox._table.db.execute("PRAGMA max_page_count = 1000000")


# -- durable ------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
from edge_tools import WALL_NS, stride
from edge.outbox import Outbox

outbox = Outbox(Path(sys.argv[1]))
outbox.stamp(WALL_NS)
for number in range(100_000):
    outbox.commit([stride(number)])
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_what_commit_returned_from_survives_sigkill(path, after):
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"}
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env=env, text=True
    )
    assert child.stdout is not None
    with child.stdout as lines:
        for _ in range(after):
            lines.readline()
        child.send_signal(signal.SIGKILL)
        told = after + len(lines.read().split("\n")) - 1
    child.wait()
    outbox = Outbox(path)
    kept = [event.time_ns - WALL_NS for event in everything(outbox)]
    assert told <= len(kept) <= told + 1
    assert kept == [number * SECOND for number in range(len(kept))]
    outbox.close()


def test_every_commit_is_synchronised_to_the_disk(path):
    database = opened(path)._table.db
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_commit_is_all_or_nothing(path, monkeypatch):
    outbox = opened(path)
    insert = outbox._table.insert
    calls = itertools.count()

    def third_fails(row):
        if next(calls) == 2:
            raise sqlite3.OperationalError("disk I/O error")
        return insert(row)

    monkeypatch.setattr(outbox._table, "insert", third_fails)
    assert outbox.commit([stride(1), stride(2), stride(3)]) == 0
    assert everything(outbox) == []
    monkeypatch.undo()
    assert outbox.commit([]) == 3
    assert [event.seq for event in everything(outbox)] == [1, 2, 3]


def test_numbers_go_on_after_everything_was_receipted_and_the_outbox_reopened(path):
    outbox = opened(path)
    outbox.commit([stride(1), stride(2)])
    everything(outbox)
    assert outbox.receipt(outbox.boot, [(1, 2)]) == 2
    outbox.close()
    outbox = opened(path)
    outbox.commit([stride(3)])
    assert [event.seq for event in everything(outbox)] == [3]


# -- receipts -----------------------------------------------------------------------------------


def test_receipt_deletes_exactly_its_ranges(path):
    outbox = opened(path)
    outbox.commit([stride(second) for second in range(1, 11)])
    everything(outbox)
    assert outbox.receipt(outbox.boot, [(2, 4), (7, 7)]) == 4
    assert outbox.receipt(outbox.boot, [(2, 4), (7, 7)]) == 0
    assert [event.seq for event in everything(outbox)] == [1, 5, 6, 8, 9, 10]
    assert outbox.waiting == 6


def test_receipt_of_another_run_deletes_nothing(path):
    outbox = opened(path)
    outbox.commit([stride(1)])
    everything(outbox)
    assert outbox.receipt("f" * 16, [(1, 2**53)]) == 0
    assert outbox.waiting == 1


def test_receipt_for_what_was_never_handed_out_deletes_nothing(path):
    outbox = opened(path)
    outbox.commit([stride(1)])
    assert outbox.receipt(outbox.boot, [(1, 2**53)]) == 0
    assert outbox.waiting == 1


def test_receipt_from_before_a_restart_still_counts(path):
    outbox = opened(path)
    boot = outbox.boot
    outbox.commit([stride(1)])
    everything(outbox)
    outbox.close()
    outbox = opened(path)
    assert outbox.receipt(boot, [(1, 1)]) == 1


def test_one_batch_holds_one_run(path):
    outbox = opened(path)
    outbox.commit([stride(1), stride(2)])
    outbox.close()
    outbox = opened(path)
    outbox.commit([stride(3)])
    first = outbox.pending()
    assert [row.seq for row in first] == [1, 2]
    assert [row.seq for row in outbox.pending(first[-1].seq)] == [3]


def test_pending_keeps_its_limits_but_never_comes_empty(path):
    outbox = opened(path)
    outbox.commit([stride(second) for second in range(1, 11)])
    assert [row.seq for row in outbox.pending(limit=3)] == [1, 2, 3]
    assert [row.seq for row in outbox.pending(after=3, upto=5)] == [4, 5]
    size = outbox.pending(limit=1)[0].size
    assert len(outbox.pending(limit_bytes=3 * size)) == 3
    assert len(outbox.pending(limit_bytes=1)) == 1


# -- time ---------------------------------------------------------------------------------------


def test_nothing_is_pending_until_the_clock_is_known_then_all_is_stamped_backwards(path):
    outbox = Outbox(path)
    outbox.commit([stride(1), stride(2)])
    assert outbox.pending() == []
    assert outbox.stamp(WALL_NS) == 2
    outbox.commit([stride(3)])
    assert [e.time_ns - WALL_NS for e in everything(outbox)] == [SECOND, 2 * SECOND, 3 * SECOND]


def test_restart_on_the_same_clock_goes_on_with_its_offset(path):
    outbox = Outbox(path, clock_name="machine-1")
    outbox.commit([stride(1)])
    outbox.close()
    outbox = Outbox(path, clock_name="machine-1")
    assert outbox.offset_ns is None
    assert outbox.stamp(WALL_NS) == 1
    outbox.close()
    outbox = Outbox(path, clock_name="machine-1")
    assert outbox.offset_ns == WALL_NS
    outbox.commit([stride(2)])
    assert [e.time_ns - WALL_NS for e in everything(outbox)] == [SECOND, 2 * SECOND]


def test_rows_of_a_boot_without_a_clock_are_put_before_the_next_and_told_of(path):
    for name in ("boot-1", "boot-2"):
        outbox = Outbox(path, clock_name=name)
        outbox.commit([stride(10), stride(12)])
        outbox.close()
    outbox = Outbox(path, clock_name="boot-3")
    assert outbox.stamp(WALL_NS) == 4
    events = everything(outbox)
    times = [event.time_ns for event in events if isinstance(event, wire.Stride)]
    assert len(times) == 4
    assert times == sorted(times)
    assert times[-1] < WALL_NS
    told = gaps(outbox)
    assert len(told) == 2
    assert all(gap.lost == 0 and "estimated" in gap.reason for gap in told)


@given(
    seconds=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    steps=st.lists(st.sampled_from([0, -1, -3600, 3600, 315_360_000]), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_event_times_are_unique_in_their_series_whatever_the_clock_does(
    tmp_path_factory, seconds, steps
):
    outbox = Outbox(tmp_path_factory.mktemp("times") / "outbox.db")
    offset_ns = WALL_NS
    times: list[int] = []
    for step in [0, *steps]:
        offset_ns += step * SECOND
        outbox.stamp(offset_ns)
        # The same monotonic times again stand for later ones that a stepped clock maps onto them.
        outbox.commit([stride(second) for second in seconds])
        times += [event.time_ns for event in everything(outbox)]
        outbox.receipt(outbox.boot, [(1, outbox.last_seq)])
    assert outbox.waiting == 0
    outbox.close()
    assert len(times) == len(seconds) * (len(steps) + 1)
    assert len(set(times)) == len(times)


def test_equal_time_is_put_one_nanosecond_on_and_only_in_its_series(path):
    outbox = opened(path)
    outbox.commit([stride(1), stride(1), stride(1, "right"), alert(1)])
    assert [e.time_ns - WALL_NS - SECOND for e in everything(outbox)] == [0, 1, 0, 0]


# -- caps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 7, 400])
def test_over_the_cap_the_count_of_the_lost_is_exact_and_alerts_survive(path, chunk):
    outbox = opened(path, max_rows=100)
    events: list[wire.Event] = [stride(second) for second in range(1, 401)]
    events[3::100] = [alert(second) for second in (4, 104, 204, 304)]
    for start in range(0, len(events), chunk):
        outbox.commit(events[start : start + chunk])
    kept = everything(outbox)
    survivors = [event for event in kept if not isinstance(event, wire.Gap)]
    assert sum(gap.lost for gap in gaps(outbox)) == 400 - len(survivors)
    assert sum(isinstance(event, wire.Alert) for event in kept) == 4
    assert outbox.waiting == len(kept) <= 100
    assert outbox.counts.dropped == 400 - len(survivors)


def test_cap_in_bytes_holds(path):
    outbox = opened(path, max_bytes=65_536)
    for second in range(2000):
        outbox.commit([stride(second)])
    assert outbox._table.level.bytes <= 65_536
    strides = sum(isinstance(event, wire.Stride) for event in everything(outbox))
    assert sum(gap.lost for gap in gaps(outbox)) == 2000 - strides


def test_gap_that_was_handed_out_grows_no_more(path):
    outbox = opened(path, max_rows=20)
    outbox.commit([stride(second) for second in range(40)])
    sent = gaps(outbox)
    outbox.commit([stride(second) for second in range(40, 80)])
    assert sent[0] in gaps(outbox)
    assert len(gaps(outbox)) == 2
    strides = sum(isinstance(event, wire.Stride) for event in everything(outbox))
    assert sum(gap.lost for gap in gaps(outbox)) == 80 - strides


def test_what_was_never_sent_goes_before_what_may_be_stored_already(path):
    outbox = opened(path, max_rows=20)
    outbox.commit([stride(second) for second in range(10)])
    handed_out = {event.seq for event in everything(outbox)}
    outbox.commit([stride(second) for second in range(10, 40)])
    assert handed_out <= {event.seq for event in everything(outbox)}


# -- disk ---------------------------------------------------------------------------------------


def test_full_disk_keeps_events_in_memory_and_loses_none(path):
    outbox = opened(path)
    outbox.commit([stride(0)])
    fill_disk(outbox)
    for second in range(1, 200):
        outbox.commit([stride(second)])
    assert outbox.buffered > 0
    assert outbox.waiting == 200
    free_disk(outbox)
    outbox.commit([])
    assert outbox.buffered == 0
    assert [e.time_ns - WALL_NS for e in everything(outbox)] == [s * SECOND for s in range(200)]
    assert outbox.counts.failed_writes > 0


def test_full_disk_for_long_bounds_memory_keeps_alerts_and_counts(path):
    outbox = opened(path)
    fill_disk(outbox)
    total = BUFFER_EVENTS + 500
    outbox.commit([alert(0)])
    for start in range(1, total, 100):
        outbox.commit([stride(second) for second in range(start, start + 100)])
        assert outbox.buffered <= BUFFER_EVENTS
    free_disk(outbox)
    outbox.commit([])
    kept = everything(outbox)
    assert any(isinstance(event, wire.Alert) for event in kept)
    survivors = sum(not isinstance(event, wire.Gap) for event in kept)
    (gap,) = gaps(outbox)
    assert gap.reason == "disk full"
    assert gap.lost == 5501 - survivors


def test_receipts_on_a_full_disk_are_applied_later(path):
    outbox = opened(path)
    outbox.commit([stride(0), stride(1)])
    everything(outbox)
    outbox._table.db.execute("PRAGMA query_only = 1")
    assert outbox.receipt(outbox.boot, [(1, 1)]) == 0
    outbox._table.db.execute("PRAGMA query_only = 0")
    outbox.commit([])
    assert [event.seq for event in everything(outbox)] == [2]


# -- damage -------------------------------------------------------------------------------------


def damage(path: Path, where: bytes | int) -> None:
    """Turn one bit of the file over, at a place or within the last find of some bytes."""
    data = bytearray(path.read_bytes())
    place = where if isinstance(where, int) else data.rfind(where) + 1
    assert 0 < place < len(data)
    data[place] ^= 4
    path.write_bytes(data)


def closed_with(path: Path, count: int) -> None:
    outbox = opened(path)
    outbox.commit([stride(second) for second in range(count)])
    outbox.close()


def test_flipped_bit_in_a_row_is_found_and_counted(path):
    closed_with(path, 10)
    damage(path, b'"strike":"heel"')
    outbox = opened(path)
    events = everything(outbox)
    assert sum(isinstance(event, wire.Stride) for event in events) == 9
    (gap,) = gaps(outbox)
    assert (gap.lost, gap.reason) == (1, "outbox row damaged")


def test_damaged_structure_is_moved_aside_and_whole_rows_are_kept(path):
    closed_with(path, 300)
    pages = path.stat().st_size // 1024
    data = bytearray(path.read_bytes())
    data[pages // 2 * 1024 : pages // 2 * 1024 + 512] = b"\xff" * 512
    path.write_bytes(data)
    outbox = opened(path)
    strides = [event for event in everything(outbox) if isinstance(event, wire.Stride)]
    lost = sum(gap.lost for gap in gaps(outbox))
    assert 200 < len(strides) < 300
    assert lost == 300 - len(strides)
    assert [aside.name for aside in path.parent.glob("*damaged*")] == ["outbox.db.damaged-1"]
    outbox.commit([stride(1000)])
    assert everything(outbox)[-1].seq > 300


def test_file_that_is_no_database_is_moved_aside(path):
    path.write_bytes(b"not a database at all" * 100)
    outbox = opened(path)
    outbox.commit([stride(1)])
    assert any(isinstance(event, wire.Stride) for event in everything(outbox))
    assert (path.parent / "outbox.db.damaged-1").exists()


@given(place=st.integers(0, 40 * 1024), bit=st.integers(0, 7))
@settings(max_examples=80, deadline=None)
def test_any_flipped_bit_is_survived_and_nothing_is_silently_missing(tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("flip") / "outbox.db"
    closed_with(path, 100)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    outbox = opened(path)
    events = everything(outbox)
    strides = {event.time_ns for event in events if isinstance(event, wire.Stride)}
    lost = sum(gap.lost for gap in gaps(outbox))
    outbox.close()
    assert len(strides) + lost >= 100 or any("unknown" in gap.reason for gap in gaps_of(events))
    assert strides <= {WALL_NS + second * SECOND for second in range(100)}


def gaps_of(events: list[wire.Event]) -> list[wire.Gap]:
    return [event for event in events if isinstance(event, wire.Gap)]


def left_by_a_kill(path: Path, count: int) -> Path:
    """An outbox whose last commits stand in the write-ahead log; return the log."""
    outbox = opened(path)
    for second in range(count):
        outbox.commit([stride(second)])
    wal = path.with_name("outbox.db-wal")
    kept = path.read_bytes(), wal.read_bytes()
    outbox.close()
    path.write_bytes(kept[0])
    wal.write_bytes(kept[1])
    return wal


@given(share=st.floats(0, 1), bit=st.integers(0, 7))
@settings(max_examples=30, deadline=None)
def test_any_flipped_bit_in_the_log_is_survived_and_told(tmp_path_factory, share, bit):
    path = tmp_path_factory.mktemp("log") / "outbox.db"
    wal = left_by_a_kill(path, 30)
    data = bytearray(wal.read_bytes())
    data[round(share * (len(data) - 1))] ^= 1 << bit
    wal.write_bytes(data)
    outbox = opened(path)
    events = everything(outbox)
    outbox.close()
    strides = {event.time_ns for event in events if isinstance(event, wire.Stride)}
    lost = sum(gap.lost for gap in gaps_of(events))
    told = any("unknown" in gap.reason for gap in gaps_of(events))
    # The last commit alone cannot be told from one that a power cut tore.
    assert len(strides) + lost >= 29 or told


@pytest.mark.parametrize("torn", [1, 100, 1048, 1500])
def test_commit_torn_by_a_power_cut_is_no_damage(path, torn):
    wal = left_by_a_kill(path, 30)
    wal.write_bytes(wal.read_bytes()[:-torn])
    outbox = opened(path)
    events = everything(outbox)
    assert 28 <= len(events) < 30
    assert not gaps_of(events)


# -- opening ------------------------------------------------------------------------------------


def test_second_agent_on_the_same_file_is_refused(path):
    outbox = opened(path)
    with pytest.raises(OutboxError, match="Stop the other agent"):
        Outbox(path)
    outbox.close()


def test_file_of_a_newer_version_is_refused_and_left_alone(path):
    closed_with(path, 1)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE later (a)")
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(OutboxError, match="version 99"):
        Outbox(path)
    assert not list(path.parent.glob("*damaged*"))


def test_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="Check that the folder"):
        Outbox(tmp_path / "file" / "outbox.db")


def test_full_disk_at_the_start_is_explained(path, monkeypatch):
    closed_with(path, 1)

    def no_space(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("edge.outbox.Stamper", no_space)
    with pytest.raises(OutboxError, match="Free space"):
        Outbox(path)


def test_rows_of_earlier_runs_go_while_the_clock_of_this_one_is_not_known(path):
    closed_with(path, 3)
    outbox = Outbox(path)
    outbox.commit([stride(100)])
    assert len(everything(outbox)) == 3


@pytest.mark.parametrize("lost", ["boots", "clocks", "boots and clocks"])
def test_rows_whose_clock_was_lost_are_stamped_before_this_start_and_told_of(path, lost):
    for clock in ("first", "second"):
        outbox = Outbox(path, clock_name=clock)
        outbox.commit([stride(100), stride(200)])
        outbox.close()
    with sqlite3.connect(path) as database:
        for table in lost.split(" and "):
            database.execute(f"DELETE FROM {table}")
    database.close()
    outbox = Outbox(path, clock_name="third")
    outbox.stamp(WALL_NS)
    outbox.commit([stride(5)])
    strides = [event for event in everything(outbox) if isinstance(event, wire.Stride)]
    times = [event.time_ns for event in sorted(strides, key=lambda event: event.seq)]
    assert times == sorted(times)
    assert times[-1] == WALL_NS + 5 * SECOND
    assert times[3] < WALL_NS
    assert [times[1] - times[0], times[3] - times[2]] == [100 * SECOND] * 2
    assert all("times of 2 events estimated" in gap.reason for gap in gaps(outbox))
    assert len(gaps(outbox)) == 2


def test_a_flip_in_the_end_of_the_last_commit_but_one_is_told(path):
    """It is no commit that a power cut tore: another one stands whole behind it."""
    outbox = opened(path)
    for second in range(20):
        outbox.commit([stride(second)])
    wal = path.with_name("outbox.db-wal")
    data = bytearray(wal.read_bytes())
    image = path.read_bytes()
    outbox.close()
    ends = [at for at in range(32, len(data) - 1047, 1048) if data[at + 4 : at + 8] != bytes(4)]
    data[ends[-2] + 24 + 900] ^= 16
    path.write_bytes(image)
    wal.write_bytes(data)
    again = opened(path)
    kept = sum(isinstance(event, wire.Stride) for event in everything(again))
    lost = gaps(again)
    assert kept == 20 or lost
    again.close()


# -- model --------------------------------------------------------------------------------------


class OutboxAgainstModel(RuleBasedStateMachine):
    """Any order of commit, pending, receipt, stamp and restart leaves what a set would hold."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(os.environ.get("TMPDIR", "/tmp"))
        self.path = self.folder / f"model-{os.getpid()}-{id(self)}.db"
        self.outbox = Outbox(self.path, clock_name="model")
        self.second = 0
        self.live: dict[tuple[str, int], int] = {}
        self.handed_out: list[tuple[str, int]] = []

    @rule(count=st.integers(1, 5))
    def commit(self, count: int) -> None:
        first = self.outbox.last_seq + 1
        self.outbox.commit([stride(self.second + index) for index in range(count)])
        for index in range(count):
            self.live[self.outbox.boot, first + index] = (self.second + index) * SECOND
        self.second += count

    @rule()
    def stamp(self) -> None:
        self.outbox.stamp(WALL_NS)

    @rule(after=st.integers(0, 20))
    def pending(self, after: int) -> None:
        rows = self.outbox.pending(after)
        for row in rows:
            assert row.event.time_ns - WALL_NS == self.live[row.boot, row.seq]
        self.handed_out += [(row.boot, row.seq) for row in rows]

    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        if self.handed_out:
            boot, seq = data.draw(st.sampled_from(self.handed_out))
            gone = self.outbox.receipt(boot, [(seq, seq)])
            assert gone == ((boot, seq) in self.live)
            self.live.pop((boot, seq), None)

    @rule()
    def restart(self) -> None:
        self.outbox.close()
        self.outbox = Outbox(self.path, clock_name="model")

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert self.outbox.waiting == len(self.live)

    def teardown(self) -> None:
        if hasattr(self, "outbox"):
            self.outbox.stamp(WALL_NS)
            assert {e.time_ns - WALL_NS for e in everything(self.outbox)} == set(self.live.values())
            self.outbox.close()
            self.path.unlink()


OutboxAgainstModel.TestCase.settings = settings(max_examples=25, deadline=None)
test_outbox_against_model = OutboxAgainstModel.TestCase

"""Our own recordings: round trips, a killed recorder, and what another tool reads."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw import archive
from hw.archive import Recorder, RecorderError, recover, write_parquet
from hw.recording import RecordingError
from hw.replay import read
from hw.source import SIDES, Block, FootProfile, FootSeries, Profile, Recording, Side
from hw.virtual import DeviceConfig, PatientConfig, VirtualPatient

ROOT = Path(__file__).resolve().parents[2]
FOOT = FootProfile(x=(0.1, 0.9), y=(0.5, 0.5), cell_unit="kPa", mount="foot", acceleration="g")
PROFILE = Profile("device under test", FOOT, replace(FOOT, axes=("x", "-y", "z")), 0.25)


def same(a: Recording, b: Recording) -> None:
    assert a.profile == b.profile
    assert set(a.feet) == set(b.feet)
    for side in a.feet:
        one, two = a.feet[side], b.feet[side]
        np.testing.assert_array_equal(one.time_ns, two.time_ns)
        for first, second in ((one.load, two.load), (one.imu, two.imu)):
            assert (first is None) == (second is None)
            if first is not None and second is not None:
                assert first.dtype == second.dtype == np.float32
                np.testing.assert_array_equal(first, second)


values = st.floats(0, 1e4, width=32) | st.just(float("nan"))


@st.composite
def series(draw: st.DrawFn) -> FootSeries:
    steps = draw(st.lists(st.integers(1, 3 * 10**9), min_size=1, max_size=25))
    time_ns = draw(st.integers(0, 10**17)) + np.cumsum(np.array(steps, dtype=np.int64))
    sensors = draw(st.sampled_from(["both", "load", "imu"]))
    rows = len(steps)

    def table(width: int) -> np.ndarray:
        cells = draw(st.lists(values, min_size=rows * width, max_size=rows * width))
        full = np.array(cells, dtype=np.float32).reshape(rows, width)
        full[0, 0] = 1.0
        return full

    return FootSeries(
        time_ns,
        table(2) if sensors != "imu" else None,
        table(6) if sensors != "load" else None,
    )


@st.composite
def recordings_of_feet(draw: st.DrawFn) -> Recording:
    chosen: list[tuple[Side, ...]] = [("left",), ("right",), ("left", "right")]
    sides = draw(st.sampled_from(chosen))
    feet: dict[Side, FootSeries] = {side: draw(series()) for side in sides}
    return Recording("walk", PROFILE, feet)


def blocks_of(recording: Recording, rows: int) -> list[Block]:
    blocks = [
        Block(
            side,
            foot.time_ns[k : k + rows],
            None if foot.load is None else foot.load[k : k + rows],
            None if foot.imu is None else foot.imu[k : k + rows],
        )
        for side, foot in recording.feet.items()
        for k in range(0, len(foot.time_ns), rows)
    ]
    return sorted(blocks, key=lambda block: int(block.time_ns[0]))


@settings(deadline=None, max_examples=40)
@given(recordings_of_feet(), st.integers(1, 7), st.floats(0.01, 5))
def test_what_was_recorded_is_read(
    tmp_path_factory: pytest.TempPathFactory, walk: Recording, rows: int, batch_s: float
) -> None:
    path = tmp_path_factory.mktemp("walk") / "walk.arrows"
    with Recorder(path, PROFILE, batch_s) as recorder:
        for block in blocks_of(walk, rows):
            recorder.write(block)
    same(read(path), walk)
    sealed = recorder.seal()
    assert sealed.name == "walk.parquet"
    same(read(sealed), walk)
    assert read(sealed).name == "walk"


@settings(deadline=None, max_examples=20)
@given(recordings_of_feet())
def test_a_whole_recording_goes_to_parquet_and_back(
    tmp_path_factory: pytest.TempPathFactory, walk: Recording
) -> None:
    path = tmp_path_factory.mktemp("walk") / "walk.parquet"
    same(read(write_parquet(walk, path)), walk)


def virtual(seconds: float) -> Recording:
    config = PatientConfig(device=DeviceConfig(cells=6, loss=0.05))
    return VirtualPatient(config, 9).recording(seconds)[0]


def test_columns_are_those_of_the_csv_and_rows_are_in_order(tmp_path: Path) -> None:
    walk = virtual(12)
    with Recorder(tmp_path / "walk.arrows", walk.profile) as recorder:
        for block in blocks_of(walk, 2):
            recorder.write(block)
    table = pyarrow.parquet.read_table(recorder.seal())
    names = ["time", "time_ns"]
    for side in SIDES:
        names += [f"{side}_cell_{k}" for k in range(1, 7)]
        names += [f"{side}_{sensor}_{axis}" for sensor in ("acc", "gyr") for axis in "xyz"]
    assert table.column_names == names
    time_ns = table["time_ns"].to_numpy()
    assert (np.diff(time_ns) > 0).all()
    np.testing.assert_array_equal(table["time"].to_numpy(), time_ns / 1e9)


def test_a_foot_that_falls_silent_holds_nobody_up(tmp_path: Path) -> None:
    walk = virtual(10)
    recorder = Recorder(tmp_path / "walk.arrows", walk.profile)
    for block in blocks_of(walk, 2):
        if block.side == "right" or block.time_ns[0] < 10**9:
            recorder.write(block)
    on_disk = read(recorder.path).feet["right"].time_ns[-1]
    assert on_disk > 10e9 - 3.5e9
    recorder.close()
    assert len(read(recorder.path).feet["right"].time_ns) == len(walk.feet["right"].time_ns)


CHILD = """
import sys
from hw.archive import Recorder
from hw.source import Block
from hw.virtual import DeviceConfig, PatientConfig, VirtualPatient

config = PatientConfig(device=DeviceConfig(cells=6, loss=0.05))
walk, _ = VirtualPatient(config, 9).recording(20)
recorder = Recorder(sys.argv[1], walk.profile)
for k in range(0, 1800, 10):
    for side, foot in walk.feet.items():
        part = slice(k, k + 10)
        recorder.write(Block(side, foot.time_ns[part], foot.load[part], foot.imu[part]))
sys.stdout.write(str(min(int(foot.time_ns[1789]) for foot in walk.feet.values())) + "\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def test_a_killed_recorder_loses_at_most_its_last_batch(tmp_path: Path) -> None:
    path = tmp_path / "walk.arrows"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None
        written_ns = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    walk = virtual(20)
    got = read(recover(path))
    for side in SIDES:
        foot, whole = got.feet[side], walk.feet[side]
        n = len(foot.time_ns)
        assert foot.time_ns[-1] > written_ns - 1.2e9
        np.testing.assert_array_equal(foot.time_ns, whole.time_ns[:n])
        assert foot.load is not None
        assert whole.load is not None
        np.testing.assert_array_equal(foot.load, whole.load[:n])


def test_any_cut_of_a_stream_gives_its_whole_batches(tmp_path: Path) -> None:
    walk = virtual(6)
    with Recorder(tmp_path / "walk.arrows", walk.profile) as recorder:
        for block in blocks_of(walk, 10):
            recorder.write(block)
    data = recorder.path.read_bytes()
    rows = []
    for k, size in enumerate(np.linspace(len(data), 200, 40).astype(int)):
        cut = tmp_path / f"cut{k}.arrows"
        cut.write_bytes(data[:size])
        try:
            got = read(recover(cut))
        except RecordingError:
            rows.append(0)
            continue
        rows.append(sum(len(foot.time_ns) for foot in got.feet.values()))
        for side, foot in got.feet.items():
            n = len(foot.time_ns)
            np.testing.assert_array_equal(foot.time_ns, walk.feet[side].time_ns[:n])
    assert rows == sorted(rows, reverse=True)
    assert rows[0] == sum(len(foot.time_ns) for foot in walk.feet.values())
    assert len(set(rows)) > 4


@pytest.mark.parametrize("kind", ["arrows", "parquet"])
def test_a_truncated_recording_says_so(kind: str, tmp_path: Path) -> None:
    with Recorder(tmp_path / "walk.arrows", PROFILE) as recorder:
        time_ns = np.arange(100, dtype=np.int64) * 10**7
        recorder.write(Block("left", time_ns, np.ones((100, 2), np.float32), None))
    whole = recorder.path if kind == "arrows" else recorder.seal()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(whole.read_bytes()[:-300])
    with pytest.raises(RecordingError, match="truncated or damaged") as caught:
        read(path)
    assert "recover" in caught.value.remedy


def test_what_is_no_stream_is_not_recovered(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello", encoding="utf-8")
    with pytest.raises(RecordingError, match="not an Arrow stream"):
        recover(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_seal_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "walk.arrows", PROFILE)

    def full(file: object) -> None:
        raise OSError("no space left on device")

    recorder.close()
    monkeypatch.setattr(archive, "_sync", full)
    with pytest.raises(OSError, match="no space"):
        recorder.seal()
    assert [path.name for path in tmp_path.iterdir()] == ["walk.arrows"]


def test_a_recorder_refuses_what_does_not_belong(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "walk.arrows", PROFILE)
    time_ns = np.zeros(1, np.int64)
    with pytest.raises(RecorderError, match=r"left load has shape \(1, 3\)"):
        recorder.write(Block("left", time_ns, np.zeros((1, 3), np.float32), None))
    recorder.close()
    recorder.close()
    with pytest.raises(RecorderError, match="closed"):
        recorder.write(Block("left", time_ns, np.zeros((1, 2), np.float32), None))
    with pytest.raises(FileExistsError):
        Recorder(tmp_path / "walk.arrows", PROFILE)


def test_another_programs_table_is_read_with_a_profile(tmp_path: Path) -> None:
    path, profile = tmp_path / "table.parquet", tmp_path / "device.toml"
    profile.write_text('name = "p"\n[cells]\nx = [0.1, 0.9]\ny = [0.5, 0.5]\n', encoding="utf-8")
    columns = {"time": [0.0, 0.01], "left_cell_1": [1, 2], "left_cell_2": [None, 4]}
    pyarrow.parquet.write_table(pa.table(columns), path)
    foot = read(path, profile).feet["left"]
    assert foot.load is not None
    np.testing.assert_array_equal(foot.load, [[1, np.nan], [2, 4]])
    with pytest.raises(RecordingError, match="needs a profile"):
        read(path)
    pyarrow.parquet.write_table(pa.table({"left_cell_1": [1.0]}), path)
    with pytest.raises(RecordingError, match="no time column"):
        read(path, profile)
    bad = {"time": [0.0], "left_cell_1": ["x"], "left_cell_2": [1.0]}
    pyarrow.parquet.write_table(pa.table(bad), path)
    with pytest.raises(RecordingError, match="left_cell_1"):
        read(path, profile)


def test_a_recording_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = write_parquet(virtual(1), tmp_path / "walk.parquet")
    table = pyarrow.parquet.read_table(path)
    metadata = {**table.schema.metadata, b"heelfirst.version": b"2"}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.raises(RecordingError, match="version 2"):
        read(path)


def test_pyarrow_is_not_loaded_before_it_is_needed() -> None:
    code = "import hw.replay, hw.archive, hw.registry, sys; sys.exit('pyarrow' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )

"""Recordings into events.csv and strides.csv."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from edge_tools import PROFILE, walk
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.analyse import (
    EVENT_COLUMNS,
    STRIDE_COLUMNS,
    Analysis,
    _seconds,
    _text,
    analyse,
    foot_config,
    write_csv,
)
from edge.events import to_wire
from hw.replay import read
from hw.source import FootSeries, Recording
from kernels import GaitStride

PROMISED = """
    side initial_contact_s toe_off_s stride_s stance_s swing_s strike strike_index heel_lead_ms
    pitch_at_contact_deg stride_length_m clearance_mm lift_mm lateral_excursion_mm toe_drag
    trip_risk sources
""".split()  # noqa: SIM905  # as design.md lists them


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns_are_as_promised():
    assert STRIDE_COLUMNS[: len(PROMISED)] == tuple(PROMISED)
    assert EVENT_COLUMNS == ("time_s", "side", "event", "detail")
    assert len(set(STRIDE_COLUMNS)) == len(STRIDE_COLUMNS)


def test_every_number_of_the_wire_is_in_the_file():
    own = {"seq", "time_ns", "sync_uncertainty_ms"}  # the agent's: a recording has one clock
    assert set(wire.Stride.__struct_fields__) - own <= set(STRIDE_COLUMNS)


def test_synthetic_walk_has_its_steps_in_time_order(tmp_path):
    analysis = analyse(walk(30))
    events, strides = (rows(path) for path in write_csv(analysis, tmp_path / "out"))
    times = [float(row["time_s"]) for row in events]
    assert times == sorted(times)
    contacts = [row for row in events if row["event"] == "initial_contact"]
    assert {row["detail"] for row in contacts} == {"heel"}
    assert len(contacts) == pytest.approx(2 * 28 / 1.1, abs=4)
    for row in strides[4:]:
        assert float(row["stride_s"]) == pytest.approx(1.1, abs=0.02)
        assert float(row["toe_off_s"]) < float(row["initial_contact_s"])
        assert row["pitch_at_contact_deg"] == ""
        assert row["sources"] == "pressure"


def test_file_numbers_equal_what_the_wire_carries(tmp_path):
    analysis = analyse(walk(30))
    _, path = write_csv(analysis, tmp_path)
    for row, stride in zip(rows(path), analysis.strides, strict=True):
        event = to_wire(stride)
        for name in ("stride_s", "stance_s", "swing_s", "strike_index", "heel_lead_ms", "drag_ms"):
            value = getattr(event, name)
            assert row[name] == ("" if value is None else row[name])
            assert value is None or float(row[name]) == value
        assert row["strike"] == event.strike
        assert round(float(row["initial_contact_s"]) * 1e9) == stride.time_ns


def test_times_are_on_the_inputs_own_column(recordings, tmp_path):
    recording = read(recordings / "moticon_opengo" / "230927_102114.txt")
    analysis = analyse(recording)
    events = rows(write_csv(analysis, tmp_path)[0])
    first = min(series.time_ns[0] for series in recording.feet.values()) / 1e9
    last = max(series.time_ns[-1] for series in recording.feet.values()) / 1e9
    assert events
    assert all(first <= float(row["time_s"]) <= last for row in events)


@pytest.mark.parametrize("name", ["230927_102114", "230927_102137", "230927_102231"])
def test_vendor_contacts_are_found_within_fifty_milliseconds(recordings, name):
    path = recordings / "moticon_opengo" / f"{name}.txt"
    table = np.genfromtxt(path, delimiter="\t", comments="#")
    analysis = analyse(read(path))
    for side, column, code in (("right", -2, 21), ("left", -1, 11)):
        told = table[table[:, column] == code, 0]
        ours = np.array(
            [
                event.time_ns / 1e9
                for event in analysis.events
                if event.side == side and event.event == "initial_contact"
            ]
        )
        assert told.size
        assert all(np.abs(ours - time).min() < 0.05 for time in told)


def test_cutting_makes_no_difference(monkeypatch):
    whole = analyse(walk(20))
    monkeypatch.setattr("edge.analyse.CHUNK_NS", 70_000_000)
    assert analyse(walk(20)) == whole


def test_one_foot_and_none(tmp_path):
    both = walk(20)
    left = Recording("left", PROFILE, {"left": both.feet["left"]})
    assert {stride.side for stride in analyse(left).strides} == {"left"}
    empty = FootSeries(np.empty(0, np.int64), np.empty((0, 4), np.float32), None)
    nothing = analyse(Recording("none", PROFILE, {"left": empty}))
    assert nothing == Analysis()
    events, strides = write_csv(nothing, tmp_path)
    assert rows(events) == rows(strides) == []
    assert events.read_text() == "time_s,side,event,detail\n"


def test_progress_rises_to_one():
    shares: list[float] = []
    analyse(walk(10), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_nothing_half_written(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_csv(analyse(walk(10)), out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr("os.fsync", _no_space)
    with pytest.raises(OSError, match="No space"):
        write_csv(analyse(walk(20)), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    with pytest.raises(OSError, match="No space"):
        write_csv(analyse(walk(20)), tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_foot_config_takes_the_profiles_places():
    config = foot_config(PROFILE, "right")
    assert (config.side, config.x, config.mount) == ("right", PROFILE.right.x, None)


@given(st.integers(-(2**62), 2**62))
def test_seconds_give_the_nanoseconds_back(time_ns):
    whole, _, rest = _seconds(time_ns).lstrip("-").partition(".")
    back = int(whole) * 10**9 + int(rest.ljust(9, "0") or 0)
    assert back == abs(time_ns)
    assert _seconds(time_ns).startswith("-") == (time_ns < 0)


@given(st.floats())
def test_numbers_come_back_equal_and_unknown_ones_are_empty(value):
    text = _text(value)
    assert float(text) == value if math.isfinite(value) else text == ""


def test_unknown_fields_are_empty_never_zero():
    stride = GaitStride(time_ns=0, decided_ns=0, side="left", strike="unknown")
    assert _text(stride.clearance_mm) == _text(stride.flags) == _seconds(stride.toe_off_ns) == ""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.recording import RecordingError, imu_to_house, to_ns, to_seconds
from hw.replay import read
from hw.source import FootProfile

PROFILE = """
name = "three cells"
[cells]
unit = "N"
x = [0.1, 0.5, 0.9]
y = [0.5, 0.5, 0.5]
[imu]
mount = "foot"
acceleration = "g"
angular_rate = "deg/s"
axes = ["y", "-x", "z"]
"""
HEADER = (
    "time,left_cell_1,left_cell_2,left_cell_3,left_acc_x,left_acc_y,left_acc_z,"
    "left_gyr_x,left_gyr_y,left_gyr_z,right_cell_1,right_cell_2,right_cell_3"
)
ROWS = [
    "0.00,1,2,3,0.1,0.2,1.0,10,20,30,4,5,6",
    "0.01,1,,3,0.1,0.2,1.0,10,20,30,,,",
    "0.05,1,2,-0.5,0.1,0.2,1.0,10,20,30,7,8,9",
]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "device.toml"
    path.write_text(PROFILE, encoding="utf-8")
    return path


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "walk.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_become_samples_in_house_units(tmp_path: Path, profile: Path) -> None:
    recording = read(write(tmp_path, HEADER, *ROWS), profile)
    left = recording.feet["left"]
    assert left.time_ns.tolist() == [0, 10_000_000, 50_000_000]
    assert left.load is not None
    assert left.imu is not None
    assert left.load.dtype == left.imu.dtype == np.float32
    np.testing.assert_array_equal(left.load, [[1, 2, 3], [1, np.nan, 3], [1, 2, 0]])
    expected = [0.2 * 9.80665, -0.1 * 9.80665, 9.80665, *np.radians([20, -10, 30])]
    np.testing.assert_allclose(left.imu[0], expected, rtol=1e-6)


def test_a_row_without_a_number_of_a_foot_holds_no_sample_of_it(
    tmp_path: Path, profile: Path
) -> None:
    right = read(write(tmp_path, HEADER, *ROWS), profile).feet["right"]
    assert right.time_ns.tolist() == [0, 50_000_000]
    assert right.load is not None
    np.testing.assert_array_equal(right.load, [[4, 5, 6], [7, 8, 9]])
    assert right.imu is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(delimiter: str, tmp_path: Path, profile: Path) -> None:
    lines = [line.replace(",", delimiter) for line in (HEADER, *ROWS)]
    feet = read(write(tmp_path, *lines), profile).feet
    assert set(feet) == {"left", "right"}


def test_quoted_names_and_numbers_are_read(tmp_path: Path, profile: Path) -> None:
    quoted = ",".join(f'"{name}"' for name in HEADER.split(","))
    path = write(tmp_path, quoted, *ROWS[:2], ROWS[2].replace("0.05,1", '0.05,"1"'))
    left = read(path, profile).feet["left"]
    assert left.load is not None
    np.testing.assert_array_equal(left.load[:, 0], [1, 1, 1])


def test_cells_may_be_numbered_with_leading_zeros(tmp_path: Path, profile: Path) -> None:
    path = write(tmp_path, "time,left_cell_02,left_cell_01,left_cell_03", "0,2,1,3")
    load = read(path, profile).feet["left"].load
    assert load is not None
    assert load.tolist() == [[1, 2, 3]]


def test_a_header_may_be_a_comment(tmp_path: Path, profile: Path) -> None:
    path = write(tmp_path, "# by numpy.savetxt", "# " + HEADER, *ROWS)
    assert len(read(path, profile).feet["left"].time_ns) == 3


def test_decimal_commas_between_semicolons(tmp_path: Path, profile: Path) -> None:
    lines = [line.replace(",", ";").replace(".", ",") for line in (HEADER, *ROWS)]
    assert read(write(tmp_path, *lines), profile).feet["left"].time_ns[1] == 10_000_000


def test_comments_blank_lines_bom_and_other_columns_do_no_harm(
    tmp_path: Path, profile: Path
) -> None:
    path = tmp_path / "walk.csv"
    text = "# a walk\r\n\r\nnote,time,left_cell_1,left_cell_2,left_cell_3\r\nhello,1.5,1,2,3\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(path, profile).feet["left"].time_ns.tolist() == [1_500_000_000]


BAD = {
    "not a number": ([HEADER, ROWS[0], ROWS[1].replace("20", "2O")], 3, "left_gyr_y", "not a num"),
    "short row": ([HEADER, ROWS[0], "0.01,1,2"], 3, None, "3 fields"),
    "time goes back": ([HEADER, ROWS[2], ROWS[1]], 3, "time", "does not come after"),
    "time repeats": ([HEADER, ROWS[0], "", ROWS[0]], 4, "time", "does not come after"),
    "time missing in a row": ([HEADER, ROWS[0], ROWS[1][4:]], 3, "time", "no time"),
    "milliseconds": (
        [
            "time,left_cell_1,left_cell_2,left_cell_3",
            *(f"{10 * k},1,2,3" for k in range(20)),
        ],
        None,
        "time",
        "too few to see a step",
    ),
    "milliseconds since 1970": (
        ["time,left_cell_1,left_cell_2,left_cell_3", "1663250316241,1,2,3"],
        None,
        "time",
        "cannot be in seconds",
    ),
    "no time column": ([HEADER.replace("time", "seconds"), *ROWS], 1, None, "no time column"),
    "missing cell": (
        ["time,left_cell_1,left_cell_3", "0,1,2"],
        None,
        "left_cell_2",
        "missing column",
    ),
    "fewer cells": (
        ["time,left_cell_1,left_cell_2", "0,1,2"],
        None,
        "left_cell_2",
        "the profile has 3",
    ),
    "more cells": (
        ["time,left_cell_1,left_cell_2,left_cell_3,left_cell_4", "0,1,2,3,4"],
        None,
        "left_cell_4",
        "the profile has 3",
    ),
    "missing axis": (["time,left_acc_x,left_acc_z", "0,0,1"], None, "left_acc_y", "missing column"),
    "column twice": (["time,left_acc_x,left_acc_x", "0,0,1"], 1, "left_acc_x", "twice"),
    "no foot": (["time,pulse", "0,60"], 1, None, "no column of either foot"),
    "no sample": (["time,left_cell_1,left_cell_2,left_cell_3", "0,,,"], None, None, "no sample"),
    "no rows": ([HEADER], None, None, "no row"),
    "unit that cannot be": (
        ["time,left_acc_x,left_acc_y,left_acc_z", "0,0.1,0.1,9.8"],
        None,
        "left_acc_x",
        "cannot be g",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_file_says_where_and_what(case: str, tmp_path: Path, profile: Path) -> None:
    lines, line, column, reason = BAD[case]
    path = write(tmp_path, *lines)
    if case == "time missing in a row":
        path = write(tmp_path, *lines[:-1], "," + lines[-1].lstrip(","))
    with pytest.raises(RecordingError) as caught:
        read(path, profile)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert reason in caught.value.reason
    assert caught.value.remedy
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (b"hello\nworld\n", "unknown format"),
        (b"0.0\t1\t2\n0.01\t1\t2\n", "unknown format"),
        (bytes(range(256)), "unknown format"),
    ],
)
def test_what_is_no_recording(content: bytes, reason: str, tmp_path: Path, profile: Path) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=reason):
        read(path, profile)


def test_a_csv_needs_a_profile(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="needs a profile"):
        read(write(tmp_path, HEADER, *ROWS))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nowhere"):
        read(tmp_path / "nowhere.csv")


def test_an_imu_that_the_profile_does_not_know(tmp_path: Path) -> None:
    profile = tmp_path / "device.toml"
    profile.write_text('name = "p"\n[cells]\nx = [0.1]\ny = [0.5]\n', encoding="utf-8")
    path = write(tmp_path, "time,left_acc_x,left_acc_y,left_acc_z", "0,0,0,9.8")
    with pytest.raises(RecordingError, match="the profile has none") as caught:
        read(path, profile)
    assert "[imu]" in caught.value.remedy


@given(st.lists(st.integers(0, 9 * 10**15), min_size=1, max_size=50, unique=True).map(sorted))
def test_a_time_column_is_given_back(microseconds: list[int]) -> None:
    seconds = np.array([float(f"{us // 10**6}.{us % 10**6:06d}") for us in microseconds])
    time_ns = to_ns(seconds)
    np.testing.assert_array_equal(to_seconds(time_ns), seconds)
    near = seconds < 4e6
    exact = np.array(microseconds, dtype=np.int64) * 1000
    np.testing.assert_array_equal(time_ns[near], exact[near])


numbers = st.floats(-1e4, 1e4, width=32) | st.none()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=30))
def test_a_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float | None, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    profile = folder / "device.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    text = [",".join("" if v is None else repr(v) for v in row) for row in rows]
    lines = [f"{k / 100:.2f},{fields},1,1,1" for k, fields in enumerate(text)]
    header = "time,left_cell_1,left_cell_2,left_cell_3,right_cell_1,right_cell_2,right_cell_3"
    feet = read(write(folder, header, *lines), profile).feet
    assert feet["right"].time_ns.tolist() == [k * 10_000_000 for k in range(len(rows))]
    present = [(k, row) for k, row in enumerate(rows) if any(v is not None for v in row)]
    assert ("left" in feet) == bool(present)
    if present:
        assert feet["left"].time_ns.tolist() == [k * 10_000_000 for k, _ in present]
        wanted = np.array([row for _, row in present], dtype=np.float64)
        np.testing.assert_array_equal(feet["left"].load, np.maximum(wanted, 0))


@given(st.permutations(["x", "y", "z"]), st.tuples(*[st.booleans()] * 3))
def test_axes_keep_rotation_and_acceleration_together(
    order: list[str], turned: tuple[bool, bool, bool]
) -> None:
    """The acceleration of a rotating lever, w x (w x r), and w itself stay of one rigid motion."""
    axes = tuple("-" * t + axis for axis, t in zip(order, turned, strict=True))
    signed = np.zeros((3, 3))
    for row, (axis, t) in enumerate(zip(order, turned, strict=True)):
        signed[row, "xyz".index(axis)] = -1.0 if t else 1.0
    rng = np.random.default_rng(3)
    rate, lever = rng.standard_normal((2, 20, 3))
    push = np.cross(rate, lever)
    device_rate = rate @ signed * np.linalg.det(signed)
    device = np.hstack([push @ signed, device_rate])
    house = imu_to_house(device, FootProfile(axes=(axes[0], axes[1], axes[2]), mount="foot"))
    np.testing.assert_allclose(house[:, :3], np.cross(house[:, 3:], lever), atol=1e-5)

from pathlib import Path

import numpy as np
import pytest

from hw import profile as profiles
from hw.recording import RecordingError, to_seconds
from hw.replay import read
from hw.source import SIDES, FootSeries, Side

ROWS = {
    "230927_102114.txt": (1687, 1737),
    "230927_102137.txt": (2200, 2269),
    "230927_102231.txt": (939, 1005),
    "text_export.txt": (499, 499),
}


def plain(path: Path) -> np.ndarray:
    """The file by another reader."""
    return np.genfromtxt(path, delimiter="\t", comments="#", encoding="utf-8")


@pytest.fixture
def moticon(recordings: Path) -> Path:
    return recordings / "moticon_opengo"


@pytest.mark.parametrize("name", ROWS)
def test_every_sample_is_there_once(name: str, moticon: Path) -> None:
    feet = read(moticon / name).feet
    assert tuple(len(feet[side].time_ns) for side in SIDES) == ROWS[name]
    table = plain(moticon / name)
    for side, first in zip(SIDES, (1, 26), strict=True):
        present = ~np.isnan(table[:, first])
        foot = feet[side]
        np.testing.assert_array_equal(to_seconds(foot.time_ns), table[present, 0])
        np.testing.assert_array_equal(foot.load, table[present, first : first + 16])


def test_the_left_foot_starts_later(moticon: Path) -> None:
    feet = read(moticon / "230927_102114.txt").feet
    assert feet["left"].time_ns[0] == 500_000_000
    assert feet["right"].time_ns[0] == 0


def test_a_lost_row_stays_lost(moticon: Path) -> None:
    right = read(moticon / "230927_102114.txt").feet["right"]
    steps = np.diff(right.time_ns)
    assert steps.min() == 10_000_000
    assert (steps > 10_000_000).any()


def standing(foot: FootSeries) -> np.ndarray:
    assert foot.imu is not None
    rate = np.linalg.norm(foot.imu[:, 3:], axis=1)
    quiet: np.ndarray = foot.imu[rate < np.radians(15)]
    return quiet


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("side", SIDES)
def test_gravity_points_up_while_the_foot_stands(name: str, side: Side, moticon: Path) -> None:
    x, y, z = standing(read(moticon / name).feet[side])[:, :3].mean(axis=0)
    assert z == pytest.approx(9.7, abs=0.4)
    assert abs(x) < 3.0
    assert abs(y) < 1.2


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("side", SIDES)
def test_toes_go_down_in_push_off_and_up_in_swing(name: str, side: Side, moticon: Path) -> None:
    recording = read(moticon / name)
    foot = recording.feet[side]
    assert foot.load is not None
    assert foot.imu is not None
    fore = np.array(recording.profile.foot(side).x) > 2 / 3
    total = foot.load.sum(axis=1)
    share = foot.load[:, fore].sum(axis=1) / np.maximum(total, 1)
    push_off = (total > 0.5 * np.percentile(total, 95)) & (share > 0.9)
    empty = total < 0.05 * np.percentile(total, 95)
    assert np.median(foot.imu[push_off, 4]) > 1.0
    assert np.median(foot.imu[empty, 4]) < -0.5


@pytest.mark.parametrize("name", ROWS)
def test_cells_explain_the_total_force_and_its_centre(name: str, moticon: Path) -> None:
    """The vendor's columns are linear in the cells; areas differ by insole size only."""
    recording, table = read(moticon / name), plain(moticon / name)
    for side, first in zip(SIDES, (1, 26), strict=True):
        load = recording.feet[side].load
        assert load is not None
        present = ~np.isnan(table[:, first])
        force, cop_x, cop_y = table[present, first + 22 : first + 25].T
        loaded = load.sum(axis=1) > 20
        area = np.linalg.lstsq(load[loaded], force[loaded])[0]
        assert 4 < area.min() < area.max() < 20
        # One unit of the export's force is 1 N; single rows are off where cells leave or reach 0.
        assert np.median(np.abs(load[loaded] @ area - force[loaded])) < 3
        weight = load[loaded] * area / force[loaded, None]
        foot = recording.profile.foot(side)
        np.testing.assert_allclose(
            np.median(weight @ np.array(foot.x) - 0.5 - cop_x[loaded]), 0, atol=0.01
        )
        np.testing.assert_allclose(
            np.median(0.5 - weight @ np.array(foot.y) - cop_y[loaded]), 0, atol=0.01
        )


HEADER = "# Sensor insoles: Left SN1, Right SN2\n# time\t"


def columns(unit: str = "N/cm²", cells: int = 16) -> str:
    return "\t".join(f"left pressure {k}[{unit}]" for k in range(1, cells + 1))


def row(time: str, cells: int = 16) -> str:
    return "\t".join([time, *(["1.25"] * cells)])


BAD = {
    "wrong unit": (HEADER + columns("kPa") + "\n" + row("0.00"), 2, "wrong unit 'kPa'"),
    "another number of cells": (
        HEADER + columns(cells=13) + "\n" + row("0.00", 13),
        None,
        "13 left cells, but the profile has 16",
    ),
    "no time": (
        "# Sensor insoles: x\n# left pressure 1[N/cm²]\n1.25",
        2,
        "no time column",
    ),
    "no foot": (HEADER + "heart rate[1/min]\n0.00\t60", 2, "no column of either foot"),
    "no rows": (HEADER + columns(), None, "no row of numbers"),
    "not a number": (
        HEADER + columns() + "\n" + row("0.00") + "\n" + row("0.01").replace("1.25", "x", 1),
        4,
        "'x' is not a number",
    ),
    "cut in a row": (
        HEADER + columns() + "\n" + row("0.00") + "\n0.01\t1.25",
        4,
        "2 fields, but the header names 17 columns",
    ),
    "column twice": (
        HEADER + columns().replace("pressure 2", "pressure 1") + "\n" + row("0.00"),
        2,
        "twice",
    ),
    "time repeats": (
        HEADER + columns() + "\n" + row("0.00") + "\n" + row("0.00"),
        4,
        "does not come after",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_export_says_where_and_what(case: str, tmp_path: Path) -> None:
    text, line, reason = BAD[case]
    path = tmp_path / "export.txt"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(RecordingError) as caught:
        read(path)
    assert caught.value.line == line
    assert reason in caught.value.reason
    assert caught.value.remedy


def test_a_profile_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    profile = tmp_path / "device.toml"
    cells = [k / 20 for k in range(16)]
    profile.write_text(f'name = "mine"\n[cells]\nx = {cells}\ny = {cells}\n', encoding="utf-8")
    path = tmp_path / "export.txt"
    path.write_text(HEADER + columns() + "\n" + row("0.00") + "\n", encoding="utf-8")
    assert read(path, profile).profile == profiles.load(profile)


def test_an_export_that_was_saved_as_latin_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_bytes((HEADER + columns() + "\n" + row("0.00") + "\n").encode("latin-1"))
    assert set(read(path).feet) == {"left"}


def test_one_foot_alone_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text(HEADER + columns() + "\n" + row("0.00") + "\n", encoding="utf-8")
    feet = read(path).feet
    assert set(feet) == {"left"}
    assert feet["left"].imu is None

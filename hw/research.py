"""Readers of the public recordings that the kernel's accuracy is proved on.

    moticon_opengo/*.txt    pressure insoles with IMU; in some the vendor's own steps
    gaitmap/                shoe IMU with optical motion capture
    gaitpdb/GaCo*.txt       eight force cells per foot, two-minute walks of control subjects

See the README of the data folder for their licences. Walks of gaitpdb's patients are left out: how
their feet land is not known.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw.moticon import header_lines, is_moticon, read_moticon
from hw.recording import RecordingError, imu_to_house, to_ns
from hw.reference import MarkedFoot, MotionCapture, Research, SteppedWalk, Steps
from hw.source import SIDES, FootProfile, FootSeries, Profile, Recording, Side
from hw.table import TextTable, recording_of

__all__ = ["read_folder", "read_gaitmap", "read_gaitpdb", "read_stepped_walk"]

IMU_HZ = 204.8
MARKER_HZ = 100.0
FOOT_LENGTH_M = 0.26
"""Nothing is published on the subject's feet: a usual adult's length, EU 41."""
_AXES = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
_STRIDE = {
    "start": "start_s",
    "tc": "toe_off_s",
    "ic": "contact_s",
    "end": "end_s",
    "pre_ic": "previous_contact_s",
}
_SHOE_IMU = FootProfile(mount="foot", angular_rate="deg/s")
GAITMAP_PROFILE = Profile(
    "gaitmap shoe IMU", _SHOE_IMU, _SHOE_IMU, FOOT_LENGTH_M, "replayed from a real capture"
)

_ALONG = (-800, -400, -400, 0, 0, 400, 400, 800)
_ACROSS = (-500, -700, -300, -700, -300, -700, -300, -500)
"""Cell centres of the left foot, +y to the toes, x more negative to the lateral side."""
_FORCE_CELLS = FootProfile(
    x=tuple((y + 900) / 1800 for y in _ALONG), y=tuple(-x / 1000 for x in _ACROSS), cell_unit="N"
)
GAITPDB_PROFILE = Profile(
    "gaitpdb force cells", _FORCE_CELLS, _FORCE_CELLS, None, "replayed from a real capture"
)
_GAITPDB_COLUMNS = (
    "time",
    *(f"{side}_cell_{k}" for side in SIDES for k in range(1, 9)),
    "left_total",
    "right_total",
)
_STEP_CODES: dict[Side, tuple[int, int]] = {"left": (11, 15), "right": (21, 25)}


def read_folder(folder: Path) -> Research:
    """Return every public recording under `folder`; a data set may be absent.

    Raises
    ------
    RecordingError
        For a file that is there and cannot be read, or a folder with none of the data sets.
    """
    insoles = sorted((folder / "moticon_opengo").glob("*.txt"))
    forces = sorted((folder / "gaitpdb").glob("GaCo*.txt"))
    marked = (folder / "gaitmap").is_dir()
    there = {"moticon_opengo": bool(insoles), "gaitmap": marked, "gaitpdb": bool(forces)}
    absent = tuple(name for name, found in there.items() if not found)
    if len(absent) == len(there):
        remedy = "give the folder that holds " + ", ".join(there)
        raise RecordingError(folder, "none of the public recordings is here", remedy)
    return Research(
        motion_capture=(read_gaitmap(folder / "gaitmap"),) if marked else (),
        insole_walks=tuple(map(read_stepped_walk, insoles)),
        force_walks=tuple(map(read_gaitpdb, forces)),
        absent=absent,
    )


def read_stepped_walk(path: Path) -> SteppedWalk:
    """Return a Moticon text export with the vendor's own steps, where it holds them.

    Raises
    ------
    RecordingError
        See `hw.replay.read`.
    """
    lines = header_lines(path)
    if not is_moticon(lines):
        remedy = "export it from OpenGo as text, with its header"
        raise RecordingError(path, "not a Moticon text export", remedy)
    recording = read_moticon(path, lines)
    names = [name.strip() for name in lines[-1].removeprefix("#").strip(" ").split("\t")]
    columns: dict[Side, str] = {
        side: f"{side} steps[]" for side in SIDES if f"{side} steps[]" in names
    }
    steps = {}
    if columns:
        table = TextTable(path, tuple(names), "\t", len(lines))
        numbers = table.read([names[0], *columns.values()])
        seconds = numbers[names[0]]
        for side, column in columns.items():
            contact, toe_off = (seconds[numbers[column] == code] for code in _STEP_CODES[side])
            steps[side] = Steps(contact, toe_off)
    return SteppedWalk(recording, steps)


def read_gaitpdb(path: Path) -> Recording:
    """Return one walk of PhysioNet's "Gait in Parkinson's Disease": force only.

    Raises
    ------
    RecordingError
        For a row that has not 19 numbers, or times that do not increase.
    """
    try:
        table = TextTable(path, _GAITPDB_COLUMNS, "\t", 0)
        columns = table.read([name for name in _GAITPDB_COLUMNS if not name.endswith("_total")])
    except OSError as error:
        remedy = "give a gaitpdb text file"
        raise RecordingError(path, error.strerror or str(error), remedy) from None
    return recording_of(path, columns, GAITPDB_PROFILE, table.lines)


def read_gaitmap(folder: Path) -> MotionCapture:
    """Return the gaitmap walk: the IMU of both shoes, the markers, the labelled strides.

    Raises
    ------
    RecordingError
        For a file or a column that is missing, or a field that is no number.
    """
    feet = _shoe_imus(folder / "imu_sample.csv")
    markers = _markers(folder / "mocap_sample.csv")
    path = folder / "stride_events_sample.csv"
    labels = _labels(path)
    marked = {}
    for side in SIDES:
        toe, heel = (markers[side[0].upper() + name] for name in ("_TOE", "_FCC"))
        marked[side] = MarkedFoot(toe, heel, **labels[side])
        ends = marked[side].end_s
        if len(ends) == 0 or ends.max() * MARKER_HZ > len(toe):
            reason = f"no {side} stride, or strides after the last marker"
            raise RecordingError(path, reason, "give the three files of one walk")
    return MotionCapture(Recording("gaitmap", GAITMAP_PROFILE, feet), MARKER_HZ, marked)


def _shoe_imus(path: Path) -> dict[Side, FootSeries]:
    (sensors, axes), rows = _table(path, 2)
    column = {key: place for place, key in enumerate(zip(sensors, axes, strict=True))}
    time_ns = to_ns(np.arange(len(rows)) / IMU_HZ)
    feet: dict[Side, FootSeries] = {}
    for side in SIDES:
        places = [_place(path, column, (f"{side}_sensor", axis)) for axis in _AXES]
        imu = imu_to_house(rows[:, places], GAITMAP_PROFILE.foot(side))
        feet[side] = FootSeries(time_ns, None, imu)
    return feet


def _markers(path: Path) -> dict[str, NDArray[np.float64]]:
    (names, axes), rows = _table(path, 2)
    column = {key: place for place, key in enumerate(zip(names, axes, strict=True))}
    out = {}
    for name in ("L_TOE", "L_FCC", "R_TOE", "R_FCC"):
        places = [_place(path, column, (name, axis)) for axis in "xyz"]
        out[name] = rows[:, places] / 1e3
    return out


def _labels(path: Path) -> dict[Side, dict[str, NDArray[np.float64]]]:
    lines = _lines(path)
    rows = list(csv.DictReader(lines))
    labels: dict[Side, dict[str, NDArray[np.float64]]] = {}
    for side in SIDES:
        strides = [row for row in rows if row.get("foot") == side]
        labels[side] = {
            field: np.array([_number(path, row, name) for row in strides]) / IMU_HZ
            for name, field in _STRIDE.items()
        }
        if (np.diff(labels[side]["contact_s"]) <= 0).any():
            reason = f"the {side} contacts do not increase"
            raise RecordingError(path, reason, "sort the strides by time", column="ic")
    return labels


def _number(path: Path, row: dict[str, str], name: str) -> float:
    try:
        return float(row[name])
    except (KeyError, TypeError, ValueError):
        reason = f"{row.get(name)!r} is not a number"
        remedy = "give the sample number of every event"
        raise RecordingError(path, reason, remedy, column=name) from None


def _table(path: Path, header_rows: int) -> tuple[list[list[str]], NDArray[np.float64]]:
    """Return the header rows and the numbers of a CSV, both without its index column."""
    lines = _lines(path)
    head = [line.split(",")[1:] for line in lines[:header_rows]]
    try:
        rows = np.array([line.split(",")[1:] for line in lines[header_rows:]], dtype=np.float64)
    except ValueError:
        remedy = "every row holds an index and one number per column"
        raise RecordingError(path, "a field is no number, or a row is short", remedy) from None
    if rows.ndim != 2 or any(len(names) != rows.shape[1] for names in head):
        raise RecordingError(path, "header and rows do not match", "give the file as published")
    return head, rows


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(path, str(error), "give the three files of gaitmap") from None
    if len(lines) < 3:
        raise RecordingError(path, "no row of numbers", "give the file as published")
    return lines


def _place(path: Path, column: dict[tuple[str, str], int], key: Sequence[str]) -> int:
    name, axis = key
    if (name, axis) not in column:
        remedy = "give the file as published"
        raise RecordingError(path, "missing column", remedy, column=f"{name} {axis}")
    return column[name, axis]

"""What the readers of recordings share: their error, columns and conversion to house units.

Columns, in text files and in our own recordings alike:

    time                                        [s]
    left_cell_1 .. left_cell_N                  in the unit of the profile
    left_acc_x, left_acc_y, left_acc_z          with gravity
    left_gyr_x, left_gyr_y, left_gyr_z          the same for right

A row in which one foot has no number at all holds no sample of that foot: its time jumps. A single
empty field is NaN.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw.source import SIDES, FootProfile, FootSeries, HwError, Profile, Recording, Side

__all__ = [
    "IMU_COLUMNS",
    "RecordingError",
    "cell_columns",
    "check_increasing",
    "from_columns",
    "imu_columns",
    "imu_to_house",
    "to_ns",
    "to_seconds",
]

STANDARD_GRAVITY = 9.80665
_LAST_S = 9e9
_SLOWEST_S = 1.0
IMU_COLUMNS = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
_CELL = re.compile(r"^(left|right)_cell_(\d+)$")
_AXIS = {"x": 0, "y": 1, "z": 2}
Columns = Mapping[str, NDArray[np.floating]]


class RecordingError(HwError, ValueError):
    """A recording that cannot be read.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    reason, remedy : str
        What is wrong, and what to do about it.
    line : int or None
        Line in a text file, counted from 1.
    column : str or None
        Name of the column at fault.
    """

    def __init__(
        self,
        path: Path,
        reason: str,
        remedy: str,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        place = f", line {line}" if line is not None else ""
        place += f", column {column!r}" if column is not None else ""
        super().__init__(f"{path}{place}: {reason}; {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy
        self.line = line
        self.column = column


def to_ns(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return seconds as whole nanoseconds, rounded from the exact value of the double.

    Whole seconds and fraction are taken apart first, so that `to_seconds` gives a file's own
    time column back, for times since 1970 as well.
    """
    whole = np.floor(seconds)
    fraction = np.rint((seconds - whole) * 1e9)
    return np.asarray(whole.astype(np.int64) * 1_000_000_000 + fraction.astype(np.int64))


def to_seconds(time_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return nanoseconds as seconds: the inverse of `to_ns`."""
    whole, fraction = np.divmod(time_ns, 1_000_000_000)
    exact = np.abs(time_ns) < 2**53
    return np.where(exact, time_ns / 1e9, whole + fraction / 1e9)


def cell_columns(side: Side, cells: int) -> list[str]:
    """Return the names of a foot's cell columns."""
    return [f"{side}_cell_{k}" for k in range(1, cells + 1)]


def imu_columns(side: Side) -> list[str]:
    """Return the names of a foot's IMU columns, acceleration before angular rate."""
    return [f"{side}_{name}" for name in IMU_COLUMNS]


def imu_to_house(imu: NDArray[np.floating], foot: FootProfile) -> NDArray[np.float32]:
    """Return imu[n, 6] of a device in m/s2 and rad/s in the foot frame.

    `axes` is a signed permutation S. Acceleration is a polar vector, S a. Angular rate is an axial
    one, det(S) S w: where a device's axes are left-handed, so is the sense of its rotations.
    """
    order = [_AXIS[axis.removeprefix("-")] for axis in foot.axes]
    signs = np.array([-1.0 if axis.startswith("-") else 1.0 for axis in foot.axes])
    swaps = np.linalg.det(np.eye(3)[order])
    handed = round(float(swaps * signs.prod()))
    acceleration = imu[:, :3][:, order] * signs
    rate = imu[:, 3:][:, order] * (signs * handed)
    if foot.acceleration == "g":
        acceleration = acceleration * STANDARD_GRAVITY
    if foot.angular_rate == "deg/s":
        rate = np.radians(rate)
    return np.hstack([acceleration, rate]).astype(np.float32)


def check_increasing(path: Path, seconds: NDArray[np.float64], lines: Sequence[int] | None) -> None:
    """Raise `RecordingError` unless times are finite, in seconds, and strictly increase.

    `lines` gives the line of each row.
    """
    bad = np.flatnonzero(~np.isfinite(seconds))
    if bad.size:
        line = lines[int(bad[0])] if lines else None
        raise RecordingError(path, "no time", "give every row its time [s]", line, "time")
    if np.abs(seconds).max() > _LAST_S:
        reason = f"time {np.abs(seconds).max():g} cannot be in seconds"
        raise RecordingError(path, reason, "give times in seconds", None, "time")
    steps = np.diff(seconds)
    back = np.flatnonzero(steps <= 0)
    if back.size:
        row = int(back[0]) + 1
        reason = f"time {seconds[row]:g} s does not come after {seconds[row - 1]:g} s"
        remedy = "sort the rows by time and leave out repeated ones"
        raise RecordingError(path, reason, remedy, lines[row] if lines else None, "time")
    if len(steps) > 10 and np.median(steps) > _SLOWEST_S:
        reason = f"rows are {np.median(steps):g} s apart, too few to see a step"
        raise RecordingError(path, reason, "give times in seconds", None, "time")


def from_columns(
    path: Path, time_ns: NDArray[np.int64], columns: Columns, profile: Profile
) -> Recording:
    """Return the recording in named columns of a device's own units.

    Parameters
    ----------
    path : pathlib.Path
        The file they come from, for the recording's name and for errors.
    time_ns : int64[n]
        Strictly increasing.
    columns : mapping of str to float[n]
        See the module's docstring; other names are ignored.
    profile : Profile
        The device.

    Raises
    ------
    RecordingError
        For a missing column, another number of cells than the profile's, a sensor that the
        profile does not describe, a unit that cannot be right, or where no foot has a sample.
    """
    feet = {}
    for side in SIDES:
        series = _foot(path, time_ns, columns, side, profile.foot(side))
        if series is not None:
            feet[side] = series
    if not feet:
        reason = "no sample of either foot"
        remedy = "name columns left_cell_1.., left_acc_x.. or right_..; see hw/README.md"
        raise RecordingError(path, reason, remedy)
    return Recording(name=path.stem, profile=profile, feet=feet)


def _foot(
    path: Path, time_ns: NDArray[np.int64], columns: Columns, side: Side, foot: FootProfile
) -> FootSeries | None:
    cells = _cells(path, columns, side, foot)
    imu = _imu(path, columns, side, foot)
    fields = [*cells, *imu.values()]
    if not fields:
        return None
    present = np.zeros(len(time_ns), dtype=bool)
    for values in fields:
        present |= np.isfinite(values)
    if not present.any():
        return None
    load = np.column_stack(cells)[present].astype(np.float32) if cells else None
    axes = _stack_imu(imu, len(time_ns))[present] if imu else None
    if axes is not None:
        _check_gravity(path, axes, foot, side)
    return FootSeries(
        time_ns=time_ns[present],
        load=_tidy_load(load),
        imu=None if axes is None else imu_to_house(axes, foot),
    )


def _tidy_load(load: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Return loads with infinite ones as NaN and negative ones, a drifted zero, as 0."""
    if load is None:
        return None
    load[~np.isfinite(load)] = np.nan
    return np.maximum(load, np.float32(0))


def _cells(
    path: Path, columns: Columns, side: Side, foot: FootProfile
) -> list[NDArray[np.floating]]:
    named = {int(m[2]): m[0] for m in map(_CELL.match, columns) if m and m[1] == side}
    numbers = sorted(named)
    if not numbers:
        return []
    wanted = len(foot.x)
    missing = sorted(set(range(1, wanted + 1)) - set(numbers))
    if len(numbers) != wanted and numbers == list(range(1, len(numbers) + 1)):
        reason = f"{len(numbers)} {side} cells, but the profile has {wanted}"
        remedy = "use the profile of this device, with one place per cell"
        raise RecordingError(path, reason, remedy, column=f"{side}_cell_{numbers[-1]}")
    if missing:
        name = f"{side}_cell_{missing[0]}"
        remedy = f"the profile has {wanted} cells: give every one its column"
        raise RecordingError(path, "missing column", remedy, column=name)
    if numbers != list(range(1, wanted + 1)):
        name = f"{side}_cell_{numbers[0] if numbers[0] < 1 else numbers[-1]}"
        remedy = f"number the cells from 1 to {wanted}"
        raise RecordingError(path, "no such cell in the profile", remedy, column=name)
    return [columns[named[number]] for number in numbers]


def _imu(path: Path, columns: Columns, side: Side, foot: FootProfile) -> dict[str, NDArray]:  # type: ignore[type-arg]
    found: dict[str, NDArray[np.floating]] = {}
    for sensor in ("acc", "gyr"):
        names = [f"{sensor}_{axis}" for axis in "xyz"]
        there = [name for name in names if f"{side}_{name}" in columns]
        if there and len(there) < 3:
            lost = next(name for name in names if name not in there)
            remedy = f"give all three axes of {side}_{sensor}, or none"
            raise RecordingError(path, "missing column", remedy, column=f"{side}_{lost}")
        found.update({name: columns[f"{side}_{name}"] for name in there})
    if found and foot.mount is None:
        reason = f"the {side} foot has an IMU, but the profile has none"
        remedy = 'add [imu] with mount = "foot" or "shank" to the profile'
        raise RecordingError(path, reason, remedy, column=f"{side}_{next(iter(found))}")
    return found


def _stack_imu(imu: Mapping[str, NDArray[np.floating]], rows: int) -> NDArray[np.float64]:
    absent = np.full(rows, np.nan)
    return np.column_stack([imu.get(name, absent) for name in IMU_COLUMNS]).astype(np.float64)


def _check_gravity(path: Path, axes: NDArray[np.float64], foot: FootProfile, side: Side) -> None:
    """Refuse accelerations whose size is gravity's in the other unit."""
    size = np.linalg.norm(axes[:, :3], axis=1)
    size = size[np.isfinite(size)]
    if not size.size:
        return
    typical = float(np.median(size))
    other = {"m/s2": ("g", 0.8, 1.25), "g": ("m/s2", 8.0, 12.5)}[foot.acceleration]
    if other[1] <= typical <= other[2]:
        reason = f"accelerations of typically {typical:.2f} cannot be {foot.acceleration}"
        remedy = f'set imu.acceleration = "{other[0]}" in the profile'
        raise RecordingError(path, reason, remedy, column=f"{side}_acc_x")


def rows_of_text(path: Path, skip: int) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each line that is not blank, after `skip` lines."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if number > skip and line.strip():
                yield number, line.rstrip("\r\n")

"""Moticon OpenGo text exports: UTF-8, "#" header lines, tab-separated rows at 100 Hz.

The last "#" line names the columns with their units; the product's settings choose which are there.
Total force, centre of pressure and the vendor's own steps are left out.
"""

import io
import re
from pathlib import Path

from hw import profile as profiles
from hw.recording import RecordingError
from hw.source import Profile, Recording
from hw.table import TextTable, recording_of

__all__ = ["header_lines", "is_moticon", "read_moticon"]

_SENSORS = (
    (
        re.compile(r"^(left|right) pressure (\d+)\[(.*)\]$"),
        "cell",
        ("N/cm²", "N/cm2", "N/cm\ufffd"),
    ),
    (re.compile(r"^(left|right) acceleration ([XYZ])\[(.*)\]$"), "acc", ("g",)),
    (re.compile(r"^(left|right) angular ([XYZ])\[(.*)\]$"), "gyr", ("dps", "deg/s", "°/s")),
)


def header_lines(path: Path) -> list[str]:
    """Return the "#" lines at the head of a file."""
    with path.open("rb") as file:
        head = file.read(1 << 16).decode("utf-8-sig", errors="replace")
    lines = []
    for line in io.StringIO(head):
        if not line.startswith("#"):
            break
        lines.append(line.strip("\r\n"))
    return lines


def is_moticon(lines: list[str]) -> bool:
    """Tell a Moticon export by its header."""
    return any(
        re.search(r"(left|right) (pressure|acceleration) |Sensor insoles:", s) for s in lines
    )


def read_moticon(path: Path, lines: list[str], profile: Profile | None = None) -> Recording:
    """Return a Moticon recording; `lines` is its header, `profile` the shipped one unless given.

    Raises
    ------
    RecordingError
        See `hw.replay.read`.
    """
    skip = len(lines)
    names = lines[-1].removeprefix("#").strip(" ").split("\t")
    if names[0].strip() not in ("time", "time[s]", "time [s]"):
        remedy = "export it again with its header; the last # line begins with `# time`"
        raise RecordingError(path, "no time column", remedy, line=skip)
    found = {0: "time"}
    for place, name in enumerate(names):
        house = _house_name(path, name.strip(), skip)
        if house in found.values():
            remedy = "export it again with every column once"
            raise RecordingError(path, "this column is there twice", remedy, skip, name.strip())
        if house:
            found[place] = house
    if len(found) == 1:
        remedy = "export pressure or acceleration and angular rate of at least one foot"
        raise RecordingError(path, "no column of either foot", remedy, line=skip)
    columns = tuple(found.get(k, f"#{k}") for k in range(len(names)))
    table = TextTable(path, columns, "\t", skip)
    numbers = table.read(list(found.values()))
    device = profile or profiles.shipped("moticon_opengo")
    return recording_of(path, numbers, device, table.lines)


def _house_name(path: Path, name: str, line: int) -> str | None:
    for pattern, sensor, units in _SENSORS:
        match = pattern.match(name)
        if match is None:
            continue
        side, which, unit = match.groups()
        if unit not in units:
            reason = f"wrong unit {unit!r}"
            remedy = f"set the export to {units[0]}"
            raise RecordingError(path, reason, remedy, line, name)
        return f"{side}_{sensor}_{which.lower()}"
    return None

"""Reading of separated text: numbers at pyarrow's speed, errors with line and column."""

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw.recording import RecordingError, check_increasing, from_columns, rows_of_text, to_ns
from hw.source import HwError, Profile, Recording

__all__ = [
    "MissingLibraryError",
    "TextTable",
    "arrow",
    "read_csv",
    "recording_of",
    "sniff_header",
]

_HEADER_BYTES = 1 << 20
_NULLS = ("", "nan", "NaN", "NAN", "NA", "null")
_SENSOR = re.compile(r"^(left|right)_(cell_\d+|(acc|gyr)_[xyz])$")


class MissingLibraryError(HwError, ImportError):
    """A library of an optional extra is not installed."""


def arrow(module: str = "pyarrow") -> Any:
    """Return a module of pyarrow, imported only now because it is slow to load."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(f"{error}; pip install heelfirst[edge]") from error


@dataclass(frozen=True, slots=True)
class TextTable:
    """Where the numbers of a text file stand: `names` of all columns, `skip` lines before them."""

    path: Path
    names: tuple[str, ...]
    delimiter: str
    skip: int

    def read(self, wanted: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return the wanted columns as float64[n], empty fields as NaN.

        Raises
        ------
        RecordingError
            For a field that is no number and a row of another length, with line and column.
        """
        pa, pcsv = arrow(), arrow("pyarrow.csv")
        decimal = self._decimal_point()
        try:
            table = pcsv.read_csv(
                self.path,
                read_options=pcsv.ReadOptions(
                    column_names=list(self.names), skip_rows=self.skip, block_size=1 << 22
                ),
                parse_options=pcsv.ParseOptions(delimiter=self.delimiter),
                convert_options=pcsv.ConvertOptions(
                    include_columns=list(wanted),
                    column_types=dict.fromkeys(wanted, pa.float64()),
                    null_values=list(_NULLS),
                    decimal_point=decimal,
                ),
            )
        except pa.ArrowInvalid as error:
            raise self._locate(wanted, decimal, str(error)) from None
        return {name: table[name].to_numpy() for name in wanted}

    def lines(self) -> list[int]:
        """Return the line number of every row, for errors."""
        return [number for number, _ in rows_of_text(self.path, self.skip)]

    def _decimal_point(self) -> str:
        """Return "," where the first rows write their fractions so."""
        if self.delimiter == ",":
            return "."
        for count, (_, line) in enumerate(rows_of_text(self.path, self.skip)):
            if re.search(r"\d,\d", line):
                return ","
            if count > 20 or re.search(r"\d\.\d", line):
                break
        return "."

    def _locate(self, wanted: Sequence[str], decimal: str, message: str) -> RecordingError:
        """Find the first bad field in plain Python: only after the fast reader refused the file."""
        index = {name: self.names.index(name) for name in wanted}
        for number, line in rows_of_text(self.path, self.skip):
            fields = next(csv.reader([line], delimiter=self.delimiter))
            if len(fields) != len(self.names):
                reason = f"{len(fields)} fields, but the header names {len(self.names)} columns"
                remedy = "complete the row or remove it"
                return RecordingError(self.path, reason, remedy, number)
            for name, place in index.items():
                if not _is_number(fields[place], decimal):
                    reason = f"{fields[place]!r} is not a number"
                    remedy = "write a number, or leave the field empty where it is missing"
                    return RecordingError(self.path, reason, remedy, number, name)
        return RecordingError(self.path, message, "correct the file")


def read_csv(path: Path, profile: Profile, header: tuple[str, int, str]) -> Recording:
    """Return a plain CSV recording; `header` is what `sniff_header` found.

    Raises
    ------
    RecordingError
        See `hw.replay.read`.
    """
    line, skip, delimiter = header
    names = _names(line, delimiter)
    if "time" not in names:
        remedy = "name the column of seconds `time`"
        raise RecordingError(path, "no time column", remedy, line=skip)
    wanted = [name for name in names if name == "time" or _SENSOR.match(name)]
    for name in wanted:
        if names.count(name) > 1:
            remedy = "name every column once"
            raise RecordingError(path, "this column is there twice", remedy, skip, name)
    if len(wanted) == 1:
        remedy = "name columns left_cell_1.., left_acc_x.. or right_..; see hw/README.md"
        raise RecordingError(path, "no column of either foot", remedy, line=skip)
    table = TextTable(path, names, delimiter, skip)
    return recording_of(path, table.read(wanted), profile, table.lines)


def recording_of(
    path: Path,
    columns: dict[str, NDArray[np.float64]],
    profile: Profile,
    lines: Callable[[], list[int]] = list,
) -> Recording:
    """Return the recording in named columns, `time` among them, after checking its times.

    `lines` gives the line number of every row, and is asked only for an error.
    """
    seconds = columns.pop("time")
    if not len(seconds):
        raise RecordingError(path, "no row of numbers", "record again, or give another file")
    try:
        check_increasing(path, seconds, None)
    except RecordingError:
        check_increasing(path, seconds, lines())
        raise
    return from_columns(path, to_ns(seconds), columns, profile)


def sniff_header(path: Path) -> tuple[str, int, str] | None:
    """Return header line, its number and delimiter of a plain CSV; None where it is none.

    Lines before the header that begin with "#" are comments; the header may be one itself.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES).decode("utf-8-sig", errors="replace")
    if "\x00" in head:
        return None
    for number, raw in enumerate(io.StringIO(head), start=1):
        line = raw.strip("\r\n")
        comment = line.startswith("#")
        text = line.lstrip("# ") if comment else line
        delimiter = max("\t;,", key=text.count)
        names = _names(text, delimiter)
        if any(name == "time" or _SENSOR.match(name) for name in names):
            return text, number, delimiter
        if line.strip() and not comment:
            return None
    return None


def _names(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return ()


def _is_number(field: str, decimal: str) -> bool:
    text = field.strip()
    if text in _NULLS:
        return True
    try:
        return not math.isnan(float(text.replace(decimal, ".")))
    except ValueError:
        return False

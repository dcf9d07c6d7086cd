"""Calibrations on disk: one JSON file per (device, shoe, firmware), whole or not at all."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from hw.calibration.errors import CalibrationError
from hw.calibration.records import MAX_AGE_DAYS, Calibration, CalibrationKey, Problem, judge
from hw.source import Profile

__all__ = ["CalibrationStore", "Found"]

_AGAIN = "calibrate again"


@dataclass(frozen=True, slots=True)
class Found:
    """A calibration, or None where none may be used; what is wrong with it, also in words."""

    calibration: Calibration | None
    problem: Problem | None = None
    detail: str = ""


class CalibrationStore:
    """A folder of calibrations.

    Parameters
    ----------
    folder : path
        Made when first written to.
    max_age_days : float
        An older calibration is named stale.
    """

    def __init__(self, folder: Path | str, max_age_days: float = MAX_AGE_DAYS) -> None:
        self._folder = Path(folder)
        self._max_age_days = max_age_days

    def path(self, key: CalibrationKey) -> Path:
        """Return the file of a key."""
        parts = (key.device, key.shoe, key.firmware)
        return self._folder / (",".join(quote(part, safe="") for part in parts) + ".json")

    def save(self, calibration: Calibration) -> Path:
        """Write a calibration over the one of the same key; a crash leaves the old one whole.

        Raises
        ------
        CalibrationError
            It holds what `load` would refuse, or the folder cannot be written.
        """
        path = self.path(calibration.key)
        data = msgspec.json.format(msgspec.json.encode(calibration)) + b"\n"
        _decode(data, path)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _replace(path, data)
        except OSError as error:
            raise CalibrationError(
                str(path), error.strerror or str(error), "give a folder that can be written"
            ) from None
        return path

    def load(self, key: CalibrationKey) -> Calibration:
        """Return the calibration of a key, or raise `CalibrationError`; says nothing of its age."""
        path = self.path(key)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CalibrationError(str(path), error.strerror or str(error), _AGAIN) from None
        calibration = _decode(data, path)
        if calibration.key != key:
            raise CalibrationError(str(path), f"belongs to {calibration.key}", _AGAIN)
        return calibration

    def find(self, key: CalibrationKey, profile: Profile, wall_ns: int | None) -> Found:
        """Return what there is for a device, and what is wrong with it; never raises.

        A stale calibration is given with its name; a missing, foreign or damaged one is not given.
        """
        if not self.path(key).exists():
            return self._other(key)
        try:
            calibration = self.load(key)
        except CalibrationError as error:
            return Found(None, "damaged", str(error))
        wrong = judge(calibration, key, profile, wall_ns, self._max_age_days)
        if wrong is None:
            return Found(calibration)
        return Found(None if wrong[0] == "foreign" else calibration, *wrong)

    def _other(self, key: CalibrationKey) -> Found:
        """Tell a device that was never calibrated from one in another shoe or with new firmware."""
        near = sorted(self._folder.glob(f"{_glob(quote(key.device, safe=''))},*.json"))
        if near:
            names = ", ".join(path.stem for path in near)
            return Found(None, "foreign", f"only calibrated as {names}: {_AGAIN} for this one")
        return Found(None, "missing", f"{key.device} was never calibrated: run heelfirst calibrate")


def _glob(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _decode(data: bytes, path: Path) -> Calibration:
    try:
        return msgspec.json.decode(data, type=Calibration)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CalibrationError(str(path), f"cannot be read: {error}", _AGAIN) from None


def _replace(path: Path, data: bytes) -> None:
    """Write beside, synchronise, rename."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""Profiles: a device's cells, axes and units, from a TOML file.

`[cells]` and `[imu]` describe both feet; `[left]` and `[right]` override any of it for one foot.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from hw.source import (
    SIDES,
    AccelerationUnit,
    AngularRateUnit,
    CellUnit,
    ClaimLevel,
    FootProfile,
    HwError,
    Mount,
    Profile,
    Side,
)

__all__ = ["ProfileError", "decode", "encode", "load", "parse", "shipped", "shipped_names"]

_PACKAGE = "hw.profiles"

Place = Annotated[float, Meta(ge=0, le=1)]
Places = Annotated[tuple[Place, ...], Meta(max_length=256)]
FootLength = Annotated[float, Meta(ge=0.1, le=0.4)]
Lever = Annotated[float, Meta(ge=-0.5, le=0.5)]


class ProfileError(HwError, ValueError):
    """A profile that cannot be used.

    Attributes
    ----------
    path : str
        The file, or the name under which the text was given.
    key : str
        The key at fault, dotted from the top ("" where the file as a whole is).
    reason, remedy : str
        What is wrong, and what to do about it.
    """

    def __init__(self, path: str, key: str, reason: str, remedy: str) -> None:
        super().__init__(f"{path}: {key + ': ' if key else ''}{reason}; {remedy}")
        self.path = path
        self.key = key
        self.reason = reason
        self.remedy = remedy


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class _Cells(_Table, frozen=True):
    unit: CellUnit = "N"
    x: Places = ()
    y: Places = ()


class _Imu(_Table, frozen=True):
    mount: Mount | None = None
    acceleration: AccelerationUnit = "m/s2"
    angular_rate: AngularRateUnit = "rad/s"
    axes: tuple[str, str, str] = ("x", "y", "z")
    to_toe_m: tuple[Lever, Lever, Lever] | None = None


class _Foot(_Table, frozen=True):
    cells: _Cells | None = None
    imu: _Imu | None = None


class _Document(_Table, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    claim: ClaimLevel = "spec-tested"
    foot_length_m: FootLength | None = None
    cells: _Cells | None = None
    imu: _Imu | None = None
    left: _Foot | None = None
    right: _Foot | None = None


_KNOWN: dict[str, tuple[str, ...]] = {
    "": _Document.__struct_fields__,
    "cells": _Cells.__struct_fields__,
    "imu": _Imu.__struct_fields__,
    "left": _Foot.__struct_fields__,
    "right": _Foot.__struct_fields__,
}
_T = TypeVar("_T", _Document, _Foot)


def load(path: Path | str) -> Profile:
    """Return the profile in a TOML file, or raise `ProfileError`."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ProfileError(str(path), "", reason, "give the path of a profile TOML") from None
    except UnicodeDecodeError:
        raise ProfileError(str(path), "", "not UTF-8 text", "save it as UTF-8") from None
    return parse(text, str(path))


def shipped(name: str) -> Profile:
    """Return a profile that ships with the room, by its name (see `shipped_names`)."""
    names = shipped_names()
    if name not in names:
        remedy = f"choose one of {', '.join(names)}{_nearest(name, names)}"
        raise ProfileError(name, "", "no such shipped profile", remedy)
    file = resources.files(_PACKAGE).joinpath(f"{name}.toml")
    return parse(file.read_text(encoding="utf-8"), f"{name}.toml")


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped profiles, sorted."""
    files = resources.files(_PACKAGE).iterdir()
    return tuple(sorted(f.name[:-5] for f in files if f.name.endswith(".toml")))


def parse(text: str, path: str = "profile") -> Profile:
    """Return the profile in TOML text; `path` is named in a `ProfileError`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(path, "", f"not TOML: {error}", "correct that line") from None
    document = _convert(raw, _Document, path, "")
    feet = {side: _foot(raw, side, path) for side in SIDES}
    if not any(foot.x or foot.mount for foot in feet.values()):
        remedy = "add [cells] with x and y, or [imu] with mount"
        raise ProfileError(path, "", "it describes no sensor", remedy)
    return Profile(
        name=document.name,
        left=feet["left"],
        right=feet["right"],
        foot_length_m=document.foot_length_m,
        claim=document.claim,
    )


def encode(profile: Profile) -> bytes:
    """Return the profile as JSON, as recordings carry it."""
    return msgspec.json.encode(profile)


def decode(data: bytes, path: str) -> Profile:
    """Return the profile that `encode` wrote; `path` is named in a `ProfileError`."""
    try:
        return msgspec.json.decode(data, type=Profile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        remedy = "the recording was damaged or made by another version"
        raise ProfileError(path, "", f"its profile cannot be read: {error}", remedy) from None


def _foot(raw: Mapping[str, Any], side: Side, path: str) -> FootProfile:
    """Merge the side's overrides over the common tables and check the result."""
    override = raw.get(side, {})
    merged = {
        table: {**raw.get(table, {}), **override.get(table, {})}
        for table in ("cells", "imu")
        if table in raw or table in override
    }
    foot = _convert(merged, _Foot, path, "")

    def named(table: str, key: str) -> str:
        return f"{side}.{table}.{key}" if key in override.get(table, {}) else f"{table}.{key}"

    cells = foot.cells or _Cells()
    if foot.cells is not None:
        _check_cells(cells, path, named)
    if foot.imu is None:
        return FootProfile(x=cells.x, y=cells.y, cell_unit=cells.unit)
    _check_imu(foot.imu, path, named)
    return FootProfile(
        x=cells.x,
        y=cells.y,
        cell_unit=cells.unit,
        mount=foot.imu.mount,
        acceleration=foot.imu.acceleration,
        angular_rate=foot.imu.angular_rate,
        axes=foot.imu.axes,
        to_toe_m=foot.imu.to_toe_m,
    )


def _check_cells(cells: _Cells, path: str, named: Any) -> None:
    if not cells.x:
        remedy = "give each cell's place from heel 0 to toe 1, or leave [cells] out"
        raise ProfileError(path, named("cells", "x"), "no cells", remedy)
    if len(cells.x) != len(cells.y):
        reason = f"{len(cells.y)} places for the {len(cells.x)} of x"
        remedy = "give one x and one y per cell"
        raise ProfileError(path, named("cells", "y"), reason, remedy)


def _check_imu(imu: _Imu, path: str, named: Any) -> None:
    if imu.mount is None:
        remedy = 'say where it sits: mount = "foot" or mount = "shank"'
        raise ProfileError(path, named("imu", "mount"), "missing", remedy)
    if sorted(axis.removeprefix("-") for axis in imu.axes) != ["x", "y", "z"]:
        reason = f"{list(imu.axes)} is not a permutation of x, y, z"
        remedy = 'name each device axis once, "-" turns it over, such as ["y", "-x", "z"]'
        raise ProfileError(path, named("imu", "axes"), reason, remedy)


def _convert(raw: Mapping[str, Any], kind: type[_T], path: str, prefix: str) -> _T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), path) from None


def _explain(message: str, path: str) -> ProfileError:
    """Turn msgspec's message into one that names the key and the remedy."""
    what, _, where = message.partition(" - at `$")
    where = where.rstrip("`").lstrip(".")
    table = re.sub(r"\[.*", "", where)
    if unknown := re.search(r"unknown field `(.*)`", what):
        name = unknown[1]
        known = _KNOWN.get(table.rpartition(".")[2], ())
        key = f"{table}.{name}".lstrip(".")
        remedy = f"known here: {', '.join(known)}{_nearest(name, known)}"
        return ProfileError(path, key, "unknown key", remedy)
    if missing := re.search(r"missing required field `(.*)`", what):
        key = f"{table}.{missing[1]}".lstrip(".")
        return ProfileError(path, key, "missing", f"add {missing[1]} = ...")
    what = what.replace("`", "")
    return ProfileError(path, where, what[:1].lower() + what[1:], _remedy(where))


def _remedy(where: str) -> str:
    key = where.rpartition(".")[2]
    remedies = {
        "unit": 'one of "N", "kPa", "N/cm2", "raw"',
        "mount": '"foot" or "shank"',
        "acceleration": '"m/s2" or "g"',
        "angular_rate": '"rad/s" or "deg/s"',
        "axes": 'three device axes, such as ["x", "-y", "z"]',
        "to_toe_m": "three lengths in metres, each within half a metre",
        "foot_length_m": "a length in metres, from 0.1 to 0.4",
        "claim": "a claim level of hw/README.md",
    }
    if key.startswith(("x[", "y[")) or key in ("x", "y"):
        return "a list of places, each from 0 to 1"
    base = key.partition("[")[0]
    return f"give {remedies[base]}" if base in remedies else "see hw/README.md for the format"


def _nearest(name: str, known: tuple[str, ...]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""

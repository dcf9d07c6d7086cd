"""A device's profile.toml: sensors as in any profile, and a last table `[wire]` for the driver."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw import profile as profiles
from hw.recording import imu_to_house
from hw.source import FootProfile, Profile

__all__ = ["house_matrix", "load", "wire"]

_WIRE = "\n[wire]\n"


@cache
def load(device: str) -> Profile:
    """Return the shipped profile of a device; `device` is its folder's name."""
    return profiles.parse(_text(device).partition(_WIRE)[0], f"{device}/profile.toml")


@cache
def wire(device: str) -> dict[str, Any]:
    """Return the `[wire]` table of a device's profile.toml."""
    _, mark, tail = _text(device).partition(_WIRE)
    return dict(tomllib.loads(mark + tail).get("wire", {}))


def house_matrix(foot: FootProfile) -> NDArray[np.float32]:
    """Return float32[6, 6]: `imu @ matrix` takes imu[n, 6] of the device to the foot frame."""
    return imu_to_house(np.eye(6), foot)


def _text(device: str) -> str:
    return resources.files(f"hw.devices.{device}").joinpath("profile.toml").read_text("utf-8")

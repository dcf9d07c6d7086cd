"""Tiny readers of the real recordings, independent of `hw`, with the vendor's own steps."""

from typing import NamedTuple

import numpy as np

from kernels import FootConfig

MOTICON = ("230927_102114", "230927_102137", "230927_102231")
GAITPDB = ("GaCo01_01", "GaCo02_01")
# No coordinates are published. Cells 1-4 are the heel, 5-8 the midfoot, 9-13 the metatarsal heads,
# 14-16 the toes (data/README.md); within a region the places only spread the cells out.
MOTICON_X = (0.06, 0.10, 0.15, 0.20, 0.36, 0.42, 0.50, 0.58)
MOTICON_X += (0.70, 0.72, 0.74, 0.72, 0.70, 0.88, 0.90, 0.92)
GAITPDB_X = tuple((y + 900) / 1800 for y in (-800, -400, -400, 0, 0, 400, 400, 800))
LEFT_AXES = np.array([1, -1, 1, -1, 1, -1], np.float32)
"""The left insole's y points medially: y turned over, and the angular rate with a mirror's sign."""


class Foot(NamedTuple):
    """Samples of one foot and, where the vendor gives them, its contacts and toe offs [s]."""

    time_ns: np.ndarray
    load: np.ndarray
    imu: np.ndarray | None
    contacts_s: np.ndarray
    toe_offs_s: np.ndarray


def config(side, foot, mount="foot"):
    """Return the kernel's configuration of a recorded foot."""
    x = MOTICON_X if foot.load.shape[1] == 16 else GAITPDB_X
    return FootConfig(side, x, (0.5,) * len(x), None if foot.imu is None else mount)


def moticon(folder, name):
    """Return both feet of a Moticon text export; rows of a foot with nothing in them are absent."""
    path = folder / "moticon_opengo" / f"{name}.txt"
    rows = np.genfromtxt(path, delimiter="\t", comments="#", usecols=range(53), encoding="utf-8")
    feet = {}
    for side, first, codes, sign in (("left", 1, (52, 10), LEFT_AXES), ("right", 26, (51, 20), 1)):
        load = rows[:, first : first + 16].astype(np.float32)
        imu = rows[:, first + 16 : first + 22] * ([9.80665] * 3 + [np.pi / 180] * 3)
        there = np.isfinite(load).any(axis=1)
        steps = rows[:, codes[0]] - codes[1]
        feet[side] = Foot(
            np.round(rows[there, 0] * 1e9).astype(np.int64),
            load[there],
            (imu[there] * sign).astype(np.float32),
            rows[steps == 1, 0],
            rows[steps == 5, 0],
        )
    return feet


def gaitpdb(folder, name):
    """Return both feet of a gaitpdb recording."""
    rows = np.genfromtxt(folder / "gaitpdb" / f"{name}.txt")
    time_ns = np.round(rows[:, 0] * 1e9).astype(np.int64)
    none = np.empty(0)
    return {
        side: Foot(time_ns, rows[:, i : i + 8].astype(np.float32), None, none, none)
        for side, i in (("left", 1), ("right", 9))
    }

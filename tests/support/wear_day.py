"""Blocks of a virtual day and of shoes that nobody wears, through kernel and wear watch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.analyse import foot_configs
from edge.wear import WearChange, WearWatch
from hw.source import SIDES, Block, FootSeries, Profile, Recording, Side
from hw.virtual import Labels, Phase, VirtualPatient, preset
from kernels import GaitEvent, Walk

WORN = {
    "stand": "standing",
    "shift": "standing",
    "walk": "walking",
    "turn": "walking",
    "sit": "sitting",
}
DAY = tuple(
    Phase(kind, seconds)
    for kind, seconds in (
        ("stand", 10),
        ("walk", 25),
        ("turn", 4),
        ("walk", 15),
        ("shift", 15),
        ("walk", 15),
        ("sit", 30),
        ("stand", 12),
        ("sit", 20),
    )
)


@dataclass
class Day:
    changes: list[WearChange]
    watch: WearWatch

    def states(self, time_ns: NDArray[np.float64]) -> NDArray[np.str_]:
        out = np.full(len(time_ns), "", dtype="U10")
        for change in self.changes:
            out[time_ns >= change.time_ns] = change.state
        return out


def patient_day(
    name: str, seed: int, seconds: float, programme: tuple[Phase, ...] = DAY
) -> tuple[Recording, Labels]:
    return VirtualPatient(preset(name, programme=programme), seed).recording(seconds)


def follow(
    recording: Recording, rows: int = 10, sides: tuple[Side, ...] = SIDES, **settings: float
) -> Day:
    """Push a recording in blocks of `rows` samples."""
    walk = Walk(foot_configs(recording.profile, sides))
    day = Day([], WearWatch(recording.profile, sides, **settings))
    longest = max(len(recording.feet[side].time_ns) for side in sides)
    for begin in range(0, longest, rows):
        for side in sides:
            block = cut(recording.feet[side], side, begin, begin + rows)
            if not len(block.time_ns):
                continue
            for record in walk.push(side, block.time_ns, block.load, block.imu):
                if isinstance(record, GaitEvent) and record.event == "initial_contact":
                    day.changes += day.watch.contact(record.side, record.time_ns)
            day.changes += day.watch.push(block)
    return day


def cut(foot: FootSeries, side: Side, begin: int, end: int) -> Block:
    return Block(
        side,
        foot.time_ns[begin:end],
        None if foot.load is None else foot.load[begin:end],
        None if foot.imu is None else foot.imu[begin:end],
    )


def truth(labels: Labels, time_ns: NDArray[np.float64]) -> NDArray[np.str_]:
    out = np.full(len(time_ns), "", dtype="U10")
    for phase in labels.phases:
        out[(time_ns >= phase["start_ns"]) & (time_ns < phase["end_ns"])] = WORN[phase["kind"]]
    return out


def away_from_changes(
    labels: Labels, time_ns: NDArray[np.float64], by_s: float
) -> NDArray[np.bool_]:
    edges = labels.phases["start_ns"][1:, None].astype(np.float64)
    return np.asarray((np.abs(time_ns[None] - edges) > by_s * 1e9).all(axis=0))


def resting(
    profile: Profile, begin_s: float, seconds: float, load: float = 0.0, moving: bool = False
) -> list[Block]:
    """Blocks of 0.1 s of two shoes, each cell at `load`, lying still or being carried."""
    rng = np.random.default_rng(1)
    out = []
    for start in np.arange(begin_s, begin_s + seconds, 0.1):
        time_ns = np.round((start + np.arange(10) * 0.01) * 1e9).astype(np.int64)
        for side in SIDES:
            cells = len(profile.foot(side).x)
            imu = rng.normal(0, 0.004, (10, 6)).astype(np.float32)
            imu[:, 2] += 9.8
            if moving:
                imu[:, 4] += np.sin(time_ns / 1e8).astype(np.float32)
            out.append(Block(side, time_ns, np.full((10, cells), load, np.float32), imu))
    return out


def shifted(recording: Recording, by_s: float) -> Recording:
    feet = {
        side: FootSeries(foot.time_ns + round(by_s * 1e9), foot.load, foot.imu)
        for side, foot in recording.feet.items()
    }
    return Recording(recording.name, recording.profile, feet)

"""A whole recording through the gait kernel, and what came out as two CSV files."""

import csv
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hw.source import SIDES, FootSeries, Profile, Recording, Side
from kernels import FootConfig, GaitBout, GaitEvent, GaitStride, Walk
from kernels.walk_records import Affected

__all__ = [
    "EVENT_COLUMNS",
    "STRIDE_COLUMNS",
    "Analysis",
    "analyse",
    "foot_config",
    "foot_configs",
    "write_csv",
]

CHUNK_NS = 1_000_000_000
"""Both feet are fed in steps of one second, so that neither runs ahead."""
EVENT_COLUMNS = ("time_s", "side", "event", "detail")
STRIDE_COLUMNS = (
    "side",
    "initial_contact_s",
    "toe_off_s",
    "stride_s",
    "stance_s",
    "swing_s",
    "strike",
    "strike_index",
    "heel_lead_ms",
    "pitch_at_contact_deg",
    "stride_length_m",
    "clearance_mm",
    "lift_mm",
    "lateral_excursion_mm",
    "toe_drag",
    "trip_risk",
    "sources",
    "previous_contact_s",
    "heel_off_s",
    "pitch_at_toe_off_deg",
    "max_dorsiflexion_deg",
    "double_support_percent",
    "impulse_heel",
    "impulse_midfoot",
    "impulse_forefoot",
    "peak_heel",
    "peak_midfoot",
    "peak_forefoot",
    "drag_ms",
    "valid_swing",
    "trip_level",
    "trip_reasons",
    "flags",
    "lift_over_percent",
    "excursion_over_mm",
)
_TIMES = {
    "initial_contact_s": "time_ns",
    "toe_off_s": "toe_off_ns",
    "previous_contact_s": "previous_contact_ns",
    "heel_off_s": "heel_off_ns",
}
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a recording says, in time order; times in ns on the recording's own clock."""

    events: list[GaitEvent] = field(default_factory=list)
    strides: list[GaitStride] = field(default_factory=list)
    bouts: list[GaitBout] = field(default_factory=list)

    def take(self, records: Iterable[GaitEvent | GaitStride | GaitBout]) -> None:
        """Add what the kernel returned."""
        for record in records:
            if isinstance(record, GaitEvent):
                self.events.append(record)
            elif isinstance(record, GaitStride):
                self.strides.append(record)
            else:
                self.bouts.append(record)

    def sort(self) -> None:
        """Put all into time order."""
        self.events.sort(key=lambda e: (e.time_ns, e.side, e.event))
        self.strides.sort(key=lambda s: (s.time_ns, s.side))
        self.bouts.sort(key=lambda b: b.time_ns)


def foot_config(profile: Profile, side: Side) -> FootConfig:
    """Return what the kernel has to know of one foot's sensors."""
    foot = profile.foot(side)
    return FootConfig(
        side=side,
        x=foot.x,
        y=foot.y,
        mount=foot.mount,
        foot_length_m=profile.foot_length_m,
        to_toe_m=foot.to_toe_m,
    )


def foot_configs(profile: Profile, sides: Iterable[Side] = SIDES) -> dict[Side, FootConfig]:
    """Return the configuration of each foot that has a sensor."""
    return {
        side: foot_config(profile, side)
        for side in sides
        if profile.foot(side).x or profile.foot(side).mount is not None
    }


def analyse(
    recording: Recording, affected: Affected = "none", progress: Progress | None = None
) -> Analysis:
    """Run the gait kernel over a whole recording.

    Parameters
    ----------
    recording : Recording
        One foot or both; a foot without samples is left out.
    affected : {"none", "left", "right", "both"}
        The leg or legs with foot drop.
    progress : callable, optional
        Called with the share done, 0 to 1, after each second of the recording.
    """
    filled = [side for side, series in recording.feet.items() if series.time_ns.size]
    configs = foot_configs(recording.profile, filled)
    analysis = Analysis()
    if not configs:
        return analysis
    feet = {side: recording.feet[side] for side in configs}
    walk = Walk(configs, affected=affected)
    for share, side, part in _chunks(feet):
        analysis.take(walk.push(side, part.time_ns, part.load, part.imu))
        if progress is not None:
            progress(share)
    analysis.take(walk.finish())
    analysis.sort()
    return analysis


def _chunks(feet: dict[Side, FootSeries]) -> Iterator[tuple[float, Side, FootSeries]]:
    """Yield (share done, side, samples), both feet side by side in time."""
    begin = min(int(series.time_ns[0]) for series in feet.values())
    end = max(int(series.time_ns[-1]) for series in feet.values())
    edges = np.arange(begin, end + CHUNK_NS + 1, CHUNK_NS)
    cuts = {side: np.searchsorted(series.time_ns, edges) for side, series in feet.items()}
    for index in range(len(edges) - 1):
        share = (index + 1) / (len(edges) - 1)
        for side, series in feet.items():
            part = slice(cuts[side][index], cuts[side][index + 1])
            if part.stop > part.start:
                yield share, side, _cut(series, part)


def _cut(series: FootSeries, part: slice) -> FootSeries:
    return FootSeries(
        series.time_ns[part],
        None if series.load is None else series.load[part],
        None if series.imu is None else series.imu[part],
    )


def write_csv(analysis: Analysis, folder: Path) -> tuple[Path, Path]:
    """Write events.csv and strides.csv into a folder; return their paths.

    Times are seconds on the recording's own time column. An unknown number is an empty field,
    several words in one field are joined by "+". Both files are complete before either has its
    name; a folder that did not exist appears whole.

    Raises
    ------
    OSError
        The folder cannot be written; nothing half written stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(draft / "events.csv", EVENT_COLUMNS, map(_event_row, analysis.events))
        _write(draft / "strides.csv", STRIDE_COLUMNS, map(_stride_row, analysis.strides))
        folder.mkdir(exist_ok=True)
        for name in ("events.csv", "strides.csv"):
            (draft / name).replace(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder / "events.csv", folder / "strides.csv"


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def _event_row(event: GaitEvent) -> list[str]:
    return [_seconds(event.time_ns), event.side, event.event, event.detail or ""]


def _stride_row(stride: GaitStride) -> list[str]:
    return [
        _seconds(getattr(stride, _TIMES[name])) if name in _TIMES else _text(getattr(stride, name))
        for name in STRIDE_COLUMNS
    ]


def _seconds(time_ns: int | None) -> str:
    """Return seconds with as many decimals as there are, computed without a float."""
    if time_ns is None:
        return ""
    whole, rest = divmod(abs(time_ns), 1_000_000_000)
    sign = "-" if time_ns < 0 else ""
    return f"{sign}{whole}.{rest:09d}".rstrip("0").rstrip(".")


def _text(value: Any) -> str:
    """Return a value as the wire writes it, without quotes; "" for what is unknown."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, tuple):
        return "+".join(str(part) for part in value)
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    return str(value)

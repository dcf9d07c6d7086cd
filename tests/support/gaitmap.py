"""The gaitmap walk (shoe IMU with motion capture): reader, references, scores.

One healthy subject, IMU on the lateral side of both shoes at 204.8 Hz, markers at 100 Hz from the
same instant. Columns of the event table (checked against the markers): `min_vel` = `start` is the
foot-flat that begins a stride, `tc` the toe off after it, `ic` the contact after that, `end` the
next foot-flat, `pre_ic` the contact before; all in IMU sample numbers, from motion capture.

What is tuned and what is not: see kernels/imu_constants.py. The values marked T there were set with
this walk in view, one value for both feet. Nothing is fitted here but the lever of `fit_lever`, on
half of the strides, where a score says so.
"""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDES = ("left", "right")
IMU_HZ = 204.8
MARKER_HZ = 100.0
FOOT_LENGTH_M = 0.26
MATCH_S = 0.05
MISSING_NS = int(np.iinfo(np.int64).min)
Floats = NDArray[np.float64]


class Walk(NamedTuple):
    """A walk in house frames: SI units, x forward, y left, z up."""

    time_ns: NDArray[np.int64]
    imu: dict[str, NDArray[np.float32]]
    markers: dict[str, Floats]
    events: dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Reference:
    """One stride as the markers saw it: toes up is positive, heights are over the flat foot."""

    toe_off_s: float
    contact_s: float
    pitch_at_contact_deg: float
    pitch_at_toe_off_deg: float
    stride_length_m: float
    clearance_mm: float
    straight: bool


@dataclass(frozen=True)
class Landing:
    """One stride as the chain saw it."""

    previous_ns: int
    toe_off_ns: int
    contact_ns: int
    decided_ns: int
    closed_ns: int
    stride: dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """Errors of one figure: median (the constant offset), mean absolute error, how many."""

    errors: Floats

    @property
    def n(self) -> int:
        """How many values."""
        return len(self.errors)

    @property
    def offset(self) -> float:
        """Median error."""
        return float(np.median(self.errors))

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return float(np.mean(np.abs(self.errors)))

    @property
    def mae_without_offset(self) -> float:
        """Mean absolute error once the median is taken out."""
        return float(np.mean(np.abs(self.errors - np.median(self.errors))))


def read(folder: Path) -> Walk:
    """Read the three files of `folder` (…/gaitmap)."""
    sensors, axes, rows = _table(folder / "imu_sample.csv")
    column = {key: i for i, key in enumerate(zip(sensors, axes, strict=True))}
    imu = {}
    for side in SIDES:
        names = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
        values = rows[:, [column[side + "_sensor", name] for name in names]]
        values[:, 3:] = np.deg2rad(values[:, 3:])
        imu[side] = np.ascontiguousarray(values, np.float32)
    time_ns = np.round(np.arange(len(rows)) * 1e9 / IMU_HZ).astype(np.int64)
    labels, _, rows = _table(folder / "mocap_sample.csv")
    markers = {m: rows[:, [i for i, n in enumerate(labels) if n == m]] / 1e3 for m in set(labels)}
    events: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with (folder / "stride_events_sample.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            events[row.pop("foot")].append({k: float(v) for k, v in row.items()})
    return Walk(time_ns, imu, markers, events)


def _table(path: Path) -> tuple[list[str], list[str], Floats]:
    with path.open() as file:
        head = [file.readline().strip().split(",")[1:] for _ in range(2)]
        return head[0], head[1], np.loadtxt(file, delimiter=",")[:, 1:]


def _marker_at(values: Floats, sample: float) -> Floats:
    at = sample / IMU_HZ * MARKER_HZ
    grid = np.arange(len(values))
    columns = values.reshape(len(values), -1).T
    return np.array([np.interp(at, grid, column) for column in columns])


def references(walk: Walk, side: str) -> list[Reference]:
    """What the markers say of each labelled stride."""
    toe, heel = (walk.markers[side[0].upper() + name] for name in ("_TOE", "_FCC"))
    return [_reference(toe, heel, event) for event in walk.events[side]]


def _reference(toe: Floats, heel: Floats, event: dict[str, float]) -> Reference:
    def foot(sample: float) -> tuple[Floats, float, float]:
        t, h = _marker_at(toe, sample), _marker_at(heel, sample)
        v = t - h
        pitch = math.degrees(math.atan2(v[2], math.hypot(v[0], v[1])))
        return (t + h) / 2, pitch, math.atan2(v[1], v[0])

    begin, flat_pitch, heading = foot(event["start"])
    end, _, new_heading = foot(event["end"])
    turn = abs(math.remainder(new_heading - heading, math.tau))
    swing_s = (event["ic"] - event["tc"]) / IMU_HZ
    base = float(_marker_at(toe, event["start"])[2])
    return Reference(
        event["tc"] / IMU_HZ,
        event["ic"] / IMU_HZ,
        foot(event["ic"])[1] - flat_pitch,
        foot(event["tc"])[1] - flat_pitch,
        float(np.hypot(*(end - begin)[:2])),
        1e3 * (_lowest(toe[:, 2], event) - base),
        turn < math.radians(20) and swing_s < 1.0,  # one label spans two swings of a turn
    )


def _lowest(height: Floats, event: dict[str, float]) -> float:
    """Local minimum of toe height after the first swing peak; NaN where there is none."""
    first, last = (round(event[k] / IMU_HZ * MARKER_HZ) for k in ("tc", "ic"))
    z = height[first : last + 1]
    peak = int(np.argmax(z[: int(len(z) * 0.45)]))
    low = peak + int(np.argmin(z[peak:]))
    return float(z[low]) if peak < low < len(z) - 1 else math.nan


def labelled_contacts(walk: Walk, side: str) -> list[float]:
    """Times of all labelled contacts of one foot [s]."""
    events = walk.events[side]
    return sorted({e[k] / IMU_HZ for e in events for k in ("pre_ic", "ic")})


def follow(
    chain: Any,
    time_ns: NDArray[np.int64],
    imu: NDArray[np.float32],
    contact: Sequence[int] | None = None,
    late_s: float = 0.6,
) -> tuple[list[Landing], NDArray[Any]]:
    """Push a recording through a compiled chain, closing each stride when it has settled."""
    landings: list[Landing] = []
    samples = []
    previous, toe_off = MISSING_NS, MISSING_NS
    open_stride: tuple[int, int, int, int] | None = None
    for n, t in enumerate(time_ns.tolist()):
        ground = None if contact is None else np.asarray(contact[n : n + 1], np.intc)
        sample = chain.run(time_ns[n : n + 1], imu[n : n + 1], ground)[0]
        samples.append(sample)
        lifted = int(sample["toe_off_ns"]) != MISSING_NS
        if open_stride and (
            lifted or t - open_stride[2] > late_s * 1e9 or chain.is_settled(open_stride[2])
        ):
            landings.append(Landing(*open_stride, t, chain.stride(*open_stride[:3])))
            open_stride = None
        if lifted:
            toe_off = int(sample["toe_off_ns"])
        landed = int(sample["contact_ns"])
        if landed != MISSING_NS:
            recent = previous if landed - previous < 4_000_000_000 else MISSING_NS
            if previous == MISSING_NS:
                recent = MISSING_NS
            if toe_off != MISSING_NS:
                open_stride = (recent, toe_off, landed, t)
            previous = landed
    return landings, np.array(samples)


def pair(found: Sequence[float], wanted: Sequence[float], within_s: float) -> list[int | None]:
    """For each wanted time the index of the nearest found one, each used once, or None."""
    free = set(range(len(found)))
    out: list[int | None] = []
    for w in wanted:
        best = min(free, key=lambda i: abs(found[i] - w), default=None)
        if best is None or abs(found[best] - w) > within_s:
            out.append(None)
        else:
            free.discard(best)
            out.append(best)
    return out


def f1(found: Sequence[float], wanted: Sequence[float], within_s: float = MATCH_S) -> float:
    """F1 of found times within the labelled span once the constant offset is taken out."""
    inside = [t for t in found if wanted[0] - 0.3 < t < wanted[-1] + 0.3]
    near = pair(inside, wanted, 0.1)
    offset = float(
        np.median([inside[i] - w for i, w in zip(near, wanted, strict=True) if i is not None])
    )
    hits = sum(i is not None for i in pair([t - offset for t in inside], wanted, within_s))
    return 2 * hits / (len(inside) + len(wanted))


def errors(
    landings: list[Landing],
    wanted: list[Reference],
    field: str,
    keep: Callable[[Reference], bool] = lambda _: True,
) -> Floats:
    """Chain minus markers of one stride number; NaN: one has none, or `keep` says no."""
    index = pair([x.contact_ns * 1e-9 for x in landings], [w.contact_s for w in wanted], 0.1)
    out = np.full(len(wanted), np.nan)
    for k, (i, w) in enumerate(zip(index, wanted, strict=True)):
        if i is not None and keep(w):
            out[k] = landings[i].stride[field] - getattr(w, field)
    return out


def time_errors(found: Sequence[float], wanted: Sequence[float]) -> Floats:
    """Found minus wanted [ms] of all that match within 0.1 s."""
    index = pair(found, wanted, 0.1)
    return np.array(
        [1e3 * (found[i] - w) for i, w in zip(index, wanted, strict=True) if i is not None]
    )


def score(landings: list[Landing], walk: Walk, side: str) -> dict[str, Figure]:
    """All figures of one foot: times in ms, pitch in deg, length in m, clearance in mm."""
    wanted = references(walk, side)
    contacts, toe_offs = (
        [getattr(x, name) * 1e-9 for x in landings] for name in ("contact_ns", "toe_off_ns")
    )

    def figure(field: str, straight: bool) -> Figure:
        e = errors(landings, wanted, field, lambda w: w.straight or not straight)
        return Figure(e[np.isfinite(e)])

    return {
        "contact_ms": Figure(time_errors(contacts, labelled_contacts(walk, side))),
        "toe_off_ms": Figure(time_errors(toe_offs, [w.toe_off_s for w in wanted])),
        "pitch_at_contact_deg": figure("pitch_at_contact_deg", straight=False),
        "pitch_at_toe_off_deg": figure("pitch_at_toe_off_deg", straight=False),
        "stride_length_m": figure("stride_length_m", straight=True),
        "clearance_mm": figure("clearance_mm", straight=True),
    }


def pool(feet: Sequence[dict[str, Figure]], name: str) -> Figure:
    """One figure over both feet."""
    return Figure(np.concatenate([foot[name].errors for foot in feet]))


def fit_lever(
    clearance_errors: Callable[[tuple[float, float, float]], Floats],
    train: slice,
    start: tuple[float, float, float] = (0.2, 0.0, -0.05),
) -> tuple[float, float, float]:
    """IMU-to-toe lever from the strides of `train`: ridge least squares on the clearance errors.

    The prior is `start` with 3 cm, the error of one stride 5 mm; two Gauss-Newton steps.
    """
    lever = np.array(start)
    for _ in range(2):
        base = clearance_errors(tuple(lever))
        slopes = np.array(
            [(clearance_errors(tuple(lever + d)) - base) / 5e-3 for d in np.eye(3) * 5e-3]
        ).T
        use = np.zeros(len(base), bool)
        use[train] = True
        use &= np.isfinite(base) & np.isfinite(slopes).all(axis=1)
        j, b = slopes[use], base[use]
        left = j.T @ j / 25 + np.eye(3) / 0.03**2
        lever = lever - np.linalg.solve(left, j.T @ b / 25 + (lever - start) / 0.03**2)
    return float(lever[0]), float(lever[1]), float(lever[2])


def resample(imu: NDArray[np.float32], hz: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The same walk sampled at another rate (a moving mean first where it is lower)."""
    width = max(round(IMU_HZ / hz), 1)
    box = np.ones(width) / width
    at = np.arange(0, (len(imu) - 1) / IMU_HZ, 1 / hz)
    smooth = [np.convolve(c, box, "same") for c in imu.T]
    out = np.array([np.interp(at * IMU_HZ, np.arange(len(imu)), c) for c in smooth]).T
    return np.round(at * 1e9).astype(np.int64), np.ascontiguousarray(out, np.float32)


def tilt(imu: NDArray[np.float32], axis: int, degrees: float) -> NDArray[np.float32]:
    """The same walk with the sensor turned about one of its axes."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    r = np.eye(3)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    r[j, j], r[j, k], r[k, j], r[k, k] = c, -s, s, c
    return np.ascontiguousarray(np.hstack([imu[:, :3] @ r.T, imu[:, 3:] @ r.T]), np.float32)

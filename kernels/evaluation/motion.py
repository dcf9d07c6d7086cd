"""A shoe IMU against optical motion capture: contacts, toe offs, pitch, length, clearance.

Definitions, all from the markers of the toe and the heel: foot pitch is the elevation of the line
from heel to toe over that at foot-flat, toes up positive; stride length is the way of their
midpoint from foot-flat to foot-flat on the ground; minimum toe clearance (MTC) is the toe's local
minimum of height after the first swing peak, over its height at foot-flat (Winter 1992,
doi 10.1093/ptj/72.1.45).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kernels.evaluation.figures import (
    Figure,
    Goal,
    Provenance,
    error_figure,
    f1_figure,
    offset_figure,
    spread_figure,
)
from kernels.evaluation.intervals import spread_about_median
from kernels.evaluation.matching import match
from kernels.evaluation.signals import Found, Signal, Signals, run
from kernels.walk_records import Side

__all__ = ["Markers", "Reference", "figures", "fit_lever", "references", "stride_errors"]

MATCH_S: Final = 0.05
"""A found contact within this of a labelled one is the same, its offset not taken out."""
SAME_EVENT_S: Final = 0.1
"""Errors in time are counted up to this."""
TURN_RAD: Final = math.radians(20)
LONGEST_SWING_S: Final = 1.0
"""A label over a longer one spans two swings of a turn."""
FIRST_PEAK: Final = 0.45
"""Share of the swing in which the toe's first peak lies."""
LEVER_PRIOR_M: Final = (0.2, 0.0, -0.05)
LEVER_SPREAD_M: Final = 0.03
CLEARANCE_SPREAD_MM: Final = 5.0
STEP_M: Final = 0.005
Floats = NDArray[np.float64]
_TUNED = Provenance.TUNED
_GOALS = {
    "contact F1": Goal("at least", 0.98),
    "contact": Goal("at most", 6.0),
    "contact offset": Goal("at most", 10.0),
    "toe off": Goal("at most", 5.0),
    "pitch": Goal("at most", 1.4),
    "length": Goal("at most", 35.0),
    "clearance": Goal("at most", 6.4),
}


@dataclass(frozen=True, slots=True)
class Markers:
    """Markers of one foot, float64[m, 3] [m], z up, and its labelled strides, float64[k] [s]."""

    hz: float
    toe: Floats
    heel: Floats
    start_s: Floats
    toe_off_s: Floats
    contact_s: Floats
    end_s: Floats
    previous_contact_s: Floats

    def contacts_s(self) -> Floats:
        """Return every labelled contact once, in order [s]."""
        both = np.concatenate([self.previous_contact_s, self.contact_s])
        return np.asarray(np.unique(both))

    def in_double_label(self, times_s: Floats) -> NDArray[np.bool_]:
        """Return which times lie in a label that spans two swings: its middle contact is lacking.

        The markers show the foot standing in the middle of the gaitmap walk's only such label.
        """
        inside = np.zeros(len(times_s), bool)
        for start, stop in zip(self.toe_off_s, self.contact_s, strict=True):
            if stop - start > LONGEST_SWING_S:
                inside |= (times_s > start + MATCH_S) & (times_s < stop - MATCH_S)
        return inside


@dataclass(frozen=True, slots=True)
class Reference:
    """One stride as the markers saw it; clearance NaN where the toe has no local minimum."""

    contact_s: float
    pitch_at_contact_deg: float
    stride_length_m: float
    clearance_mm: float
    straight: bool


def references(markers: Markers) -> list[Reference]:
    """Return what the markers say of each labelled stride."""
    return [_reference(markers, k) for k in range(len(markers.start_s))]


def _reference(markers: Markers, k: int) -> Reference:
    start, flat_pitch, heading = _pose(markers, markers.start_s[k])
    end, _, new_heading = _pose(markers, markers.end_s[k])
    turn = abs(math.remainder(new_heading - heading, math.tau))
    contact_s, toe_off_s = float(markers.contact_s[k]), float(markers.toe_off_s[k])
    flat_height = float(_at(markers.toe, markers.hz, markers.start_s[k])[2])
    return Reference(
        contact_s,
        _pose(markers, contact_s)[1] - flat_pitch,
        float(np.hypot(*(end - start)[:2])),
        1e3 * (_toe_minimum(markers, toe_off_s, contact_s) - flat_height),
        turn < TURN_RAD and contact_s - toe_off_s < LONGEST_SWING_S,
    )


def _pose(markers: Markers, time_s: float) -> tuple[Floats, float, float]:
    """Return the foot's midpoint [m], its pitch [deg] and its heading [rad]."""
    toe, heel = (_at(marker, markers.hz, time_s) for marker in (markers.toe, markers.heel))
    x, y, z = toe - heel
    return (
        np.asarray((toe + heel) / 2),
        math.degrees(math.atan2(z, math.hypot(x, y))),
        math.atan2(y, x),
    )


def _at(marker: Floats, hz: float, time_s: float) -> Floats:
    frames = np.arange(len(marker))
    return np.array([float(np.interp(time_s * hz, frames, axis)) for axis in marker.T])


def _toe_minimum(markers: Markers, toe_off_s: float, contact_s: float) -> float:
    first, last = round(toe_off_s * markers.hz), round(contact_s * markers.hz)
    height = markers.toe[first : last + 1, 2]
    peak = int(np.argmax(height[: int(len(height) * FIRST_PEAK)]))
    low = peak + int(np.argmin(height[peak:]))
    return float(height[low]) if peak < low < len(height) - 1 else math.nan


def stride_errors(
    found: Found, markers: Markers, side: Side, name: str, straight: bool = True
) -> Floats:
    """Return kernel minus markers of one stride number, float64[strides].

    NaN where the kernel has none, the markers have none, or the stride turned and `straight` asks
    for straight ones. `possible` numbers are those the markers have: the others are left out.
    """
    wanted = references(markers)
    strides = found.strides[side]
    near = match([w.contact_s for w in wanted], [s.time_ns / 1e9 for s in strides], SAME_EVENT_S)
    errors = np.full(len(wanted), np.nan)
    for i, j in near.pairs:
        ours = getattr(strides[j], name)
        if ours is not None:
            errors[i] = ours - getattr(wanted[i], name)
    keep = [math.isfinite(getattr(w, name)) and (w.straight or not straight) for w in wanted]
    return np.asarray(errors[np.array(keep, bool)])


# -- the table ------------------------------------------------------------------------------


def figures(data: str, signals: Signals, markers: Mapping[Side, Markers]) -> list[Figure]:
    """Return every figure of a walk with markers, per foot and over both.

    Parameters
    ----------
    data : str
        Name of the recording.
    signals : mapping of side to Signal
        The IMU of each foot; no load.
    markers : mapping of side to Markers
    """
    found = run(signals)
    feet = sorted(markers)
    timing = _timing(data, found, markers, feet)
    space: list[Figure] = []
    for name, label, unit, scale, goal, straight in (
        ("pitch_at_contact_deg", "pitch at contact, mean error", "deg", 1.0, "pitch", False),
        ("stride_length_m", "stride length, mean error", "mm", 1e3, "length", True),
        ("clearance_mm", "toe clearance without fit, mean error", "mm", 1.0, "clearance", True),
    ):
        errors = {
            side: scale * stride_errors(found, markers[side], side, name, straight) for side in feet
        }
        notes = {"clearance": "foot length assumed, no lever arm given"}
        more = {"note": notes.get(goal, ""), "goal": _GOALS[goal]}
        space += _per_foot(error_figure, data, label, unit, errors, more)
    return [*timing, *space, *_fitted(data, signals, markers, feet)]


def _timing(
    data: str, found: Found, markers: Mapping[Side, Markers], feet: list[Side]
) -> list[Figure]:
    contact, toe_off = {}, {}
    for side in feet:
        contact[side] = _errors_ms(markers[side].contacts_s(), found, side, "initial_contact")
        toe_off[side] = _errors_ms(markers[side].toe_off_s, found, side, "toe_off")
    spread, offset = "mean error, offset removed", "constant offset"
    rows = _contacts_found(data, found, markers, feet)
    for make, name, errors, goal in (
        (spread_figure, f"contact, {spread}", contact, "contact"),
        (offset_figure, f"contact, {offset}", contact, "contact offset"),
        (spread_figure, f"toe off, {spread}", toe_off, "toe off"),
        (offset_figure, f"toe off, {offset}", toe_off, "none"),
    ):
        rows += _per_foot(make, data, name, "ms", errors, {"goal": _GOALS.get(goal)})
    return [_with_worst(row, contact, markers) for row in rows]


def _with_worst(
    row: Figure, errors_ms: Mapping[Side, Floats], markers: Mapping[Side, Markers]
) -> Figure:
    if row.reached is not False or not row.name.startswith("contact"):
        return row
    feet = {s: e for s, e in errors_ms.items() if row.name.endswith((s, "both feet"))}
    return replace(row, reason=_worst(feet, markers))


def _worst(errors_ms: Mapping[Side, Floats], markers: Mapping[Side, Markers]) -> str:
    """Say which contact is farthest off, and what would be without it."""
    said = []
    for side, errors in errors_ms.items():
        known = np.isfinite(errors)
        if not known.any():
            continue
        times_s, values = markers[side].contacts_s()[known], errors[known]
        k = int(np.argmax(np.abs(values - np.median(values))))
        rest = float(spread_about_median(np.delete(values, k)))
        first = ", the first of the walk," if k == 0 else ""
        said.append(
            f"{side}: the contact at {times_s[k]:.2f} s{first} is {values[k]:+.0f} ms off, the "
            f"mean error of the others is {rest:.1f} ms"
        )
    return "; ".join(said)


def _errors_ms(wanted_s: Floats, found: Found, side: Side, event: str) -> Floats:
    """Return found minus wanted per wanted instant [ms], NaN where none is near."""
    near = match(wanted_s, found.times_s(side, event), SAME_EVENT_S)
    errors = np.full(len(wanted_s), np.nan)
    errors[near.pairs[:, 0]] = 1e3 * near.errors_s
    return errors


def _contacts_found(
    data: str, found: Found, markers: Mapping[Side, Markers], feet: list[Side]
) -> list[Figure]:
    counts: dict[str, tuple[int, int, int]] = {}
    for side in feet:
        times_s = found.times_s(side, "initial_contact")
        near = match(markers[side].contacts_s(), times_s, MATCH_S, span_s=0.3)
        extra = near.extra[~markers[side].in_double_label(times_s[near.extra])]
        counts[side] = len(near.pairs), len(near.missed), len(extra)
    hits, missed, false = np.sum(list(counts.values()), axis=0).tolist()
    counts["both feet"] = hits, missed, false
    note = "offset not removed; a label that spans two swings is not judged in between"
    goal, name = _GOALS["contact F1"], "contacts within 50 ms"
    return [
        f1_figure(data, f"{name}, {who}", count, _TUNED, goal=goal, note=note)
        for who, count in counts.items()
    ]


def _per_foot(
    make: Callable[..., Figure],
    data: str,
    name: str,
    unit: str,
    errors: Mapping[Side, Floats],
    more: dict[str, Any],
) -> list[Figure]:
    """Return one figure per foot and one over both, one common offset taken out in that."""
    rows = [make(data, f"{name}, {s}", unit, e, _TUNED, **dict(more)) for s, e in errors.items()]
    pooled = np.concatenate(list(errors.values()))
    return [*rows, make(data, f"{name}, both feet", unit, pooled, _TUNED, **dict(more))]


# -- the lever arm to the toes --------------------------------------------------------------


def _fitted(
    data: str, signals: Signals, markers: Mapping[Side, Markers], feet: list[Side]
) -> list[Figure]:
    """Toe clearance with the lever fitted on every other stride, scored on the ones between."""
    scored = {}
    for side in feet:
        errors = _clearance_errors(signals[side], markers[side], side)
        parts = []
        for fitted_on in (0, 1):
            lever = fit_lever(errors, slice(fitted_on, None, 2))
            parts.append(errors(lever)[1 - fitted_on :: 2])
        scored[side] = np.concatenate(parts)
    more = {
        "note": "lever arm fitted on every other stride, scored on the ones between; then swapped",
        "goal": _GOALS["clearance"],
    }
    name = "toe clearance with fit, mean error"
    return _per_foot(error_figure, data, name, "mm", scored, more)


Lever = tuple[float, float, float]


def _clearance_errors(signal: Signal, markers: Markers, side: Side) -> Callable[[Lever], Floats]:
    def errors(lever: Lever) -> Floats:
        foot = replace(signal, config=replace(signal.config, to_toe_m=lever))
        return stride_errors(run({side: foot}), markers, side, "clearance_mm")

    return errors


def fit_lever(errors: Callable[[Lever], Floats], train: slice) -> Lever:
    """Return the IMU-to-toe lever [m] that makes the clearance errors of `train` least.

    Ridge least squares, two Gauss-Newton steps: the prior is an adult shoe's lever within 3 cm, the
    error of one stride 5 mm (Hoerl & Kennard 1970, doi 10.1080/00401706.1970.10488634).
    """
    prior = np.array(LEVER_PRIOR_M)
    lever = prior.copy()
    for _ in range(2):
        base = errors(_lever(lever))
        slopes = np.column_stack(
            [(errors(_lever(lever + step)) - base) / STEP_M for step in STEP_M * np.eye(3)]
        )
        rows = np.zeros(len(base), bool)
        rows[train] = True
        rows &= np.isfinite(base) & np.isfinite(slopes).all(axis=1)
        j, b = slopes[rows] / CLEARANCE_SPREAD_MM, base[rows] / CLEARANCE_SPREAD_MM
        left = j.T @ j + np.eye(3) / LEVER_SPREAD_M**2
        lever = lever - np.linalg.solve(left, j.T @ b + (lever - prior) / LEVER_SPREAD_M**2)
    return _lever(lever)


def _lever(values: Floats) -> Lever:
    return float(values[0]), float(values[1]), float(values[2])

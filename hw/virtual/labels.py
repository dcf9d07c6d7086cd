"""The exact truth of what a virtual patient did, in gait.md's definitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hw.source import SIDES, Side
from hw.virtual.motion import FREE, Swing
from hw.virtual.seated import Act, SetRecord
from hw.virtual.steps import Landing, Span

__all__ = [
    "CONTACT_DTYPE",
    "CROSSING_DTYPE",
    "DRAG_DTYPE",
    "MISSING_NS",
    "PHASE_DTYPE",
    "REPETITION_DTYPE",
    "SET_DTYPE",
    "STRIDE_DTYPE",
    "TOE_OFF_DTYPE",
    "Labels",
    "make_labels",
]

MISSING_NS: Final = np.iinfo(np.int64).min
_GRID: Final = 401

CONTACT_DTYPE: Final = np.dtype(
    [
        ("time_ns", np.int64),  # first load after the swing
        ("strike", np.uint8),  # 1 heel, 2 flat, 3 toe
        ("heel_lead_ms", np.float64),  # forefoot's onset minus heel's; negative: toe first
        ("pitch_deg", np.float64),  # of the sole at that instant, toes up
    ]
)
TOE_OFF_DTYPE: Final = np.dtype([("time_ns", np.int64)])  # the end of push-off
DRAG_DTYPE: Final = np.dtype(
    [
        ("start_ns", np.int64),
        ("end_ns", np.int64),
        ("kind", np.uint8),  # 1 late release, 2 scuff, 3 full
        ("level", np.float64),  # load, share of the stance peak
    ]
)
STRIDE_DTYPE: Final = np.dtype(
    [
        ("initial_contact_ns", np.int64),  # the contact that closes the stride
        ("previous_contact_ns", np.int64),  # MISSING_NS for the first landing after a pause
        ("toe_off_ns", np.int64),
        ("turn", np.bool_),
        ("length_m", np.float64),
        ("mtc_mm", np.float64),  # NaN where the toe's height has no local minimum
        ("lift_mm", np.float64),  # highest rise of the heel point in swing
        ("lateral_excursion_mm", np.float64),  # of the ankle, from the chord of the stride
        ("max_dorsiflexion_deg", np.float64),  # largest pitch in swing
        ("pitch_at_toe_off_deg", np.float64),
    ]
)
PHASE_DTYPE: Final = np.dtype([("start_ns", np.int64), ("end_ns", np.int64), ("kind", "U20")])
SET_DTYPE: Final = np.dtype(
    [
        ("start_ns", np.int64),
        ("end_ns", np.int64),
        ("exercise", "U20"),
        ("side", "U5"),  # empty: both legs
        ("repetitions", np.int64),  # those that count; steps of a heel walk
    ]
)
REPETITION_DTYPE: Final = np.dtype(
    [
        ("start_ns", np.int64),
        ("end_ns", np.int64),
        ("exercise", "U20"),
        ("side", "U5"),
        ("hold_s", np.float64),  # at the posture itself, without the way there; NaN: no hold
        ("size", np.float64),  # pitch [deg], of step-ups the step's height [m]
        ("counts", np.bool_),  # False: a third of the way or less, or without weight
        ("is_good", np.bool_),  # False: as `Manner.fault_share` says
    ]
)
CROSSING_DTYPE: Final = np.dtype(
    [("start_ns", np.int64), ("end_ns", np.int64), ("side", "U5")]  # the leg on top
)


@dataclass(frozen=True, slots=True)
class Labels:
    """Structured arrays per side, ascending in time; times are the recording's.

    Attributes
    ----------
    contacts : CONTACT_DTYPE
        Initial contacts. Strike types are those of the exact onsets of load: toe at a heel lead
        <= -35 ms and a pitch <= -4 deg; flat within +-8 ms and -1..+5 deg; heel at >= +50 ms and
        >= +11 deg. gait.md's limits (-20, +20 ms; 0, 8 deg) lie between with a margin of at least
        12 ms and 3 deg, because nobody can be held to a label on the edge of a definition.
    toe_offs : TOE_OFF_DTYPE
        Ends of push-off. Where the toe drags from there, load goes on.
    drags : DRAG_DTYPE
        Toe drags; 4.5 to 20 % of the stance peak unless set otherwise, at least 60 ms long. The
        end of the recording cuts one off.
    strides : STRIDE_DTYPE
        One per contact.
    phases : PHASE_DTYPE
        What the person did, by `Phase.kind`.
    exercises, repetitions : SET_DTYPE, REPETITION_DTYPE
        Sets of exercises that ended within the recording.
    crossings : CROSSING_DTYPE
        Times with the legs crossed while seated.
    """

    contacts: Mapping[Side, NDArray[Any]]
    toe_offs: Mapping[Side, NDArray[Any]]
    drags: Mapping[Side, NDArray[Any]]
    strides: Mapping[Side, NDArray[Any]]
    phases: NDArray[Any]
    exercises: NDArray[Any]
    repetitions: NDArray[Any]
    crossings: NDArray[Any]


def make_labels(
    landings: Iterable[Landing],
    phases: Iterable[Span],
    end_s: float,
    sets: Iterable[SetRecord] = (),
    acts: Iterable[Act] = (),
) -> Labels:
    """Return the labels of what happened before `end_s`."""
    by_side: dict[Side, list[Landing]] = {side: [] for side in SIDES}
    for landing in landings:
        by_side[landing.side].append(landing)
    contacts, toe_offs, drags, strides = {}, {}, {}, {}
    for side, mine in by_side.items():
        landed = [item for item in mine if item.stance.contact_s < end_s]
        contacts[side] = np.array([_contact(item) for item in landed], dtype=CONTACT_DTYPE)
        strides[side] = np.array([_stride(item) for item in landed], dtype=STRIDE_DTYPE)
        swings = [item.swing for item in mine if item.swing and item.swing.before.off_s < end_s]
        offs = [(_ns(swing.before.off_s),) for swing in swings]
        toe_offs[side] = np.array(offs, dtype=TOE_OFF_DTYPE)
        touched = [s.drag for s in swings if s.drag.kind != FREE and s.drag.start_s < end_s]
        rows = [(_ns(d.start_s), _ns(min(d.end_s, end_s)), d.kind, d.level) for d in touched]
        drags[side] = np.array(rows, dtype=DRAG_DTYPE)
    spans = [
        (_ns(span.start_s), _ns(min(span.end_s, end_s)), span.phase.kind)
        for span in phases
        if span.start_s < end_s
    ]
    phase_rows = np.array(spans, dtype=PHASE_DTYPE)
    whole = sorted((s for s in sets if s.end_s <= end_s), key=lambda item: item.start_s)
    return Labels(
        contacts, toe_offs, drags, strides, phase_rows, *_exercises(whole), _crossings(acts, end_s)
    )


def _exercises(sets: Iterable[SetRecord]) -> tuple[NDArray[Any], NDArray[Any]]:
    rows, parts = [], []
    for item in sets:
        count = sum(part[4] for part in item.repetitions)
        rows.append((_ns(item.start_s), _ns(item.end_s), item.exercise, item.side, count))
        for start_s, end_s, hold_s, size, counts, is_good in item.repetitions:
            what = (item.exercise, item.side, hold_s, size, counts, is_good)
            parts.append((_ns(start_s), _ns(end_s), *what))
    return np.array(rows, dtype=SET_DTYPE), np.array(parts, dtype=REPETITION_DTYPE)


def _crossings(acts: Iterable[Act], end_s: float) -> NDArray[Any]:
    rows = [
        (_ns(act.start_s), _ns(min(act.end_s, end_s)), act.side)
        for act in acts
        if act.crosses and act.start_s < end_s
    ]
    return np.array(sorted(rows), dtype=CROSSING_DTYPE)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _contact(landing: Landing) -> tuple[int, int, float, float]:
    stance = landing.stance
    pitch = float(np.degrees(stance.pitch))
    return _ns(stance.contact_s), landing.strike, landing.lead_s * 1e3, pitch


def _stride(landing: Landing) -> tuple[object, ...]:
    swing, previous = landing.swing, landing.previous_contact_s
    if swing is None:
        raise ValueError("a landing without a swing has no stride")
    before = MISSING_NS if previous is None else _ns(previous)
    times = (_ns(landing.stance.contact_s), before, _ns(swing.before.off_s))
    return (*times, landing.turning, *_spatial(swing))


def _spatial(swing: Swing) -> tuple[float, ...]:
    """Return length, MTC, lift, lateral excursion, largest and toe-off pitch of a swing."""
    t = np.linspace(swing.before.off_s, swing.after.contact_s, _GRID)
    pose = swing.pose(t)
    size = swing.before.length_m
    ankle = pose.point(0.2 * size, 0.0, 0.08)
    chord = np.subtract(swing.after.place, swing.before.place)
    length = float(np.hypot(*chord))
    offset = ankle[:, :2] - np.array(swing.before.place)
    offset -= 0.2 * size * np.array([np.cos(swing.before.yaw), np.sin(swing.before.yaw)])
    across = (chord[0] * offset[:, 1] - chord[1] * offset[:, 0]) / max(length, 1e-9)
    return (
        length,
        _first_minimum(pose.point(size, 0.0, 0.0)[:, 2]) * 1e3,
        float(pose.heel[:, 2].max()) * 1e3,
        float(np.abs(across).max()) * 1e3,
        float(np.degrees(pose.pitch.max())),
        float(np.degrees(swing.before.off_pitch)),
    )


def _first_minimum(height: NDArray[np.float64]) -> float:
    """Return the first local minimum after the first local maximum, NaN where there is none."""
    rising = np.sign(np.where(np.abs(np.diff(height)) < 1e-9, 0.0, np.diff(height)))
    peaks = np.flatnonzero((rising[:-1] > 0) & (rising[1:] <= 0))
    if not peaks.size:
        return float("nan")
    after = np.flatnonzero(rising[peaks[0] + 1 :] > 0)
    return float(height[peaks[0] + 1 + after[0]]) if after.size else float("nan")

"""Healthy walks on insoles: the vendor's steps, strike types, alternation, IMU against pressure."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kernels.evaluation.figures import (
    Figure,
    Goal,
    Provenance,
    error_figure,
    f1_figure,
    share_figure,
    spread_figure,
)
from kernels.evaluation.matching import Match, match
from kernels.evaluation.segment import landings, plain_swings
from kernels.evaluation.signals import Found, Signals, run
from kernels.walk_records import Side

__all__ = [
    "FALSE_TOE_FIRST",
    "InsoleWalk",
    "cross_check",
    "healthy_figures",
    "latency",
    "vendor_figures",
]

MATCH_S: Final = 0.05
SAME_EVENT_S: Final = 0.1
SAME_STEP_S: Final = 0.15
"""The sole lands before the insole bears: the IMU alone dates a slow contact so much earlier."""
LEAD_S: Final = 0.02
"""The forefoot leads a toe-first landing by this at least (gait.md)."""
INSOLE_MS: Final = Goal("at most", 15.0)
FALSE_TOE_FIRST: Final = Goal("at most", 1.0)
HEEL_FIRST: Final = Goal("at least", 95.0)
FALSE_DRAGS: Final = Goal("at most", 1.0)
WITHIN_20_MS: Final = Goal("at least", 90.0)
DECIDED_MS: Final = Goal("at most", 100.0)
Floats = NDArray[np.float64]
_UNKNOWN = Provenance.UNKNOWN


@dataclass(frozen=True, slots=True)
class InsoleWalk:
    """A walk with load, and per foot the vendor's (contacts, toe offs) [s] where it has them."""

    name: str
    signals: Signals
    steps: Mapping[Side, tuple[Floats, Floats]] = field(default_factory=dict)

    def without_imu(self) -> "InsoleWalk":
        """Return the same walk, pressure alone."""
        return InsoleWalk(
            self.name, {side: s.without_imu() for side, s in self.signals.items()}, self.steps
        )


def vendor_figures(data: str, walks: Sequence[InsoleWalk]) -> list[Figure]:
    """Return the agreement with the steps that the device's vendor detected itself.

    Errors of toe off are shown as they are, and with one constant offset per walk taken out.
    """
    contacts: list[Match] = []
    toe_offs: list[list[Match]] = []
    for walk in walks:
        found = run(walk.signals)
        toe_offs.append([])
        for side, (contact_s, toe_off_s) in walk.steps.items():
            ours = found.times_s(side, "initial_contact")
            contacts.append(match(contact_s, ours, MATCH_S, span_s=SAME_EVENT_S))
            toe_offs[-1].append(match(toe_off_s, found.times_s(side, "toe_off"), SAME_EVENT_S))
    counts = _total(contacts)
    errors = 1e3 * _errors(contacts)
    offs = [1e3 * _errors(walk) for walk in toe_offs]
    level = np.concatenate([e - np.median(e) for e in offs if len(e)] or [np.empty(0)])
    near = int((np.abs(errors) <= 20).sum())
    n = counts[0] + counts[1]
    note = "the vendor's own detection, from the same insole"
    more: dict[str, Any] = {"note": note}
    return [
        f1_figure(data, "contacts within 50 ms of the vendor's", counts, _UNKNOWN, **more),
        share_figure(data, "... within 20 ms", near, n, _UNKNOWN, goal=WITHIN_20_MS, **more),
        error_figure(data, "contact, mean error", "ms", errors, _UNKNOWN, goal=INSOLE_MS, **more),
        error_figure(
            data,
            "toe off, mean error",
            "ms",
            np.concatenate(offs),
            _UNKNOWN,
            goal=INSOLE_MS,
            reason=_force_at_toe_off(walks),
            **more,
        ),
        error_figure(
            data,
            "toe off, mean error, offset of each walk removed",
            "ms",
            level,
            _UNKNOWN,
            goal=INSOLE_MS,
            **more,
        ),
    ]


def _force_at_toe_off(walks: Iterable[InsoleWalk]) -> str:
    """Say how much load the foot still bears at the vendor's toe offs."""
    shares = []
    for walk in walks:
        for side, (_, toe_off_s) in walk.steps.items():
            signal = walk.signals[side]
            total = np.nansum(signal.cells, axis=1)
            at = np.interp(toe_off_s, signal.time_s, total)
            shares += (100 * at / np.nanpercentile(total, 95)).tolist()
    if not shares:
        return ""
    return (
        f"at the vendor's toe off the foot still bears {np.median(shares):.0f} % of its peak "
        "(median); ours is the end of load"
    )


def healthy_figures(data: str, walks: Sequence[InsoleWalk], all_heel_first: bool) -> list[Figure]:
    """Return strike types, alternation, steps and false drags of healthy walks.

    `all_heel_first`: it is known that every landing is. Otherwise a toe-first landing counts as
    false where the whole signal, looked at afterwards, does not show the forefoot 20 ms ahead.
    """
    heel = toe_false = landed = drags = swings = alternating = pairs = 0
    steps: list[Match] = []
    for walk in walks:
        found = run(walk.signals)
        good, even = _alternation(found)
        alternating, pairs = alternating + good, pairs + even
        for side, signal in walk.signals.items():
            judged = landings(signal)
            contacts = [e for e in found.events[side] if e.event == "initial_contact"]
            near = match(
                [x.contact_s for x in judged], [e.time_ns / 1e9 for e in contacts], SAME_EVENT_S
            )
            steps.append(near)
            landed += len(contacts)
            heel += sum(e.detail == "heel" for e in contacts)
            led = {int(j) for i, j in near.pairs if judged[i].heel_lead_s <= -LEAD_S}
            known = set() if all_heel_first else led
            toe_false += sum(e.detail == "toe" and j not in known for j, e in enumerate(contacts))
            drags += len(found.times_s(side, "toe_drag"))
            swings += len(plain_swings(signal))
    share = "toe-first contacts that were none"
    note = "" if all_heel_first else "turns included; landings around a turn need not be heel-first"
    return [
        share_figure(
            data, "heel-first contacts", heel, landed, _UNKNOWN, goal=HEEL_FIRST, note=note
        ),
        share_figure(data, share, toe_false, landed, _UNKNOWN, goal=FALSE_TOE_FIRST),
        share_figure(data, "contacts that alternate left and right", alternating, pairs, _UNKNOWN),
        f1_figure(
            data,
            "contacts against those seen in the whole signal",
            _total(steps),
            _UNKNOWN,
            note="the begin and the end of a recording cut a stance in two",
        ),
        share_figure(
            data,
            "false drags",
            drags,
            swings,
            _UNKNOWN,
            per=1000.0,
            unit="per 1000 swings",
            goal=FALSE_DRAGS,
        ),
    ]


def _alternation(found: Found) -> tuple[int, int]:
    """Return how many of the pairs of contacts less than 2 s apart are of different feet."""
    order = sorted((s.time_ns, side) for side, strides in found.strides.items() for s in strides)
    near = [(a[1], b[1]) for a, b in itertools.pairwise(order) if b[0] - a[0] < 2e9]
    return sum(a != b for a, b in near), len(near)


def cross_check(data: str, walks: Sequence[InsoleWalk]) -> list[Figure]:
    """Return how the IMU alone agrees with pressure alone on the same walks."""
    rows = []
    for event, word in (("initial_contact", "contact"), ("toe_off", "toe off")):
        pairs = []
        for walk in walks:
            pressure = run({side: s.without_imu() for side, s in walk.signals.items()})
            inertial = run({side: s.without_load() for side, s in walk.signals.items()})
            for side in walk.signals:
                wanted, ours = pressure.times_s(side, event), inertial.times_s(side, event)
                pairs.append(match(wanted, ours, SAME_STEP_S, span_s=0.3))
        errors = 1e3 * _errors(pairs)
        middle = float(np.median(errors)) if len(errors) else math.nan
        note = f"IMU {middle:+.0f} ms against pressure; n is what pressure found"
        name = f"{word}s of the IMU alone within 150 ms of pressure's"
        rows += [
            f1_figure(data, name, _total(pairs), _UNKNOWN, note=note),
            spread_figure(data, f"... {word}, mean error, offset removed", "ms", errors, _UNKNOWN),
        ]
    return rows


def latency(data: str, walks: Sequence[InsoleWalk]) -> Figure:
    """Return the longest wait from a contact to its strike type, in signal time."""
    waits = [
        (event.decided_ns - event.time_ns) / 1e6
        for walk in walks
        for events in run(walk.signals).events.values()
        for event in events
        if event.event == "initial_contact"
    ]
    longest = max(waits, default=math.nan)
    name = "longest wait for a strike type"
    return Figure(
        data, name, "ms", longest, len(waits), (math.nan, math.nan), _UNKNOWN, goal=DECIDED_MS
    )


def _total(matches: Iterable[Match]) -> tuple[int, int, int]:
    hits, missed, extra = (sum(m.counts[k] for m in matches) for k in range(3))
    return hits, missed, extra


def _errors(matches: Iterable[Match]) -> Floats:
    return np.concatenate([m.errors_s for m in matches] or [np.empty(0)])

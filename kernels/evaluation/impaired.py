"""Drags and toe-first landings put into real walks, and how the kernel reads them.

Walks are disturbed as well (see `perturb.DISTURBANCES`), each healthy and impaired. What the foot
did stays known exactly: from what was put in, and for untouched landings from the whole signal.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from kernels.evaluation.figures import Figure, Goal, Provenance, f1_figure, share_figure
from kernels.evaluation.insole import FALSE_TOE_FIRST, InsoleWalk
from kernels.evaluation.matching import match
from kernels.evaluation.perturb import (
    Disturbance,
    Drag,
    DragName,
    drag,
    drift,
    land_toe_first,
    looped,
)
from kernels.evaluation.segment import Swing, plain_swings, stances
from kernels.evaluation.signals import Found, Signal, run
from kernels.walk_records import Side

__all__ = [
    "Foot",
    "Score",
    "disturbed",
    "drag_figures",
    "hour_of_drift",
    "impair",
    "pooled_figures",
    "repeated",
    "score",
    "scores",
    "study_figures",
]

MATCH_S: Final = 0.05
SAME_EVENT_S: Final = 0.1
LEAD_S: Final = 0.02
TOE_LEADS_S: Final = (0.03, 0.10)
LEVELS: Final = (0.03, 0.20)
"""Load held on the forefoot, as share of the stance peak: drawn evenly on a logarithmic scale."""
BANDS: Final = ((0.03, 0.05), (0.05, 0.10), (0.10, 0.20))
DRAGGED: Final = 0.25
TOE_FIRST: Final = 0.25
"""Shares of the plain swings that get a drag, and that are made to land toe-first."""
SLACK_S: Final = 0.06
HOUR_NS: Final = 3_600_000_000_000
PAUSE_NS: Final = 3_000_000_000
"""Between two rounds of a repeated walk nothing is recorded, so that no step is cut in two."""
STRIKES: Final = Goal("at least", 95.0)
DRAGS: Final = Goal("at least", 0.95)
FALSE_DRAGS: Final = Goal("at most", 1.0)
_TUNED = Provenance.TUNED
"""The kernel was changed after earlier runs of this very study, other seeds, same walks."""


@dataclass(frozen=True, slots=True)
class Foot:
    """One foot's signal and what is known to be in it, all times in seconds.

    Attributes
    ----------
    signal : Signal
    contacts : tuple of (time, strike)
        Landings of plain swings, "heel" or "toe"; "" where how it lands is not laid down.
    drags : tuple of Drag
    steps : tuple of float
        Every landing, also of swings that are not plain: a contact there is no false one.
    healthy : int
        Plain swings without a drag.
    """

    signal: Signal
    contacts: tuple[tuple[float, str], ...]
    drags: tuple[Drag, ...]
    steps: tuple[float, ...]
    healthy: int


@dataclass(slots=True)
class Score:
    """Counts over any number of feet."""

    contacts: list[int] = field(default_factory=lambda: [0, 0, 0])
    strikes: int = 0
    strikes_right: int = 0
    heels: int = 0
    heels_called_toe: int = 0
    drags: list[int] = field(default_factory=lambda: [0, 0, 0])
    kinds_right: int = 0
    healthy: int = 0
    found_by: dict[tuple[str, float], list[int]] = field(default_factory=dict)
    false_in: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Score") -> None:
        """Take the counts of another in."""
        for name in ("contacts", "drags"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, [a + b for a, b in zip(mine, theirs, strict=True)])
        for name in (
            "strikes",
            "strikes_right",
            "heels",
            "heels_called_toe",
            "kinds_right",
            "healthy",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.false_in.update(other.false_in)
        for key, (hits, n) in other.found_by.items():
            mine = self.found_by.setdefault(key, [0, 0])
            mine[0] += hits
            mine[1] += n


# -- making -----------------------------------------------------------------------------------


def impair(
    signal: Signal,
    rng: np.random.Generator,
    dragged: float = DRAGGED,
    toe_first: float = TOE_FIRST,
) -> Foot:
    """Return the foot with shares of its plain swings impaired; 0 and 0 leave it healthy."""
    load = signal.cells.copy()
    drags: list[Drag] = []
    contacts = []
    swings = plain_swings(signal)
    for swing in swings:
        drawn = rng.uniform()
        strike = "heel" if swing.heel_lead_s >= LEAD_S else ""
        if drawn < dragged:
            drags.append(_put_drag(signal, load, swing, rng))
            strike = ""
        elif drawn < dragged + toe_first and strike:
            land_toe_first(signal, load, swing, rng.uniform(*TOE_LEADS_S))
            strike = "toe"
        contacts.append((swing.contact_s, strike))
    steps = tuple(float(signal.time_s[first]) for first, _ in stances(signal))
    changed = Signal(signal.config, signal.time_ns, load, signal.imu)
    return Foot(changed, tuple(contacts), tuple(drags), steps, len(swings) - len(drags))


def _put_drag(
    signal: Signal, load: NDArray[np.float32], swing: Swing, rng: np.random.Generator
) -> Drag:
    kinds: tuple[DragName, ...] = get_args(DragName)
    kind = kinds[int(rng.integers(len(kinds)))]
    level = float(np.exp(rng.uniform(*np.log(LEVELS))))
    return drag(signal, load, swing, kind, level, rng)


def disturbed(foot: Foot, disturbance: Disturbance, rng: np.random.Generator) -> Foot:
    """Return the foot as disturbed sensors saw it; its labels follow where times are stretched."""
    f = disturbance.stretched
    signal = disturbance.apply(foot.signal, rng)
    drags = tuple(Drag(d.kind, f * d.start_s, f * d.stop_s, d.share) for d in foot.drags)
    contacts = tuple((f * time_s, strike) for time_s, strike in foot.contacts)
    steps = tuple(f * time_s for time_s in foot.steps)
    return Foot(signal, contacts, drags, steps, foot.healthy)


def repeated(foot: Foot, rounds: int, round_ns: int) -> Foot:
    """Return the foot `rounds` times over, with all that is known of it (see `perturb.looped`)."""
    starts_s = [k * round_ns / 1e9 for k in range(rounds)]
    return Foot(
        looped(foot.signal, rounds, round_ns),
        tuple((s + time_s, strike) for s in starts_s for time_s, strike in foot.contacts),
        tuple(
            Drag(d.kind, s + d.start_s, s + d.stop_s, d.share) for s in starts_s for d in foot.drags
        ),
        tuple(s + time_s for s in starts_s for time_s in foot.steps),
        rounds * foot.healthy,
    )


# -- scoring ----------------------------------------------------------------------------------


def score(feet: Mapping[Side, Foot], name: str = "") -> Score:
    """Run the kernel over both feet of a walk and count what it says against what is known."""
    found = run({side: foot.signal for side, foot in feet.items()})
    total = Score()
    for side, foot in feet.items():
        total.add(_score_landings(found, side, foot))
        total.add(_score_drags(found, side, foot))
    total.false_in = Counter({name: total.drags[2]}) if total.drags[2] else Counter()
    return total


def _score_landings(found: Found, side: Side, foot: Foot) -> Score:
    events = [e for e in found.events[side] if e.event == "initial_contact"]
    times = np.array([e.time_ns / 1e9 for e in events])
    near = match([t for t, _ in foot.contacts], times, MATCH_S)
    real = match(foot.steps, times, SAME_EVENT_S)
    false = len(set(near.extra.tolist()) & set(real.extra.tolist()))
    said = {int(i): events[j].detail for i, j in near.pairs}
    known = [(said.get(i), strike) for i, (_, strike) in enumerate(foot.contacts) if strike]
    heels = [answer for answer, strike in known if strike == "heel"]
    return Score(
        contacts=[len(near.pairs), len(near.missed), false],
        strikes=len(known),
        strikes_right=sum(answer == strike for answer, strike in known),
        heels=len(heels),
        heels_called_toe=sum(answer == "toe" for answer in heels),
        healthy=foot.healthy,
    )


def _score_drags(found: Found, side: Side, foot: Foot) -> Score:
    """Count drag events, each used once; a second one of the same drag is false."""
    free = sorted(e.time_ns / 1e9 for e in found.events[side] if e.event == "toe_drag")
    total = Score()
    for put_in in foot.drags:
        inside = [t for t in free if put_in.start_s - SLACK_S <= t <= put_in.stop_s + SLACK_S]
        hit = bool(inside)
        if hit:
            free.remove(inside[0])
        total.drags[0 if hit else 1] += 1
        total.kinds_right += _kind_after(found, side, put_in) == put_in.kind
        band = next((low for low, high in BANDS if put_in.share < high), BANDS[-1][0])
        count = total.found_by.setdefault((put_in.kind, band), [0, 0])
        count[0] += hit
        count[1] += 1
    total.drags[2] = len(free)
    return total


def _kind_after(found: Found, side: Side, put_in: Drag) -> str | None:
    """Return the kind of drag in the stride that closes after the drag began."""
    after = (s for s in found.strides[side] if s.time_ns / 1e9 >= put_in.start_s + SLACK_S)
    stride = next(after, None)
    return None if stride is None else stride.toe_drag


def scores(
    walks: Sequence[InsoleWalk],
    disturbances: Sequence[Disturbance],
    seed: int,
    toe_first: float = TOE_FIRST,
) -> Iterator[tuple[str, Score, Score]]:
    """Yield (disturbance, healthy, impaired) for each disturbance, over all walks."""
    for index, disturbance in enumerate(disturbances):
        rng = np.random.default_rng([seed, index])
        sums = Score(), Score()
        for walk in walks:
            for total, dragged, toes in zip(sums, (0.0, DRAGGED), (0.0, toe_first), strict=True):
                feet = {
                    side: disturbed(impair(signal, rng, dragged, toes), disturbance, rng)
                    for side, signal in walk.signals.items()
                }
                total.add(score(feet, walk.name))
        yield disturbance.name, *sums


def hour_of_drift(walks: Sequence[InsoleWalk], seed: int) -> tuple[Score, Score]:
    """Return (healthy, impaired) of walks repeated for an hour while every cell drifts."""
    rng = np.random.default_rng(seed)
    sums = Score(), Score()
    for walk in walks:
        lasts_ns = max(int(s.time_ns[-1]) for s in walk.signals.values())
        round_ns = lasts_ns + PAUSE_NS
        rounds = max(1, HOUR_NS // round_ns)
        for total, share in zip(sums, (0.0, DRAGGED), strict=True):
            feet = {}
            for side, signal in walk.signals.items():
                foot = repeated(impair(signal, rng, share, share), rounds, round_ns)
                feet[side] = replace(foot, signal=drift(foot.signal, rng))
            total.add(score(feet, walk.name))
    return sums


# -- the table --------------------------------------------------------------------------------


def study_figures(data: str, healthy: Score, impaired: Score, swings: int) -> list[Figure]:
    """Return the rows of one disturbance.

    Parameters
    ----------
    data : str
        The walks and what was done to them.
    healthy, impaired : Score
    swings : int
        How many different plain swings were recorded: intervals rest on no more than these.
    """
    both = Score()
    both.add(healthy)
    both.add(impaired)
    hits, missed, extra = both.contacts
    return [
        f1_figure(data, "contacts within 50 ms", (hits, missed, extra), _TUNED, swings),
        share_figure(
            data,
            "strike types right",
            both.strikes_right,
            both.strikes,
            _TUNED,
            independent=swings,
            goal=STRIKES,
            note=f"{both.strikes - both.heels} made toe-first; a missed contact is wrong",
        ),
        share_figure(
            data,
            "heel-first contacts called toe-first",
            both.heels_called_toe,
            both.heels,
            _TUNED,
            independent=swings,
            goal=FALSE_TOE_FIRST,
        ),
        *drag_figures(data, healthy, impaired, swings),
    ]


def drag_figures(data: str, healthy: Score, impaired: Score, swings: int) -> list[Figure]:
    """Return drags found in impaired walks and false ones in healthy walks."""
    hits, missed, extra = impaired.drags
    return [
        f1_figure(data, "drags", (hits, missed, extra), _TUNED, swings, goal=DRAGS),
        share_figure(
            data,
            "false drags",
            healthy.drags[2],
            healthy.healthy,
            _TUNED,
            per=1000.0,
            unit="per 1000 swings",
            independent=swings,
            goal=FALSE_DRAGS,
            note=", ".join(f"{name}: {n}" for name, n in healthy.false_in.most_common(4)),
        ),
    ]


def pooled_figures(data: str, healthy: Score, impaired: Score, swings: int) -> list[Figure]:
    """Return drags and false drags over every disturbance, and drags by kind and level."""
    put_in = impaired.drags[0] + impaired.drags[1]
    rows = [
        *drag_figures(data, healthy, impaired, swings),
        share_figure(
            data, "kind of drag right", impaired.kinds_right, put_in, _TUNED, independent=swings
        ),
    ]
    highs = dict(BANDS)
    for (kind, band), (hits, n) in sorted(impaired.found_by.items()):
        levels = f"{100 * band:.0f} to {100 * highs[band]:.0f} % of stance peak"
        name = f"{kind.replace('_', ' ')} found, {levels}"
        rows.append(share_figure(data, name, hits, n, _TUNED, independent=swings))
    return rows

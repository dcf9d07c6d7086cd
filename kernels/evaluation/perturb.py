"""Real signals changed so that what is in them is known exactly.

Impairments change single strides and return what they did: a landing made toe-first, a drag put
into a swing. Disturbances (`DISTURBANCES` and the functions they name) change a whole signal as
worn sensors and other devices would, and leave what the foot did as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from kernels.evaluation.segment import Swing
from kernels.evaluation.signals import Signal

__all__ = [
    "DISTURBANCES",
    "Disturbance",
    "Drag",
    "DragName",
    "drag",
    "drift",
    "gain",
    "land_toe_first",
    "looped",
    "lose_cell",
    "noise",
    "resample",
    "stretch",
]

DragName = Literal["late_release", "scuff", "full"]
Floats = NDArray[np.float64]
RAMP_S: Final = 0.015
"""How fast the ground takes and leaves the dragging toes."""
FLUTTER: Final = 0.1
"""Spread of the drag's load about its level."""
BEFORE_ONSET_S: Final = 0.02
"""Load begins this long before it reaches the level at which a contact is dated."""
PUSH_OFF_S: Final = 0.15
"""The last part of a stance, which says how the forefoot's cells share a load."""


@dataclass(frozen=True, slots=True)
class Drag:
    """What was put in: from when to when the forefoot is held, at which share of the peak."""

    kind: DragName
    start_s: float
    stop_s: float
    share: float


# -- impairments ----------------------------------------------------------------------------


def land_toe_first(signal: Signal, load: NDArray[np.float32], swing: Swing, lead_s: float) -> None:
    """Make the landing after a swing toe-first, in place: the heel comes `lead_s` later.

    Heel and midfoot take load later by `lead_s`, and catch up by mid-stance; what they do not carry
    meanwhile the forefoot does, so the total load, and with it the contact's time, stays.

    Parameters
    ----------
    signal : Signal
        The untouched foot.
    load : float32[n, cells]
        What is changed.
    swing : Swing
        Of `signal`.
    lead_s : float
        How much later the heel takes load [s], less than to mid-stance.
    """
    time_s, cells = signal.time_s, signal.cells.astype(np.float64)
    begin, middle = swing.contact_s - BEFORE_ONSET_S, float(time_s[swing.middle])
    rows = np.flatnonzero((time_s >= begin) & (time_s < middle))
    rate = (middle - begin) / (middle - begin - lead_s)
    source = begin + np.maximum(time_s[rows] - begin - lead_s, 0.0) * rate
    forefoot = signal.region("forefoot")
    late = np.column_stack([np.interp(source, time_s, cell) for cell in cells.T[~forefoot]])
    owed = np.maximum(cells[rows][:, ~forefoot].sum(1) - late.sum(1), 0.0)
    load[np.ix_(rows, ~forefoot)] = late
    load[np.ix_(rows, forefoot)] += owed[:, None] * _sharing(signal, swing, forefoot)


def drag(
    signal: Signal,
    load: NDArray[np.float32],
    swing: Swing,
    kind: DragName,
    share: float,
    rng: np.random.Generator,
) -> Drag:
    """Hold load on the forefoot during a swing, in place, and return what was done.

    late_release: from push-off until 0.30 to 0.55 of the swing. scuff: 60 to 150 ms from 0.35 to
    0.50 of the swing, over by 0.8 of it. full: from push-off until the landing.

    Parameters
    ----------
    signal, load, swing
        As for `land_toe_first`.
    kind : {"late_release", "scuff", "full"}
    share : float
        Level, as share of the stance peak before the swing.
    rng : numpy.random.Generator
        Draws where and how evenly.
    """
    forefoot = signal.region("forefoot")
    natural = np.asarray(np.nansum(signal.cells[:, forefoot], axis=1, dtype=np.float64))
    start, stop = _when(signal.time_s, natural, swing, kind, share * swing.peak, rng)
    level = share * swing.peak * _envelope(signal.time_s, start, stop, kind)
    rows = np.flatnonzero(level > 0)
    level = level[rows] * rng.uniform(1 - FLUTTER, 1 + FLUTTER, len(rows))
    missing = np.maximum(level - natural[rows], 0.0)
    load[np.ix_(rows, forefoot)] += missing[:, None] * _sharing(signal, swing, forefoot)
    return Drag(kind, start, stop, share)


def _when(
    time_s: Floats,
    natural: Floats,
    swing: Swing,
    kind: DragName,
    level: float,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return begin and end [s]: a push-off becomes a drag where its load falls to the level."""
    toe_off, lasts = swing.toe_off_s, swing.contact_s - swing.toe_off_s
    if kind == "scuff":
        start = toe_off + rng.uniform(0.35, 0.50) * lasts
        return start, min(start + rng.uniform(0.06, 0.15), toe_off + 0.8 * lasts)
    above = np.flatnonzero((time_s <= toe_off) & (natural >= level))
    start = float(time_s[above[-1]]) if len(above) else toe_off
    if kind == "full":
        return start, swing.contact_s
    return start, toe_off + rng.uniform(0.30, 0.55) * lasts


def _envelope(time_s: Floats, start: float, stop: float, kind: DragName) -> Floats:
    """Return 0..1 over time; drags that begin at push-off or end at landing have no ramp there."""
    rise = (time_s - start) / RAMP_S if kind == "scuff" else (time_s >= start) * 1.0
    fall = (stop - time_s) / RAMP_S if kind != "full" else (time_s <= stop + 0.05) * 1.0
    return np.asarray(np.clip(np.minimum(rise, fall), 0.0, 1.0))


def _sharing(signal: Signal, swing: Swing, forefoot: NDArray[np.bool_]) -> Floats:
    """Return how the forefoot's cells share a load: as in the push-off before the swing."""
    time_s = signal.time_s
    rows = (time_s >= swing.toe_off_s - PUSH_OFF_S) & (time_s < swing.toe_off_s)
    cells = signal.cells[np.ix_(rows, forefoot)].astype(np.float64)
    mean = np.asarray(np.nanmean(cells, axis=0))
    return np.asarray(mean / mean.sum() if mean.sum() > 0 else np.full(len(mean), 1 / len(mean)))


# -- disturbances ---------------------------------------------------------------------------


def gain(signal: Signal, rng: np.random.Generator, spread: float = 0.2) -> Signal:
    """Return the signal with each cell's gain off by up to `spread`."""
    cells = signal.cells
    factors = rng.uniform(1 - spread, 1 + spread, cells.shape[1])
    return replace(signal, load=(cells * factors).astype(np.float32))


def drift(signal: Signal, rng: np.random.Generator, per_hour: float = 0.05) -> Signal:
    """Return the signal with each cell's zero drifting by `per_hour` of its range, up or down.

    A zero that drifts down begins above nought: below it a cell would hide loads, and with them
    what is known to be in the signal.
    """
    cells = signal.cells
    hours = (signal.time_s - signal.time_s[0]) / 3600
    size = per_hour * np.nanpercentile(cells, 99, axis=0)
    down = rng.uniform(size=cells.shape[1]) < 0.5
    zero = np.where(down, hours[-1] - hours[:, None], hours[:, None]) * size
    return replace(signal, load=(cells + zero).astype(np.float32))


def noise(signal: Signal, rng: np.random.Generator, share: float = 0.003) -> Signal:
    """Return the signal with white noise of `share` of the total's 95th percentile per cell."""
    cells = signal.cells
    sigma = share * np.nanpercentile(np.nansum(cells, axis=1), 95)
    noisy = cells + rng.normal(0.0, sigma, cells.shape)
    return replace(signal, load=np.maximum(noisy, 0).astype(np.float32))


def lose_cell(signal: Signal, cell: int, how: Literal["missing", "dead", "stuck"]) -> Signal:
    """Return the signal with one cell gone from a third of it on.

    missing: NaN; dead: 0; stuck: it stays at what it last gave.
    """
    load = signal.cells.copy()
    third = len(load) // 3
    load[third:, cell] = {"missing": np.nan, "dead": 0.0, "stuck": load[third, cell]}[how]
    return replace(signal, load=load)


def resample(signal: Signal, rate_hz: float) -> Signal:
    """Return the signal at another rate: linear, each new sample the mean over its period."""
    old_s = signal.time_s
    new_s = np.arange(old_s[0], old_s[-1], 1 / rate_hz)
    period_s = float(np.median(np.diff(old_s)))
    offsets = (np.arange(max(1, round(1 / (rate_hz * period_s)))) + 0.5) * period_s
    offsets -= offsets.mean()

    def at_new(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        if values is None:
            return None
        parts = [[np.interp(new_s + d, old_s, v) for v in values.T] for d in offsets]
        return np.ascontiguousarray(np.mean(parts, axis=0).T, np.float32)

    time_ns = np.round(new_s * 1e9).astype(np.int64)
    return replace(signal, time_ns=time_ns, load=at_new(signal.load), imu=at_new(signal.imu))


def stretch(signal: Signal, factor: float) -> Signal:
    """Return the signal with all times by `factor`; without IMU, whose numbers would be wrong."""
    time_ns = np.round(signal.time_ns * factor).astype(np.int64)
    return replace(signal.without_imu(), time_ns=time_ns)


def looped(signal: Signal, rounds: int, round_ns: int) -> Signal:
    """Return the signal `rounds` times over, each `round_ns` after the one before.

    A `round_ns` longer than the signal leaves a hole without samples in between.
    """
    time_ns = np.concatenate([signal.time_ns + k * round_ns for k in range(rounds)])
    load, imu = (
        None if part is None else np.tile(part, (rounds, 1)) for part in (signal.load, signal.imu)
    )
    return Signal(signal.config, time_ns, load, imu)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A disturbance with its settings: `apply(signal, rng)`; `stretched` scales its times."""

    name: str
    apply: Callable[[Signal, np.random.Generator], Signal]
    stretched: float = 1.0


def _losing(turn: int, how: Literal["missing", "dead", "stuck"]) -> Disturbance:
    def apply(signal: Signal, _: np.random.Generator) -> Signal:
        return lose_cell(signal, turn % signal.cells.shape[1], how)

    return Disturbance(f"one cell {how}", apply)


def _sampled(rate_hz: float) -> Disturbance:
    return Disturbance(f"sampled at {rate_hz:g} Hz", lambda s, _: resample(s, rate_hz))


def _slower(factor: float) -> Disturbance:
    return Disturbance(f"walked {factor:g} times as long", lambda s, _: stretch(s, factor), factor)


DISTURBANCES: Final[tuple[Disturbance, ...]] = (
    *(Disturbance("", lambda signal, _: signal) for _ in range(4)),
    Disturbance("gain of each cell off by up to 20 %", gain),
    Disturbance("noise of 0.3 % of the stance peak per cell", noise),
    *(_sampled(rate) for rate in (25.0, 50.0, 75.0, 150.0, 300.0)),
    *(_slower(factor) for factor in (0.75, 1.5, 2.0)),
    *(_losing(turn, "missing") for turn in range(16)),
    *(_losing(turn, "dead") for turn in range(16)),
    *(_losing(turn, "stuck") for turn in range(16)),
)
"""What is done to whole signals; "" is nothing. Several of one name are pooled into one row."""

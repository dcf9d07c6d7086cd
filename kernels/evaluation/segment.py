"""Stances and swings cut out of whole load signals, looking ahead as a streaming kernel cannot.

Independent of the kernel on purpose: it chooses what is perturbed and says how a foot landed
before, so that the kernel is not asked about itself.
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kernels.evaluation.signals import Signal

__all__ = ["Landing", "Swing", "landings", "onset_s", "plain_swings", "stances"]

ON_SHARE: Final = 0.05
"""Of the usual stance peak: load begins here (gait.md: on at 5-10 %)."""
BRIDGE_S: Final = 0.10
"""Shorter unloadings are bounces."""
STANCE_S: Final = (0.35, 1.6)
SWING_S: Final = (0.25, 1.0)
"""Plain walking steps, from fast to slow; longer ones are standing, shorter ones turns."""
FULL_SHARE: Final = 0.6
"""Of the usual stance peak: a stance that bears the body."""
EMPTY_SHARE: Final = 0.03
"""The forefoot of a plain swing carries less than the weakest drag (gait.md)."""
EDGE: Final = 0.15
"""First and last part of a swing, in which the foot leaves and comes."""
GAP_S: Final = 0.03
"""A longer hole between samples makes a swing invalid (gait.md)."""
Floats = NDArray[np.float64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Landing:
    """A contact [s] and the forefoot's onset minus the heel's [s]; NaN where one never loads."""

    contact_s: float
    heel_lead_s: float


@dataclass(frozen=True, slots=True)
class Swing:
    """One healthy swing between two full stances.

    Attributes
    ----------
    toe_off_s, contact_s : float
        Its begin and end [s].
    peak : float
        Peak of the total load over the stance before.
    heel_lead_s : float
        Forefoot's onset minus heel's at the landing [s].
    middle : int
        Index of the sample halfway through the stance that follows.
    """

    toe_off_s: float
    contact_s: float
    peak: float
    heel_lead_s: float
    middle: int


def onset_s(time_s: Floats, load: Floats, level: float) -> float:
    """Return when a load first reaches a level, interpolated [s]; NaN where it never does."""
    above = np.flatnonzero(load >= level)
    if not len(above):
        return float("nan")
    i = int(above[0])
    if i == 0:
        return float(time_s[0])
    share = (level - load[i - 1]) / (load[i] - load[i - 1])
    return float(time_s[i - 1] + share * (time_s[i] - time_s[i - 1]))


def stances(signal: Signal) -> list[Span]:
    """Return (first, after the last) sample of each stretch under load; bounces are bridged."""
    return _Regions(signal).stances()


def plain_swings(signal: Signal) -> list[Swing]:
    """Return the swings between two full stances of walking, empty in between."""
    regions = _Regions(signal)
    pairs = itertools.pairwise(regions.stances())
    both = (p for p in pairs if regions.is_walking(p[0]) and regions.is_walking(p[1]))
    return [swing for swing in (regions.swing(*p) for p in both) if swing is not None]


def landings(signal: Signal) -> list[Landing]:
    """Return every landing after the first stretch under load, plain or not."""
    regions = _Regions(signal)
    return [regions.landing(span) for span in regions.stances() if span[0] > 0]


class _Regions:
    """Region loads of a whole signal, float64[n] each."""

    def __init__(self, signal: Signal) -> None:
        self.time_s = signal.time_s
        self.total, self.heel, self.forefoot = (
            _sum(cells)
            for cells in (
                signal.cells,
                signal.cells[:, signal.region("heel")],
                signal.cells[:, signal.region("forefoot")],
            )
        )
        self.usual = float(np.nanpercentile(self.total, 95))
        self.level = ON_SHARE * self.usual

    def stances(self) -> list[Span]:
        loaded = (self.total > self.level).astype(np.int8)
        edges = np.flatnonzero(np.diff(loaded, prepend=0, append=0))
        merged: list[Span] = []
        for first, stop in edges.reshape(-1, 2).tolist():
            if merged and self.time_s[first] - self.time_s[merged[-1][1] - 1] < BRIDGE_S:
                merged[-1] = (merged[-1][0], stop)
            else:
                merged.append((first, stop))
        return merged

    def is_walking(self, span: Span) -> bool:
        first, stop = span
        if first == 0 or stop == len(self.total):
            return False
        lasts = float(self.time_s[stop - 1] - self.time_s[first])
        full = self.total[first:stop].max() >= FULL_SHARE * self.usual
        return bool(STANCE_S[0] <= lasts <= STANCE_S[1] and full)

    def landing(self, span: Span) -> Landing:
        rows = slice(span[0] - 1, span[1])
        contact, heel, forefoot = (
            onset_s(self.time_s[rows], load[rows], self.level)
            for load in (self.total, self.heel, self.forefoot)
        )
        return Landing(contact, forefoot - heel)

    def swing(self, before: Span, after: Span) -> Swing | None:
        """Return the swing between two stances, or None where it is not plain."""
        first, last = before[1], after[0]
        peak = float(self.total[before[0] : first].max())
        ends = slice(first, first - 2, -1)
        toe_off = -onset_s(-self.time_s[ends], self.total[ends], self.level)
        landing = self.landing(after)
        edge = round(EDGE * (last - first))
        inner = self.forefoot[first + edge : last - edge]
        hole = np.diff(self.time_s[before[0] : after[1]]).max() > GAP_S
        lasts = landing.contact_s - toe_off
        if hole or not SWING_S[0] <= lasts <= SWING_S[1] or inner.max() > EMPTY_SHARE * peak:
            return None
        middle = (after[0] + after[1]) // 2
        return Swing(toe_off, landing.contact_s, peak, landing.heel_lead_s, middle)


def _sum(cells: NDArray[np.float32]) -> Floats:
    return np.asarray(np.nansum(cells, axis=1, dtype=np.float64))

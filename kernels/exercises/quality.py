"""How well a set was done, 0 to 1, and what to do better, in fixed words.

quality = mean of the parts that could be seen, each 0 .. 1 with 1 for good enough:

    size   median range (height of step-ups) over the good one
    hold   median hold over the wanted one, where the exercise is held
    tempo  1 within the good periods; outside, the ratio by which they are missed
    even   1 up to a spread (median absolute deviation) of 15 % in range and tempo, 0 at 50 %
    form   share of repetitions without the exercise's own mistake
    sides  where the other side was done: smaller over larger range; 1 above 0.85

A part under 0.8 gives its advice; the words are those of `ADVICE`, worst first, three at most. The
limits are ours (proposal): no study says what a good set at home is.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from kernels.exercises.records import ExerciseName, ExerciseSet
from kernels.exercises.signatures import SIGNATURES

__all__ = ["ADVICE", "Rating", "hold_s", "range_deg", "rate", "tempo_per_min"]

ADVICE: Final = (
    "lift higher",
    "hold for 2 s",
    "slower",
    "faster",
    "keep an even rhythm",
    "keep the heel down",
    "keep the toes up",
    "land on the heel",
    "train this side more",
)
"""All the words there are; a page has them in its message table."""
ENOUGH: Final = 0.8
MOST_ADVICE: Final = 3
EVEN: Final = (0.15, 0.5)
SIDES: Final = 0.85
_FORM: Final[Mapping[ExerciseName, str]] = {
    "ankle_dorsiflexion": "keep the heel down",
    "toe_taps": "keep the heel down",
    "heel_walk": "keep the toes up",
    "step_ups": "land on the heel",
}


class Rating(NamedTuple):
    """`quality` 0-1, None where nothing could be rated; `advice` from `ADVICE`."""

    quality: float | None
    advice: tuple[str, ...]


class _Part(NamedTuple):
    score: float
    advice: str


def range_deg(found: ExerciseSet) -> float | None:
    """Return the median amplitude of the pitch; of a heel walk, how high the toes were held."""
    values = [one.range_deg for one in found.repetitions if one.range_deg is not None]
    return max(0.0, median(values)) if values else None


def hold_s(found: ExerciseSet) -> float | None:
    """Return the median hold; None where the exercise is not held."""
    values = [one.hold_s for one in found.repetitions if one.hold_s is not None]
    return median(values) if values and SIGNATURES[found.name].good_hold_s else None


def tempo_per_min(found: ExerciseSet) -> float | None:
    """Return repetitions (steps) per minute, from the median period; None for a single one."""
    periods = _periods(found)
    usual = median(periods) if periods else 0.0
    return 60.0 / usual if usual > 0 else None


def rate(found: ExerciseSet, other_range_deg: float | None = None) -> Rating:
    """Return quality and advice of a set.

    Parameters
    ----------
    found : ExerciseSet
    other_range_deg : float, optional
        The other side's median range in the same exercise today.
    """
    parts = [
        part
        for part in (
            _size(found),
            _hold(found),
            _tempo(found),
            _even(found),
            _form(found),
            _sides(found, other_range_deg),
        )
        if part is not None
    ]
    if not parts:
        return Rating(None, ())
    worst = sorted((part for part in parts if part.score < ENOUGH), key=lambda part: part.score)
    advice = tuple(dict.fromkeys(part.advice for part in worst))[:MOST_ADVICE]
    return Rating(round(sum(part.score for part in parts) / len(parts), 3), advice)


def _size(found: ExerciseSet) -> _Part | None:
    heights = [one.height_m for one in found.repetitions if one.height_m is not None]
    size = median(heights) if heights else range_deg(found)
    if size is None:
        return None
    advice = "keep the toes up" if found.name == "heel_walk" else "lift higher"
    return _Part(_share(size / SIGNATURES[found.name].good_size), advice)


def _hold(found: ExerciseSet) -> _Part | None:
    held = hold_s(found)
    if held is None:
        return None
    return _Part(_share(held / SIGNATURES[found.name].good_hold_s), "hold for 2 s")


def _tempo(found: ExerciseSet) -> _Part | None:
    periods = _periods(found)
    if not periods:
        return None
    usual, (short, long) = median(periods), SIGNATURES[found.name].good_period_s
    if usual < short:
        return _Part(usual / short, "slower")
    return _Part(_share(long / usual), "faster")


def _even(found: ExerciseSet) -> _Part | None:
    sizes = [one.range_deg for one in found.repetitions if one.range_deg is not None]
    spreads = [_spread(values) for values in (_periods(found), sizes) if len(values) > 2]
    if not spreads:
        return None
    score = _share((EVEN[1] - max(spreads)) / (EVEN[1] - EVEN[0]))
    return _Part(score, "keep an even rhythm")


def _form(found: ExerciseSet) -> _Part | None:
    seen = [one.is_good for one in found.repetitions if one.is_good is not None]
    return _Part(sum(seen) / len(seen), _FORM[found.name]) if seen else None


def _sides(found: ExerciseSet, other: float | None) -> _Part | None:
    mine = range_deg(found)
    if mine is None or other is None or found.side is None or not max(mine, other) > 0:
        return None
    ratio = min(mine, other) / max(mine, other)
    advice = "train this side more" if mine < other else "keep an even rhythm"
    if mine >= other:
        return None  # the other side is the weaker one, and is told so
    return _Part(_share(ratio / SIDES), advice)


def _periods(found: ExerciseSet) -> list[float]:
    marks = [one.begin_ns if found.name == "heel_walk" else one.end_ns for one in found.repetitions]
    return [(b - a) / 1e9 for a, b in pairwise(marks)]


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(value - middle) for value in values) / abs(middle) if middle else 1.0


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))

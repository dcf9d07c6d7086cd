"""Why a goal is missed, as far as found on the public recordings.

A reason is shown only beside a figure that misses its goal. False drags are explained by the walks
they come from, which the figure's note names; the rest by what was done to the walk.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from kernels.evaluation.figures import Figure

__all__ = ["NOT_FOUND", "explain"]

_BY_WALK: Final = {
    "text_export": "the second subject unloads the forefoot's last 3 to 6 % in 0.1 to 0.2 s, just "
    "over the threshold of a drag, and it is taken for a late release",
    "GaCo01_01": "a turn on the forefoot becomes a swing with a touch",
    "GaCo02_01": "a shift of weight in a turn is announced as a drag, and no stride confirms it",
    "230927_102137": "a cell that sticks under load passes for a drag until that is known",
}
"""False drags: what is wrong in the walks they were seen in."""
_BY_CHANGE: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "times as long",
        "drags",
        "false ones where the stretched end of push-off is taken for a late release; missed ones "
        "in turns",
    ),
    ("stuck", "drags", "a cell that sticks under load passes for a drag, or hides one"),
    ("with IMU", "drags", "missed ones in the first swing after standing; slow unloading"),
    (
        "",
        "drags",
        "missed ones of 3 to 5 % of the peak, in the first swing after standing, and scuffs that "
        "end within 0.1 s of the contact, which are taken for its bounce",
    ),
)
NOT_FOUND: Final = "the cause is not found yet"


def explain(figures: Iterable[Figure]) -> list[Figure]:
    """Return the figures, each missed one without a reason of its own with what is known of it."""
    return [
        replace(f, reason=_reason(f)) if f.reached is False and not f.reason else f for f in figures
    ]


def _reason(figure: Figure) -> str:
    if figure.name == "false drags":
        known = [f"{walk}: {why}" for walk, why in _BY_WALK.items() if walk in figure.note]
        return "; ".join(known) or NOT_FOUND
    for change, name, reason in _BY_CHANGE:
        if change in figure.data and name == figure.name:
            return reason
    return NOT_FOUND

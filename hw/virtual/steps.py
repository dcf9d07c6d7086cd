"""What the planner of the virtual patient plans: landings, steps, pauses, phases."""

from dataclasses import dataclass
from typing import Final, Literal

from hw.source import Side
from hw.virtual.config import Phase
from hw.virtual.motion import Stance, Swing

__all__ = ["FLAT", "HEEL", "TOE", "Landing", "Pause", "Span", "Step"]

HEEL: Final = 1
FLAT: Final = 2
TOE: Final = 3


@dataclass(slots=True)
class Landing:
    """How a stance began.

    Attributes
    ----------
    lead_s : float
        The forefoot's onset minus the heel's.
    fore_share : float
        The forefoot's share of the load as a flat foot lands.
    previous_contact_s : float or None
        None for the foot's first landing of a walk.
    spread : float
        Stretches the time in which the regions take load.
    lean : float
        How far the load lies to the lateral border (1) or the medial one (-1).
    squeeze : float
        How hard the shoe presses on the toes in the swing before, 0 .. 1.
    """

    side: Side
    stance: Stance
    strike: int
    lead_s: float
    fore_share: float
    swing: Swing | None = None
    previous_contact_s: float | None = None
    turning: bool = False
    spread: float = 1.0
    lean: float = 0.0
    squeeze: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """From one contact (or the end of a pause) to the next contact: `trail` swings, `lead` carries.

    `trail_share` of the body weight is on `trail` at the begin; `bounce` is the amplitude of the
    vertical acceleration [g] at begin and end.
    """

    start_s: float
    end_s: float
    off_s: float
    trail: Side
    trail_share: float
    bounce: tuple[float, float]
    swing: Swing

    @property
    def lead(self) -> Side:
        """The other foot."""
        return "right" if self.trail == "left" else "left"


@dataclass(frozen=True, slots=True)
class Pause:
    """Both feet on the ground; `left_share` of the weight on the left foot at the begin.

    `was_seated`, `stays_seated`: the person sat before, and sits afterwards.
    """

    start_s: float
    end_s: float
    kind: Literal["stand", "sit", "shift"]
    left_share: float
    sway: tuple[float, float, float]  # phases of the sway [rad], and its size
    was_seated: bool = False
    stays_seated: bool = False


@dataclass(slots=True)
class Span:
    """When a phase of the programme took place; its end grows while it is planned."""

    phase: Phase
    start_s: float
    end_s: float

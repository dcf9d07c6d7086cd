"""What is normal, worth a look, and too much: the steps and words that several dashboards share.

Sources: drags as in the alert rule of the agent (10 % raises, 5 % clears); clearance 10-20 mm
(Winter 1992, doi:10.1093/ptj/72.1.45); symmetry index within 10 % (Robinson et al. 1987); stride
time CV under 3 % (Hausdorff 2005, doi:10.1186/1743-0003-2-19). Heel-first shares, trip-risk minutes
and completeness: set here, by no study.
"""

from collections.abc import Mapping
from typing import Final

from grafana.colours import GREY, ORANGE, SKY, VERMILLION, YELLOW
from grafana.dressing import Step

__all__ = [
    "ALARMS",
    "BATTERY",
    "COMPLETE",
    "DRAGS",
    "HEEL_FIRST",
    "PRIORITIES",
    "RISK_MINUTES",
    "WEAR",
    "WORN_S",
    "YES_NO",
]

Words = Mapping[str, tuple[str, str]]

DRAGS: Final = (Step(None, SKY), Step(2, YELLOW), Step(5, ORANGE), Step(10, VERMILLION))
"""Per 100 valid swings."""
HEEL_FIRST: Final = (Step(None, VERMILLION), Step(50, ORANGE), Step(80, SKY))
"""Percent of the contacts whose strike is known."""
RISK_MINUTES: Final = (Step(None, SKY), Step(1, YELLOW), Step(3, ORANGE), Step(10, VERMILLION))
"""Minutes of walking a day at the level high."""
COMPLETE: Final = (Step(None, VERMILLION), Step(80, ORANGE), Step(95, SKY))
"""Percent of the strides the device counted that arrived."""
BATTERY: Final = (Step(None, VERMILLION), Step(15, ORANGE), Step(30, SKY))
WORN_S: Final = (Step(None, ORANGE), Step(4 * 3600, SKY))

ALARMS: Final[Words] = {
    "0": ("none", SKY),
    "1": ("low", YELLOW),
    "2": ("medium", ORANGE),
    "3": ("HIGH", VERMILLION),
}
"""`alarms.severity`."""
PRIORITIES: Final[Words] = {
    "low": ("low", YELLOW),
    "medium": ("medium", ORANGE),
    "high": ("HIGH", VERMILLION),
}
WEAR: Final[Words] = {
    "off": ("not worn", GREY),
    "sitting": ("sitting", SKY),
    "standing": ("standing", YELLOW),
    "walking": ("walking", ORANGE),
}
YES_NO: Final[Words] = {"true": ("yes", SKY), "false": ("no", ORANGE)}

"""Colours that people with any colour vision can tell apart, and what they stand for.

Okabe and Ito, "Color universal design" (2008). Never red against green, and never colour alone: a
word or a number stands beside each.
"""

from typing import Final

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "LEFT",
    "ORANGE",
    "PURPLE",
    "RIGHT",
    "SKY",
    "STRIKES",
    "VERMILLION",
    "YELLOW",
]

ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#8C8C8C"

LEFT: Final = SKY
RIGHT: Final = ORANGE
STRIKES: Final = {"heel first": SKY, "flat": YELLOW, "toe first": VERMILLION, "unknown": GREY}

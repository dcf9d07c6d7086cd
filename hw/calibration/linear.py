"""Cells that are not linear: force-sensing resistors, and counts that are no force at all."""

from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

__all__ = ["Divider", "linearise", "two_point_weights"]

LEAST_SPAN = 0.25
"""A cell's span counts as at least this share of its region's median: noise is not blown up."""


class Divider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A force-sensing resistor between supply and converter, `resistor_ohm` to ground.

    `full_code` is the code of the supply: the converter measures V / Vcc = code / full_code.
    """

    full_code: Annotated[float, Meta(gt=1)]
    resistor_ohm: Annotated[float, Meta(gt=0)]


def linearise(codes: NDArray[Any], divider: Divider | None) -> NDArray[np.float64]:
    """Return the conductance G = V / ((Vcc - V) R) [microsiemens] of codes of any shape.

    Conductance grows about in proportion to force, resistance does not. The last code, where it has
    no bound, gives that of one code less than the supply. NaN stays NaN. Without a divider the
    numbers come back as they are.
    """
    values = np.asarray(codes, dtype=np.float64)
    if divider is None:
        return values
    share = np.clip(values / divider.full_code, 0.0, 1.0 - 1.0 / divider.full_code)
    return np.asarray(1e6 * share / ((1.0 - share) * divider.resistor_ohm))


def two_point_weights(
    unloaded: NDArray[np.float64], loaded: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return 1 / (loaded - unloaded) per cell, for cells whose counts are no force.

    Both are readings [cells] of one region, unloaded and in the step that loads it most. A span
    that is not positive gives 0; a small one is taken as `LEAST_SPAN` of the median.
    """
    span = loaded - unloaded
    alive = span > 0
    if not alive.any():
        return np.zeros_like(span)
    least = LEAST_SPAN * float(np.median(span[alive]))
    return np.where(alive, 1.0 / np.maximum(span, least), 0.0)

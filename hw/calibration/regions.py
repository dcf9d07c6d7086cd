"""Which cells belong to heel, midfoot and forefoot (gait.md: x < 1/3, > 2/3)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.source import FootProfile

__all__ = ["FOREFOOT", "HEEL", "MIDFOOT", "REGIONS", "regions_of"]

HEEL: Final = 0
MIDFOOT: Final = 1
FOREFOOT: Final = 2
REGIONS: Final = ("heel", "midfoot", "forefoot")


def regions_of(foot: FootProfile) -> NDArray[np.int64]:
    """Return the region [cells] of each cell."""
    x = np.asarray(foot.x, dtype=np.float64)
    return np.asarray((x >= 1 / 3).astype(np.int64) + (x > 2 / 3))

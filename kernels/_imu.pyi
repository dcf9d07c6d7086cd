"""Types of the compiled IMU chain's door for tests and evaluation; see `_imu.pyx`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_DTYPE: np.dtype[Any]

class ImuChain:
    pitch: float
    pitch_rate: float
    speed: float
    swing: bool
    still: bool
    toe_off: bool
    contact: bool
    spike: bool
    gap: bool
    spike_mps2: float
    impact_jerk: float
    toe_off_ns: int
    contact_ns: int
    mounted: int
    fault: int
    heading_deg: float

    def __init__(
        self,
        mount: str = "foot",
        to_toe_m: Sequence[float] | None = None,
        foot_length_m: float | None = None,
    ) -> None: ...
    def run(
        self,
        time_ns: NDArray[np.int64],
        imu: NDArray[np.float32],
        contact: NDArray[np.intc] | None = None,
    ) -> NDArray[Any]: ...
    def skim(self, time_ns: NDArray[np.int64], imu: NDArray[np.float32]) -> None: ...
    def is_settled(self, contact_ns: int) -> bool: ...
    def stride(self, previous_ns: int, toe_off_ns: int, contact_ns: int) -> dict[str, Any]: ...
    def levers(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]: ...
    def axes(self) -> NDArray[np.float64]: ...

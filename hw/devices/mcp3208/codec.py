"""MCP3208's three bytes per conversion, and what a code says of the resistor.

Sent: start bit, single-ended, channel. Received: a null bit, then 12 bits. A null bit that is not 0
means that no converter drives the line.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANNELS", "SATURATED", "Mcp3208Codec", "conductance_us", "requests"]

CHANNELS: Final = 8
SATURATED: Final = 4095
_FULL: Final = 4096


def requests() -> list[bytes]:
    """Return the eight requests, one a channel."""
    return [bytes((0x06 | channel >> 2, (channel & 3) << 6, 0)) for channel in range(CHANNELS)]


class Mcp3208Codec:
    """Decodes conversions; what it rejects is counted by reason in `rejected`."""

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()

    def decode(self, answers: Sequence[bytes]) -> NDArray[np.uint16] | None:
        """Return codes[8] 0..4095, or None where no converter answered."""
        if len(answers) != CHANNELS or any(len(answer) != 3 for answer in answers):
            self.rejected["length"] += 1
            return None
        if any(answer[1] & 0x10 for answer in answers):
            self.rejected["no converter"] += 1
            return None
        codes = [(answer[1] & 0x0F) << 8 | answer[2] for answer in answers]
        return np.array(codes, dtype=np.uint16)


def conductance_us(codes: NDArray[np.uint16], resistor_ohm: float) -> NDArray[np.float32]:
    """Return the force-sensing resistors' conductance [microsiemens]: G = V / ((Vcc - V) R).

    Conductance grows about in proportion to force, resistance does not. The supply is also the
    converter's reference, so V / Vcc is code / 4096; at 4095, saturation, G is 4095 / R.
    """
    share = codes.astype(np.float64) / _FULL
    return (1e6 * share / ((1 - share) * resistor_ohm)).astype(np.float32)

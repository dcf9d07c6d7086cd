"""Tones as WAV files in memory, one per signal.

Below 1 kHz throughout, where hearing is lost last with age; what asks for something is low, what
praises is high and short, so that the two differ in length as well.
"""

import io
import math
import struct
import wave
from functools import lru_cache
from typing import Final, NamedTuple

from hw.outputs import common

__all__ = ["RATE_HZ", "tone"]

RATE_HZ: Final = 16_000
_FADE_S: Final = 0.005


class _Part(NamedTuple):
    frequency_hz: float
    share: float  # of the seconds asked for


_SIGNALS: Final = {
    "toe_strike": (_Part(440.0, 1.0),),
    "off_target": (_Part(440.0, 1.0),),
    "toe_drag": (_Part(440.0, 0.5), _Part(330.0, 0.5)),
    "near_trip": (_Part(660.0, 0.5), _Part(440.0, 0.5)),
    common.PRAISE: (_Part(880.0, 0.5),),
    "begin": (_Part(440.0, 1.0), _Part(660.0, 1.0)),
    "end": (_Part(660.0, 1.0), _Part(440.0, 1.0)),
}
_ANY: Final = _SIGNALS["toe_strike"]


@lru_cache(maxsize=32)
def tone(seconds: float, signal: str = "") -> bytes:
    """Return a WAV file: sines at half of full scale, 16 bit, one channel, 16 kHz, faded.

    An unknown signal sounds like a toe-first landing; no tone is longer than `common.LONGEST_S`.
    """
    parts = _SIGNALS.get(signal, _ANY)
    scale = min(1.0, common.LONGEST_S / (seconds * sum(part.share for part in parts)))
    samples: list[int] = []
    for part in parts:
        samples += _sine(seconds * part.share * scale, part.frequency_hz)
    return _wav(samples)


def _sine(seconds: float, frequency_hz: float) -> list[int]:
    count = round(seconds * RATE_HZ)
    fade = max(1, round(_FADE_S * RATE_HZ))
    step = 2 * math.pi * frequency_hz / RATE_HZ
    levels = (min(1.0, i / fade, (count - 1 - i) / fade) for i in range(count))
    return [round(16383 * level * math.sin(step * i)) for i, level in enumerate(levels)]


def _wav(samples: list[int]) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return target.getvalue()

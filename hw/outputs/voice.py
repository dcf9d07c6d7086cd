"""Words as WAV files in memory, spoken once by espeak-ng so that no cue waits for it."""

import io
import shutil
import struct
import subprocess
import wave
from collections.abc import Mapping
from typing import Final

from hw.outputs import common
from hw.outputs.common import Language

__all__ = ["WORDS", "speak"]

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "de": {
        "toe_strike": "Ferse zuerst",
        "toe_drag": "Fuß heben",
        "near_trip": "Vorsicht",
        "begin": "Los geht's",
        "end": "Fertig",
    },
    "en": {
        "toe_strike": "heel first",
        "toe_drag": "lift your foot",
        "near_trip": "careful",
        "begin": "here we go",
        "end": "all done",
    },
}
"""Signals that have a word; practice has tones for its steps: a word for each would not be done
before the next one."""
_WORDS_PER_MIN: Final = 190
_TIMEOUT_S: Final = 10.0


def speak(language: Language, program: str = "espeak-ng") -> dict[str, bytes]:
    """Return a WAV file per signal; blocks while they are made, a tenth of a second each.

    Without the program, or where it fails or takes over a second of sound, the signal is left
    out: it gets its tone.
    """
    found = shutil.which(program)
    if found is None:
        return {}
    spoken = {name: _render(found, language, word) for name, word in WORDS[language].items()}
    return {name: sound for name, sound in spoken.items() if sound}


def _render(program: str, language: Language, word: str) -> bytes:
    command = [program, "-v", language, "-s", str(_WORDS_PER_MIN), "--stdout", "--", word]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=True)
        return _trimmed(done.stdout)
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError, struct.error):
        return b""


def _trimmed(sound: bytes) -> bytes:
    """Return a spoken WAV without the silence around it, its lengths put right; empty: too long.

    espeak-ng cannot know the length when it writes the header to a pipe.
    """
    with wave.open(io.BytesIO(sound), "rb") as file:
        rate_hz, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
        samples = memoryview(file.readframes(file.getnframes()))
    if channels != 1 or width != 2:
        return b""
    levels = samples[: len(samples) // 2 * 2].cast("h")
    loud = [i for i, level in enumerate(levels) if abs(level) > 300]
    if not loud or loud[-1] - loud[0] >= common.LONGEST_S * rate_hz:
        return b""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(levels[loud[0] : loud[-1] + 1])
    return target.getvalue()

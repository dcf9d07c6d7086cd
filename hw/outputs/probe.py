"""What stands in the way of the outputs, found without moving a pin or making a sound."""

import importlib.util
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hw.outputs.common import OutputSettings
from hw.outputs.sound import SoundOutput

__all__ = ["problems"]

_LOOK_S: Final = 0.5
"""A player that still waits after so long has its device."""


def problems(
    settings: OutputSettings,
    chips: Path = Path("/dev"),
    player: str = "aplay",
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Yield what would keep an output silent, each with what to do.

    Pins are not opened: an agent that runs holds them. A player is opened for half a second.

    Parameters
    ----------
    settings : OutputSettings
        What is connected.
    chips : Path
        Folder of the gpiochip devices.
    player : str
        Plays a WAV file from its standard input, as `aplay` does.
    sleep : callable
        Waits so many seconds.
    """
    if settings.pins:
        yield from _pin_problems(chips)
    if settings.sound or settings.voice:
        yield from _sound_problems(player, sleep)
    if settings.voice and shutil.which("espeak-ng") is None:
        yield "no spoken words, tones instead: sudo apt-get install espeak-ng"


def _pin_problems(chips: Path) -> Iterator[str]:
    if importlib.util.find_spec("gpiozero") is None:
        yield "the package gpiozero is missing: pip install 'heelfirst[edge]'"
    found = sorted(chips.glob("gpiochip*"))
    if not found:
        yield f"no GPIO at {chips}: is this a Pi? Set the pins to 0 where there are none"
    elif not any(os.access(chip, os.R_OK | os.W_OK) for chip in found):
        yield "the GPIO may not be used: sudo usermod -aG gpio $USER, then log in again"


def _sound_problems(player: str, sleep: Callable[[float], None]) -> Iterator[str]:
    if shutil.which(player) is None:
        yield f"{player} is not installed: sudo apt-get install alsa-utils"
        return
    output = SoundOutput(player)
    try:
        sleep(_LOOK_S)
        is_heard = output.available
    finally:
        output.close()
    if not is_heard:
        yield "no sound device answers: plug one in, `aplay -l` lists them"

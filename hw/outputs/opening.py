"""All that is connected, opened together and silent at the end."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from hw.outputs.common import OutputSettings, Pulsing
from hw.outputs.pins import GpioOutput, note_pins
from hw.outputs.sound import SoundOutput
from hw.outputs.voice import speak

__all__ = ["open_outputs"]


@contextmanager
def open_outputs(settings: OutputSettings, note: Path | None = None) -> Iterator[list[Pulsing]]:
    """Open what is connected; all is low and closed again at the end of the block.

    Parameters
    ----------
    settings : OutputSettings
        What is connected.
    note : Path, optional
        Where the pins in use are written down before one is touched, for `outputs_off`.

    Raises
    ------
    OutputError
        gpiozero is missing, or a pin cannot be used. A missing sound device raises nothing.
    """
    if note is not None and settings.pins:
        note_pins(note, settings.pins)
    with ExitStack() as stack:
        opened: list[Pulsing] = []
        for pin, strength in _pins(settings):
            output = GpioOutput(pin, strength)
            stack.callback(output.close)
            opened.append(output)
        if settings.sound or settings.voice:
            words = partial(speak, settings.voice) if settings.voice else None
            sound = SoundOutput(words=words)
            stack.callback(sound.close)
            opened.append(sound)
        yield opened


def _pins(settings: OutputSettings) -> Iterator[tuple[int, float]]:
    for pin, strength in (
        (settings.buzzer_pin, 1.0),
        (settings.vibration_pin, settings.vibration_strength),
        (settings.led_pin, 1.0),
    ):
        if pin:
            yield pin, strength

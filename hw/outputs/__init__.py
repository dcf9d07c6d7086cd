"""What the patient feels and hears: buzzer, vibration motor and lamp on the Pi's pins, tones and
spoken words on its own output.

    open_outputs ── GpioOutput   a pin, for as long as a pulse lasts
                 └─ SoundOutput  a WAV to `aplay`: a tone, or a word that espeak-ng spoke before

A pulse begins at once, returns at once and ends by itself, also where the caller hangs.

OutputError (HwError, OSError)     a pin that cannot be used
"""

from hw.outputs.common import OutputError, OutputSettings, Pulsing
from hw.outputs.opening import open_outputs
from hw.outputs.pins import GpioOutput, note_pins, outputs_off, watch_button
from hw.outputs.sound import SoundOutput
from hw.outputs.tones import tone
from hw.outputs.voice import speak

__all__ = [
    "GpioOutput",
    "OutputError",
    "OutputSettings",
    "Pulsing",
    "SoundOutput",
    "note_pins",
    "open_outputs",
    "outputs_off",
    "speak",
    "tone",
    "watch_button",
]

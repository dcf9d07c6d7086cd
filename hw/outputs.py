"""What the patient feels: buzzer, vibration motor and lamp on the Pi's pins, a tone on its output.

A pulse ends by a timer of its own, also where the caller hangs. Pins are low on every way out: the
context of `open_outputs` on a normal end and on an exception, gpiozero's own exit handler, and
after SIGKILL `outputs_off` in another process, which reads from a note which pins were in use.

OutputError (HwError, OSError)     a pin or a program that cannot be used
"""

import importlib
import io
import json
import math
import shutil
import struct
import subprocess
import threading
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hw.source import HwError

__all__ = [
    "GpioOutput",
    "OutputError",
    "OutputSettings",
    "SoundOutput",
    "note_pins",
    "open_outputs",
    "outputs_off",
    "watch_button",
]

TONE_HZ = 880.0
_SOUND_RATE_HZ = 16_000
_FADE_S = 0.005
_BOUNCE_S = 0.05
_PWM_HZ = 200
LONGEST_S = 1.0
"""No pulse is longer, whatever is asked for."""
_FIRST_PIN, _LAST_PIN = 2, 27


class OutputError(HwError, OSError):
    """An output that cannot be used; `output` names it, `remedy` says what to do."""

    def __init__(self, output: str, reason: str, remedy: str) -> None:
        super().__init__(f"{output}: {reason}; {remedy}")
        self.output = output
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """What is connected: GPIO numbers, 0 where there is nothing; `sound` is the Pi's own output.

    `vibration_strength` is the motor's share of full power, 0 to 1.
    """

    buzzer_pin: int = 0
    vibration_pin: int = 0
    led_pin: int = 0
    vibration_strength: float = 0.8
    sound: bool = False

    @property
    def pins(self) -> tuple[int, ...]:
        """The pins in use."""
        return tuple(pin for pin in (self.buzzer_pin, self.vibration_pin, self.led_pin) if pin)


class Pulsing(Protocol):
    """What `open_outputs` gives."""

    def pulse(self, seconds: float) -> None:
        """Begin, and return at once; it ends by itself."""
        ...

    def stop(self) -> None:
        """Be silent now."""
        ...


class GpioOutput:
    """A pin that is high, or at a share of full power, while a pulse lasts.

    Parameters
    ----------
    pin : int
        GPIO number.
    strength : float
        Above 0; below 1 the pin is pulse-width modulated at 200 Hz.
    """

    def __init__(self, pin: int, strength: float = 1.0) -> None:
        gpiozero = _gpiozero(f"GPIO {pin}")
        self._strength = strength
        with _explained(pin):
            if strength < 1.0:
                self._device = gpiozero.PWMOutputDevice(pin, frequency=_PWM_HZ)
            else:
                self._device = gpiozero.DigitalOutputDevice(pin)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def pulse(self, seconds: float) -> None:
        """Be on for so long, at most a second; a pulse under way is replaced."""
        with self._lock:
            self._cancel()
            timer = threading.Timer(min(seconds, LONGEST_S), self._end)
            timer.daemon = True
            self._timer = timer
            self._device.value = self._strength
            timer.start()

    def stop(self) -> None:
        """Be off now."""
        with self._lock:
            self._cancel()
            self._device.off()

    def close(self) -> None:
        """Be off and give the pin back."""
        with self._lock:
            self._cancel()
            if not self._device.closed:
                self._device.off()
                self._device.close()

    def _end(self) -> None:
        with self._lock:
            if threading.current_thread() is self._timer and not self._device.closed:
                self._timer = None
                self._device.off()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class SoundOutput:
    """A tone by `aplay`, on a thread of its own; silent where that program is not there."""

    def __init__(self, program: str = "aplay", frequency_hz: float = TONE_HZ) -> None:
        self._program = shutil.which(program)
        self._frequency_hz = frequency_hz
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sound")
        self._playing: subprocess.Popen[bytes] | None = None
        self._busy = threading.Event()

    @property
    def available(self) -> bool:
        """Whether anything can be heard."""
        return self._program is not None

    def pulse(self, seconds: float) -> None:
        """Play for so long, at most a second; nothing while a tone is under way."""
        if self._program is None or self._busy.is_set():
            return
        self._busy.set()
        self._thread.submit(self._play, min(seconds, LONGEST_S))

    def stop(self) -> None:
        """Be silent now."""
        playing = self._playing
        if playing is not None:
            playing.kill()

    def close(self) -> None:
        """Be silent and end the thread."""
        self.stop()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _play(self, seconds: float) -> None:
        command = [self._program or "aplay", "--quiet", "--file-type", "wav", "-"]
        try:
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as playing:
                self._playing = playing
                try:
                    playing.communicate(tone(seconds, self._frequency_hz), seconds + 2.0)
                except subprocess.TimeoutExpired:
                    playing.kill()
        except OSError:
            self._program = None
        finally:
            self._playing = None
            self._busy.clear()


def tone(seconds: float, frequency_hz: float = TONE_HZ) -> bytes:
    """Return a WAV file: a sine at half of full scale, 16 bit, one channel, 16 kHz, faded."""
    count = round(seconds * _SOUND_RATE_HZ)
    fade = max(1, round(_FADE_S * _SOUND_RATE_HZ))
    step = 2 * math.pi * frequency_hz / _SOUND_RATE_HZ
    levels = (min(1.0, i / fade, (count - 1 - i) / fade) for i in range(count))
    samples = [round(16383 * level * math.sin(step * i)) for i, level in enumerate(levels)]
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SOUND_RATE_HZ)
        file.writeframes(struct.pack(f"<{count}h", *samples))
    return target.getvalue()


# -- all together -------------------------------------------------------------------------------


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
        gpiozero is missing, or a pin cannot be used.
    """
    if note is not None and settings.pins:
        note_pins(note, settings.pins)
    with ExitStack() as stack:
        opened: list[Pulsing] = []
        for pin, strength in _pins(settings):
            output = GpioOutput(pin, strength)
            stack.callback(output.close)
            opened.append(output)
        if settings.sound:
            sound = SoundOutput()
            stack.callback(sound.close)
            opened.append(sound)
        yield opened


def outputs_off(pins: Sequence[int] = (), note: Path | None = None) -> tuple[int, ...]:
    """Set pins low that a process which is no more may have left high; return which.

    Parameters
    ----------
    pins : sequence of int
        GPIO numbers; 0 is none.
    note : Path, optional
        What `open_outputs` wrote: its pins are set low as well. Missing or damaged: ignored.

    Raises
    ------
    OutputError
        A pin cannot be used; the others are low.
    """
    wanted = sorted({pin for pin in (*pins, *_noted(note)) if pin})
    trouble: OutputError | None = None
    for pin in wanted:
        try:
            GpioOutput(pin).close()
        except OutputError as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    return tuple(wanted)


@contextmanager
def watch_button(pin: int, pressed: Callable[[], object]) -> Iterator[None]:
    """Call back, on a thread of gpiozero's, when a button between `pin` and ground is pressed."""
    gpiozero = _gpiozero(f"GPIO {pin}")
    with _explained(pin):
        button = gpiozero.Button(pin, pull_up=True, bounce_time=_BOUNCE_S)
    button.when_pressed = pressed
    try:
        yield
    finally:
        button.close()


def note_pins(note: Path, pins: Sequence[int]) -> None:
    """Write down which pins are in use, whole or not at all."""
    note.parent.mkdir(parents=True, exist_ok=True)
    draft = note.with_name(f".{note.name}.draft")
    draft.write_text(json.dumps(list(pins)), encoding="ascii")
    draft.replace(note)


def _noted(note: Path | None) -> list[int]:
    if note is None:
        return []
    try:
        found = json.loads(note.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return []
    pins = found if isinstance(found, list) else []
    return [pin for pin in pins if type(pin) is int and _FIRST_PIN <= pin <= _LAST_PIN]


def _pins(settings: OutputSettings) -> Iterator[tuple[int, float]]:
    for pin, strength in (
        (settings.buzzer_pin, 1.0),
        (settings.vibration_pin, settings.vibration_strength),
        (settings.led_pin, 1.0),
    ):
        if pin:
            yield pin, strength


def _gpiozero(output: str) -> Any:
    try:
        return importlib.import_module("gpiozero")
    except ImportError:
        remedy = "sudo apt-get install python3-lgpio; pip install 'heelfirst[edge]'"
        raise OutputError(output, "the package gpiozero is missing", remedy) from None


@contextmanager
def _explained(pin: int) -> Iterator[None]:
    """Turn whatever gpiozero and its pin factories raise into one error with a remedy."""
    try:
        yield
    except PermissionError:
        remedy = "sudo usermod -aG gpio $USER, then log in again"
        raise OutputError(f"GPIO {pin}", "not allowed", remedy) from None
    except Exception as error:
        remedy = "is this a Pi, is lgpio installed, does another program hold the pin?"
        reason = f"cannot be used ({error or type(error).__name__})"
        raise OutputError(f"GPIO {pin}", reason, remedy) from None

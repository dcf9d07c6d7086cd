"""A pin that is high while a pulse lasts; low on every way out.

gpiozero's own exit handler sets pins low at an end and on an exception; after SIGKILL `outputs_off`
in another process does, which reads from a note which pins were in use.
"""

import importlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hw.outputs import common
from hw.outputs.common import OutputError

__all__ = ["GpioOutput", "note_pins", "outputs_off", "watch_button"]

_BOUNCE_S: Final = 0.05
_PWM_HZ: Final = 200
_FIRST_PIN, _LAST_PIN = 2, 27


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

    def pulse(self, seconds: float, signal: str = "") -> bool:
        """Be on for so long, at most a second; a pulse under way is replaced.

        Praise (`common.PRAISE`) has no pulse: on the skin it could not be told from a cue.
        """
        if signal == common.PRAISE:
            return False
        with self._lock:
            self._cancel()
            timer = threading.Timer(min(seconds, common.LONGEST_S), self._end)
            timer.daemon = True
            self._timer = timer
            self._device.value = self._strength
            timer.start()
        return True

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

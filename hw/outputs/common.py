"""What all outputs share: their settings, their error, their longest pulse."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from hw.source import HwError

__all__ = ["LONGEST_S", "PRAISE", "Language", "OutputError", "OutputSettings", "Pulsing"]

LONGEST_S = 1.0
"""No pulse is longer, whatever is asked for."""
PRAISE: Final = "on_target"
"""The signal that says of a step that it was good; every other one asks for something."""
Language = Literal["de", "en"]


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

    `vibration_strength` is the motor's share of full power, 0 to 1. `voice` is the language of
    spoken words on the Pi's own output, empty: tones.
    """

    buzzer_pin: int = 0
    vibration_pin: int = 0
    led_pin: int = 0
    vibration_strength: float = 0.8
    sound: bool = False
    voice: Literal["", Language] = ""

    @property
    def pins(self) -> tuple[int, ...]:
        """The pins in use."""
        return tuple(pin for pin in (self.buzzer_pin, self.vibration_pin, self.led_pin) if pin)


class Pulsing(Protocol):
    """What `open_outputs` gives."""

    def pulse(self, seconds: float, signal: str = "") -> bool:
        """Begin, and return at once whether it did; it ends by itself."""
        ...

    def stop(self) -> None:
        """Be silent now."""
        ...

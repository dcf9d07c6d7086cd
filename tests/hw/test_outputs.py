"""What the patient feels, driven to the pin: gpiozero's mock pins show what the hardware would."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hw.outputs import (
    GpioOutput,
    OutputError,
    OutputSettings,
    common,
    note_pins,
    open_outputs,
    outputs_off,
    watch_button,
)
from hw.outputs import (
    pins as pins_module,
)

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = OutputSettings(buzzer_pin=13, vibration_pin=12, led_pin=24, vibration_strength=0.6)


@pytest.fixture
def pins() -> Iterator[Any]:
    """gpiozero's mock pins."""
    import gpiozero
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = MockFactory(pin_class=MockPWMPin)
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory.reset()
    gpiozero.Device.pin_factory = before


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("not within 10 s")


def test_a_pulse_raises_the_pin_and_ends_by_itself(pins: Any) -> None:
    output = GpioOutput(13)
    output.pulse(0.02)
    assert pins.pin(13).state == 1
    until(lambda: pins.pin(13).state == 0)
    output.close()


def test_praise_is_not_felt_so_that_a_pulse_always_asks_for_something(pins: Any) -> None:
    output = GpioOutput(13)
    assert not output.pulse(0.5, common.PRAISE)
    assert pins.pin(13).state == 0
    assert output.pulse(0.5, "off_target")
    assert pins.pin(13).state == 1
    output.close()


def test_the_motor_runs_at_its_strength(pins: Any) -> None:
    output = GpioOutput(12, 0.6)
    output.pulse(5)
    assert pins.pin(12).state == 0.6
    output.stop()
    assert pins.pin(12).state == 0
    output.close()


def test_a_new_pulse_takes_the_place_of_the_old(pins: Any) -> None:
    output = GpioOutput(13)
    output.pulse(0.02)
    output.pulse(0.5)
    time.sleep(0.1)
    assert pins.pin(13).state == 1
    until(lambda: pins.pin(13).state == 0)
    output.close()


def test_no_pulse_is_longer_than_a_second(pins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "LONGEST_S", 0.02)
    output = GpioOutput(13)
    output.pulse(3600)
    until(lambda: pins.pin(13).state == 0)
    output.close()


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_every_pin_is_low_at_the_end_of_the_block(pins: Any, error: type | None) -> None:
    try:
        with open_outputs(SETTINGS) as opened:
            for output in opened:
                output.pulse(1)
            assert [pins.pin(p).state for p in (13, 12, 24)] == [1, 0.6, 1]
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert [pins.pin(p).state for p in (13, 12, 24)] == [0, 0, 0]


def test_a_pin_that_fails_leaves_the_ones_before_it_low(pins: Any) -> None:
    held = GpioOutput(24)
    with pytest.raises(OutputError, match="GPIO 24"), open_outputs(SETTINGS):
        raise AssertionError("not reached")
    assert pins.pin(13).state == 0
    held.close()


def test_outputs_off_takes_the_pins_of_settings_and_of_the_note(pins: Any, tmp_path: Path) -> None:
    note = tmp_path / "state" / "outputs.json"
    note_pins(note, (12, 13))
    for pin in (12, 13, 24):
        pins.pin(pin).function = "output"
        pins.pin(pin).state = 1
    assert outputs_off((24, 0), note) == (12, 13, 24)
    assert [pins.pin(p).state for p in (12, 13, 24)] == [0, 0, 0]


@pytest.mark.parametrize("text", ["", "{", "[true, 99, -1, 'x']", '{"a": 1}', '["12", 1.5, 0]'])
def test_a_damaged_note_is_ignored(tmp_path: Path, text: str) -> None:
    note = tmp_path / "outputs.json"
    note.write_text(text)
    assert outputs_off((), note) == ()
    assert outputs_off((), tmp_path / "none") == ()


def test_the_button_calls_back(pins: Any) -> None:
    pressed = threading.Event()
    with watch_button(25, pressed.set):
        pins.pin(25).drive_low()
        assert pressed.wait(10)


def test_a_machine_without_pins_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gpiozero", reason="gpiozero is not installed")

    class NoPins:
        def __getattr__(self, name: str) -> Callable[..., None]:
            def fail(*_: object, **__: object) -> None:
                raise PermissionError("/dev/gpiochip0")

            return fail

    monkeypatch.setattr(pins_module, "_gpiozero", lambda output: NoPins())
    with pytest.raises(OutputError, match="usermod -aG gpio") as caught:
        GpioOutput(13)
    assert caught.value.output == "GPIO 13"


def test_without_gpiozero_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(OutputError, match="gpiozero is missing"):
        GpioOutput(13)


KILLED = """
    import sys, time
    from pathlib import Path
    import gpiozero
    from gpiozero.pins.mock import MockFactory, MockPWMPin
    gpiozero.Device.pin_factory = MockFactory(pin_class=MockPWMPin)
    from hw.outputs import OutputSettings, open_outputs
    with open_outputs(OutputSettings(buzzer_pin=13), Path(sys.argv[1])) as opened:
        opened[0].pulse(1)
        print("on", flush=True)
        time.sleep(60)
"""


def test_after_sigkill_the_note_says_which_pins_to_set_low(pins: Any, tmp_path: Path) -> None:
    note = tmp_path / "outputs.json"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(note)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.send_signal(signal.SIGKILL)
    pins.pin(13).function = "output"
    pins.pin(13).state = 1  # what the killed process left behind
    assert outputs_off((), note) == (13,)
    assert pins.pin(13).state == 0

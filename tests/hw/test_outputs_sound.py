"""What the patient hears: tones and words through a program that stands in for `aplay`."""

import io
import stat
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hw.outputs import OutputSettings, SoundOutput, open_outputs, tone
from hw.outputs import sound as sound_module

SIGNALS = ("toe_strike", "toe_drag", "near_trip", "off_target", "on_target", "begin", "end")
LISTEN = 'n=$(ls | wc -l); cat > ".draft$n"; [ -s ".draft$n" ] && mv ".draft$n" "heard$n"'


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("not within 10 s")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SoundOutput]]:
    """Make a sound output whose program is a script; what it hears lands in `tmp_path/ear`."""
    made: list[SoundOutput] = []
    (tmp_path / "ear").mkdir()
    monkeypatch.setattr(sound_module, "_SETTLE_S", 0.05)

    def make(script: str = LISTEN, **changes: object) -> SoundOutput:
        path = tmp_path / "aplay"
        path.write_text(f"#!/bin/sh\ncd {tmp_path}/ear\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        made.append(SoundOutput(str(path), **changes))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for sound in made:
        sound.close()


def heard(tmp_path: Path, count: int) -> list[bytes]:
    files = (tmp_path / "ear").glob("heard*")
    until(lambda: len(list((tmp_path / "ear").glob("heard*"))) == count)
    files = sorted((tmp_path / "ear").glob("heard*"), key=lambda f: f.stat().st_mtime_ns)
    return [file.read_bytes() for file in files]


# -- tones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("seconds", [0.02, 0.12, 0.5])
def test_a_tone_begins_and_ends_in_silence_and_takes_a_second_at_most(
    signal: str, seconds: float
) -> None:
    with wave.open(io.BytesIO(tone(seconds, signal))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert 0.4 * seconds * 16_000 <= file.getnframes() <= 16_000
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    assert samples[0] == samples[-1] == 0
    assert 10_000 < max(samples) <= 16_383


def test_praise_and_a_miss_differ_in_length_as_well_as_in_pitch() -> None:
    assert len(tone(0.12, "on_target")) < 0.6 * len(tone(0.12, "off_target"))
    assert len({tone(0.12, signal) for signal in SIGNALS}) == len(SIGNALS) - 1  # two kinds of miss


# -- playing --------------------------------------------------------------------------------------


def test_each_sound_goes_whole_to_a_program_that_already_waits(
    opened: Callable[..., SoundOutput], tmp_path: Path
) -> None:
    sound = opened()
    for count, signal in enumerate(("toe_strike", "on_target"), 1):
        until(lambda: sound.available)
        assert sound.pulse(0.1, signal)
        assert heard(tmp_path, count)[-1] == tone(0.1, signal)


def test_one_sound_at_a_time(opened: Callable[..., SoundOutput], tmp_path: Path) -> None:
    sound = opened("cat > /dev/null; touch playing; exec sleep 60")
    until(lambda: sound.available)
    assert sound.pulse(0.1)
    until((tmp_path / "ear" / "playing").exists)
    assert not sound.pulse(0.1)
    sound.stop()
    until(lambda: sound.available)
    assert sound.pulse(0.1)


def test_a_program_that_hangs_is_killed(
    opened: Callable[..., SoundOutput], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_module, "_DRAIN_S", -0.95)
    sound = opened("exec sleep 60")
    until(lambda: sound.available)
    assert sound.pulse(0.1)
    until(lambda: sound.available)


def test_a_sound_that_the_pipe_does_not_take_whole_is_given_up_at_once(
    opened: Callable[..., SoundOutput], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_module, "_DRAIN_S", 60.0)
    sound = opened("exec sleep 60", words=lambda: {"toe_strike": bytes(200_000)})
    until(lambda: bool(sound._words) and sound.available)
    assert not sound.pulse(0.1, "toe_strike")
    until(lambda: sound.available)


def test_close_ends_what_plays_and_what_waits(opened: Callable[..., SoundOutput]) -> None:
    sound = opened("exec sleep 60")
    until(lambda: sound.available)
    sound.pulse(0.1)
    sound.close()
    assert not sound.pulse(0.1)
    sound.close()


# -- no sound device ------------------------------------------------------------------------------


def test_without_the_program_one_line_says_what_to_install(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sound = SoundOutput("no-such-program")
    assert not sound.available
    for _ in range(3):
        assert not sound.pulse(0.1)
    sound.close()
    assert caplog.text.count("sudo apt-get install alsa-utils") == 1
    assert "walking is recorded all the same" in caplog.text


def test_without_a_device_it_is_said_once_and_looked_for_again_later(
    opened: Callable[..., SoundOutput], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = [0.0]
    refuse = "[ -e device ] || { echo 'audio open error: No such device' >&2; exit 1; };"
    sound = opened(f"echo >> tries; {refuse} {LISTEN}", monotonic_s=lambda: now_s[0])
    until(lambda: "audio open error" in caplog.text)
    tries = tmp_path / "ear" / "tries"
    for _ in range(5):
        assert not sound.pulse(0.1)
    sound._thread.submit(lambda: None).result()
    assert tries.read_text().count("\n") == 1
    now_s[0] = sound_module.RETRY_S
    assert not sound.pulse(0.1)
    until(lambda: tries.read_text().count("\n") == 2)
    until(lambda: sound._failed_s == sound_module.RETRY_S)
    (tmp_path / "ear" / "device").touch()
    now_s[0] = 2 * sound_module.RETRY_S
    assert not sound.pulse(0.1)
    until(lambda: sound.available)
    assert sound.pulse(0.1)
    assert caplog.text.count("no sound") == 1


def test_a_device_that_goes_away_while_it_waits_gives_nothing_and_is_said(
    opened: Callable[..., SoundOutput], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sound = opened("while [ ! -e gone ]; do sleep 0.02; done; echo 'device lost' >&2; exit 1")
    until(lambda: sound.available)
    (tmp_path / "ear" / "gone").touch()
    until(lambda: not sound.available)
    assert not sound.pulse(0.1)
    until(lambda: "device lost" in caplog.text)


# -- words ----------------------------------------------------------------------------------------


def test_a_cue_never_waits_for_its_word(opened: Callable[..., SoundOutput], tmp_path: Path) -> None:
    ready = tmp_path / "ready"

    def words() -> dict[str, bytes]:
        until(ready.exists)
        return {"toe_strike": b"heel first"}

    sound = opened(words=words)
    until(lambda: sound.available)
    assert sound.pulse(0.1, "toe_strike")
    assert heard(tmp_path, 1) == [tone(0.1, "toe_strike")]
    ready.touch()
    until(lambda: bool(sound._words) and sound.available)
    assert sound.pulse(0.1, "toe_strike")
    assert heard(tmp_path, 2)[-1] == b"heel first"
    until(lambda: sound.available)
    assert sound.pulse(0.1, "off_target")
    assert heard(tmp_path, 3)[-1] == tone(0.1, "off_target")


def test_words_that_fail_leave_the_tones(
    opened: Callable[..., SoundOutput], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sound = opened(words=lambda: {}["none"])
    until(lambda: "tones instead" in caplog.text)
    until(lambda: sound.available)
    assert sound.pulse(0.1)
    assert heard(tmp_path, 1) == [tone(0.1)]


def test_sound_is_one_of_the_outputs_and_raises_nothing_without_a_device() -> None:
    with open_outputs(OutputSettings(sound=True)) as outputs:
        assert len(outputs) == 1
        outputs[0].stop()

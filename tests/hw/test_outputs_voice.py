"""Words of espeak-ng, made before they are needed."""

import io
import os
import shutil
import stat
import wave
from pathlib import Path

import pytest

from hw.outputs import speak
from hw.outputs.voice import WORDS

ESPEAK = "espeak-ng"


@pytest.fixture
def espeak() -> str:
    """The real program; a skip on a person's machine, a failure where CI=true."""
    if shutil.which(ESPEAK) is None:
        reason = f"{ESPEAK} is not installed: sudo apt-get install {ESPEAK}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return ESPEAK


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_word_is_a_whole_file_under_a_second(espeak: str, language: str) -> None:
    spoken = speak(language, espeak)  # type: ignore[arg-type]
    assert set(spoken) == set(WORDS[language])  # type: ignore[index]
    for sound in spoken.values():
        with wave.open(io.BytesIO(sound)) as file:
            seconds = file.getnframes() / file.getframerate()
            samples = memoryview(file.readframes(file.getnframes())).cast("h")
        assert 0.1 < seconds <= 1.0
        assert len(sound) == 44 + 2 * len(samples)
        assert max(samples) > 3000


def test_both_languages_have_the_same_words() -> None:
    assert set(WORDS["de"]) == set(WORDS["en"])


def test_without_the_program_there_are_no_words() -> None:
    assert speak("de", "no-such-program") == {}


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "echo nonsense",
        "true",
        "head -c 200000 /dev/urandom",
        "printf 'RIFF\\044\\0\\0\\0WAVEfmt '",
    ],
)
def test_a_program_that_fails_gives_no_words(tmp_path: Path, script: str) -> None:
    path = tmp_path / ESPEAK
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    assert speak("en", str(path)) == {}


def test_a_word_of_more_than_a_second_is_left_to_its_tone(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "long.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x00\x40" * 8001)
    path = tmp_path / ESPEAK
    path.write_text(f"#!/bin/sh\ncat {tmp_path}/long.wav\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    assert speak("en", str(path)) == {}

"""What every room's settings are read by: errors of the room, secrets for one pair of eyes, TLS."""

import os
import ssl
from collections.abc import Iterator

import pytest

from edge.settings import (
    BrokerConfig,
    Problem,
    Section,
    SettingError,
    TlsConfig,
    build,
    load,
    parse,
    read_secret,
)

SAMPLE = "house/sample.toml"
VARIABLE = "HEELFIRST_A_SECRET_FOR_TESTS"


class HouseError(SettingError):
    pass


class Room(Section, frozen=True):
    windows: int = 1

    def problems(self, at: str) -> Iterator[Problem]:
        if self.windows < 1:
            yield Problem(f"{at}windows", "is dark", "Give it a window")


class House(Section, frozen=True):
    kitchen: Room = Room()
    broker: BrokerConfig = BrokerConfig()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text("word\n")
    return path


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("[kitchen]\nwindow = 2", "kitchen.window", "Did you mean 'windows'?"),
        ("[kitchen]\nwindows = 'two'", "kitchen.windows", SAMPLE),
        ("[kitchen]\nwindows = 0", "kitchen.windows", "Give it a window"),
        ("[broker]\nhost = 'clinic.example'", "broker.host", "broker.allow_plaintext = true"),
        ("[broker.tls]\ncert = 'c'", "broker.tls.key", "Set broker.tls.key"),
        ("[kitchen", "", SAMPLE),
    ],
)
def test_a_mistake_is_the_rooms_own_error(text, key, remedy):
    with pytest.raises(HouseError, match=r"^house\.toml: ") as caught:
        parse(text, House, HouseError, SAMPLE, "house.toml")
    assert (caught.value.file, caught.value.key) == ("house.toml", key)
    assert remedy in caught.value.remedy


def test_a_file_a_text_and_a_tree_are_read_alike(tmp_path):
    path = tmp_path / "house.toml"
    path.write_text("[kitchen]\nwindows = 3\n")
    expected = House(kitchen=Room(windows=3))
    assert load(path, House, HouseError, SAMPLE) == expected
    assert parse(path.read_text(), House, HouseError, SAMPLE) == expected
    assert build({"kitchen": {"windows": 3}}, House, HouseError, SAMPLE) == expected
    with pytest.raises(HouseError, match=f"Copy {SAMPLE} there"):
        load(tmp_path / "absent.toml", House, HouseError, SAMPLE)


def test_a_secret_is_the_first_line_of_its_file_or_the_variable(secret, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert read_secret("a.file", "", VARIABLE, HouseError) is None
    monkeypatch.setenv(VARIABLE, "from-environment")
    assert read_secret("a.file", "", VARIABLE, HouseError) == "from-environment"
    secret.write_text(" two words \r\nand more\n")
    assert read_secret("a.file", str(secret), VARIABLE, HouseError) == " two words "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601, 0o620])
def test_a_secret_that_others_can_touch_is_refused(secret, mode):
    secret.chmod(mode)
    with pytest.raises(HouseError, match=f"mode {mode:04o}") as caught:
        read_secret("a.file", str(secret), VARIABLE, HouseError)
    assert (caught.value.file, caught.value.key) == (str(secret), "a.file")
    assert caught.value.remedy == f"Run: chmod 600 {secret}"
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_of_its_owner_alone_is_read(secret, mode):
    secret.chmod(mode)
    assert read_secret("a.file", str(secret), VARIABLE, HouseError) == "word"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"\r\n", "is empty"), (b"\xff", "not UTF-8"), (b"x" * 70_000, "64 KiB")],
)
def test_a_file_that_is_no_secret_is_refused(secret, content, problem):
    secret.write_bytes(content)
    with pytest.raises(HouseError, match=problem):
        read_secret("a.file", str(secret), VARIABLE, HouseError)


def test_a_folder_a_pipe_or_nothing_is_no_secret(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, problem in [
        (tmp_path, "plain file"),
        (tmp_path / "pipe", "plain file"),
        (tmp_path / "absent", "No such file.*mode 0600"),
    ]:
        with pytest.raises(HouseError, match=problem):
            read_secret("a.file", str(path), VARIABLE, HouseError)


def test_no_authority_is_plaintext_and_a_wrong_one_an_os_error(tmp_path):
    assert TlsConfig().context() is None
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        TlsConfig(ca=str(rubbish)).context()
    with pytest.raises(FileNotFoundError):
        TlsConfig(ca=str(tmp_path / "absent.pem")).context()

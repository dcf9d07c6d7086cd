"""Secret files: made for their owner alone, refused where others can read them."""

import os
import stat
from pathlib import Path

import pytest

from pipeline.provision.errors import SecretError
from pipeline.provision.files import read_secret, write_public, write_secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.secret"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_secret_is_0600_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_secret(path, b"word")
        write_public(path.with_name("public"), b"word")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name("public").stat().st_mode) == 0o644
    assert read_secret(path) == b"word"


def test_a_secret_for_a_group_can_be_read_by_it_alone(path: Path) -> None:
    write_secret(path, b"word", os.getgid())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_line_end_is_not_part_of_a_secret(path: Path) -> None:
    write_secret(path, b" word \r\n")
    assert read_secret(path) == b" word "


def test_a_file_is_replaced_whole(path: Path) -> None:
    write_secret(path, b"first")
    held = path.open("rb")
    write_secret(path, b"second")
    with held:
        assert held.read() == b"first"
    assert read_secret(path) == b"second"
    assert [each.name for each in path.parent.iterdir()] == ["a.secret"]


def test_a_failed_write_leaves_the_old_and_no_rest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_secret(path, b"first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
        with pytest.raises(OSError, match="disk full"):
            write_secret(path, b"second")
    assert read_secret(path) == b"first"
    assert [each.name for each in path.parent.iterdir()] == ["a.secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o644, 0o601, 0o620])
def test_a_secret_that_others_can_touch_is_refused(path: Path, mode: int) -> None:
    write_secret(path, b"word")
    path.chmod(mode)
    with pytest.raises(SecretError) as caught:
        read_secret(path)
    assert f"{mode:04o}" in str(caught.value)
    assert caught.value.remedy == f"Run: chmod 600 {path}"
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"x" * 70_000, "over 64 KiB")],
)
def test_a_file_that_is_no_secret_is_refused(path: Path, content: bytes, problem: str) -> None:
    write_secret(path, content)
    with pytest.raises(SecretError, match=problem):
        read_secret(path)


def test_a_missing_secret_says_how_to_make_it(path: Path) -> None:
    with pytest.raises(SecretError, match="heelfirst provision"):
        read_secret(path)


def test_a_folder_or_a_pipe_is_no_secret(path: Path, tmp_path: Path) -> None:
    os.mkfifo(path, 0o600)
    for each in (path, tmp_path):
        with pytest.raises(SecretError, match="not a plain file"):
            read_secret(each)

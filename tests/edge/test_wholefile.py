"""A file is replaced as a whole, privately, or left as it was."""

import os

import pytest

from edge.wholefile import replace_file


def test_it_is_replaced_and_its_owners_alone(tmp_path):
    path = tmp_path / "new" / "levels.json"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["levels.json"]


def test_a_mode_holds_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        replace_file(tmp_path / "agent.toml", b"x", 0o644)
    finally:
        os.umask(before)
    assert (tmp_path / "agent.toml").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_what_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch, call):
    path = tmp_path / "setup.json"
    replace_file(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space"):
            replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["setup.json"]

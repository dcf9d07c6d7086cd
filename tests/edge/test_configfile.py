"""Settings written into the agent's file: the rest stays, and a bad result changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import AgentConfig, ConfigError, load, parse
from edge.configfile import set_values, write_section

MINE = """\
# my Pi
device = "shoe-1"   # hers

[source]            # from the shop
driver = "virtual"  # for now
side = "left"

[broker]
host = "127.0.0.1"
"""
NEW = {"driver": "orphe", "left": "AA:BB:CC:00:00:01", "right": ""}


def test_only_the_keys_change(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(MINE)
    path.chmod(0o640)
    settings = write_section(path, "source", NEW)
    assert settings == load(path)
    assert (settings.source.driver, settings.source.left) == ("orphe", "AA:BB:CC:00:00:01")
    assert settings.source.side == "left"
    text = path.read_text()
    for line in (
        "# my Pi",
        'device = "shoe-1"   # hers',
        "# from the shop",
        "# for now",
        "[broker]",
    ):
        assert line in text
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_time_changes_nothing(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(MINE)
    write_section(path, "source", NEW)
    once = path.read_text()
    write_section(path, "source", NEW)
    assert path.read_text() == once


def test_a_new_file_begins_as_the_sample(tmp_path):
    path = tmp_path / "agent.toml"
    settings = write_section(path, "source", {"driver": "replay"})
    assert settings.source.driver == "replay"
    assert "[broker.tls]" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_section_that_is_not_there_is_added():
    assert parse(set_values("device = 'a'\n", "source", NEW)).source.driver == "orphe"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("device = 'a'\n[source\n", NEW),
        ("devise = 'a'\n", NEW),
        ("source.driver = 'replay'\n", NEW),
        ("source = { driver = 'replay' }\n", NEW),
        (MINE, {"mode": "300 Hz"}),
        (MINE, {"drivr": "orphe"}),
    ],
)
def test_what_would_not_be_valid_leaves_the_file_as_it_was(tmp_path, text, values):
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        write_section(path, "source", values)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


@given(left=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_comes_back(left):
    assert parse(set_values(MINE, "source", {"left": left})).source.left == left


def test_every_setting_of_the_section_can_be_set(tmp_path):
    text = tmp_path / "a.toml"
    write_section(text, "source", {"port": 5711, "bus": 3, "mode": "pull", "adapter": "hci1"})
    source = load(text).source
    assert (source.port, source.bus, source.mode, source.adapter) == (5711, 3, "pull", "hci1")
    assert load(text).broker == AgentConfig().broker

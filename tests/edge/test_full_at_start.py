"""A Pi that starts with a full card goes on: the outbox lives in memory and says so."""

import errno
import logging
from pathlib import Path

import pytest
from edge_tools import ListSource

import edge.assembly
from edge.assembly import assemble
from edge.config import AgentConfig, StateConfig
from edge.outbox_file import OutboxError
from hw.clock import VirtualClock


@pytest.fixture
def config(tmp_path: Path) -> AgentConfig:
    return AgentConfig(state=StateConfig(dir=str(tmp_path / "state")))


def open_with(monkeypatch, config: AgentConfig, error: Exception) -> list[Path]:
    """Let the outbox's own place fail; return where outboxes were opened."""
    opened: list[Path] = []
    real = edge.assembly.Outbox

    def outbox(path: Path, **options):
        if path == config.outbox_path:
            raise error
        opened.append(path)
        return real(path, **options)

    monkeypatch.setattr(edge.assembly, "Outbox", outbox)
    return opened


async def test_a_full_disk_at_the_start_puts_the_outbox_into_memory(
    config, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    full = OutboxError(config.outbox_path, "cannot be opened, the disk is full", "", is_full=True)
    opened = open_with(monkeypatch, config, full)
    with caplog.at_level(logging.ERROR):
        agent = assemble(config, ListSource([]), VirtualClock(), once=True)
    assert opened == [tmp_path / "heelfirst-insole-1.db"]
    assert opened[0].stat().st_mode & 0o077 == 0
    assert "events wait in memory" in caplog.text
    agent.stop()
    await agent.run()


def test_any_other_trouble_is_still_an_error(config, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    opened = open_with(monkeypatch, config, OutboxError(config.outbox_path, "is in use", "Stop it"))
    with pytest.raises(OutboxError, match="is in use"):
        assemble(config, ListSource([]), VirtualClock(), once=True)
    assert opened == []


def test_the_error_says_that_the_disk_is_full(tmp_path, monkeypatch):
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edge.outbox_file.connect", no_room)
    from edge.outbox_file import open_file

    with pytest.raises(OutboxError, match="disk is full") as raised:
        open_file(tmp_path / "outbox.db")
    assert raised.value.is_full
    assert "df -h" in raised.value.remedy


async def test_the_outbox_is_its_owners_alone(config):
    agent = assemble(config, ListSource([]), VirtualClock(), once=True)
    assert config.outbox_path.stat().st_mode & 0o077 == 0
    agent.stop()
    await agent.run()

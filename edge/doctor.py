"""What `heelfirst doctor` asks of the agent's side; each finding is one line with its remedy."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from edge import wire
from edge.assembly import SETUP_FILE
from edge.config import AgentConfig
from edge.errors import EdgeError
from edge.link import MqttConnector
from edge.page.health import look_at
from hw.source import Clock, HwError, Source

__all__ = ["Finding", "examine"]

ENOUGH_DISK_MB = 500
"""An outbox at its cap, and room for what else a system writes."""
FIRST_BLOCK_S = 5.0
OLD_DAYS = 400
"""A setup that old was set for another life than today's."""
STATE_FILES = ("alerts.json", "practice.json", "reminders.json", "sharing.json", "tally.json")
"""JSON that companions keep; one that is damaged is set aside at the next start."""


Finding = tuple[str, Literal["well", "doubtful", "ill"], str]
"""What was looked at, how it is, and what to do where it is not well."""


async def examine(
    config: AgentConfig,
    clock: Clock,
    open_source: Callable[[], Source],
    output_problems: Callable[[], Iterable[str]] = tuple,
) -> AsyncIterator[Finding]:
    """Yield a finding for each thing that the agent needs.

    Parameters
    ----------
    config : AgentConfig
    clock : Clock
        Says whether the wall time is known.
    open_source : callable
        Opens the source of samples.
    output_problems : callable
        Says what would keep the cues' outputs silent.
    """
    yield _clock(clock)
    yield _disk(config.outbox_path)
    yield _state(Path(config.state.dir))
    yield _setup(config, clock)
    yield await asyncio.to_thread(_cues, config, output_problems)
    yield ("page", *await asyncio.to_thread(look_at, config.page))
    yield await _source(config, open_source)
    yield await _broker(config)


def _clock(clock: Clock) -> Finding:
    if clock.wall_ns() is None:
        return (
            "clock",
            "doubtful",
            "not synchronised: events are kept and stamped once it is. Is the network up? "
            "`timedatectl` shows the state, `sudo timedatectl set-ntp true` turns it on; for a "
            "trial without it set trust_wall_clock = true",
        )
    return ("clock", "well", "synchronised")


def _disk(path: Path) -> Finding:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(folder, os.W_OK):
        remedy = f"give the agent's user the folder: sudo chown $USER {folder}"
        return ("outbox", "ill", f"{folder} cannot be written; {remedy}")
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < ENOUGH_DISK_MB:
        text = f"only {free_mb} MB free at {folder}; free some, or lower outbox.max_bytes"
        return ("outbox", "doubtful", text)
    return ("outbox", "well", f"{path}, {free_mb} MB free")


def _state(folder: Path) -> Finding:
    """Return how what companions keep is: readable, writable, whole."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except FileNotFoundError:
        return ("state", "well", f"{folder} is not there yet, the first start makes it")
    except OSError as error:
        remedy = f"give the agent's user the folder: sudo chown -R $USER {folder}"
        return ("state", "ill", f"{folder} cannot be read ({error.strerror}); {remedy}")
    shut = [path.name for path in files if not os.access(path, os.R_OK | os.W_OK)]
    if shut:
        remedy = f"give the agent's user the files: sudo chown -R $USER {folder}"
        return ("state", "ill", f"{', '.join(shut)} cannot be read and written; {remedy}")
    broken = [path.name for path in files if path.name in STATE_FILES and not _is_json(path)]
    if broken:
        text = f"{', '.join(broken)} is damaged: begun anew at the next start, nothing else is lost"
        return ("state", "doubtful", text)
    aside = [path for path in files if ".damaged" in path.name]
    if aside:
        names = ", ".join(path.name for path in aside)
        text = f"set aside as damaged: {names}; look at the disk, then remove them from {folder}"
        return ("state", "doubtful", text)
    return ("state", "well", f"{len(files)} files in {folder}, all readable")


def _is_json(path: Path) -> bool:
    try:
        msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


def _setup(config: AgentConfig, clock: Clock) -> Finding:
    path = Path(config.state.dir) / SETUP_FILE
    try:
        setup = wire.decode(path.read_bytes(), wire.Setup)
        changed_s = path.stat().st_mtime
    except FileNotFoundError:
        remedy = "the agent's own settings hold; it comes once a patient has the device: "
        remedy += f"`heelfirst patients add --device {config.device}` at the pipeline"
        return ("setup", "well", f"none came yet, {remedy}")
    except (OSError, wire.WireError) as error:
        remedy = "the pipeline sends it again at the next connection"
        return ("setup", "doubtful", f"{path} cannot be used ({error}); {remedy}")
    if setup.device != config.device:
        text = f"{path} is of {setup.device!r}, not used; is `device` right in the settings?"
        return ("setup", "doubtful", text)
    wall_ns = clock.wall_ns()
    now_s = time.time() if wall_ns is None else wall_ns / 1e9
    days = max(0.0, now_s - changed_s) / 86400
    text = f"revision {setup.revision}, {days:.0f} days old"
    if days > OLD_DAYS:
        return (
            "setup",
            "doubtful",
            f"{text}; is it still right? `heelfirst patients show PATIENT`",
        )
    return ("setup", "well", text)


def _cues(config: AgentConfig, output_problems: Callable[[], Iterable[str]]) -> Finding:
    if not config.cues.enabled:
        return ("cues", "well", "off; cues.enabled = true turns them on")
    if config.affected == "none":
        text = "on, but no leg is watched: set affected, here or with `heelfirst patients set`"
        return ("cues", "doubtful", text)
    found = list(output_problems())
    if found:
        return ("cues", "doubtful", f"walking is recorded all the same; {'; '.join(found)}")
    return ("cues", "well", f"on, for {config.affected}, the outputs can be used")


async def _source(config: AgentConfig, open_source: Callable[[], Source]) -> Finding:
    name = config.source.driver
    try:
        blocks = open_source().blocks()
        block = await asyncio.wait_for(anext(blocks), FIRST_BLOCK_S)
    except (TimeoutError, StopAsyncIteration):  # a TimeoutError is an OSError, too
        text = f"{name} gave no sample within {FIRST_BLOCK_S:.0f} s: is the device on and near?"
        return ("source", "ill", text)
    except (HwError, OSError) as error:
        return ("source", "ill", f"{name}: {error}")
    cells = 0 if block.load is None else block.load.shape[1]
    imu = "no IMU" if block.imu is None else "IMU"
    return ("source", "well", f"{name}: {cells} cells, {imu}, {block.side} foot answers")


async def _broker(config: AgentConfig) -> Finding:
    place = f"{config.broker.host}:{config.broker.port}"
    try:
        connector = MqttConnector(config.broker, f"{config.device}-doctor")
        async with asyncio.timeout(10):
            async with connector.connect(None, [wire.topic(config.device, "receipt")]):
                pass
    except TimeoutError:
        return ("broker", "ill", f"{place} does not answer within 10 s: is a firewall between?")
    except EdgeError as error:
        return ("broker", "ill", str(error))
    secure = "TLS" if config.broker.encrypted else "plaintext on this machine"
    return ("broker", "well", f"{place}, MQTT {config.broker.protocol}, {secure}")

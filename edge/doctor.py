"""What `heelfirst doctor` asks of the agent's side: clock, disk, samples, broker."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

from edge import wire
from edge.config import AgentConfig
from edge.errors import EdgeError
from edge.link import MqttConnector
from hw.source import Clock, HwError, Source

__all__ = ["Finding", "examine"]

ENOUGH_DISK_MB = 500
"""An outbox at its cap, and room for what else a system writes."""
FIRST_BLOCK_S = 5.0


Finding = tuple[str, Literal["well", "doubtful", "ill"], str]
"""What was looked at, how it is, and what to do where it is not well."""


async def examine(
    config: AgentConfig, clock: Clock, open_source: Callable[[], Source]
) -> AsyncIterator[Finding]:
    """Yield a finding for the clock, the outbox's disk, the source of samples and the broker."""
    yield _clock(clock)
    yield _disk(config.outbox_path)
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


async def _source(config: AgentConfig, open_source: Callable[[], Source]) -> Finding:
    name = config.source.driver
    try:
        blocks = open_source().blocks()
        block = await asyncio.wait_for(anext(blocks), FIRST_BLOCK_S)
    except (HwError, OSError) as error:
        return ("source", "ill", f"{name}: {error}")
    except (TimeoutError, StopAsyncIteration):
        text = f"{name} gave no sample within {FIRST_BLOCK_S:.0f} s: is the device on and near?"
        return ("source", "ill", text)
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

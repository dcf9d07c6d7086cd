"""What `heelfirst doctor` asks of the pipeline's side: store, disk, registry, broker."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import msgspec

from pipeline.config import PipelineConfig
from pipeline.errors import PipelineError
from pipeline.link import MqttLink
from pipeline.registry import Registry
from pipeline.store import open_store

__all__ = ["Finding", "examine"]

ENOUGH_DISK_MB = 500
Finding = tuple[str, Literal["well", "doubtful", "ill"], str]
"""What was looked at, how it is, and what to do where it is not well."""


async def examine(config: PipelineConfig) -> AsyncIterator[Finding]:
    """Yield a finding for the store, the disk, the registry and the broker."""
    yield await _store(config)
    yield _disk(Path(config.deadletter.path))
    yield await _registry(config)
    yield await _broker(config)


async def _store(config: PipelineConfig) -> Finding:
    if config.store.kind == "sqlite" and (finding := _missing("store", Path(config.store.path))):
        return finding
    try:
        store = open_store(config.store)
        try:
            return ("store", "well", await store.check())
        finally:
            await store.close()
    except PipelineError as error:
        return ("store", "ill", str(error))


def _missing(subject: str, file: Path) -> Finding | None:
    """Return a finding for a file that is not there yet, which looking would make; else None."""
    if file.exists():
        return None
    folder = next(path for path in file.absolute().parents if path.exists())
    if not os.access(folder, os.W_OK):
        remedy = f"give the pipeline's user the folder: sudo chown $USER {folder}"
        return (subject, "ill", f"{file} cannot be made in {folder}; {remedy}")
    return (subject, "well", f"{file} is not there yet, the first start makes it")


def _disk(folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free_mb = shutil.disk_usage(there).free // 2**20
    if free_mb < ENOUGH_DISK_MB:
        return ("disk", "doubtful", f"only {free_mb} MB free at {there}; free some")
    letters = sum(path.stat().st_size for path in folder.glob("*.jsonl*")) if folder.exists() else 0
    if letters:
        text = f"{letters} bytes of dead letters in {folder}: each line says why it was refused"
        return ("disk", "doubtful", text)
    return ("disk", "well", f"{free_mb} MB free, no dead letters")


async def _registry(config: PipelineConfig) -> Finding:
    if finding := _missing("registry", Path(config.registry.path)):
        return finding
    registry = Registry(config.registry.path, config.registry.quarantine_events)
    try:
        patients, waiting = await registry.patients(), await registry.quarantined()
    except PipelineError as error:
        return ("registry", "ill", str(error))
    finally:
        await registry.close()
    if waiting:
        devices = ", ".join(f"{device} ({count} events)" for device, count in waiting.items())
        text = f"devices without a patient: {devices}; `heelfirst patients add --device DEVICE`"
        return ("registry", "doubtful", text)
    if not patients:
        return ("registry", "doubtful", "no patients yet; `heelfirst patients add --device DEVICE`")
    return ("registry", "well", f"{len(patients)} patients, every device belongs to one")


async def _broker(config: PipelineConfig) -> Finding:
    broker = msgspec.structs.replace(
        config.broker,
        client_id=f"{config.broker.client_id}-doctor",
        persistent_session=False,
        share_group="",  # a share of the group's messages would be lost on the doctor
    )
    place = f"{broker.host}:{broker.port}"
    try:
        async with asyncio.timeout(10), MqttLink(broker).connect():
            pass
    except TimeoutError:
        return ("broker", "ill", f"{place} does not answer within 10 s: is a firewall between?")
    except PipelineError as error:
        return ("broker", "ill", str(error))
    return ("broker", "well", f"{place}, MQTT {broker.protocol}, events and status can be read")

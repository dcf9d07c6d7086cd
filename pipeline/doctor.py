"""What `heelfirst doctor` asks of the pipeline's side; each finding is one line with its remedy."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from edge.settings import is_loopback, read_secret_file
from pipeline.config import NotifyConfig, PipelineConfig, StoreConfig
from pipeline.deadletter import REPLAYING, open_letters
from pipeline.errors import ConfigError, PipelineError
from pipeline.journal import Journal, JournalError
from pipeline.link import MqttLink
from pipeline.notify.office import Office
from pipeline.notify.recipients import addresses
from pipeline.registry import Registry
from pipeline.replay import summarise
from pipeline.rollup.touched import Touched
from pipeline.store import open_store

__all__ = ["Finding", "examine"]

ENOUGH_DISK_MB = 500
Finding = tuple[str, Literal["well", "doubtful", "ill"], str]
"""What was looked at, how it is, and what to do where it is not well."""


async def examine(config: PipelineConfig) -> AsyncIterator[Finding]:
    """Yield a finding for each thing that the pipeline needs; nothing is made or changed."""
    letters, journal = Path(config.deadletter.path), config.journal_path
    yield await _store("store", config.store)
    yield _disk(letters)
    yield await asyncio.to_thread(_letters, config)
    yield await _looked("registry", Path(config.registry.path), partial(_registry, config))
    yield await _looked("erasures", Path(config.registry.path), partial(_erasures, config))
    yield await asyncio.to_thread(_journal, journal)
    yield await _store("rollups", config.rollups.target(config.store))
    yield await _looked("days", Path(config.rollups.touched), partial(_days, config))
    yield await asyncio.to_thread(_recipients, config.notify)
    yield _link(config.notify)
    yield await _looked("alerts", Path(config.notify.path), partial(_alerts, config))
    yield await _broker(config)


async def _looked(subject: str, file: Path, look: Callable[[], Awaitable[Finding]]) -> Finding:
    """Return what a look into a file found; a file that is not there is not made by looking."""
    if finding := _missing(subject, file):
        return finding
    try:
        return await look()
    except PipelineError as error:
        return (subject, "ill", str(error))


async def _store(subject: str, config: StoreConfig) -> Finding:
    if config.kind == "sqlite" and (finding := _missing(subject, Path(config.path))):
        return finding
    try:
        store = open_store(config)
        try:
            return (subject, "well", await store.check())
        finally:
            await store.close()
    except PipelineError as error:
        return (subject, "ill", str(error))


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
    return ("disk", "well", f"{free_mb} MB free at {there}")


def _letters(config: PipelineConfig) -> Finding:
    letters = open_letters(config)
    try:
        found = summarise(letters)
    except OSError as error:
        return ("letters", "ill", f"{error}; give the pipeline's user the folder")
    if not found:
        return ("letters", "well", "no dead letters")
    counts: Counter[str] = Counter()
    for each in found:
        counts[each.kind] += each.count
    text = ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts))
    text += f", most often: {found[0].reason[:100]}"
    if (Path(config.deadletter.path) / REPLAYING).exists():
        text += "; a replay was cut short, `heelfirst pipeline deadletters replay` goes on with it"
    elif counts["refused"]:
        text += "; where the reason is gone: `heelfirst pipeline deadletters replay`"
    else:
        text += "; `heelfirst pipeline deadletters list` says whose: are versions too far apart?"
    return ("letters", "doubtful", text)


async def _registry(config: PipelineConfig) -> Finding:
    registry = Registry(config.registry.path, config.registry.quarantine_events)
    try:
        patients, waiting = await registry.patients(), await registry.quarantined()
    finally:
        await registry.close()
    if waiting:
        devices = ", ".join(f"{device} ({count} events)" for device, count in waiting.items())
        text = f"devices without a patient: {devices}; `heelfirst patients add --device DEVICE`"
        return ("registry", "doubtful", text)
    if not patients:
        return ("registry", "doubtful", "no patients yet; `heelfirst patients add --device DEVICE`")
    return ("registry", "well", f"every device has a patient; patients: {len(patients)}")


async def _erasures(config: PipelineConfig) -> Finding:
    registry = Registry(config.registry.path, config.registry.quarantine_events)
    try:
        tombstones = await registry.tombstones()
    finally:
        await registry.close()
    cut = sorted(patient for patient, done_ns in tombstones.items() if done_ns is None)
    if cut:
        commands = ", ".join(f"`heelfirst patients erase {patient}`" for patient in cut)
        return ("erasures", "ill", f"{len(cut)} cut short; finish with {commands}")
    return ("erasures", "well", f"none cut short; patients erased: {len(tombstones)}")


def _journal(path: Path) -> Finding:
    if finding := _missing("journal", path):
        return finding
    try:
        count = Journal(path).verify()
    except (JournalError, OSError) as error:
        return ("journal", "ill", str(error))
    return ("journal", "well", f"{count} entries, unbroken")


async def _days(config: PipelineConfig) -> Finding:
    touched = Touched(config.rollups.touched)
    try:
        marks = await touched.marks()
        nobody = touched.lock()  # given up again at once
    finally:
        await touched.close()
    text = f"hours waiting to be summed up: {len(marks)}"
    if not marks:
        return ("days", "well", "every day is summed up")
    if nobody:
        remedy = "start the pipeline, or `heelfirst pipeline rollup` for once"
        return ("days", "doubtful", f"{text}, and nobody does it: {remedy}")
    return ("days", "well", f"{text}; the pipeline does it within {config.rollups.every_s:.0f} s")


def _recipients(config: NotifyConfig) -> Finding:
    if not config.recipients:
        return ("notify", "doubtful", "nobody is told: notify.recipients is empty")
    folder = Path(config.recipients)
    write = f"write one address of apprise a line into {folder / 'therapist'}, mode 0600"
    if not folder.is_dir():
        return ("notify", "doubtful", f"nobody is told: {folder} is no folder; {write}")
    if folder.stat().st_mode & 0o022:
        text = f"others may write {folder} and be told in somebody's place: chmod 750 {folder}"
        return ("notify", "ill", text)
    try:
        found = {path.name: addresses(path) for path in sorted(folder.iterdir())}
    except (ConfigError, OSError) as error:
        return ("notify", "ill", str(error))
    if not found.get("therapist"):
        return ("notify", "doubtful", f"no therapist is told; {write}")
    return ("notify", "well", f"{len(found)} files of addresses in {folder}")


def _link(config: NotifyConfig) -> Finding:
    key = Path(config.key_file)
    if key.exists():
        remedy = "Remove it: a new one is made, and links sent so far no longer work"
        try:
            read_secret_file(key, partial(ConfigError, str(key), ""), remedy)
        except ConfigError as error:
            return ("link", "ill", str(error))
    if not config.link:
        return ("link", "well", "messages hold none; set notify.link and notify.port for one tap")
    if not config.port:
        text = f"messages lead to {config.link}, where nobody answers: set notify.port"
        return ("link", "ill", text)
    if config.link.startswith("http://") and not is_loopback(urlsplit(config.link).hostname or ""):
        return ("link", "doubtful", f"{config.link} is not encrypted: put TLS in front of it")
    return ("link", "well", f"{config.link}, served at {config.host}:{config.port}")


async def _alerts(config: PipelineConfig) -> Finding:
    office = Office(config.notify, Journal(config.journal_path))
    try:
        waiting, tried = await office.waiting()
        unseen = len(await office.find("", False, 1000))
    finally:
        await office.close()
    text = f"{unseen} open or not acknowledged, {waiting} messages on their way"
    if tried:
        remedy = "the log says why; the address, the mail server, the network?"
        return ("alerts", "doubtful", f"{text}, {tried} of them failed before: {remedy}")
    return ("alerts", "well", text)


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

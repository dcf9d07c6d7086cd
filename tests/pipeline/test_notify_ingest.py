"""From a device over a real broker to a message: once, however often the device sends."""

import asyncio
from pathlib import Path

from gait_device import Device, batches, until
from notify_room import Target, running

from edge import wire
from pipeline.config import NotifyConfig, PipelineConfig
from pipeline.ingest import Ingest
from pipeline.journal import Journal
from pipeline.link import MqttLink
from pipeline.notify.notifier import Notifier
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore


async def test_an_alert_that_comes_thrice_is_told_once_and_an_acknowledgement_ends_it(
    tmp_path: Path,
    settings: PipelineConfig,
    registry: Registry,
    store: SqliteStore,
    patient: str,
):
    people = tmp_path / "recipients"
    people.mkdir()
    for role in ("patient", "caregiver"):
        path = people / f"{patient}.{role}"
        path.touch(mode=0o600)
        path.write_text(f"json://{role}.example\n")
    target, now = Target(), 0
    config = NotifyConfig(
        path=str(tmp_path / "notify.db"), recipients=str(people), key_file=str(tmp_path / "key")
    )
    begin_ns = 1_772_366_400 * 10**9  # noon UTC
    notifier = Notifier(
        config,
        Journal(tmp_path / "journal.jsonl"),
        store,
        owner=registry.patient_of,
        sender=target,
        now_ns=lambda: begin_ns + now * 10**9,
    )
    ingest = Ingest(settings, store, registry, MqttLink(settings.broker), companions=[notifier])
    alert = wire.Alert(
        seq=1,
        time_ns=begin_ns,
        id="near_trips-1",
        rule="near_trips",
        priority="high",
        raised=True,
        detail="2 near-trips within an hour",
    )
    seen = wire.Acknowledge(
        seq=2, time_ns=begin_ns + 10**9, id=alert.id, by="patient", true_alarm=True
    )
    task = asyncio.create_task(ingest.run())
    await until(lambda: ingest.state.connected)
    async with running(notifier), Device(settings.broker.port) as device:
        for _ in range(3):
            for batch in batches([alert]):
                await device.send(batch)
        await device.wait_receipts([alert])
        await until(lambda: bool(target.messages))
        for batch in batches([seen, seen]):
            await device.send(batch)
        await device.wait_receipts([seen])
        now = 1200
        rounds = notifier.state.rounds
        await until(lambda: notifier.state.rounds > rounds + 2)
    ingest.stop()
    await task
    await notifier.close()
    assert target.told() == [("page", "patient")]
    rows = await store.read("alarms", start_ns=0, stop_ns=2**62)
    assert [row["severity"] for row in rows] == [3]
    assert [e.actor for e in Journal(tmp_path / "journal.jsonl").entries()] == ["device:insole-1"]

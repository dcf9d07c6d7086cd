"""How long it takes from an alert's raise to the notification, with a real broker.

    PYTHONPATH=.:tests/support python tests/benchmarks/bench_notify.py [--alerts 60]

Starts its own mosquitto on loopback, the ingester with SQLite and receipts, the notifier, and a
local HTTP server as the recipient's, reached through apprise. The clock runs from the moment when
the agent publishes the alert to the arrival of the message at the recipient's server. Alerts of
high priority are sent at once: the goal of 10 s (p95) is theirs. Others wait 30 s for company by
design (`notify.group_s`); what is printed of them is the time beyond those 30 s. One recipient;
the patient has no address of their own, so nothing waits for an escalation.
"""

import argparse
import asyncio
import logging
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from gait_device import BOOT, Device, until
from servers import mosquitto_server
from tiny_http import TinyHttp, tiny_http

from edge import wire
from pipeline.config import (
    BrokerConfig,
    DeadLetterConfig,
    NotifyConfig,
    PipelineConfig,
    RegistryConfig,
    StoreConfig,
)
from pipeline.ingest import Ingest
from pipeline.journal import Journal
from pipeline.link import MqttLink
from pipeline.notify.notifier import Notifier
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore

GROUP_S = 30.0


def alert(number: int, priority: Literal["medium", "high"]) -> wire.Alert:
    """Return an alert that says its number."""
    return wire.Alert(
        seq=number,
        time_ns=time.time_ns(),
        id=f"near_trips-{number}",
        rule="near_trips",
        priority=priority,
        raised=True,
        detail=f"number {number} of many",
    )


class Bench:
    """The whole way, and the time of each arrival by the alert's number."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.config = PipelineConfig(
            broker=BrokerConfig(port=port),
            store=StoreConfig(path=str(folder / "store.db")),
            registry=RegistryConfig(path=str(folder / "registry.db")),
            deadletter=DeadLetterConfig(path=str(folder / "dead")),
            notify=NotifyConfig(
                path=str(folder / "notify.db"),
                recipients=str(folder / "recipients"),
                key_file=str(folder / "key"),
                link="https://clinic.example/alerts",
                quiet_from="",
                quiet_to="",
                group_s=GROUP_S,
            ),
        )
        self.arrived: dict[int, float] = {}

    def plan(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Take note of a message's arrival."""
        for number in re.findall(rb"number (\d+) of many", body):
            self.arrived.setdefault(int(number), time.perf_counter())
        return 200, {}, b""

    async def run(self, alerts: int) -> tuple[list[float], list[float]]:
        """Return the seconds of urgent alerts, and of others beyond the grouping."""
        registry = Registry(self.config.registry.path)
        store = SqliteStore(self.config.store.path)
        async with tiny_http(self.plan) as http:
            names = await self.people(registry, http, 2 * alerts)
            notifier = Notifier(self.config.notify, Journal(self.folder / "journal"), store)
            ingest = Ingest(
                self.config, store, registry, MqttLink(self.config.broker), companions=[notifier]
            )
            tasks = [asyncio.create_task(ingest.run()), asyncio.create_task(notifier.run())]
            await until(lambda: ingest.state.connected)
            urgent = await self.one_by_one(names[:alerts])
            others = await self.at_once(names[alerts:], first=alerts + 1)
            ingest.stop()
            notifier.stop()
            await asyncio.gather(*tasks)
            await notifier.close()
        await store.close()
        await registry.close()
        return urgent, others

    async def people(self, registry: Registry, http: TinyHttp, count: int) -> list[str]:
        """Add patients with a device and a caregiver each; return the devices."""
        folder = self.folder / "recipients"
        folder.mkdir()
        names = [f"insole-{number}" for number in range(1, count + 1)]
        for name in names:
            patient = await registry.add_patient()
            await registry.assign(name, patient)
            path = folder / f"{patient}.caregiver"
            path.touch(mode=0o600)
            path.write_text(http.url.replace("http", "json") + "\n")
        return names

    async def one_by_one(self, names: list[str]) -> list[float]:
        """Send an urgent alert, wait for its message, send the next."""
        seconds = []
        for number, name in enumerate(names, start=1):
            begin = await self.send(name, alert(number, "high"))
            await until(lambda number=number: number in self.arrived, 60)
            seconds.append(self.arrived[number] - begin)
        return seconds

    async def at_once(self, names: list[str], first: int) -> list[float]:
        """Send one alert of each patient at once, and wait for all."""
        begins = {
            number: await self.send(name, alert(number, "medium"))
            for number, name in enumerate(names, start=first)
        }
        await until(lambda: begins.keys() <= self.arrived.keys(), GROUP_S + 60)
        return [self.arrived[number] - begin - GROUP_S for number, begin in begins.items()]

    async def send(self, name: str, event: wire.Event) -> float:
        """Publish an event; return when that began."""
        async with Device(self.config.broker.port, name) as device:
            begin = time.perf_counter()
            await device.send(wire.Batch(device=name, boot=BOOT, events=(event,)))
        return begin


def main() -> None:
    """Measure and print p50, p95 and the worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=60)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "mosquitto").mkdir()
        broker = mosquitto_server(Path(name) / "mosquitto")
        try:
            broker.start()
            urgent, others = asyncio.run(Bench(Path(name), broker.port).run(options.alerts))
        finally:
            broker.stop()
    for what, seconds in (("high priority, at once", urgent), ("others, beyond 30 s", others)):
        ordered = sorted(seconds)
        p50, p95 = (ordered[round(share * (len(ordered) - 1))] for share in (0.5, 0.95))
        sys.stdout.write(
            f"{what:24} p50 {p50:6.2f} s   p95 {p95:6.2f} s   worst {ordered[-1]:6.2f} s"
            f"   ({len(ordered)} alerts, {os.cpu_count()} cores)\n"
        )


if __name__ == "__main__":
    main()

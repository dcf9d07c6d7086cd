"""How many events a second go from MQTT into a real InfluxDB, receipts on, and what it costs.

    PYTHONPATH=.:tests/support python tests/benchmarks/bench_ingest.py [--events 200000] ..

Starts its own mosquitto, influxd and nginx on loopback. Events are strides with every number set.
The senders run in a process of their own, so that the CPU share is the pipeline's alone. The clock
runs from the first message received to the last receipt sent; then the store is read and counted.
With rollups, each touched hour is on disk before its receipt goes out, and the worker makes the
days beside it. The goal is 5 000 events/s.
"""

import argparse
import asyncio
import itertools
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import msgspec
from gait_device import BASE_NS, Device, batches, one_of_each
from servers import influx_server, influx_v2_server, mosquitto_server

from edge import wire
from pipeline.care.record import PatientRecord
from pipeline.config import (
    BrokerConfig,
    DeadLetterConfig,
    PipelineConfig,
    RegistryConfig,
    RollupConfig,
    StoreConfig,
)
from pipeline.ingest import Ingest
from pipeline.link import MqttLink
from pipeline.registry import Registry
from pipeline.rollup.opening import Rollups, open_rollups
from pipeline.rollup.worker import RollupState
from pipeline.store import open_store


def name_of(device: int) -> str:
    """Return a device's id."""
    return f"insole-{device}"


def full_strides(count: int) -> list[wire.Event]:
    """Return strides with every number set, one a second."""
    full = one_of_each()[0]
    return [
        msgspec.structs.replace(full, seq=seq, time_ns=BASE_NS + seq * 10**9)
        for seq in range(1, count + 1)
    ]


async def send_all(port: int, device: int, events: int, size: int) -> None:
    """Send `events` strides of one device in batches and wait for all receipts."""
    name = name_of(device)
    full = full_strides(events)
    waiting = list(batches(full, name, size))
    window = asyncio.Semaphore(20)  # an agent sends on when its batches are receipted

    async with Device(port, name) as connection:

        async def send(batch: wire.Batch) -> None:
            async with window:
                await connection.send(batch)
                await connection.wait_receipts(batch.events, timeout_s=300)

        await asyncio.gather(*map(send, waiting))


def sender(port: int, devices: int, events: int, size: int) -> None:
    """Be the process of all devices."""

    async def all_devices() -> None:
        await asyncio.gather(*(send_all(port, n, events // devices, size) for n in range(devices)))

    asyncio.run(all_devices())


class Records:
    """Knows nothing of any patient but that there is one."""

    async def record(self, patient: str) -> PatientRecord:
        """Return a record with every default."""
        return PatientRecord(patient=patient)


async def measure(
    config: PipelineConfig, devices: int, events: int, size: int, rolling: bool
) -> tuple[float, float, RollupState]:
    """Return seconds of wall clock and of this process's CPU until the last receipt."""
    registry = Registry(config.registry.path)
    for device in range(devices):
        await registry.assign(name_of(device), await registry.add_patient())
    async with open_rollups(config, Records()) as rollups:
        wall_s, cpu_s = await receive(config, registry, rollups, devices, events, size, rolling)
    await registry.close()
    return wall_s, cpu_s, rollups.worker.state


async def receive(
    config: PipelineConfig,
    registry: Registry,
    rollups: Rollups,
    devices: int,
    events: int,
    size: int,
    rolling: bool,
) -> tuple[float, float]:
    """Run ingester, worker and senders; see `measure`."""
    store = open_store(config.store)
    companions = (rollups.touched,) if rolling else ()
    ingest = Ingest(config, store, registry, MqttLink(config.broker), companions=companions)
    tasks = [asyncio.create_task(ingest.run())]
    if rolling:
        tasks.append(asyncio.create_task(rollups.worker.run()))
    while not ingest.state.connected:  # noqa: ASYNC110 - the state has no event to wait for
        await asyncio.sleep(0.01)
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=sender, args=(config.broker.port, devices, events, size))
    process.start()
    while not ingest.state.received:  # noqa: ASYNC110 - starting the senders does not count
        await asyncio.sleep(0.001)
    begin, cpu = time.perf_counter(), time.process_time()
    while ingest.state.receipted < events and process.is_alive():  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    await asyncio.to_thread(process.join)
    ingest.stop()
    await tasks[0]
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    rows = await store.read("stride", start_ns=0, stop_ns=2**62)
    if process.exitcode or len(rows) != events:
        raise SystemExit(f"{len(rows)} of {events} events stored, senders ended {process.exitcode}")
    await store.close()
    return wall_s, cpu_s


def main() -> None:
    """Measure each store and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=90)
    parser.add_argument("--devices", type=int, default=4)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    kinds: tuple[Literal["influx1", "influx2", "sqlite"], ...] = ("influx1", "influx2", "sqlite")
    for kind, rolling in itertools.product(kinds, (False, True)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for part in ("mosquitto", "influx", "nginx"):
                (folder / part).mkdir()
            broker = mosquitto_server(folder / "mosquitto")
            influx = influx_server(folder / "influx")
            nginx = influx_v2_server(folder / "nginx", influx)
            try:
                for server in (broker, influx, nginx):
                    server.start()
                influx.create("gait")
                influx.create("gait_rollups")
                url = nginx.url if kind == "influx2" else influx.url
                config = PipelineConfig(
                    broker=BrokerConfig(port=broker.port),
                    store=StoreConfig(kind=kind, url=url, path=str(folder / "store.db")),
                    registry=RegistryConfig(path=str(folder / "registry.db")),
                    deadletter=DeadLetterConfig(path=str(folder / "dead")),
                    rollups=RollupConfig(
                        path=str(folder / "rollups.db"), touched=str(folder / "touched.db")
                    ),
                )
                wall_s, cpu_s, state = asyncio.run(
                    measure(config, options.devices, options.events, options.batch, rolling)
                )
            finally:
                for server in (nginx, influx, broker):
                    server.stop()
        rate = options.events / wall_s
        sys.stdout.write(
            f"{kind:8} {f'rollups ({state.days} days made)' if rolling else 'bare':24}"
            f" {rate:8.0f} events/s   {100 * cpu_s / wall_s:4.0f} % of a core"
            f"   {1e6 * cpu_s / options.events:5.1f} us CPU per event"
            f"   ({options.events} events, batches of {options.batch}, {os.cpu_count()} cores)\n"
        )


if __name__ == "__main__":
    main()

"""Setups and requests on the Pi: checked, kept over restarts, handed on; over a real broker."""

import asyncio
import errno
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from edge_tools import WALL_NS, stride, until
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.config import BrokerConfig
from edge.link import MqttConnector
from edge.outbox import Outbox
from edge.publish import Publisher, PublishSettings
from edge.service import OutboxService
from edge.setup import SetupDesk, SetupFile
from edge.wire import topic

QUICK = PublishSettings(receipt_s=0.5, receipt_max_s=1.0, retry_min_s=0.1, retry_max_s=0.4)
DEVICE = "test-1"


def setup(revision: int, drags: int = 5, device: str = DEVICE) -> wire.Setup:
    return wire.Setup(device=device, revision=revision, thresholds=wire.Thresholds(drags=drags))


def desk_at(folder: Path) -> SetupDesk:
    return SetupDesk(SetupFile(folder / "state" / "setup.json", DEVICE), DEVICE)


async def test_the_last_good_setup_survives_a_restart(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)
    assert desk.current is None
    assert desk.revision is None
    seen: list[wire.Setup] = []
    desk.on_setup = seen.append
    for message in (setup(3), setup(3), setup(7, drags=9)):
        await desk.setup(message)
    assert seen == [setup(3), setup(7, drags=9)]
    file = tmp_path / "state" / "setup.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["setup.json"]
    assert desk_at(tmp_path).current == setup(7, drags=9)


@pytest.mark.parametrize(
    "refused", [setup(2), setup(3, drags=9), setup(9, device="another")], ids=str
)
async def test_what_is_older_or_for_another_changes_nothing(
    tmp_path: Path, refused: wire.Setup
) -> None:
    desk = desk_at(tmp_path)
    await desk.setup(setup(3))
    with pytest.raises(wire.WireError):
        await desk.setup(refused)
    assert desk.current == desk_at(tmp_path).current == setup(3)


@given(st.binary(max_size=200))
def test_a_damaged_file_is_as_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "state").mkdir()
    (folder / "state" / "setup.json").write_bytes(data)
    assert desk_at(folder).current is None


def test_a_file_of_another_device_is_not_used(tmp_path: Path) -> None:
    SetupFile(tmp_path / "state" / "setup.json", "another").save(setup(3, device="another"))
    assert desk_at(tmp_path).current is None


async def test_on_a_full_disk_a_setup_is_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_at(tmp_path)
    await desk.setup(setup(3))

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edge.setup.file.replace_file", full)
    seen: list[wire.Setup] = []
    desk.on_setup = seen.append
    await desk.setup(setup(4))
    assert seen == [setup(4)]
    assert desk_at(tmp_path).current == setup(3)
    assert "setup 4 is used, not kept" in caplog.text


async def test_requests_are_handed_on_and_those_of_another_refused(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)
    seen: list[wire.Request] = []
    desk.on_request = seen.append
    forget = wire.Forget(before_ns=5)
    snooze = wire.Snooze(id="drags-left", until_ns=9)
    await desk.command(wire.Command(device=DEVICE, requests=(forget, snooze)))
    with pytest.raises(wire.WireError):
        await desk.command(wire.Command(device="another", requests=(forget,)))
    assert seen == [forget, snooze]


# -- over a broker ------------------------------------------------------------------------------


@asynccontextmanager
async def publishing(port: int, folder: Path, desk: SetupDesk) -> AsyncIterator[Publisher]:
    outbox = Outbox(folder / "outbox.db", clock_name="test")
    outbox.stamp(WALL_NS)
    service = OutboxService(outbox)
    connector = MqttConnector(BrokerConfig(port=port), DEVICE)
    publisher = Publisher(
        DEVICE,
        service,
        connector,
        settings=QUICK,
        handler=desk,
        wall_ns=lambda: WALL_NS + 100 * 10**9,
    )
    await service.commit([stride(40.0), stride(60.0)])
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        publisher.stop(0.1)
        await asyncio.wait_for(task, 10)
        await service.close()


@asynccontextmanager
async def statuses(port: int) -> AsyncIterator[list[wire.Status]]:
    """Every status of the device from now on, the retained one first."""
    found: list[wire.Status] = []

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            found.append(wire.decode(message.payload, wire.Status))

    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(topic(DEVICE, "status"), qos=1)
        task = asyncio.create_task(listen(client))
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_retained_setup_arrives_and_what_is_wrong_is_counted(
    mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = desk_at(tmp_path)
    requests: list[wire.Request] = []
    desk.on_request = requests.append
    config, command = topic(DEVICE, "config"), topic(DEVICE, "command")
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish(config, wire.encode(setup(3)), qos=1, retain=True)
        async with publishing(mosquitto.port, tmp_path, desk) as publisher:
            await until(lambda: desk.revision == 3)
            bad = [b"{}", b"\xff", wire.encode(setup(1)), b'{"device":"test-1","revision":1e9}']
            for payload in bad:
                await client.publish(config, payload, qos=1)
            await client.publish(command, b'{"device":"test-1","requests":[{"kind":"no"}]}', qos=1)
            await until(lambda: publisher.state.refused_messages == len(bad) + 1)
            forget = wire.Forget(before_ns=5)
            message = wire.Command(device=DEVICE, requests=(forget,))
            await client.publish(command, wire.encode(message), qos=1)
            await client.publish(config, wire.encode(setup(4)), qos=1)
            await until(lambda: desk.revision == 4 and requests == [forget])
    assert caplog.text.count("refused") == 3  # the 1st, 2nd and 4th: no log is flooded


async def test_the_status_says_what_waits_and_what_is_known(mosquitto, tmp_path: Path) -> None:
    async with publishing(mosquitto.port, tmp_path, desk_at(tmp_path)) as publisher:
        known: dict[str, object] = {"worn": False, "battery_left_percent": 80.0, "no_field": 1}
        publisher.facts = lambda: known
        async with statuses(mosquitto.port) as seen:
            await until(lambda: any(status.worn is False for status in seen))
            known["worn"] = True
            await until(lambda: seen[-1].worn is True)
            last = seen[-1]
            assert (last.waiting, last.oldest_s, last.dropped) == (2, 60.0, 0)
            assert (last.reconnections, last.battery_left_percent) == (0, 80.0)
            assert last.outbox_bytes is not None
            assert last.outbox_bytes > 4096
            known.update(worn=None, battery_left_percent=180.0)
            await until(lambda: seen[-1].battery_left_percent is None)
            assert seen[-1].online


async def test_reconnections_are_counted(mosquitto, tmp_path: Path) -> None:
    async with publishing(mosquitto.port, tmp_path, desk_at(tmp_path)) as publisher:
        await until(lambda: publisher.state.connected)
        mosquitto.kill()
        await until(lambda: not publisher.state.connected)
        mosquitto.start()
        await until(lambda: publisher.state.connected)
        async with statuses(mosquitto.port) as seen:
            await until(lambda: bool(seen))
            assert seen[0].reconnections == 1

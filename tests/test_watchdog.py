"""The watchdog is fed only while all stages move; a fake NOTIFY_SOCKET listens."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest
from edge_tools import PROFILE, ListSource, walk

from heelfirst.watchdog import CountedSource, Stage, Watchdog, notify, watchdog_s
from hw.clock import VirtualClock
from hw.replay import Replay

SECOND = 1_000_000_000


class Listener:
    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["file", "abstract"])
def systemd(request, tmp_path, monkeypatch) -> Iterator[Listener]:
    name = f"heelfirst-test-{os.getpid()}"
    path = str(tmp_path / "s") if request.param == "file" else f"\0{name}"
    listener = Listener(path)
    monkeypatch.setenv("NOTIFY_SOCKET", path.replace("\0", "@"))
    yield listener
    listener.socket.close()


class Stages:
    def __init__(self) -> None:
        self.now_ns = 0
        self.done = {"reader": 0, "detector": 0, "committer": 0}
        self.away = False
        self.watchdog = Watchdog(
            {
                "reader": Stage(lambda: self.done["reader"], lambda: self.away),
                "detector": Stage(lambda: self.done["detector"], lambda: self.away),
                "committer": Stage(lambda: self.done["committer"]),
            },
            max_age_s=60,
            now_ns=lambda: self.now_ns,
        )

    def run(self, seconds: int, *moving: str) -> bool:
        fed = True
        for _ in range(seconds):
            self.now_ns += SECOND
            for name in moving:
                self.done[name] += 1
            fed = self.watchdog.feed()
        return fed


@pytest.mark.parametrize("hung", ["reader", "detector", "committer"])
def test_one_stage_that_hangs_ends_the_feeding(systemd, hung):
    stages = Stages()
    assert stages.run(100, "reader", "detector", "committer")
    assert set(systemd.heard()) == {"WATCHDOG=1"}
    moving = {"reader", "detector", "committer"} - {hung}
    assert stages.run(60, *moving)
    assert set(systemd.heard()) == {"WATCHDOG=1"}
    assert not stages.run(2, *moving)
    assert systemd.heard()[-1] == f"STATUS=hangs: {hung}"
    assert stages.run(1, hung)


def test_a_device_that_is_switched_off_is_no_hang(systemd):
    stages = Stages()
    stages.away = True
    assert stages.run(3600, "committer")
    stages.away = False
    assert stages.run(60, "committer"), "a device that came back has its minute"
    assert not stages.run(2, "committer")


async def test_it_says_ready_feeds_and_says_goodbye(systemd, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    count = iter(range(10**9))
    task = asyncio.create_task(Watchdog({"reader": Stage(lambda: next(count))}).run())
    heard: list[str] = []
    async with asyncio.timeout(20):
        while heard.count("WATCHDOG=1") < 3:
            await asyncio.sleep(0.01)
            heard += systemd.heard()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert heard[0].startswith("READY=1")
    assert systemd.heard()[-1] == "STOPPING=1"


def test_without_systemd_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    assert not notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [("90000000", "", 90.0), ("90000000", "1", None), ("0", "", None), ("x", "", None)],
)
def test_the_period_is_ours_only_when_systemd_means_us(monkeypatch, usec, pid, seconds):
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid or str(os.getpid()))
    assert watchdog_s() == seconds


async def test_a_counted_source_gives_what_its_source_gives():
    recording = walk(2.0)
    source = CountedSource(Replay(recording, VirtualClock()))
    given = [block async for block in source.blocks()]
    assert source.read == len(given) > 0
    assert source.profile is PROFILE
    assert not source.silent
    assert not CountedSource(ListSource([])).silent


async def test_closing_a_counted_source_closes_its_source():
    closed = []

    class Endless:
        profile = PROFILE

        async def blocks(self):
            try:
                while True:
                    yield object()
            finally:
                closed.append(True)

    stream = CountedSource(Endless()).blocks()
    await anext(stream)
    await stream.aclose()
    assert closed == [True]

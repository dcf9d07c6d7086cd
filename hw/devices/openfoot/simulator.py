"""The insole's side of OpenFoot v1, and a sender for people who have no insole yet:

python -m hw.devices.openfoot.simulator RECORDING --host ADDRESS --port 5710
"""

import argparse
import asyncio
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from hw.clock import SystemClock
from hw.devices import profiles
from hw.devices.simulation.feed import FootFeed, feet_of
from hw.source import Clock, Side

__all__ = ["OpenFootInsole", "OpenFootPeripheral", "crc16", "stuffed"]

_FULL_SCALE_COUNT: Final = 60000
_G: Final = 9.80665
_SERVICE: Final = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
_TO_DEVICE: Final = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
_FROM_DEVICE: Final = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

Send = Callable[[bytes], object]


class OpenFootInsole:
    """One simulated insole, whatever carries its frames.

    Parameters
    ----------
    side : {"left", "right"}
    feed : FootFeed
        What the foot does.
    clock : Clock
    period_us, samples
        Time between samples, samples in a frame.
    drift_ppm, first_serial, first_us
        Of its own clock and counter.
    imu : bool
        Whether it has an IMU.
    """

    def __init__(
        self,
        side: Side,
        feed: FootFeed,
        clock: Clock,
        period_us: int = 10_000,
        samples: int = 2,
        drift_ppm: float = 0.0,
        first_serial: int = 0,
        first_us: int = 0,
        imu: bool = True,
    ) -> None:
        self.side = side
        self.battery = 80
        self.mute = False
        self.saturate = False
        self._feed = feed
        self._clock = clock
        self._period_us = period_us
        self._samples = samples
        self._rate = 1 + drift_ppm * 1e-6
        self._first_serial = first_serial
        self._first_us = first_us
        self._imu = imu
        self._born_ns = clock.monotonic_ns()
        self._born_at_us = 0.0

    def step_clock(self, microseconds: float) -> None:
        """Step its clock, as a firmware fault would."""
        self._born_at_us += microseconds

    async def run(self, send: Send) -> None:
        """Send each frame when its last sample is taken, for ever."""
        frame_us = self._period_us * self._samples
        number = int(self._age_us() // frame_us)
        while True:
            if self.mute:
                await self._clock.sleep(0.05)
                number = int(self._age_us() // frame_us)
                continue
            due_us = number * frame_us + frame_us - self._period_us
            await self._clock.sleep((due_us - self._age_us()) * 1e-6 / self._rate)
            if not self.mute:
                send(self.frame(number))
            number += 1

    def answer(self, data: bytes, send: Send) -> None:
        """Answer a PING with a PONG; other bytes are ignored."""
        if len(data) != 10 or data[:3] != b"OP\x01" or crc16(data[:8]) != data[8] | data[9] << 8:
            return
        body = b"OQ\x01" + bytes((self._flags(),)) + data[4:8]
        body += struct.pack("<I", self._stamp(self._age_us()))
        send(body + struct.pack("<H", crc16(body)))

    def frame(self, number: int) -> bytes:
        """Return frame `number` since it was switched on."""
        start_us = number * self._samples * self._period_us
        times_s = (start_us + np.arange(self._samples) * self._period_us) / 1e6
        loads, imu = self._feed.at(times_s / self._rate)
        body = struct.pack(
            "<2sBBIIHBBBB",
            b"OF",
            1,
            self._flags(),
            (self._first_serial + number) % 2**32,
            self._stamp(start_us),
            self._period_us,
            loads.shape[1],
            6 if self._imu else 0,
            self._samples,
            self.battery,
        )
        for load, motion in zip(loads, imu, strict=True):
            shares = np.ones_like(load) if self.saturate else np.minimum(load, 1.0)
            top = 65535 if self.saturate else _FULL_SCALE_COUNT
            body += struct.pack(f"<{len(load)}H", *(round(share * top) for share in shares))
            if self._imu:
                acceleration = [_count(a / _G * 2048) for a in motion[:3]]
                rate = [_count(math.degrees(w) * 16.384) for w in motion[3:]]
                body += struct.pack("<6h", *acceleration, *rate)
        return body + struct.pack("<H", crc16(body))

    def _flags(self) -> int:
        low = 2 if self.battery < 15 else 0
        return (1 if self.side == "right" else 0) | low | (4 if self.saturate else 0)

    def _age_us(self) -> float:
        return (self._clock.monotonic_ns() - self._born_ns) / 1000 * self._rate

    def _stamp(self, age_us: float) -> int:
        return int(self._first_us + self._born_at_us + age_us) % 2**32


class OpenFootPeripheral:
    """The insole over Bluetooth: a `hw.devices.simulation.gatt.Peripheral` with Nordic UART."""

    services = {_SERVICE: {_TO_DEVICE: ("write",), _FROM_DEVICE: ("notify",)}}  # noqa: RUF012
    manufacturer: dict[int, bytes] = {}  # noqa: RUF012

    def __init__(self, address: str, insole: OpenFootInsole) -> None:
        self.address = address
        self.name = "OpenFoot"
        self._insole = insole
        self._send: Send | None = None
        self._task: asyncio.Task[None] | None = None

    def read(self, uuid: str) -> bytes:
        """Return nothing: there is nothing to read."""
        return b""

    def write(self, uuid: str, data: bytes) -> None:
        """Answer a PING."""
        if self._send is not None:
            self._insole.answer(data, self._send)

    def subscribe(self, uuid: str, send: Send | None) -> None:
        """Begin or end to send frames."""
        self._send = send
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if send is not None:
            self._task = asyncio.get_running_loop().create_task(self._insole.run(send))


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, bit by bit: polynomial 0x1021, begun with 0xFFFF, not reflected."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc


def stuffed(frame: bytes) -> bytes:
    """Return a frame as it goes over a serial line: zeros stuffed away, a zero at the end."""
    out = bytearray((0,))
    mark = 0
    for byte in frame:
        if byte == 0 or len(out) - mark == 255:
            out[mark] = len(out) - mark
            mark = len(out)
            out.append(0)
        if byte != 0:
            out.append(byte)
    out[mark] = len(out) - mark
    return bytes(out) + b"\0"


def _count(value: float) -> int:
    return max(-32768, min(32767, round(value)))


async def _send_recording(path: Path, host: str, port: int, seconds: float) -> None:
    from hw.replay import read

    device = profiles.load("openfoot")
    clock = SystemClock()
    feeds = feet_of(read(path), device.left, device.right)
    loop = asyncio.get_running_loop()
    tasks = []
    for side, feed in feeds.items():
        insole = OpenFootInsole(side, feed, clock)
        transport, _ = await loop.create_datagram_endpoint(
            lambda insole=insole: _Answering(insole),  # type: ignore[misc]
            remote_addr=(host, port),
        )
        tasks.append(asyncio.create_task(insole.run(transport.sendto)))
    done, _ = await asyncio.wait(tasks, timeout=seconds)
    for task in done:
        task.result()
    for task in tasks:
        task.cancel()


class _Answering(asyncio.DatagramProtocol):
    def __init__(self, insole: OpenFootInsole) -> None:
        self._insole = insole

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._insole.answer(data, self._transport.sendto)


def main() -> None:
    """Send a recording as two OpenFoot insoles would."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=profiles.wire("openfoot")["udp_port"])
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    asyncio.run(_send_recording(given.recording, given.host, given.port, given.seconds))


if __name__ == "__main__":
    main()

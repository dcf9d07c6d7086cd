"""The insole's side of the wire: samples always, streams while somebody listens."""

import asyncio
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.devices.simulation.feed import FootFeed
from hw.source import Clock, Side

__all__ = ["OrpheInsole"]

_INFORMATION: Final = "24354f22-1c46-430e-a4ab-a1eeabbcdfc0"
_DATE_TIME: Final = "f53eeeb1-b2e8-492a-9673-10e0f1c29026"
_SENSORS: Final = "f3f9c7ce-46ee-4205-89ac-abe64e626c0f"
_STEPS: Final = "4eb776dc-cf99-4af7-b2d3-ad0f791a79dd"
_GRAVITY: Final = 9.80665
_RING: Final = 1500
_MODES: Final = {4: (56, 2, 20.0), 3: (55, 4, 20.0), 2: (54, 4, 4000.0 / 208.0)}
"""Mode: header, samples in a packet, milliseconds from packet to packet."""

Send = Callable[[bytes], object]


class OrpheInsole:
    """One simulated insole: a `hw.devices.simulation.gatt.Peripheral`.

    Parameters
    ----------
    address, side
        Where it is and which foot it says it is.
    feed : FootFeed
        What the foot does, in this device's cells and axes.
    clock : Clock
        Real or simulated time.
    drift_ppm, first_serial, time_of_day_s
        Of its own clock and counter; `time_of_day_s` at the start, until somebody sets it.
    """

    services: Mapping[str, Mapping[str, Sequence[str]]] = {
        "01a9d6b5-ff6e-444a-b266-0be75e85c064": {
            _INFORMATION: ("read", "write"),
            _DATE_TIME: ("read", "write"),
        },
        "db1b7aca-cda5-4453-a49b-33a53d3f0833": {
            _SENSORS: ("read", "write", "notify"),
            _STEPS: ("notify",),
        },
    }

    def __init__(
        self,
        address: str,
        side: Side,
        feed: FootFeed,
        clock: Clock,
        drift_ppm: float = 0.0,
        first_serial: int = 0,
        time_of_day_s: float = 36_000.0,
    ) -> None:
        self.address = address
        self.name = f"INS{address.replace(':', '')[-4:]}"
        self.side = side
        self.battery = 87
        self.manufacturer: Mapping[int, bytes] = {0: bytes(14) + bytes((self.battery,))}
        self._feed = feed
        self._clock = clock
        self._rate = 1 + drift_ppm * 1e-6
        self._born_ns = clock.monotonic_ns()
        self._first_serial = first_serial
        self._time_of_day_ms = time_of_day_s * 1000.0
        self._mode = 4
        self._sends: dict[str, Send] = {}
        self._sampler: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[None] | None = None
        self.mute = False
        self.saturate = False

    def read(self, uuid: str) -> bytes:
        """Return DEVICE_INFORMATION, or nothing."""
        if uuid != _INFORMATION:
            return b""
        mount = 1 if self.side == "right" else 0
        return bytes((self.battery, mount, 0, 0, 0, 0, 0, 0, 3, 3))

    def write(self, uuid: str, data: bytes) -> None:
        """Take a mode, the time of day, or a question about packets kept."""
        if uuid == _DATE_TIME and len(data) == 7:
            hour, minute, second, hundredth = data[3:]
            self.set_time_of_day(3600 * hour + 60 * minute + second + hundredth / 100)
        elif uuid == _INFORMATION and data[:1] == b"\x0d":
            self._mode = data[1]
        elif uuid == _INFORMATION and data[:2] == b"\x0b\x01":
            newest, kept = self._newest(), min(self._newest() + 1, _RING)
            self._answer([struct.pack(">BBHBH", 53, 1, self._serial(newest), 0, kept)])
        elif uuid == _INFORMATION and data[:2] == b"\x0b\x02":
            self._answer(self._kept(data[2:]))

    def subscribe(self, uuid: str, send: Send | None) -> None:
        """Begin or end to send notifications."""
        if send is None:
            self._sends.pop(uuid, None)
        else:
            self._sends[uuid] = send
        if _SENSORS in self._sends and self._sampler is None and self._mode != 2:
            self._sampler = asyncio.get_running_loop().create_task(self._stream())
        elif _SENSORS not in self._sends:
            for task in (self._sampler, self._answering):
                if task is not None:
                    task.cancel()
            self._sampler = self._answering = None

    def set_time_of_day(self, seconds: float) -> None:
        """Set its clock, as DATE_TIME does."""
        self._time_of_day_ms = seconds * 1000.0 - self._device_ms()

    def say_step(self, force: float, strike_angle_deg: float) -> None:
        """Send its own opinion of a step."""
        send = self._sends.get(_STEPS)
        if send is not None:
            send(struct.pack(">BBHff8x", 51, 2, 0, force, strike_angle_deg))

    def packet(self, number: int) -> bytes:
        """Return packet `number` since it was switched on, as it goes over the air."""
        header, count, step_ms = _MODES[self._mode]
        start_ms = number * step_ms
        times_ms = start_ms + np.arange(count) * step_ms / count
        loads, imu = self._feed.at(times_ms / 1000.0 / self._rate)
        clock_ms = int(self._time_of_day_ms + start_ms) % 86_400_000
        seconds, millis = divmod(clock_ms, 1000)
        head = struct.pack(
            ">BHBBBH",
            header,
            self._serial(number),
            seconds // 3600,
            seconds // 60 % 60,
            seconds % 60,
            millis,
        )
        blocks = [
            self._block(header, load, motion) for load, motion in zip(loads, imu, strict=True)
        ]
        return (head + b"".join(reversed(blocks))).ljust(104, b"\0")

    def _block(self, header: int, load: NDArray[np.float64], motion: NDArray[np.float64]) -> bytes:
        cells = [65535 if self.saturate else round(min(1.0, share) * 60000) for share in load]
        gyro = [_count(math.degrees(rate) / 0.07) for rate in motion[3:]]
        acceleration = [_count(a / _GRAVITY / 16 * 32768) for a in motion[:3]]
        quaternion = struct.pack(">4h", 16384, 0, 0, 0) if header == 56 else b""
        return quaternion + struct.pack(">6h6H", *gyro, *acceleration, *cells)

    async def _stream(self) -> None:
        """Send each packet when its last sample is taken."""
        number = self._newest() + 1
        while True:
            _, count, step_ms = _MODES[self._mode]
            last_sample_ms = number * step_ms + (count - 1) * step_ms / count
            await self._clock.sleep((last_sample_ms - self._device_ms()) / 1000.0 / self._rate)
            if not self.mute:
                self._send(self.packet(number))
            number += 1

    def _answer(self, packets: list[bytes]) -> None:
        """Send answers at the air's pace, about 60 a second."""

        async def trickle(before: asyncio.Task[None] | None) -> None:
            if before is not None:
                await before
            for packet in packets:
                await self._clock.sleep(0.001 if len(packet) < 104 else 0.015)
                self._send(packet)

        self._answering = asyncio.get_running_loop().create_task(trickle(self._answering))

    def _kept(self, ranges: bytes) -> list[bytes]:
        answers = []
        newest = self._newest()
        for serial, count in struct.iter_unpack(">HH", ranges):
            for wanted in range(serial, serial + count):
                back = (self._serial(newest) - wanted) % 65536
                if back < min(_RING, newest + 1):
                    answers.append(self.packet(newest - back))
                else:
                    answers.append(struct.pack(">BBHH", 53, 2, wanted % 65536, 1))
        return answers

    def _send(self, data: bytes) -> None:
        send = self._sends.get(_SENSORS)
        if send is not None:
            send(data)

    def _device_ms(self) -> float:
        return (self._clock.monotonic_ns() - self._born_ns) * 1e-6 * self._rate

    def _newest(self) -> int:
        """Number of the newest whole packet; -1 before the first."""
        return int(self._device_ms() // _MODES[self._mode][2]) - 1

    def _serial(self, number: int) -> int:
        return (self._first_serial + number) % 65536


def _count(value: float) -> int:
    return max(-32768, min(32767, round(value)))

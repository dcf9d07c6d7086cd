"""ORPHE INSOLE as a source: one connection per foot, blocks of both.

Two ways to stream: pushed at 100 or 200 Hz, where a lost packet is gone; and pulled, where the
device keeps 30 s and what the radio lost is asked for again, at the price of some delay.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import numpy as np

from hw.devices import profiles
from hw.devices.assembly import Packet, PacketStream, StreamFormat
from hw.devices.errors import DeviceError, DeviceLostError, DeviceRefusedError
from hw.devices.gatt import GattLink, GattRadio
from hw.devices.orphe import codec
from hw.devices.orphe.puller import Puller
from hw.devices.runtime import DeviceSource
from hw.devices.waiting import within
from hw.source import Clock, Side
from hw.timing import ClockMap, LinkDelay

__all__ = ["Mode", "OrpheDevice", "OrpheSource", "StepOpinion"]

_T = TypeVar("_T")
Mode = Literal["100 Hz", "200 Hz", "pull"]
_DAY_NS: Final = 86_400_000_000_000
_FORMATS: Final[dict[Mode, StreamFormat]] = {
    "100 Hz": StreamFormat(2, 10_000_000, codec.SERIALS, _DAY_NS),
    "200 Hz": StreamFormat(4, 5_000_000, codec.SERIALS, _DAY_NS),
    "pull": StreamFormat(4, 4_807_692, codec.SERIALS, _DAY_NS, hold_ns=5_000_000_000),
}
_DELAY: Final = LinkDelay(least_ns=4_000_000, spread_ns=6_000_000)
_CONNECT_S = 20.0
_ANSWER_S = 5.0
_STALL_S = 5.0
_WATCH_S = 0.5
_ROUND_TRIPS = 3
_INFORM_NS = 60_000_000_000
_OPINIONS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class OrpheDevice:
    """An insole to connect to; its mount bits must say `side`."""

    address: str
    side: Side


@dataclass(frozen=True, slots=True)
class StepOpinion:
    """What the insole itself said of a step; `host_ns` is when it said so."""

    side: Side
    host_ns: int
    step: codec.StepAnalysis


class OrpheSource(DeviceSource):
    """One or two insoles; see `hw.devices.runtime.DeviceSource`.

    `opinions` keeps the devices' own step analysis, the newest thousand; some firmware sends none.
    """

    def __init__(
        self,
        devices: list[OrpheDevice],
        radio: GattRadio,
        clock: Clock,
        mode: Mode = "100 Hz",
    ) -> None:
        sides = [device.side for device in devices]
        if len(set(sides)) != len(sides) or not sides:
            names = ", ".join(device.address for device in devices) or "no device"
            remedy = "configure one insole for the left foot, one for the right, or only one"
            raise DeviceRefusedError(names, f"sides {sides} do not make a pair", remedy)
        super().__init__(profiles.load("orphe"), clock, sides)
        self._devices = devices
        self._radio = radio
        self._mode = mode
        self._streams = {side: self._stream(side) for side in sides}
        self.opinions: deque[StepOpinion] = deque(maxlen=_OPINIONS_KEPT)

    def sessions(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return one session per insole."""
        return {device.address: _session(self, device) for device in self._devices}

    def _stream(self, side: Side) -> PacketStream:
        return PacketStream(side, _FORMATS[self._mode], ClockMap(_DELAY))

    def _trouble(self, name: str, message: str) -> None:
        for device in self._devices:
            if device.address == name:
                self._health[device.side].connected = False
                self._health[device.side].trouble = message

    async def serve(self, device: OrpheDevice) -> None:
        """Serve one connection of one insole until it ends; raise `DeviceError` then."""
        link = await self._radio.connect(device.address, _CONNECT_S)
        stream = self._streams[device.side]
        connection = _Connection(self, device, link, stream)
        try:
            await connection.shake_hands()
            await connection.watch()
        finally:
            self._emit(stream.restart(self._clock.monotonic_ns()))
            self._health[device.side].connected = False
            await link.close()


def _session(source: OrpheSource, device: OrpheDevice) -> Callable[[], Awaitable[None]]:
    return lambda: source.serve(device)


class _Connection:
    """One connection: the handshake, then packets until they stop."""

    def __init__(
        self, source: OrpheSource, device: OrpheDevice, link: GattLink, stream: PacketStream
    ) -> None:
        self._source = source
        self._clock = source._clock
        self._mode = source._mode
        self._health = source._health[device.side]
        self._device = device
        self._link = link
        self._stream = stream
        self._codec = codec.OrpheCodec()
        self._log = source.reject_log(device.address)
        self._codec.rejected = self._health.rejected = self._log.counts
        self._wire = profiles.wire("orphe")
        self._matrix = profiles.house_matrix(source.profile.foot(device.side))
        self._puller: Puller | None = None
        self._last_packet_ns = 0
        self._informed_ns = 0

    async def shake_hands(self) -> None:
        """Read what it is, choose the mode, set its clock, subscribe."""
        information = await self._inform()
        self._check(information)
        scale_g = information.acceleration_range_g / 32768
        scale = [scale_g] * 3 + [information.gyro_dps_per_count] * 3
        self._scaled = (np.diag(scale) @ self._matrix).astype(np.float32)
        trip_ns = await self._round_trip_ns()
        await self._write("device_information", codec.set_mode(self._mode))
        wall_ns = self._clock.wall_ns()
        if wall_ns is not None:
            await self._write("date_time", codec.date_time(wall_ns + trip_ns // 2))
        self._last_packet_ns = self._informed_ns = self._clock.monotonic_ns()
        if self._mode == "pull":
            self._puller = Puller(self._stream)
        await self._subscribe("sensor_values", self._on_values)
        await self._subscribe("step_analysis", self._on_step)
        self._health.connected = True
        self._health.connections += 1
        self._health.trouble = ""

    async def watch(self) -> None:
        """Look after the stream until the link breaks or falls silent."""
        while True:
            await self._clock.sleep(_WATCH_S if self._puller is None else self._puller.pause_s)
            if not self._link.connected:
                raise DeviceLostError(self._device.address, "the link broke", "trying again")
            now_ns = self._clock.monotonic_ns()
            if now_ns - self._last_packet_ns > _STALL_S * 1e9:
                reason = f"no packet for {_STALL_S:.0f} s"
                raise DeviceLostError(self._device.address, reason, "connecting anew")
            if now_ns - self._informed_ns > _INFORM_NS:
                self._informed_ns = now_ns
                self._check(await self._inform())
            if self._puller is not None:
                await self._pull(self._puller)
            self._source._emit(self._stream.flush(now_ns))
            self._source._observe(self._stream)
            self._log.report()

    async def _pull(self, puller: Puller) -> None:
        """One round: what is the newest, then what is not here yet."""
        question = puller.question(self._clock.monotonic_ns())
        await self._write("device_information", question)
        await self._clock.sleep(puller.answer_s)
        for request in puller.requests(self._clock.monotonic_ns()):
            await self._write("device_information", request)

    async def _inform(self) -> codec.DeviceInformation:
        data = await self._answer(self._link.read(self._wire["device_information"]))
        information = self._codec.information(data)
        if information is None:
            reason = f"device information of {len(data)} bytes cannot be read"
            remedy = "check that it is an ORPHE INSOLE with current firmware"
            raise DeviceError(self._device.address, reason, remedy)
        self._health.battery = information.battery
        return information

    def _check(self, information: codec.DeviceInformation) -> None:
        if information.side != self._device.side:
            reason = f"it says {information.side}, but is configured as {self._device.side}"
            remedy = "swap the insoles or correct the configuration; its samples are not taken"
            raise DeviceRefusedError(self._device.address, reason, remedy)

    async def _round_trip_ns(self) -> int:
        start_ns = self._clock.monotonic_ns()
        for _ in range(_ROUND_TRIPS):
            await self._answer(self._link.read(self._wire["device_information"]))
        return (self._clock.monotonic_ns() - start_ns) // _ROUND_TRIPS

    def _on_values(self, data: bytes) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._puller is not None and data[:1] == codec.REPLY_MARK:
            reply = self._codec.reply(data)
            if reply is not None:
                self._puller.reply(reply, now_ns)
                self._last_packet_ns = now_ns
            return
        values = self._codec.sensor_values(data)
        if values is None:
            return
        if len(values.blocks) != _FORMATS[self._mode].samples_per_packet or values.header == 50:
            self._codec.rejected["mode"] += 1
            return
        self._last_packet_ns = now_ns
        if self._puller is not None:
            self._puller.arrived(values.serial)
        self._source._emit(self._stream.push(self._packet(values), now_ns))

    def _packet(self, values: codec.SensorValues) -> Packet:
        blocks = values.blocks
        counts = np.hstack((blocks["acceleration"], blocks["gyro"]))
        pressure = blocks["pressure"]
        saturated = int((pressure == codec.SATURATED).any(axis=1).sum())
        self._health.saturated_samples += saturated
        return Packet(
            values.serial,
            values.time_ms * 1_000_000,
            pressure.astype(np.float32),
            counts @ self._scaled,
        )

    def _on_step(self, data: bytes) -> None:
        step = self._codec.step(data)
        if step is not None:
            now_ns = self._clock.monotonic_ns()
            self._source.opinions.append(StepOpinion(self._device.side, now_ns, step))

    async def _write(self, name: str, data: bytes) -> None:
        await self._answer(self._link.write(self._wire[name], data))

    async def _subscribe(self, name: str, callback: Callable[[bytes], None]) -> None:
        await self._answer(self._link.subscribe(self._wire[name], callback))

    async def _answer(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return await within(self._clock, _ANSWER_S, work)
        except TimeoutError:
            reason = f"no answer within {_ANSWER_S:.0f} s"
            raise DeviceLostError(self._device.address, reason, "connecting anew") from None

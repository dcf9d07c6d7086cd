"""OpenFoot insoles as a source, over UDP, serial or Bluetooth, with two-way clock exchange."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from hw.devices import profiles
from hw.devices.assembly import Packet, PacketStream, StreamFormat
from hw.devices.errors import DeviceLostError, DeviceRefusedError
from hw.devices.gatt import GattRadio
from hw.devices.links import FrameLink, SerialLine, UartOverGatt, UdpSocket
from hw.devices.openfoot import codec
from hw.devices.runtime import DeviceSource
from hw.source import SIDES, Clock, Profile, Side
from hw.timing import ClockMap, LinkDelay

__all__ = ["OpenFootLink", "OpenFootSource", "over_bluetooth", "over_serial", "over_udp"]

_DELAY: Final = LinkDelay(least_ns=2_000_000, spread_ns=6_000_000)
_SILENT_NS: Final = 5_000_000_000
_HOLD_NS: Final = 40_000_000
_WATCH_S: Final = 0.05
_IDLE_S: Final = 0.5
_PINGS_AT_ONCE: Final = 20
_PING_NS: Final = 1_000_000_000
_PINGS_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class OpenFootLink:
    """A link, how it frames, and, where it leads to one insole only, which foot that must be.

    `shared` links (UDP) carry several insoles and stay open while these are silent.
    """

    name: str
    link: FrameLink
    side: Side | None = None
    stuffed: bool = False
    shared: bool = False


def over_udp(port: int | None = None, host: str = "0.0.0.0") -> OpenFootLink:
    """Return the link to all insoles that send to a port of this machine."""
    port = profiles.wire("openfoot")["udp_port"] if port is None else port
    return OpenFootLink(f"udp:{port}", UdpSocket(port, host), shared=True)


def over_serial(path: str, side: Side | None = None) -> OpenFootLink:
    """Return the link to the insole at a serial line."""
    line = SerialLine(path, profiles.wire("openfoot")["baud"])
    return OpenFootLink(path, line, side, stuffed=True)


def over_bluetooth(radio: GattRadio, address: str, side: Side | None = None) -> OpenFootLink:
    """Return the link to the insole at a Bluetooth address."""
    wire = profiles.wire("openfoot")
    uart = UartOverGatt(radio, address, wire["to_device"], wire["from_device"])
    return OpenFootLink(address, uart, side)


class OpenFootSource(DeviceSource):
    """OpenFoot insoles; see `hw.devices.runtime.DeviceSource`.

    Which foot an insole is on is in every frame. The first to claim a side has it until it has been
    silent for 5 s; another that claims it is refused, counted and named.
    """

    def __init__(
        self, links: list[OpenFootLink], clock: Clock, profile: Profile | None = None
    ) -> None:
        super().__init__(profile or profiles.load("openfoot"), clock, SIDES)
        self._links = links
        self._feet: dict[Side, _Foot] = {}

    def sessions(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return one session per link."""
        return {link.name: _session(self, link) for link in self._links}

    def _trouble(self, name: str, message: str) -> None:
        configured = {link.side for link in self._links if link.name == name}
        heard = {foot.side for foot in self._feet.values() if foot.link == name}
        for side in SIDES:
            if side in configured | heard:
                self._health[side].connected = False
                self._health[side].trouble = message

    async def serve(self, link: OpenFootLink) -> None:
        """Serve one link until it ends; raise `DeviceError` then."""
        connection = _Connection(self, link)
        try:
            await link.link.open(connection.receive)
            await connection.watch()
        finally:
            await link.link.close()
            connection.end()


def _session(source: OpenFootSource, link: OpenFootLink) -> Callable[[], Awaitable[None]]:
    return lambda: source.serve(link)


class _Foot:
    """One insole that is heard: its stream, its questions under way."""

    def __init__(self, source: OpenFootSource, side: Side, peer: str, frame: codec.Frame) -> None:
        self.peer = peer
        self.link = ""
        self.streaming = False
        self.side: Side = side
        self.heard_ns = 0
        self.shape = _shape(frame)
        form = StreamFormat(
            samples_per_packet=len(frame.samples),
            sample_ns=frame.period_us * 1000,
            serial_modulus=codec.SERIALS,
            clock_modulus_ns=codec.CLOCK_MODULUS_US * 1000,
            hold_ns=_HOLD_NS,
        )
        self.stream = PacketStream(side, form, ClockMap(_DELAY))
        scale = [codec.G_PER_COUNT] * 3 + [codec.DPS_PER_COUNT] * 3
        matrix = profiles.house_matrix(source.profile.foot(side))
        self._scaled = (np.diag(scale) @ matrix).astype(np.float32)
        self._asked: dict[int, int] = {}
        self._token = 0
        self._asked_ns = 0

    def packet(self, frame: codec.Frame) -> Packet:
        """Return a frame in house units."""
        names = frame.samples.dtype.names or ()
        return Packet(
            frame.serial,
            frame.time_us * 1000,
            frame.samples["cells"].astype(np.float32) if self.shape[0] else None,
            frame.samples["imu"] @ self._scaled if "imu" in names else None,
        )

    def question(self, now_ns: int) -> bytes | None:
        """Return a PING if one is due: many at first, then one a second."""
        if self._token >= _PINGS_AT_ONCE and now_ns - self._asked_ns < _PING_NS:
            return None
        self._token += 1
        self._asked_ns = now_ns
        self._asked[self._token] = now_ns
        self._asked.pop(self._token - _PINGS_KEPT, None)
        return codec.ping(self._token)

    def answer(self, pong: codec.Pong, now_ns: int) -> bool:
        """Take the answer in; return whether it was asked for."""
        sent_ns = self._asked.pop(pong.token, None)
        if sent_ns is None:
            return False
        self.stream.exchange(sent_ns, pong.time_us * 1000, now_ns)
        return True


class _Connection:
    """A link while it is open."""

    def __init__(self, source: OpenFootSource, link: OpenFootLink) -> None:
        self._source = source
        self._clock = source._clock
        self._link = link
        self._log = source.reject_log(link.name)
        self._codec = codec.OpenFootCodec()
        self._codec.rejected = self._log.counts
        self._cobs = codec.Cobs(self._codec.rejected)
        self._heard_ns = self._clock.monotonic_ns()

    def receive(self, data: bytes, peer: str) -> None:
        """Take in what came over the link."""
        now_ns = self._clock.monotonic_ns()
        frames = self._cobs.feed(data) if self._link.stuffed else [data]
        for frame in frames:
            message = self._codec.decode(frame)
            if isinstance(message, codec.Frame):
                self._heard_ns = now_ns
                self._samples(message, peer, now_ns)
            elif isinstance(message, codec.Pong):
                foot = self._source._feet.get(message.side)
                if foot is None or foot.peer != peer or not foot.answer(message, now_ns):
                    self._codec.rejected["answer to no question"] += 1

    async def watch(self) -> None:
        """Ask for the time, look after the streams, until the link breaks or falls silent."""
        while True:
            await self._clock.sleep(_WATCH_S if self._streams() else _IDLE_S)
            now_ns = self._clock.monotonic_ns()
            for foot in list(self._source._feet.values()):
                await self._tend(foot, now_ns)
            self._log.report()
            if not self._link.link.connected:
                raise DeviceLostError(self._link.name, "the link broke", "trying again")
            if now_ns - self._heard_ns > _SILENT_NS and not self._link.shared:
                raise DeviceLostError(self._link.name, "no frame for 5 s", "connecting anew")

    def end(self) -> None:
        """Let go of the feet that came over this link."""
        for foot in list(self._source._feet.values()):
            if self._is_mine(foot):
                self._let_go(foot)

    def _streams(self) -> bool:
        return any(foot.streaming for foot in self._source._feet.values())

    def _is_mine(self, foot: _Foot) -> bool:
        return foot.link == self._link.name

    async def _tend(self, foot: _Foot, now_ns: int) -> None:
        if not self._is_mine(foot):
            return
        if now_ns - foot.heard_ns > _SILENT_NS:
            self._let_go(foot)
            return
        self._source._emit(foot.stream.flush(now_ns))
        self._source._observe(foot.stream)
        question = foot.question(now_ns)
        if question is not None:
            coded = codec.stuff(question) if self._link.stuffed else question
            await self._link.link.send(coded, foot.peer)

    def _let_go(self, foot: _Foot) -> None:
        if not foot.streaming:
            return
        foot.streaming = False
        self._source._emit(foot.stream.restart(self._clock.monotonic_ns()))
        health = self._source._health[foot.side]
        health.connected = False
        health.trouble = f"{foot.peer}: silent"

    def _samples(self, frame: codec.Frame, peer: str, now_ns: int) -> None:
        foot = self._foot(frame, peer, now_ns)
        if foot is None:
            return
        foot.heard_ns = now_ns
        health = self._source._health[foot.side]
        health.battery_percent = frame.battery_percent
        health.saturated_samples += len(frame.samples) if frame.saturated else 0
        health.rejected = self._codec.rejected
        self._source._emit(foot.stream.push(foot.packet(frame), now_ns))

    def _foot(self, frame: codec.Frame, peer: str, now_ns: int) -> _Foot | None:
        """Return the foot a frame belongs to, or None where it may not be taken."""
        reason = self._objection(frame, peer, now_ns)
        if reason:
            self._refuse(peer, frame.side, reason)
            return None
        return self._known(self._source._feet.get(frame.side), frame, peer)

    def _objection(self, frame: codec.Frame, peer: str, now_ns: int) -> str:
        """Return why a frame may not be taken, "" where it may."""
        side, cells = frame.side, _shape(frame)[0]
        expected = len(self._source.profile.foot(side).x)
        fresh = [f for f in self._source._feet.values() if now_ns - f.heard_ns <= _SILENT_NS]
        if self._link.side not in (None, side):
            return "other side than configured"
        if any(foot.peer == peer and foot.side != side for foot in fresh):
            return "changed its side"
        if cells != expected:
            return f"{cells} cells, profile has {expected}"
        if any(foot.peer != peer and foot.side == side for foot in fresh):
            return f"second device on the {side} foot"
        return ""

    def _known(self, foot: _Foot | None, frame: codec.Frame, peer: str) -> _Foot | None:
        health = self._source._health[frame.side]
        if foot is not None and foot.shape != _shape(frame):
            if foot.streaming:
                self._codec.rejected["frame layout changed"] += 1
                return None
            foot = None
        if foot is None:
            foot = _Foot(self._source, frame.side, peer, frame)
            self._source._feet[frame.side] = foot
        if not foot.streaming:
            foot.streaming = health.connected = True
            health.connections += 1
            health.trouble = ""
        if foot.peer != peer:
            foot.stream.change_device()
        foot.peer, foot.link = peer, self._link.name
        return foot

    def _refuse(self, peer: str, side: Side, reason: str) -> None:
        self._codec.rejected[reason] += 1
        if self._link.shared:
            return
        remedy = "correct the insole's switch or the configuration; its samples are not taken"
        self._source._health[side].trouble = str(DeviceRefusedError(peer, reason, remedy))


def _shape(frame: codec.Frame) -> tuple[int, bool, int, int]:
    """What must stay the same in a stream: cells, IMU or not, samples in a frame, period."""
    names = frame.samples.dtype.names or ()
    cells = frame.samples.dtype["cells"].shape[0]
    return cells, "imu" in names, len(frame.samples), frame.period_us

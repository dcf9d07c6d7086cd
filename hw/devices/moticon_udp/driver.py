"""Moticon OpenGo as a source, through the UDP output of its PC software: both feet in each line."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from hw.devices import profiles
from hw.devices.assembly import Packet, PacketStream, StreamFormat
from hw.devices.links import FrameLink, UdpSocket
from hw.devices.moticon_udp.codec import Layout, MoticonCodec, Row
from hw.devices.runtime import DeviceSource
from hw.source import SIDES, Clock, Side
from hw.timing import ClockMap, LinkDelay

__all__ = ["MoticonUdpSource"]

_DELAY: Final = LinkDelay(least_ns=6_000_000, spread_ns=8_000_000)
_HOLD_NS: Final = 40_000_000
_SILENT_NS: Final = 5_000_000_000
_WATCH_S: Final = 0.1


class MoticonUdpSource(DeviceSource):
    """Both insoles; see `hw.devices.runtime.DeviceSource`.

    There is no sequence number: what is lost is told by the lines' times. The first computer that
    sends is listened to, another one only after 5 s of silence.
    """

    def __init__(self, clock: Clock, link: FrameLink | None = None) -> None:
        super().__init__(profiles.load("moticon_udp"), clock, SIDES)
        wire = profiles.wire("moticon_udp")
        self._link = link or UdpSocket(wire["udp_port"])
        self._unit_ns = wire["time_unit_s"] * 1e9
        form = StreamFormat(1, round(1e9 / wire["rate_hz"]), hold_ns=_HOLD_NS)
        self._streams = {side: PacketStream(side, form, ClockMap(_DELAY)) for side in SIDES}
        self._log = self.reject_log("moticon udp")
        self._codec = MoticonCodec(Layout(wire["columns"]))
        self._codec.rejected = self._log.counts
        self._matrices = {s: profiles.house_matrix(self.profile.foot(s)) for s in SIDES}
        self._peer = ""
        self._heard_ns: dict[Side, int] = {}

    def sessions(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return the one session."""
        return {"moticon udp": self.serve}

    async def serve(self) -> None:
        """Listen for ever; raise `DeviceError` where the port cannot be had."""
        await self._link.open(self._receive)
        try:
            while True:
                await self._clock.sleep(_WATCH_S)
                self._log.report()
                now_ns = self._clock.monotonic_ns()
                for side in list(self._heard_ns):
                    self._tend(side, now_ns)
        finally:
            await self._link.close()

    def _receive(self, data: bytes, peer: str) -> None:
        now_ns = self._clock.monotonic_ns()
        if peer != self._peer:
            if self._heard_ns:
                self._codec.rejected["second sender"] += 1
                return
            self._peer = peer
        for row in self._codec.decode(data):
            for side in row.feet:
                self._take(side, row, now_ns)

    def _take(self, side: Side, row: Row, now_ns: int) -> None:
        cells, imu = row.feet[side]
        health = self._health[side]
        if side not in self._heard_ns:
            health.connected = True
            health.connections += 1
            health.trouble = ""
            health.rejected = self._codec.rejected
        self._heard_ns[side] = now_ns
        device_ns = round(row.time * self._unit_ns)
        packet = Packet(None, device_ns, cells[None, :], imu[None, :] @ self._matrices[side])
        self._emit(self._streams[side].push(packet, now_ns))

    def _tend(self, side: Side, now_ns: int) -> None:
        stream = self._streams[side]
        self._observe(stream)
        if now_ns - self._heard_ns[side] <= _SILENT_NS:
            self._emit(stream.flush(now_ns))
            return
        self._emit(stream.restart(now_ns))
        del self._heard_ns[side]
        self._health[side].connected = False
        self._health[side].trouble = "silent: start the UDP output in the PC software"

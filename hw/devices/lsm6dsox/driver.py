"""LSM6DSOX as a source: the FIFO emptied every 20 ms, the chip's clock asked for every second."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import numpy as np

from hw.devices import profiles
from hw.devices.assembly import Packet, PacketStream, StreamFormat, merged
from hw.devices.buses import I2cBus
from hw.devices.errors import DeviceError, DeviceLostError
from hw.devices.lsm6dsox import codec
from hw.devices.runtime import DeviceSource
from hw.source import Clock, Profile, Side
from hw.timing import ClockMap, LinkDelay

__all__ = ["Lsm6dsoxSource"]

_FORMAT: Final = StreamFormat(
    samples_per_packet=1,
    sample_ns=round(1e9 / codec.RATE_HZ),
    clock_modulus_ns=codec.TICKS * codec.TICK_NS,
)
_DELAY: Final = LinkDelay(1_000_000, spread_ns=5_000_000, drift=0.03, drift_span_s=1.5)
_POLL_S: Final = 0.02
_ASK_NS: Final = 1_000_000_000
_QUIET_NS: Final = 500_000_000
_NEARLY_FULL: Final = 480
_BURST_WORDS: Final = 128


class Lsm6dsoxSource(DeviceSource):
    """One chip per foot on one bus; see `hw.devices.runtime.DeviceSource`.

    `addresses` says which foot's chip answers where; one foot alone is fine.
    """

    def __init__(
        self,
        bus: I2cBus,
        clock: Clock,
        addresses: Mapping[Side, int] | None = None,
        profile: Profile | None = None,
    ) -> None:
        wire = profiles.wire("lsm6dsox")
        both: Mapping[Side, int] = {"left": wire["left_address"], "right": wire["right_address"]}
        self._addresses = addresses or both
        super().__init__(profile or profiles.load("lsm6dsox"), clock, self._addresses)
        self._bus = bus
        self._streams = {
            s: PacketStream(s, _FORMAT, ClockMap(_DELAY, warm_up_s=3.0)) for s in self._addresses
        }

    def sessions(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return one session per chip."""
        return {_name(a): _session(self, side, a) for side, a in self._addresses.items()}

    async def serve(self, side: Side, address: int) -> None:
        """Set a chip up and read it until it answers no more; raise `DeviceError` then."""
        chip = _Chip(self, side, address)
        try:
            await chip.set_up()
            await chip.read()
        finally:
            self._emit(self._streams[side].restart(self._clock.monotonic_ns()))
            self._health[side].connected = False

    def _trouble(self, name: str, message: str) -> None:
        for side, address in self._addresses.items():
            if _name(address) == name:
                self._health[side].connected = False
                self._health[side].trouble = message


def _name(address: int) -> str:
    return f"LSM6DSOX at 0x{address:02x}"


def _session(source: Lsm6dsoxSource, side: Side, address: int) -> Callable[[], Awaitable[None]]:
    return lambda: source.serve(side, address)


class _Chip:
    """One chip from set-up to silence."""

    def __init__(self, source: Lsm6dsoxSource, side: Side, address: int) -> None:
        self._source = source
        self._clock = source._clock
        self._bus = source._bus
        self._address = address
        self._health = source._health[side]
        self._stream = source._streams[side]
        self._codec = codec.FifoCodec()
        self._log = source.reject_log(_name(address))
        self._codec.rejected = self._health.rejected = self._log.counts
        scale = [codec.G_PER_COUNT] * 3 + [codec.DPS_PER_COUNT] * 3
        matrix = profiles.house_matrix(source.profile.foot(side))
        self._scaled = (np.diag(scale) @ matrix).astype(np.float32)
        self._asked_ns = -_ASK_NS

    async def set_up(self) -> None:
        """Check who it is, reset it, set rates and ranges, start the FIFO."""
        identity = (await self._bus.read(self._address, codec.WHO_AM_I, 1))[0]
        if identity != codec.IDENTITY:
            reason = f"it says it is 0x{identity:02x}, not 0x{codec.IDENTITY:02x}"
            remedy = "check the address: another chip answers there"
            raise DeviceError(_name(self._address), reason, remedy)
        await self._bus.write(self._address, *codec.RESET)
        await self._clock.sleep(0.02)
        for register, value in codec.SETUP:
            await self._bus.write(self._address, register, value)
        self._health.connected = True
        self._health.connections += 1
        self._health.trouble = ""

    async def read(self) -> None:
        """Empty the FIFO again and again."""
        heard_ns = self._clock.monotonic_ns()
        while True:
            await self._clock.sleep(_POLL_S)
            if await self._empty():
                heard_ns = self._clock.monotonic_ns()
            now_ns = self._clock.monotonic_ns()
            if now_ns - heard_ns > _QUIET_NS:
                reason = "its FIFO stays empty"
                raise DeviceLostError(_name(self._address), reason, "setting it up anew")
            if now_ns - self._asked_ns >= _ASK_NS:
                self._asked_ns = now_ns
                await self._ask_time()
            self._source._observe(self._stream)
            self._log.report()

    async def _empty(self) -> bool:
        """Read what waits; return whether there was a sample."""
        state = self._codec.status(await self._bus.read(self._address, codec.FIFO_STATUS, 2))
        if state.overrun or state.words >= _NEARLY_FULL:
            self._codec.broken()
        blocks = []
        left = state.words
        while left > 0:
            count = min(left, _BURST_WORDS)
            data = await self._bus.read(self._address, codec.FIFO_DATA, count * codec.WORD_BYTES)
            now_ns = self._clock.monotonic_ns()
            for sample in self._codec.decode(data):
                blocks += self._stream.push(self._packet(sample), now_ns)
            left -= count
        self._source._emit(merged(blocks))
        return bool(blocks) or state.words > 0

    async def _ask_time(self) -> None:
        sent_ns = self._clock.monotonic_ns()
        data = await self._bus.read(self._address, codec.TIMESTAMP, 4)
        received_ns = self._clock.monotonic_ns()
        self._stream.exchange(sent_ns, codec.ticks(data) * codec.TICK_NS, received_ns)

    def _packet(self, sample: codec.MotionSample) -> Packet:
        counts = np.array((*sample.acceleration, *sample.gyro), dtype=np.float32)
        if np.abs(counts).max() >= codec.FULL_COUNT:
            self._health.saturated_samples += 1
        return Packet(None, sample.ticks * codec.TICK_NS, None, counts[None, :] @ self._scaled)

"""Force-sensing insoles as a source: both converters of a foot read 200 times a second.

There is no device clock: a sample's time is the middle of its reading on the host's clock.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.devices import profiles
from hw.devices.buses import SpiBus, SpiDevice
from hw.devices.errors import DeviceError, DeviceLostError
from hw.devices.mcp3208 import codec
from hw.devices.runtime import DeviceSource
from hw.source import SIDES, Block, Clock, Profile, Side

__all__ = ["Mcp3208Source"]

_BLOCK: Final = 4
_ABSENT_NS: Final = 500_000_000


class Mcp3208Source(DeviceSource):
    """The insoles of one or both feet; see `hw.devices.runtime.DeviceSource`.

    `chips` names each foot's converters in the order of its cells.
    """

    def __init__(
        self,
        clock: Clock,
        chips: Mapping[Side, Sequence[SpiBus]] | None = None,
        profile: Profile | None = None,
    ) -> None:
        wire = profiles.wire("mcp3208")
        if chips is None:
            chips = {side: [SpiDevice(path) for path in wire[side]] for side in SIDES}
        super().__init__(profile or profiles.load("mcp3208"), clock, chips)
        for side, devices in chips.items():
            cells = len(self.profile.foot(side).x)
            if cells > codec.CHANNELS * len(devices):
                reason = f"{cells} cells need more than {len(devices)} converters"
                raise DeviceError(f"{side} foot", reason, "name one converter for each 8 cells")
        self._chips = chips
        self._last_ns: dict[Side, int] = {}
        self._period_ns = round(1e9 / wire["rate_hz"])
        self._resistor_ohm: float = wire["resistor_ohm"]

    def sessions(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return one session per foot."""
        return {f"{side} insole": _session(self, side) for side in self._chips}

    def _trouble(self, name: str, message: str) -> None:
        for side in self._chips:
            if name == f"{side} insole":
                self._health[side].connected = False
                self._health[side].trouble = message

    async def serve(self, side: Side) -> None:
        """Read a foot's converters until they answer no more; raise `DeviceError` then."""
        scan = _Scan(self, side, self._chips[side])
        try:
            await scan.run()
        finally:
            self._health[side].connected = False
            for chip in self._chips[side]:
                await chip.close()


def _session(source: Mcp3208Source, side: Side) -> Callable[[], Awaitable[None]]:
    return lambda: source.serve(side)


class _Scan:
    """The rhythm of one foot's reading."""

    def __init__(self, source: Mcp3208Source, side: Side, chips: Sequence[SpiBus]) -> None:
        self._source = source
        self._clock = source._clock
        self._side = side
        self._chips = chips
        self._health = source._health[side]
        self._cells = len(source.profile.foot(side).x)
        self._codec = codec.Mcp3208Codec()
        self._log = source.reject_log(f"{side} insole")
        self._codec.rejected = self._health.rejected = self._log.counts
        self._times: list[int] = []
        self._codes: list[NDArray[np.uint16]] = []
        self._lost = 0
        self._last_ns = source._last_ns.get(side)

    async def run(self) -> None:
        """Read at each multiple of the period; what comes too late is lost and counted."""
        period_ns = self._source._period_ns
        due_ns = heard_ns = self._clock.monotonic_ns()
        while True:
            await self._clock.sleep(max(0, due_ns - self._clock.monotonic_ns()) / 1e9)
            if await self._read():
                heard_ns = self._clock.monotonic_ns()
            now_ns = self._clock.monotonic_ns()
            due_ns += period_ns * (1 + max(0, (now_ns - due_ns) // period_ns))
            if now_ns - heard_ns > _ABSENT_NS:
                remedy = "check the wires of MISO and chip select"
                raise DeviceLostError(f"{self._side} insole", "no converter answers", remedy)
            self._log.report()

    async def _read(self) -> bool:
        """Read all channels once; return whether all converters answered."""
        began_ns = self._clock.monotonic_ns()
        parts = [self._codec.decode(await chip.transfer(codec.requests())) for chip in self._chips]
        codes = [part for part in parts if part is not None]
        if len(codes) < len(parts):
            return False
        if not self._health.connected:
            self._health.connected = True
            self._health.connections += 1
            self._health.trouble = ""
        self._keep((began_ns + self._clock.monotonic_ns()) // 2, np.concatenate(codes))
        return True

    def _keep(self, time_ns: int, codes: NDArray[np.uint16]) -> None:
        last_ns = self._last_ns
        missed = 0 if last_ns is None else round((time_ns - last_ns) / self._source._period_ns) - 1
        if missed > 0:
            self._flush()
            self._lost += missed
            self._health.counts.lost += missed
        self._last_ns = self._source._last_ns[self._side] = time_ns
        self._health.saturated_samples += int((codes[: self._cells] >= codec.SATURATED).any())
        self._health.sync_uncertainty_s = 0.001
        self._times.append(time_ns)
        self._codes.append(codes[: self._cells])
        if len(self._times) >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        if not self._times:
            return
        load = codec.conductance_us(np.stack(self._codes), self._source._resistor_ohm)
        time_ns = np.array(self._times, dtype=np.int64)
        lost, self._lost = self._lost, 0
        self._health.counts.samples += len(time_ns)
        self._source._emit([Block(self._side, time_ns, load, None, lost)])
        self._times, self._codes = [], []

"""An insole and an IMU of their own as one source, on one grid."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from hw.devices.runtime import BlockQueue
from hw.resample import GridBlock, Resampler
from hw.source import SIDES, Block, FootProfile, Profile, Side, Source

__all__ = ["FusedSource"]

_LOAD: Final = 0
_IMU: Final = 1


class FusedSource:
    """Two sources of one clock as one: cells of the first, IMU of the second, at `rate_hz`.

    Rows where one of the two has a gap longer than 30 ms carry NaN there. `lost` of a block is what
    both sources lost since the block before, in their own samples.
    """

    def __init__(self, cells: Source, imu: Source, rate_hz: float = 100.0) -> None:
        self._sources = (cells, imu)
        self._profile = Profile(
            name=f"{cells.profile.name} with {imu.profile.name}",
            left=_both(cells.profile.left, imu.profile.left),
            right=_both(cells.profile.right, imu.profile.right),
            foot_length_m=cells.profile.foot_length_m or imu.profile.foot_length_m,
            claim=cells.profile.claim,
        )
        self._period_ns = round(1e9 / rate_hz)
        self._feet = {side: self._resampler(side) for side in SIDES}
        self._lost = dict.fromkeys(SIDES, 0)
        self._uncertainty: dict[tuple[Side, int], int | None] = {}

    @property
    def profile(self) -> Profile:
        """The cells of one, the IMU of the other."""
        return self._profile

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks until both sources end."""
        queue = BlockQueue()
        tasks = [
            asyncio.create_task(self._pump(channel, source, queue))
            for channel, source in enumerate(self._sources)
        ]
        try:
            while True:
                yield await queue.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, channel: int, source: Source, queue: BlockQueue) -> None:
        blocks = source.blocks()
        try:
            async for block in blocks:
                self._take(channel, block, queue)
        except Exception as error:
            queue.fail(error)
        finally:
            await blocks.aclose()  # type: ignore[attr-defined]

    def _take(self, channel: int, block: Block, queue: BlockQueue) -> None:
        values = block.load if channel == _LOAD else block.imu
        self._lost[block.side] += block.lost
        self._uncertainty[block.side, channel] = block.sync_uncertainty_ns
        if values is None:
            return
        rows = self._feet[block.side].push(channel, block.time_ns, values)
        if len(rows.time_ns):
            queue.put(self._block(block.side, rows))

    def _block(self, side: Side, rows: GridBlock) -> Block:
        lost, self._lost[side] = self._lost[side], 0
        known = [ns for (foot, _), ns in self._uncertainty.items() if foot == side and ns]
        load, imu = rows.values[_LOAD], rows.values[_IMU]
        return Block(side, rows.time_ns, load, imu, lost, max(known, default=None))

    def _resampler(self, side: Side) -> Resampler:
        return Resampler(self._period_ns, (len(self._profile.foot(side).x), 6))


def _both(cells: FootProfile, imu: FootProfile) -> FootProfile:
    return FootProfile(
        x=cells.x,
        y=cells.y,
        cell_unit=cells.cell_unit,
        mount=imu.mount,
        acceleration=imu.acceleration,
        angular_rate=imu.angular_rate,
        axes=imu.axes,
        to_toe_m=imu.to_toe_m,
    )

"""Chips on the Pi's own buses: overruns, resets, wrong chips, and an insole fused with an IMU."""

import errno

import numpy as np
import pytest
from device_rigs import START_NS, Lsm6dsoxRig, Mcp3208Rig

from hw.devices.buses import SpiDevice, SystemI2c, _message_request
from hw.devices.errors import DeviceError
from hw.devices.fusion import FusedSource
from hw.devices.lsm6dsox.driver import Lsm6dsoxSource
from hw.devices.lsm6dsox.simulator import SimulatedI2c
from hw.devices.mcp3208.driver import Mcp3208Source
from hw.source import Block


class _SlowI2c(SimulatedI2c):
    """A bus that another process holds for a while."""

    held_s = 0.0

    async def read(self, address: int, register: int, count: int) -> bytes:
        held_s, self.held_s = self.held_s, 0.0
        if held_s:
            await self.clock.sleep(held_s)  # type: ignore[attr-defined]
        return await super().read(address, register, count)


async def test_an_overrun_is_a_gap_with_its_count_and_no_mixed_sample() -> None:
    rig = Lsm6dsoxRig()
    bus = _SlowI2c(rig.chips)
    bus.clock = rig.clock  # type: ignore[attr-defined]
    rig.source = source = Lsm6dsoxSource(bus, rig.clock, {"left": 0x6A})
    blocks = await rig.collect(20.0, [(8.0, lambda: setattr(bus, "held_s", 3.0))])
    chip = rig.chips[0x6A]
    assert chip.overwritten > 300
    lost = sum(block.lost for block in blocks)
    partial = source.health()["left"].rejected["partial record"]
    assert lost == pytest.approx(chip.overwritten + partial, abs=1)
    settled = [b for b in blocks if b.time_ns[0] > START_NS + 3e9]
    said_s = (np.concatenate([b.time_ns for b in settled]) - START_NS) / 1e9
    true_s = np.concatenate([rig.truth_s(b) for b in settled])
    assert np.abs(said_s - true_s).max() < rig.slack_s


async def test_a_chip_that_lost_its_settings_is_set_up_again() -> None:
    rig = Lsm6dsoxRig()
    blocks = await rig.collect(20.0, [(8.0, rig.chips[0x6A].power_up)])
    left = [b for b in blocks if b.side == "left"]
    assert rig.source.health()["left"].connections == 2
    assert left[-1].time_ns[-1] > START_NS + 19.5e9
    assert (np.diff(np.concatenate([b.time_ns for b in left])) > 0).all()


async def test_another_chip_at_the_address_is_named() -> None:
    rig = Lsm6dsoxRig()
    rig.chips[0x6B].identity = 0x6A
    rig.chips[0x6B].power_up()
    blocks = await rig.collect(10.0)
    assert {b.side for b in blocks} == {"left"}
    assert "it says it is 0x6a, not 0x6c" in rig.source.health()["right"].trouble


async def test_a_pulled_plug_of_the_insole_is_named_and_mends() -> None:
    rig = Mcp3208Rig()
    chip = rig.chips["left"][1]
    seen: list[str] = []
    blocks = await rig.collect(
        20.0,
        [
            (5.0, lambda: setattr(chip, "unplugged", True)),
            (8.0, lambda: seen.append(rig.source.health()["left"].trouble)),
            (8.1, lambda: setattr(chip, "unplugged", False)),
        ],
    )
    assert "no converter answers" in seen[0]
    left = [b for b in blocks if b.side == "left"]
    assert left[-1].time_ns[-1] > START_NS + 19.9e9
    assert sum(b.lost for b in [b for b in blocks if b.side == "right"]) == 0


def test_more_cells_than_channels_are_refused() -> None:
    rig = Mcp3208Rig()
    with pytest.raises(DeviceError, match="one converter for each 8 cells"):
        Mcp3208Source(rig.clock, {"left": rig.chips["left"][:1]})


async def test_insole_and_imu_become_one_stream_on_the_grid() -> None:
    imu = Lsm6dsoxRig()
    cells = Mcp3208Rig()
    cells.clock = imu.clock
    for chips in cells.chips.values():
        for chip in chips:
            chip._clock = imu.clock
    source = FusedSource(Mcp3208Source(imu.clock, cells.chips), imu.source, rate_hz=100.0)
    assert source.profile.left.mount == "foot"
    assert len(source.profile.left.x) == 16
    imu.source = source  # type: ignore[assignment]
    blocks: list[Block] = await imu.collect(12.0)
    for side in ("left", "right"):
        mine = [b for b in blocks if b.side == side]
        time_ns = np.concatenate([b.time_ns for b in mine])
        assert set(np.diff(time_ns)) == {10_000_000}
        assert (time_ns % 10_000_000 == 0).all()
        both = [b for b in mine if b.time_ns[0] > START_NS + 4e9]
        load = np.concatenate([b.load for b in both if b.load is not None])
        motion = np.concatenate([b.imu for b in both if b.imu is not None])
        assert np.isfinite(load).all()
        assert np.isfinite(motion).all()
        imu_s = (motion[:, 0].astype(float) + 100) / 2
        assert np.abs(imu_s - (time_ns[-len(imu_s) :] - START_NS) / 1e9).max() < 0.01


async def test_buses_that_are_off_or_forbidden_say_what_to_do() -> None:
    with pytest.raises(DeviceError, match="do_i2c 0"):
        await SystemI2c(99).read(0x6A, 0x0F, 1)
    with pytest.raises(DeviceError, match="do_spi 0"):
        await SpiDevice("/dev/spidev99.0").transfer([b"\x06\x00\x00"])
    bus, spi = SystemI2c(1), SpiDevice("/dev/null")
    assert "usermod -aG i2c" in str(bus._explain(OSError(errno.EACCES, "x"), 0x6A))
    assert "nobody answers at 0x6a" in str(bus._explain(OSError(errno.EREMOTEIO, "x"), 0x6A))
    assert "usermod -aG spi" in str(spi._explain(OSError(errno.EACCES, "x")))


def test_the_kernels_number_for_spi_transfers() -> None:
    assert _message_request(32) == 0x40206B00
    assert _message_request(8 * 32) == 0x41006B00


class _ScriptedI2c:
    """A chip whose FIFO overran between two readings, in the middle of a record."""

    def __init__(self) -> None:
        def word(sensor: int, slot: int) -> bytes:
            return bytes((sensor << 3 | slot << 1,)) + bytes(6)

        self.portions = [
            (False, [word(1, 2), word(2, 2)]),
            (True, [word(4, 2), word(1, 3), word(2, 3), word(4, 3)]),
        ]
        self.words: list[bytes] = []

    async def read(self, address: int, register: int, count: int) -> bytes:
        if register == 0x0F:
            return b"\x6c"
        if register == 0x3A:
            overrun, self.words = self.portions.pop(0) if self.portions else (False, [])
            return bytes((len(self.words), 0x40 if overrun else 0))
        return b"".join(self.words) if register == 0x78 else bytes(count)

    async def write(self, address: int, register: int, value: int) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_halves_from_before_and_after_an_overrun_are_not_put_together() -> None:
    rig = Lsm6dsoxRig()
    rig.source = Lsm6dsoxSource(_ScriptedI2c(), rig.clock, {"left": 0x6A})
    await rig.collect(0.3)
    assert rig.source.health()["left"].rejected == {"partial record": 2}

"""Every real device with its simulator, alike for the contract suite.

The simulated feet tell the time: along x the acceleration rises from -100 to 100 m/s2 in 100 s, and
each cell's load from 0 to full scale. So every sample that a driver gives says when it was true.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hw.clock import VirtualClock
from hw.devices import profiles
from hw.devices.links import UartOverGatt
from hw.devices.lsm6dsox.driver import Lsm6dsoxSource
from hw.devices.lsm6dsox.simulator import Lsm6dsoxChip, SimulatedI2c
from hw.devices.mcp3208.driver import Mcp3208Source
from hw.devices.mcp3208.simulator import Mcp3208Chip
from hw.devices.moticon_udp.driver import MoticonUdpSource
from hw.devices.moticon_udp.simulator import MoticonSoftware
from hw.devices.openfoot.driver import OpenFootLink, OpenFootSource
from hw.devices.openfoot.simulator import OpenFootInsole, OpenFootPeripheral, stuffed
from hw.devices.orphe.driver import Mode, OrpheDevice, OrpheSource
from hw.devices.orphe.simulator import OrpheInsole
from hw.devices.runtime import DeviceSource
from hw.devices.simulation.feed import FootFeed
from hw.devices.simulation.frames import SimulatedFrames
from hw.devices.simulation.gatt import LinkFaults, SimulatedRadio
from hw.source import SIDES, Block, FootProfile, FootSeries, Side

START_NS = 5_000 * 1_000_000_000
WALL_NS = (20_718 * 86_400 - 10) * 1_000_000_000  # ten seconds before midnight
LENGTH_S = 100.0
SERVICE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"


def telling_feed(device: FootProfile) -> FootFeed:
    """A foot whose signals tell the time since the simulator was made."""
    time_s = np.arange(0, LENGTH_S, 0.01)
    share = time_s / LENGTH_S
    imu = np.zeros((len(time_s), 6), dtype=np.float32)
    imu[:, 0] = -100 + 200 * share
    load = np.repeat(share[:, None], max(1, len(device.x)), axis=1).astype(np.float32)
    worn = FootProfile(x=device.x or (0.5,), y=device.y or (0.5,), mount="foot")
    series = FootSeries((time_s * 1e9).astype(np.int64), load, imu)
    return FootFeed(series, worn, device, full_scale=1.0)


class Rig(ABC):
    """One device's two feet: the source, and a hand on the simulators."""

    sides: tuple[Side, ...] = SIDES
    exact = True
    """Whether loss is exact also across a lost connection (the device keeps counting)."""
    samples_per_packet = 1
    period_s = 0.01
    drift_ppm = 0.0
    slack_s = 0.012
    """How far a sample's time may be off."""

    @property
    def device_period_s(self) -> float:
        """The true time between samples: the device's clock runs fast or slow."""
        return self.period_s / (1 + self.drift_ppm * 1e-6)

    def __init__(self) -> None:
        self.clock = VirtualClock(start_ns=START_NS, wall_start_ns=WALL_NS)
        self.faults = LinkFaults()
        self.source: DeviceSource

    @abstractmethod
    def mute(self, muted: bool) -> None:
        """Let the devices sample, but say nothing."""

    @abstractmethod
    def vanish(self) -> None:
        """Take the devices out of reach."""

    @abstractmethod
    def come_back(self) -> None:
        """Bring them back."""

    @abstractmethod
    def saturate(self) -> None:
        """Press every cell, or swing the IMU, beyond its range."""

    def truth_s(self, block: Block) -> NDArray[np.float64]:
        """When the block's samples were true [s since the start], modulo 100 s."""
        assert block.imu is not None
        return (block.imu[:, 0].astype(np.float64) + 100) / 200 * LENGTH_S

    async def collect(
        self, seconds: float, acts: list[tuple[float, Callable[[], object]]] | None = None
    ) -> list[Block]:
        """Run for `seconds` of simulated time, doing each act at its time; return the blocks."""
        blocks: list[Block] = []
        stream = self.source.blocks()

        async def read() -> None:
            async for block in stream:
                blocks.append(block)  # noqa: PERF401 - a comprehension would keep them to itself

        reader = asyncio.ensure_future(read())
        begin_ns = self.clock.monotonic_ns()
        for at_s, act in [*(acts or []), (seconds, lambda: None)]:
            left_s = at_s - (self.clock.monotonic_ns() - begin_ns) / 1e9
            await self.clock.sleep(max(0.0, left_s))
            act()
            if reader.done():
                break
        if reader.done():
            reader.result()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await stream.aclose()
        return blocks


class OrpheRig(Rig):
    mode: Mode = "100 Hz"
    samples_per_packet = 2
    drift_ppm = 40.0

    def __init__(self, first_serial: int = 65_000, time_of_day_s: float = 43_200.0) -> None:
        super().__init__()
        profile = profiles.load("orphe")
        self.insoles = [
            OrpheInsole(
                f"AA:00:00:00:00:0{i}",
                side,
                telling_feed(profile.foot(side)),
                self.clock,
                drift_ppm=self.drift_ppm,
                first_serial=first_serial,
                time_of_day_s=time_of_day_s,
            )
            for i, side in enumerate(SIDES)
        ]
        self.radio = SimulatedRadio(self.insoles, self.clock, self.faults)
        devices = [OrpheDevice(insole.address, insole.side) for insole in self.insoles]
        self.source: OrpheSource = OrpheSource(devices, self.radio, self.clock, self.mode)

    def mute(self, muted: bool) -> None:
        for insole in self.insoles:
            insole.mute = muted

    def vanish(self) -> None:
        for insole in self.insoles:
            self.radio.away.add(insole.address)
            self.radio.drop(insole.address)

    def come_back(self) -> None:
        self.radio.away.clear()

    def saturate(self) -> None:
        for insole in self.insoles:
            insole.saturate = True


class OrpheFastRig(OrpheRig):
    mode: Mode = "200 Hz"
    samples_per_packet = 4
    period_s = 0.005


class OrphePullRig(OrpheRig):
    mode: Mode = "pull"
    samples_per_packet = 4
    period_s = 1 / 208
    slack_s = 0.02


class OpenFootRig(Rig):
    samples_per_packet = 2
    drift_ppm = -40.0

    def __init__(self, first_serial: int = 2**32 - 20, first_us: int = 2**32 - 3_000_000) -> None:
        super().__init__()
        self.faults.spares = lambda data: data.lstrip(b"\x0e")[:2] == b"OQ"
        profile = profiles.load("openfoot")
        self.insoles = {
            f"10.0.0.{i}:5710": OpenFootInsole(
                side,
                telling_feed(profile.foot(side)),
                self.clock,
                drift_ppm=self.drift_ppm,
                first_serial=first_serial,
                first_us=first_us,
            )
            for i, side in enumerate(SIDES)
        }
        self.connect()

    def connect(self) -> None:
        self.link = SimulatedFrames(self.insoles, self.clock, self.faults)
        self.source: OpenFootSource = OpenFootSource(
            [OpenFootLink("udp", self.link, shared=True)], self.clock
        )

    def mute(self, muted: bool) -> None:
        for insole in self.insoles.values():
            insole.mute = muted

    def vanish(self) -> None:
        self.mute(True)

    def come_back(self) -> None:
        self.mute(False)

    def saturate(self) -> None:
        for insole in self.insoles.values():
            insole.saturate = True


class OpenFootSerialRig(OpenFootRig):
    def connect(self) -> None:
        links = []
        self.lines = []
        for peer, insole in self.insoles.items():
            line = SimulatedFrames({peer: _Unstuffing(insole)}, self.clock, self.faults, stuffed)
            self.lines.append(line)
            links.append(OpenFootLink(peer, line, insole.side, stuffed=True))
        self.source = OpenFootSource(links, self.clock)

    def vanish(self) -> None:
        for line in self.lines:
            line.fail_open = 10**9
            line.drop()

    def come_back(self) -> None:
        for line in self.lines:
            line.fail_open = 0


class _Unstuffing:
    """An insole at the far end of a serial line; the host's PINGs hold no zero but the last."""

    def __init__(self, insole: OpenFootInsole) -> None:
        self._insole = insole
        self.run = insole.run

    def answer(self, data: bytes, send: Callable[[bytes], object]) -> None:
        out = bytearray()
        at = 0
        while data[at]:
            out += data[at + 1 : at + data[at]] + b"\0"
            at += data[at]
        self._insole.answer(bytes(out[:-1]), send)


class OpenFootBluetoothRig(OpenFootRig):
    def connect(self) -> None:
        self.peripherals = [
            OpenFootPeripheral(f"BB:00:00:00:00:0{i}", insole)
            for i, insole in enumerate(self.insoles.values())
        ]
        self.radio = SimulatedRadio(self.peripherals, self.clock, self.faults)
        links = [
            OpenFootLink(
                p.address, UartOverGatt(self.radio, p.address, SERVICE, NOTIFY), insole.side
            )
            for p, insole in zip(self.peripherals, self.insoles.values(), strict=True)
        ]
        self.source = OpenFootSource(links, self.clock)

    def vanish(self) -> None:
        for peripheral in self.peripherals:
            self.radio.away.add(peripheral.address)
            self.radio.drop(peripheral.address)

    def come_back(self) -> None:
        self.radio.away.clear()


class MoticonRig(Rig):
    drift_ppm = 20.0
    slack_s = 0.02

    def __init__(self) -> None:
        super().__init__()
        profile = profiles.load("moticon_udp")
        feeds = {side: telling_feed(profile.foot(side)) for side in SIDES}
        self.software = MoticonSoftware(feeds, self.clock, first_s=12.0, drift_ppm=self.drift_ppm)
        self.link = SimulatedFrames({"10.0.0.9:50000": self.software}, self.clock, self.faults)
        self.source: MoticonUdpSource = MoticonUdpSource(self.clock, self.link)

    def mute(self, muted: bool) -> None:
        self.software.mute = muted

    def vanish(self) -> None:
        self.mute(True)

    def come_back(self) -> None:
        self.mute(False)

    def saturate(self) -> None:
        self.software.saturate = True


class Lsm6dsoxRig(Rig):
    exact = False
    period_s = 1 / (208 * 1.01)
    slack_s = 0.006

    def __init__(self) -> None:
        super().__init__()
        profile = profiles.load("lsm6dsox")
        self.chips = {
            address: Lsm6dsoxChip(telling_feed(profile.foot(side)), self.clock, rate_error=0.01)
            for address, side in ((0x6A, "left"), (0x6B, "right"))
        }
        self.source: Lsm6dsoxSource = Lsm6dsoxSource(SimulatedI2c(self.chips), self.clock)

    def mute(self, muted: bool) -> None:
        for chip in self.chips.values():
            chip.dead = muted

    def vanish(self) -> None:
        self.mute(True)

    def come_back(self) -> None:
        self.mute(False)

    def saturate(self) -> None:
        for chip in self.chips.values():
            chip._feed._imu[:] = 400.0


class Mcp3208Rig(Rig):
    exact = False
    period_s = 0.005
    slack_s = 0.1  # twelve bits over 100 s of a bent scale

    def __init__(self) -> None:
        super().__init__()
        profile = profiles.load("mcp3208")
        self.chips = {
            side: [
                Mcp3208Chip(telling_feed(profile.foot(side)), self.clock, first) for first in (0, 8)
            ]
            for side in SIDES
        }
        self.source: Mcp3208Source = Mcp3208Source(self.clock, self.chips)

    def mute(self, muted: bool) -> None:
        for chips in self.chips.values():
            for chip in chips:
                chip.unplugged = muted

    def vanish(self) -> None:
        self.mute(True)

    def come_back(self) -> None:
        self.mute(False)

    def saturate(self) -> None:
        for chips in self.chips.values():
            for chip in chips:
                chip.saturate = True

    def truth_s(self, block: Block) -> NDArray[np.float64]:
        assert block.load is not None
        return block.load[:, 0].astype(np.float64) / 1200.0 * LENGTH_S


RIGS: dict[str, type[Rig]] = {
    "orphe 100 Hz": OrpheRig,
    "orphe 200 Hz": OrpheFastRig,
    "orphe pull": OrphePullRig,
    "openfoot udp": OpenFootRig,
    "openfoot serial": OpenFootSerialRig,
    "openfoot bluetooth": OpenFootBluetoothRig,
    "moticon udp": MoticonRig,
    "lsm6dsox": Lsm6dsoxRig,
    "mcp3208": Mcp3208Rig,
}

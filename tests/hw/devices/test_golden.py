"""Byte vectors written by hand from the formats' descriptions hold codecs and simulators alike."""

from collections import Counter

import numpy as np
import pytest

from hw.clock import VirtualClock
from hw.devices import profiles
from hw.devices.lsm6dsox.codec import FifoCodec
from hw.devices.lsm6dsox.simulator import Lsm6dsoxChip
from hw.devices.mcp3208 import codec as mcp3208
from hw.devices.mcp3208.simulator import Mcp3208Chip
from hw.devices.moticon_udp.codec import Layout, MoticonCodec
from hw.devices.moticon_udp.simulator import MoticonSoftware
from hw.devices.openfoot import codec as openfoot
from hw.devices.openfoot.simulator import OpenFootInsole, stuffed
from hw.devices.orphe import codec as orphe
from hw.devices.orphe.simulator import OrpheInsole
from hw.devices.simulation.feed import FootFeed
from hw.source import FootProfile, FootSeries

# ORPHE header 56, serial 0x1234, 23:59:58.990. The newer block stands first:
# quaternion 1 0 0 0, gyro 100 -100 0, acceleration 0 0 2048 (1 g), cells 1..6;
# the older: quaternion 0.5 0.5 -0.5 -0.5, gyro 0 0 1000, acceleration -2048 0 0, 65535 then zeros.
ORPHE_56 = bytes.fromhex(
    "38 1234 17 3b 3a 03de"
    "4000 0000 0000 0000  0064 ff9c 0000  0000 0000 0800  0001 0002 0003 0004 0005 0006"
    "2000 2000 e000 e000  0000 0000 03e8  f800 0000 0000  ffff 0000 0000 0000 0000 0000" + "00" * 32
)
# Header 55, serial 0xffff, 00:00:00.005: four blocks, newest first, told apart by gyro x, cell 1.
ORPHE_55 = bytes.fromhex(
    "37 ffff 00 00 00 0005"
    "0004 0000 0000  0000 0000 0800  0004 0000 0000 0000 0000 0000"
    "0003 0000 0000  0000 0000 0800  0003 0000 0000 0000 0000 0000"
    "0002 0000 0000  0000 0000 0800  0002 0000 0000 0000 0000 0000"
    "0001 0000 0000  0000 0000 0800  0001 0000 0000 0000 0000 0000"
)
# Header 50, serial 7, 01:02:03.004: four blocks, newest first: quaternion, gyro, acceleration, ms.
ORPHE_50 = bytes.fromhex(
    "32 0007 01 02 03 0004"
    "4000 0000 0000 0000  0004 0000 0000  0000 0000 0800  05"
    "4000 0000 0000 0000  0003 0000 0000  0000 0000 0800  06"
    "4000 0000 0000 0000  0002 0000 0000  0000 0000 0800  05"
    "4000 0000 0000 0000  0001 0000 0000  0000 0000 0800  00" + "00" * 12
)
# A step: force 800.0, strike angle 5.5 deg (forefoot).
ORPHE_STEP = bytes.fromhex("33 02 0000 44480000 40b00000" + "00" * 8)
# Information: battery 87, right, plantar, ranges 3 (16 g) and 2 (1000 deg/s).
ORPHE_INFORMATION = bytes.fromhex("57 01 000000000000 03 02")

# OpenFoot: right foot, battery low, seq 258, t 1 000 000 us, 10 ms, 2 cells, IMU, 2 samples, 9 %.
OPENFOOT = bytes.fromhex(
    "4f46 01 03 02010000 40420f00 1027 02 06 02 09"
    "0100 ffff  0000 0000 0008 0a00 f6ff 0000"
    "0200 0300  0000 0000 0010 0000 0000 ff7f"
    "6e8c"
)
OPENFOOT_PING = bytes.fromhex("4f50 01 00 78563412 e161")
OPENFOOT_PONG = bytes.fromhex("4f51 01 01 78563412 0df0adba 6a3c")

MOTICON = (
    "12.340 "
    "0.01 0.02 1.00 1.0 -2.0 3.0 0.1 -0.1 "
    "0 0.25 0.5 0.75 1 1.25 1.5 1.75 2 2.25 2.5 2.75 3 3.25 3.5 3.75 30.0 " + "nan " * 25
).encode()

# A gyroscope word (slot 1), acceleration, time (2^32 - 1 ticks): one record.
FIFO = bytes.fromhex("0a 0100 0200 0300  12 0000 0000 0008  22 ffffffff 0000")


def test_orphe_56_is_read_oldest_first() -> None:
    values = orphe.OrpheCodec().sensor_values(ORPHE_56)
    assert values is not None
    assert (values.header, values.serial) == (56, 0x1234)
    assert values.time_ms == ((23 * 60 + 59) * 60 + 58) * 1000 + 990
    old, new = values.blocks
    assert (old["quaternion"] / 16384).tolist() == [0.5, 0.5, -0.5, -0.5]
    assert old["gyro"].tolist() == [0, 0, 1000]
    assert old["acceleration"].tolist() == [-2048, 0, 0]
    assert old["pressure"].tolist() == [orphe.SATURATED, 0, 0, 0, 0, 0]
    assert new["gyro"].tolist() == [100, -100, 0]
    assert new["acceleration"].tolist() == [0, 0, 2048]
    assert new["pressure"].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("header", [55, 54])
def test_orphe_55_and_54_are_read_oldest_first(header: int) -> None:
    values = orphe.OrpheCodec().sensor_values(bytes((header,)) + ORPHE_55[1:])
    assert values is not None
    assert (values.serial, values.time_ms) == (0xFFFF, 5)
    assert values.blocks["gyro"][:, 0].tolist() == [1, 2, 3, 4]
    assert values.blocks["pressure"][:, 0].tolist() == [1, 2, 3, 4]


def test_orphe_50_is_read_oldest_first() -> None:
    values = orphe.OrpheCodec().sensor_values(ORPHE_50)
    assert values is not None
    assert values.blocks["gyro"][:, 0].tolist() == [1, 2, 3, 4]
    assert values.blocks["since_older_ms"].tolist() == [0, 5, 6, 5]


def test_orphe_information_step_and_replies() -> None:
    codec = orphe.OrpheCodec()
    information = codec.information(ORPHE_INFORMATION)
    assert information == orphe.DeviceInformation(87, "right", False, 16, 0.035)
    step = codec.step(ORPHE_STEP)
    assert step == orphe.StepAnalysis(800.0, 5.5)
    assert step.strike == "toe"
    assert codec.reply(bytes.fromhex("35 01 fffe 00 05dc")) == orphe.NewestSerial(65534, 1500)
    assert codec.reply(bytes.fromhex("35 02 0010 0003")) == orphe.NoData(16, 3)
    assert codec.rejected == Counter()


def test_orphe_commands() -> None:
    assert [orphe.set_mode(m).hex() for m in ("pull", "200 Hz", "100 Hz")] == [
        "0d02",
        "0d03",
        "0d04",
    ]
    asked = orphe.ask_data([(65535, 2), (3, 1)])
    assert asked[:10].hex() == "0b02ffff000200030001"
    assert asked[10:] == bytes(28 * 4)
    # 2026-11-22 06:54:42.37 UTC
    assert list(orphe.date_time(1_795_330_482_370_000_000)) == [26, 11, 22, 6, 54, 42, 37]


def still(cells: int, share: float) -> FootFeed:
    """A foot at rest: 1 g up, every cell at this share of full scale."""
    place = tuple(0.5 for _ in range(cells))
    profile = FootProfile(x=place, y=place, mount="foot")
    time_ns = np.arange(0, 10_000_000_000, 10_000_000, dtype=np.int64)
    imu = np.tile(np.array([0, 0, 9.80665, 0, 0, np.radians(7.0)], np.float32), (len(time_ns), 1))
    load = np.full((len(time_ns), cells), share, dtype=np.float32)
    return FootFeed(FootSeries(time_ns, load, imu), profile, profile, full_scale=1.0)


def test_orphe_simulator_speaks_the_same_bytes() -> None:
    insole = OrpheInsole(
        "AA:00:00:00:00:07", "right", still(6, 0.5), VirtualClock(), first_serial=0x1234 - 3
    )
    insole.set_time_of_day(86_398.93)
    block = "4000 0000 0000 0000  0000 0000 0064  0000 0000 0800" + "7530" * 6
    expected = bytes.fromhex("38 1234 17 3b 3a 03de" + block + block + "00" * 32)
    assert insole.packet(3) == expected
    assert insole.read("24354f22-1c46-430e-a4ab-a1eeabbcdfc0") == bytes.fromhex(
        "57 01 000000000000 03 03"
    )


def test_openfoot_frame_ping_and_pong() -> None:
    codec = openfoot.OpenFootCodec()
    frame = codec.decode(OPENFOOT)
    assert isinstance(frame, openfoot.Frame), codec.rejected
    assert frame[:7] == ("right", 258, 1_000_000, 10_000, 9, True, False)
    assert frame.samples["cells"].tolist() == [[1, 65535], [2, 3]]
    assert frame.samples["imu"].tolist() == [[0, 0, 2048, 10, -10, 0], [0, 0, 4096, 0, 0, 32767]]
    assert openfoot.ping(0x12345678) == OPENFOOT_PING
    assert codec.decode(OPENFOOT_PONG) == openfoot.Pong("right", 0x12345678, 0xBAADF00D)


def test_openfoot_simulator_speaks_the_same_bytes() -> None:
    clock = VirtualClock()
    insole = OpenFootInsole(
        "right", still(2, 0.5), clock, samples=1, first_serial=258 - 2, first_us=980_000
    )
    insole.battery = 9
    expected = bytes.fromhex(
        "4f46 01 03 02010000 40420f00 1027 02 06 01 09  3075 3075  0000 0000 0008 0000 0000 7300"
    )
    assert insole.frame(2)[:-2] == expected
    sent: list[bytes] = []
    insole.answer(OPENFOOT_PING, sent.append)
    assert [data[:8].hex() for data in sent] == ["4f51010378563412"]


@pytest.mark.parametrize(
    ("plain", "coded"),
    [
        ("00", "0101 00"),
        ("0000", "010101 00"),
        ("11220033", "0311220233 00"),
        ("11000000", "0211010101 00"),
        ("01" * 254, "ff" + "01" * 254 + "00"),
        ("01" * 255, "ff" + "01" * 254 + "0201 00"),
    ],
)
def test_cobs(plain: str, coded: str) -> None:
    data, line = bytes.fromhex(plain), bytes.fromhex(coded)
    assert openfoot.stuff(data) == line
    assert openfoot.Cobs(Counter()).feed(line) == [data]
    assert openfoot.Cobs(Counter()).feed(stuffed(data)) == [data]


def test_moticon_line() -> None:
    codec = MoticonCodec(Layout(profiles.wire("moticon_udp")["columns"]))
    (row,) = codec.decode(MOTICON)
    assert row.time == 12.34
    assert list(row.feet) == ["left"]
    cells, imu = row.feet["left"]
    assert cells.tolist() == [0.25 * i for i in range(16)]
    assert imu.tolist() == pytest.approx([0.01, 0.02, 1.0, 1.0, -2.0, 3.0])


def test_moticon_simulator_speaks_the_same_line() -> None:
    software = MoticonSoftware({"left": still(16, 0.01)}, VirtualClock(), first_s=12.0)
    fields = software.line(34).split()
    assert fields[:9] == b"12.340 0.0000 0.0000 1.0000 0.00 0.00 7.00 0.000 0.000".split()
    assert fields[9:25] == [b"0.50"] * 16
    assert fields[26:] == [b"nan"] * 25
    assert len(fields) == 51


def test_lsm6dsox_record() -> None:
    codec = FifoCodec()
    (sample,) = codec.decode(FIFO)
    assert sample == (2**32 - 1, (0, 0, 2048), (1, 2, 3))
    assert codec.status(bytes((0x05, 0x42))) == (0x205, True)


def test_lsm6dsox_simulator_speaks_the_same_words() -> None:
    clock = VirtualClock()
    chip = Lsm6dsoxChip(still(1, 0.0), clock)
    assert chip.read(0x0F, 1) == b"\x6c"
    for register, value in ((0x12, 0x44), (0x19, 0x20), (0x09, 0x55), (0x0A, 0x46)):
        chip.write(register, value)
    chip.write(0x11, 0x5C)
    chip.write(0x10, 0x54)
    clock._now_ns += 4_900_000  # one sample at 208 Hz, 192 ticks after the start
    assert chip.read(0x3A, 2) == bytes((3, 0))
    words = chip.read(0x78, 21)
    assert words[1:7] == bytes.fromhex("0000 0000 6400")
    assert words[8:14] == bytes.fromhex("0000 0000 0008")
    assert words[15:21] == bytes.fromhex("c0000000 0000")
    assert [word >> 3 for word in (words[0], words[7], words[14])] == [1, 2, 4]


def test_mcp3208_conversion() -> None:
    sent = [request.hex() for request in mcp3208.requests()]
    assert sent == ["060000", "064000", "068000", "06c000", "070000", "074000", "078000", "07c000"]
    answers = [bytes((0xFF, 0xE0 | i, 0x34)) for i in range(8)]
    codes = mcp3208.Mcp3208Codec().decode(answers)
    assert codes is not None
    assert codes.tolist() == [i << 8 | 0x34 for i in range(8)]
    half = mcp3208.conductance_us(np.array([2048, 0, 4095], np.uint16), 2200.0)
    assert half.tolist() == pytest.approx([1e6 / 2200, 0.0, 4095e6 / 2200])


async def test_mcp3208_simulator_speaks_the_same_bytes() -> None:
    chip = Mcp3208Chip(still(8, 1.0), VirtualClock(), full_scale_s=1 / 2200)
    answers = await chip.transfer([bytes.fromhex("060000"), bytes.fromhex("07c000")])
    assert answers == [bytes.fromhex("ffe800")] * 2

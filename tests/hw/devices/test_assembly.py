"""The packet stream by itself: waiting for what is missing, and giving it up."""

import numpy as np

from hw.devices.assembly import Packet, PacketStream, StreamFormat, merged
from hw.source import Block
from hw.timing import ClockMap

PACKET_NS = 20_000_000
START_NS = 10**12


def stream(hold_ns: int) -> PacketStream:
    form = StreamFormat(2, PACKET_NS // 2, serial_modulus=1 << 16, hold_ns=hold_ns)
    return PacketStream("left", form, ClockMap())


def packet(number: int) -> Packet:
    load = np.full((2, 1), number, dtype=np.float32)
    return Packet((65_530 + number) % 65_536, number * PACKET_NS, load, None)


def numbers(blocks: list[Block]) -> list[float]:
    return [float(block.load[0, 0]) for block in blocks if block.load is not None]


def test_a_missing_packet_is_wanted_and_takes_its_place_when_it_comes() -> None:
    source = stream(hold_ns=5_000_000_000)
    blocks: list[Block] = []
    for number in [*range(40), *range(42, 50)]:
        blocks += source.push(packet(number), START_NS + number * PACKET_NS)
    assert numbers(blocks)[-1] == 39
    assert source.wanted() == [(65_530 + 40) % 65_536, (65_530 + 41) % 65_536]
    blocks += source.push(packet(41), START_NS + 50 * PACKET_NS)
    blocks += source.push(packet(40), START_NS + 51 * PACKET_NS)
    assert numbers(blocks) == list(range(50))
    assert source.counts.lost == 0


def test_what_the_device_no_longer_has_is_not_waited_for() -> None:
    source = stream(hold_ns=5_000_000_000)
    blocks: list[Block] = []
    for number in [*range(40), *range(42, 50)]:
        blocks += source.push(packet(number), START_NS + number * PACKET_NS)
    source.give_up((65_530 + 40) % 65_536, 2)
    blocks += source.flush(START_NS + 50 * PACKET_NS)
    assert numbers(blocks) == [*range(40), *range(42, 50)]
    assert [block.lost for block in blocks if block.lost] == [4]
    source.push(packet(40), START_NS + 51 * PACKET_NS)
    assert (source.counts.late, source.counts.duplicates) == (1, 0)


def test_what_does_not_come_in_time_is_lost() -> None:
    source = stream(hold_ns=1_000_000_000)
    blocks: list[Block] = []
    for number in [*range(40), *range(41, 60)]:
        blocks += source.push(packet(number), START_NS + number * PACKET_NS)
    assert numbers(blocks)[-1] == 39
    blocks += source.flush(START_NS + 41 * PACKET_NS + 1_000_000_000)
    assert numbers(blocks)[-1] == 59
    assert source.counts.lost == 2


def test_blocks_are_joined_only_where_nothing_is_lost_between() -> None:
    def block(first: int, lost: int = 0) -> Block:
        times = np.array([first, first + 1], dtype=np.int64)
        return Block("left", times, np.ones((2, 1), np.float32), None, lost)

    joined = merged([block(0), block(2), block(10, lost=3), block(12)])
    assert [block.time_ns.tolist() for block in joined] == [[0, 1, 2, 3], [10, 11, 12, 13]]
    assert [block.lost for block in joined] == [0, 3]
    assert all(block.imu is None for block in joined)

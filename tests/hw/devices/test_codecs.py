"""Whatever bytes come, codecs count them and go on; what stands in a frame comes out again."""

import ast
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hw.devices
from hw.devices import profiles
from hw.devices.lsm6dsox.codec import FifoCodec
from hw.devices.mcp3208.codec import Mcp3208Codec
from hw.devices.moticon_udp.codec import Layout, MoticonCodec
from hw.devices.openfoot import codec as openfoot
from hw.devices.openfoot.simulator import crc16, stuffed
from hw.devices.orphe.codec import OrpheCodec
from hw.source import Side

FOLDER = Path(hw.devices.__file__).parent
DEVICES = sorted(p.parent.name for p in FOLDER.glob("*/profile.toml"))
LAYOUT = Layout(profiles.wire("moticon_udp")["columns"])


def frame(flags: int, cells: int, axes: int, count: int, body: bytes) -> bytes:
    head = b"OF\x01" + bytes((flags,)) + bytes(8) + (10_000).to_bytes(2, "little")
    data = head + bytes((cells, axes, count, 50)) + body
    return data + crc16(data).to_bytes(2, "little")


@given(st.binary(max_size=300))
def test_any_bytes_are_counted_or_decoded(data: bytes) -> None:
    orphe = OrpheCodec()
    accepted = orphe.sensor_values(data)
    assert (accepted is None) == (orphe.rejected.total() == 1)
    orphe.information(data)
    orphe.step(data)
    orphe.reply(data)
    openfoot_codec = openfoot.OpenFootCodec()
    assert (openfoot_codec.decode(data) is None) == (openfoot_codec.rejected.total() == 1)
    openfoot.Cobs(Counter()).feed(data)
    FifoCodec().decode(data)
    moticon = MoticonCodec(LAYOUT)
    rows = moticon.decode(data)
    assert rows or moticon.rejected.total() >= 1


@given(st.integers(0, 255), st.binary(min_size=103, max_size=103))
def test_orphe_takes_104_bytes_of_its_headers_with_a_true_time(header: int, rest: bytes) -> None:
    codec = OrpheCodec()
    values = codec.sensor_values(bytes((header,)) + rest)
    hour, minute, second, millis = rest[2], rest[3], rest[4], rest[5] << 8 | rest[6]
    true_time = hour < 24 and minute < 60 and second < 60 and millis < 1000
    assert (values is not None) == (header in (50, 54, 55, 56) and true_time)


@given(st.integers(0, 7), st.integers(0, 20), st.sampled_from((0, 6)), st.integers(1, 8), st.data())
def test_openfoot_frames_round_trip_and_any_flipped_bit_is_refused(
    flags: int, cells: int, axes: int, count: int, data: st.DataObject
) -> None:
    if cells + axes == 0:
        return
    body = data.draw(
        st.binary(min_size=2 * count * (cells + axes), max_size=2 * count * (cells + axes))
    )
    whole = frame(flags, cells, axes, count, body)
    decoded = openfoot.OpenFootCodec().decode(whole)
    assert isinstance(decoded, openfoot.Frame)
    assert decoded.samples.tobytes() == body
    assert openfoot.Cobs(Counter()).feed(stuffed(whole)) == [whole]
    at = data.draw(st.integers(0, 8 * len(whole) - 1))
    broken = bytearray(whole)
    broken[at // 8] ^= 1 << at % 8
    codec = openfoot.OpenFootCodec()
    assert codec.decode(bytes(broken)) is None
    assert codec.rejected.total() == 1


@given(st.binary(max_size=1200), st.integers(1, 50))
def test_stuffing_is_undone_however_the_line_is_cut(data: bytes, size: int) -> None:
    line = openfoot.stuff(data)
    assert line.count(0) == 1
    assert line[-1] == 0
    cobs = openfoot.Cobs(Counter())
    frames = [f for at in range(0, len(line), size) for f in cobs.feed(line[at : at + size])]
    assert frames == ([data] if data else [b""])


def test_a_line_of_noise_is_dropped_and_the_next_frame_read() -> None:
    rejected: Counter[str] = Counter()
    cobs = openfoot.Cobs(rejected)
    assert cobs.feed(b"\xff" * 5000) == []
    assert cobs.feed(b"\x05\x01\x00" + openfoot.stuff(b"frame")) == [b"frame"]
    assert rejected == {"framing": 2}


def test_openfoot_refuses_other_versions_and_absurd_layouts() -> None:
    codec = openfoot.OpenFootCodec()
    good = frame(0, 2, 0, 1, bytes(4))
    assert codec.decode(good[:2] + b"\x02" + good[3:]) is None
    assert codec.decode(frame(0, 0, 0, 1, b"")) is None
    assert codec.decode(frame(0, 2, 3, 1, bytes(10))) is None
    assert codec.decode(frame(0, 2, 0, 0, b"")) is None
    assert codec.rejected == {"version": 1, "range": 3}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1 2 3", "length"),
        (b" ".join([b"1"] * 50 + [b"x"]), "no number"),
        (b" ".join([b"nan"] + [b"1"] * 50), "time"),
        (b" ".join([b"1"] * 9 + [b"-1"] + [b"1"] * 41), "range"),
        (b" ".join([b"1", b"99"] + [b"1"] * 49), "range"),
        (b" ".join([b"1", b"inf"] + [b"1"] * 49), "range"),
    ],
)
def test_moticon_lines_that_do_not_fit_are_named(line: bytes, reason: str) -> None:
    codec = MoticonCodec(LAYOUT)
    assert codec.decode(line) == []
    assert codec.rejected == {reason: 1}


def test_the_order_of_moticon_columns_is_the_profile_s() -> None:
    columns = ["right cells 2", "time 1", "left cells 2"]
    columns += [
        f"{side} {name} 3" for side in ("left", "right") for name in ("acceleration", "gyro")
    ]
    codec = MoticonCodec(Layout(columns))
    (row,) = codec.decode(b"5 6 1.5 7 8 1 2 3 4 5 6 0 0 1 0 0 0")
    assert row.time == 1.5
    assert row.feet["right"][0].tolist() == [5, 6]
    assert row.feet["left"][0].tolist() == [7, 8]
    assert row.feet["left"][1].tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="columns lack time"):
        Layout(columns[:1] + columns[2:])


def word(sensor: int, slot: int, value: int) -> bytes:
    return bytes((sensor << 3 | slot << 1,)) + value.to_bytes(2, "little") + bytes(4)


def test_a_fifo_cut_mid_record_makes_up_no_sample() -> None:
    codec = FifoCodec()
    assert codec.decode(word(1, 2, 10) + word(2, 2, 11)) == []
    codec.broken()  # the chip overran here; the next record has the same slot by chance
    got = codec.decode(word(4, 2, 40) + word(1, 3, 20) + word(2, 3, 21) + word(4, 3, 41))
    assert [(s.ticks, s.gyro[0], s.acceleration[0]) for s in got] == [(41, 20, 21)]
    assert codec.rejected == {"partial record": 2}


@given(st.lists(st.integers(1, 60), max_size=20))
def test_fifo_words_read_in_any_portions_are_the_same(cuts: list[int]) -> None:
    words = b"".join(
        word(sensor, number & 3, number + sensor) for number in range(20) for sensor in (1, 2, 4)
    )
    whole = FifoCodec().decode(words)
    codec, at, parts = FifoCodec(), 0, []
    for cut in [*cuts, 60]:
        parts += codec.decode(words[at : at + 7 * cut])
        at += 7 * cut
    assert parts == whole
    assert len(whole) == 20


def test_a_missing_converter_is_told_from_an_empty_shoe() -> None:
    codec = Mcp3208Codec()
    assert codec.decode([b"\xff\xff\xff"] * 8) is None
    assert codec.decode([b"\xff\xe0\x00"] * 7) is None
    empty = codec.decode([b"\xff\xe0\x00"] * 8)
    assert empty is not None
    assert empty.tolist() == [0] * 8
    assert codec.rejected == {"no converter": 1, "length": 1}


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_folder_has_the_same_files_and_a_profile(device: str) -> None:
    names = {path.name for path in (FOLDER / device).iterdir()}
    assert {"__init__.py", "profile.toml", "codec.py", "driver.py", "simulator.py"} <= names
    profile = profiles.load(device)
    assert profile.claim == "spec-tested"
    assert profiles.wire(device)
    for side in ("left", "right"):
        matrix = profiles.house_matrix(profile.foot(side))  # type: ignore[arg-type]
        assert np.linalg.matrix_rank(matrix) == 6


G, RAD = 9.80665, np.pi / 180


@pytest.mark.parametrize(
    ("device", "side", "acceleration", "rate", "house"),
    [
        # ORPHE: Y to the toes, X right, Z up; toes going up turn about its X.
        ("orphe", "left", (0, 1, 0), (0, 0, 0), (G, 0, 0, 0, 0, 0)),
        ("orphe", "right", (1, 0, 0), (1, 0, 0), (0, -G, 0, 0, -RAD, 0)),
        ("orphe", "left", (0, 0, 1), (0, 0, 1), (0, 0, G, 0, 0, RAD)),
        # Moticon: y to the medial side of either foot, so the left frame is left-handed.
        ("moticon_udp", "right", (1, 2, 3), (1, 2, 3), (G, 2 * G, 3 * G, RAD, 2 * RAD, 3 * RAD)),
        ("moticon_udp", "left", (1, 2, 3), (1, 2, 3), (G, -2 * G, 3 * G, -RAD, 2 * RAD, -3 * RAD)),
        ("openfoot", "left", (1, 2, 3), (1, 2, 3), (G, 2 * G, 3 * G, RAD, 2 * RAD, 3 * RAD)),
        ("lsm6dsox", "right", (1, 2, 3), (1, 2, 3), (G, 2 * G, 3 * G, RAD, 2 * RAD, 3 * RAD)),
    ],
)
def test_device_axes_become_the_foots(
    device: str,
    side: Side,
    acceleration: tuple[float, ...],
    rate: tuple[float, ...],
    house: tuple[float, ...],
) -> None:
    matrix = profiles.house_matrix(profiles.load(device).foot(side))
    assert (np.array(acceleration + rate) @ matrix).tolist() == pytest.approx(house, abs=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_codec_and_simulator_share_no_code(device: str) -> None:
    allowed = {"hw.source", "hw.clock", "hw.replay", "hw.devices", "hw.devices.errors"}
    for name, forbidden in (("simulator", ("codec", "driver")), ("codec", ("simulator", "driver"))):
        tree = ast.parse((FOLDER / device / f"{name}.py").read_text())
        imports = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        house = {module for module in imports if module.startswith("hw")}
        assert all(
            module.startswith("hw.devices.simulation") or module in allowed for module in house
        )
        assert not any(module.endswith(forbidden) for module in house)

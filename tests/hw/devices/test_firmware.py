"""openfoot.h, compiled, speaks what the decoder reads."""

import ctypes
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hw
from hw.devices.openfoot import codec

HEADER = Path(hw.__file__).parent / "firmware" / "openfoot" / "openfoot.h"
DOOR = """
#include "openfoot.h"
size_t frame(uint8_t *out, const openfoot_head *head, const uint16_t *v)
{ return openfoot_frame(out, head, v); }
size_t pong(uint8_t *out, const uint8_t *ping, size_t n, uint8_t flags, uint32_t now_us)
{ return openfoot_pong(out, ping, n, flags, now_us); }
size_t stuff(uint8_t *out, const uint8_t *data, size_t n)
{ return openfoot_stuff(out, data, n); }
"""


class Head(ctypes.Structure):
    _fields_ = [
        ("flags", ctypes.c_uint8),
        ("seq", ctypes.c_uint32),
        ("t_us", ctypes.c_uint32),
        ("period_us", ctypes.c_uint16),
        ("cells", ctypes.c_uint8),
        ("imu_axes", ctypes.c_uint8),
        ("samples", ctypes.c_uint8),
        ("battery", ctypes.c_uint8),
    ]


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: sudo apt-get install gcc")
    folder = tmp_path_factory.mktemp("firmware")
    source, library = folder / "door.c", folder / "door.so"
    source.write_text(DOOR)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{HEADER.parent}"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def test_a_frame_is_read_as_it_was_meant(firmware: ctypes.CDLL) -> None:
    head = Head(1 | 4, 2**32 - 1, 123_456_789, 5000, 2, 6, 2, 77)
    values = [1, 65535, *range(6), 3, 4, *(65536 - i for i in range(1, 7))]
    out = ctypes.create_string_buffer(200)
    size = firmware.frame(out, ctypes.byref(head), (ctypes.c_uint16 * 16)(*values))
    frame = codec.OpenFootCodec().decode(out.raw[:size])
    assert isinstance(frame, codec.Frame)
    assert frame[:7] == ("right", 2**32 - 1, 123_456_789, 5000, 77, False, True)
    assert frame.samples["cells"].tolist() == [[1, 65535], [3, 4]]
    assert frame.samples["imu"].tolist() == [[0, 1, 2, 3, 4, 5], [-1, -2, -3, -4, -5, -6]]


def test_a_ping_is_answered_and_other_bytes_are_not(firmware: ctypes.CDLL) -> None:
    out = ctypes.create_string_buffer(20)
    ping = codec.ping(0xCAFE)
    size = firmware.pong(out, ping, len(ping), 1, ctypes.c_uint32(4_000_000_000))
    assert codec.OpenFootCodec().decode(out.raw[:size]) == codec.Pong("right", 0xCAFE, 4 * 10**9)
    for wrong in (ping[:-1], ping[:-1] + b"\0", b"XP" + ping[2:], struct.pack("10x")):
        assert firmware.pong(out, wrong, len(wrong), 0, 0) == 0


@given(data=st.binary(max_size=1000))
def test_a_stuffed_frame_is_unstuffed(firmware: ctypes.CDLL, data: bytes) -> None:
    out = ctypes.create_string_buffer(1100)
    size = firmware.stuff(out, data, len(data))
    assert out.raw[:size].count(0) == 1
    assert codec.Cobs(Counter()).feed(out.raw[:size]) == [data]

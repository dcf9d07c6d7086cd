"""OpenFoot v1 on the wire: little-endian frames, each closed by a CRC-16/CCITT-FALSE (0xFFFF).

    FRAME  u16 "OF" | u8 version 1 | u8 flags | u32 seq | u32 t_us | u16 period_us | u8 cells |
           u8 imu axes (0 or 6) | u8 samples | u8 battery | samples | u16 crc
           flags: 1 right foot, 2 battery low, 4 saturated; battery: 0-100 %, 255 unknown
           t_us is the first sample's time; a sample is cells x u16, then acceleration and angular
           rate x i16, full scale 16 g and 2000 deg/s; samples lie oldest first
    PING   u16 "OP" | u8 version | u8 0 | u32 token | u16 crc          host to device
    PONG   u16 "OQ" | u8 version | u8 flags | u32 token | u32 t_us | u16 crc

Over UDP and BLE (Nordic UART) a frame is a datagram; over serial it is COBS-coded, ended by 0.
"""

import binascii
import struct
from collections import Counter
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw.source import Side

__all__ = ["CLOCK_MODULUS_US", "SERIALS", "Cobs", "Frame", "OpenFootCodec", "Pong", "ping", "stuff"]

VERSION: Final = 1
SERIALS: Final = 1 << 32
CLOCK_MODULUS_US: Final = 1 << 32
G_PER_COUNT: Final = 16 / 32768
DPS_PER_COUNT: Final = 2000 / 32768
SATURATED: Final = 65535
MAX_CELLS: Final = 64
MAX_SAMPLES: Final = 64
MAX_FRAME_BYTES: Final = 2048

_MAGIC: Final = 0x464F
_PING: Final = 0x504F
_PONG: Final = 0x514F
_HEAD = struct.Struct("<HBBIIHBBBB")
_CRC = struct.Struct("<H")
_PING_BODY = struct.Struct("<HBBI")
_PONG_BODY = struct.Struct("<HBBII")
_RIGHT: Final = 1
_BATTERY_LOW: Final = 2
_SATURATED: Final = 4


class Frame(NamedTuple):
    """Samples, oldest first: structured array, `cells` uint16[c] and, with an IMU, `imu` int16[6].

    `battery_percent` is None where the device does not know it.
    """

    side: Side
    serial: int
    time_us: int
    period_us: int
    battery_percent: int | None
    battery_low: bool
    saturated: bool
    samples: NDArray[np.void]


class Pong(NamedTuple):
    """The answer to a PING: its token and the device's clock."""

    side: Side
    token: int
    time_us: int


@lru_cache(maxsize=32)
def _sample(cells: int, axes: int) -> np.dtype[np.void]:
    fields: list[tuple[str, str, tuple[int, ...]]] = [("cells", "<u2", (cells,))]
    if axes:
        fields.append(("imu", "<i2", (axes,)))
    return np.dtype(fields)


class OpenFootCodec:
    """Decodes frames and pongs; what it rejects is counted by reason in `rejected`."""

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()

    def decode(self, data: bytes) -> Frame | Pong | None:
        """Return what the bytes say, or None for bytes that are no frame."""
        fault = self._fault(data)
        if fault:
            self.rejected[fault] += 1
            return None
        if data[1] == _PONG >> 8:
            _, _, flags, token, time_us = _PONG_BODY.unpack_from(data)
            return Pong("right" if flags & _RIGHT else "left", token, time_us)
        _, _, flags, serial, time_us, period_us, cells, axes, count, battery = _HEAD.unpack_from(
            data
        )
        samples: NDArray[np.void] = np.ndarray((count,), _sample(cells, axes), data, _HEAD.size)
        return Frame(
            side="right" if flags & _RIGHT else "left",
            serial=serial,
            time_us=time_us,
            period_us=period_us,
            battery_percent=battery if battery <= 100 else None,
            battery_low=bool(flags & _BATTERY_LOW),
            saturated=bool(flags & _SATURATED),
            samples=samples,
        )

    def _fault(self, data: bytes) -> str:
        """Return why the bytes are refused, "" where they are not."""
        if len(data) < _PONG_BODY.size + _CRC.size or len(data) > MAX_FRAME_BYTES:
            return "length"
        magic = data[0] | data[1] << 8
        if magic not in (_MAGIC, _PONG):
            return "header"
        if data[2] != VERSION:
            return "version"
        if magic == _PONG and len(data) != _PONG_BODY.size + _CRC.size:
            return "length"
        if magic == _MAGIC and (fault := _frame_fault(data)):
            return fault
        (crc,) = _CRC.unpack_from(data, len(data) - _CRC.size)
        return "" if crc == _crc(data[: -_CRC.size]) else "checksum"


def _frame_fault(data: bytes) -> str:
    if len(data) < _HEAD.size + _CRC.size:
        return "length"
    period_us, cells, axes, count, _ = _HEAD.unpack_from(data)[5:]
    if axes not in (0, 6) or cells > MAX_CELLS or not 0 < count <= MAX_SAMPLES:
        return "range"
    if not cells and not axes:
        return "range"
    if not 1000 <= period_us <= 50_000:
        return "range"
    expected = _HEAD.size + count * 2 * (cells + axes) + _CRC.size
    return "" if len(data) == expected else "length"


def ping(token: int) -> bytes:
    """Return a PING; the device answers with the same token and its clock."""
    body = _PING_BODY.pack(_PING, VERSION, 0, token)
    return body + _CRC.pack(_crc(body))


def _crc(data: bytes) -> int:
    return binascii.crc_hqx(data, 0xFFFF)


class Cobs:
    """A serial line's bytes to frames: consistent overhead byte stuffing, a zero ends each.

    Cheshire, Baker: "Consistent overhead byte stuffing", IEEE/ACM Trans. Networking 7(2), 1999,
    doi:10.1109/90.769765. What cannot be a frame is counted as "framing".
    """

    def __init__(self, rejected: Counter[str]) -> None:
        self._rejected = rejected
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes in; return the frames that they complete."""
        self._rest += data
        *coded, rest = bytes(self._rest).split(b"\0")
        if len(rest) > 2 * MAX_FRAME_BYTES:  # noise without an end
            self._rejected["framing"] += 1
            rest = b""
        self._rest = bytearray(rest)
        frames = []
        for part in filter(None, coded):
            frame = _unstuff(part)
            if frame is None:
                self._rejected["framing"] += 1
            else:
                frames.append(frame)
        return frames


def stuff(frame: bytes) -> bytes:
    """Return a frame COBS-coded, with its ending zero."""
    out = bytearray()
    *parts, last = frame.split(b"\0")
    for part in parts:
        out += _chunks(part, closed=True)
    return bytes(out + _chunks(last, closed=False)) + b"\0"


def _chunks(part: bytes, closed: bool) -> bytes:
    """Code bytes without zeros; `closed` where a zero follows them."""
    whole = len(part) // 254
    full = b"".join(b"\xff" + part[254 * i : 254 * (i + 1)] for i in range(whole))
    rest = part[254 * whole :]
    if rest or closed or not whole:
        return full + bytes((len(rest) + 1,)) + rest
    return full


def _unstuff(coded: bytes) -> bytes | None:
    out = bytearray()
    at = 0
    while at < len(coded):
        code = coded[at]
        end = at + code
        if code == 0 or end > len(coded):
            return None
        out += coded[at + 1 : end]
        at = end
        if code < 255 and at < len(coded):
            out.append(0)
    return bytes(out)

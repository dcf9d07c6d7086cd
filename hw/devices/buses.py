"""I2C and SPI of the Pi as ports, and as Linux gives them."""

import asyncio
import ctypes
import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hw.devices.errors import DeviceError, DeviceLostError

__all__ = ["I2cBus", "SpiBus", "SpiDevice", "SystemI2c"]


class I2cBus(Protocol):
    """A bus; every call raises `DeviceError` where nobody answers."""

    async def read(self, address: int, register: int, count: int) -> bytes:
        """Return `count` bytes from a register on."""
        ...

    async def write(self, address: int, register: int, value: int) -> None:
        """Write one register."""
        ...

    async def close(self) -> None:
        """Give the bus back."""
        ...


class SpiBus(Protocol):
    """One chip on a bus."""

    async def transfer(self, requests: Sequence[bytes]) -> list[bytes]:
        """Send each request, chip selected anew for each; return what came meanwhile."""
        ...

    async def close(self) -> None:
        """Give the bus back."""
        ...


class SystemI2c:
    """/dev/i2c-N by smbus2; calls run in a thread, for the bus is slow."""

    def __init__(self, number: int = 1) -> None:
        self._name = f"/dev/i2c-{number}"
        self._number = number
        self._bus: object | None = None

    async def read(self, address: int, register: int, count: int) -> bytes:
        """Return `count` bytes from a register on, in one transfer."""
        return await asyncio.to_thread(self._read, address, register, count)

    async def write(self, address: int, register: int, value: int) -> None:
        """Write one register."""
        await asyncio.to_thread(self._write, address, register, value)

    async def close(self) -> None:
        """Close the device file."""
        if self._bus is not None:
            self._bus.close()  # type: ignore[attr-defined]
            self._bus = None

    def _read(self, address: int, register: int, count: int) -> bytes:
        from smbus2 import i2c_msg

        ask, answer = i2c_msg.write(address, [register]), i2c_msg.read(address, count)
        self._do("i2c_rdwr", address, ask, answer)
        return bytes(answer)

    def _write(self, address: int, register: int, value: int) -> None:
        self._do("write_byte_data", address, address, register, value)

    def _do(self, method: str, address: int, *args: object) -> None:
        try:
            if self._bus is None:
                self._bus = self._open()
            getattr(self._bus, method)(*args)
        except OSError as error:
            raise self._explain(error, address) from None

    def _open(self) -> object:
        try:
            from smbus2 import SMBus
        except ImportError:
            remedy = "pip install 'heelfirst[edge]'"
            raise DeviceError(self._name, "the package smbus2 is missing", remedy) from None
        return SMBus(self._number)

    def _explain(self, error: OSError, address: int) -> DeviceError:
        if isinstance(error, DeviceError):
            return error
        if error.errno == errno.ENOENT:
            remedy = "sudo raspi-config nonint do_i2c 0, then restart"
            return DeviceError(self._name, "I2C is off", remedy)
        if error.errno == errno.EACCES:
            remedy = "sudo usermod -aG i2c $USER, then log in again"
            return DeviceError(self._name, "not allowed", remedy)
        reason = f"nobody answers at 0x{address:02x} ({error.strerror or error})"
        return DeviceLostError(
            self._name, reason, "check its wires and its address: i2cdetect -y 1"
        )


class _Transfer(ctypes.Structure):
    """Linux's struct spi_ioc_transfer."""

    _fields_ = [
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("cs_change", ctypes.c_uint8),
        ("tx_nbits", ctypes.c_uint8),
        ("rx_nbits", ctypes.c_uint8),
        ("word_delay_usecs", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
    ]


class SpiDevice:
    """/dev/spidevB.C by ioctl, mode 0; all requests go in one call of the kernel."""

    def __init__(self, path: str, speed_hz: int = 1_000_000) -> None:
        self._path = path
        self._speed_hz = speed_hz
        self._fd: int | None = None

    async def transfer(self, requests: Sequence[bytes]) -> list[bytes]:
        """Send each request; return as many bytes for each."""
        return await asyncio.to_thread(self._transfer, requests)

    async def close(self) -> None:
        """Close the device file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _transfer(self, requests: Sequence[bytes]) -> list[bytes]:
        sent = [ctypes.create_string_buffer(request, len(request)) for request in requests]
        came = [ctypes.create_string_buffer(len(request)) for request in requests]
        parts = (_Transfer * len(requests))()
        for part, tx, rx in zip(parts, sent, came, strict=True):
            part.tx_buf, part.rx_buf = ctypes.addressof(tx), ctypes.addressof(rx)
            part.len, part.speed_hz, part.bits_per_word = len(tx), self._speed_hz, 8
            part.cs_change = 1
        parts[-1].cs_change = 0
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_RDWR)
            fcntl.ioctl(self._fd, _message_request(ctypes.sizeof(parts)), parts)
        except OSError as error:
            raise self._explain(error) from None
        return [buffer.raw for buffer in came]

    def _explain(self, error: OSError) -> DeviceError:
        if error.errno == errno.ENOENT or not Path(self._path).exists():
            remedy = "sudo raspi-config nonint do_spi 0, then restart"
            return DeviceError(self._path, "SPI is off", remedy)
        if error.errno == errno.EACCES:
            remedy = "sudo usermod -aG spi $USER, then log in again"
            return DeviceError(self._path, "not allowed", remedy)
        return DeviceLostError(self._path, error.strerror or str(error), "check the wires")


def _message_request(size: int) -> int:
    """Linux's SPI_IOC_MESSAGE: write, type 'k', number 0, with the size of all transfers."""
    return 1 << 30 | size << 16 | ord("k") << 8

"""Transports that carry whole frames: UDP, a serial line, Nordic UART over Bluetooth."""

import asyncio
import errno
import os
import termios
import tty
from collections.abc import Callable
from typing import Any, Protocol

from hw.devices.errors import DeviceError, DeviceLostError
from hw.devices.gatt import GattLink, GattRadio

__all__ = ["FrameLink", "OnFrame", "SerialLine", "UartOverGatt", "UdpSocket"]

OnFrame = Callable[[bytes, str], None]
"""Called with a frame (or, on a serial line, with bytes as they come) and the peer's name."""

_MAX_BACKLOG_BYTES = 65536


class FrameLink(Protocol):
    """A transport: opened, it calls back for what arrives; `send` never waits."""

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        ...

    async def open(self, on_frame: OnFrame) -> None:
        """Open the link, or raise `DeviceError`."""
        ...

    async def send(self, frame: bytes, peer: str) -> None:
        """Send a frame to a peer that was heard; raise `DeviceLostError` on a broken link."""
        ...

    async def close(self) -> None:
        """Close the link; harmless where it is broken."""
        ...


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, on_frame: OnFrame) -> None:
        self._on_frame = on_frame

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._on_frame(data, f"{addr[0]}:{addr[1]}")


class UdpSocket:
    """Datagrams that come to a local port, from any number of peers."""

    def __init__(self, port: int, host: str = "0.0.0.0") -> None:
        self._host = host
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def connected(self) -> bool:
        """Whether the socket is open."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def port(self) -> int:
        """The port in use, also where 0 was asked for."""
        if self._transport is None:
            return self._port
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    async def open(self, on_frame: OnFrame) -> None:
        """Bind the port."""
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(on_frame), local_addr=(self._host, self._port)
            )
        except OSError as error:
            remedy = f"free the port (ss -ulpn | grep {self._port}) or choose another"
            raise DeviceError(f"udp:{self._port}", error.strerror or str(error), remedy) from None

    async def send(self, frame: bytes, peer: str) -> None:
        """Send a datagram."""
        if self._transport is None or self._transport.is_closing():
            raise DeviceLostError(peer, "the socket is closed", "opening it anew")
        host, _, port = peer.rpartition(":")
        self._transport.sendto(frame, (host, int(port)))

    async def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class SerialLine:
    """A serial device, raw, 8N1; `on_frame` gets the bytes as they come."""

    def __init__(self, path: str, baud: int) -> None:
        self._path = path
        self._baud = baud
        self._fd: int | None = None
        self._on_bytes: OnFrame | None = None

    @property
    def connected(self) -> bool:
        """Whether the line is open and not hung up."""
        return self._fd is not None

    async def open(self, on_frame: OnFrame) -> None:
        """Open the line and set its speed."""
        speed = getattr(termios, f"B{self._baud}", None)
        if speed is None:
            raise DeviceError(self._path, f"no such speed: {self._baud}", "give one such as 460800")
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise DeviceError(self._path, error.strerror or "", _serial_remedy(error)) from None
        try:
            tty.setraw(fd)
            settings = termios.tcgetattr(fd)
            settings[4] = settings[5] = speed
            termios.tcsetattr(fd, termios.TCSANOW, settings)
        except termios.error as error:
            os.close(fd)
            raise DeviceError(
                self._path, f"not a serial line ({error})", "check the path"
            ) from None
        self._fd, self._on_bytes = fd, on_frame
        asyncio.get_running_loop().add_reader(fd, self._readable)

    async def send(self, frame: bytes, peer: str) -> None:
        """Write a frame; what the line cannot take now is dropped."""
        if self._fd is None:
            raise DeviceLostError(self._path, "the line hung up", "plug it in again")
        try:
            os.write(self._fd, frame)
        except BlockingIOError:
            return
        except OSError as error:
            self._hang_up()
            raise DeviceLostError(self._path, str(error), "plug it in again") from None

    async def close(self) -> None:
        """Close the line."""
        self._hang_up()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _MAX_BACKLOG_BYTES) if self._fd is not None else b""
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data and self._on_bytes is not None:
            self._on_bytes(data, self._path)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._fd is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None


class UartOverGatt:
    """Nordic UART: notifications are the frames that come, writes the frames that go."""

    def __init__(
        self,
        radio: GattRadio,
        address: str,
        to_device: str,
        from_device: str,
        timeout_s: float = 20.0,
    ) -> None:
        self._radio = radio
        self._address = address
        self._to_device = to_device
        self._from_device = from_device
        self._timeout_s = timeout_s
        self._link: GattLink | None = None

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        return self._link is not None and self._link.connected

    async def open(self, on_frame: OnFrame) -> None:
        """Connect and subscribe."""
        self._link = await self._radio.connect(self._address, self._timeout_s)
        await self._link.subscribe(self._from_device, lambda data: on_frame(data, self._address))

    async def send(self, frame: bytes, peer: str) -> None:
        """Write a frame."""
        if self._link is None:
            raise DeviceLostError(self._address, "not connected", "connecting anew")
        await self._link.write(self._to_device, frame)

    async def close(self) -> None:
        """Disconnect."""
        if self._link is not None:
            await self._link.close()
            self._link = None


def _serial_remedy(error: OSError) -> str:
    if error.errno == errno.EACCES:
        return "sudo usermod -aG dialout $USER, then log in again"
    return "plug the insole in; ls /dev/serial/by-id names what is there"

"""Bluetooth Low Energy as a port: what a driver needs of a radio and of one connection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Advertisement", "GattLink", "GattRadio"]


@dataclass(frozen=True, slots=True)
class Advertisement:
    """A device that was heard: address, name, signal [dBm], services and manufacturer data."""

    address: str
    name: str
    rssi_dbm: int
    services: tuple[str, ...]
    manufacturer: dict[int, bytes]


class GattLink(Protocol):
    """One connection. Every call raises `DeviceLostError` once the link is broken."""

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        ...

    async def read(self, uuid: str) -> bytes:
        """Return a characteristic's value."""
        ...

    async def write(self, uuid: str, data: bytes) -> None:
        """Write a characteristic, waiting for the device's answer."""
        ...

    async def subscribe(self, uuid: str, callback: Callable[[bytes], None]) -> None:
        """Call back for each notification of a characteristic."""
        ...

    async def close(self) -> None:
        """End the connection; harmless where it is broken."""
        ...


class GattRadio(Protocol):
    """The adapter. One process owns it; connections are made one after the other."""

    async def scan(self, seconds: float) -> list[Advertisement]:
        """Return what was heard within `seconds`."""
        ...

    async def connect(self, address: str, timeout_s: float) -> GattLink:
        """Return a connection, or raise `DeviceError`."""
        ...

"""The port of gatt.py on bleak: BlueZ on a Pi."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

from hw.devices.errors import DeviceError, DeviceLostError
from hw.devices.gatt import Advertisement

__all__ = ["BleakLink", "BleakRadio"]

_REMEDY = "see that it is charged, near, and not connected to a phone"


def _bleak() -> ModuleType:
    try:
        import bleak
    except ImportError:
        remedy = "pip install 'heelfirst[edge]'"
        raise DeviceError("bluetooth", "the package bleak is missing", remedy) from None
    return bleak


class BleakRadio:
    """An adapter of this machine, such as "hci0"; None takes the default one."""

    def __init__(self, adapter: str | None = None) -> None:
        self._adapter = adapter
        self._turn = asyncio.Lock()

    async def scan(self, seconds: float) -> list[Advertisement]:
        """Return what was heard within `seconds`, strongest first."""
        bleak = _bleak()
        async with self._turn:
            try:
                found = await bleak.BleakScanner.discover(
                    timeout=seconds, return_adv=True, bluez=self._arguments()
                )
            except (bleak.exc.BleakError, OSError, EOFError) as error:
                raise self._unavailable(error) from None
        heard = [
            Advertisement(
                device.address,
                advertised.local_name or device.name or "",
                advertised.rssi,
                tuple(advertised.service_uuids),
                dict(advertised.manufacturer_data),
            )
            for device, advertised in found.values()
        ]
        return sorted(heard, key=lambda item: -item.rssi_dbm)

    async def connect(self, address: str, timeout_s: float) -> "BleakLink":
        """Return a connection to a device in reach, or raise `DeviceError`."""
        bleak = _bleak()
        async with self._turn:
            try:
                device = await bleak.BleakScanner.find_device_by_address(
                    address, timeout=timeout_s, bluez=self._arguments()
                )
                if device is None:
                    raise DeviceError(address, "not heard", _REMEDY)
                client = bleak.BleakClient(device, timeout=timeout_s, bluez=self._arguments())
                await client.connect()
            except (bleak.exc.BleakError, OSError, EOFError) as error:
                if isinstance(error, DeviceError):
                    raise
                raise self._unavailable(error, address) from None
        return BleakLink(address, client)

    def _arguments(self) -> dict[str, str]:
        return {} if self._adapter is None else {"adapter": self._adapter}

    def _unavailable(self, error: Exception, device: str = "bluetooth") -> DeviceError:
        reason = f"no connection ({error or type(error).__name__})"
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            remedy = "start bluetoothd: sudo systemctl enable --now bluetooth"
            return DeviceError(device, "no system bus or no bluetoothd", remedy)
        if "No powered Bluetooth" in str(error) or "NotReady" in str(error):
            return DeviceError(device, "the adapter is off", "bluetoothctl power on")
        return DeviceError(device, reason, _REMEDY)


class BleakLink:
    """One connection by bleak."""

    def __init__(self, address: str, client: Any) -> None:
        self._address = address
        self._client = client
        self._bleak = _bleak()

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        return bool(self._client.is_connected)

    async def read(self, uuid: str) -> bytes:
        """Return a characteristic's value."""
        return bytes(await self._call("read_gatt_char", uuid))

    async def write(self, uuid: str, data: bytes) -> None:
        """Write a characteristic with response."""
        await self._call("write_gatt_char", uuid, data, response=True)

    async def subscribe(self, uuid: str, callback: Callable[[bytes], None]) -> None:
        """Call back for each notification; BlueZ hands them over by a socket of their own."""
        await self._call(
            "start_notify",
            uuid,
            lambda _, data: callback(bytes(data)),
            bluez={"use_start_notify": False},
        )

    async def close(self) -> None:
        """End the connection; harmless where it is broken."""
        try:
            await self._client.disconnect()
        except (self._bleak.exc.BleakError, OSError, EOFError):
            return

    async def _call(self, method: str, *args: object, **kwargs: object) -> Any:
        try:
            return await getattr(self._client, method)(*args, **kwargs)
        except (self._bleak.exc.BleakError, OSError, EOFError, KeyError) as error:
            reason = f"the link broke at {method} ({error or type(error).__name__})"
            raise DeviceLostError(self._address, reason, _REMEDY) from None

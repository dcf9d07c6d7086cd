"""A Bluetooth stack in simulation: enough of org.bluez for an unmodified bleak as central.

Needs the program dbus-daemon and the package dbus-fast, and neither a radio nor root:

    async with SimulatedBluez([peripheral]) as stack:
        ...  # bleak finds it by DBUS_SYSTEM_BUS_ADDRESS
        stack.drop(peripheral.address)
"""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from hw.devices.errors import DeviceError
from hw.devices.simulation.gatt import Peripheral

__all__ = ["SimulatedBluez"]

_OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_ADAPTER: Final = "org.bluez.Adapter1"
_DEVICE: Final = "org.bluez.Device1"
_SERVICE: Final = "org.bluez.GattService1"
_CHARACTERISTIC: Final = "org.bluez.GattCharacteristic1"
_HCI: Final = "/org/bluez/hci0"
_MTU: Final = 247
_FD_KEPT_S: Final = 2.0
_ADVERTISING_S: Final = 0.1
_CONF: Final = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

Properties = dict[str, Variant]


class _Remote:
    """A peripheral as the stack sees it: its object, its characteristics, its open sockets."""

    def __init__(self, peripheral: Peripheral) -> None:
        self.peripheral = peripheral
        self.path = f"{_HCI}/dev_{peripheral.address.replace(':', '_')}"
        self.connected = False
        self.sockets: dict[str, socket.socket] = {}

    def advertised(self) -> Properties:
        """Return Device1's properties of a device that was just heard."""
        item = self.peripheral
        data = {company: Variant("ay", value) for company, value in item.manufacturer.items()}
        return {
            "Address": Variant("s", item.address),
            "AddressType": Variant("s", "random"),
            "Name": Variant("s", item.name),
            "Alias": Variant("s", item.name),
            "Paired": Variant("b", False),
            "Trusted": Variant("b", False),
            "Blocked": Variant("b", False),
            "LegacyPairing": Variant("b", False),
            "Connected": Variant("b", False),
            "ServicesResolved": Variant("b", False),
            "RSSI": Variant("n", -50),
            "UUIDs": Variant("as", []),
            "ManufacturerData": Variant("a{qv}", data),
            "Adapter": Variant("o", _HCI),
        }


class SimulatedBluez:
    """The stack; an asynchronous context. `away` names addresses out of reach.

    `break_at` is the number of the next characteristic call (0 is the first) before which the link
    of its device breaks; it holds once.
    """

    def __init__(self, peripherals: Sequence[Peripheral]) -> None:
        self._remotes = {item.address: _Remote(item) for item in peripherals}
        self._objects: dict[str, dict[str, Properties]] = {}
        self._characteristics: dict[str, tuple[_Remote, str]] = {}
        self._loose_fds: set[int] = set()
        self.away: set[str] = set()
        self.break_at: int | None = None
        self._advertising: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "SimulatedBluez":
        program = shutil.which("dbus-daemon")
        if program is None:
            remedy = "sudo apt-get install dbus"
            raise DeviceError("simulated Bluetooth", "dbus-daemon is not installed", remedy)
        self._folder = Path(tempfile.mkdtemp(prefix="bluez-"))
        conf = self._folder / "bus.conf"
        conf.write_text(_CONF.format(folder=self._folder))
        self._daemon = await asyncio.create_subprocess_exec(
            program,
            f"--config-file={conf}",
            "--nofork",
            "--print-address=1",
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._daemon.stdout is not None
        await self._daemon.stdout.readline()
        address = f"unix:path={self._folder}/bus"
        self._before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
        self._bus = await MessageBus(bus_address=address, negotiate_unix_fd=True).connect()
        self._bus.add_message_handler(self._handle)
        await self._bus.request_name("org.bluez")
        self._objects[_HCI] = {_ADAPTER: _adapter()}
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for address in self._remotes:
            self.drop(address)
        if self._advertising is not None:
            self._advertising.cancel()
        for fd in self._loose_fds:
            os.close(fd)
        self._loose_fds.clear()
        self._bus.disconnect()
        with contextlib.suppress(Exception):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast leaves it untyped
        self._daemon.terminate()
        await self._daemon.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._before is None:
            os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS", None)
        else:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self._before

    def drop(self, address: str) -> None:
        """Break the link to a peripheral, as when it walks out of reach."""
        remote = self._remotes[address]
        if not remote.connected:
            return
        remote.connected = False
        for uuid, sock in remote.sockets.items():
            remote.peripheral.subscribe(uuid, None)
            sock.close()
        remote.sockets.clear()
        gone = Variant("b", False)
        self._set(remote.path, _DEVICE, ServicesResolved=gone, Connected=gone)
        for path in [path for path in self._objects if path.startswith(remote.path + "/")]:
            self._remove(path)

    def _handle(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.destination not in ("org.bluez", self._bus.unique_name):
            return None
        try:
            return self._answer(message)
        except KeyError as error:
            unknown = "org.freedesktop.DBus.Error.UnknownObject"
            return Message.new_error(message, unknown, f"no {error}")

    def _answer(self, message: Message) -> Message | None:
        body, path = message.body, message.path or ""
        match message.interface, message.member:
            case (interface, "GetManagedObjects") if interface == _OBJECTS:
                return _reply(message, "a{oa{sa{sv}}}", self._objects)
            case (interface, "GetAll") if interface == _PROPERTIES:
                return _reply(message, "a{sv}", self._objects[path][body[0]])
            case (interface, "Get") if interface == _PROPERTIES:
                return _reply(message, "v", self._objects[path][body[0]][body[1]])
            case (interface, member) if interface == _ADAPTER:
                self._discover(member == "StartDiscovery")
                return _reply(message)
            case (interface, "Connect") if interface == _DEVICE:
                return self._connect(message, self._remote_at(path))
            case (interface, "Disconnect") if interface == _DEVICE:
                self.drop(self._remote_at(path).peripheral.address)
                return _reply(message)
            case (interface, _) if interface == _CHARACTERISTIC:
                return self._characteristic(message, *self._characteristics[path])
        return None

    def _remote_at(self, path: str) -> _Remote:
        return next(r for r in self._remotes.values() if r.path == path)

    def _discover(self, on: bool) -> None:
        self._set(_HCI, _ADAPTER, Discovering=Variant("b", on))
        if self._advertising is not None:
            self._advertising.cancel()
            self._advertising = None
        if on:
            self._advertise()

    def _advertise(self) -> None:
        """Let the devices in reach that nobody is connected to be heard, again and again."""
        for remote in self._remotes.values():
            if remote.connected:
                continue
            known = remote.path in self._objects
            if remote.peripheral.address in self.away:
                if known:
                    self._remove(remote.path)
            elif known:
                self._set(remote.path, _DEVICE, RSSI=Variant("n", -50))
            else:
                self._add(remote.path, {_DEVICE: remote.advertised()})
        loop = asyncio.get_running_loop()
        self._advertising = loop.call_later(_ADVERTISING_S, self._advertise)

    def _connect(self, message: Message, remote: _Remote) -> Message:
        if remote.peripheral.address in self.away:
            failed = "org.bluez.Error.Failed"
            return Message.new_error(message, failed, "le-connection-abort-by-local")
        asyncio.get_running_loop().call_soon(self._resolve, remote)
        return _reply(message)

    def _resolve(self, remote: _Remote) -> None:
        """Announce the connection, then its services and characteristics."""
        remote.connected = True
        self._set(remote.path, _DEVICE, Connected=Variant("b", True))
        handle = 1
        for service, characteristics in remote.peripheral.services.items():
            service_path = f"{remote.path}/service{handle:04x}"
            handle += 1
            self._add(service_path, {_SERVICE: _service(service, remote.path)})
            for uuid, flags in characteristics.items():
                path = f"{service_path}/char{handle:04x}"
                handle += 3
                self._characteristics[path] = (remote, uuid)
                self._add(path, {_CHARACTERISTIC: _characteristic(uuid, service_path, flags)})
        self._set(remote.path, _DEVICE, ServicesResolved=Variant("b", True))

    def _characteristic(self, message: Message, remote: _Remote, uuid: str) -> Message | None:
        if self.break_at is not None:
            self.break_at -= 1
            if self.break_at < 0:
                self.break_at = None
                self.drop(remote.peripheral.address)
                return Message.new_error(message, "org.bluez.Error.Failed", "Not connected")
        match message.member:
            case "ReadValue":
                return _reply(message, "ay", remote.peripheral.read(uuid))
            case "WriteValue":
                remote.peripheral.write(uuid, bytes(message.body[0]))
                return _reply(message)
            case "AcquireNotify":
                return self._acquire(message, remote, uuid)
            case "StopNotify":
                self._release(remote, uuid)
                return _reply(message)
        return None

    def _acquire(self, message: Message, remote: _Remote, uuid: str) -> Message:
        """Hand a socket over by which notifications travel, one datagram each."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        theirs.setblocking(False)
        remote.sockets[uuid] = ours
        remote.peripheral.subscribe(uuid, _sender(ours))
        fd = theirs.detach()
        self._loose_fds.add(fd)
        asyncio.get_running_loop().call_later(_FD_KEPT_S, self._close_fd, fd)
        reply = _reply(message, "hq", 0, _MTU)
        reply.unix_fds = [fd]
        return reply

    def _release(self, remote: _Remote, uuid: str) -> None:
        sock = remote.sockets.pop(uuid, None)
        if sock is not None:
            remote.peripheral.subscribe(uuid, None)
            sock.close()

    def _close_fd(self, fd: int) -> None:
        """Close our copy of a descriptor, once the message that carries it has gone out."""
        if fd in self._loose_fds:
            self._loose_fds.discard(fd)
            os.close(fd)

    def _add(self, path: str, interfaces: dict[str, Properties]) -> None:
        self._objects[path] = interfaces
        self._signal("/", _OBJECTS, "InterfacesAdded", "oa{sa{sv}}", path, interfaces)

    def _remove(self, path: str) -> None:
        self._characteristics.pop(path, None)
        interfaces = list(self._objects.pop(path))
        self._signal("/", _OBJECTS, "InterfacesRemoved", "oas", path, interfaces)

    def _set(self, path: str, interface: str, **changed: Variant) -> None:
        self._objects[path][interface].update(changed)
        self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", interface, changed, [])

    def _signal(self, path: str, interface: str, name: str, signature: str, *body: Any) -> None:
        self._bus.send(Message.new_signal(path, interface, name, signature, list(body)))


def _sender(sock: socket.socket) -> Callable[[bytes], bool]:
    def send(data: bytes) -> bool:
        try:
            sock.send(data)
        except OSError:  # the reader is gone or too slow: the packet is lost, as on the air
            return False
        return True

    return send


def _reply(message: Message, signature: str = "", *body: Any) -> Message:
    return Message.new_method_return(message, signature, list(body))


def _adapter() -> Properties:
    return {
        "Address": Variant("s", "00:AA:01:00:00:01"),
        "Powered": Variant("b", True),
        "Discovering": Variant("b", False),
        "UUIDs": Variant("as", []),
        "Name": Variant("s", "simulated"),
        "Alias": Variant("s", "simulated"),
        "Roles": Variant("as", ["central"]),
    }


def _service(uuid: str, device: str) -> Properties:
    return {
        "UUID": Variant("s", uuid),
        "Device": Variant("o", device),
        "Primary": Variant("b", True),
        "Includes": Variant("ao", []),
    }


def _characteristic(uuid: str, service: str, flags: Sequence[str]) -> Properties:
    properties = {
        "UUID": Variant("s", uuid),
        "Service": Variant("o", service),
        "Value": Variant("ay", b""),
        "Notifying": Variant("b", False),
        "Flags": Variant("as", list(flags)),
        "MTU": Variant("q", _MTU),
    }
    if "notify" in flags:
        properties["NotifyAcquired"] = Variant("b", False)
    return properties

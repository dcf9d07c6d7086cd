"""A clinic with real certificates and the real mosquitto that its files configure."""

import asyncio
import contextlib
import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aiomqtt
from servers import Server, find_server, free_port, listens

from edge.enrol import Identity, Paths
from pipeline.provision import BrokerSettings, Clinic

CONNECT_TIMEOUT_S = 5.0
ACCEPTED = b"\x20\x02\x00\x00"


class Keys(NamedTuple):
    """What a client logs in with; without a certificate it shows none."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None


def make_clinic(folder: Path) -> Clinic:
    """Return a clinic whose broker is to run in `folder`, by the account of the test."""
    state = folder / "state"
    state.mkdir(parents=True)
    settings = BrokerSettings(
        hosts=("localhost",),
        port=free_port(),
        state=str(state),
        pid_file=str(folder / "mosquitto.pid"),
        user="root" if os.geteuid() == 0 else "mosquitto",
    )
    return Clinic.create(folder / "clinic", "a clinic for tests", settings)


def broker_of(clinic: Clinic) -> Server:
    """Return the clinic's broker, not yet started."""
    program = find_server("mosquitto", "mosquitto")
    folder, port = Path(clinic.settings.folder), clinic.settings.port
    argv = [program, "-c", str(folder / "mosquitto.conf")]
    return Server(argv, folder, port, lambda: serves(port))


def serves(port: int) -> bool:
    """Say whether the broker's loop runs: only then a SIGHUP makes it reload and not end.

    It listens before; nonsense in the place of TLS is turned away by the loop alone.
    """
    if not listens(port):
        return False
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.sendall(bytes(64))
            connection.recv(1)
    except (ConnectionResetError, BrokenPipeError):
        return True
    except (TimeoutError, ConnectionRefusedError):
        return False
    return True


@contextlib.contextmanager
def running_clinic(folder: Path) -> Iterator[tuple[Clinic, Server]]:
    """A clinic and its broker, started."""
    clinic = make_clinic(folder)
    broker = broker_of(clinic)
    broker.start()
    try:
        yield clinic, broker
    finally:
        broker.stop()


def enrol(clinic: Clinic, folder: Path, device: str) -> Paths:
    """Enrol a device as a person would, token and all."""
    identity = Identity(folder / device, device)
    token = clinic.make_token(device).text
    return identity.install(clinic.enrol(identity.enrol_request(token)))


def device_keys(paths: Paths) -> Keys:
    """Return an enrolled device's files."""
    return Keys(paths.ca, paths.cert, paths.key)


def service_keys(clinic: Clinic, name: str) -> Keys:
    """Return a service's files."""
    folder = clinic.folder / "services" / name
    return Keys(folder / "ca.crt", folder / "cert.pem", folder / "key.pem")


def context(
    keys: Keys, version: ssl.TLSVersion | None = None, *, old: bool = False
) -> ssl.SSLContext:
    """Return a client's context, held to one TLS version; `old` lets this side speak 1.1."""
    made = ssl.create_default_context(cafile=keys.ca)
    if keys.cert and keys.key:
        made.load_cert_chain(keys.cert, keys.key)
    if old:
        made.set_ciphers("ALL:@SECLEVEL=0")
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # 1.1 is meant
            made.minimum_version = made.maximum_version = version
    return made


def connect_packet(client_id: str) -> bytes:
    """Return an MQTT 3.1.1 CONNECT with a clean session."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    return bytes((0x10, len(body))) + body


class Attempt(NamedTuple):
    """How a login went: "accepted", or what stopped it."""

    outcome: str
    session: ssl.SSLSession | None = None
    resumed: bool = False


def attempt(
    port: int,
    tls: ssl.SSLContext | None,
    *,
    host: str = "localhost",
    client_id: str = "somebody",
    session: ssl.SSLSession | None = None,
) -> Attempt:
    """Log in over TLS, or plainly without a context, and say how it went."""
    with socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT_S) as plain:
        try:
            if tls is None:
                return Attempt(_login(plain, client_id))
            with tls.wrap_socket(plain, server_hostname=host, session=session) as wrapped:
                outcome = _login(wrapped, client_id)
                return Attempt(outcome, wrapped.session, bool(wrapped.session_reused))
        except ssl.SSLCertVerificationError as error:
            return Attempt(error.verify_message)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return Attempt("closed")
        except ssl.SSLError as error:
            return Attempt(error.reason or str(error))
        except ConnectionError as error:
            return Attempt(type(error).__name__)


def _login(connection: socket.socket, client_id: str) -> str:
    connection.sendall(connect_packet(client_id))
    answer = connection.recv(4)
    if answer == ACCEPTED:
        connection.sendall(b"\xe0\x00")
        return "accepted"
    return f"answer {answer.hex()}" if answer else "closed"


def client(clinic: Clinic, keys: Keys, identifier: str = "", **more: object) -> aiomqtt.Client:
    """Return an MQTT client with these files, not yet connected."""
    arguments = {"timeout": CONNECT_TIMEOUT_S, "protocol": aiomqtt.ProtocolVersion.V5} | more
    return aiomqtt.Client(
        "localhost",
        clinic.settings.port,
        identifier=identifier or "somebody",
        tls_context=context(keys),
        **arguments,  # type: ignore[arg-type]  # each test passes what fits
    )


async def next_message(inbox: aiomqtt.Client, timeout_s: float = 10.0) -> aiomqtt.Message:
    """Return the next message that the client receives."""
    async with asyncio.timeout(timeout_s):
        async for message in inbox.messages:
            return message
    raise AssertionError("the client's messages ended")

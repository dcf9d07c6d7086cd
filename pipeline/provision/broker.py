"""mosquitto: its configuration, telling it to read lists again, and ending a session.

Found by experiment with mosquitto 2.0.11 (Debian 12) and held by tests/faults/test_tls_matrix.py:
SIGHUP makes it read the revocation list and the ACL again, so that a revoked certificate is
refused from then on; but a session that is up stays up. `Clinic.revoke` therefore takes the
revoked client's session over with a certificate of the same name that lives five minutes, and
before that proves that the new list is in force with one that is on the list already.
"""

import asyncio
import os
import signal
import ssl
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from edge.wire import MAX_MESSAGE_BYTES
from pipeline.provision.authority import key_pem
from pipeline.provision.errors import ServerError
from pipeline.provision.files import write_secret

__all__ = ["BrokerSettings", "conf_text", "reload", "try_session", "wait_revoked"]

OVERHEAD_BYTES: Final = 1024
"""Room for topic and MQTT 5 properties around the largest payload."""
CONNECT_TIMEOUT_S: Final = 5.0
IN_FORCE_TIMEOUT_S: Final = 20.0
_ACCEPTED: Final = b"\x20\x02\x00\x00"
_DISCONNECT: Final = b"\xe0\x00"
_REVOKED: Final = "SSLV3_ALERT_CERTIFICATE_REVOKED"

Outcome = Literal["accepted", "revoked"]


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this clinic's broker is run.

    Attributes
    ----------
    hosts : tuple of str
        Names and addresses that devices reach it by; the first is what they are told.
    port : int
        Of the one listener, which is TLS.
    folder : str
        Where the broker finds its files; empty: `broker` in the clinic's folder. The broker's
        user has to be able to read there: /etc/mosquitto/heelfirst on Debian.
    state : str
        Folder for what it keeps over a restart; the broker's user has to be able to write there.
    pid_file : str
        Debian's place, so that the unit of the package works unchanged.
    user : str
        The account it drops to.
    max_connections : int
        More are refused.
    """

    hosts: Annotated[tuple[str, ...], Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    folder: str = ""
    state: str = "/var/lib/mosquitto"
    pid_file: str = "/run/mosquitto/mosquitto.pid"
    user: str = "mosquitto"
    max_connections: Annotated[int, Meta(ge=1)] = 1000


_CONF: Final = """\
# Made by `heelfirst provision`: changes are overwritten. For mosquitto 2.0.11 and later.
user {user}
pid_file {pid_file}

# Nobody without a certificate of the clinic's authority; what who may do is in the ACL.
per_listener_settings false
allow_anonymous false
allow_zero_length_clientid false
acl_file {folder}/acl
# Retained messages are delivered only while their sender may still write there.
check_retain_source true

# The only listener, and it is TLS: services on this machine use it, too.
listener {port}
max_connections {max_connections}
tls_version tlsv1.2
cafile {folder}/ca.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
crlfile {folder}/crl.pem
require_certificate true
use_identity_as_username true
use_username_as_clientid true

# A larger payload is dropped (MQTT 5: answered with code 149, which paho takes for a fault and
# ends the connection); a larger packet ends the session.
message_size_limit {payload}
max_packet_size {packet}
max_keepalive 120

# The default of 1000 queued messages loses the rest silently. What is over these limits is lost,
# too, but nothing was receipted, so the devices send it again.
max_queued_messages 100000
max_queued_bytes 268435456
max_inflight_messages 100
persistence true
persistence_location {state}/
# The default is 1800 s. Each save writes the whole file, so not at each change.
autosave_interval 60
autosave_on_changes false
# Sessions that nobody came back for; devices send again what was in them.
persistent_client_expiration 2w

set_tcp_nodelay true
log_type error
log_type warning
log_type notice
"""


def conf_text(settings: BrokerSettings) -> str:
    """Return mosquitto.conf. It holds no secret."""
    return _CONF.format(
        **msgspec.structs.asdict(settings),
        payload=MAX_MESSAGE_BYTES,
        packet=MAX_MESSAGE_BYTES + OVERHEAD_BYTES,
    )


def reload(settings: BrokerSettings) -> None:
    """Make the broker read certificate, revocation list and ACL again (SIGHUP).

    Raises
    ------
    ServerError
        No such broker, or this account may not signal it.
    """
    remedy = "start it, or run `systemctl reload mosquitto` as root"
    try:
        pid = int(Path(settings.pid_file).read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        if name != "mosquitto":  # the pid of a broker that is gone, since given to another
            raise ServerError(f"{settings.pid_file}: {pid} is {name}, not mosquitto; {remedy}")
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        if isinstance(error, ServerError):
            raise
        raise ServerError(f"the broker could not be told to reload ({error}); {remedy}") from None


def _tls(
    authority_pem: bytes, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority_pem.decode())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # In TLS 1.2 the broker's verdict on the client is part of the handshake; in 1.3 it comes
    # later, and a reset can swallow it.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory(prefix="heelfirst-") as folder:  # mode 0700
        both = certificate.public_bytes(serialization.Encoding.PEM) + key_pem(key)
        write_secret(Path(folder, "both.pem"), both)
        context.load_cert_chain(Path(folder, "both.pem"))
    return context


def _connect_packet(client_id: str) -> bytes:
    """Return MQTT 3.1.1's CONNECT (OASIS 2014, 3.1): clean session, keep alive 10 s."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2, "big") + name
    assert len(body) < 128  # one byte of length is enough for a certificate's common name
    return bytes((0x10, len(body))) + body


async def try_session(
    settings: BrokerSettings,
    authority_pem: bytes,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
) -> Outcome:
    """Open a clean session with this certificate and close it: it ends any other of its name.

    The broker is reached over loopback, where it runs beside the authority.

    Raises
    ------
    ServerError
        Neither accepted nor refused as revoked: no broker there, one of another authority, or
        another trouble.
    """
    common_name = certificate.subject.rfc4514_string().removeprefix("CN=")
    place = f"localhost:{settings.port}"
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                "localhost", settings.port, ssl=_tls(authority_pem, certificate, key)
            )
            try:
                writer.write(_connect_packet(common_name))
                answer = await reader.readexactly(4)
                writer.write(_DISCONNECT)
                await writer.drain()
            finally:
                writer.close()
    except ssl.SSLError as error:
        if error.reason == _REVOKED:
            return "revoked"
        raise ServerError(
            f"the broker on {place} is not this clinic's ({error.reason}); install the clinic's "
            "broker folder there and restart it"
        ) from None
    except (OSError, EOFError) as error:
        raise ServerError(f"no broker answers on {place} ({error}); start it") from None
    if answer != _ACCEPTED:
        raise ServerError(f"the broker on {place} answered {answer.hex()} to a valid certificate")
    return "accepted"


async def wait_revoked(
    settings: BrokerSettings,
    authority_pem: bytes,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
) -> None:
    """Return once the broker refuses this as revoked; raise `ServerError` after 20 s."""
    deadline = time.monotonic() + IN_FORCE_TIMEOUT_S
    while await try_session(settings, authority_pem, certificate, key) == "accepted":
        if time.monotonic() > deadline:
            raise ServerError(
                "the broker does not use the new revocation list; check that its configuration is "
                f"{settings.folder}/mosquitto.conf and run `systemctl restart mosquitto`"
            )
        await asyncio.sleep(0.2)

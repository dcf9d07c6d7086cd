"""Enrolment on the Pi: the device's key is made here and stays here.

    IDENTITY/                     0700
      next/key.pem                0600, while an answer is awaited
      000001/                     key.pem 0600, cert.pem, ca.crt, broker.json
      current -> 000001           changed in one step, so that key and certificate always fit

Configure the agent with IDENTITY/current/ca.crt, .../cert.pem and .../key.pem. A request and its
answer are JSON documents that travel by any means; the token's second half is the fingerprint of
the clinic's authority, by which the answer is recognised.
"""

import datetime as dt
import hmac
import os
import shutil
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.errors import EdgeError
from edge.wire import DeviceId

__all__ = ["RENEW_BEFORE", "EnrolError", "Identity", "Paths"]

RENEW_BEFORE: Final = dt.timedelta(days=30)
_TOKEN_PARTS: Final = 3


class EnrolError(EdgeError, ValueError):
    """The device cannot be enrolled with this; the message says what to do."""


class Paths(NamedTuple):
    """What the agent's [broker.tls] names, and the broker that the clinic told."""

    ca: Path
    cert: Path
    key: Path
    broker_host: str
    broker_port: int


class _Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: Literal[1]
    device: DeviceId
    certificate: str
    authority: str
    broker_host: str
    broker_port: int


def _pin(token: str) -> str:
    """Return the first digits of the authority's fingerprint that a token ends with."""
    parts = token.strip().split("-")
    if len(parts) != _TOKEN_PARTS or parts[0] != "hf1":
        raise EnrolError("this is not a provisioning token; copy the whole of it (hf1-...-...)")
    return parts[2]


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask says
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Identity:
    """A device's key and certificate in a folder of its own.

    Parameters
    ----------
    folder : Path
        Made where missing, mode 0700.
    device : str
        The device's id, as in the agent's configuration.

    Raises
    ------
    EnrolError
        Not a device id.
    """

    def __init__(self, folder: Path, device: str) -> None:
        try:
            self.device = msgspec.convert(device, DeviceId)
        except msgspec.ValidationError as error:
            raise EnrolError(f"{device!r} is not a device id ({error})") from None
        self.folder = Path(folder)
        self._next = self.folder / "next"

    def _new_request(self) -> tuple[ec.EllipticCurvePrivateKey, x509.CertificateSigningRequest]:
        """Make a key, store it with mode 0600, and return it with its bare request."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self._next, ignore_errors=True)
        self._next.mkdir(mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        _write(self._next / "key.pem", _pem(key), 0o600)
        _sync(self._next)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.device)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        return key, request.sign(key, hashes.SHA256())

    def enrol_request(self, token: str) -> bytes:
        """Return the request for the first certificate, made with a new key.

        It holds the token: send it to the clinic alone, within the token's 15 minutes.

        Raises
        ------
        EnrolError
            Not a token.
        """
        pin = _pin(token)
        _, csr = self._new_request()
        _write(self._next / "pin", pin.encode(), 0o600)
        ask = {"ask": "enrol", "device": self.device, "token": token.strip()}
        return msgspec.json.encode({**ask, "version": 1, "csr": _text(csr)})

    def renew_request(self) -> bytes:
        """Return the request for the next certificate: a new key, vouched for by the present.

        Raises
        ------
        EnrolError
            There is no certificate yet.
        """
        present = self._load("current/key.pem")
        _, csr = self._new_request()
        _write(self._next / "pin", self._authority_print().encode(), 0o600)
        der = csr.public_bytes(serialization.Encoding.DER)
        return msgspec.json.encode(
            {
                "ask": "renew",
                "version": 1,
                "device": self.device,
                "certificate": self._read("current/cert.pem").decode(),
                "csr": _text(csr),
                "signature": present.sign(der, ec.ECDSA(hashes.SHA256())).hex(),
            }
        )

    def install(self, answer: bytes) -> Paths:
        """Check the clinic's answer and make it the identity in use, in one step.

        Raises
        ------
        EnrolError
            Not an answer, of another authority than the token names, for another device or key,
            or not asked for; the identity in use stays.
        """
        try:
            reply = msgspec.json.decode(answer, type=_Reply)
            certificate = x509.load_pem_x509_certificate(reply.certificate.encode())
            authority = x509.load_pem_x509_certificate(reply.authority.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EnrolError(f"this is not the clinic's answer ({error}); ask again") from None
        self._check(reply, certificate, authority)
        for name, text in (("cert.pem", reply.certificate), ("ca.crt", reply.authority)):
            (self._next / name).unlink(missing_ok=True)
            _write(self._next / name, text.encode(), 0o644)
        _write_broker(self._next, reply)
        (self._next / "pin").unlink()
        _sync(self._next)
        self._next.rename(self.folder / f"{int(self._newest() or 0) + 1:06d}")
        _sync(self.folder)
        return self.paths()

    def _check(
        self, reply: _Reply, certificate: x509.Certificate, authority: x509.Certificate
    ) -> None:
        key, pin = self._load("next/key.pem"), self._read("next/pin").decode()
        found = authority.fingerprint(hashes.SHA256()).hex()
        if len(pin) < 32 or not hmac.compare_digest(found[: len(pin)], pin):
            raise EnrolError(
                "the answer comes from another authority than the token names: do not use it, "
                "and ask the clinic for a new token"
            )
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise EnrolError(f"the certificate is not signed by that authority ({error})") from None
        name = certificate.subject.rfc4514_string()
        if reply.device != self.device or name != f"CN={self.device}":
            raise EnrolError(f"the certificate is for {name}, not for {self.device}")
        if certificate.public_key() != key.public_key():
            raise EnrolError("the certificate is for another key; make the request again")

    def _newest(self) -> str:
        """Return the name of the last folder that was installed, or nothing."""
        return max((each.name for each in self.folder.glob("[0-9]*")), default="")

    def _point_at(self, newest: str) -> None:
        fresh = self.folder / ".current"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(newest)
        fresh.replace(self.folder / "current")
        _sync(self.folder)
        for other in self.folder.glob("[0-9]*"):
            if other.name != newest:
                shutil.rmtree(other, ignore_errors=True)

    def paths(self) -> Paths:
        """Return the files in use; raise `EnrolError` where the device is not enrolled.

        An installation that a power cut stopped half-way is finished first.
        """
        current, newest = self.folder / "current", self._newest()
        if newest and not (current.is_symlink() and current.readlink() == Path(newest)):
            self._point_at(newest)
        broker = msgspec.json.decode(self._read("current/broker.json"), type=_Broker)
        files = (current / "ca.crt", current / "cert.pem", current / "key.pem")
        return Paths(*files, broker.host, broker.port)

    def expires(self) -> dt.datetime:
        """Return until when the certificate is good; raise `EnrolError` where there is none."""
        certificate = x509.load_pem_x509_certificate(self._read("current/cert.pem"))
        return certificate.not_valid_after_utc

    def renewal_due(self, now: dt.datetime) -> bool:
        """Say whether the certificate ends within 30 days."""
        return self.expires() - now <= RENEW_BEFORE

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            step = "no request was made" if name.startswith("next") else "it is not enrolled"
            raise EnrolError(
                f"{self.folder / name} is not there: {step}; run `heelfirst enrol` with a token"
            ) from None

    def _load(self, name: str) -> ec.EllipticCurvePrivateKey:
        data = self._read(name)
        if (self.folder / name).stat().st_mode & 0o077:
            raise EnrolError(f"others can read the key; run: chmod 600 {self.folder / name}")
        key = serialization.load_pem_private_key(data, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise EnrolError(f"{self.folder / name} is not an EC key; enrol again with a token")
        return key

    def _authority_print(self) -> str:
        authority = x509.load_pem_x509_certificate(self._read("current/ca.crt"))
        return authority.fingerprint(hashes.SHA256()).hex()


class _Broker(msgspec.Struct, frozen=True):
    host: str
    port: int


def _write_broker(folder: Path, reply: _Reply) -> None:
    text = msgspec.json.encode(_Broker(reply.broker_host, reply.broker_port))
    (folder / "broker.json").unlink(missing_ok=True)
    _write(folder / "broker.json", text, 0o644)


def _text(csr: x509.CertificateSigningRequest) -> str:
    return csr.public_bytes(serialization.Encoding.PEM).decode()

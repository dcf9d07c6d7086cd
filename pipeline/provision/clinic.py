"""A clinic: its authority, broker, services and devices. What the command line calls.

FOLDER/                     0700, of the account that runs `heelfirst provision`
  authority/ca.key          0600: back it up, it cannot be made again
  authority/ca.crt  ledger.db  settings.json
  broker/                   mosquitto.conf acl crl.pem ca.crt broker.crt broker.key, unless the
                            settings name another folder, as /etc/mosquitto/heelfirst
  services/service.pipeline/  ca.crt cert.pem key.pem
  journal.jsonl
"""

import contextlib
import datetime as dt
import fcntl
import logging
import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipeline.journal import Journal
from pipeline.provision import broker
from pipeline.provision.acl import acl_text, check_service
from pipeline.provision.authority import (
    DEVICE_LIFE,
    RENEW_BEFORE,
    SERVER_LIFE,
    Authority,
    fingerprint,
    key_pem,
    new_key,
    public_key_hash,
)
from pipeline.provision.broker import BrokerSettings
from pipeline.provision.errors import AuthorityError, RequestRefused, ServerError
from pipeline.provision.files import make_private_folder, write_public, write_secret
from pipeline.provision.ledger import Issued, Kind, Ledger, holders
from pipeline.provision.requests import (
    EnrolRequest,
    RenewRequest,
    Reply,
    check_csr,
    check_device_id,
    check_renewal,
    read_request,
)
from pipeline.provision.tokens import Token, make_token, spend_token

__all__ = ["Clinic", "Revocation"]

_log = logging.getLogger(__name__)

_PROBE_LIFE: Final = dt.timedelta(minutes=5)
_PIPELINE: Final = "service.pipeline"
_LOOPBACK: Final = ("localhost", "127.0.0.1")
_Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class Revocation(NamedTuple):
    """What a revocation did: the certificates that are on the list now."""

    name: str
    serials: tuple[int, ...]


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


class Clinic:
    """A clinic's folder. Every change of it is in the journal before it takes effect.

    Parameters
    ----------
    folder : Path
        As `create` made it.
    now : callable, optional
        Returns the time, aware, UTC.

    Raises
    ------
    AuthorityError
        No clinic in this folder, or one that is not whole.
    """

    def __init__(self, folder: Path, now: Callable[[], dt.datetime] = _utc_now) -> None:
        self.folder = Path(folder)
        self._now = now
        self.ledger = Ledger(self.folder / "authority" / "ledger.db")
        self.journal = Journal(self.folder / "journal.jsonl")
        try:
            settings = (self.folder / "authority" / "settings.json").read_bytes()
            self.settings = msgspec.json.decode(settings, type=BrokerSettings)
        except (OSError, msgspec.MsgspecError) as error:
            raise AuthorityError(
                f"{folder} is no clinic's folder ({error}); make one with `heelfirst provision "
                "clinic`"
            ) from None
        self.authority = Authority.open(self.folder / "authority")

    @classmethod
    def create(
        cls,
        folder: Path,
        name: str,
        settings: BrokerSettings,
        now: Callable[[], dt.datetime] = _utc_now,
    ) -> "Clinic":
        """Make the authority, the broker's files and the pipeline's certificate.

        Parameters
        ----------
        folder : Path
            Made where missing; may not hold a clinic yet.
        name : str
            The authority's common name, 1 to 64 characters; every device sees it.
        settings : BrokerSettings
            How the broker is run.

        Raises
        ------
        AuthorityError
            There is a clinic already.
        RequestRefused
            The name is too long or empty.
        """
        if not 1 <= len(name) <= 64:
            raise RequestRefused("the clinic's name needs 1 to 64 characters")
        folder = Path(folder).absolute()
        settings = msgspec.structs.replace(
            settings, folder=settings.folder or str(folder / "broker")
        )
        for part in (folder, folder / "authority", folder / "services", Path(settings.folder)):
            make_private_folder(part)
        Authority.create(folder / "authority", name, now())
        text = msgspec.json.format(msgspec.json.encode(settings), indent=2)
        write_public(folder / "authority" / "settings.json", text)
        clinic = cls(folder, now)
        if (group := clinic._broker_group()) is not None:
            os.chown(settings.folder, -1, group)
            Path(settings.folder).chmod(0o750)
        clinic.journal.append("provision", "authority", fingerprint=clinic.fingerprint)
        clinic.add_service(_PIPELINE)
        clinic._make_server()
        clinic.write_broker_files()
        return clinic

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate, hexadecimal."""
        return fingerprint(self.authority.certificate)

    def make_token(self, device: str) -> Token:
        """Return a token with which this device may enrol once in the next 15 minutes.

        Raises
        ------
        RequestRefused
            Not a device id.
        """
        device = check_device_id(device)
        self.journal.append("token", device)
        return make_token(self.ledger, device, self.fingerprint, self._now())

    def enrol(self, data: bytes) -> bytes:
        """Return the answer to an `EnrolRequest`: certificate, authority, broker.

        The device's earlier certificates are revoked: whoever enrols anew has a new Pi or card.
        The request is checked before the token is spent, so that a mistake does not cost it.

        Raises
        ------
        RequestRefused, TokenRefused
            Nothing was signed.
        """
        request = read_request(data, EnrolRequest)
        _, key = check_csr(request.csr, request.device)
        self._check_fresh(key)
        spend_token(self.ledger, request.token, request.device, self._now())
        known_before = bool(self.ledger.certificates(request.device))
        self.ledger.revoke(request.device, self._now())
        reply = self._sign_device("enrol", request.device, key)
        if known_before:
            self._replace_at_broker(request.device)
        return reply

    def _replace_at_broker(self, device: str) -> None:
        """Shut out the device's earlier certificates; its own new session ends their session."""
        self.write_broker_files()
        try:
            broker.reload(self.settings)
        except ServerError as error:
            _log.warning(
                "%s is enrolled anew, its earlier certificate still works: %s", device, error
            )

    def renew(self, data: bytes) -> bytes:
        """Return the answer to a `RenewRequest`; the present certificate stays good to its end.

        Raises
        ------
        RequestRefused
            Nothing was signed; a revoked device is told to enrol.
        """
        request = read_request(data, RenewRequest)
        serial, key = check_renewal(request, self.authority, self._now())
        known = {each.serial: each for each in self.ledger.certificates(request.device)}
        if serial not in known or known[serial].revoked is not None:
            raise RequestRefused("the present certificate is revoked; enrol with a new token")
        self._check_fresh(key)
        return self._sign_device("renew", request.device, key)

    def _check_fresh(self, key: ec.EllipticCurvePublicKey) -> None:
        """Refuse a key that was certified before: a revoked key must not come back."""
        found = public_key_hash(key)
        if any(each.key_hash == found for each in self.ledger.certificates()):
            raise RequestRefused("this key had a certificate before; make a new key")

    def _sign_device(self, action: str, device: str, key: ec.EllipticCurvePublicKey) -> bytes:
        certificate = self.authority.sign_client(key, device, self._now(), DEVICE_LIFE)
        self.journal.append(
            "enrol" if action == "enrol" else "renew",
            device,
            serial=f"{certificate.serial_number:x}",
            expires=certificate.not_valid_after_utc.isoformat(),
        )
        self._remember(certificate, device, "device", key)
        reply = Reply(
            device=device,
            certificate=_pem(certificate).decode(),
            authority=self.authority.certificate_pem.decode(),
            broker_host=self.settings.hosts[0],
            broker_port=self.settings.port,
        )
        return msgspec.json.encode(reply)

    def _remember(
        self,
        certificate: x509.Certificate,
        name: str,
        kind: Kind,
        key: ec.EllipticCurvePublicKey,
        revoked: dt.datetime | None = None,
    ) -> None:
        end = certificate.not_valid_after_utc
        self.ledger.add(
            Issued(certificate.serial_number, name, kind, public_key_hash(key), end, revoked)
        )

    def add_service(self, name: str) -> Path:
        """Make key and certificate of a service and return their folder.

        A service whose files are there gets new ones; the earlier certificate stays good to its
        end, so that nothing stops before the service is started again.

        Raises
        ------
        RequestRefused
            Not `service.ROLE` or `service.ROLE-NUMBER` of a known role.
        """
        folder = self.folder / "services" / check_service(name)
        make_private_folder(folder)
        key = new_key()
        certificate = self.authority.sign_client(key.public_key(), name, self._now(), SERVER_LIFE)
        self.journal.append("provision", name, serial=f"{certificate.serial_number:x}")
        self._remember(certificate, name, "service", key.public_key())
        write_secret(folder / "key.pem", key_pem(key))
        write_public(folder / "cert.pem", _pem(certificate))
        write_public(folder / "ca.crt", self.authority.certificate_pem)
        self.write_broker_files()
        return folder

    def _make_server(self) -> None:
        key = new_key()
        hosts = list(dict.fromkeys((*self.settings.hosts, *_LOOPBACK)))
        certificate = self.authority.sign_server(key.public_key(), hosts, self._now())
        self.journal.append("provision", "broker", serial=f"{certificate.serial_number:x}")
        self._remember(certificate, hosts[0], "server", key.public_key())
        folder = Path(self.settings.folder)
        write_secret(folder / "broker.key", key_pem(key), self._broker_group())
        write_public(folder / "broker.crt", _pem(certificate))

    def write_broker_files(self, spare: str = "") -> None:
        """Write configuration, ACL, revocation list and authority for the broker anew.

        `spare` is not barred in the ACL yet, so that its last will is still delivered.
        """
        folder, now = Path(self.settings.folder), self._now()
        with self._one_writer():
            issued = self.ledger.certificates()
            services, barred = holders(issued, now)
            acl = acl_text(services, barred - {spare})
            write_public(folder / "ca.crt", self.authority.certificate_pem)
            write_public(folder / "mosquitto.conf", broker.conf_text(self.settings).encode())
            write_secret(folder / "acl", acl.encode(), self._broker_group())
            write_public(folder / "crl.pem", self._crl(issued, now))

    @contextlib.contextmanager
    def _one_writer(self) -> Iterator[None]:
        """Hold others off: an older reading of the ledger may not overwrite a newer list."""
        with (self.folder / "authority" / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _broker_group(self) -> int | None:
        """Return the group that reads the broker's files where another account made them."""
        if os.geteuid() != 0 or self.settings.user == "root":
            return None
        try:
            return pwd.getpwnam(self.settings.user).pw_gid
        except KeyError:
            raise AuthorityError(
                f"there is no account {self.settings.user!r}; install mosquitto first"
            ) from None

    def _crl(self, issued: Sequence[Issued], now: dt.datetime) -> bytes:
        listed = [
            (each.serial, each.revoked)
            for each in issued
            if each.revoked is not None and each.expires > now - dt.timedelta(days=1)
        ]
        return self.authority.crl_pem(listed, self.ledger.next_crl_number(), now)

    async def revoke(self, name: str) -> Revocation:
        """Revoke all certificates of a device or service; the broker refuses and ends it.

        When this returns, the new list is proved to be in force and the session is ended.

        Raises
        ------
        RequestRefused
            There is no such device or service.
        ServerError
            It is on the list, but the broker could not be told: not in force yet. Call again
            when the broker is as it should be.
        """
        known = self.ledger.certificates(name)
        if not any(each.kind in {"device", "service"} for each in known):
            raise RequestRefused(
                f"{name!r} never had a certificate; see `heelfirst provision list`"
            )
        self.journal.append("revoke", name)
        serials = self.ledger.revoke(name, self._now())
        probe = self._probe(name, revoked=self._now())
        self.write_broker_files(spare=name)
        try:
            await self._end_session(name, probe)
        finally:
            self.write_broker_files()
        broker.reload(self.settings)
        return Revocation(name, serials)

    async def _end_session(self, name: str, probe: _Pair) -> None:
        broker.reload(self.settings)
        pem = self.authority.certificate_pem
        await broker.wait_revoked(self.settings, pem, *probe)
        await broker.try_session(self.settings, pem, *self._probe(name, revoked=None))

    def _probe(self, name: str, revoked: dt.datetime | None) -> _Pair:
        key = new_key()
        certificate = self.authority.sign_client(key.public_key(), name, self._now(), _PROBE_LIFE)
        self._remember(certificate, name, "probe", key.public_key(), revoked)
        return certificate, key

    def refresh(self) -> tuple[str, ...]:
        """Renew what this machine holds and ends within 30 days; return their names.

        For a weekly timer. Afterwards the broker has to reload (`reload`) and each named service
        has to be started again.
        """
        soon = self._now() + RENEW_BEFORE
        latest = {each.name: each for each in self.issued() if each.kind != "device"}
        due = [each for each in latest.values() if each.expires <= soon and each.revoked is None]
        services = sorted(each.name for each in due if each.kind == "service")
        for name in services:
            self.add_service(name)
        server = any(each.kind == "server" for each in due)
        if server:
            self._make_server()
        self.write_broker_files()
        return (*services, "broker") if server else tuple(services)

    def reload(self) -> None:
        """Make the broker read its files again; raise `ServerError` where it cannot be told."""
        broker.reload(self.settings)

    def issued(self) -> list[Issued]:
        """Return the certificates of devices, services and broker, the latest to expire last."""
        return [each for each in self.ledger.certificates() if each.kind != "probe"]


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)

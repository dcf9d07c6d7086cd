"""The clinic's certificate authority: one EC P-256 key that signs servers, services, devices.

    CA (10 years, path length 0)
    ├── the broker            serverAuth, its host names; 1 year
    ├── service.pipeline ...  clientAuth; 1 year
    └── insole-1 ...          clientAuth; 90 days, renewed by the device after 60

Profiles follow RFC 5280. A certificate is for exactly one use: a device's cannot stand in for
the broker, the broker's cannot log in as a client.
"""

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipeline.provision.errors import AuthorityError, SecretError
from pipeline.provision.files import read_secret, write_public, write_secret

__all__ = [
    "CA_LIFE",
    "DEVICE_LIFE",
    "RENEW_BEFORE",
    "SERVER_LIFE",
    "Authority",
    "fingerprint",
    "key_pem",
    "new_key",
    "public_key_hash",
]

CA_LIFE: Final = dt.timedelta(days=3652)
SERVER_LIFE: Final = dt.timedelta(days=365)
DEVICE_LIFE: Final = dt.timedelta(days=90)
RENEW_BEFORE: Final = dt.timedelta(days=30)
_SKEW: Final = dt.timedelta(hours=1)
"""How far a clock may be behind and still find a new certificate valid."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh EC P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as PKCS 8 PEM, for a file of mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate's DER as hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def public_key_hash(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of the key's SubjectPublicKeyInfo as hexadecimal digits."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Authority:
    """A certificate authority: `create` makes it in a folder, `open` finds it there again.

    Attributes
    ----------
    certificate : cryptography.x509.Certificate
        The authority's own certificate, which clients and the broker trust.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def create(cls, folder: Path, name: str, now: dt.datetime) -> "Authority":
        """Make key (0600) and certificate in `folder`.

        Raises
        ------
        AuthorityError
            There is an authority already: replacing it would lock out every device.
        """
        if (folder / "ca.key").exists():
            raise AuthorityError(f"{folder} holds an authority already; choose another folder")
        key = new_key()
        ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            _builder(_name(name), _name(name), key.public_key(), now, now + CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(ski, critical=False)
            .sign(key, hashes.SHA256())
        )
        write_secret(folder / "ca.key", key_pem(key))
        authority = cls(certificate, key)
        write_public(folder / "ca.crt", authority.certificate_pem)
        return authority

    @classmethod
    def open(cls, folder: Path) -> "Authority":
        """Return the authority in `folder`; raise `AuthorityError` where it is not whole."""
        try:
            key = serialization.load_pem_private_key(read_secret(folder / "ca.key"), None)
            certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        except SecretError:
            raise
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise AuthorityError(
                f"{folder} holds no usable authority ({error}); restore ca.key and ca.crt from "
                "the backup, or make a clinic with `heelfirst provision clinic`"
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityError(f"{folder}/ca.key is not an EC key; restore the right one")
        if key.public_key() != certificate.public_key():
            raise AuthorityError(f"{folder}: ca.key and ca.crt do not belong together")
        return cls(certificate, key)

    @property
    def certificate_pem(self) -> bytes:
        """The authority's certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign_server(
        self, key: ec.EllipticCurvePublicKey, hosts: Sequence[str], now: dt.datetime
    ) -> x509.Certificate:
        """Return a server's certificate for these host names and addresses.

        Clients look at the subject alternative names alone (RFC 6125); the common name is the
        first of them.
        """
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = self._leaf(hosts[0], key, now, SERVER_LIFE, ExtendedKeyUsageOID.SERVER_AUTH)
        return builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())

    def sign_client(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        now: dt.datetime,
        life: dt.timedelta = DEVICE_LIFE,
    ) -> x509.Certificate:
        """Return a client's certificate; the broker takes its common name as the user name."""
        builder = self._leaf(common_name, key, now, life, ExtendedKeyUsageOID.CLIENT_AUTH)
        return builder.sign(self._key, hashes.SHA256())

    def _leaf(
        self,
        common_name: str,
        key: ec.EllipticCurvePublicKey,
        now: dt.datetime,
        life: dt.timedelta,
        use: x509.ObjectIdentifier,
    ) -> x509.CertificateBuilder:
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
        end = min(now + life, self.certificate.not_valid_after_utc)
        return (
            _builder(_name(common_name), self.certificate.subject, key, now, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer, critical=False)
        )

    def crl_pem(
        self, revoked: Iterable[tuple[int, dt.datetime]], number: int, now: dt.datetime
    ) -> bytes:
        """Return the revocation list of (serial, revoked at), valid as long as the authority.

        A list past its next update makes the broker refuse everybody. It lies on the broker's
        own disk, where nobody can hold back a newer one, so an early end would only be a trap.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _SKEW)
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for serial, when in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
            builder = builder.add_revoked_certificate(entry.build())
        crl = builder.sign(self._key, hashes.SHA256())
        return crl.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _SKEW)
        .not_valid_after(end)
    )

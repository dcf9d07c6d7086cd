"""What a device may ask of the authority, checked before anything is signed.

A request and its answer are small JSON documents, so that they travel by any means: a file on a
stick, scp, or the enrolment desk (desk.py). edge/enrol.py makes the one and reads the other.
"""

import datetime as dt
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Meta

from edge.wire import DeviceId
from pipeline.provision.authority import Authority
from pipeline.provision.errors import RequestRefused

__all__ = [
    "MAX_REQUEST_BYTES",
    "EnrolRequest",
    "RenewRequest",
    "Reply",
    "check_csr",
    "check_device_id",
    "check_renewal",
    "read_request",
]

MAX_REQUEST_BYTES: Final = 16 * 1024
Pem = Annotated[str, Meta(max_length=6000)]


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: Literal[1] = 1


class EnrolRequest(_Message, frozen=True, kw_only=True, tag_field="ask", tag="enrol"):
    """A device asks for its first certificate with a token."""

    device: DeviceId
    token: Annotated[str, Meta(max_length=200)]
    csr: Pem

    def __repr__(self) -> str:
        return f"EnrolRequest(device={self.device!r})"  # never the token


class RenewRequest(_Message, frozen=True, kw_only=True, tag_field="ask", tag="renew"):
    """A device asks for its next certificate: a new key, vouched for by the present one.

    `signature` is the ECDSA-SHA256 signature, by the present certificate's key, of the DER
    encoding of `csr`, in hexadecimal digits.
    """

    device: DeviceId
    certificate: Pem
    csr: Pem
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{16,160}$")]


class Reply(_Message, frozen=True, kw_only=True):
    """The signed certificate, the authority's, and where the broker is."""

    device: DeviceId
    certificate: Pem
    authority: Pem
    broker_host: str
    broker_port: int


_T = TypeVar("_T", EnrolRequest, RenewRequest)


def read_request(data: bytes, kind: type[_T]) -> _T:
    """Return the request in `data`; raise `RequestRefused` for everything else."""
    if len(data) > MAX_REQUEST_BYTES:
        raise RequestRefused(f"a request of {len(data)} bytes; at most {MAX_REQUEST_BYTES}")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestRefused(f"not a request of this version: {error}") from None


def check_device_id(device: str) -> str:
    """Return the id where it is one that the wire allows; raise `RequestRefused`."""
    try:
        return msgspec.convert(device, DeviceId)
    except msgspec.ValidationError:
        raise RequestRefused(
            f"{device!r} is not a device id: small letters, digits, - and _, at most 48"
        ) from None


def _public_key(key: Any) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestRefused("the key is not EC P-256; make the request with `heelfirst enrol`")
    return key


def _common_name(name: x509.Name) -> str:
    attributes = list(name)
    if len(attributes) != 1 or attributes[0].oid != NameOID.COMMON_NAME:
        raise RequestRefused("the subject has to be the common name alone")
    return str(attributes[0].value)


def check_csr(
    pem: str, device: str
) -> tuple[x509.CertificateSigningRequest, ec.EllipticCurvePublicKey]:
    """Return a sound certificate request and its EC P-256 key.

    Nothing of it but the key goes into the certificate; a request that asks for more (extensions,
    a further name) is refused and not quietly cut down, since an honest device never asks.

    Raises
    ------
    RequestRefused
        Not a request, not signed by its own key, another key type, another or further names,
        any attribute or extension.
    """
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        signed = csr.is_signature_valid
        key = _public_key(csr.public_key())
        name, attributes = _common_name(csr.subject), len(csr.attributes)
    except (ValueError, UnsupportedAlgorithm, TypeError) as error:
        if isinstance(error, RequestRefused):
            raise
        raise RequestRefused(f"not a certificate request: {error}") from None
    if not signed:
        raise RequestRefused("the request is not signed by the key it holds")
    if name != device:
        raise RequestRefused(f"the request is for {name!r}, not for {device!r}")
    if attributes:
        raise RequestRefused("the request asks for extensions or attributes; none are given")
    return csr, key


def check_renewal(
    request: RenewRequest, authority: Authority, now: dt.datetime
) -> tuple[int, ec.EllipticCurvePublicKey]:
    """Return the serial of the present certificate and the new key of a sound renewal.

    Whether the present certificate is revoked is the ledger's to say.

    Raises
    ------
    RequestRefused
        As `check_csr`, or the present certificate is foreign, over its time, no device's or does
        not vouch for the request.
    """
    csr, key = check_csr(request.csr, request.device)
    try:
        present = x509.load_pem_x509_certificate(request.certificate.encode())
        present.verify_directly_issued_by(authority.certificate)
        name, old_key = _common_name(present.subject), _public_key(present.public_key())
        use = present.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        der = csr.public_bytes(serialization.Encoding.DER)
        old_key.verify(bytes.fromhex(request.signature), der, ec.ECDSA(hashes.SHA256()))
    except RequestRefused:
        raise
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        what = str(error) or "a signature that does not fit"
        raise RequestRefused(f"the present certificate does not vouch for this: {what}") from None
    if name != request.device or ExtendedKeyUsageOID.CLIENT_AUTH not in use:
        raise RequestRefused(f"the present certificate is not that of {request.device!r}")
    if not present.not_valid_before_utc <= now < present.not_valid_after_utc:
        raise RequestRefused("the present certificate is over its time; enrol with a new token")
    if old_key == key:
        raise RequestRefused("a renewal brings a new key; this one has the old")
    return present.serial_number, key

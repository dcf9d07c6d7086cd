"""Requests that are refused: another key, another name, anything that asks for more."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from clinic_clock import Clock, clinic_at
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.enrol import EnrolError, Identity
from pipeline.provision import Clinic
from pipeline.provision.authority import new_key
from pipeline.provision.errors import RequestRefused
from pipeline.provision.requests import EnrolRequest, RenewRequest, read_request


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clinic(tmp_path: Path, clock: Clock) -> Clinic:
    return clinic_at(tmp_path, clock)


def request_for(
    clinic: Clinic, csr: x509.CertificateSigningRequest | str, device: str = "insole-1"
) -> bytes:
    pem = csr if isinstance(csr, str) else csr.public_bytes(serialization.Encoding.PEM).decode()
    token = clinic.make_token(device).text
    return msgspec.json.encode(EnrolRequest(device=device, token=token, csr=pem))


def build(
    name: str = "insole-1", **more: x509.ExtensionType
) -> x509.CertificateSigningRequestBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in more.values():
        builder = builder.add_extension(extension, critical=False)
    return builder


EC = new_key()
SUBJECT_ALT = x509.SubjectAlternativeName([x509.DNSName("broker.example")])
TWO_NAMES = x509.Name(
    [
        x509.NameAttribute(NameOID.COMMON_NAME, "insole-1"),
        x509.NameAttribute(NameOID.COMMON_NAME, "service.pipeline"),
    ]
)
BAD: dict[str, tuple[Callable[[], x509.CertificateSigningRequest], str]] = {
    "rsa": (
        lambda: build().sign(rsa.generate_private_key(65537, 2048), hashes.SHA256()),
        "not EC P-256",
    ),
    "ed25519": (lambda: build().sign(ed25519.Ed25519PrivateKey.generate(), None), "not EC P-256"),
    "other curve": (
        lambda: build().sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()),
        "not EC P-256",
    ),
    "another's name": (lambda: build("insole-2").sign(EC, hashes.SHA256()), "for 'insole-2'"),
    "a service's name": (
        lambda: build("service.pipeline").sign(EC, hashes.SHA256()),
        "for 'service.pipeline'",
    ),
    "a wildcard": (lambda: build("+").sign(EC, hashes.SHA256()), "for '\\+'"),
    "two names": (
        lambda: (
            x509.CertificateSigningRequestBuilder()
            .subject_name(TWO_NAMES)
            .sign(EC, hashes.SHA256())
        ),
        "common name alone",
    ),
    "no name": (
        lambda: (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .sign(EC, hashes.SHA256())
        ),
        "common name alone",
    ),
    "an authority": (
        lambda: build(basic=x509.BasicConstraints(True, None)).sign(EC, hashes.SHA256()),
        "asks for extensions",
    ),
    "a server": (lambda: build(names=SUBJECT_ALT).sign(EC, hashes.SHA256()), "asks for extensions"),
    "an attribute": (
        lambda: (
            build()
            .add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"x")
            .sign(EC, hashes.SHA256())
        ),
        "asks for extensions or attributes",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_request_that_asks_for_more_is_refused(clinic: Clinic, what: str) -> None:
    make, why = BAD[what]
    before = len(clinic.issued())
    with pytest.raises(RequestRefused, match=why):
        clinic.enrol(request_for(clinic, make()))
    assert len(clinic.issued()) == before


def test_a_request_with_a_foreign_key_is_refused(clinic: Clinic) -> None:
    """The signature shows that the sender holds the key; a changed request does not."""
    der = bytearray(build().sign(EC, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    csr = x509.load_der_x509_csr(bytes(der))
    with pytest.raises(RequestRefused, match="not signed by the key"):
        clinic.enrol(request_for(clinic, csr))


@pytest.mark.parametrize("device", ["", "Insole-1", "a/b", "+", "#", "a" * 49, "service.pipeline"])
def test_a_device_id_is_one_of_the_wire(clinic: Clinic, tmp_path: Path, device: str) -> None:
    with pytest.raises(RequestRefused):
        clinic.make_token(device)
    with pytest.raises(EnrolError):
        Identity(tmp_path, device)
    with pytest.raises(RequestRefused):
        clinic.enrol(
            msgspec.json.encode({"ask": "enrol", "device": device, "token": "", "csr": ""})
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    data=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ask", "device", "token", "csr", "version", "certificate", "x"]),
                inner,
                max_size=6,
            )
        ),
    ).map(msgspec.json.encode)
)
def test_any_bytes_are_refused_in_one_way(clinic: Clinic, data: bytes) -> None:
    for ask in (clinic.enrol, clinic.renew):
        with pytest.raises(RequestRefused):
            ask(data)


def test_an_overlong_request_is_refused() -> None:
    with pytest.raises(RequestRefused, match="at most"):
        read_request(b" " * 20_000, EnrolRequest)
    with pytest.raises(RequestRefused, match="at most"):
        read_request(b" " * 20_000, RenewRequest)

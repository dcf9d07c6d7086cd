"""Tokens, requests and certificates: who gets one, what is in it, and what is refused."""

import datetime as dt
import stat
from pathlib import Path

import msgspec
import pytest
from clinic_clock import Clock, clinic_at
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.enrol import Identity
from pipeline.provision import Clinic
from pipeline.provision.authority import Authority, new_key
from pipeline.provision.errors import AuthorityError, RequestRefused, TokenRefused
from pipeline.provision.requests import RenewRequest


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clinic(tmp_path: Path, clock: Clock) -> Clinic:
    return clinic_at(tmp_path, clock)


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(tmp_path / "identity", "insole-1")


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def build(
    name: str = "insole-1", **more: x509.ExtensionType
) -> x509.CertificateSigningRequestBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in more.values():
        builder = builder.add_extension(extension, critical=False)
    return builder


def test_a_device_enrols_with_a_token(clinic: Clinic, identity: Identity) -> None:
    request = identity.enrol_request(clinic.make_token("insole-1").text)
    paths = identity.install(clinic.enrol(request))
    mine = certificate(paths.cert)
    assert mine.subject.rfc4514_string() == "CN=insole-1"
    mine.verify_directly_issued_by(certificate(paths.ca))
    assert (paths.broker_host, paths.broker_port) == ("broker.example", 8883)
    assert identity.expires() - clinic._now() == dt.timedelta(days=90)


def test_the_key_stays_on_the_device(clinic: Clinic, identity: Identity) -> None:
    request = identity.enrol_request(clinic.make_token("insole-1").text)
    answer = clinic.enrol(request)
    paths = identity.install(answer)
    assert stat.S_IMODE(paths.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(identity.folder.stat().st_mode) == 0o700
    secret = b"".join(paths.key.read_bytes().splitlines()[1:-1])[20:60]
    sent = (request + answer).replace(b"\\n", b"")
    kept = b"".join(path.read_bytes() for path in clinic.folder.rglob("*") if path.is_file())
    assert secret not in sent
    assert secret not in kept.replace(b"\n", b"")


def test_certificates_are_for_one_use(clinic: Clinic, identity: Identity) -> None:
    paths = identity.install(
        clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text))
    )
    for each, use in (
        (certificate(paths.cert), ExtendedKeyUsageOID.CLIENT_AUTH),
        (certificate(clinic.folder / "broker" / "broker.crt"), ExtendedKeyUsageOID.SERVER_AUTH),
    ):
        extensions = each.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints)
        assert (basic.critical, basic.value.ca) == (True, False)
        assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [use]
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        assert usage.value.digital_signature
        assert not usage.value.key_cert_sign


def test_the_authority_is_constrained(clinic: Clinic) -> None:
    extensions = clinic.authority.certificate.extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value) == (True, x509.BasicConstraints(True, 0))
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert isinstance(clinic.authority.certificate.public_key(), ec.EllipticCurvePublicKey)


def test_the_brokers_names_are_in_its_certificate(clinic: Clinic) -> None:
    names = (
        certificate(clinic.folder / "broker" / "broker.crt")
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) == ["broker.example", "localhost"]
    addresses = [str(each) for each in names.get_values_for_type(x509.IPAddress)]
    assert addresses == ["192.0.2.7", "127.0.0.1"]


def test_only_public_files_are_readable_by_others(clinic: Clinic, identity: Identity) -> None:
    clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text))
    public = {"ca.crt", "broker.crt", "cert.pem", "crl.pem", "mosquitto.conf", "settings.json"}
    for path in clinic.folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        elif path.name not in public and path.name != ".lock":
            assert mode == 0o600, path


def test_a_token_works_once(clinic: Clinic, identity: Identity) -> None:
    token = clinic.make_token("insole-1").text
    clinic.enrol(identity.enrol_request(token))
    with pytest.raises(TokenRefused):
        clinic.enrol(identity.enrol_request(token))


@pytest.mark.parametrize(("minutes", "good"), [(14.9, True), (15, False), (60, False)])
def test_a_token_works_for_15_minutes(
    clinic: Clinic, identity: Identity, clock: Clock, minutes: float, good: bool
) -> None:
    request = identity.enrol_request(clinic.make_token("insole-1").text)
    clock.pass_(minutes=minutes)
    if good:
        clinic.enrol(request)
    else:
        with pytest.raises(TokenRefused):
            clinic.enrol(request)


def test_a_token_does_not_come_back_when_the_clock_is_put_back(
    clinic: Clinic, identity: Identity, clock: Clock
) -> None:
    token = clinic.make_token("insole-1").text
    clinic.enrol(identity.enrol_request(token))
    clock.pass_(hours=-1)
    with pytest.raises(TokenRefused):
        clinic.enrol(identity.enrol_request(token))


def test_a_token_is_for_one_device(clinic: Clinic, tmp_path: Path) -> None:
    token = clinic.make_token("insole-1").text
    other = Identity(tmp_path / "other", "insole-2")
    with pytest.raises(TokenRefused):
        clinic.enrol(other.enrol_request(token))


def test_an_unknown_token_is_refused_in_the_same_words(clinic: Clinic, identity: Identity) -> None:
    used = clinic.make_token("insole-1").text
    clinic.enrol(identity.enrol_request(used))
    messages = set()
    for token in (used, "hf1-aaaa-" + "0" * 32):
        with pytest.raises(TokenRefused) as caught:
            clinic.enrol(identity.enrol_request(token))
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_a_token_is_kept_as_a_hash_alone(clinic: Clinic) -> None:
    token = clinic.make_token("insole-1")
    kept = b"".join(path.read_bytes() for path in clinic.folder.rglob("*") if path.is_file())
    assert token.text.encode() not in kept
    assert token.text.split("-")[1].encode() not in kept
    assert token.text not in f"{token!r} {token}"


def test_a_mistaken_request_does_not_cost_the_token(clinic: Clinic, identity: Identity) -> None:
    token = clinic.make_token("insole-1").text
    good = msgspec.json.decode(identity.enrol_request(token))
    with pytest.raises(RequestRefused):
        clinic.enrol(msgspec.json.encode(good | {"csr": "nonsense"}))
    clinic.enrol(msgspec.json.encode(good))


def test_a_renewal_brings_a_new_key(clinic: Clinic, identity: Identity, clock: Clock) -> None:
    first = identity.install(
        clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text))
    )
    old, old_key = certificate(first.cert), first.key.read_bytes()
    clock.pass_(days=59)
    assert not identity.renewal_due(clock())
    clock.pass_(days=1)
    assert identity.renewal_due(clock())
    second = identity.install(clinic.renew(identity.renew_request()))
    new = certificate(second.cert)
    assert new.public_key() != old.public_key()
    assert second.key.read_bytes() != old_key
    assert identity.expires() - clock() == dt.timedelta(days=90)
    assert all(each.revoked is None for each in clinic.issued())


def test_a_renewal_needs_a_good_certificate(
    clinic: Clinic, identity: Identity, clock: Clock
) -> None:
    identity.install(clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text)))
    request = identity.renew_request()
    clock.pass_(days=91)
    with pytest.raises(RequestRefused, match="over its time"):
        clinic.renew(request)
    clock.pass_(days=-91)
    clinic.ledger.revoke("insole-1", clock())
    with pytest.raises(RequestRefused, match="revoked"):
        clinic.renew(request)


def test_a_renewal_is_vouched_for_by_its_own_device(
    clinic: Clinic, identity: Identity, tmp_path: Path
) -> None:
    identity.install(clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text)))
    thief = Identity(tmp_path / "thief", "insole-2")
    thief.install(clinic.enrol(thief.enrol_request(clinic.make_token("insole-2").text)))
    mine = msgspec.json.decode(identity.renew_request())
    his = msgspec.json.decode(thief.renew_request())
    for mixed in (
        mine | {"signature": his["signature"]},
        mine | {"csr": his["csr"], "signature": his["signature"]},
        mine | {"certificate": his["certificate"]},
        his | {"device": "insole-1"},
        his | {"device": "insole-1", "csr": mine["csr"]},
        mine | {"signature": "00" * 70},
    ):
        with pytest.raises(RequestRefused):
            clinic.renew(msgspec.json.encode(mixed))
    clinic.renew(msgspec.json.encode(mine))


def test_a_foreign_authority_does_not_vouch(
    clinic: Clinic, identity: Identity, tmp_path: Path, clock: Clock
) -> None:
    other = Clinic.create(tmp_path / "other", "a clinic", clinic.settings, clock)
    identity.install(other.enrol(identity.enrol_request(other.make_token("insole-1").text)))
    with pytest.raises(RequestRefused, match="does not vouch"):
        clinic.renew(identity.renew_request())


def test_a_service_certificate_renews_no_device(clinic: Clinic, tmp_path: Path) -> None:
    folder = clinic.folder / "services" / "service.pipeline"
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    csr = build().sign(new_key(), hashes.SHA256())
    der = csr.public_bytes(serialization.Encoding.DER)
    request = RenewRequest(
        device="insole-1",
        certificate=(folder / "cert.pem").read_text(),
        csr=csr.public_bytes(serialization.Encoding.PEM).decode(),
        signature=key.sign(der, ec.ECDSA(hashes.SHA256())).hex(),
    )
    with pytest.raises(RequestRefused, match="not that of 'insole-1'"):
        clinic.renew(msgspec.json.encode(request))


def test_a_key_is_certified_once(clinic: Clinic, identity: Identity) -> None:
    request = msgspec.json.decode(identity.enrol_request(clinic.make_token("insole-1").text))
    clinic.enrol(msgspec.json.encode(request))
    again = request | {"token": clinic.make_token("insole-1").text}
    with pytest.raises(RequestRefused, match="make a new key"):
        clinic.enrol(msgspec.json.encode(again))


def test_enrolling_anew_revokes_what_was_before(
    clinic: Clinic, identity: Identity, tmp_path: Path
) -> None:
    first = identity.install(
        clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text))
    )
    serial = certificate(first.cert).serial_number
    anew = Identity(tmp_path / "new-card", "insole-1")
    anew.install(clinic.enrol(anew.enrol_request(clinic.make_token("insole-1").text)))
    crl = x509.load_pem_x509_crl((clinic.folder / "broker" / "crl.pem").read_bytes())
    assert [each.serial_number for each in crl] == [serial]
    assert "user insole-1" not in (clinic.folder / "broker" / "acl").read_text()


def test_the_revocation_list_is_signed_numbered_and_does_not_end(clinic: Clinic) -> None:
    path = clinic.folder / "broker" / "crl.pem"
    before = x509.load_pem_x509_crl(path.read_bytes())
    clinic.write_broker_files()
    after = x509.load_pem_x509_crl(path.read_bytes())
    key = clinic.authority.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert after.is_signature_valid(key)
    assert after.next_update_utc == clinic.authority.certificate.not_valid_after_utc
    numbers = [
        crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for crl in (before, after)
    ]
    assert numbers[0] < numbers[1]


def test_everything_is_in_the_journal(clinic: Clinic, identity: Identity, clock: Clock) -> None:
    identity.install(clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text)))
    clinic.renew(identity.renew_request())
    actions = [(each.action, each.subject) for each in clinic.journal.entries()]
    assert actions == [
        ("provision", "authority"),
        ("provision", "service.pipeline"),
        ("provision", "broker"),
        ("token", "insole-1"),
        ("enrol", "insole-1"),
        ("renew", "insole-1"),
    ]
    assert clinic.journal.verify() == 6


async def test_revoking_the_unknown_is_refused(clinic: Clinic) -> None:
    with pytest.raises(RequestRefused, match="never had a certificate"):
        await clinic.revoke("insole-7")


def test_refresh_renews_what_ends_soon(clinic: Clinic, clock: Clock) -> None:
    assert clinic.refresh() == ()
    clock.pass_(days=340)
    assert clinic.refresh() == ("service.pipeline", "broker")
    assert clinic.refresh() == ()
    server = certificate(clinic.folder / "broker" / "broker.crt")
    assert server.not_valid_after_utc - clock() == dt.timedelta(days=365)


def test_refresh_brings_no_revoked_service_back(clinic: Clinic, clock: Clock) -> None:
    clinic.add_service("service.monitor")
    clinic.ledger.revoke("service.monitor", clock())
    clock.pass_(days=340)
    assert "service.monitor" not in clinic.refresh()
    assert "service.monitor" not in (clinic.folder / "broker" / "acl").read_text()


@pytest.mark.parametrize("name", ["pipeline", "service.root", "service.pipeline-", "insole-1"])
def test_an_unknown_service_is_refused(clinic: Clinic, name: str) -> None:
    with pytest.raises(RequestRefused, match="is not a service"):
        clinic.add_service(name)


def test_a_clinic_is_not_overwritten(clinic: Clinic, clock: Clock) -> None:
    with pytest.raises(AuthorityError, match="holds an authority already"):
        Clinic.create(clinic.folder, "again", clinic.settings, clock)


def test_a_clinic_that_is_not_whole_says_so(clinic: Clinic, tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match="no clinic's folder"):
        Clinic(tmp_path / "nowhere")
    (clinic.folder / "authority" / "ca.crt").write_bytes(b"nonsense")
    with pytest.raises(AuthorityError, match="restore"):
        Clinic(clinic.folder)


def test_an_authority_with_a_foreign_key_is_refused(clinic: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    Authority.create(folder, "other", clinic._now())
    (folder / "ca.key").replace(clinic.folder / "authority" / "ca.key")
    with pytest.raises(AuthorityError, match="do not belong together"):
        Clinic(clinic.folder)

"""The device's side of enrolment: what it installs, what it refuses, and what a power cut leaves.

The clinic's side is tests/pipeline/test_provision_enrolment.py.
"""

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from edge.enrol import EnrolError, Identity
from pipeline.provision import BrokerSettings, Clinic


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    settings = BrokerSettings(hosts=("broker.example",), pid_file=str(tmp_path / "p"), user="root")
    return Clinic.create(tmp_path / "clinic", "a clinic", settings)


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(tmp_path / "identity", "insole-1")


def answer_for(clinic: Clinic, identity: Identity) -> bytes:
    return clinic.enrol(identity.enrol_request(clinic.make_token("insole-1").text))


def test_the_first_half_of_a_token_is_not_enough(identity: Identity) -> None:
    with pytest.raises(EnrolError, match="copy the whole of it"):
        identity.enrol_request("hf1-abcdef")


def test_nothing_is_enrolled_at_first(identity: Identity) -> None:
    with pytest.raises(EnrolError, match="run `heelfirst enrol` with a token"):
        identity.paths()
    with pytest.raises(EnrolError, match="run `heelfirst enrol` with a token"):
        identity.renew_request()


def test_an_answer_of_another_authority_is_refused(
    clinic: Clinic, identity: Identity, tmp_path: Path
) -> None:
    other = Clinic.create(tmp_path / "other", "a clinic", clinic.settings)
    wanted = clinic.make_token("insole-1").text
    theirs = other.make_token("insole-1").text
    request = identity.enrol_request(wanted).replace(wanted.encode(), theirs.encode())
    with pytest.raises(EnrolError, match="another authority"):
        identity.install(other.enrol(request))


def test_an_answer_for_another_key_is_refused(clinic: Clinic, identity: Identity) -> None:
    answer = answer_for(clinic, identity)
    identity.enrol_request(clinic.make_token("insole-1").text)
    with pytest.raises(EnrolError, match="another key"):
        identity.install(answer)


def test_an_answer_for_another_device_is_refused(
    clinic: Clinic, identity: Identity, tmp_path: Path
) -> None:
    other = Identity(tmp_path / "other", "insole-2")
    answer = clinic.enrol(other.enrol_request(clinic.make_token("insole-2").text))
    identity.enrol_request(clinic.make_token("insole-1").text)
    with pytest.raises(EnrolError, match="not for insole-1"):
        identity.install(answer)


@pytest.mark.parametrize("field", ["certificate", "authority", "device", "version", "broker_port"])
def test_a_damaged_answer_is_refused(clinic: Clinic, identity: Identity, field: str) -> None:
    answer = msgspec.json.decode(answer_for(clinic, identity))
    for wrong in ("", "nonsense", None):
        with pytest.raises(EnrolError):
            identity.install(msgspec.json.encode(answer | {field: wrong}))
    identity.install(msgspec.json.encode(answer))


def test_a_refused_answer_leaves_the_identity_in_use(clinic: Clinic, identity: Identity) -> None:
    paths = identity.install(answer_for(clinic, identity))
    before = paths.cert.read_bytes()
    identity.renew_request()
    with pytest.raises(EnrolError):
        identity.install(b"{}")
    assert identity.paths() == paths
    assert paths.cert.read_bytes() == before


def test_an_installation_stopped_half_way_is_finished(
    clinic: Clinic, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = identity.install(answer_for(clinic, identity))
    before = paths.cert.read_bytes()
    answer = clinic.renew(identity.renew_request())
    with monkeypatch.context() as patch:
        patch.setattr(Identity, "_point_at", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            identity.install(answer)
    assert paths.cert.read_bytes() == before
    assert Identity(identity.folder, "insole-1").paths().cert.read_bytes() != before


def test_old_keys_are_removed(clinic: Clinic, identity: Identity) -> None:
    identity.install(answer_for(clinic, identity))
    for _ in range(3):
        identity.install(clinic.renew(identity.renew_request()))
    assert sorted(path.name for path in identity.folder.iterdir()) == ["000004", "current"]


def test_a_key_that_others_can_read_is_refused(clinic: Clinic, identity: Identity) -> None:
    paths = identity.install(answer_for(clinic, identity))
    paths.key.chmod(0o644)
    with pytest.raises(EnrolError, match="chmod 600"):
        identity.renew_request()


def test_renewal_is_due_in_the_last_month(clinic: Clinic, identity: Identity) -> None:
    identity.install(answer_for(clinic, identity))
    end = identity.expires()
    assert not identity.renewal_due(end - dt.timedelta(days=31))
    assert identity.renewal_due(end - dt.timedelta(days=30))
    assert identity.renewal_due(end + dt.timedelta(days=1))

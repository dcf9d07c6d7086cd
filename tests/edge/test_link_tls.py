"""TLS towards a real broker: the right authority is taken, every other refused."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Server, find_server, mosquitto_server

from edge.config import BrokerConfig, TlsConfig
from edge.link import LinkError, MqttConnector


def openssl(folder: Path, *words: str) -> None:
    program = shutil.which("openssl") or find_server("openssl", "openssl")
    subprocess.run([program, *words], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path, name: str) -> None:
    openssl(
        folder,
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
        *("-addext", "basicConstraints=critical,CA:TRUE"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", f"{name}.key", "-out", f"{name}.pem"),
    )


def make_certificate(folder: Path, name: str, host: str) -> None:
    """A certificate of the authority "ca" for a host."""
    request = ("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}")
    openssl(folder, *request, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / f"{name}.ext").write_text(
        f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\nbasicConstraints=CA:FALSE\n"
    )
    openssl(
        folder,
        *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"),
        *("-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_authority(folder, "ca")
    make_authority(folder, "other")
    make_certificate(folder, "broker", "IP:127.0.0.1")
    make_certificate(folder, "elsewhere", "DNS:elsewhere.example")
    make_certificate(folder, "device", "DNS:device")
    return folder


def broker(folder: Path, keys: Path, certificate: str) -> Server:
    lines = (
        f"cafile {keys}/ca.pem\ncertfile {keys}/{certificate}.pem\nkeyfile {keys}/{certificate}.key"
        "\nrequire_certificate true\ntls_version tlsv1.2\n"
    )
    return mosquitto_server(folder, lines)


@pytest.fixture
def tls_broker(tmp_path: Path, keys: Path) -> Iterator[Server]:
    server = broker(tmp_path, keys, "broker")
    server.start()
    yield server
    server.stop()


def settings(port: int, keys: Path, ca: str = "ca", cert: str = "device") -> BrokerConfig:
    own = {"cert": str(keys / f"{cert}.pem"), "key": str(keys / f"{cert}.key")} if cert else {}
    return BrokerConfig(port=port, tls=TlsConfig(ca=str(keys / f"{ca}.pem"), **own))


async def connect(config: BrokerConfig) -> None:
    async with MqttConnector(config, "device").connect(None, ["heelfirst/v1/device/receipt"]):
        pass


async def test_right_authority_and_certificate_connect(tls_broker, keys):
    await connect(settings(tls_broker.port, keys))


async def test_wrong_authority_is_refused(tls_broker, keys):
    with pytest.raises(LinkError, match="certificate"):
        await connect(settings(tls_broker.port, keys, ca="other"))


async def test_missing_own_certificate_is_refused(tls_broker, keys, monkeypatch):
    monkeypatch.setattr("edge.link.CONNECT_S", 1.0)
    with pytest.raises(LinkError):
        await connect(settings(tls_broker.port, keys, cert=""))


async def test_plaintext_to_a_tls_listener_is_refused(tls_broker, monkeypatch):
    monkeypatch.setattr("edge.link.CONNECT_S", 1.0)
    with pytest.raises(LinkError):
        await connect(BrokerConfig(port=tls_broker.port))


async def test_wrong_host_name_is_refused(tmp_path, keys):
    server = broker(tmp_path, keys, "elsewhere")
    server.start()
    try:
        with pytest.raises(LinkError, match="certificate"):
            await connect(settings(server.port, keys))
    finally:
        server.stop()


def test_unreadable_certificates_are_explained(keys):
    config = settings(1883, keys, ca="none")
    with pytest.raises(LinkError, match="certificates cannot be used"):
        MqttConnector(config, "device")

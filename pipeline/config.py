"""The pipeline's settings: TOML into frozen typed structs.

`sample.toml` beside this file holds every key with its default; a test keeps the two equal.
Secrets never stand in the file: it names the file that holds them, or they come from the
environment.
"""

import difflib
import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from pipeline.errors import ConfigError

__all__ = [
    "BROKER_PASSWORD_VARIABLE",
    "STORE_PASSWORD_VARIABLE",
    "STORE_TOKEN_VARIABLE",
    "BrokerConfig",
    "DeadLetterConfig",
    "IngestConfig",
    "PipelineConfig",
    "RegistryConfig",
    "StoreConfig",
    "TlsConfig",
    "load",
    "parse",
]

BROKER_PASSWORD_VARIABLE = "HEELFIRST_BROKER_PASSWORD"
STORE_TOKEN_VARIABLE = "HEELFIRST_STORE_TOKEN"
STORE_PASSWORD_VARIABLE = "HEELFIRST_STORE_PASSWORD"

_SAMPLE = "pipeline/sample.toml shows the default and says what is allowed"
Positive = Annotated[float, Meta(gt=0)]
ShareGroup = Annotated[str, Meta(pattern=r"^[^/+#$]*$")]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class TlsConfig(_Section, frozen=True):
    """TLS (1.2 or later) towards the broker; all empty means plaintext.

    Attributes
    ----------
    ca : str
        PEM file of the authority that signed the broker's certificate.
    cert, key : str
        The pipeline's own certificate and its key, PEM files.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""


class BrokerConfig(_Section, frozen=True):
    """The MQTT broker.

    Attributes
    ----------
    host, port : str, int
        Where it listens; 8883 is the usual port with TLS.
    protocol : {"5", "3.1.1"}
        Version of MQTT.
    client_id : str
        The pipeline's name at the broker, by which the broker keeps its session; each of several
        workers needs its own.
    persistent_session : bool
        The broker keeps what arrives while the pipeline is away. False for a broker without.
    share_group : str
        Name of a shared subscription ($share) that several workers divide; empty: none.
    username, password_file : str
        Name, and the file whose first line is the password; without a file the environment
        variable HEELFIRST_BROKER_PASSWORD is read.
    keepalive_s : int
        A silent connection is given up after one and a half times this [s].
    allow_plaintext : bool
        Plaintext beyond the loopback interface is refused unless this is true.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    client_id: Annotated[str, Meta(min_length=1)] = "heelfirst-pipeline"
    persistent_session: bool = True
    share_group: ShareGroup = ""
    username: str = ""
    password_file: str = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 20
    allow_plaintext: bool = False
    tls: TlsConfig = TlsConfig()

    def password(self) -> str | None:
        """Return the password from the file or the environment; raise `ConfigError`."""
        return _secret("broker.password_file", self.password_file, BROKER_PASSWORD_VARIABLE)


class StoreConfig(_Section, frozen=True):
    """Where the points go.

    Attributes
    ----------
    kind : {"sqlite", "influx1", "influx2"}
        A file; InfluxDB 1.x; InfluxDB 2.x or 3.
    path : str
        The file of "sqlite".
    url : str
        Where InfluxDB listens.
    database, username, password_file : str
        Of "influx1"; without a file HEELFIRST_STORE_PASSWORD is read.
    bucket, org, token_file : str
        Of "influx2"; without a file HEELFIRST_STORE_TOKEN is read.
    timeout_s : float
        A request without an answer is given up after this [s].
    allow_plaintext : bool
        http:// beyond the loopback interface is refused unless this is true.
    """

    kind: Literal["sqlite", "influx1", "influx2"] = "sqlite"
    path: Annotated[str, Meta(min_length=1)] = "/var/lib/heelfirst/store.db"
    url: str = "http://127.0.0.1:8086"
    database: Annotated[str, Meta(min_length=1)] = "gait"
    username: str = ""
    password_file: str = ""
    bucket: Annotated[str, Meta(min_length=1)] = "gait"
    org: str = ""
    token_file: str = ""
    timeout_s: Positive = 10.0
    allow_plaintext: bool = False

    def secret(self) -> str | None:
        """Return the token (2.x, 3) or password (1.x); None where none is set.

        Raises
        ------
        ConfigError
            The file that is named cannot be read.
        """
        if self.kind == "influx2":
            return _secret("store.token_file", self.token_file, STORE_TOKEN_VARIABLE)
        return _secret("store.password_file", self.password_file, STORE_PASSWORD_VARIABLE)


class RegistryConfig(_Section, frozen=True):
    """Who the patients are and which devices they wear.

    Attributes
    ----------
    path : str
        The SQLite file.
    quarantine_events : int
        Events of unknown devices kept at most; what comes beyond them waits at its device.
    """

    path: Annotated[str, Meta(min_length=1)] = "/var/lib/heelfirst/registry.db"
    quarantine_events: Annotated[int, Meta(ge=0)] = 1_000_000


class DeadLetterConfig(_Section, frozen=True):
    """What can never be stored.

    Attributes
    ----------
    path : str
        The folder: refused.jsonl holds events, malformed.jsonl messages nobody can read.
    max_bytes, keep : int
        A file is turned over at this size; so many older ones are kept.
    """

    path: Annotated[str, Meta(min_length=1)] = "/var/lib/heelfirst/deadletters"
    max_bytes: Annotated[int, Meta(ge=4096)] = 16 * 1024 * 1024
    keep: Annotated[int, Meta(ge=1, le=1000)] = 8


class IngestConfig(_Section, frozen=True):
    """How messages become writes.

    Attributes
    ----------
    coalesce_ms : float
        Messages are gathered into one write for so long at most [ms].
    quiet_ms : float
        The write begins earlier where nothing came for so long [ms].
    max_events : int
        The write begins at once where so many events are gathered.
    """

    coalesce_ms: Positive = 50.0
    quiet_ms: Positive = 5.0
    max_events: Annotated[int, Meta(ge=1, le=100_000)] = 5000


class PipelineConfig(_Section, frozen=True):
    """Everything the pipeline can be told."""

    broker: BrokerConfig = BrokerConfig()
    store: StoreConfig = StoreConfig()
    registry: RegistryConfig = RegistryConfig()
    deadletter: DeadLetterConfig = DeadLetterConfig()
    ingest: IngestConfig = IngestConfig()


def load(path: Path) -> PipelineConfig:
    """Return the settings in a file.

    Raises
    ------
    ConfigError
        The file is missing, not TOML, has an unknown key, a wrong type or an unsafe setting.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), "", f"cannot be read ({error})", "Copy pipeline/sample.toml and adapt it"
        ) from None
    return parse(text, str(path))


def parse(text: str, file: str = "-") -> PipelineConfig:
    """Return the settings in `text`; `file` is its name in messages. Raises `ConfigError`."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        remedy = "Correct that line as in pipeline/sample.toml"
        raise ConfigError(file, "", f"is not TOML ({error})", remedy) from None
    _refuse_unknown(tree, PipelineConfig, file, "")
    try:
        config = msgspec.convert(tree, PipelineConfig)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`")
        raise ConfigError(file, key, problem[:1].lower() + problem[1:], _SAMPLE) from None
    _check_broker(config.broker, file)
    _check_store(config.store, file)
    return config


def _refuse_unknown(
    tree: dict[str, Any], kind: type[msgspec.Struct], file: str, prefix: str
) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in tree.items():
        if name not in fields:
            raise ConfigError(
                file, f"{prefix}{name}", "is not a known key", _nearest(name, sorted(fields))
            )
        section = fields[name]
        if isinstance(value, dict) and not get_args(section) and issubclass(section, _Section):
            _refuse_unknown(value, section, file, f"{prefix}{name}.")


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known here are: {', '.join(known)}"


def _secret(key: str, file: str, variable: str) -> str | None:
    """Return the first line of the file, or without a file the environment variable."""
    if not file:
        return os.environ.get(variable)
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Create the file with the secret as its first line, mode 0600"
        raise ConfigError(file, key, f"cannot be read ({error})", remedy) from None
    return lines[0] if lines else ""


def _check_broker(broker: BrokerConfig, file: str) -> None:
    tls = broker.tls
    if bool(tls.cert) != bool(tls.key):
        missing = "broker.tls.key" if tls.cert else "broker.tls.cert"
        raise ConfigError(
            file,
            missing,
            "certificate and key belong together",
            f"Set {missing}, or leave both empty",
        )
    if tls.cert and not tls.ca:
        remedy = "Name the PEM file of the authority that signed the broker's certificate"
        raise ConfigError(file, "broker.tls.ca", "a certificate without an authority", remedy)
    if not (tls.ca or broker.allow_plaintext or _is_loopback(broker.host)):
        remedy = "Set broker.tls.ca; for a trial only, broker.allow_plaintext = true"
        raise ConfigError(file, "broker.host", f"plaintext to {broker.host} is refused", remedy)


def _check_store(store: StoreConfig, file: str) -> None:
    if store.kind == "sqlite":
        return
    url = urlsplit(store.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        remedy = "Write it as http://127.0.0.1:8086 or https://influx.example:8086"
        raise ConfigError(file, "store.url", f"{store.url!r} is not an http(s) address", remedy)
    if url.username or url.password:
        remedy = "Use store.username and store.password_file or store.token_file"
        raise ConfigError(file, "store.url", "holds a secret", remedy)
    if url.scheme == "http" and not (store.allow_plaintext or _is_loopback(url.hostname)):
        remedy = "Use https; in a closed network of your own, store.allow_plaintext = true"
        raise ConfigError(file, "store.url", f"plaintext to {url.hostname} is refused", remedy)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

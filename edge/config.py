"""The agent's settings: TOML into frozen typed structs.

`sample.toml` beside this file holds every key with its default; a test keeps the two equal.
Secrets never stand in the file: it names the file or the environment variable that holds them.
"""

import difflib
import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge.errors import EdgeError
from edge.wire import DeviceId

__all__ = [
    "PASSWORD_VARIABLE",
    "AgentConfig",
    "BrokerConfig",
    "ConfigError",
    "OutboxConfig",
    "SourceConfig",
    "StateConfig",
    "TlsConfig",
    "build",
    "load",
    "parse",
]

PASSWORD_VARIABLE = "HEELFIRST_BROKER_PASSWORD"
"""The environment variable that holds the broker's password where no file does."""

Positive = Annotated[float, Meta(gt=0)]
Affected = Literal["none", "left", "right", "both"]


class ConfigError(EdgeError, ValueError):
    """A setting that cannot be used.

    Attributes
    ----------
    file : str
        The configuration file, or "-" where there is none.
    key : str
        The key with its section ("broker.port"), or "" where the whole file is meant.
    remedy : str
        What to do about it.
    """

    def __init__(self, file: str, key: str, problem: str, remedy: str) -> None:
        place = f"{file}: {key}" if key else file
        super().__init__(f"{place}: {problem}. {remedy}")
        self.file = file
        self.key = key
        self.remedy = remedy


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class SourceConfig(_Section, frozen=True):
    """Where the samples come from.

    Attributes
    ----------
    driver : str
        Name in the registry of drivers ("virtual", "replay", a device).
    profile : str
        Path of a profile TOML; empty: the driver's own.
    path : str
        Recording or device file, where the driver needs one.
    side : {"both", "left", "right"}
        Which feet are listened to.
    """

    driver: str = "virtual"
    profile: str = ""
    path: str = ""
    side: Literal["both", "left", "right"] = "both"


class TlsConfig(_Section, frozen=True):
    """TLS (1.2 or later) towards the broker; all empty means plaintext.

    Attributes
    ----------
    ca : str
        PEM file of the authority that signed the broker's certificate.
    cert, key : str
        This device's certificate and its key, PEM files; the key's mode is to be 0600.
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
    username, password_file : str
        Name, and the file whose first line is the password; without a file the environment
        variable HEELFIRST_BROKER_PASSWORD is read.
    keepalive_s : int
        A silent connection is given up after one and a half times this [s].
    allow_plaintext : bool
        Plaintext beyond the loopback interface is refused unless this is true: everyone on
        the network can then read the events. For a trial in a network of one's own.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str = ""
    password_file: str = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 20
    allow_plaintext: bool = False
    tls: TlsConfig = TlsConfig()

    @property
    def encrypted(self) -> bool:
        """Whether the connection is made with TLS."""
        return bool(self.tls.ca)

    def password(self) -> str | None:
        """Return the password from the file or the environment; raise `ConfigError`."""
        if not self.password_file:
            return os.environ.get(PASSWORD_VARIABLE)
        try:
            lines = Path(self.password_file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                self.password_file,
                "broker.password_file",
                f"cannot be read ({error})",
                "Create the file with the password as its first line, mode 0600",
            ) from None
        return lines[0] if lines else ""


class OutboxConfig(_Section, frozen=True):
    """What waits for a receipt.

    Attributes
    ----------
    path : str
        The SQLite file; empty: outbox.db in the state directory.
    max_rows, max_bytes : int
        Caps; over them raw goes before events before alerts, and a gap record counts it.
    commit_s, commit_events : float, int
        Events are committed after so many seconds or so many events; urgent ones at once.
    """

    path: str = ""
    max_rows: Annotated[int, Meta(ge=10)] = 1_000_000
    max_bytes: Annotated[int, Meta(ge=65536)] = 512 * 1024 * 1024
    commit_s: Positive = 1.0
    commit_events: Annotated[int, Meta(ge=1, le=500)] = 10


class StateConfig(_Section, frozen=True):
    """Where the agent keeps what must survive a restart (systemd: StateDirectory)."""

    dir: str = "/var/lib/heelfirst"


class AgentConfig(_Section, frozen=True):
    """Everything the agent can be told.

    Attributes
    ----------
    device : str
        The device's id: part of its topics and known to the pipeline's registry.
    affected : {"none", "left", "right", "both"}
        The leg or legs with foot drop.
    trust_wall_clock : bool
        Stamp events by this machine's clock though nothing says that it is synchronised. For a
        trial on a machine without time synchronisation, such as a container.
    """

    device: DeviceId = "insole-1"
    affected: Affected = "none"
    trust_wall_clock: bool = False
    source: SourceConfig = SourceConfig()
    broker: BrokerConfig = BrokerConfig()
    outbox: OutboxConfig = OutboxConfig()
    state: StateConfig = StateConfig()

    @property
    def outbox_path(self) -> Path:
        """The outbox's file."""
        return Path(self.outbox.path or Path(self.state.dir) / "outbox.db")


def load(path: Path) -> AgentConfig:
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
            str(path), "", f"cannot be read ({error})", "Copy edge/sample.toml there and adapt it"
        ) from None
    return parse(text, str(path))


def parse(text: str, file: str = "-") -> AgentConfig:
    """Return the settings in `text`; `file` is its name in messages. Raises `ConfigError`."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            file, "", f"is not TOML ({error})", "Correct that line as in edge/sample.toml"
        ) from None
    return build(tree, file)


def build(tree: dict[str, Any], file: str = "-") -> AgentConfig:
    """Return the settings in a tree of plain values; raises `ConfigError` like `parse`."""
    _refuse_unknown(tree, AgentConfig, file, "")
    try:
        config = msgspec.convert(tree, AgentConfig)
    except msgspec.ValidationError as error:
        raise _wrong_value(error, file) from None
    _check(config, file)
    return config


def _refuse_unknown(
    tree: dict[str, Any], kind: type[msgspec.Struct], file: str, prefix: str
) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if name not in fields:
            raise ConfigError(file, key, "is not a known key", _nearest(name, list(fields)))
        section = fields[name]
        is_section = isinstance(section, type) and issubclass(section, msgspec.Struct)
        if is_section and isinstance(value, dict):
            _refuse_unknown(value, section, file, f"{key}.")


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known here are: {', '.join(sorted(known))}"


def _wrong_value(error: msgspec.ValidationError, file: str) -> ConfigError:
    problem, _, place = str(error).partition(" - at `$.")
    return ConfigError(
        file,
        place.rstrip("`"),
        problem[:1].lower() + problem[1:],
        "edge/sample.toml shows the default and says what is allowed",
    )


def _check(config: AgentConfig, file: str) -> None:
    broker, tls = config.broker, config.broker.tls
    if bool(tls.cert) != bool(tls.key):
        missing = "key" if tls.cert else "cert"
        raise ConfigError(
            file,
            f"broker.tls.{missing}",
            "certificate and key belong together",
            f"Set broker.tls.{missing}, or leave both empty",
        )
    if tls.cert and not tls.ca:
        raise ConfigError(
            file,
            "broker.tls.ca",
            "a certificate without an authority",
            "Name the PEM file of the authority that signed the broker's certificate",
        )
    if not (broker.encrypted or broker.allow_plaintext or _is_loopback(broker.host)):
        raise ConfigError(
            file,
            "broker.host",
            f"plaintext to {broker.host} is refused",
            "Set broker.tls.ca (see `heelfirst provision`); in a network of your own, for a "
            "trial only, set broker.allow_plaintext = true",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or re.fullmatch(r".*\.localhost", host):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

"""Reading settings, for every room that has some: TOML into frozen typed structs.

A room derives its sections from `Section`, and its error from its own root and `SettingError`;
`load` does the rest. The pipeline imports this module on servers without drivers and without
numpy: it imports nothing but the standard library and msgspec.
"""

import difflib
import ipaddress
import os
import ssl
import stat
import tomllib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

__all__ = [
    "BROKER_PASSWORD_VARIABLE",
    "BrokerConfig",
    "LogConfig",
    "MetricsConfig",
    "Problem",
    "Section",
    "SettingError",
    "TlsConfig",
    "build",
    "is_loopback",
    "load",
    "parse",
    "read_secret",
    "read_secret_file",
]

BROKER_PASSWORD_VARIABLE = "HEELFIRST_BROKER_PASSWORD"
"""The environment variable that holds the broker's password where no file does."""

_OTHERS = 0o077
_MAX_SECRET_BYTES = 64 * 1024


class SettingError(ValueError):
    """A setting that cannot be used; a room's own error derives from this and from its root.

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


class Problem(NamedTuple):
    """What is wrong with a key, and what to do about it."""

    key: str
    problem: str
    remedy: str


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the TOML file."""

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield what the types cannot say; `at` is the section's place in keys ("broker.")."""
        return iter(())


Settings = TypeVar("Settings", bound=Section)


# -- a file into structs ------------------------------------------------------------------------


def load(path: Path, kind: type[Settings], error: type[SettingError], sample: str) -> Settings:
    """Return the settings in a file.

    Parameters
    ----------
    path : Path
        The TOML file.
    kind : type of Section
        What it is read into.
    error : type of SettingError
        The room's own, raised where the file is missing, is not TOML, or has an unknown key, a
        wrong type or an unsafe setting.
    sample : str
        Where a person finds every key with its default, as remedies name it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as why:
        raise error(
            str(path), "", f"cannot be read ({why})", f"Copy {sample} there and adapt it"
        ) from None
    return parse(text, kind, error, sample, str(path))


def parse(
    text: str, kind: type[Settings], error: type[SettingError], sample: str, file: str = "-"
) -> Settings:
    """Return the settings in `text`, as `load` does; `file` is its name in messages."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as why:
        raise error(file, "", f"is not TOML ({why})", f"Correct that line as in {sample}") from None
    return build(tree, kind, error, sample, file)


def build(
    tree: dict[str, Any],
    kind: type[Settings],
    error: type[SettingError],
    sample: str,
    file: str = "-",
) -> Settings:
    """Return the settings in a tree of plain values, as `load` does."""
    for unknown in _unknown_keys(tree, kind, ""):
        raise error(file, *unknown)
    try:
        settings = msgspec.convert(tree, kind)
    except msgspec.ValidationError as why:
        what, _, place = str(why).partition(" - at `$.")
        remedy = f"{sample} shows the default and says what is allowed"
        raise error(file, place.rstrip("`"), what[:1].lower() + what[1:], remedy) from None
    for problem in _problems(settings, ""):
        raise error(file, *problem)
    return settings


def _unknown_keys(tree: dict[str, Any], kind: type[Section], at: str) -> Iterator[Problem]:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in tree.items():
        if name not in fields:
            yield Problem(f"{at}{name}", "is not a known key", _nearest(name, sorted(fields)))
            continue
        section = fields[name]
        is_section = isinstance(section, type) and issubclass(section, Section)
        if is_section and isinstance(value, dict):
            yield from _unknown_keys(value, section, f"{at}{name}.")


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known here are: {', '.join(known)}"


def _problems(section: Section, at: str) -> Iterator[Problem]:
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _problems(value, f"{at}{name}.")
    yield from section.problems(at)


# -- secrets ------------------------------------------------------------------------------------


def read_secret(key: str, file: str, variable: str, error: type[SettingError]) -> str | None:
    """Return the first line of a secret's file, or without a file the environment variable.

    Parameters
    ----------
    key : str
        The setting that names the file ("broker.password_file").
    file : str
        Its value; empty: the environment variable is read, None where that is not set.
    variable : str
        The environment variable's name.
    error : type of SettingError
        Raised for a file that is not UTF-8 text, or that `read_secret_file` refuses.
    """
    if not file:
        return os.environ.get(variable)
    refuse = partial(error, file, key)
    remedy = "Create the file with the secret as its first line, mode 0600"
    try:
        return read_secret_file(Path(file), refuse, remedy).decode().splitlines()[0]
    except UnicodeDecodeError:  # its own text would show a byte of the secret
        raise refuse("cannot be read (not UTF-8 text)", remedy) from None


def read_secret_file(
    path: Path,
    refuse: Callable[[str, str], Exception],
    remedy: str,
    owners: Collection[int] | None = None,
) -> bytes:
    """Return what a secret file holds, without the line end at its end.

    The mode is read from the open file, so that it cannot be changed for another in between.

    Parameters
    ----------
    path : Path
        The file.
    refuse : callable
        Makes of a problem and its remedy the error that is raised: the file is missing, empty,
        not a plain file, over 64 KiB, or open to group or others.
    remedy : str
        What to do where the file is missing or empty.
    owners : collection of int, optional
        User ids that the file may belong to; None: anyone.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as why:
        raise refuse(f"cannot be read ({why.strerror})", remedy) from None
    try:
        for problem in _file_problems(path, os.fstat(handle), owners):
            raise refuse(*problem)
        data = os.read(handle, _MAX_SECRET_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > _MAX_SECRET_BYTES:
        raise refuse("is over 64 KiB", "Name the file that holds the secret alone")
    secret = data.rstrip(b"\r\n")
    if not secret:
        raise refuse("is empty", remedy)
    return secret


def _file_problems(
    path: Path, status: os.stat_result, owners: Collection[int] | None
) -> Iterator[tuple[str, str]]:
    if not stat.S_ISREG(status.st_mode):
        yield "is not a plain file", "Name a file that holds the secret"
    if status.st_mode & _OTHERS:
        mode = f"{status.st_mode & 0o777:04o}"
        yield f"can be read by others (mode {mode})", f"Run: chmod 600 {path}"
    if owners is not None and status.st_uid not in owners:
        yield f"belongs to user {status.st_uid}", f"Run: chown {os.geteuid()} {path}"


# -- the way to a broker ------------------------------------------------------------------------


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class TlsConfig(Section, frozen=True):
    """TLS (1.2 or later) towards the broker; all empty means plaintext.

    Attributes
    ----------
    ca : str
        PEM file of the authority that signed the broker's certificate.
    cert, key : str
        The client's own certificate and its key, PEM files; the key's mode is to be 0600.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a certificate without its key, or without an authority."""
        if bool(self.cert) != bool(self.key):
            missing = f"{at}key" if self.cert else f"{at}cert"
            remedy = f"Set {missing}, or leave both empty"
            yield Problem(missing, "certificate and key belong together", remedy)
        if self.cert and not self.ca:
            remedy = "Name the PEM file of the authority that signed the broker's certificate"
            yield Problem(f"{at}ca", "a certificate without an authority", remedy)

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context (1.2 or later, host name checked); None for plaintext.

        Raises
        ------
        OSError
            The authority, certificate or key cannot be read, or is not what it should be.
        """
        if not self.ca:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.sslsocket_class = _TidySocket
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


class BrokerConfig(Section, frozen=True):
    """The MQTT broker: what every room that talks to one is told. A room adds its own.

    Attributes
    ----------
    host, port : str, int
        Where it listens; 8883 is the usual port with TLS.
    protocol : {"5", "3.1.1"}
        Version of MQTT.
    username, password_file : str
        Name, and the file whose first line is the password, mode 0600; without a file the
        environment variable HEELFIRST_BROKER_PASSWORD is read.
    keepalive_s : int
        A silent connection is given up after one and a half times this [s].
    allow_plaintext : bool
        Plaintext beyond the loopback interface is refused unless this is true: everyone on
        the network can then read the events. For a trial in a network of one's own.
    """

    error_type: ClassVar[type[SettingError]] = SettingError
    """What `password` raises; a room puts its own here."""

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
        """Return the password from the file or the environment; raise `error_type`."""
        key = "broker.password_file"
        return read_secret(key, self.password_file, BROKER_PASSWORD_VARIABLE, self.error_type)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield plaintext beyond this machine that nobody asked for."""
        if not (self.encrypted or self.allow_plaintext or is_loopback(self.host)):
            yield Problem(
                f"{at}host",
                f"plaintext to {self.host} is refused",
                f"Set {at}tls.ca (see `heelfirst provision`); in a network of your own, for a "
                f"trial only, set {at}allow_plaintext = true",
            )


class LogConfig(Section, frozen=True):
    """How the process logs, to standard error, which systemd keeps.

    Attributes
    ----------
    format : {"text", "json"}
        Lines for people, or one JSON object per line.
    level : {"info", "warning", "error"}
        What is logged at least; `--verbose` is "info".
    """

    format: Literal["text", "json"] = "text"
    level: Literal["info", "warning", "error"] = "warning"


class MetricsConfig(Section, frozen=True):
    """The Prometheus page.

    Attributes
    ----------
    port : int
        http://127.0.0.1:PORT/metrics, on this machine alone; 0: none.
    """

    port: Annotated[int, Meta(ge=0, le=65535)] = 0


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine; no name is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

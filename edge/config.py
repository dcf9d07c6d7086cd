"""The agent's settings: TOML into frozen typed structs.

`sample.toml` beside this file holds every key with its default; a test keeps the two equal.
Secrets never stand in the file: it names the file or the environment variable that holds them.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from edge import settings
from edge.errors import EdgeError
from edge.settings import BROKER_PASSWORD_VARIABLE, Section, SettingError, TlsConfig
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

PASSWORD_VARIABLE = BROKER_PASSWORD_VARIABLE
_SAMPLE = "edge/sample.toml"

Positive = Annotated[float, Meta(gt=0)]
Affected = Literal["none", "left", "right", "both"]


class ConfigError(EdgeError, SettingError):
    """A setting that cannot be used; see `SettingError` for its attributes."""


class SourceConfig(Section, frozen=True):
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


class BrokerConfig(settings.BrokerConfig, frozen=True):
    """The MQTT broker; see `edge.settings.BrokerConfig` for its attributes."""

    error_type = ConfigError


class OutboxConfig(Section, frozen=True):
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


class StateConfig(Section, frozen=True):
    """Where the agent keeps what must survive a restart (systemd: StateDirectory)."""

    dir: str = "/var/lib/heelfirst"


class AgentConfig(Section, frozen=True):
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
    return settings.load(path, AgentConfig, ConfigError, _SAMPLE)


def parse(text: str, file: str = "-") -> AgentConfig:
    """Return the settings in `text`; `file` is its name in messages. Raises `ConfigError`."""
    return settings.parse(text, AgentConfig, ConfigError, _SAMPLE, file)


def build(tree: dict[str, Any], file: str = "-") -> AgentConfig:
    """Return the settings in a tree of plain values; raises `ConfigError` like `parse`."""
    return settings.build(tree, AgentConfig, ConfigError, _SAMPLE, file)

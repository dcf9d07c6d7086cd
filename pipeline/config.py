"""The pipeline's settings: TOML into frozen typed structs.

`sample.toml` beside this file holds every key with its default; a test keeps the two equal.
Secrets never stand in the file: it names the file that holds them, or they come from the
environment.
"""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, structs

from edge import settings
from edge.settings import (
    BROKER_PASSWORD_VARIABLE,
    LogConfig,
    MetricsConfig,
    Problem,
    Section,
    TlsConfig,
    is_loopback,
    read_secret,
)
from pipeline.errors import ConfigError

__all__ = [
    "BROKER_PASSWORD_VARIABLE",
    "STORE_PASSWORD_VARIABLE",
    "STORE_TOKEN_VARIABLE",
    "BrokerConfig",
    "CareConfig",
    "DeadLetterConfig",
    "IngestConfig",
    "NotifyConfig",
    "PipelineConfig",
    "RegistryConfig",
    "RollupConfig",
    "StoreConfig",
    "TlsConfig",
    "load",
    "parse",
]

STORE_TOKEN_VARIABLE = "HEELFIRST_STORE_TOKEN"
STORE_PASSWORD_VARIABLE = "HEELFIRST_STORE_PASSWORD"

_SAMPLE = "pipeline/sample.toml"
Positive = Annotated[float, Meta(gt=0)]
TimeOfDay = Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]
ShareGroup = Annotated[str, Meta(pattern=r"^[^/+#$]*$")]


class BrokerConfig(settings.BrokerConfig, frozen=True):
    """The MQTT broker; see `edge.settings.BrokerConfig` for the attributes that it begins with.

    Attributes
    ----------
    client_id : str
        The pipeline's name at the broker, by which the broker keeps its session; each of several
        workers needs its own.
    persistent_session : bool
        The broker keeps what arrives while the pipeline is away. False for a broker without.
    share_group : str
        Name of a shared subscription ($share) that several workers divide; empty: none.
    """

    error_type = ConfigError

    client_id: Annotated[str, Meta(min_length=1)] = "heelfirst-pipeline"
    persistent_session: bool = True
    share_group: ShareGroup = ""


class StoreConfig(Section, frozen=True):
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
            The file that is named cannot be read, or can be read by group or others.
        """
        if self.kind == "influx2":
            key, file, variable = "store.token_file", self.token_file, STORE_TOKEN_VARIABLE
        else:
            key, file, variable = "store.password_file", self.password_file, STORE_PASSWORD_VARIABLE
        return read_secret(key, file, variable, ConfigError)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield an address that is none, that holds a secret, or that is not encrypted."""
        if self.kind == "sqlite":
            return
        key = f"{at}url"
        try:
            url = urlsplit(self.url)
        except ValueError:  # such as an address in brackets that does not end
            url = urlsplit("")
        if url.scheme not in ("http", "https") or not url.hostname:
            remedy = "Write it as http://127.0.0.1:8086 or https://influx.example:8086"
            yield Problem(key, f"{self.url!r} is not an http(s) address", remedy)
            return
        if url.username or url.password:
            remedy = f"Use {at}username and {at}password_file or {at}token_file"
            yield Problem(key, "holds a secret", remedy)
        if url.scheme == "http" and not (self.allow_plaintext or is_loopback(url.hostname)):
            remedy = f"Use https; in a closed network of your own, {at}allow_plaintext = true"
            yield Problem(key, f"plaintext to {url.hostname} is refused", remedy)


class RegistryConfig(Section, frozen=True):
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


class CareConfig(Section, frozen=True):
    """What is set for patients, and how it reaches their devices.

    Attributes
    ----------
    zone : str
        The clinic's time zone such as "Europe/Berlin", for patients without one of their own.
    poll_s : float
        What the command line changed is looked for so often [s].
    """

    zone: Annotated[str, Meta(min_length=1)] = "UTC"
    poll_s: Annotated[float, Meta(ge=0.1, le=60)] = 2.0

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a time zone that is none."""
        if self.zone not in zoneinfo.available_timezones():
            remedy = 'Give one such as "Europe/Berlin" (timedatectl list-timezones)'
            yield Problem(f"{at}zone", f"no such time zone: {self.zone}", remedy)


class DeadLetterConfig(Section, frozen=True):
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


class IngestConfig(Section, frozen=True):
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


class RollupConfig(Section, frozen=True):
    """Where hours and days go that the pipeline computes: beside the events, apart from them.

    The kind of store, its address and whatever is left empty here are those of [store].

    Attributes
    ----------
    path : str
        The file of "sqlite".
    database, username, password_file : str
        Of "influx1": an account that reads the events and reads and writes the rollups.
    bucket, token_file : str
        Of "influx2": the same.
    touched : str
        The SQLite file that knows which hours have to be looked at.
    every_s : float
        The same day is made anew at most this often [s].
    """

    path: Annotated[str, Meta(min_length=1)] = "/var/lib/heelfirst/rollups.db"
    database: Annotated[str, Meta(min_length=1)] = "gait_rollups"
    username: str = ""
    password_file: str = ""
    bucket: Annotated[str, Meta(min_length=1)] = "gait_rollups"
    token_file: str = ""
    touched: Annotated[str, Meta(min_length=1)] = "/var/lib/heelfirst/touched.db"
    every_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0

    def source(self, store: StoreConfig) -> StoreConfig:
        """Return how the rollups' account reads the events."""
        return structs.replace(
            store,
            username=self.username or store.username,
            password_file=self.password_file or store.password_file,
            token_file=self.token_file or store.token_file,
        )

    def target(self, store: StoreConfig) -> StoreConfig:
        """Return where the rollups are kept."""
        return structs.replace(
            self.source(store), path=self.path, database=self.database, bucket=self.bucket
        )


class NotifyConfig(Section, frozen=True):
    """Who is told of alerts, when, and how they acknowledge; see pipeline/notify/policy.py.

    Attributes
    ----------
    path : str
        The SQLite file: what is open, what is to be sent.
    recipients : str
        The folder of address files, each mode 0600; empty: nobody is told.
    key_file : str
        The key that signs links, made where missing, mode 0600.
    link : str
        Address under which people reach the acknowledgement page, such as
        https://clinic.example/alerts; empty: messages hold no link.
    link_hours : float
        How long a link works.
    host, port : str, int
        Where the page is served; port 0: nowhere. Beyond loopback put TLS in front of it.
    quiet_from, quiet_to : str
        "HH:MM" in the patient's zone: only high priority pages; both empty: no quiet hours.
    group_s, escalate_min, repeat_h, cooldown_h, most_per_day, late_min
        As in reliability: grouping, then the caregiver, repeats, pauses, pages a day, too late.
    snooze_min : float
        What the button puts an alert off by.
    silent_min : float
        A device that says nothing for so long raises a technical alarm; 0: never.
    """

    path: Annotated[str, Meta(min_length=1)] = "/var/lib/heelfirst/notify.db"
    recipients: str = "/etc/heelfirst/recipients"
    key_file: Annotated[str, Meta(min_length=1)] = "/var/lib/heelfirst/acknowledge.key"
    link: str = ""
    link_hours: Positive = 48.0
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    quiet_from: TimeOfDay = "22:00"
    quiet_to: TimeOfDay = "07:00"
    group_s: Annotated[float, Meta(ge=0, le=600)] = 30.0
    escalate_min: Annotated[float, Meta(ge=0, le=1440)] = 10.0
    repeat_h: Annotated[float, Meta(gt=0, le=72)] = 4.0
    cooldown_h: Annotated[float, Meta(ge=0, le=72)] = 2.0
    most_per_day: Annotated[int, Meta(ge=1, le=50)] = 3
    late_min: Annotated[float, Meta(gt=0, le=1440)] = 30.0
    snooze_min: Annotated[float, Meta(gt=0, le=1440)] = 30.0
    silent_min: Annotated[float, Meta(ge=0, le=1440)] = 30.0

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield quiet hours or an address that cannot be."""
        if bool(self.quiet_from) != bool(self.quiet_to):
            remedy = "Give both times of day, or leave both empty for no quiet hours"
            yield Problem(f"{at}quiet_to", "does not make quiet hours", remedy)
        if self.link and not self.link.startswith(("https://", "http://")):
            remedy = "Write it as https://clinic.example/alerts"
            yield Problem(f"{at}link", f"{self.link!r} is not an http(s) address", remedy)


class HomeAssistantConfig(Section, frozen=True):
    """Home Assistant's MQTT discovery, for one home.

    Attributes
    ----------
    enabled : bool
        Publish it, over the pipeline's own connection.
    prefix : str
        Home Assistant's discovery prefix.
    """

    enabled: bool = False
    prefix: Annotated[str, Meta(pattern=r"^[^/#+]+(/[^/#+]+)*$")] = "homeassistant"


class PipelineConfig(Section, frozen=True):
    """Everything the pipeline can be told."""

    broker: BrokerConfig = BrokerConfig()
    store: StoreConfig = StoreConfig()
    registry: RegistryConfig = RegistryConfig()
    care: CareConfig = CareConfig()
    deadletter: DeadLetterConfig = DeadLetterConfig()
    ingest: IngestConfig = IngestConfig()
    notify: NotifyConfig = NotifyConfig()
    rollups: RollupConfig = RollupConfig()
    homeassistant: HomeAssistantConfig = HomeAssistantConfig()
    metrics: MetricsConfig = MetricsConfig()
    log: LogConfig = LogConfig()

    @property
    def journal_path(self) -> Path:
        """The journal of exports, erasures, changed thresholds and acknowledgements."""
        return Path(self.registry.path).with_name("journal.jsonl")


def load(path: Path) -> PipelineConfig:
    """Return the settings in a file.

    Raises
    ------
    ConfigError
        The file is missing, not TOML, has an unknown key, a wrong type or an unsafe setting.
    """
    return settings.load(path, PipelineConfig, ConfigError, _SAMPLE)


def parse(text: str, file: str = "-") -> PipelineConfig:
    """Return the settings in `text`; `file` is its name in messages. Raises `ConfigError`."""
    return settings.parse(text, PipelineConfig, ConfigError, _SAMPLE, file)

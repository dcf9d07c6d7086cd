"""The agent's settings: TOML into frozen typed structs.

`sample.toml` beside this file holds every key with its default; a test keeps the two equal.
Secrets never stand in the file: it names the file or the environment variable that holds them.
"""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from edge import settings
from edge.errors import EdgeError
from edge.settings import (
    BROKER_PASSWORD_VARIABLE,
    LogConfig,
    MetricsConfig,
    Problem,
    Section,
    SettingError,
    TlsConfig,
)
from edge.wire import DeviceId

__all__ = [
    "PASSWORD_VARIABLE",
    "AgentConfig",
    "BrokerConfig",
    "ConfigError",
    "CueConfig",
    "ExercisesConfig",
    "OutboxConfig",
    "PageConfig",
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
Pin = Annotated[int, Meta(ge=0, le=27)]
TimeOfDay = Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]

FIRST_LOW_PIN = 9
"""From here on a pin of the Pi is pulled low at reset; GPIO 0-8 are pulled high."""


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
    left, right : str
        Where each foot's device is: a Bluetooth address, a serial line, an I2C address such as
        "0x6A". `heelfirst devices add` writes them. Where one is named, the other, empty, is not
        listened to; both empty: the driver's own places.
    mode : {"", "100 Hz", "200 Hz", "pull"}
        Of an ORPHE INSOLE; empty: 100 Hz.
    port : int
        UDP port of an OpenFoot or Moticon source; 0: the driver's own.
    bus : int
        Number of the I2C bus: 1 is /dev/i2c-1.
    adapter : str
        Bluetooth adapter such as "hci1"; empty: the default one.
    shoe : str
        Name of the shoe the device sits in; a calibration belongs to device and shoe.
    """

    driver: str = "virtual"
    profile: str = ""
    path: str = ""
    side: Literal["both", "left", "right"] = "both"
    left: str = ""
    right: str = ""
    mode: Literal["", "100 Hz", "200 Hz", "pull"] = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    bus: Annotated[int, Meta(ge=0)] = 1
    adapter: str = ""
    shoe: str = "shoe"


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


class CueConfig(Section, frozen=True):
    """Cues to the patient: when, how often, and by what. Off unless somebody wants them.

    Attributes
    ----------
    enabled : bool
        Give cues at all.
    toe_strike, toe_drag, near_trip : bool
        What a cue is given for, on the affected leg.
    failures, failures_of : int
        In everyday life a cue for toe-first contacts and drags comes when so many of so many steps
        of the leg failed; then counting begins anew. 1: with each.
    practice_min : float
        How long a practice session lasts, where nothing else is said.
    delay_ms, latest_ms : float
        A cue about a contact comes so long after it at the earliest, and never later than
        `latest_ms`: it is feedback on the step just made, not on the next one. Other causes are
        counted from the sample that decided them, without a delay.
    pulse_ms : float
        How long a cue lasts.
    pause_s : float
        From the start of one cue to the next, at least.
    most_per_minute, most_duty_percent : int, float
        Within any minute.
    quiet_from, quiet_to : str
        "HH:MM" in the patient's time zone, without cues; both empty: no quiet hours.
    zone : str
        The patient's time zone such as "Europe/Berlin"; empty: this machine's.
    fresh_s : float
        Data older than this are stale, and mute.
    mute_min : float
        The button mutes for so long; a second press ends it. 0: until the second press.
    buzzer_pin, vibration_pin, led_pin, mute_pin : int
        GPIO numbers; 0: not there. Outputs want a pin that is pulled low at reset: 9 or above.
    vibration_strength : float
        Share of the vibration motor's full power.
    sound : bool
        A tone on the Pi's own output.
    voice : {"", "de", "en"}
        Spoken words instead of tones in everyday life, in this language; empty: tones.
    """

    enabled: bool = False
    toe_strike: bool = True
    toe_drag: bool = True
    near_trip: bool = False
    failures: Annotated[int, Meta(ge=1, le=50)] = 3
    failures_of: Annotated[int, Meta(ge=1, le=50)] = 10
    practice_min: Annotated[float, Meta(ge=1, le=5)] = 2.5
    delay_ms: Annotated[float, Meta(ge=0, le=500)] = 60.0
    latest_ms: Annotated[float, Meta(ge=20, le=500)] = 100.0
    pulse_ms: Annotated[float, Meta(ge=20, le=500)] = 120.0
    pause_s: Annotated[float, Meta(ge=0.5, le=600)] = 1.0
    most_per_minute: Annotated[int, Meta(ge=1, le=60)] = 20
    most_duty_percent: Annotated[float, Meta(gt=0, le=20)] = 5.0
    quiet_from: TimeOfDay = "21:00"
    quiet_to: TimeOfDay = "07:00"
    zone: str = ""
    fresh_s: Annotated[float, Meta(gt=0, le=5)] = 0.5
    mute_min: Annotated[float, Meta(ge=0, le=1440)] = 60.0
    buzzer_pin: Pin = 0
    vibration_pin: Pin = 0
    led_pin: Pin = 0
    mute_pin: Pin = 0
    vibration_strength: Annotated[float, Meta(gt=0, le=1)] = 0.8
    sound: bool = False
    voice: Literal["", "de", "en"] = ""

    @property
    def output_pins(self) -> tuple[int, ...]:
        """The pins that give cues."""
        return tuple(pin for pin in (self.buzzer_pin, self.vibration_pin, self.led_pin) if pin)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield times, a zone and pins that do not fit together."""
        if self.latest_ms < self.delay_ms:
            yield Problem(
                f"{at}latest_ms", f"is under {at}delay_ms", "Set it at least as long as the delay"
            )
        if self.failures > self.failures_of:
            remedy = f"Set it to {at}failures_of or less"
            yield Problem(f"{at}failures", f"is over {at}failures_of, so no cue comes", remedy)
        if bool(self.quiet_from) != bool(self.quiet_to) or (
            self.quiet_from and self.quiet_from == self.quiet_to
        ):
            remedy = "Give two different times of day, or leave both empty for no quiet hours"
            yield Problem(f"{at}quiet_to", "does not make quiet hours", remedy)
        if self.zone and not _is_zone(self.zone):
            remedy = 'Give one such as "Europe/Berlin" (timedatectl list-timezones)'
            yield Problem(f"{at}zone", f"no such time zone: {self.zone}", remedy)
        yield from self._pin_problems(at)

    def _pin_problems(self, at: str) -> Iterator[Problem]:
        taken: dict[int, str] = {}
        for name in ("buzzer_pin", "vibration_pin", "led_pin", "mute_pin"):
            pin = getattr(self, name)
            if pin in taken:
                remedy = f"{at}{taken[pin]} has it; choose another"
                yield Problem(f"{at}{name}", f"GPIO {pin} is taken twice", remedy)
            if name != "mute_pin" and 0 < pin < FIRST_LOW_PIN:
                remedy = f"Choose one of GPIO {FIRST_LOW_PIN}-27, so that it is off while booting"
                yield Problem(f"{at}{name}", f"GPIO {pin} is pulled high at reset", remedy)
            if pin:
                taken[pin] = name
        if self.enabled and not (self.output_pins or self.sound or self.voice):
            remedy = f"Set {at}vibration_pin, {at}buzzer_pin, {at}led_pin, {at}sound or {at}voice"
            yield Problem(f"{at}enabled", "there is nothing to give a cue with", remedy)


class ExercisesConfig(Section, frozen=True):
    """Home exercises and habits.

    Attributes
    ----------
    enabled : bool
        Recognise them.
    reminders : bool
        Remind gently of long sitting and crossed legs, until the patient says otherwise.
    long_sitting_min, crossed_min : float
        From when on sitting is long, and crossed legs bring a reminder [min].
    """

    enabled: bool = True
    reminders: bool = True
    long_sitting_min: Annotated[float, Meta(ge=10, le=600)] = 60.0
    crossed_min: Annotated[float, Meta(ge=1, le=600)] = 10.0


class PageConfig(Section, frozen=True):
    """The patient's page.

    Attributes
    ----------
    enabled : bool
        Serve it.
    host, port : str, int
        Where it listens. "127.0.0.1" is this machine alone; "0.0.0.0" is everyone in the home
        network, who still need the code.
    names : str
        Names, by spaces, under which it is opened beside addresses and this machine's own name.
    cert, key : str
        PEM files for TLS; the key's mode is to be 0600.
    allow_plaintext : bool
        Without TLS the page is refused beyond this machine unless this is true: everyone in the
        network can then read along, and take over an open screen.
    language : {"en", "de"}
        Until another one is chosen on the page.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8420
    names: str = ""
    cert: str = ""
    key: str = ""
    allow_plaintext: bool = False
    language: Literal["en", "de"] = "en"

    @property
    def is_open(self) -> bool:
        """Whether others in the network can read along."""
        return not (self.cert or settings.is_loopback(self.host))

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a certificate without its key, and plaintext that nobody asked for."""
        if bool(self.cert) != bool(self.key):
            missing = f"{at}key" if self.cert else f"{at}cert"
            remedy = f"Set {missing}, or leave both empty"
            yield Problem(missing, "certificate and key belong together", remedy)
        if self.enabled and self.is_open and not self.allow_plaintext:
            remedy = (
                f"Set {at}cert and {at}key; in a home network of your own {at}allow_plaintext = "
                "true says that everyone in it may read along"
            )
            yield Problem(f"{at}host", f"a page in plaintext at {self.host} is refused", remedy)


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


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
    cues: CueConfig = CueConfig()
    exercises: ExercisesConfig = ExercisesConfig()
    page: PageConfig = PageConfig()
    state: StateConfig = StateConfig()
    metrics: MetricsConfig = MetricsConfig()
    log: LogConfig = LogConfig()

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

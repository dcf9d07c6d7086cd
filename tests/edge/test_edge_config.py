"""The agent's settings: the sample is the default, and each mistake is named with its remedy."""

import tomllib
from pathlib import Path

import msgspec
import pytest

import edge.config
from edge.config import PASSWORD_VARIABLE, AgentConfig, BrokerConfig, ConfigError, load, parse
from edge.errors import EdgeError
from edge.settings import SettingError

SAMPLE = Path(edge.config.__file__).with_name("sample.toml")


def test_sample_equals_the_defaults():
    assert load(SAMPLE) == parse("") == AgentConfig()


def test_sample_shows_every_key():
    assert tomllib.loads(SAMPLE.read_text()) == msgspec.to_builtins(AgentConfig())


MISTAKES = [
    ("devise = 'a'", "devise", "Did you mean 'device'?"),
    ("[broker]\nhots = 'a'", "broker.hots", "Did you mean 'host'?"),
    ("[broker.tls]\ncertificate = 'a'", "broker.tls.certificate", "Did you mean 'cert'?"),
    ("[kitchen]\na = 1", "kitchen", "Known here are: affected, broker, cues"),
    ("[broker]\npassword = 'secret'", "broker.password", "Did you mean 'password_file'?"),
    ("device = 'Not Good'", "device", "sample.toml"),
    ("device = 7", "device", "sample.toml"),
    ("affected = 'middle'", "affected", "sample.toml"),
    ("[broker]\nport = 0", "broker.port", "sample.toml"),
    ("[broker]\nport = '1883'", "broker.port", "sample.toml"),
    ("[broker]\nprotocol = '4'", "broker.protocol", "sample.toml"),
    ("[outbox]\ncommit_s = 0", "outbox.commit_s", "sample.toml"),
    ("[outbox]\nmax_rows = -1", "outbox.max_rows", "sample.toml"),
    ("broker = 3", "broker", "sample.toml"),
    ("[broker]\nhost = 'clinic.example'", "broker.host", "allow_plaintext = true"),
    ("[broker]\nhost = '192.168.1.5'", "broker.host", "broker.tls.ca"),
    ("[broker.tls]\ncert = 'c.pem'", "broker.tls.key", "leave both empty"),
    ("[broker.tls]\nca = 'a'\nkey = 'k.pem'", "broker.tls.cert", "leave both empty"),
    ("[broker.tls]\ncert = 'c'\nkey = 'k'", "broker.tls.ca", "authority"),
    ("[source]\nmode = '300 Hz'", "source.mode", "sample.toml"),
    ("[cues]\nenabled = true", "cues.enabled", "cues.sound"),
    ("[cues]\nbuzzer_pin = 4", "cues.buzzer_pin", "GPIO 9-27"),
    ("[cues]\nbuzzer_pin = 28", "cues.buzzer_pin", "sample.toml"),
    ("[cues]\nbuzzer_pin = 12\nmute_pin = 12", "cues.mute_pin", "cues.buzzer_pin has it"),
    ("[cues]\ndelay_ms = 200.0", "cues.latest_ms", "as long as the delay"),
    ("[cues]\nquiet_to = ''", "cues.quiet_to", "leave both empty"),
    ("[cues]\nquiet_from = '07:00'", "cues.quiet_to", "two different times"),
    ("[cues]\nquiet_from = '24:00'", "cues.quiet_from", "sample.toml"),
    ("[cues]\nzone = 'Europe/Nowhere'", "cues.zone", "timedatectl"),
    ("[cues]\nzone = '../../etc/passwd'", "cues.zone", "timedatectl"),
    ("[cues]\nmost_duty_percent = 50.0", "cues.most_duty_percent", "sample.toml"),
    ("[cues]\npulse_ms = 5000.0", "cues.pulse_ms", "sample.toml"),
]


@pytest.mark.parametrize(("text", "key", "remedy"), MISTAKES)
def test_mistake_is_named_with_file_key_and_remedy(tmp_path, text, key, remedy):
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.key == key
    assert caught.value.file == str(path)
    assert remedy in caught.value.remedy
    assert str(path) in str(caught.value)


def test_not_toml_names_the_line(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text("device = 'a'\n[broker\n")
    with pytest.raises(ConfigError, match="line 2"):
        load(path)


def test_missing_file_says_what_to_copy(tmp_path):
    with pytest.raises(ConfigError, match=r"Copy edge/sample\.toml"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "a.localhost"])
def test_plaintext_on_this_machine_is_fine(host):
    assert parse(f"[broker]\nhost = '{host}'").broker.host == host


@pytest.mark.parametrize("more", ["allow_plaintext = true", "tls.ca = 'ca.pem'"])
def test_beyond_it_takes_tls_or_a_word(more):
    assert parse(f"[broker]\nhost = 'clinic.example'\n{more}").broker.host == "clinic.example"


@pytest.fixture
def password(tmp_path) -> Path:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text("from-file\n")
    return path


def test_password_comes_from_the_file_first(password, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, "from-environment")
    assert BrokerConfig().password() == "from-environment"
    assert BrokerConfig(password_file=str(password)).password() == "from-file"


def test_password_is_never_in_what_is_shown(password):
    config = BrokerConfig(password_file=str(password))
    assert config.password() == "from-file"
    assert "from-file" not in repr(config) + str(msgspec.to_builtins(config))


def test_unreadable_password_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"broker\.password_file"):
        BrokerConfig(password_file=str(tmp_path / "none")).password()


def test_password_file_open_to_others_is_refused(password):
    password.chmod(0o644)
    with pytest.raises(ConfigError, match=r"broker\.password_file") as caught:
        BrokerConfig(password_file=str(password)).password()
    assert caught.value.remedy == f"Run: chmod 600 {password}"


def test_outbox_lies_in_the_state_directory_unless_told():
    assert parse("[state]\ndir = '/x'").outbox_path == Path("/x/outbox.db")
    assert parse("[outbox]\npath = '/y/o.db'").outbox_path == Path("/y/o.db")


def test_config_error_is_of_this_room_and_a_value_error():
    assert issubclass(ConfigError, EdgeError)
    assert issubclass(ConfigError, SettingError)
    assert issubclass(ConfigError, ValueError)

"""The pipeline's settings: what is allowed, and what is said where something is not."""

import tomllib
from pathlib import Path

import msgspec
import pytest

import pipeline
from pipeline.config import PipelineConfig, StoreConfig, load, parse
from pipeline.errors import ConfigError, PipelineError

SAMPLE = Path(pipeline.__file__).parent / "sample.toml"


def test_the_sample_equals_the_defaults_and_has_every_key() -> None:
    assert load(SAMPLE) == PipelineConfig()
    assert tomllib.loads(SAMPLE.read_text()) == msgspec.to_builtins(PipelineConfig())


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("[brocker]\n", "brocker", "Did you mean 'broker'"),
        ("[broker]\nhots = 'x'\n", "broker.hots", "Did you mean 'host'"),
        ("[broker.tls]\nzzz = 1\n", "broker.tls.zzz", "Known here are: ca, cert, key"),
        ("[broker]\nport = '1883'\n", "broker.port", "expected"),
        ("[broker]\nport = 0\n", "broker.port", ">= 1"),
        ("[broker]\nprotocol = '4'\n", "broker.protocol", "sample.toml"),
        ("[broker]\nshare_group = 'a/b'\n", "broker.share_group", "sample.toml"),
        ("[broker]\nhost = 'broker.example'\n", "broker.host", "allow_plaintext"),
        ("[broker.tls]\nca = 'a'\ncert = 'c'\n", "broker.tls.key", "belong together"),
        ("[broker.tls]\ncert = 'c'\nkey = 'k'\n", "broker.tls.ca", "authority"),
        ("[store]\nkind = 'influx'\n", "store.kind", "sample.toml"),
        ("[store]\nkind = 'influx2'\nurl = 'db:8086'\n", "store.url", "http"),
        ("[store]\nkind = 'influx2'\nurl = 'http://[::1'\n", "store.url", "http"),
        ("[store]\nkind = 'influx1'\nurl = 'http://db:8086'\n", "store.url", "https"),
        ("[store]\nkind = 'influx1'\nurl = 'http://a:b@[::1]:8086'\n", "store.url", "secret"),
        ("[store]\nkind = 'influx1'\ndatabase = ''\n", "store.database", ">= 1"),
        ("[ingest]\ncoalesce_ms = -1.0\n", "ingest.coalesce_ms", "> 0"),
        ("broker = 3\n", "broker", "expected"),
        ("[broker\n", "", "not TOML"),
    ],
)
def test_a_wrong_setting_names_its_key_and_the_remedy(text: str, key: str, says: str) -> None:
    with pytest.raises(ConfigError, match=r"^house\.toml") as caught:
        parse(text, "house.toml")
    assert caught.value.key == key
    assert says in str(caught.value)
    assert caught.value.remedy
    assert isinstance(caught.value, PipelineError)


def test_plaintext_is_allowed_on_loopback_and_on_demand() -> None:
    for host in ("localhost", "127.0.0.2", "::1"):
        assert parse(f"[broker]\nhost = '{host}'\n").broker.host == host
    text = "[store]\nkind = 'influx2'\nurl = 'http://db:8086'\nallow_plaintext = true\n"
    assert parse(text).store.url == "http://db:8086"
    assert parse("[store]\nkind = 'influx2'\nurl = 'https://db:8086'\n").store.kind == "influx2"


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigError, match=r"sample\.toml") as caught:
            load(path)
        assert str(path) in str(caught.value)


def test_secrets_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("from-file\nrest\n")
    monkeypatch.setenv("HEELFIRST_STORE_TOKEN", "from-environment")
    monkeypatch.delenv("HEELFIRST_STORE_PASSWORD", raising=False)
    assert StoreConfig(kind="influx2").secret() == "from-environment"
    assert StoreConfig(kind="influx2", token_file=str(file)).secret() == "from-file"
    assert StoreConfig(kind="influx1").secret() is None
    assert "from-file" not in repr(StoreConfig(kind="influx2", token_file=str(file)))
    with pytest.raises(ConfigError, match="0600") as caught:
        StoreConfig(kind="influx2", token_file=str(tmp_path / "absent")).secret()
    assert caught.value.key == "store.token_file"


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (StoreConfig(kind="influx2"), "store.token_file"),
        (StoreConfig(kind="influx1"), "store.password_file"),
    ],
)
def test_a_secret_that_others_can_read_is_refused(
    config: StoreConfig, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.touch(0o640)
    file.write_text("word\n")
    with pytest.raises(ConfigError, match=r"mode 0640") as caught:
        msgspec.structs.replace(config, token_file=str(file), password_file=str(file)).secret()
    assert (caught.value.key, caught.value.file) == (key, str(file))
    assert caught.value.remedy == f"Run: chmod 600 {file}"
    assert "word" not in str(caught.value).replace("password", "")

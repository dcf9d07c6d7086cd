"""compose.yaml and its scripts: structure, no secret, least right. No container engine needed.

Where Docker's compose is present, it reads the file, too.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import load

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = ROOT / "pipeline" / "compose"
TEXT = (ROOT / "compose.yaml").read_text()
TREE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = TREE["services"]
ONCE = {"init", "setup"}
# What the Compose specification knows of a service, as far as it is used here.
KEYS = {
    "build", "cap_add", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image",
    "logging", "network_mode", "networks", "ports", "read_only", "restart", "security_opt",
    "tmpfs", "user", "volumes",
}  # fmt: skip


def test_its_parts_are_those_of_the_specification() -> None:
    assert {key for key in TREE if not key.startswith("x-")} == {
        "name", "services", "networks", "volumes",
    }  # fmt: skip
    for name, service in SERVICES.items():
        assert set(service) <= KEYS, name
        for network in service.get("networks", ()):
            assert network in TREE["networks"]
        for other, wanted in service.get("depends_on", {}).items():
            condition = wanted["condition"]
            is_once = other in ONCE
            assert condition == ("service_completed_successfully" if is_once else "service_healthy")
            assert is_once or "healthcheck" in SERVICES[other]


def test_every_volume_and_file_that_is_named_is_there() -> None:
    used = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).partition(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_dir(), source
            else:
                assert source in TREE["volumes"], source
                used.add(source)
    assert used == set(TREE["volumes"])
    assert (ROOT / SERVICES["init"]["build"]["dockerfile"]).is_file()


def test_images_are_pinned() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[a-z0-9/._-]+:\d+\.\d+\.\d+", service["image"]), name
    images = re.findall(r"^FROM (\S+)", (COMPOSE / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(images)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", images[0])
    assert "--require-hashes" in (COMPOSE / "Dockerfile").read_text()


def test_every_service_that_stays_is_watched_and_has_no_right_too_many() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name in ONCE:
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"][0] == "CMD"
            assert not service["user"].startswith(("0", "root")), name
            assert "cap_add" not in service
        assert service.get("read_only") or name == "influxdb"


def test_only_tls_is_reached_from_other_machines() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:") or (name, port) == ("mosquitto", "8883:8883")
    assert TREE["networks"]["inside"] == {"internal": True}
    assert SERVICES["influxdb"]["networks"] == ["inside"]
    assert SERVICES["init"]["network_mode"] == "none"


def test_no_password_and_no_token_stands_in_any_file() -> None:
    files = [ROOT / "compose.yaml", *COMPOSE.iterdir()]
    files += sorted((ROOT / "grafana" / "provisioning").glob("*/*.yaml"))
    said = re.compile(r"(?i)(pass(word)?|token|secret|secret_?key)\w*[\"']?\s*[:=]\s*(.+)")
    for path in files:
        for line in path.read_text().splitlines():
            found = said.search(line.partition("#")[0])
            value = found[3].strip().strip("\"'") if found else ""
            if value in ("", "{}", "$2"):
                continue
            is_file = value.startswith(("/", "${", "Token $__file{/", "$__file{/"))
            assert is_file or value.endswith(".token"), f"{path.name}: {line}"


def test_the_pipeline_reads_its_file() -> None:
    settings = load(COMPOSE / "pipeline.toml")
    assert settings.broker.tls.key
    assert settings.store.kind == "influx2"
    assert settings.metrics.port == 9464
    assert "9464" in str(SERVICES["pipeline"]["healthcheck"]["test"])
    assert (
        f"127.0.0.1:{settings.notify.port}:{settings.notify.port}"
        in (SERVICES["pipeline"]["ports"])
    )


def test_grafana_reads_the_files_that_setup_gives_it() -> None:
    text = (COMPOSE / "setup.sh").read_text()
    found = re.search(r"^give 472:0 grafana (.*)$", text, re.MULTILINE)
    assert found
    given = {f"/run/heelfirst/influx2-{name}.token" for name in found[1].split()}
    sources = (ROOT / "grafana" / "provisioning" / "datasources" / "heelfirst.yaml").read_text()
    assert set(re.findall(r"\$__file\{([^}]+)\}", sources)) == given


@pytest.fixture
def house(tmp_path: Path) -> dict[str, str]:
    """Folders as init's volumes, and `heelfirst` on the path."""
    folders = {
        "CLINIC_FOLDER": tmp_path / "clinic",
        "BROKER_FOLDER": tmp_path / "broker",
        "SECRETS_FOLDER": tmp_path / "secrets",
        "DATA_FOLDER": tmp_path / "data",
        "INFLUX_CONFIG": tmp_path / "influx-config",
    }
    for folder in (*folders.values(), tmp_path / "data" / "mosquitto", tmp_path / "data/influxdb2"):
        folder.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {key: str(folder) for key, folder in folders.items()}
    return {**known, "PATH": path, "HEELFIRST_CLINIC": "north", "HEELFIRST_HOST": "a.example"}


def run(script: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", str(COMPOSE / script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_init_makes_secrets_once_and_shows_none(house: dict[str, str]) -> None:
    said = run("init.sh", house)
    folder = Path(house["SECRETS_FOLDER"])
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {str(path.relative_to(folder)) for path in files} == {
        "grafana/admin-password",
        "grafana/secret-key",
        "pipeline/broker/ca.crt",
        "pipeline/broker/cert.pem",
        "pipeline/broker/key.pem",
    }
    words = [files[folder / "grafana" / name] for name in ("admin-password", "secret-key")]
    assert len(set(words)) == 2
    assert all(len(word) >= 43 and word.decode() not in said for word in words)
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    conf = (Path(house["BROKER_FOLDER"]) / "mosquitto.conf").read_text()
    assert f"certfile {house['BROKER_FOLDER']}/broker.crt" in conf
    run("init.sh", house)
    assert {path: path.read_bytes() for path in files} == files


def test_setup_gives_each_service_the_tokens_of_its_work(
    house: dict[str, str], tmp_path: Path
) -> None:
    """With a `heelfirst` that makes the tokens as `pipeline setup` does."""
    made = "ingest dashboards daily rollups admin"
    fake = tmp_path / "bin" / "heelfirst"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\n[ "$1 $2 $3 $5" = "pipeline setup --config --secrets" ] || exit 9\n'
        f'for name in {made}; do echo "$name" >"$6/influx2-$name.token"; done\n'
    )
    fake.chmod(0o755)
    run("setup.sh", {**house, "PATH": f"{fake.parent}:{house['PATH']}"})
    folder = Path(house["SECRETS_FOLDER"])
    given = {
        service: {path.read_text().strip() for path in (folder / service).glob("*.token")}
        for service in ("pipeline", "grafana")
    }
    assert given == {"pipeline": {"ingest", "rollups"}, "grafana": {"dashboards", "daily"}}
    for path in folder.rglob("*.token"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_docker_compose_reads_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True,
                                        check=False).returncode:  # fmt: skip
        pytest.skip("docker's compose is not here: its own check of compose.yaml is left out")
    done = subprocess.run(
        [docker, "compose", "--file", str(ROOT / "compose.yaml"), "config", "--quiet"],
        env={**os.environ, "HEELFIRST_HOST": "a.example"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

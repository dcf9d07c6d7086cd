"""The command line as its user meets it: help, wrong input, the demo, Ctrl-C, the doctor."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from servers import Server, free_port

from edge import wire

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-m", "heelfirst"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def agent_file(folder: Path, port: int, extra: str = "") -> Path:
    path = folder / "agent.toml"
    path.write_text(
        f'device = "shoe-1"\ntrust_wall_clock = true\n{extra}\n[broker]\nport = {port}\n'
        f'[state]\ndir = "{folder / "agent"}"\n[page]\nport = {free_port()}\n'
    )
    return path


def pipeline_file(folder: Path, port: int) -> Path:
    path = folder / "pipeline.toml"
    path.write_text(
        f'[broker]\nport = {port}\n[store]\npath = "{folder / "store.db"}"\n'
        f'[registry]\npath = "{folder / "registry.db"}"\n'
        f'[deadletter]\npath = "{folder / "deadletters"}"\n'
        f'[rollups]\npath = "{folder / "rollups.db"}"\ntouched = "{folder / "touched.db"}"\n'
        f'[notify]\npath = "{folder / "notify.db"}"\nrecipients = "{folder / "people"}"\n'
        f'key_file = "{folder / "acknowledge.key"}"\n'
    )
    return path


def test_help_says_what_it_is_not() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "Not a medical device" in done.stdout
    for command in ("demo", "agent", "pipeline", "analyse", "patients", "doctor", "bench"):
        assert command in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, heelfirst; "
        "heavy = {'hw', 'kernels', 'numpy', 'aiomqtt', 'msgspec', 'cryptography', 'edge.config'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


WRONG: list[tuple[list[str], str]] = [
    (["analyse", "no-such-file.txt", "--out", "out"], "no-such-file.txt"),
    (["demo", "--broker", "somewhere"], "HOST:PORT"),
    (["demo", "--influx", "somewhere"], "http://HOST:PORT/DATABASE"),
    (["demo", "--seconds", "1", "--out", "/dev/null/out"], "/dev/null/out"),
    (["agent", "--config", "no-such-file.toml"], "no-such-file.toml"),
    (["pipeline", "--config", "no-such-file.toml"], "no-such-file.toml"),
]


@pytest.mark.parametrize(("arguments", "named"), WRONG, ids=lambda part: str(part)[:40])
def test_wrong_input_is_one_line_and_exit_code_2(arguments: list[str], named: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--affected", "middle"],
        ["demo", "--patient", "sad"],
        ["config", "cellar"],
        ["demo", "--speed", "0"],
    ],
    ids=" ".join,
)
def test_wrong_choice_is_exit_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert arguments[-1] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_recording_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    recording = tmp_path / "walk.csv"
    recording.write_text("time,left_cell_1\n0.00,1.0\n0.01,heavy\n")
    profile = tmp_path / "insole.toml"
    profile.write_text('name = "one cell"\n[cells]\nunit = "N"\nx = [0.5]\ny = [0.5]\n')
    done = run("analyse", recording, "--profile", profile, "--out", tmp_path / "analysis")
    assert done.returncode == 2
    assert "left_cell_1" in done.stderr
    assert "line 3" in done.stderr
    assert not (tmp_path / "analysis").exists()


@pytest.mark.parametrize("room", ["agent", "pipeline"])
def test_config_prints_a_sample_that_loads(room: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.toml"
    sample.write_text(run("config", room).stdout)
    from edge import config as edge
    from pipeline import config as pipeline

    module = {"agent": edge, "pipeline": pipeline}[room]
    default = {"agent": edge.AgentConfig, "pipeline": pipeline.PipelineConfig}[room]
    assert module.load(sample) == default()


def test_schema_is_the_wires() -> None:
    assert json.loads(run("schema").stdout) == json.loads(json.dumps(wire.schema()))


def test_patients_are_added_and_listed(tmp_path: Path) -> None:
    config = pipeline_file(tmp_path, free_port())
    patient = run("patients", "add", "--device", "shoe-1", "--config", config).stdout.strip()
    listed = run("patients", "list", "--config", config).stdout
    assert patient in listed
    assert "shoe-1" in listed
    assert run("patients", "add", "--device", "Shoe 1", "--config", config).returncode == 2


def test_a_device_is_provisioned_by_commands(tmp_path: Path) -> None:
    clinic, identity = tmp_path / "clinic", tmp_path / "identity"
    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    made = run("provision", "clinic", "a clinic", "--host", "localhost", "--clinic", clinic)
    assert made.returncode == 0, made.stderr
    token = run("provision", "token", "shoe-1", "--clinic", clinic).stdout
    command = [*PROGRAM, "enrol", "request", "shoe-1", str(request), "--identity", str(identity)]
    subprocess.run(command, input=token, text=True, check=True, timeout=60)
    signed = run("provision", "enrol", request, answer, "--clinic", clinic)
    assert signed.returncode == 0, signed.stderr
    installed = run("enrol", "install", "shoe-1", answer, "--identity", identity)
    assert installed.returncode == 0, installed.stderr
    assert 'host = "localhost"' in installed.stdout
    assert "shoe-1" in run("provision", "list", "--clinic", clinic).stdout
    again = run("provision", "enrol", request, answer, "--clinic", clinic)
    assert again.returncode == 2


def test_demo_ends_by_itself_and_leaves_a_page(tmp_path: Path) -> None:
    done = run("demo", "--seconds", 30, "--speed", 10, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert " 0 waiting" in done.stdout
    (page,) = (tmp_path / "out").glob("*/walk.html")
    assert str(page) in done.stdout.replace("\n", "")
    text = page.read_text(encoding="utf-8")
    assert "not a medical device" in text.lower()
    assert "src=" not in text  # self-contained


def interrupt_after(seconds: float, command: Sequence[str | Path]) -> tuple[int, str]:
    with subprocess.Popen(
        [*PROGRAM, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
        return process.returncode, said


def test_interrupted_demo_is_a_clean_end(tmp_path: Path) -> None:
    code, said = interrupt_after(6, ["demo", "--speed", "3", "--out", tmp_path])
    assert code == 0, said
    assert "Traceback" not in said
    assert " 0 waiting" in said
    assert list(tmp_path.glob("*/walk.html"))


def test_agent_and_pipeline_run_as_services(tmp_path: Path, mosquitto: Server) -> None:
    agent, pipeline = agent_file(tmp_path, mosquitto.port), pipeline_file(tmp_path, mosquitto.port)
    patient = run("patients", "add", "--device", "shoe-1", "--config", pipeline).stdout.strip()
    with subprocess.Popen([*PROGRAM, "pipeline", "--config", str(pipeline)]) as service:
        code, said = interrupt_after(12, ["agent", "--config", agent])
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    assert code == 0, said
    from pipeline.sqlite import SqliteStore

    async def stored() -> list[dict[str, object]]:
        store = SqliteStore(tmp_path / "store.db")
        try:
            return await store.read("stride", patient=patient, start_ns=0, stop_ns=2**62)
        finally:
            await store.close()

    import asyncio

    assert len(asyncio.run(stored())) >= 3


def test_doctor_finds_everything_well_where_it_is(tmp_path: Path, mosquitto: Server) -> None:
    agent, pipeline = agent_file(tmp_path, mosquitto.port), pipeline_file(tmp_path, mosquitto.port)
    assert run("patients", "add", "--device", "shoe-1", "--config", pipeline).returncode == 0
    done = run("doctor", "--agent", agent, "--pipeline", pipeline)
    assert done.returncode == 0, done.stdout
    assert " ill " not in done.stdout


def test_doctor_names_what_is_ill_and_makes_nothing(tmp_path: Path) -> None:
    port = free_port()
    done = run(
        "doctor", "--agent", agent_file(tmp_path, port), "--pipeline", pipeline_file(tmp_path, port)
    )
    assert done.returncode == 1
    ill = [line for line in done.stdout.splitlines() if " ill " in line]
    assert [line.split()[1] for line in ill] == ["broker", "broker"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.toml", "pipeline.toml"]


def test_packages_belong_to_heelfirst() -> None:
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    for package in ("hw", "kernels", "edge", "pipeline", "grafana", "heelfirst"):
        assert set(owners.get(package, [])) <= {"heelfirst"}, package
    assert os.environ.get("CI") != "true" or owners.get("heelfirst") == ["heelfirst"]

"""A home and a clinic as real processes: `python -m heelfirst agent`, `pipeline` and commands.

Everything lies below one folder; each process is ended by its own id.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from servers import free_port

from edge import wire

PROGRAM = [sys.executable, "-m", "heelfirst"]
PATIENCE_S = 60.0
END_S = 30.0
DEVICE = "shoe-1"


def until(found: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Return the first thing found that is true; fail with `what` where none comes."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"within {patience_s:.0f} s there was no {what}")


def command(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the command line as a person does."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )


class Systemd:
    """What listens where NOTIFY_SOCKET points."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        self._said: list[str] = []

    def said(self) -> list[str]:
        """Return all datagrams so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._said.append(self._socket.recv(4096).decode())
        return self._said

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


class Service:
    """A service as a child process; what it logs is in a file."""

    def __init__(self, name: str, config: Path, systemd: Systemd | None = None) -> None:
        self.name = name
        self.log = config.with_name(f"{name}.log")
        environment = dict(os.environ)
        if systemd is not None:
            environment |= {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "300000"}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*PROGRAM, name, "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def logged(self) -> str:
        """All it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; return its exit code."""
        if self.is_running:
            self.send(number)
        return self.wait()

    def wait(self) -> int:
        """Return its exit code; one that does not end is killed, and fails."""
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self.name} does not end:\n{self.logged[-2000:]}") from None

    def kill(self) -> None:
        """End it whatever it does; for the end of a test."""
        if self.is_running:
            self._process.kill()
            self._process.wait()


@dataclass
class House:
    """Folder, ports and settings of a home and its clinic; services are ended at the end."""

    folder: Path
    broker: int
    page: int = field(default_factory=free_port)
    links: int = field(default_factory=free_port)
    metrics: dict[str, int] = field(
        default_factory=lambda: {"agent": free_port(), "pipeline": free_port()}
    )
    services: list[Service] = field(default_factory=list)

    @property
    def agent(self) -> Path:
        """The agent's settings."""
        return self.folder / "agent.toml"

    @property
    def pipeline(self) -> Path:
        """The pipeline's settings."""
        return self.folder / "pipeline.toml"

    @property
    def recipients(self) -> Path:
        """The folder of addresses."""
        return self.folder / "recipients"

    def settle(self, store: str = "", *, log: str = "json") -> "House":
        """Write the settings and make the folder of addresses; `store` are lines of [store]."""
        state = self.folder / "state"
        self.recipients.mkdir(mode=0o750, exist_ok=True)
        store = store or f'path = "{state}/store.db"'
        logging = f'[log]\nformat = "{log}"\nlevel = "info"\n'
        self.agent.write_text(
            f'device = "{DEVICE}"\naffected = "left"\ntrust_wall_clock = true\n'
            f'[broker]\nport = {self.broker}\n[state]\ndir = "{self.folder / "home"}"\n'
            f"[page]\nport = {self.page}\n"
            f"[metrics]\nport = {self.metrics['agent']}\n{logging}"
        )
        self.pipeline.write_text(
            f"[broker]\nport = {self.broker}\n[store]\n{store}\n"
            f'[registry]\npath = "{state}/registry.db"\n[care]\npoll_s = 0.2\n'
            f'[deadletter]\npath = "{state}/deadletters"\n'
            f'[rollups]\npath = "{state}/rollups.db"\ntouched = "{state}/touched.db"\n'
            f'every_s = 1.0\n[notify]\npath = "{state}/notify.db"\n'
            f'recipients = "{self.recipients}"\nkey_file = "{state}/acknowledge.key"\n'
            f'link = "http://127.0.0.1:{self.links}/alerts"\nport = {self.links}\n'
            'quiet_from = ""\nquiet_to = ""\ngroup_s = 0.0\n[homeassistant]\nenabled = true\n'
            f"[metrics]\nport = {self.metrics['pipeline']}\n{logging}"
        )
        return self

    def start(self, name: str, systemd: Systemd | None = None) -> Service:
        """Start the agent or the pipeline."""
        config = {"agent": self.agent, "pipeline": self.pipeline}[name]
        service = Service(name, config, systemd)
        self.services.append(service)
        return service

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """Run a command at the clinic; return what it printed."""
        done = command(*arguments, "--config", self.pipeline, COLUMNS="200")
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout

    def run_doctor(self) -> str:
        """Examine both sides; return what it found. Fails where something is ill."""
        done = command("doctor", "--agent", self.agent, "--pipeline", self.pipeline)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def numbers(self, name: str) -> dict[str, float]:
        """Return a service's own metrics without their prefix; none while it does not answer."""
        address = f"http://127.0.0.1:{self.metrics[name]}/metrics"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        ours = (line.rpartition(" ") for line in lines if line.startswith("heelfirst_"))
        return {key.removeprefix(f"heelfirst_{name}_"): float(value) for key, _, value in ours}

    def tell(self, name: str, address: str) -> None:
        """Write an address into a file of the recipients."""
        path = self.recipients / name
        path.touch(mode=0o600)
        path.write_text(address + "\n")

    def close(self) -> None:
        """End what still runs."""
        for service in self.services:
            service.kill()


class Sniffer:
    """Hears everything on a broker, retained messages too."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def of(self, kind: wire.Channel) -> list[dict[str, Any]]:
        """Return the bodies of our topics of a kind, empty ones left out."""
        found = (body for topic, body in list(self.heard) if topic == wire.topic(DEVICE, kind))
        return [json.loads(body) for body in found if body]

    def close(self) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()


class _Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.bodies.append(body)  # type: ignore[attr-defined]  # Postbox sets it
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def postbox() -> Iterator[tuple[str, list[bytes]]]:
    """A web server that takes what is posted: apprise's address of it, and the bodies."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Post)
    bodies: list[bytes] = []
    server.bodies = bodies  # type: ignore[attr-defined]  # for _Post
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

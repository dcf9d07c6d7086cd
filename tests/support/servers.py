"""Real servers for tests: mosquitto, influxd, nginx on free loopback ports in a temporary folder.

Never the system's own: each is a child process with its own configuration, stopped by its id.
A missing server skips the test on a person's machine and fails it in CI.
"""

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0


def _ports() -> Iterator[int]:
    """Yield ports below those that clients get, from a range of this worker's own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 6
    first = random.Random(os.getpid()).randrange(3000)
    for number in itertools.count(first):
        yield 12_000 + 3000 * worker + number % 3000


_PORTS = _ports()


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on, and that no other worker is given."""
    for port in _PORTS:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the ports never end")


def find_server(name: str, package: str) -> str:
    """Return the path of a server's program; skip (a person) or fail (CI) where it is missing."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if path:
        return path
    reason = f"{name} is not installed: sudo apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def listens(port: int) -> bool:
    """Say whether somebody accepts connections on this loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False


def answers(url: str) -> bool:
    """Say whether an HTTP server answers there, with whatever status."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


class Server:
    """A child process that can be stopped, killed and started again on the same port and data."""

    def __init__(self, argv: Sequence[str], folder: Path, port: int, ready: Callable[[], bool]):
        self.argv = list(argv)
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log_path = self.folder / "server.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"{self.argv[0]} did not start:\n{log_path.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server by SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, signum: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signum)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _mosquitto_user() -> str:
    return "user root" if os.geteuid() == 0 else ""


MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
max_queued_messages 100000
set_tcp_nodelay true
{user}
{extra}
"""


def mosquitto_server(folder: Path, extra: str = "") -> Server:
    """Return a mosquitto broker, not yet started; `extra` lines go into its configuration."""
    program = find_server("mosquitto", "mosquitto")
    port = free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(
        MOSQUITTO_CONF.format(port=port, folder=folder, user=_mosquitto_user(), extra=extra)
    )
    return Server([program, "-c", str(conf)], folder, port, lambda: listens(port))


INFLUXD_CONF = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[continuous_queries]
  enabled = false
[logging]
  level = "warn"
"""


class InfluxServer(Server):
    """influxd 1.x; `create` makes a database."""

    def create(self, database: str) -> None:
        """Make the database where it does not exist."""
        create_database(self.url, database)


def create_database(url: str, database: str) -> None:
    """Make a database of InfluxDB 1.x, and wait until the server knows it.

    A server that has just begun to answer may say yes and not have it yet.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while f'["{database}"]' not in _ask(url, "SHOW DATABASES"):
        assert time.monotonic() < deadline, f"{database} was not made"
        _ask(url, f'CREATE DATABASE "{database}"')


def _ask(url: str, query: str) -> str:
    address = f"{url}/query?{urllib.parse.urlencode({'q': query})}"
    request = urllib.request.Request(address, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def influx_server(folder: Path) -> InfluxServer:
    """Return an InfluxDB 1.x server, not yet started."""
    program = find_server("influxd", "influxdb")
    port = free_port()
    conf = folder / "influxd.conf"
    conf.write_text(INFLUXD_CONF.format(folder=folder, port=port, rpc_port=free_port()))
    ping = f"http://127.0.0.1:{port}/ping"
    return InfluxServer([program, "-config", str(conf)], folder, port, lambda: answers(ping))


NGINX_CONF = """\
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 64m;
  client_body_buffer_size 8m;
  map $request_body $from {{ default "/.*/"; '~_measurement=[^a-z_]+(?<f>[a-z_]+)' '"$f"'; }}
  map $request_body $who {{ default ""; '~[^_]patient=[^a-z0-9]+(?<p>[a-z0-9]+)' $p; }}
  map $request_body $first {{ default ""; '~"start":"(?<a>[^"]+)' $a; }}
  map $request_body $end {{ default ""; '~"stop":"(?<z>[^"]+)' $z; }}
  map $arg_precision $precision_v1 {{ default n; us u; ms ms; s s; }}
  upstream influx {{ server 127.0.0.1:{upstream}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location = /api/v2/write {{
      set $args "db=$arg_bucket&precision=$precision_v1";
      proxy_pass http://influx/write;
    }}
    location = /api/v2/delete {{
      set $args "db=$arg_bucket";
      proxy_set_header Content-Type application/x-www-form-urlencoded;
      proxy_set_header Connection "";
      proxy_set_body "q=DELETE FROM $from WHERE patient='$who' AND time>='$first' AND time<='$end'";
      proxy_pass http://influx/query;
    }}
    location = /health {{
      default_type application/json;
      return 200 '{{"name":"influxdb","status":"pass"}}';
    }}
    location / {{ proxy_pass http://influx; }}
  }}
}}
"""


def influx_v2_server(folder: Path, upstream: InfluxServer) -> Server:
    """Return nginx in front of influxd: the v2 write path on a real engine, not yet started."""
    program = find_server("nginx", "nginx-light")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    conf = folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(user=user, folder=folder, port=port, upstream=upstream.port))
    argv = [program, "-p", str(folder), "-c", str(conf)]
    return Server(argv, folder, port, lambda: listens(port))

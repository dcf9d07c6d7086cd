"""Fixtures that several rooms share: real servers and the folder of real recordings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House
from house_story import Story, tell
from hypothesis import settings
from servers import InfluxServer, Server, influx_server, influx_v2_server, mosquitto_server

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "gait"

# Machines are shared: no test is timed. CI draws the same examples in each run; a person's run
# draws new ones.
settings.register_profile("person", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "person")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, by HEELFIRST_DATA."""
    folder = Path(os.environ.get("HEELFIRST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}: set HEELFIRST_DATA to their folder")
    return folder


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Server]:
    """A real broker, started."""
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    server = mosquitto_server(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A day of a patient through the real processes, told once; see house_story.py."""
    folder = tmp_path_factory.mktemp("story")
    server = mosquitto_server(folder)
    server.start()
    house = House(folder, server.port).settle()
    try:
        yield tell(house)
    finally:
        house.close()
        server.stop()


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[InfluxServer]:
    """A real InfluxDB 1.x with the database `gait`, started."""
    folder = tmp_path / "influx"
    folder.mkdir()
    server = influx_server(folder)
    server.start()
    server.create(DATABASE)
    yield server
    server.stop()


@pytest.fixture
def influx_v2(tmp_path: Path, influx: InfluxServer) -> Iterator[Server]:
    """The same InfluxDB behind nginx that speaks the v2 write path, started."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    server = influx_v2_server(folder, influx)
    server.start()
    yield server
    server.stop()

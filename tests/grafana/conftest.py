"""A real InfluxDB holding a month of four virtual patients, for all tests of this room."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from dashboard_data import fill, later, patient_points
from grafana_twin import Influx
from month_people import FIRST_DAY, Person, people
from servers import influx_server

from pipeline.points import Point

DAYS, STEPS = 30, 700
WEEK_NS = 7 * 24 * 3600 * 10**9


@dataclass(frozen=True)
class Month:
    """The filled database.

    Attributes
    ----------
    now_ms : int
        The evening of the last day, in the last two weeks: variables look at the wall clock.
    """

    influx: Influx
    now_ms: int
    patients: tuple[Person, ...]
    points: dict[str, list[Point]]


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """The month, shifted by whole weeks to end now."""
    evening_ns = people(1)[0].time_ns(FIRST_DAY, 0.0) + int((DAYS - 1 + 0.8) * 24 * 3600e9)
    shift_ns = (time.time_ns() - evening_ns) // WEEK_NS * WEEK_NS
    patients = people(4)
    points = {each.patient: later(patient_points(each, DAYS, STEPS), shift_ns) for each in patients}
    server = influx_server(tmp_path_factory.mktemp("month"))
    server.start()
    try:
        fill(server.url, [point for mine in points.values() for point in mine])
        now_ms = (evening_ns + shift_ns) // 10**6
        yield Month(Influx(server.url), now_ms, patients, points)
    finally:
        server.stop()

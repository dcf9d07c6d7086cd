"""A clock that a test sets, and a clinic that goes by it."""

import datetime as dt
from pathlib import Path

from pipeline.provision import BrokerSettings, Clinic


class Clock:
    def __init__(self) -> None:
        self.time = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.time

    def pass_(self, **span: float) -> None:
        self.time += dt.timedelta(**span)


def clinic_at(folder: Path, clock: Clock) -> Clinic:
    """Return a new clinic; no broker runs."""
    broker = BrokerSettings(
        hosts=("broker.example", "192.0.2.7"), pid_file=str(folder / "pid"), user="root"
    )
    return Clinic.create(folder / "clinic", "a clinic", broker, clock)

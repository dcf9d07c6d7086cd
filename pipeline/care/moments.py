"""Moments as people type them, in a patient's time zone."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from pipeline.care.days import day_start_ns, zone_info
from pipeline.care.errors import CareError

__all__ = ["parse_end", "parse_moment"]

_REMEDY: Final = "Write 2026-03-01, or 2026-03-01T14:30 for a time of that day"
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2200, 1, 1)


def parse_moment(text: str, zone: str) -> int:
    """Return a day's begin or a local time in ns UTC; a time may name its own offset.

    Raises
    ------
    CareError
        Neither a day nor a time, or one before 2000 or after 2200.
    """
    day = _day(text)
    return day_start_ns(day, zone) if day else _time(text, zone)


def parse_end(text: str, zone: str) -> int:
    """Return a local time, or the end of a day that is named without one; raises like that."""
    day = _day(text)
    return day_start_ns(day + timedelta(days=1), zone) if day else _time(text, zone)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return _bounded(day, text)


def _time(text: str, zone: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CareError(f"{text!r} is no day or time", _REMEDY) from None
    _bounded(moment.date(), text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_info(zone))
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


def _bounded(day: date, text: str) -> date:
    if not _EARLIEST <= day < _LATEST:
        raise CareError(f"{text} is before 2000 or after 2200", _REMEDY)
    return day

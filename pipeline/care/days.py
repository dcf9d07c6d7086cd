"""The days of a patient's time zone, as spans of UTC nanoseconds."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

__all__ = ["day_end_ns", "day_of", "day_span", "day_start_ns", "iso", "iso_end", "zone_info"]

_SECOND_NS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)
def zone_info(name: str) -> zoneinfo.ZoneInfo:
    """Return the time zone of an IANA name; raise `zoneinfo.ZoneInfoNotFoundError`."""
    return zoneinfo.ZoneInfo(name)


def day_start_ns(day: date, zone: str) -> int:
    """Return when a day begins in a zone [ns UTC]; where clocks skip midnight, the first moment."""
    begin = datetime.combine(day, time.min, zone_info(zone)).astimezone(UTC)
    return round((begin - _EPOCH).total_seconds()) * _SECOND_NS


@lru_cache(maxsize=4096)
def day_span(day: date, zone: str) -> tuple[int, int]:
    """Return begin and end of a day in a zone [ns UTC]: 23 to 25 hours apart."""
    return day_start_ns(day, zone), day_start_ns(day + timedelta(days=1), zone)


def day_of(time_ns: int, zone: str) -> date:
    """Return the day that a moment lies in, in a zone."""
    moment = _EPOCH + timedelta(seconds=time_ns // _SECOND_NS)
    return moment.astimezone(zone_info(zone)).date()


@lru_cache(maxsize=8192)
def day_end_ns(time_ns: int, zone: str) -> int:
    """Return when the day that a moment lies in ends, in a zone [ns UTC]."""
    return day_span(day_of(time_ns, zone), zone)[1]


def iso(time_ns: int, zone: str) -> str:
    """Return a moment for people, in their zone: 2026-03-01 14:30; a midnight is its day."""
    moment = _EPOCH + timedelta(seconds=time_ns // _SECOND_NS)
    local = moment.astimezone(zone_info(zone))
    if local.time() == time.min:
        return local.strftime("%Y-%m-%d")
    return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")


def iso_end(time_ns: int, zone: str) -> str:
    """Return an end for people: of a day that is over at that moment, the day's name."""
    text = iso(time_ns, zone)
    return iso(time_ns - _SECOND_NS, zone)[:10] if len(text) == 10 else text

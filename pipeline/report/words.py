"""Numbers, times and shares in plain words; every share with its denominator."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from pipeline.report.intervals import Interval

__all__ = [
    "NOT_KNOWN",
    "bounds",
    "count",
    "day",
    "days_between",
    "hours",
    "joined",
    "number",
    "percent",
    "plural",
    "signed",
]

NOT_KNOWN: Final = "not known"
_THIN: Final = "\N{NARROW NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 0) -> str:
    """Return a number: 12 345 or 3.4; not known for None."""
    if value is None:
        return NOT_KNOWN
    text = f"{value:,.{digits}f}".replace(",", _THIN)
    return text.replace("-", _MINUS) if float(f"{value:.{digits}f}") else text.lstrip("-")


def signed(value: float | None, digits: int = 0) -> str:
    """Return a difference: +3.4, or with a true minus sign."""
    text = number(value, digits)
    return text if value is None or text.startswith(_MINUS) else f"+{text}"


def count(value: float) -> str:
    """Return a count without digits."""
    return number(value)


def plural(value: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun: 1 day, 2 days."""
    return f"{count(value)} {noun if value == 1 else nouns or noun + 's'}"


def percent(hits: float, of: float, digits: int = 0) -> str:
    """Return a share; not known without a denominator, and few are never rounded to none."""
    if not of:
        return NOT_KNOWN
    least = 10.0**-digits
    share = 100 * hits / of
    if 0 < share < least / 2:
        return f"under {number(least, digits)}{_THIN}%"
    if share < 100 and round(share, digits) == 100:
        return f"over {number(100 - least, digits)}{_THIN}%"
    return f"{number(share, digits)}{_THIN}%"


def bounds(interval: Interval | None, digits: int = 1, sign: bool = False) -> str:
    """Return an interval: 1.2 to 3.4."""
    if interval is None:
        return NOT_KNOWN
    form = signed if sign else number
    return f"{form(interval.low, digits)} to {form(interval.high, digits)}"


def hours(seconds: float | None) -> str:
    """Return a length: 42 s, 12 min, 3.5 h."""
    if seconds is None:
        return NOT_KNOWN
    if seconds < 120:
        return f"{number(seconds)} s"
    if seconds < 7200:
        return f"{number(seconds / 60)} min"
    return f"{number(seconds / 3600, 1)} h"


def day(of: date) -> str:
    """Return a day: 3 Nov 2026."""
    return f"{of.day} {of:%b %Y}"


def days_between(first: date, last: date) -> str:
    """Return a range of days: 3 to 9 Nov 2026."""
    if first == last:
        return day(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%b} to {day(last)}"
    return f"{day(first)} to {day(last)}"


def joined(parts: Sequence[str]) -> str:
    """Return parts as a list in a sentence: a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"

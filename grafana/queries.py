"""InfluxQL over checked names: what runs on InfluxDB 1.x, 2.x and 3 alike.

A query is written with its names in braces, `100 * sum({drags}) / sum({valid_swings})`. They are
looked up in `pipeline.points`, the only home of stored names: an unknown one raises when the
dashboards are built, not when a therapist looks at an empty panel. Kept to what all three have:
bare measurement names, no INTO, no SAMPLE, INTEGRAL or HOLT_WINTERS, no SLIMIT.

Grafana's table format mixes up columns where a query groups by two tags (it goes through them in
no order), so a table groups by one tag at most.
"""

import re
from dataclasses import dataclass
from typing import Final

from grafana.errors import QueryError
from pipeline.derived import ROLLED_UP
from pipeline.errors import PointError
from pipeline.points import TAGS, measurement

__all__ = [
    "EVENTS",
    "PANEL_RANGE",
    "PATIENT",
    "ROLLUPS",
    "Query",
    "last",
    "names",
    "tag_values",
]

EVENTS: Final = "heelfirst-events"
"""The uid of the data source over what the devices sent."""
ROLLUPS: Final = "heelfirst-rollups"
"""The uid of the data source over hours and days: what long ranges read."""
PANEL_RANGE: Final = "$timeFilter"
PATIENT: Final = "{patient} = '$patient'"
_NAME: Final = re.compile(r"(?<!\$)\{(\w+)\}")


def last(duration: str) -> str:
    """Return the condition for so long before the end of the range that is looked at: `24h`.

    For what has a meaning of its own ("today"), however far the range goes back.
    """
    return f"time > ${{__to}}ms - {duration} AND time <= ${{__to}}ms"


def names(table: str, text: str) -> str:
    """Return the text with its names in braces as InfluxQL identifiers.

    Raises
    ------
    QueryError
        A measurement or name that is not stored.
    """
    try:
        known = {field.name for field in measurement(table).fields} | set(TAGS)
    except PointError as error:
        raise QueryError(str(error)) from None

    def identifier(found: re.Match[str]) -> str:
        if found[1] not in known:
            listed = ", ".join(sorted(known))
            raise QueryError(f"{table} has no {found[1]!r} ({text!r}); it has {listed}")
        return f'"{found[1]}"'

    return _NAME.sub(identifier, text)


@dataclass(frozen=True)
class Query:
    """One InfluxQL statement over one measurement.

    Attributes
    ----------
    select : str or tuple of str
        Columns as `mean({stride_s}) AS "left"`.
    where : str or tuple of str
        Conditions, joined by AND.
    time : str
        Which time: the panel's range, or `last("24h")`.
    group_by, tail : str
        As in InfluxQL: `time(1d), {side}`; `ORDER BY time DESC LIMIT 50`.
    """

    table: str
    select: str | tuple[str, ...]
    where: str | tuple[str, ...] = PATIENT
    time: str = PANEL_RANGE
    group_by: str = ""
    tail: str = ""

    @property
    def datasource(self) -> str:
        """The uid of the data source that has the measurement."""
        return ROLLUPS if self.table in ROLLED_UP else EVENTS

    def text(self) -> str:
        """Return the statement; raise `QueryError` for a name that is not stored."""
        select = (self.select,) if isinstance(self.select, str) else self.select
        where = (self.where,) if isinstance(self.where, str) else self.where
        parts = [f'SELECT {", ".join(select)} FROM "{self.table}"']
        parts.append("WHERE " + " AND ".join([*filter(None, where), self.time]))
        if self.group_by:
            parts.append(f"GROUP BY {self.group_by}")
        if self.tail:
            parts.append(self.tail)
        return names(self.table, " ".join(parts))


def tag_values(table: str, tag: str, where: str = "") -> str:
    """Return the statement for the values of a tag, of the last 400 days.

    Without a time InfluxDB 3 would look at the last day alone.
    """
    names(table, f"{{{tag}}} {where}")
    condition = " AND ".join(filter(None, (names(table, where), "time > now() - 400d")))
    return f'SHOW TAG VALUES FROM "{table}" WITH KEY = "{tag}" WHERE {condition}'

"""A query as a panel's target."""

from typing import Any, Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from grafana.errors import QueryError
from grafana.queries import Query

__all__ = ["Target"]


class Target(Builder[Dataquery], Dataquery):
    """A query as a panel's target.

    Attributes
    ----------
    result : {"time_series", "table"}
        One series per column and tag, or rows.
    alias : str
        Name of a series: `$col` (the column), `$tag_side`.
    """

    def __init__(
        self,
        query: Query,
        ref: str = "A",
        *,
        result: Literal["time_series", "table"] = "time_series",
        alias: str = "$col",
    ) -> None:
        if result == "table" and query.group_by.count(",") > 0:
            raise QueryError(f"a table groups by one tag at most, not by {query.group_by!r}")
        self.query = query
        self.ref = ref
        self.result = result
        self.alias = alias

    def build(self) -> "Target":
        """Return the target: it is built already."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Return what Grafana calls a target."""
        target: dict[str, Any] = {
            "datasource": DataSourceRef(type_val="influxdb", uid=self.query.datasource),
            "query": self.query.text(),
            "rawQuery": True,
            "refId": self.ref,
            "resultFormat": self.result,
        }
        if self.result == "time_series":
            target["alias"] = self.alias
        return target

"""Tables: rows of one query, or of several joined by a column."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common as builders
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard as models

from grafana.colours import SKY
from grafana.dressing import Step, Steps, Words, dress, mappings, prop, thresholds
from grafana.targets import Target

__all__ = ["Column", "rows"]

UNKNOWN: Final = "?"
"""A cell without a value."""


class Column(NamedTuple):
    """How a table shows a column.

    Attributes
    ----------
    steps : sequence of Step
        Colours of the cell's background; empty: plain.
    texts : mapping
        Words for values.
    link : str
        Where a click leads.
    """

    unit: str = ""
    width: int = 0
    steps: Steps = ()
    texts: Mapping[str, tuple[str, str]] = {}
    link: str = ""
    link_title: str = ""
    decimals: int | None = None
    hidden: bool = False


def rows(
    words: Words,
    targets: Sequence[Target],
    columns: Mapping[str, Column],
    *,
    join: str = "",
    sort: str = "",
    rename: Mapping[str, str] | None = None,
) -> table.Panel:
    """Return a table.

    Parameters
    ----------
    columns : mapping
        Column to how it is shown, in their order.
    join : str
        The column by which the queries' rows are joined, each row of one query to those of the
        others. Their times are left out but the first query's, which is then called `Time 1`;
        joined by `Time` there is one.
    sort : str
        The column to sort by, largest first.
    rename : mapping
        Names of columns before, and after; `columns` and `sort` have those after.
    """
    panel = dress(table.Panel(), words, targets, "")
    panel.override_by_regexp("/.*/", [prop("noValue", UNKNOWN)])
    for name, column in columns.items():
        panel.override_by_name(name, _column(column))
    if sort:
        by = builders.TableSortByFieldState().display_name(sort).desc(True)
        panel.sort_by([by])
    if join:
        panel.with_transformation(_transformation("joinByField", byField=join, mode="outer"))
    hidden = {f"Time {number}": True for number in range(2, len(targets) + 1)} if join else {}
    before = {new: old for old, new in (rename or {}).items()}
    order = {before.get(name, name): place for place, name in enumerate(columns)}
    organize = _transformation(
        "organize", excludeByName=hidden, indexByName=order, renameByName=dict(rename or {})
    )
    return panel.with_transformation(organize)


def _transformation(name: str, **options: object) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=name, options=options)


def _column(column: Column) -> list[models.DynamicConfigValue]:
    values: list[models.DynamicConfigValue] = []
    if column.unit:
        values.append(prop("unit", column.unit))
    if column.decimals is not None:
        values.append(prop("decimals", column.decimals))
    if column.width:
        values.append(prop("custom.width", column.width))
    if column.hidden:
        values.append(prop("custom.hidden", True))
    if column.steps or column.texts:
        values += _coloured(column)
    if column.link:
        link = {"title": column.link_title, "url": column.link, "targetBlank": False}
        values.append(prop("links", [link]))
    return values


def _coloured(column: Column) -> list[models.DynamicConfigValue]:
    texts = {key: (said, _in_a_cell(colour)) for key, (said, colour) in column.texts.items()}
    steps = [Step(step.value, _in_a_cell(step.colour)) for step in column.steps]
    plain = [Step(None, "transparent")]
    return [
        prop("mappings", mappings(texts, UNKNOWN)),
        prop("thresholds", thresholds(steps or plain).build()),
        prop("color", {"mode": "thresholds"}),
        prop("custom.displayMode", "color-background-solid"),
    ]


def _in_a_cell(colour: str) -> str:
    """Return no colour for what is normal: in a table only the rest stands out."""
    return "transparent" if colour == SKY else colour

"""What all panels have: words, queries, units, colours, thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import (
    dashboard,
    histogram,
    stat,
    statetimeline,
    statushistory,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import dashboard as models

from grafana.colours import GREY
from grafana.targets import Target

__all__ = ["Step", "Steps", "Words", "by_value", "dress", "mappings", "paint", "prop", "thresholds"]

Steps = Sequence["Step"]
_Panel = TypeVar(
    "_Panel",
    timeseries.Panel,
    table.Panel,
    stat.Panel,
    statushistory.Panel,
    statetimeline.Panel,
    histogram.Panel,
)


@dataclass(frozen=True)
class Words:
    """What a panel says of itself, in plain words.

    Attributes
    ----------
    shows, normal, act : str
        The description: what is seen, what is usual, what to do when it is not.
    empty : str
        Instead of "No data": what is missing, and what that means.
    """

    title: str
    shows: str
    normal: str
    act: str
    empty: str

    def description(self) -> str:
        """Return the Markdown behind the panel's (i)."""
        return f"{self.shows}\n\n**Normal:** {self.normal}\n\n**What to do:** {self.act}"


class Step(NamedTuple):
    """From this value on (None: from the least) this colour."""

    value: float | None
    colour: str


def mappings(texts: Mapping[str, tuple[str, str]], unknown: str) -> list[models.ValueMapping]:
    """Return words and colours for values, and grey words for no value.

    Without them Grafana gives no value the colour of the least value, often that of an alarm.
    """
    options = {
        value: models.ValueMappingResult(text=said, color=colour, index=index)
        for index, (value, (said, colour)) in enumerate(texts.items())
    }
    result = models.ValueMappingResult(text=unknown, color=GREY, index=len(options))
    nothing = models.DashboardSpecialValueMapOptions(
        match=models.SpecialValueMatch.NULL, result=result
    )
    known: list[models.ValueMapping] = [models.ValueMap(options=options)] if options else []
    return [*known, models.SpecialValueMap(options=nothing)]


def thresholds(known: Steps) -> dashboard.ThresholdsConfig:
    """Return steps as Grafana calls them."""
    values = [models.Threshold(value=step.value, color=step.colour) for step in known]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(values)


def prop(key: str, value: object) -> models.DynamicConfigValue:
    """Return a property of an override."""
    return models.DynamicConfigValue(id_val=key, value=value)


def dress(panel: _Panel, words: Words, targets: Sequence[Target], unit: str) -> _Panel:
    """Give the panel its words, queries, data source and unit."""
    sources = {target.query.datasource for target in targets}
    source = models.DataSourceRef(type_val="influxdb", uid=targets[0].query.datasource)
    if len(sources) > 1:
        source = models.DataSourceRef(type_val="datasource", uid="-- Mixed --")
    panel.title(words.title).description(words.description()).no_value(words.empty)
    return panel.targets(list(targets)).unit(unit).datasource(source)


def paint(panel: _Panel, colours: Mapping[str, str]) -> _Panel:
    """Give series fixed colours by their names."""
    for name, colour in colours.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel.override_by_name(name, [prop("color", fixed)])
    return panel


def by_value(panel: _Panel, known: Steps) -> _Panel:
    """Colour a panel by its values."""
    colours = dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    return panel.thresholds(thresholds(known)).color_scheme(colours)

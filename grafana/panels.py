"""Panels that look alike: each says what it shows, what is normal, what to do, and why it is empty.

Only panel types, options and shapes that Grafana 9.2 to 13 share: a dashboard is written in the
shape of `SHAPE_VERSION`, which later versions migrate by themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import common as builders
from grafana_foundation_sdk.builders import (
    histogram,
    stat,
    statetimeline,
    statushistory,
    text,
    timeseries,
)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.text import TextMode

from grafana.colours import GREY
from grafana.dressing import Step, Steps, Words, by_value, dress, mappings, paint, prop, thresholds
from grafana.targets import Target

__all__ = [
    "about",
    "as_line",
    "bars",
    "distribution",
    "dotted",
    "figure",
    "history",
    "lines",
    "on_the_right",
    "timeline",
]

_Drawn = TypeVar("_Drawn", timeseries.Panel, statushistory.Panel, statetimeline.Panel)
_BAND_OPACITY: Final = 12


def _legend(panel: _Drawn) -> _Drawn:
    legend = builders.VizLegendOptions().show_legend(True).calcs([])
    legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM)
    return panel.legend(legend)


def about(content: str) -> text.Panel:
    """Return a panel of plain Markdown."""
    return text.Panel().mode(TextMode.MARKDOWN).content(content).transparent(True)


def lines(
    words: Words,
    targets: Sequence[Target],
    unit: str,
    colours: Mapping[str, str],
    *,
    bands: Mapping[str, str] | None = None,
    points_only: bool = False,
    limits: tuple[float | None, float | None] = (None, None),
    marks: Steps = (),
    gap_ms: float | None = None,
) -> timeseries.Panel:
    """Return lines (or points) over time.

    Parameters
    ----------
    colours : mapping
        Series to colour; empty: each by its values and `marks`, for series whose number and names
        nobody knows before.
    bands : mapping
        Upper edge to lower edge: the area between two series, drawn without its edges.
    marks : sequence of Step
        Dashed lines at these values.
    gap_ms : float
        A line stops over a gap longer than this [ms], so that no data is not drawn as data.
    """
    panel = paint(_legend(dress(timeseries.Panel(), words, targets, unit)), colours)
    style = common.GraphDrawStyle.POINTS if points_only else common.GraphDrawStyle.LINE
    panel.draw_style(style).line_width(2).point_size(5).show_points(common.VisibilityMode.ALWAYS)
    panel.tooltip(builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    if gap_ms is not None:
        panel.insert_nulls(gap_ms)
    _limit(panel, limits)
    if marks:
        dashed = builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(thresholds(marks)).thresholds_style(dashed)
    if not colours:
        by_value(panel, marks).gradient_mode(common.GraphGradientMode.SCHEME)
    for upper, lower in (bands or {}).items():
        _band(panel, upper, lower)
    return panel


def _limit(panel: timeseries.Panel, limits: tuple[float | None, float | None]) -> None:
    low, high = limits
    if low is not None:
        panel.axis_soft_min(low)
    if high is not None:
        panel.axis_soft_max(high)


def _band(panel: timeseries.Panel, upper: str, lower: str) -> None:
    hidden = [
        prop("custom.lineWidth", 0),
        prop("custom.showPoints", "never"),
        prop("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
    ]
    opacity = prop("custom.fillOpacity", _BAND_OPACITY)
    filled = [prop("custom.fillBelowTo", lower), opacity]
    panel.override_by_name(lower, hidden)
    panel.override_by_name(upper, [*hidden, *filled])


def bars(
    words: Words,
    targets: Sequence[Target],
    unit: str,
    colours: Mapping[str, str],
    *,
    stacked: bool = False,
    limits: tuple[float | None, float | None] = (0, None),
    marks: Steps = (),
) -> timeseries.Panel:
    """Return bars over time, side by side or stacked; `marks` as in `lines`."""
    panel = lines(words, targets, unit, colours, limits=limits, marks=marks)
    panel.draw_style(common.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
    panel.show_points(common.VisibilityMode.NEVER)
    if stacked:
        mode = builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A")
        panel.stacking(mode)
    return panel


def as_line(panel: timeseries.Panel, name: str) -> timeseries.Panel:
    """Draw one series of a panel of bars as a line, not stacked; return the panel."""
    return panel.override_by_name(
        name,
        [
            prop("custom.drawStyle", "line"),
            prop("custom.lineWidth", 2),
            prop("custom.fillOpacity", 0),
            prop("custom.stacking", {"mode": "none", "group": "A"}),
        ],
    )


def dotted(panel: timeseries.Panel, name: str) -> timeseries.Panel:
    """Draw one series as dots; return the panel."""
    style = {"fill": "dot", "dash": [2, 6]}
    return panel.override_by_name(
        name, [prop("custom.lineStyle", style), prop("custom.showPoints", "never")]
    )


def on_the_right(panel: timeseries.Panel, name: str, unit: str) -> timeseries.Panel:
    """Give one series an axis of its own, with its unit; return the panel."""
    return panel.override_by_name(name, [prop("custom.axisPlacement", "right"), prop("unit", unit)])


def figure(
    words: Words,
    targets: Sequence[Target],
    unit: str,
    steps: Steps = (),
    *,
    texts: Mapping[str, tuple[str, str]] | None = None,
    fields: str = "",
    decimals: int | None = None,
) -> stat.Panel:
    """Return one large number (or several), the last one that is known.

    Parameters
    ----------
    texts : mapping
        Words and colours for values.
    fields : str
        Which columns of a table are shown, as a regular expression; empty: all numbers.
    """
    panel = dress(stat.Panel(), words, targets, unit)
    by_value(panel, steps or (Step(None, GREY),))
    reduce = builders.ReduceDataOptions().calcs(["lastNotNull"]).fields(fields).values(False)
    panel.reduce_options(reduce).graph_mode(common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.VALUE).text_mode(common.BigValueTextMode.AUTO)
    if decimals is not None:
        panel.decimals(decimals)
    return panel.mappings(mappings(texts or {}, words.empty))


def history(
    words: Words, targets: Sequence[Target], unit: str, steps: Steps
) -> statushistory.Panel:
    """Return a grid of cells: a row per series, a column per time, colours by value."""
    panel = by_value(_legend(dress(statushistory.Panel(), words, targets, unit)), steps)
    return panel.show_value(common.VisibilityMode.NEVER).row_height(0.92).fill_opacity(90)


def timeline(
    words: Words, targets: Sequence[Target], texts: Mapping[str, tuple[str, str]]
) -> statetimeline.Panel:
    """Return states over time, each with its word and colour."""
    panel = by_value(_legend(dress(statetimeline.Panel(), words, targets, "")), (Step(None, GREY),))
    panel.mappings(mappings(texts, "")[:1]).merge_values(True).row_height(0.85)
    return panel.show_value(common.VisibilityMode.AUTO).fill_opacity(85)


def distribution(
    words: Words, targets: Sequence[Target], unit: str, colours: Mapping[str, str], bucket: int
) -> histogram.Panel:
    """Return how often which value came, in buckets of this width."""
    panel = paint(dress(histogram.Panel(), words, targets, unit), colours)
    return panel.bucket_size(bucket).combine(False).fill_opacity(45).line_width(1)

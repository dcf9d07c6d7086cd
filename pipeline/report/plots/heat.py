"""Toe drags by hour of the day over the range, beside how much was walked at each hour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pipeline.report.material import Material, focus
from pipeline.report.plots.paper import day_axis, paper, place
from pipeline.report.span import Span
from pipeline.svg import COLOURS, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

__all__ = ["LEAST_SWINGS", "heat_plot"]

LEAST_SWINGS: Final = 20
"""A cell with fewer valid swings is grey: a share of so few says nothing."""
_LONG_DAYS: Final = 35
_HEIGHTS: Final = {1: 330, 2: 250}
"""By feet that the report is about."""
_STEPS: Final = (0, 1, 2, 5, 10, 20, 100)
"""Drags per 100 valid swings; the same in every report, so that two can be laid side by side."""
_SHADES: Final = (20, 65, 110, 155, 205, 255)
Counts = tuple[int, int]


def column_days(span: Span) -> int:
    """Return how many days a column holds: weeks where days would be too narrow."""
    return 7 if len(span.days) > _LONG_DAYS else 1


def hour_counts(material: Material, side: str) -> list[list[Counts]]:
    """Return (valid swings, drags) by hour of the day and column."""
    width = column_days(material.span)
    columns = -(-len(material.span.days) // width)
    swings, drags = ([[0] * columns for _ in range(24)] for _ in range(2))
    for (of_side, day), row in material.hours.items():
        if of_side == side:
            for hour in range(24):
                swings[hour][day // width] += row[f"valid_swings_h{hour:02}"] or 0
                drags[hour][day // width] += row[f"drags_h{hour:02}"] or 0
    return [list(zip(*pair, strict=True)) for pair in zip(swings, drags, strict=True)]


def heat_plot(material: Material, side: str) -> str | None:
    """Return the heat map of a foot, or None where no valid swing is known."""
    counts = hour_counts(material, side)
    used = [hour for hour, row in enumerate(counts) if any(swings for swings, _ in row)]
    if not used:
        return None
    hours = range(used[0], used[-1] + 1)
    height = _HEIGHTS[len(focus(material.record))]
    with paper(f"heat-{side}", height) as figure:
        axes = place(figure, 62, 34, 430, height - 44)
        mesh = _cells(axes, material.span, [counts[hour] for hour in hours])
        thirds = [hour for hour in hours if hour % 3 == 0]
        axes.set_yticks([hour - hours[0] for hour in thirds], [f"{hour}:00" for hour in thirds])
        axes.invert_yaxis()
        bar = place(figure, 506, 34, 12, height - 44)
        figure.colorbar(mesh, cax=bar, label="drags per 100 valid swings", spacing="uniform")
        bar.grid(visible=False)
        bar.spines[:].set_visible(False)
        side_axes = place(figure, 596, 34, 84, height - 44, sharey=axes)
        _margin(side_axes, material, [counts[hour] for hour in hours])
        return svg_text(f"heat-{side}", f"Toe drags of the {side} foot by hour of the day", figure)


def _cells(axes: "Axes", span: Span, counts: Sequence[Sequence[Counts]]) -> "QuadMesh":
    """Draw a cell for each hour and column: a colour, grey for few swings, white for none."""
    import matplotlib as mpl
    from matplotlib.colors import BoundaryNorm, ListedColormap

    nan = float("nan")
    width = column_days(span)
    columns = len(counts[0])
    edges = [min(n * width, len(span.days)) - 0.5 for n in range(columns + 1)]
    rows = range(len(counts) + 1)
    few = [[0.3 if 0 < s < LEAST_SWINGS else nan for s, _ in row] for row in counts]
    axes.pcolormesh(edges, rows, few, cmap="Greys", vmin=0, vmax=1)
    rates = [[100 * d / s if s >= LEAST_SWINGS else nan for s, d in row] for row in counts]
    shades = mpl.colormaps["YlOrBr"].resampled(256)([round(n) for n in _SHADES])
    scale = BoundaryNorm(_STEPS, len(_SHADES))
    mesh = axes.pcolormesh(edges, rows, rates, cmap=ListedColormap(shades), norm=scale)
    day_axis(axes, span)
    axes.grid(visible=False)
    axes.set_ylabel("hour of the day")
    return mesh


def _margin(axes: "Axes", material: Material, counts: Sequence[Sequence[Counts]]) -> None:
    days = max(1, len({day for _, day in material.hours}))
    swings = [sum(s for s, _ in row) / days for row in counts]
    axes.barh([n + 0.5 for n in range(len(swings))], swings, 0.8, color=COLOURS["unknown"])
    axes.tick_params(labelleft=False, length=0)
    axes.set_xlabel("swings a day")
    axes.grid(visible=False, axis="y")

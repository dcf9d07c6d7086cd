"""With an orthosis against without: each number as a dot with its 95 % interval."""

from typing import TYPE_CHECKING, Final

from pipeline.report.compare import Compared, Comparison
from pipeline.report.intervals import Ratio
from pipeline.report.plots.paper import paper, place
from pipeline.report.plots.trends import ORTHOSIS_COLOURS
from pipeline.svg import INK, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["comparison_plot"]

_ROW: Final = 74
_NAMES: Final = {"afo": "with brace", "fes": "with stimulator"}


def comparison_plot(comparison: Comparison) -> str | None:
    """Return the plot of a comparison, or None where it was refused or nothing has a value."""
    numbers = [
        n for n in comparison.numbers if n.worn.value is not None and n.without.value is not None
    ]
    if not numbers:
        return None
    name = f"compared-{comparison.side}"
    height = _ROW * len(numbers) + 8
    with paper(name, height) as figure:
        for row, each in enumerate(reversed(numbers)):
            axes = place(figure, 344, row * _ROW + 28, 330, _ROW - 36)
            _draw(axes, each, comparison.orthosis)
        return svg_text(name, f"The {comparison.side} foot with and without orthosis", figure)


def _draw(axes: "Axes", each: Compared, orthosis: str) -> None:
    _dot(axes, 1, each.worn, each.scale, ORTHOSIS_COLOURS[orthosis], "D")
    _dot(axes, 0, each.without, each.scale, "#6B747B", "o")
    axes.set_yticks([0, 1], ["without", _NAMES[orthosis]])
    axes.set_ylim(-0.6, 1.6)
    axes.margins(x=0.12)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.text(
        -1.03,
        0.5,
        f"{each.title}, {each.unit}",
        transform=axes.transAxes,
        va="center",
        linespacing=1.3,
    )


def _dot(axes: "Axes", y: float, found: Ratio, scale: float, colour: str, marker: str) -> None:
    if found.interval:
        axes.plot(
            [scale * bound for bound in found.interval],
            [y, y],
            color=colour,
            linewidth=5,
            alpha=0.55,
            solid_capstyle="butt",
        )
    axes.plot(
        [scale * (found.value or 0.0)], [y], marker, color=colour, markeredgecolor=INK, markersize=9
    )

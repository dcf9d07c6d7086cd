"""Load over the stance with its spread between bouts; pitch of the foot at three instants."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pipeline.plots import REGIONS, mean_curve
from pipeline.points import numbers
from pipeline.report.material import Material
from pipeline.report.plots.paper import paper, place
from pipeline.report.strides import PITCHES, quantiles
from pipeline.report.words import number
from pipeline.summary import SIDES, Row
from pipeline.svg import COLOURS, GRID, INK, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["load_plot", "pitch_plot"]

_POINTS: Final = 21
_HEIGHT: Final = 222
_PITCH_HEIGHT: Final = 210
_INSTANTS: Final = ("At toe off", "Highest in swing", "At contact")
_SHARES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
LEAST_PITCHES: Final = 50


def later_bouts(material: Material) -> list[Row]:
    """Return the bouts of the later days."""
    span = material.span
    later = span.periods[1] or range(len(span.days))
    return [row for row in material.rows["bout"] if span.index(row["time_ns"]) in later]


def load_plot(material: Material) -> str | None:
    """Return the load curves of both feet, or None where no bout of the later days has one."""
    bouts = later_bouts(material)
    curves = {side: mean_curve(bouts, side) for side in SIDES}
    if not any(curves.values()):
        return None
    with paper("load", _HEIGHT) as figure:
        for column, side in enumerate(SIDES):
            axes = place(figure, 62 + 322 * column, 72, 286, _HEIGHT - 98)
            mean = curves[side]
            if mean is None:
                _absent(axes, f"no load curve of the {side} foot")
            else:
                _draw_load(axes, mean, spread(bouts, side))
            axes.set_title(f"{side} foot", fontsize=15, loc="left")
            if column == 0:
                axes.set_ylabel("load [% of peak]")
            axes.set_xlabel("stance [%]")
        handles, labels = figure.axes[0 if curves["left"] else 1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=3, handlelength=2.2, borderpad=0)
        return svg_text("load", "Load of heel, midfoot and forefoot over the stance", figure)


def spread(bouts: Sequence[Row], side: str) -> list[tuple[list[float], list[float]]]:
    """Return for each region the 10th and 90th percentile between bouts, 21 points each."""
    curves = [c for row in bouts if len(c := numbers(row[f"curve_{side}"])) == 3 * _POINTS]
    pairs = [quantiles(column, (0.1, 0.9)) for column in zip(*curves, strict=True)]
    parts = (pairs[start : start + _POINTS] for start in range(0, 3 * _POINTS, _POINTS))
    return [([low for low, _ in part], [high for _, high in part]) for part in parts]


def _draw_load(
    axes: "Axes",
    mean: Sequence[Sequence[float]],
    bands: Sequence[tuple[list[float], list[float]]],
) -> None:
    percent = [5 * n for n in range(_POINTS)]
    for curve, (low, high), (region, style, label) in zip(mean, bands, REGIONS, strict=True):
        colour = COLOURS[region]
        axes.fill_between(
            percent,
            [100 * v for v in low],
            [100 * v for v in high],
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        axes.plot(
            percent, [100 * v for v in curve], style, color=colour, linewidth=2.4, label=label
        )
    axes.set(xlim=(0, 100), ylim=(0, None))
    axes.tick_params(length=0)


def _absent(axes: "Axes", text: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)


def pitch_plot(material: Material) -> str | None:
    """Return the pitch of both feet at three instants, or None where none is stored."""
    pitches = material.strides.pitches
    feet = [side for side in SIDES if len(pitches.get((side, PITCHES[-1]), ())) >= LEAST_PITCHES]
    if not feet:
        return None
    with paper("instants", _PITCH_HEIGHT) as figure:
        for column, name in enumerate(PITCHES):
            axes = place(figure, 62 + 215 * column, 30, 180, _PITCH_HEIGHT - 72)
            for side in feet:
                values = pitches.get((side, name), ())
                if len(values) >= LEAST_PITCHES:
                    _draw_box(axes, side, quantiles(values, _SHARES))
            axes.set_title(_INSTANTS[column], fontsize=15, loc="left")
            _finish(axes, feet)
        figure.axes[0].set_ylabel("pitch [°]")
        return svg_text("instants", "Pitch of the feet at toe off, in swing and at contact", figure)


def _finish(axes: "Axes", feet: Sequence[str]) -> None:
    low, high = axes.dataLim.intervaly
    axes.set(xlim=(-0.7, 1.7), ylim=(low - 2, high + 2))
    axes.set_xticks([SIDES.index(side) for side in feet], [f"{side} foot" for side in feet])
    axes.tick_params(length=0)
    axes.grid(visible=False, axis="x")
    if low - 2 < 0 < high + 2:
        axes.axhline(0, color=INK, linewidth=1)


def _draw_box(axes: "Axes", side: str, found: Sequence[float]) -> None:
    """Draw the middle half as a box, the middle 80 % as a line, the median with its number."""
    low, first, middle, third, high = found
    at, colour = SIDES.index(side), COLOURS[side]
    axes.plot([at, at], [low, high], color=colour, linewidth=3, solid_capstyle="butt")
    axes.bar(at, third - first, 0.34, first, color=colour, edgecolor=GRID)
    axes.plot([at - 0.17, at + 0.17], [middle, middle], color="white", linewidth=2.5)
    axes.text(at + 0.22, middle, f"{number(middle)}°", va="center")

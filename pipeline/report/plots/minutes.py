"""Toe drags against the minutes into a stretch of walking."""

from typing import TYPE_CHECKING, Any, Final

from pipeline.report.intervals import Ratio, ratio
from pipeline.report.material import Material
from pipeline.report.plots.paper import MARKERS, STYLES, paper, place
from pipeline.report.strides import LAST_MINUTE
from pipeline.report.words import count
from pipeline.summary import SIDES
from pipeline.svg import COLOURS, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LEAST_SWINGS", "by_minute", "minutes_plot"]

LEAST_SWINGS: Final = 50
"""A minute with fewer valid swings is left out."""
_HEIGHT: Final = 270


def by_minute(material: Material, side: str) -> list[tuple[int, Ratio]]:
    """Return drags of valid swings for each minute with at least `LEAST_SWINGS` of them."""
    found = []
    for minute in range(LAST_MINUTE + 1):
        clusters = material.strides.minute_clusters(side, range(minute, minute + 1))
        if sum(cluster.of for cluster in clusters) >= LEAST_SWINGS:
            found.append((minute, ratio(clusters)))
    return found


def minutes_plot(material: Material) -> str | None:
    """Return the plot of both feet, or None where no minute has enough swings."""
    feet = {side: found for side in SIDES if (found := by_minute(material, side))}
    if not feet:
        return None
    last = max(minute for found in feet.values() for minute, _ in found)
    with paper("minutes", _HEIGHT) as figure:
        axes = place(figure, 62, 92, 618, _HEIGHT - 104)
        for side, found in feet.items():
            _draw(axes, side, found)
        axes.set(ylabel="drags per 100 swings", xlim=(-0.5, last + 0.5))
        axes.set_ylim(0, None)
        axes.legend(loc="upper left", ncols=2, handlelength=2.2)
        names = [*(f"{n}" for n in range(LAST_MINUTE)), f"{LAST_MINUTE}+"][: last + 1]
        axes.set_xticks(range(last + 1), names)
        axes.tick_params(length=0)
        axes.set_xlabel("minutes since the walk began")
        _numbers(axes, feet)
        return svg_text("minutes", "Toe drags against minutes into a walk", figure)


def _draw(axes: "Axes", side: str, found: list[tuple[int, Ratio]]) -> None:
    colour = COLOURS[side]
    minutes = [minute for minute, _ in found]
    values = [100 * (each.value or 0.0) for _, each in found]
    axes.plot(
        minutes,
        values,
        STYLES[side],
        marker=MARKERS[side],
        color=colour,
        linewidth=2.2,
        label=f"{side} foot",
    )
    for minute, each in found:
        if each.interval:
            low, high = (100 * bound for bound in each.interval)
            axes.plot(
                [minute, minute],
                [low, high],
                color=colour,
                linewidth=5,
                alpha=0.3,
                solid_capstyle="butt",
            )


def _numbers(axes: "Axes", feet: dict[str, list[tuple[int, Ratio]]]) -> None:
    """Write the denominators under the minutes."""
    small: dict[str, Any] = {"fontsize": 12}
    for row, (side, found) in enumerate(feet.items()):
        y = -0.34 - 0.1 * row
        whole, by_minute = axes.transAxes, axes.get_xaxis_transform()
        axes.text(-0.025, y, side, ha="right", color=COLOURS[side], transform=whole, **small)
        for minute, each in found:
            axes.text(minute, y, _short(each.of), ha="center", transform=by_minute, **small)


def _short(swings: float) -> str:
    return count(swings) if swings < 1000 else f"{swings / 1000:.0f} k"

"""What all figures share: the size of the paper, axes placed in pixels, days as ticks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pipeline.report.span import Span
from pipeline.svg import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FONT_PX", "MARKERS", "STYLES", "WIDTH_PX", "day_axis", "paper", "place"]

WIDTH_PX: Final = 690
"""The printed width of an A4 page, in CSS pixels."""
FONT_PX: Final = 14
FONTS: Final = ["Liberation Sans", "Arial", "Helvetica", "DejaVu Sans"]
"""As in report.css.j2."""
STYLES: Final = {"left": "-", "right": "--"}
MARKERS: Final = {"left": "o", "right": "s"}
_TICKS: Final = (1, 2, 7, 14, 28, 56, 112)
_MOST_TICKS: Final = 9


@contextmanager
def paper(name: str, height_px: float, width_px: float = WIDTH_PX) -> Iterator["Figure"]:
    """Give a figure of the paper's width; axes are placed by hand, which is quick."""
    import matplotlib as mpl

    fonts: Any = {"font.sans-serif": FONTS}
    with mpl.rc_context(fonts), drawing(name, width_px, height_px, FONT_PX, "none") as figure:
        yield figure


def place(
    figure: "Figure", left: float, bottom: float, width: float, height: float, **options: Any
) -> "Axes":
    """Add axes at a place in pixels from the lower left."""
    full_width, full_height = (72 * inches for inches in figure.get_size_inches())
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    return figure.add_axes(box, **options)


def day_axis(axes: "Axes", span: Span) -> None:
    """Label the x axis, in day numbers, with dates; weeks begin on Mondays."""
    count = len(span.days)
    step = next((n for n in _TICKS if count / n <= _MOST_TICKS), _TICKS[-1])
    first = -span.first.weekday() % 7 if step >= 7 else 0
    places = range(first, count, step)
    axes.set_xticks(list(places), [_short(span.days[n]) for n in places])
    axes.set_xlim(-0.6, count - 0.4)
    axes.tick_params(length=0)


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"

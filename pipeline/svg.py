"""Figures as inline SVG text whose bytes depend on what is drawn alone.

Colours are Okabe and Ito's (2008, "Color Universal Design"), which colour-blind people can tell
apart; every colour comes with a shape, a place or a line style of its own. Needs the `report`
extra (matplotlib).
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GRID", "INK", "drawing", "svg_text"]

COLOURS: Final = {
    "heel": "#0072B2",
    "flat": "#E69F00",
    "toe": "#D55E00",
    "unknown": "#8A8F94",
    "midfoot": "#009E73",
    "forefoot": "#D55E00",
    "left": "#0072B2",
    "right": "#CC79A7",
    "drag": "#D55E00",
}
INK: Final = "#22303C"
GRID: Final = "#E3E6E8"
_PX: Final = 1 / 72
_STYLE: Final = {
    "font.family": "sans-serif",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "legend.frameon": False,
}


@contextmanager
def drawing(
    name: str, width_px: float, height_px: float, font_px: float = 17, layout: Any = "constrained"
) -> Iterator["Figure"]:
    """Give a figure whose unit is a CSS pixel; the same drawing under a name has the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    sizes = {"font.size": font_px, "legend.fontsize": font_px}
    style: Any = {**_STYLE, **sizes, "svg.hashsalt": name}
    with mpl.rc_context(style):
        yield Figure(figsize=(width_px * _PX, height_px * _PX), layout=layout, dpi=72)


def svg_text(name: str, title: str, figure: "Figure") -> str:
    """Return the figure as an inline SVG element with a title and ids of its own."""
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', text, count=2)  # CSS pixels
    head = f'<svg role="img" aria-labelledby="{name}-title"'
    text = text.replace("<svg", head, 1)
    return text.replace(">", f'><title id="{name}-title">{escaped}</title>', 1)

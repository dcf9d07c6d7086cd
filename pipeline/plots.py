"""Plots of a walk as SVG text: for the result page, and beside the files of `analyse`.

All take rows as a store gives them or dicts with the wire's field names. Needs the `report` extra
(matplotlib).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline.points import numbers
from pipeline.summary import SIDES, Row, cadence_per_min
from pipeline.svg import COLOURS, INK, drawing, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "REGIONS",
    "cadence",
    "load_curve",
    "mean_curve",
    "strikes",
    "trip_risk",
    "walk_plot",
]

REGIONS: Final = (
    ("heel", "-", "heel"),
    ("midfoot", ":", "midfoot"),
    ("forefoot", "--", "forefoot"),
)
_STRIKES: Final = (("heel", "o"), ("flat", "s"), ("toe", "v"), ("unknown", "x"))
_STRIKE_WORDS: Final = {
    "heel": "heel-first",
    "flat": "flat",
    "toe": "toe-first",
    "unknown": "not known",
}
_SINGLE_CONTACTS: Final = 600
_BINS: Final = 60


def mean_curve(bouts: Sequence[Row], side: str) -> list[tuple[float, ...]] | None:
    """Return the mean load of heel, midfoot and forefoot over the stance, 3 x 21 shares of 0-1.

    The bouts' curves weighted by their strides; None where no bout has one.
    """
    total = 0
    sums = [0.0] * 63
    for bout in bouts:
        curve, weight = numbers(bout[f"curve_{side}"]), bout[f"strides_{side}"] or 0
        if len(curve) == len(sums) and weight:
            total += weight
            sums = [s + weight * value for s, value in zip(sums, curve, strict=True)]
    if not total:
        return None
    means = [s / total for s in sums]
    return [tuple(means[start : start + 21]) for start in (0, 21, 42)]


def _draw_load(axes: "Axes", curves: list[tuple[float, ...]]) -> None:
    percent = [5 * n for n in range(21)]
    for curve, (region, style, label) in zip(curves, REGIONS, strict=True):
        values = [100 * value for value in curve]
        axes.plot(percent, values, style, color=COLOURS[region], linewidth=3, label=label)
    axes.set(xlim=(0, 100), ylim=(0, None), xlabel="stance [%]", ylabel="load [% of peak]")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handlelength=1.6)


def load_curve(bouts: Sequence[Row], side: str) -> str | None:
    """Return a plot of the load over the stance of one foot; None where no bout has a curve."""
    curves = mean_curve(bouts, side)
    if curves is None:
        return None
    name = f"load-{side}"
    with drawing(name, 500, 340) as figure:
        _draw_load(figure.subplots(), curves)
        title = f"Mean load of heel, midfoot and forefoot over the stance of the {side} foot"
        return svg_text(name, title, figure)


class _TimeAxis:
    """Times of rows as seconds or minutes from the first, or as hours and days of the clock."""

    def __init__(self, strides: Sequence[Row], clock: Callable[[int], str] | None) -> None:
        self.begin_ns = strides[0]["time_ns"]
        span_s = (strides[-1]["time_ns"] - self.begin_ns) / 1e9
        units = ((600, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"))
        self.unit_s, self.unit = next(
            ((unit_s, name) for limit, unit_s, name in units if span_s <= limit), (86_400, "days")
        )
        since = clock(self.begin_ns) if clock else "the first contact"
        self.label = f"time since {since} [{self.unit}]"
        self.end = max(span_s / self.unit_s, 1e-9)

    def of(self, row: Row) -> float:
        return float((row["time_ns"] - self.begin_ns) / 1e9 / self.unit_s)

    def finish(self, axes: "Axes") -> None:
        axes.set(xlim=(-0.01 * self.end, 1.01 * self.end), xlabel=self.label)


def _draw_strikes(axes: "Axes", strides: Sequence[Row], time: _TimeAxis) -> None:
    """Draw a lane per foot, each contact where it happened, higher the further to the toes."""
    for lane, side in enumerate(reversed(SIDES)):
        for height, (strike, marker) in enumerate(_STRIKES[:3]):
            at = [time.of(r) for r in strides if r["side"] == side and r["strike"] == strike]
            level = lane * 3.6 + height
            axes.plot(at, [level] * len(at), marker, color=COLOURS[strike], markersize=9)
        if not any(row["side"] == side for row in strides):
            axes.text(time.end / 2, lane * 3.6 + 0.5, f"{side} foot: not recorded", ha="center")
        unknown = [time.of(r) for r in strides if r["side"] == side and r["strike"] == "unknown"]
        axes.plot(unknown, [lane * 3.6 - 0.5] * len(unknown), "x", color=COLOURS["unknown"])
    levels = [lane * 3.6 + height for lane in range(2) for height in range(3)]
    names = [
        f"{side} {_STRIKE_WORDS[strike]}" for side in reversed(SIDES) for strike, _ in _STRIKES[:3]
    ]
    axes.set_yticks(levels, names)
    axes.set_ylim(-0.9, 6.2)
    time.finish(axes)


def _draw_shares(axes: "Axes", side: str, strides: Sequence[Row], time: _TimeAxis) -> None:
    """Draw the share of each strike type per part of the time; no bar where nothing was."""
    mine = [row for row in strides if row["side"] == side]
    width = time.end / _BINS
    bins: list[list[Row]] = [[] for _ in range(_BINS)]
    for row in mine:
        bins[min(_BINS - 1, int(time.of(row) / width))].append(row)
    middles = [(n + 0.5) * width for n in range(_BINS)]
    base = [0.0] * _BINS
    for strike, _ in _STRIKES:
        shares = [
            100 * sum(r["strike"] == strike for r in part) / len(part) if part else 0.0
            for part in bins
        ]
        label = _STRIKE_WORDS[strike]
        axes.bar(middles, shares, 0.9 * width, base, color=COLOURS[strike], label=label)
        base = [b + share for b, share in zip(base, shares, strict=True)]
    axes.set(ylim=(0, 100), ylabel=f"{side} [%]")
    time.finish(axes)


def strikes(strides: Sequence[Row], clock: Callable[[int], str] | None = None) -> str | None:
    """Return a plot of strike types over time: each contact, or shares where there are many."""
    if not strides:
        return None
    time = _TimeAxis(strides, clock)
    title = "Strike type of each contact over time, left and right foot"
    if len(strides) <= _SINGLE_CONTACTS:
        with drawing("strikes", 1000, 330) as figure:
            _draw_strikes(figure.subplots(), strides, time)
            return svg_text("strikes", title, figure)
    with drawing("strikes", 1000, 430) as figure:
        panels = figure.subplots(2, 1, sharex=True)
        for axes, side in zip(panels, SIDES, strict=True):
            _draw_shares(axes, side, strides, time)
        panels[0].set_xlabel("")
        panels[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
        return svg_text("strikes", "Shares of strike types over time, left and right foot", figure)


def _dragged(row: Row) -> bool:
    return row["toe_drag"] not in (None, "none")


def _draw_cadence(axes: "Axes", strides: Sequence[Row], time: _TimeAxis) -> None:
    highest = 1.0
    for side, marker in zip(SIDES, "os", strict=True):
        known = [
            (time.of(row), value)
            for row in strides
            if row["side"] == side and (value := cadence_per_min(row["stride_s"])) is not None
        ]
        if not known:
            continue
        at, values = [k[0] for k in known], [k[1] for k in known]
        highest = max(highest, *values)
        axes.plot(at, values, marker, color=COLOURS[side], markersize=6, label=side, alpha=0.8)
    _mark_drags(axes, strides, time)
    axes.set(ylim=(0, 1.1 * highest), ylabel="cadence [steps/min]")
    time.finish(axes)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _mark_drags(axes: "Axes", strides: Sequence[Row], time: _TimeAxis) -> None:
    """Mark drags on the time axis, so that also those without a cadence are seen."""
    at = [time.of(row) for row in strides if _dragged(row)]
    if at:
        axes.plot(
            at,
            [0.05] * len(at),
            "^",
            color=COLOURS["drag"],
            markersize=13,
            markeredgecolor=INK,
            transform=axes.get_xaxis_transform(),
            label="toe drag",
        )


def cadence(strides: Sequence[Row], clock: Callable[[int], str] | None = None) -> str | None:
    """Return a plot of the cadence per stride (120 / stride_s) with drags marked."""
    if not any(row["stride_s"] for row in strides):
        return None
    with drawing("cadence", 1000, 330) as figure:
        _draw_cadence(figure.subplots(), strides, _TimeAxis(strides, clock))
        return svg_text("cadence", "Cadence per stride over time, toe drags marked", figure)


def _draw_risk(axes: "Axes", strides: Sequence[Row], time: _TimeAxis) -> None:
    for side, style in zip(SIDES, ("-", "--"), strict=True):
        known = [r for r in strides if r["side"] == side and r["trip_risk"] is not None]
        if not known:
            continue
        at = [time.of(row) for row in known]
        risks = [row["trip_risk"] for row in known]
        axes.step(at, risks, style, where="post", color=COLOURS[side], linewidth=3, label=side)
    axes.set(ylim=(0, 1), ylabel="trip risk [0-1]")
    time.finish(axes)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def trip_risk(strides: Sequence[Row], clock: Callable[[int], str] | None = None) -> str | None:
    """Return a plot of the trip risk over time; None where it was never known."""
    if all(row["trip_risk"] is None for row in strides):
        return None
    with drawing("risk", 1000, 300) as figure:
        _draw_risk(figure.subplots(), strides, _TimeAxis(strides, clock))
        return svg_text("risk", "Trip risk over time, left and right foot", figure)


def walk_plot(strides: Sequence[Row], bouts: Sequence[Row], title: str) -> str:
    """Return one SVG file of a whole walk: loads of both feet, strikes, cadence with drags.

    A panel without data says so.
    """
    with drawing("walk", 1000, 1080) as figure:
        grid = figure.add_gridspec(3, 2)
        figure.suptitle(title)
        for column, side in enumerate(SIDES):
            axes = figure.add_subplot(grid[0, column])
            curves = mean_curve(bouts, side)
            _fill(axes, curves, _draw_load)
            axes.set_xlabel(f"{side} stance [%]")
        time = _TimeAxis(strides, None) if strides else None
        for row, draw in ((1, _draw_strikes), (2, _draw_cadence)):
            axes = figure.add_subplot(grid[row, :])
            _fill(axes, time, lambda axes, time, draw=draw: draw(axes, strides, time))
        svg = svg_text("walk", title, figure)
    svg = svg.replace("<svg", '<svg style="background: #ffffff"', 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}'


def _fill(axes: "Axes", data: Any, draw: Callable[..., None]) -> None:
    if data is None:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes)
    else:
        draw(axes, data)

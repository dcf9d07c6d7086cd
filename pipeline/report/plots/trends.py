"""Numbers of each day over the range, with the person's own baseline band and what was worn."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pipeline.report.material import Material, focus
from pipeline.report.plots.paper import MARKERS, STYLES, day_axis, paper, place
from pipeline.summary import SIDES, Row
from pipeline.svg import COLOURS, INK, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ORTHOSIS_COLOURS", "TRENDS", "Trend", "trend_plot"]

ORTHOSIS_COLOURS: Final = {"none": "#C9CED2", "afo": "#E69F00", "fes": "#009E73"}
_LETTERS: Final = {"none": "none", "afo": "brace", "fes": "stimulator"}
_HEIGHT: Final = 166
_LEFT: Final = 62
_WIDTH: Final = 618
_BOTTOM: Final = 26
_WEEK: Final = 7
_BAND: Final = "#56B4E9"
_BARS: Final = "#6B8299"


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure of one number over the days.

    Attributes
    ----------
    value : str
        Field of a day's row.
    hits, of : str
        Fields whose sums over seven days make the line; `hits` empty: weighted days.
    band : tuple of two str
        Fields of the baseline band, or empty.
    """

    name: str
    title: str
    sentence: str
    unit: str
    value: str
    of: str = ""
    band: tuple[str, str] | tuple[()] = ()
    least: int = 0
    top: float | None = None


TRENDS: Final = (
    Trend(
        "worn",
        "Worn time",
        "Hours worn on each day. Hatched: no worn time is known, which is not the same as none.",
        "h worn",
        "worn_s",
    ),
    Trend(
        "drags",
        "Toe drags",
        "Drags per 100 valid swings: a point for each day with at least 50 valid swings, a line "
        "for the seven days around it. Blue band: the own baseline of the affected foot, mean "
        "plus and minus two standard deviations of its days.",
        "per 100 swings",
        "drags_per_100_swings",
        "valid_swings",
        ("drags_baseline_low_per_100_swings", "drags_baseline_high_per_100_swings"),
        50,
    ),
    Trend(
        "heel",
        "Heel-first landings",
        "Share of heel-first landings among the landings of known kind, drawn in the same way.",
        "% heel-first",
        "heel_first_percent",
        "known_strikes",
        ("heel_first_baseline_low_percent", "heel_first_baseline_high_percent"),
        50,
        100,
    ),
    Trend(
        "pitch",
        "Pitch at contact",
        "The day's median pitch of the foot at contact; above 0° the toes point up. Days with at "
        "least 50 strides with a pitch.",
        "pitch [°]",
        "pitch_at_contact_median_deg",
        "pitch_strides",
        ("pitch_baseline_low_deg", "pitch_baseline_high_deg"),
        50,
    ),
)


def trend_plot(material: Material, trend: Trend) -> str | None:
    """Return one trend, or None where no day has the number."""
    draw = _draw_bars if trend.name == "worn" else _draw_sides
    with paper(f"trend-{trend.name}", _HEIGHT) as figure:
        axes = place(figure, _LEFT, _BOTTOM + 12, _WIDTH, _HEIGHT - _BOTTOM - 36)
        if not draw(axes, material, trend):
            return None
        day_axis(axes, material.span)
        axes.tick_params(axis="x", pad=13)
        axes.set_ylabel(trend.unit)
        axes.grid(visible=False, axis="x")
        _marks(axes, material)
        _orthosis_strip(axes, material)
        return svg_text(f"trend-{trend.name}", f"{trend.title} over the days", figure)


def _draw_bars(axes: "Axes", material: Material, trend: Trend) -> bool:
    count = len(material.span.days)
    rows = [material.daily.get(("both", day)) for day in range(count)]
    worn = [None if row is None else row[trend.value] for row in rows]
    known = [(day, value / 3600) for day, value in enumerate(worn) if value is not None]
    if not known:
        return False
    axes.bar([k[0] for k in known], [k[1] for k in known], 0.8, color=_BARS)
    top = max(1.0, 1.1 * max(value for _, value in known))
    missing = [day for day, value in enumerate(worn) if value is None]
    axes.bar(
        missing,
        [top] * len(missing),
        1.0,
        color="none",
        edgecolor="#B8BEC3",
        hatch="////",
        linewidth=0,
    )
    axes.set_ylim(0, top)
    return True


def _draw_sides(axes: "Axes", material: Material, trend: Trend) -> bool:
    count = len(material.span.days)
    drawn = False
    for side in SIDES:
        rows = [material.daily.get((side, day)) for day in range(count)]
        points = [
            (day, row[trend.value])
            for day, row in enumerate(rows)
            if row is not None and _counts(row, trend)
        ]
        if not points:
            continue
        drawn = True
        if side == focus(material.record)[0]:
            _band(axes, rows, trend)
        colour = COLOURS[side]
        days, values = [p[0] for p in points], [p[1] for p in points]
        axes.plot(days, values, MARKERS[side], color=colour, markersize=3.2, alpha=0.45)
        for part in _parts(_weekly(rows, trend)):
            axes.plot(*zip(*part, strict=True), STYLES[side], color=colour, linewidth=2.4)
        axes.plot([], [], STYLES[side], color=colour, linewidth=2.4, label=f"{side} foot")
    if drawn:
        axes.set_ylim(*_limits(axes, trend))
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 0.98),
            ncols=3,
            handlelength=2.2,
            borderpad=0,
            columnspacing=1.4,
        )
    return drawn


def _limits(axes: "Axes", trend: Trend) -> tuple[float, float]:
    low, high = axes.dataLim.intervaly
    if trend.name == "pitch":
        room = max(1.0, 0.12 * (high - low))
        return min(low - room, -1.0), max(high + room, 1.0)
    return 0.0, trend.top or max(1.0, 1.1 * high)


def _counts(row: Row | None, trend: Trend) -> bool:
    if row is None or row[trend.value] is None:
        return False
    return bool((row[trend.of] or 0) >= trend.least)


def _weekly(rows: Sequence[Row | None], trend: Trend) -> list[tuple[int, float] | None]:
    """Return the mean by strides of the seven days around each day; None where there is none."""
    found: list[tuple[int, float] | None] = []
    for day in range(len(rows)):
        near = rows[max(0, day - _WEEK // 2) : day + _WEEK // 2 + 1]
        kept = [row for row in near if row is not None and _counts(row, trend)]
        weight = sum(row[trend.of] for row in kept)
        total = sum(row[trend.value] * row[trend.of] for row in kept)
        found.append((day, total / weight) if weight and _counts(rows[day], trend) else None)
    return found


def _parts(points: Sequence[tuple[int, float] | None]) -> list[list[tuple[int, float]]]:
    """Return runs of days; a gap of more than three days interrupts the line."""
    known = [point for point in points if point is not None]
    if not known:
        return []
    parts = [[known[0]]]
    for before, after in pairwise(known):
        if after[0] - before[0] > 3:
            parts.append([])
        parts[-1].append(after)
    return parts


def _band(axes: "Axes", rows: Sequence[Row | None], trend: Trend) -> None:
    if not trend.band:
        return
    low, high = trend.band
    known = [
        (day, row[low], row[high])
        for day, row in enumerate(rows)
        if row is not None and row[low] is not None and row[high] is not None
    ]
    if known:
        days, lows, highs = zip(*known, strict=True)
        shade: dict[str, Any] = {"color": _BAND, "alpha": 0.28, "linewidth": 0}
        axes.fill_between(days, lows, highs, step="mid", label="own baseline", **shade)


def _marks(axes: "Axes", material: Material) -> None:
    """Draw programme changes and notes as lines; orthoses have the strip below."""
    span = material.span
    at = {
        span.index(mark.time_ns)
        for mark in material.record.marks()
        if mark.what != "orthosis" and span.start_ns <= mark.time_ns < span.stop_ns
    }
    for day in sorted(at):
        axes.axvline(day - 0.5, color=INK, linewidth=1, linestyle=(0, (2, 2)))


def _orthosis_strip(axes: "Axes", material: Material) -> None:
    """Draw what the affected foot wore most of each day as a strip under the plot."""
    side = focus(material.record)[0]
    for start, stop, orthosis in orthosis_runs(material, side):
        axes.axvspan(
            start - 0.5,
            stop - 0.5,
            -0.09,
            -0.03,
            color=ORTHOSIS_COLOURS[orthosis],
            clip_on=False,
            linewidth=0,
        )


def orthosis_runs(material: Material, side: str) -> list[tuple[int, int, str]]:
    """Return (first day, day after the last, orthosis) of days on which one is known."""
    runs: list[tuple[int, int, str]] = []
    for day in range(len(material.span.days)):
        row = material.daily.get((side, day))
        orthosis = row["orthosis"] if row else None
        if orthosis is None:
            continue
        if runs and runs[-1][1:] == (day, orthosis):
            runs[-1] = (runs[-1][0], day + 1, orthosis)
        else:
            runs.append((day, day + 1, orthosis))
    return runs

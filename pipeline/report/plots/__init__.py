"""The report's figures: each takes the material and returns inline SVG, or None without data."""

from pipeline.report.plots.compared import comparison_plot
from pipeline.report.plots.curves import load_plot, pitch_plot
from pipeline.report.plots.heat import heat_plot
from pipeline.report.plots.minutes import minutes_plot
from pipeline.report.plots.trends import TRENDS, trend_plot

__all__ = [
    "TRENDS",
    "comparison_plot",
    "heat_plot",
    "load_plot",
    "minutes_plot",
    "pitch_plot",
    "trend_plot",
]

"""The result page: what the store holds about one patient and a period, as one HTML file.

The page needs no script, no font and no other file. Every share names its denominator; what was
not recorded is said to be not recorded. Needs the `report` extra (jinja2, matplotlib).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from pipeline import plots
from pipeline.store import Store
from pipeline.summary import SIDES, FootSummary, Row, Walk, summarise

__all__ = ["make_page", "render_page"]

_TEMPLATE: Final = "page.html.j2"
_FEW: Final = 30
DRAG_WORDS: Final = {"late_release": "late release", "scuff": "scuff", "full": "full drag"}


async def make_page(
    store: Store,
    patient: str,
    start_ns: int,
    stop_ns: int,
    title: str,
    zone: tzinfo = UTC,
) -> str:
    """Return the page of a patient from what the store holds in start_ns <= time < stop_ns.

    Raises
    ------
    StoreUnavailable
        The store cannot be read now.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in ("stride", "bout", "near_trip", "gap", "alert"):
        rows[name] = await store.read(name, patient=patient, start_ns=start_ns, stop_ns=stop_ns)
    return render_page(rows, patient, start_ns, stop_ns, title, zone)


def render_page(
    rows: Mapping[str, list[dict[str, Any]]],
    patient: str,
    start_ns: int,
    stop_ns: int,
    title: str,
    zone: tzinfo = UTC,
) -> str:
    """Return the page from rows by measurement: stride, bout, near_trip, gap; alert if known."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    strides, bouts = rows["stride"], rows["bout"]
    walk = summarise(strides, bouts, rows["near_trip"], rows["gap"])

    def clock(time_ns: int) -> str:
        return datetime.fromtimestamp(time_ns / 1e9, zone).strftime("%H:%M:%S")

    return environment.get_template(_TEMPLATE).render(
        title=title,
        patient=patient,
        period=_period(*_heard(strides, start_ns, stop_ns), zone),
        walk=walk,
        headline=headline(walk),
        colours=plots.COLOURS,
        drag_words=DRAG_WORDS,
        few=_FEW,
        loads=[(side, _safe(plots.load_curve(bouts, side))) for side in SIDES],
        timelines=[
            ("strikes", _safe(plots.strikes(strides, clock))),
            ("cadence", _safe(plots.cadence(strides, clock))),
            ("risk", _safe(plots.trip_risk(strides, clock) if strides else None)),
        ],
        quality=[
            *_quality_lines(walk),
            *([("Sensor faults", _faults(rows["alert"], walk))] if "alert" in rows else []),
            ("Asked for", _period(start_ns, stop_ns, zone)),
        ],
    )


def _safe(svg: str | None) -> Any:
    from markupsafe import Markup

    return Markup(svg) if svg else None  # made by plots, which escapes its texts


def headline(walk: Walk) -> str:
    """Return in one or two plain sentences what was found."""
    if not walk.contacts:
        return (
            "No walking was recorded in this period. That says nothing about how the person walked."
        )
    return " ".join(_sentence(foot) for foot in walk.feet)


def _sentence(foot: FootSummary) -> str:
    name = f"The {foot.side} foot"
    if not foot.contacts:
        return f"{name} was not recorded: nothing can be said about it."
    landed = f"{name} landed heel-first in {foot.heel_first} of {foot.contacts} contacts"
    if not foot.valid_swings:
        return f"{landed}; no swing was seen whole, so drags cannot be counted."
    return f"{landed} and dragged in {foot.drags} of {foot.valid_swings} valid swings."


def _heard(strides: Sequence[Row], start_ns: int, stop_ns: int) -> tuple[int, int]:
    """Return the first and the last contact, or without any the period that was asked for."""
    return (strides[0]["time_ns"], strides[-1]["time_ns"]) if strides else (start_ns, stop_ns)


def _period(start_ns: int, stop_ns: int, zone: tzinfo) -> str:
    start, stop = (datetime.fromtimestamp(ns / 1e9, zone) for ns in (start_ns, stop_ns))
    last = f"{stop:%H:%M:%S}" if start.date() == stop.date() else f"{stop:%d %B %Y, %H:%M:%S}"
    return f"{start:%d %B %Y, %H:%M:%S} to {last} {start.tzname()}"


def _quality_lines(walk: Walk) -> list[tuple[str, str]]:
    """Return what the numbers rest on, as pairs of a name and plain words."""
    quality = walk.quality
    if not quality.strides:
        walked = "none recorded"
    elif quality.bouts:
        walked = f"{_duration(quality.walking_s)} in {_count(quality.bouts, 'bout')}"
    else:
        walked = "no finished bout recorded"
    sources = [
        f"{name.replace('imu', 'IMU')}: {number} of {quality.strides} strides"
        for name, number in quality.sources.items()
    ]
    return [
        ("Walking", walked),
        ("Contacts", f"{walk.feet[0].contacts} left, {walk.feet[1].contacts} right"),
        ("Valid swings", f"{walk.feet[0].valid_swings} left, {walk.feet[1].valid_swings} right"),
        ("Measured by", "; ".join(sources) or "nothing recorded"),
        ("Gaps", _gaps(walk)),
        ("Devices", ", ".join(quality.devices) or "none heard"),
    ]


def _faults(alerts: Sequence[Row], walk: Walk) -> str:
    begun = [row for row in alerts if row["rule"] == "sensor_fault" and row["raised"]]
    names = dict.fromkeys(f"{row['side']} foot: {row['detail']}" for row in begun)
    return "; ".join(names) or _none_reported(walk)


def _none_reported(walk: Walk) -> str:
    return "none reported" if walk.contacts else "none reported, but nothing came either"


def _gaps(walk: Walk) -> str:
    quality = walk.quality
    if not quality.gaps:
        return _none_reported(walk)
    lost = ", ".join(f"{number} {what}" for what, number in quality.lost.items())
    return f"{_count(quality.gaps, 'gap')}, {_duration(quality.gap_s)} together; lost: {lost}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"

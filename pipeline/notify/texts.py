"""The words of messages, by rule: what happened with its denominator, and what to do.

A message names a patient by pseudonym only, and every one says what this is not.
"""

import zoneinfo
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pipeline.notify.model import Episode, Planned, Priority, Role

__all__ = [
    "NOT_A_DEVICE",
    "WORDS",
    "Link",
    "Words",
    "line",
    "list_text",
    "moment",
    "text",
    "what",
    "words_of",
]

NOT_A_DEVICE: Final = "Not a medical device: no fall alarm, no diagnosis, no emergency service."
Link = Callable[[Episode, Role], str]
"""Returns the address of an alert's page for a role; empty: there is none."""
_MOST_LINES: Final = 40


class Words(NamedTuple):
    """How a rule's alert is called, and what to do about it."""

    title: str
    advice: str


WORDS: Final[dict[str, Words]] = {
    "repeated_toe_drag": Words(
        "Toes drag again and again",
        "Take a rest. Check shoe and orthosis. If it stays, tell the therapist.",
    ),
    "high_trip_risk": Words(
        "High risk of tripping",
        "Sit down for a while, then walk with support. Check shoe and orthosis.",
    ),
    "near_trips": Words(
        "Near-trips",
        "Ask how it was. Walk with support today. Check shoe, orthosis and what lies on the floor.",
    ),
    "sensor_fault": Words(
        "An insole measures wrongly",
        "Take it out and put it in again. If it stays, tell who looks after the devices.",
    ),
    "sensor_silent": Words(
        "An insole is silent", "Is it charged and in the shoe? Bring it near the box and wait."
    ),
    "silent_device": Words(
        "The box at home is silent", "Is it plugged in, and does the home network work?"
    ),
    "battery_low": Words("Battery low", "Charge the insole tonight."),
    "not_worn": Words("Insoles not worn today", "Ask whether something is in the way."),
    "clock_unknown": Words(
        "The box does not know the time", "Does the home network work? Nothing is lost meanwhile."
    ),
}
"""One row for each rule; an alert of a rule that is not here is told by its name."""


def words_of(rule: str) -> Words:
    """Return the words of a rule."""
    known = WORDS.get(rule)
    return known or Words(rule.replace("_", " ").capitalize(), "Look at the patient's dashboard.")


def _plain(detail: str) -> str:
    """Return a device's text as one short line."""
    return " ".join("".join(c if c.isprintable() else " " for c in detail).split())[:200]


def moment(episode: Episode, zone: str) -> str:
    """Return when an alert began, in the patient's time."""
    local = datetime.fromtimestamp(episode.begin_ns / 1e9, zoneinfo.ZoneInfo(zone))
    return f"{local:%d %b %H:%M}"


def what(episode: Episode) -> str:
    """Return what happened, with its denominator; nothing where the device did not say."""
    return _plain(episode.detail)


def line(episode: Episode, zone: str) -> str:
    """Return one alert in one line: when, what, how much."""
    title = words_of(episode.rule).title
    side = f", {episode.side}" if episode.side else ""
    detail = f": {what(episode)}" if episode.detail else ""
    over = "" if episode.is_open else " (over)"
    late = " (arrived late)" if episode.is_late else ""
    return f"{moment(episode, zone)} {title}{side}{detail}{over}{late}"


def text(planned: Planned, zone: str, link: Link) -> tuple[str, str]:
    """Return title and body of a message about one patient."""
    top, role = planned.episodes[0], planned.role
    who = "you" if role == Role.PATIENT else top.patient
    if planned.kind == "clear":
        news = "the devices work again" if planned.technical else "walking is as usual again"
        title, lines = f"All clear for {who}: {news}", []
    elif planned.kind == "summary":
        title = f"Morning summary for {who}: {len(planned.episodes)} alerts"
        lines = ["What came in the quiet hours or was held back since yesterday:"]
    else:
        prefix = "Technical: " if planned.technical else ""
        urgent = "Now: " if planned.priority == Priority.HIGH else ""
        title = f"{prefix}{urgent}{words_of(top.rule).title} ({who})"
        lines = []
    lines += [line(each, zone) for each in planned.episodes[:_MOST_LINES]]
    if planned.kind == "page":
        lines.append(f"What to do: {words_of(top.rule).advice}")
    if planned.kind in ("page", "summary") and (address := link(top, role)):
        lines.append(f"Seen it? Right or false alarm, or later: {address}")
    return title, "\n".join([*lines, NOT_A_DEVICE])


def list_text(episodes: Sequence[Episode], zone: str) -> tuple[str, str]:
    """Return title and body of the therapist's list of the day."""
    title = f"Alerts that nobody acknowledged: {len(episodes)}"
    lines: list[str] = []
    for technical, head in ((False, "Gait:"), (True, "Technical:")):
        group = [each for each in episodes if each.technical == technical]
        lines += [head] * bool(group)
        lines += [f"{each.patient} {line(each, zone)}" for each in group[:_MOST_LINES]]
        if len(group) > _MOST_LINES:
            lines.append(f"and {len(group) - _MOST_LINES} more: heelfirst alerts list")
    return title, "\n".join([*lines, NOT_A_DEVICE])

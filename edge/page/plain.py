"""The page without JavaScript and without a WebSocket: what is known, read only."""

import html
from collections.abc import Mapping
from typing import Any

from edge.page.messages import MESSAGES
from edge.page.words import say

__all__ = ["plain_page"]

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/page.css">
</head>
<body class="plain">
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def plain_page(sections: Mapping[str, Any], language: str) -> str:
    """Return the page for these sections (see `Sections`) in a language."""

    def text(key: str, **numbers: object) -> str:
        return html.escape(say(language, key, **numbers))

    recording = "recording_yes" if sections["sharing"]["recording"] else "recording_no"
    now, today, sharing = sections["now"], sections["today"], sections["sharing"]
    parts = [
        f'<p class="plain-state">{text("state." + now["state"])}</p>',
        f"<p>{text('about.' + now['state'])}</p>",
        f"<h2>{text('nav.today')}</h2>",
        f"<p>{_today(text, today)}</p>",
        _hours(text, today),
        f"<h2>{text('alerts.title')}</h2>",
        *_alerts(text, sections["alerts"]),
        f"<h2>{text('sharing.title')}</h2>",
        f"<p>{text(f'sharing.{recording}')}</p>",
        f"<p>{text('sharing.waiting')}: {text('sharing.waiting_n', n=sharing['waiting'])}</p>",
        f"<p>{text('sharing.paused')}</p>" if sharing["paused"] else "",
        f'<p><a class="button main" href="/plain">{text("plain.again")}</a></p>',
        f'<p class="note">{text("plain.note")}</p>',
        f'<p class="note">{text("not_a_device")}</p>',
    ]
    title = f"{text('name')} · {text('plain.title')}"
    return _PAGE.format(language=language, title=title, body="\n".join(filter(None, parts)))


def _today(text: Any, today: Mapping[str, Any]) -> str:
    if not today["clock"]:
        return str(text("today.no_clock", n=today["steps"]))
    if not today["steps"]:
        return str(text("today.nothing"))
    steps = text("goal.steps", n=today["steps"], goal=today["goal"])
    if today["few"]:
        return f"{steps}. {text('today.few', known=today['known'])}"
    percent = round(100 * today["heel"] / today["known"])
    return f"{steps}. {text('today.share', percent=percent)}."


def _hours(text: Any, today: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text("today.hour_cell", hour=hour)}</th><td>{steps}</td>'
        f"<td>{f'{round(100 * heel / known)} %' if known else '–'}</td></tr>"
        for hour, (steps, known, heel) in enumerate(today["hours"])
        if steps
    )
    head = "".join(
        f'<th scope="col">{text(key)}</th>'
        for key in ("today.hour", "today.steps", "today.share_short")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""


def _alerts(text: Any, alerts: list[dict[str, Any]]) -> list[str]:
    known = MESSAGES["en"]
    found = [
        f"<p>{text(key if (key := 'alert.' + alert['rule']) in known else 'alert.other')}</p>"
        for alert in alerts
        if alert["raised"]
    ]
    return found or [f"<p>{text('alerts.none')}</p>"]

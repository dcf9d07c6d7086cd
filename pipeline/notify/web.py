"""The acknowledgement page: what the alert is, was it right, or later. Served by the pipeline.

A link opens one alert and nothing else. Looking changes nothing: mail programs look at links by
themselves. Nothing is loaded from elsewhere, and there is no script.
"""

import base64
import hashlib
import html
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs

from pipeline.errors import PipelineError
from pipeline.notify.links import ForgedLinkError, LinkExpiredError, parse_token
from pipeline.notify.model import Ack, By, Episode, Role
from pipeline.notify.notifier import Notifier
from pipeline.notify.texts import NOT_A_DEVICE, moment, what, words_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

__all__ = ["PATH", "routes"]

PATH: Final = "/alerts/{token}"
_MOST_BYTES: Final = 1024
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #16202a; --paper: #f6f4ef; --card: #fff; --soft: #46525e;
  --line: #d9d5cc; --go: #0b4f6c; --go-ink: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #eef1f3; --paper: #12181d; --card: #1c242b;
  --soft: #b9c4cd; --line: #37434d; --go: #9fd4ea; --go-ink: #0c1a21 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1.125rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 34rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem }
.kind { margin: 0; color: var(--soft) }
h1 { margin: .25rem 0 1rem; font-size: 1.65rem; line-height: 1.2 }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .9rem;
  padding: 1.1rem 1.25rem; margin-bottom: 1.5rem }
.card p { margin: 0 0 .6rem } .card p:last-child { margin: 0 }
.what { font-weight: 600 }
h2 { font-size: 1.2rem; margin: 0 0 .75rem }
button { display: block; width: 100%; min-height: 3.5rem; margin: 0 0 .75rem; padding: .6rem 1rem;
  font: inherit; font-weight: 600; border-radius: .8rem; border: 2px solid var(--go);
  background: var(--go); color: var(--go-ink); cursor: pointer }
button.other { background: transparent; color: var(--ink) }
button:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px }
footer { color: var(--soft); font-size: 1rem; margin-top: 2rem; border-top: 1px solid var(--line);
  padding-top: 1rem }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><main><p class="kind">{kind}</p><h1>{title}</h1>
{body}
<footer>{note}</footer></main></body></html>
"""


class _Answer(NamedTuple):
    true_alarm: bool | None
    is_snooze: bool
    thanks: str


_ANSWERS: Final = {
    "true": _Answer(True, False, "Thank you. It is noted that the alarm was right."),
    "false": _Answer(False, False, "Thank you. It is noted that it was a false alarm."),
    "snooze": _Answer(None, True, "It is put off. You hear of it again if it lasts."),
}


_BY: Final[dict[Role, By]] = {
    Role.PATIENT: "patient",
    Role.CAREGIVER: "caregiver",
    Role.THERAPIST: "therapist",
}


def routes(notifier: Notifier) -> "list[Route]":
    """Return the page's routes for the pipeline's web app."""
    from starlette.routing import Route

    async def show(request: "Request") -> "HTMLResponse":
        return await _answer(notifier, request)

    return [Route(PATH, show, methods=["GET", "POST"])]


async def _answer(notifier: Notifier, request: "Request") -> "HTMLResponse":
    try:
        token = parse_token(request.path_params["token"])
        found = await notifier.office.episode(token.number)
        episode = notifier.links.check(token, found, notifier.now_ns())
        if request.method == "POST":
            return await _act(notifier, request, episode, token.role)
        zone = await notifier.zone_of(episode.patient)
        return _page(episode, token.role, zone, notifier)
    except LinkExpiredError:
        said = "It worked for a limited time only. Nothing was changed."
        return _note(410, "This link has expired", said)
    except ForgedLinkError:
        said = "Open it again from the message, whole and unchanged. Nothing was changed."
        return _note(404, "This link does not work", said)
    except (OSError, PipelineError):
        said = "It could not be written down. Nothing was changed; try again in a minute."
        return _note(503, "Not now", said)


async def _act(
    notifier: Notifier, request: "Request", episode: Episode, role: Role
) -> "HTMLResponse":
    answer = _ANSWERS.get(await _pressed(request))
    if answer is None:
        return _note(400, "Nothing was chosen", "Go back and press one of the buttons.")
    snooze_s = 60 * notifier.config.snooze_min if answer.is_snooze else 0.0
    by = _BY[role]
    ack = Ack(notifier.now_ns(), by, answer.true_alarm, snooze_s)
    await notifier.acknowledge(episode.number, ack, f"link:{by}")
    return _note(200, answer.thanks, "You can close this page.")


async def _pressed(request: "Request") -> str:
    """Return which button was pressed; a body that is too long is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            return ""
    return parse_qs(body.decode("ascii", "replace")).get("answer", [""])[0]


def _page(episode: Episode, role: Role, zone: str, notifier: Notifier) -> "HTMLResponse":
    who = "" if role == Role.PATIENT else f"{episode.patient}, "
    kind = "technical alarm" if episode.technical else f"{episode.priority.word} priority"
    words = words_of(episode.rule)
    state = "Still open." if episode.is_open else "It is over."
    if episode.is_settled:
        state += " Somebody has acknowledged it already."
    minutes = f"{notifier.config.snooze_min:.0f}"
    when = html.escape(f"{episode.side} foot, " * bool(episode.side) + moment(episode, zone))
    happened = html.escape(what(episode)) or "The device said no more."
    body = f"""<div class="card"><p>{when}</p><p class="what">{happened}</p><p>{state}</p>
<p>{html.escape(words.advice)}</p></div>
<h2>Was the alarm right?</h2>
<form method="post"><button name="answer" value="true">Yes, it was right</button>
<button class="other" name="answer" value="false">No, a false alarm</button>
<button class="other" name="answer" value="snooze">Later, in {minutes} minutes</button></form>"""
    return _html(200, words.title, f"{who}{kind}", body)


def _note(status: int, title: str, said: str) -> "HTMLResponse":
    return _html(status, title, "heelfirst", f'<div class="card"><p>{html.escape(said)}</p></div>')


def _html(status: int, title: str, kind: str, body: str) -> "HTMLResponse":
    from starlette.responses import HTMLResponse

    text = _PAGE.format(
        title=html.escape(title),
        kind=html.escape(kind),
        style=_STYLE,
        body=body,
        note=html.escape(NOT_A_DEVICE),
    )
    return HTMLResponse(text, status, _HEADERS)

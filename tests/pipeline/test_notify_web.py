"""The acknowledgement page: looking changes nothing, a button does, a forged link does nothing."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify_room import NOON_NS, PATIENT, Room, alert
from starlette.applications import Starlette

from pipeline.notify.links import ForgedLinkError, LinkExpiredError, Links, parse_token
from pipeline.notify.model import Episode, Priority, Role
from pipeline.notify.web import routes

HOUR = 3600


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    room = Room(tmp_path)
    room.person(Role.PATIENT)
    room.person(Role.CAREGIVER)
    yield room
    await room.close()


class Answer:
    """What the app sent."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = ""


async def ask(room: Room, path: str, method: str = "GET", form: Any = None) -> Answer:
    """Call the app as a server would."""
    answer = Answer()
    body = form if isinstance(form, bytes) else urlencode(form or {}).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        answer.body += message.get("body", b"").decode()

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
        "scheme": "https",
        "server": ("clinic.example", 443),
        "client": ("127.0.0.1", 1),
    }
    await Starlette(routes=routes(room.notifier))(scope, receive, send)
    return answer


async def links_of(room: Room, *points: Any) -> list[str]:
    """Take alerts, let them be told, and return the paths of the links in the messages."""
    await room.take(*(points or (alert(),)))
    await room.pass_(11 * 60)
    bodies = "\n".join(message.body for message in room.target.messages)
    return re.findall(r"https://clinic\.example(/alerts/\S+)", bodies)


async def acks(room: Room, number: int = 1) -> list[tuple[str, bool | None, float]]:
    episode = await room.notifier.office.episode(number)
    assert episode is not None
    return [(ack.by, ack.true_alarm, ack.snooze_s) for ack in episode.acks]


async def test_a_page_with_three_buttons(room: Room):
    first, second = await links_of(room, alert(), alert("near_trips", 1, detail="2 near-trips"))
    page = await ask(room, first)
    assert page.status == 200
    assert "Toes drag again and again" in page.body
    assert "5 of the last 50 swings of the left leg dragged" in page.body
    assert re.findall(r'value="(\w+)"', page.body) == ["true", "false", "snooze"]
    assert "Near-trips" not in page.body  # nothing of other alerts
    assert "Not a medical device" in page.body
    assert PATIENT not in page.body
    assert PATIENT in (await ask(room, second)).body  # the caregiver's
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"(src|href)=", page.body)


async def test_looking_changes_nothing(room: Room):
    (link, _) = await links_of(room)
    for method in ("GET", "HEAD", "GET"):
        assert (await ask(room, link, method)).status == 200
    assert await acks(room) == []
    assert (await ask(room, link, "DELETE")).status == 405


@pytest.mark.parametrize(
    ("pressed", "said"),
    [("true", (True, 0.0)), ("false", (False, 0.0)), ("snooze", (None, 1800.0))],
)
async def test_a_button_acts_once(room: Room, pressed: str, said: tuple[bool | None, float]):
    _, link = await links_of(room)
    assert (await ask(room, link, "POST", {"answer": pressed})).status == 200
    assert await acks(room) == [("caregiver", *said)]
    if pressed != "snooze":
        assert (await ask(room, link, "POST", {"answer": pressed})).status == 200
        assert len(await acks(room)) == 1
        assert "already" in (await ask(room, link)).body
    (entry,) = room.journal.entries()
    assert (entry.action, entry.actor, entry.subject) == (
        "acknowledge",
        "link:caregiver",
        PATIENT,
    )


@pytest.mark.parametrize("form", [{}, {"answer": "both"}, b"x" * 5000, b"\xff\xfe", b"answer"])
async def test_any_other_form_changes_nothing(room: Room, form: Any):
    (link, _) = await links_of(room)
    assert (await ask(room, link, "POST", form)).status == 400
    assert await acks(room) == []


async def test_an_expired_link_says_so(room: Room):
    (link, _) = await links_of(room)
    room.now_ns += 49 * HOUR * 10**9
    for method in ("GET", "POST"):
        answer = await ask(room, link, method, {"answer": "true"})
        assert (answer.status, "has expired" in answer.body) == (410, True)
        assert "Toes drag" not in answer.body
    assert await acks(room) == []


async def test_forged_links_tell_nothing_and_all_look_the_same(room: Room):
    mine, _ = await links_of(room, alert(), alert("other", name="two", side="right"))
    number, letter, expires, signature = mine.rsplit("/")[-1].split(".")
    later = str(int(expires) + 10**6)
    forged = [
        f"2.{letter}.{expires}.{signature}",
        f"{number}.c.{expires}.{signature}",
        f"{number}.{letter}.{later}.{signature}",
        f"{number}.{letter}.{expires}.{signature[:-1]}A",
        f"999999.{letter}.{expires}.{signature}",
        f"{'9' * 40}.{letter}.{expires}.{signature}",
        f"-1.{letter}.{expires}.{signature}",
        f"{number}.{letter}.{expires}.",
        f"{number}.{letter}.{expires}.é",
        "x",
        "..",
    ]
    answers = [await ask(room, f"/alerts/{each}", "POST", {"answer": "true"}) for each in forged]
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}
    assert "Nothing was changed" in answers[0].body
    assert await acks(room, 1) == await acks(room, 2) == []


async def test_a_link_does_not_outlive_its_file(room: Room):
    (link, _) = await links_of(room)
    await room.notifier.erase(PATIENT)
    await room.take(alert("other", 5))
    assert (await ask(room, link)).status == 404


async def test_a_disk_that_refuses_is_told(room: Room):
    (link, _) = await links_of(room)
    room.journal.path.write_text("damaged\n")
    answer = await ask(room, link, "POST", {"answer": "true"})
    assert (answer.status, "try again" in answer.body) == (503, True)
    assert await acks(room) == []


def episode(number: int = 1) -> Episode:
    return Episode(
        number, PATIENT, "d", "i", "r", "", Priority.LOW, False, "", NOON_NS, None, NOON_NS
    )


@given(st.text(max_size=120))
def test_no_text_is_a_token_of_ours(text: str):
    links = Links(b"k" * 32, "", 48.0)
    with pytest.raises(ForgedLinkError):
        links.check(parse_token(text), episode(), NOON_NS)


@given(st.integers(1, 10**9), st.sampled_from([Role.PATIENT, Role.CAREGIVER, Role.THERAPIST]))
def test_a_token_is_good_until_it_expires_and_for_its_key_alone(number: int, role: Role):
    links = Links(b"k" * 32, "", 2.0)
    token = parse_token(links.token(episode(number), role, NOON_NS))
    assert links.check(token, episode(number), NOON_NS + 2 * HOUR * 10**9).number == number
    with pytest.raises(LinkExpiredError):
        links.check(token, episode(number), NOON_NS + (2 * HOUR + 1) * 10**9)
    with pytest.raises(ForgedLinkError):
        Links(b"j" * 32, "", 2.0).check(token, episode(number), NOON_NS)
    with pytest.raises(ForgedLinkError):
        links.check(token, episode(number + 1), NOON_NS)

"""A notifier on a settable clock with recipients in files, and a fake or local server as target."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pipeline.config import NotifyConfig
from pipeline.journal import Journal
from pipeline.notify.model import Message, Role
from pipeline.notify.notifier import Notifier
from pipeline.notify.sender import SendError
from pipeline.points import Point

SECOND = 10**9
NOON_NS = 1_772_366_400 * SECOND
"""2026-03-01 12:00 UTC."""
PATIENT = "p0123456789ab"
DEVICE = "insole-1"


def alert(
    rule: str = "repeated_toe_drag",
    at_s: float = 0.0,
    raised: bool = True,
    *,
    name: str = "",
    priority: str = "medium",
    technical: bool = False,
    side: str = "left",
    patient: str = PATIENT,
    detail: str = "5 of the last 50 swings of the left leg dragged",
) -> Point:
    """An alert's point; `at_s` counts from noon."""
    tags = [("device", DEVICE), ("patient", patient)] + [("side", side)] * bool(side)
    fields: dict[str, Any] = {
        "id": name or f"{rule}-{side}-1",
        "rule": rule,
        "priority": priority,
        "raised": raised,
        "detail": detail,
        "technical": technical,
    }
    return Point("alert", tuple(tags), fields, NOON_NS + round(at_s * SECOND))


class Target:
    """A sender that keeps what it is given; `is_down`: nothing can be handed over."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.is_down = False
        self.tries = 0

    async def send(self, url: str, message: Message) -> None:
        self.tries += 1
        if self.is_down:
            raise SendError("connection refused")
        self.messages.append(message)

    def told(self) -> list[tuple[str, str]]:
        """Kind and role of each."""
        return [(each.kind, each.role.word) for each in self.messages]


class Room:
    """The notifier and its files; `restart` opens the files anew."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.now_ns = NOON_NS
        self.people = folder / "recipients"
        self.people.mkdir()
        self.config = NotifyConfig(
            path=str(folder / "notify.db"),
            recipients=str(self.people),
            key_file=str(folder / "acknowledge.key"),
            **{"link": "https://clinic.example/alerts", **settings},
        )
        self.journal = Journal(folder / "journal.jsonl", lambda: self.now_ns)
        self.target = Target()
        self.options: dict[str, Any] = {"sender": self.target}
        self.notifier = self.make()

    def make(self) -> Notifier:
        return Notifier(self.config, self.journal, now_ns=lambda: self.now_ns, **self.options)

    async def restart(self, **options: Any) -> None:
        await self.notifier.close()
        self.options |= options
        self.notifier = self.make()

    def person(self, role: Role, *urls: str, patient: str = PATIENT) -> None:
        """Write a role's addresses."""
        name = role.word if role == Role.THERAPIST else f"{patient}.{role.word}"
        path = self.people / name
        path.touch(mode=0o600)
        path.write_text("\n".join(urls or (f"json://{role.word}.example",)) + "\n")
        self.notifier.recipients._read_s = -100.0

    async def pass_(self, seconds: float = 0.0) -> None:
        """Let time pass, then two rounds: one makes and sends, the next sees what came of it."""
        self.now_ns += round(seconds * SECOND)
        for _ in range(2):
            await self.notifier._round()
            await asyncio.gather(*self.notifier._sending.values())

    async def take(self, *points: Point) -> None:
        await self.notifier.take(points)

    async def close(self) -> None:
        await self.notifier.close()


@asynccontextmanager
async def running(notifier: Notifier) -> AsyncIterator[None]:
    """Run a notifier and stop it in good order."""
    task = asyncio.create_task(notifier.run())
    try:
        yield
    finally:
        notifier.stop()
        await task


class MailServer:
    """An SMTP server of a few lines; keeps the letters."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        say("220 here")
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode().strip().upper():
                if line == "DATA":
                    say("354 go on")
                    body = await reader.readuntil(b"\r\n.\r\n")
                    self.letters.append(body.decode())
                say("221 bye" if line == "QUIT" else "250 ok")
                if line == "QUIT":
                    break
        writer.close()


@asynccontextmanager
async def mail_server(port: int = 0) -> AsyncIterator[MailServer]:
    """Run a `MailServer` on a loopback port."""
    mail = MailServer()
    server = await asyncio.start_server(mail.serve, "127.0.0.1", port)
    mail.port = server.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        server.close()

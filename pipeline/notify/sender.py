"""A message on its way: apprise behind a narrow port."""

import asyncio
import logging
from typing import Final, Protocol

from pipeline.errors import PipelineError
from pipeline.notify.model import Message, Priority

__all__ = ["AppriseSender", "SendError", "Sender"]

_TIMEOUT_S: Final = 30.0


class SendError(PipelineError, ConnectionError):
    """A message could not be handed over; the reason names no address."""


class Sender(Protocol):
    """Hands a message over to somebody's server."""

    async def send(self, url: str, message: Message) -> None:
        """Return when it is handed over; raise `SendError`."""


class AppriseSender:
    """Over a hundred ways to tell somebody; apprise is loaded at the first message."""

    async def send(self, url: str, message: Message) -> None:
        """Return when the server took it; raise `SendError`."""
        kind, service = await asyncio.to_thread(_prepare, url, message.priority)
        if service is None:
            raise SendError("apprise does not know this kind of address; correct the file")
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                taken = await service.async_notify(
                    body=message.body, title=message.title, notify_type=kind
                )
        except TimeoutError:
            raise SendError(f"no answer within {_TIMEOUT_S:.0f} s") from None
        if not taken:
            raise SendError(f"{message.role.word}'s server did not take it; is the address right?")


def _prepare(url: str, priority: Priority):  # type: ignore[no-untyped-def]  # apprise's types, loaded late
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may hold addresses
    service = apprise.Apprise()
    kinds = {
        Priority.LOW: apprise.NotifyType.INFO,
        Priority.MEDIUM: apprise.NotifyType.WARNING,
        Priority.HIGH: apprise.NotifyType.FAILURE,
    }
    return kinds[priority], service if service.add(url) else None

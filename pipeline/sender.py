"""What sends to devices over the ingester's connection: setups, requests, discovery messages."""

from typing import Protocol

from edge import wire
from pipeline.link import Session

__all__ = ["Sender"]


class Sender(Protocol):
    """Sends on every session of the ingester; one that fails harms no event."""

    async def serve(self, session: Session) -> None:
        """Send what is due, and what becomes due, until cancelled: then the session is over.

        Raises
        ------
        LinkLost
            The session is over; the next one is served anew.
        """

    def seen(self, status: wire.Status) -> None:
        """Look at a device's status; must not block."""

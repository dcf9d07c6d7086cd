"""Where setups and requests arrive: checked, kept, and handed to what uses them."""

import asyncio
import logging
from collections.abc import Callable

from edge import wire
from edge.setup.file import SetupFile

__all__ = ["SetupDesk"]

log = logging.getLogger(__name__)


class SetupDesk:
    """Takes `Setup` and `Command` messages; an `edge.publish.Handler`.

    Parameters
    ----------
    file : SetupFile
        The last good setup.
    device : str
        Messages for another one are refused.

    Attributes
    ----------
    current : Setup or None
        The setup in use; None: none was ever received, the agent's own settings hold.
    on_setup, on_request : callable
        Called in the event loop's thread.
    """

    def __init__(self, file: SetupFile, device: str) -> None:
        self._file = file
        self._device = device
        self.current = file.load()
        self.on_setup: Callable[[wire.Setup], None] = _ignore
        self.on_request: Callable[[wire.Request], None] = _ignore

    @property
    def revision(self) -> int | None:
        """Of the setup in use."""
        return None if self.current is None else self.current.revision

    async def setup(self, setup: wire.Setup) -> None:
        """Keep and use a setup; the one in use may come as often as it likes.

        It is written on a thread of its own: a slow disk holds up neither detection nor a cue. On
        a full disk it is used all the same, and comes again after a restart.

        Raises
        ------
        WireError
            It is for another device or older than the one in use, which stays.
        """
        self._check(setup.device)
        if self.current is not None and setup.revision <= self.current.revision:
            if setup == self.current:
                return
            raise wire.WireError(
                f"revision {setup.revision} does not follow {self.current.revision}, which stays; "
                "is the registry's file an old copy, or are two pipelines at work?"
            )
        self.current = setup
        try:
            await asyncio.to_thread(self._file.save, setup)
        except OSError as error:
            log.warning("setup %d is used, not kept: %s", setup.revision, error)
        self.on_setup(setup)

    async def command(self, command: wire.Command) -> None:
        """Hand on each request; raise `WireError` where they are for another device."""
        self._check(command.device)
        for request in command.requests:
            self.on_request(request)

    def _check(self, device: str) -> None:
        if device != self._device:
            raise wire.WireError(f"it is for device {device!r}, this one is {self._device!r}")


def _ignore(_: object) -> None:
    """Nobody uses it yet."""

"""The last good `Setup` in a file: replaced whole, durable, readable by its owner alone."""

import logging
from pathlib import Path

from edge import wire
from edge.wholefile import replace_file

__all__ = ["SetupFile"]

log = logging.getLogger(__name__)


class SetupFile:
    """Keeps one `Setup`.

    Parameters
    ----------
    path : Path
        The file; its folder is made where missing.
    device : str
        Whose it has to be.
    """

    def __init__(self, path: Path, device: str) -> None:
        self._path = path
        self._device = device

    def load(self) -> wire.Setup | None:
        """Return what was kept; None where there is nothing, or nothing that can be used.

        A damaged file is no misfortune: the broker retains the setup and sends it again.
        """
        try:
            setup = wire.decode(self._path.read_bytes(), wire.Setup)
        except FileNotFoundError:
            return None
        except (OSError, wire.WireError) as error:
            log.warning("%s is not used (%s); the pipeline sends it again", self._path, error)
            return None
        return setup if setup.device == self._device else None

    def save(self, setup: wire.Setup) -> None:
        """Replace the file; the new one is on disk when this returns.

        Raises
        ------
        OSError
            It cannot be written; the old one stays.
        """
        replace_file(self._path, wire.encode(setup))

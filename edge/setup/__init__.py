"""What the therapist has set, on the Pi: received, checked, kept, handed on.

    broker ─ config, command ─> Publisher ─> SetupDesk ─> SetupFile (the last good one)
                                                 └──────> companions: setup(..), request(..)

A `Setup` is used from the moment it comes, and again from the start of the agent on, also without a
network. One that is malformed, for another device or older than the last is refused and counted.
"""

from edge.setup.desk import SetupDesk
from edge.setup.file import SetupFile

__all__ = ["SetupDesk", "SetupFile"]

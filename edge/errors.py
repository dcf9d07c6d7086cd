"""The errors of this room.

EdgeError
├── WireError (ValueError)     a message that the wire does not allow (edge/wire.py)
├── ConfigError (SettingError) a setting that is wrong: file, key, remedy (edge/config.py)
├── OutboxError (OSError)      the outbox cannot be opened (edge/outbox.py)
└── LinkError (ConnectionError) the broker refused or went away (edge/link.py)
"""

__all__ = ["EdgeError"]


class EdgeError(Exception):
    """Root of all errors of this room."""

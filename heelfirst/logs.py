"""Logging of a service: lines for people, or one JSON object per line.

Nothing that names a patient is logged anywhere: the registry alone knows names.
"""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.settings import LogConfig

__all__ = ["start_logging"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
JSON_FIELDS = ("asctime", "levelname", "name", "message")
LIBRARIES = ("aiomqtt", "paho", "uvicorn", "apprise", "asyncio", "matplotlib", "weasyprint")
"""They log below a warning what only their authors want to read."""


def start_logging(config: "LogConfig", verbose: bool = False) -> None:
    """Log to standard error as configured; `verbose` lowers the level to info."""
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(config))
    level = logging.INFO if verbose else logging.getLevelName(config.level.upper())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _formatter(config: "LogConfig") -> logging.Formatter:
    if config.format == "text":
        return logging.Formatter(TEXT)
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        JSON_FIELDS,
        rename_fields={"asctime": "time", "levelname": "level", "name": "where"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )

"""Logs: lines for people, or one JSON object per line."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import logging
from edge.settings import LogConfig
from heelfirst.logs import start_logging
start_logging(LogConfig(format={format!r}, level={level!r}), verbose={verbose})
log = logging.getLogger("edge.publish")
log.info("connected to %s", "a broker")
log.warning("two\\nlines")
logging.getLogger("aiomqtt").info("noise of a library")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("a defect")
"""


def logged(format: str, level: str = "warning", verbose: bool = False) -> list[str]:
    script = SCRIPT.format(format=format, level=level, verbose=verbose)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_is_one_object_per_line_with_the_traceback_inside():
    warning, error = map(json.loads, logged("json"))
    assert {"time", "level", "where", "message"} <= set(warning)
    assert (warning["level"], warning["where"], warning["message"]) == (
        "WARNING",
        "edge.publish",
        "two\nlines",
    )
    assert "ZeroDivisionError" in error["exc_info"]


@pytest.mark.parametrize(
    ("level", "verbose", "has_info"),
    [("info", False, True), ("error", True, True), ("warning", False, False)],
)
def test_the_level_is_that_of_the_settings_or_of_verbose(level, verbose, has_info):
    lines = logged("text", level, verbose)
    assert any("connected to a broker" in line for line in lines) is has_info
    assert not any("noise" in line for line in lines)

"""A small parser of InfluxDB's line protocol, written from its documentation, for tests."""

from typing import Any


def _until(text: str, start: int, stops: str) -> tuple[str, int]:
    """Read a name or tag up to an unescaped stop character; undo its escapes."""
    out = []
    while start < len(text) and text[start] not in stops:
        if text[start] == "\\" and start + 1 < len(text) and text[start + 1] in ",= ":
            start += 1
        out.append(text[start])
        start += 1
    return "".join(out), start


def _string(text: str, start: int) -> tuple[str, int]:
    """Read a quoted string from its opening quote on."""
    out = []
    start += 1
    while text[start] != '"':
        if text[start] == "\\" and text[start + 1] in '"\\':
            start += 1
        out.append(text[start])
        start += 1
    return "".join(out), start + 1


def _scalar(text: str) -> float | int | bool:
    if text in ("t", "T", "true", "True", "TRUE"):
        return True
    if text in ("f", "F", "false", "False", "FALSE"):
        return False
    return int(text[:-1]) if text.endswith("i") else float(text)


def parse(line: str) -> tuple[str, dict[str, str], dict[str, Any], int]:
    """Return measurement, tags, fields and time of one point."""
    measurement, at = _until(line, 0, ", ")
    tags: dict[str, str] = {}
    while line[at] == ",":
        key, at = _until(line, at + 1, "=")
        tags[key], at = _until(line, at + 1, ", ")
    fields: dict[str, Any] = {}
    separator = ","
    while separator == ",":
        key, at = _until(line, at + 1, "=")
        if line[at + 1] == '"':
            fields[key], at = _string(line, at + 1)
        else:
            text, at = _until(line, at + 1, ", ")
            fields[key] = _scalar(text)
        separator = line[at]
    return measurement, tags, fields, int(line[at + 1 :])

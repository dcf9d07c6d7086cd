"""Writes settings into the agent's TOML, keeping all else that stands there: comments, order, mode.

Only a table's own lines are touched, and the result is read back as settings before it replaces
the file: a file is whole and valid, or as it was.
"""

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from edge.config import AgentConfig, ConfigError, parse
from edge.wholefile import replace_file

__all__ = ["set_values", "write_section"]

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_STRING = r'"(?:\\.|[^"\\])*"|\'[^\']*\'|[^#"\']*?'
_NEW_MODE = 0o600


def write_section(path: Path, section: str, values: Mapping[str, str | int]) -> AgentConfig:
    """Set keys of a section in the agent's settings file; return the settings as they are now.

    A file that does not exist is begun from the sample.

    Raises
    ------
    ConfigError
        The file cannot be read, or would not be valid settings then; it is left as it was.
    OSError
        It cannot be written.
    """
    try:
        text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777
    except FileNotFoundError:
        text, mode = _sample(), _NEW_MODE
    except (OSError, UnicodeDecodeError) as why:
        raise ConfigError(str(path), "", f"cannot be read ({why})", "See its mode") from None
    parse(text, str(path))
    changed = set_values(text, section, values)
    settings = parse(changed, str(path))
    taken = getattr(settings, section)
    for name, value in values.items():
        if getattr(taken, name) != value:
            remedy = f"Write {name} = {_toml(value)} under [{section}] by hand"
            raise ConfigError(str(path), f"{section}.{name}", "cannot be set here", remedy)
    replace_file(path, changed.encode(), mode)
    return settings


def set_values(text: str, section: str, values: Mapping[str, str | int]) -> str:
    """Return TOML with keys of a section set; what follows a value as a comment stays.

    Keys that are not there are added at the section's head, a section that is not there at the end.
    """
    lines = text.removesuffix("\n").split("\n")
    begin = _find(lines, section)
    if begin is None:
        lines += ["", f"[{section}]"]
        begin = len(lines)
    rest = dict(values)
    for at in range(begin, _end(lines, begin)):
        name = lines[at].partition("=")[0].strip()
        if name in rest:
            lines[at] = _line(lines[at], name, rest.pop(name))
    lines[begin:begin] = [f"{name} = {_toml(value)}" for name, value in rest.items()]
    return "\n".join(lines) + "\n"


def _find(lines: list[str], section: str) -> int | None:
    """Return the index after the section's header."""
    for at, line in enumerate(lines):
        header = _HEADER.match(line)
        if header and header["name"].replace(" ", "") == section:
            return at + 1
    return None


def _end(lines: list[str], begin: int) -> int:
    for at in range(begin, len(lines)):
        if _HEADER.match(lines[at]):
            return at
    return len(lines)


def _line(old: str, name: str, value: str | int) -> str:
    found = re.match(rf"^\s*{re.escape(name)}\s*=\s*(?:{_STRING})(?P<comment>\s*#.*)?$", old)
    new = f"{name} = {_toml(value)}"
    comment = (found["comment"] or "").strip() if found else ""
    return f"{new:<32} {comment}" if comment else new


def _toml(value: str | int) -> str:
    if isinstance(value, int):
        return str(value).lower()
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\u{ord(c[0]):04x}", escaped) + '"'


def _sample() -> str:
    return resources.files("edge").joinpath("sample.toml").read_text(encoding="utf-8")

"""Fills the page's files with words of one language; no file has text of its own.

In HTML `data-t="key"` is an element's text, `data-t-label="key"` its label for screen readers;
`{key}` in braces, with nothing else, is replaced where it stands.
"""

import html
import re
from collections.abc import Mapping
from typing import Final

from edge.page.messages import MESSAGES

__all__ = ["fill", "say"]

_TEXT: Final = re.compile(r'(<[^<>]*\bdata-t="([\w.]+)"[^<>]*>)(?=<)')
_LABEL: Final = re.compile(r'\bdata-t-label="([\w.]+)"')
_BRACES: Final = re.compile(r"\{([\w.]+)\}")


def say(language: str, key: str, **numbers: object) -> str:
    """Return a message with its numbers put in."""
    return MESSAGES[language][key].format(**numbers)


def fill(page: str, language: str, values: Mapping[str, str] | None = None) -> str:
    """Return a page with its words; `values` are texts for braces that are no messages."""
    table = MESSAGES[language]
    texts = {**table, "lang": language, **(values or {})}
    page = _TEXT.sub(lambda m: m[1] + html.escape(table[m[2]]), page)
    page = _LABEL.sub(lambda m: f'{m[0]} aria-label="{html.escape(table[m[1]])}"', page)
    return _BRACES.sub(lambda m: html.escape(texts[m[1]]), page)

"""Names stay in the registry: is there a word of a patient's label in a text?"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

__all__ = ["word_of_label"]

_WORD: Final = re.compile(r"[^\W\d_]+")
_STEM: Final = 4
"""From so many letters on a word with an ending counts as well, as in a genitive."""


def word_of_label(text: str, label: str) -> str | None:
    """Return the first word of the text that is one of the label's, or begins with a longer one.

    Case, accents and ligatures make no difference. Single letters and numbers are no names.
    """
    names = [name for name in map(_folded, _words(label)) if len(name) > 1]
    for word in _words(text):
        folded = _folded(word)
        for name in names:
            if folded == name or _is_within(folded, name):
                return word
    return None


def _is_within(word: str, name: str) -> bool:
    if not name.isascii():  # scripts without spaces between words
        return name in word
    return len(name) >= _STEM and word.startswith(name)


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(unicodedata.normalize("NFC", text)):
        yield match.group()


def _folded(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))

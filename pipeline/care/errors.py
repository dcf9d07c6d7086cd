"""What cannot be set for a patient."""

import difflib
from collections.abc import Iterable

from pipeline.errors import PipelineError

__all__ = ["CareError", "closest", "nearest"]


class CareError(PipelineError, ValueError):
    """Something that cannot be set for a patient; nothing was changed.

    Attributes
    ----------
    problem, remedy : str
        What is wrong, and what to do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem = problem
        self.remedy = remedy


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like this one, None where none is."""
    folded = {each.casefold(): each for each in sorted(known)}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    return folded[close[0]] if close else None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown word: the nearest known one, or all that are known."""
    words = sorted(known)
    match = closest(word, words)
    return f"Did you mean {match}?" if match else f"Known are: {', '.join(words)}"

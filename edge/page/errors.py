"""What can go wrong with the page; none of it reaches detection."""

from edge.errors import EdgeError

__all__ = ["PageError"]


class PageError(EdgeError, OSError):
    """The page cannot be served, or a file of it cannot be used.

    Attributes
    ----------
    remedy : str
        What to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.remedy = remedy

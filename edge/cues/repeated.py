"""In everyday life a cue is for repeated failures: one bad step in ten is nobody's business.

A step of the affected leg failed when it landed on the toes, or the foot was dragged in the swing
before. A cue is due when `failures` of the last `steps` failed, this one among them; then counting
begins anew, so that a leg that fails all the time gets a cue with every third step, not with each.
A landing whose strike is unknown is no step here: it is neither good nor bad news.
"""

from collections import deque
from typing import Final

__all__ = ["FORGET_NS", "Repeated"]

FORGET_NS: Final = 60_000_000_000
"""Steps before a rest of a minute no longer count."""


class Repeated:
    """The last steps of one leg.

    Parameters
    ----------
    failures, steps : int
        A cue is due when so many of so many steps failed.
    """

    def __init__(self, failures: int, steps: int) -> None:
        self._failures = failures
        self._failed: deque[bool] = deque(maxlen=steps)
        self._last_ns: int | None = None
        self._drag_ns: int | None = None

    def contact(self, time_ns: int, failed: bool | None) -> None:
        """Take a landing; `failed` None: its strike is unknown. Closes the swing's drag."""
        self._rest(time_ns)
        dragged = self._drag_ns is not None
        self._drag_ns = None
        self._last_ns = time_ns
        if dragged or failed is not None:
            self._failed.append(dragged or bool(failed))

    def drag(self, time_ns: int) -> None:
        """Take a drag: of the swing under way, or, decided late, of the last landing's."""
        self._rest(time_ns)
        if self._last_ns is not None and time_ns <= self._last_ns:
            if self._failed:
                self._failed[-1] = True
        else:
            self._drag_ns = time_ns

    @property
    def due(self) -> bool:
        """Whether enough of the last steps failed, the open swing counted."""
        failed, steps = list(self._failed), self._failed.maxlen or 0
        if self._drag_ns is not None:
            failed = [*failed[-(steps - 1) :], True] if steps > 1 else [True]
        return sum(failed) >= self._failures

    def cued(self) -> None:
        """A cue was given: count anew."""
        self._failed.clear()
        self._drag_ns = None

    def _rest(self, time_ns: int) -> None:
        newest = max((t for t in (self._last_ns, self._drag_ns) if t is not None), default=time_ns)
        if time_ns - newest > FORGET_NS:
            self.cued()

"""How long to wait before the next try."""

import random

__all__ = ["Backoff"]


class Backoff:
    """Growing, jittered waits, so that many clients do not come back in one instant.

    Decorrelated jitter (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015):
    the next wait is drawn from `least_s` .. 3 x the last one, at most `most_s`.
    """

    def __init__(self, least_s: float, most_s: float, rng: random.Random | None = None) -> None:
        self._least_s = least_s
        self._most_s = most_s
        self._rng = rng or random.Random()
        self._last_s = least_s

    def next_s(self, at_least_s: float | None = None) -> float:
        """Return the next wait [s]; never less than `at_least_s`, what a server asked for."""
        drawn = self._rng.uniform(self._least_s, 3 * self._last_s)
        self._last_s = min(self._most_s, drawn)
        return max(self._last_s, at_least_s or 0.0)

    def reset(self) -> None:
        """Begin again: the last try went well."""
        self._last_s = self._least_s

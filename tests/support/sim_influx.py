"""A simulated InfluxDB behind the real `InfluxStore`: all that a server may answer, in any order.

It reads line protocol with the tests' own parser, keeps points by series and time as the real one
does, and answers 503, 429, 413, 422, a partial 400, or nothing at all after it stored.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from line_protocol import parse

from pipeline.errors import StoreUnavailable
from pipeline.influx import PointsRejected

__all__ = ["POISON", "Moods", "SimInflux", "Stored"]

POISON = "poison"
"""A point that holds this word is refused for good: "field type conflict"."""


@dataclass(frozen=True)
class Stored:
    """A point that the database holds."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    time_ns: int
    fields: dict[str, Any] = field(compare=False)

    def tag(self, name: str) -> str:
        return dict(self.tags).get(name, "")


@dataclass(slots=True)
class Moods:
    """Probabilities per write; `is_down`: nobody answers."""

    is_down: bool = False
    unavailable: float = 0.0
    slow_down: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    too_large: int = 10**9


class SimInflux:
    """Implements `pipeline.influx.Server`.

    Attributes
    ----------
    points : dict
        What it holds, by (measurement, tags, time).
    rewritten : list of str
        Points that a second write changed: none may be.
    first_s : dict
        The loop's time at which each point came first.
    """

    def __init__(self, rng: random.Random, moods: Moods | None = None) -> None:
        self.moods = moods or Moods()
        self.points: dict[tuple[str, tuple[tuple[str, str], ...], int], Stored] = {}
        self.rewritten: list[str] = []
        self.first_s: dict[tuple[str, tuple[tuple[str, str], ...], int], float] = {}
        self.writes = 0
        self.answers: dict[str, int] = {}
        self._rng = rng

    async def write(self, lines: bytes) -> None:
        self.writes += 1
        await asyncio.sleep(self._rng.uniform(0.001, 0.05))
        moods, roll = self.moods, self._rng.random
        if moods.is_down:
            raise self._unavailable("refused", StoreUnavailable("nobody there"))
        if roll() < moods.unavailable:
            raise self._unavailable("503", StoreUnavailable("503", 503))
        if roll() < moods.slow_down:
            raise self._unavailable("429", StoreUnavailable("429", 429, roll() * 5))
        if roll() < moods.lost_before:
            await asyncio.sleep(10.0)
            raise self._unavailable("no answer, not stored", StoreUnavailable("no answer"))
        texts = lines.decode().split("\n")
        if len(texts) > moods.too_large:
            raise self._unavailable("413", PointsRejected("413: too large"))
        self._judge(texts)
        if roll() < moods.lost_after:
            await asyncio.sleep(10.0)
            raise self._unavailable("no answer, stored", StoreUnavailable("no answer"))

    def _judge(self, texts: list[str]) -> None:
        bad = [text for text in texts if POISON in text]
        if not bad:
            self._take(texts)
            return
        if self._rng.random() < 0.5:
            raise self._unavailable("422", PointsRejected("422: field type conflict"))
        self._take([text for text in texts if POISON not in text])
        raise self._unavailable("400 partial", PointsRejected("partial write: type conflict"))

    def _unavailable(self, what: str, error: Exception) -> Exception:
        self.answers[what] = self.answers.get(what, 0) + 1
        return error

    def _take(self, texts: list[str]) -> None:
        now_s = asyncio.get_running_loop().time()
        for text in texts:
            name, tags, fields, time_ns = parse(text)
            point = Stored(name, tuple(sorted(tags.items())), time_ns, fields)
            key = point.measurement, point.tags, point.time_ns
            known = self.points.setdefault(key, point)
            self.first_s.setdefault(key, now_s)
            if known.fields != fields and name != "status":
                self.rewritten.append(f"{known} by {fields}")

    async def query(self, influxql: str) -> list[dict[str, Any]]:
        raise StoreUnavailable("the simulation is not asked")

    async def check(self) -> str:
        return "simulated"

    async def close(self) -> None:
        return

"""What the agent tells Prometheus: one row per number, read when somebody asks.

One more number: a row in `NUMBERS` (of the agent's state) or in `FACTS` (of what `Status` says).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from edge import wire
from edge.companion import Companion
from edge.state import AgentState, FootView

__all__ = ["AgentMetrics"]


class _Number(NamedTuple):
    name: str
    kind: Literal["counter", "gauge"]
    help: str
    read: Callable[[AgentState], float]


class _Fact(NamedTuple):
    name: str
    help: str
    field: str


NUMBERS: Final = (
    _Number("events_detected", "counter", "Events the agent found.", lambda s: s.detected),
    _Number("events_committed", "counter", "Events on this disk.", lambda s: s.committed),
    _Number("events_sent", "counter", "Events sent, each time counted.", lambda s: s.sent),
    _Number("events_receipted", "counter", "Events the store has.", lambda s: s.receipted),
    _Number("events_dropped", "counter", "Events lost here, each in a gap.", lambda s: s.dropped),
    _Number("events_waiting", "gauge", "Events without a receipt.", lambda s: s.waiting),
    _Number("blocks_refused", "counter", "Blocks the kernel refused.", lambda s: s.blocks_refused),
    _Number("messages_refused", "counter", "Messages to us refused.", lambda s: s.messages_refused),
    _Number("source_failures", "counter", "Times the source failed.", lambda s: s.source_failures),
    _Number("connected", "gauge", "1: the broker is connected.", lambda s: s.connected),
    _Number("clock_known", "gauge", "1: the wall clock is synchronised.", lambda s: s.clock_known),
    _Number("bouts", "counter", "Stretches of walking that ended.", lambda s: s.bouts),
)
FEET: Final[tuple[tuple[str, str, Callable[[FootView], int]], ...]] = (
    ("samples", "Samples that came.", lambda foot: foot.samples),
    ("strides", "Landings.", lambda foot: foot.strides),
    ("valid_swings", "Swings that could be judged.", lambda foot: foot.valid_swings),
    ("drags", "Swings with a toe drag.", lambda foot: foot.drags),
)
FACTS: Final = (
    _Fact("oldest_waiting_seconds", "Age of the oldest event that waits.", "oldest_s"),
    _Fact("outbox_bytes", "Size of the outbox.", "outbox_bytes"),
    _Fact("reconnections", "Connections to the broker after the first.", "reconnections"),
    _Fact("battery_left_percent", "Battery of the left insole.", "battery_left_percent"),
    _Fact("battery_right_percent", "Battery of the right insole.", "battery_right_percent"),
    _Fact("link_left_percent", "Samples of the last minute that came.", "link_left_percent"),
    _Fact("link_right_percent", "Samples of the last minute that came.", "link_right_percent"),
    _Fact("worn", "1: the insoles are worn.", "worn"),
    _Fact("sharing_paused", "1: the patient has paused sharing.", "is_paused"),
)
CUE_BUCKETS_MS: Final = (5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 250.0)


class AgentMetrics(Companion):
    """A collector of prometheus_client; as a companion it counts gaps and cues as they pass.

    Parameters
    ----------
    state : callable
        Returns the agent's state.
    facts : callable
        Returns what `wire.Status` would say now, by field name; what is unknown is left out.
    """

    def __init__(
        self, state: Callable[[], AgentState], facts: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._state = state
        self._facts = facts
        self._gaps: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._cues: Counter[tuple[str, str]] = Counter()
        self._delays = [0] * (len(CUE_BUCKETS_MS) + 1)
        self._delay_sum_ms = 0.0

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Count a gap or a cue."""
        if isinstance(event, wire.Gap):
            self._gaps[event.what] += 1
            self._lost[event.what] += event.lost
        elif isinstance(event, wire.Cue):
            self._cues["given" if event.given else "suppressed", event.reason] += 1
            if event.delay_ms is not None:
                place = sum(event.delay_ms > bound for bound in CUE_BUCKETS_MS)
                self._delays[place] += 1
                self._delay_sum_ms += event.delay_ms
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every number as it is now; what is not known is left out, never 0."""
        state = self._state()
        for number in NUMBERS:
            yield _family(number.kind, number.name, number.help, float(number.read(state)))
        for name, text, read in FEET:
            family = CounterMetricFamily(f"heelfirst_agent_{name}", text, labels=["side"])
            for side in ("left", "right"):
                family.add_metric([side], float(read(getattr(state, side))))
            yield family
        facts = self._facts()
        for fact in FACTS:
            if (value := facts.get(fact.field)) is not None:
                yield _family("gauge", fact.name, fact.help, float(value))
        yield from self._counted()

    def _counted(self) -> Iterator[Metric]:
        gaps = CounterMetricFamily("heelfirst_agent_gaps", "Gap records.", labels=["what"])
        lost = CounterMetricFamily("heelfirst_agent_lost", "What gaps lost.", labels=["what"])
        for what in sorted(self._gaps):
            gaps.add_metric([what], self._gaps[what])
            lost.add_metric([what], self._lost[what])
        labels = ["outcome", "reason"]
        cues = CounterMetricFamily("heelfirst_agent_cues", "Cues by outcome.", labels=labels)
        for key in sorted(self._cues):
            cues.add_metric(key, self._cues[key])
        yield from (gaps, lost, cues, self._delay())

    def _delay(self) -> Metric:
        bounds = [*(str(bound / 1e3) for bound in CUE_BUCKETS_MS), "+Inf"]
        totals = [sum(self._delays[: place + 1]) for place in range(len(self._delays))]
        return HistogramMetricFamily(
            "heelfirst_agent_cue_delay_seconds",
            "From the decision to the cue.",
            buckets=list(zip(bounds, map(float, totals), strict=True)),
            sum_value=self._delay_sum_ms / 1e3,
        )


def _family(kind: str, name: str, text: str, value: float) -> Metric:
    family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    return family(f"heelfirst_agent_{name}", text, value=value)

"""What the pipeline tells Prometheus: one row per number, read when somebody asks.

One more number: a row in `NUMBERS`; what another part of the process knows comes by `extra`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.ingest import IngestState

__all__ = ["PipelineMetrics"]


class _Number(NamedTuple):
    name: str
    kind: Literal["counter", "gauge"]
    help: str
    read: Callable[[IngestState], float]


NUMBERS: Final = (
    _Number("events_received", "counter", "Events that came.", lambda s: s.received),
    _Number("events_stored", "counter", "Events the store took.", lambda s: s.stored),
    _Number("events_receipted", "counter", "Events receipted.", lambda s: s.receipted),
    _Number("events_refused", "counter", "Events gone to the dead letters.", lambda s: s.refused),
    _Number("events_quarantined", "counter", "Events of unknown devices.", lambda s: s.quarantined),
    _Number("events_held_back", "counter", "Events left at the device.", lambda s: s.held_back),
    _Number("events_erased", "counter", "Events of erased patients.", lambda s: s.erased),
    _Number("messages_malformed", "counter", "Messages nobody can read.", lambda s: s.malformed),
    _Number("connected", "gauge", "1: the broker is connected.", lambda s: s.connected),
    _Number("reconnections", "counter", "Connections lost or refused.", lambda s: s.reconnections),
    _Number("store_trouble", "gauge", "1: the store takes nothing.", lambda s: bool(s.problem)),
)


class PipelineMetrics:
    """A collector of prometheus_client.

    Parameters
    ----------
    state : callable
        Returns the ingester's state.
    extra : mapping of name to (help, callable)
        Gauges of other parts, such as rollups that are due; None: not known now.
    """

    def __init__(
        self,
        state: Callable[[], IngestState],
        extra: Mapping[str, tuple[str, Callable[[], float | None]]] | None = None,
    ) -> None:
        self._state = state
        self._extra = dict(extra or {})

    def collect(self) -> Iterator[Metric]:
        """Yield every number as it is now; what is not known is left out, never 0."""
        state = self._state()
        for number in NUMBERS:
            family = CounterMetricFamily if number.kind == "counter" else GaugeMetricFamily
            value = float(number.read(state))
            yield family(f"heelfirst_pipeline_{number.name}", number.help, value=value)
        for name, (text, read) in self._extra.items():
            if (known := read()) is not None:
                yield GaugeMetricFamily(f"heelfirst_pipeline_{name}", text, value=float(known))

"""The Prometheus page of a service, on this machine alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

__all__ = ["Collector", "metrics_page"]

log = logging.getLogger(__name__)


class Collector(Protocol):
    """Yields what is known now."""

    def collect(self) -> "Iterable[Metric]":
        """Yield metrics."""
        ...


@contextmanager
def metrics_page(port: int, collector: Collector) -> Iterator[int]:
    """Serve http://127.0.0.1:PORT/metrics from a thread while the context is open.

    Yields the port, 0 where there is none. A port that is taken is said once and harms nothing: no
    service stops for its metrics' sake.
    """
    from prometheus_client import (
        CollectorRegistry,
        PlatformCollector,
        ProcessCollector,
        start_http_server,
    )

    if not port:
        yield 0
        return
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(collector)
    try:
        server, thread = start_http_server(port, "127.0.0.1", registry)
    except OSError as error:
        log.warning("no metrics page: port %d: %s; set metrics.port to a free one", port, error)
        yield 0
        return
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

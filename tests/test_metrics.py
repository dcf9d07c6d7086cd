"""The metrics pages, scraped as Prometheus does, against the states they show."""

import logging
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge import wire
from edge.metrics import FACTS, NUMBERS, AgentMetrics
from edge.state import AgentState
from heelfirst.metrics import metrics_page
from pipeline.ingest import IngestState
from pipeline.metrics import PipelineMetrics

TIME_NS = 1_750_000_000_000_000_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scrape(collector) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with metrics_page(free_port(), collector) as port:
        address = f"http://127.0.0.1:{port}/metrics"
        with urllib.request.urlopen(address, timeout=5) as answer:
            text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    ours = [family for family in families if family.name.startswith("heelfirst_")]
    assert all(family.documentation for family in ours)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in ours
        for sample in family.samples
    }


def cue(delay_ms: float | None, reason: str = "") -> wire.Cue:
    return wire.Cue(
        seq=1,
        time_ns=TIME_NS,
        side="left",
        cause="toe_drag",
        given=delay_ms is not None,
        reason=reason,
        delay_ms=delay_ms,
    )


def test_the_agents_page_says_what_its_state_says():
    state = AgentState(detected=11, committed=10, sent=9, receipted=8, waiting=2, connected=True)
    state.left.drags, state.right.samples = 3, 4711
    facts = {"oldest_s": 12.5, "outbox_bytes": 8192, "battery_left_percent": 80.0}
    metrics = AgentMetrics(lambda: state, lambda: facts)
    gap = wire.Gap(seq=1, time_ns=TIME_NS, what="samples", lost=7, duration_s=1.0, reason="radio")
    for event in (gap, gap, cue(18.0), cue(120.0), cue(None, "quiet")):
        assert list(metrics.event(event, 0)) == []
    seen = scrape(metrics)
    for number in NUMBERS:
        name = f"heelfirst_agent_{number.name}" + ("_total" if number.kind == "counter" else "")
        assert seen[name, ()] == number.read(state), number
    assert seen["heelfirst_agent_drags_total", (("side", "left"),)] == 3
    assert seen["heelfirst_agent_samples_total", (("side", "right"),)] == 4711
    assert seen["heelfirst_agent_lost_total", (("what", "samples"),)] == 14
    assert seen["heelfirst_agent_cue_delay_seconds_bucket", (("le", "0.02"),)] == 1
    assert seen["heelfirst_agent_cue_delay_seconds_bucket", (("le", "+Inf"),)] == 2
    assert seen["heelfirst_agent_cue_delay_seconds_sum", ()] == pytest.approx(0.138)
    quiet = (("outcome", "suppressed"), ("reason", "quiet"))
    assert seen["heelfirst_agent_cues_total", quiet] == 1


def test_what_is_not_known_is_not_on_the_page():
    seen = scrape(AgentMetrics(AgentState, lambda: {"worn": None}))
    names = {name for name, _ in seen}
    assert not names & {f"heelfirst_agent_{fact.name}" for fact in FACTS}


def test_every_fact_is_a_field_of_the_status():
    assert {fact.field for fact in FACTS} <= set(wire.Status.__struct_fields__)


def test_the_pipelines_page_says_what_its_state_says():
    state = IngestState(received=50, stored=40, receipted=39, refused=1, problem="database down")
    extra = {
        "rollups_due": ("Days to be summed up.", lambda: 3.0),
        "unknown": ("Never known.", lambda: None),
    }
    seen = scrape(PipelineMetrics(lambda: state, extra))
    assert seen["heelfirst_pipeline_events_stored_total", ()] == 40
    assert seen["heelfirst_pipeline_store_trouble", ()] == 1
    assert seen["heelfirst_pipeline_rollups_due", ()] == 3
    assert ("heelfirst_pipeline_unknown", ()) not in seen


def test_a_taken_port_is_said_and_harms_nothing(caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            caplog.at_level(logging.WARNING),
            metrics_page(port, PipelineMetrics(IngestState)) as served,
        ):
            assert served == 0
    assert "metrics.port" in caplog.text


def test_the_page_ends_with_its_context():
    with metrics_page(free_port(), PipelineMetrics(IngestState)) as port:
        pass
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2)

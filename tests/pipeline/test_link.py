"""The broker behind its port: what goes wrong is said with the remedy."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import free_port

from pipeline.backoff import Backoff
from pipeline.config import BrokerConfig, TlsConfig
from pipeline.errors import ConfigError, LinkLost
from pipeline.link import MqttLink


async def test_no_broker_is_a_lost_link_that_names_the_place() -> None:
    port = free_port()
    with pytest.raises(LinkLost, match=rf"127\.0\.0\.1:{port}: .*check that it runs there"):
        async with MqttLink(BrokerConfig(port=port)).connect():
            pass


def test_certificates_that_cannot_be_read_are_a_wrong_setting(tmp_path: Path) -> None:
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("no certificate")
    for path in (rubbish, tmp_path / "absent.pem"):
        with pytest.raises(ConfigError, match="PEM"):
            MqttLink(BrokerConfig(tls=TlsConfig(ca=str(path))))
    with pytest.raises(ConfigError, match="0600"):
        MqttLink(BrokerConfig(username="u", password_file=str(tmp_path / "absent")))


@given(st.integers(0, 2**32), st.floats(0.1, 2.0), st.floats(5.0, 60.0))
def test_waits_are_jittered_grow_and_stay_in_their_bounds(
    seed: int, least_s: float, most_s: float
) -> None:
    backoff = Backoff(least_s, most_s, random.Random(seed))
    waits = [backoff.next_s() for _ in range(60)]
    assert all(least_s <= wait <= most_s for wait in waits)
    assert len(set(waits)) > 1
    assert max(waits) > 2 * least_s
    assert backoff.next_s(at_least_s=100.0) == 100.0
    backoff.reset()
    assert backoff.next_s() <= 3 * least_s

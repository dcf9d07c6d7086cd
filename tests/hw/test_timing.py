"""Device clock to host clock on simulated links: error, drift, steps, wraps."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.timing import ClockMap, LinkDelay, Unwrapper

PACKET_NS = 20_000_000
SECOND_NS = 1_000_000_000


def run(
    seed: int,
    two_way: bool,
    seconds: float = 120.0,
    drift_ppm: float = 40.0,
    least_s: float = 0.004,
    step_at_s: float | None = None,
    step_s: float = 0.0,
) -> tuple[np.ndarray, ClockMap]:
    """Errors [ms] per packet at 30 ms jitter, and the map; the device's clock may step once."""
    draw = random.Random(seed)
    clock = ClockMap(LinkDelay(least_ns=4_000_000, spread_ns=5_000_000))
    rate = 1 + drift_ppm * 1e-6
    errors = []

    def delay_ns() -> int:
        return round((least_s + draw.uniform(0, 0.030)) * 1e9)

    last_ns = -1
    for number in range(round(seconds * SECOND_NS / PACKET_NS)):
        true_ns = 10**13 + number * PACKET_NS
        device_ns = 10**14 + round(number * PACKET_NS * rate)
        if step_at_s is not None and number * PACKET_NS > step_at_s * 1e9:
            device_ns += round(step_s * 1e9)
        if two_way and (number % 50 == 0 or number < 20):
            clock.exchange(true_ns - delay_ns(), device_ns, true_ns + delay_ns())
        clock.arrival(device_ns, true_ns + delay_ns())
        if clock.ready:
            host_ns = clock.host_ns(device_ns)
            assert host_ns > last_ns
            last_ns = host_ns
            errors.append((number * PACKET_NS / 1e9, (host_ns - true_ns) / 1e6))
    return np.array(errors), clock


@pytest.mark.parametrize("drift_ppm", [-40.0, 0.0, 40.0])
def test_two_way_exchange_keeps_the_error_within_2_ms(drift_ppm: float) -> None:
    settled = []
    for seed in range(5):
        errors, clock = run(seed, two_way=True, drift_ppm=drift_ppm)
        settled.append(errors[errors[:, 0] > 5.0, 1])
        assert abs(settled[-1][-1]) < clock.uncertainty_ns / 1e6 + 0.5
    assert np.percentile(np.abs(np.concatenate(settled)), 99) <= 2.0


@pytest.mark.parametrize("least_s", [0.0005, 0.004, 0.009])
def test_without_it_within_8_ms_however_short_the_link(least_s: float) -> None:
    for seed in range(5):
        errors, clock = run(seed, two_way=False, least_s=least_s)
        settled = np.abs(errors[errors[:, 0] > 5.0, 1])
        assert np.percentile(settled, 99) <= 8.0
        assert settled[-1] < clock.uncertainty_ns / 1e6 + 1.0


@pytest.mark.parametrize("two_way", [True, False])
@pytest.mark.parametrize("step_s", [0.02, -0.02])
def test_a_small_step_of_the_devices_clock_is_followed(two_way: bool, step_s: float) -> None:
    errors, _ = run(1, two_way, seconds=90.0, step_at_s=40.0, step_s=step_s)
    after = np.abs(errors[errors[:, 0] > 65.0, 1])
    assert np.percentile(after, 99) <= (2.5 if two_way else 8.0)


def test_before_anything_arrived_there_is_no_time() -> None:
    clock = ClockMap()
    assert not clock.ready
    assert np.isnan(clock.uncertainty_ns)
    with pytest.raises(ValueError, match="no arrival yet"):
        clock.host_ns(0)


def test_memory_stays_bounded() -> None:
    _, clock = run(0, two_way=True, seconds=200.0)
    assert len(clock._upper.points()) <= 62
    assert len(clock._lower.points()) <= 62


@given(
    st.integers(10**6, 10**12),
    st.lists(st.tuples(st.floats(0.0, 3.4), st.floats(-0.05, 0.05)), min_size=1, max_size=30),
    st.integers(0, 10**12),
)
def test_unwrapping_follows_the_host_over_any_number_of_turns(
    modulus_ns: int, steps: list[tuple[float, float]], start_ns: int
) -> None:
    unwrapper = Unwrapper(modulus_ns)
    first = unwrapper.unwrap(start_ns % modulus_ns, 0)
    device_ns = 0
    for turns, jitter in steps:
        device_ns += round(turns * modulus_ns)
        host_ns = device_ns + round(jitter * modulus_ns)
        raw_ns = (start_ns + device_ns) % modulus_ns
        assert unwrapper.unwrap(raw_ns, host_ns) - first == device_ns


def test_without_a_modulus_nothing_is_unwrapped() -> None:
    assert Unwrapper(None).unwrap(5, 10**9) == 5

"""The report's numbers: days, intervals, folded strides, comparison; each with its denominator."""

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_room import rows_of_strides

from edge.wire import Dose
from pipeline.report.compare import compare
from pipeline.report.errors import ReportError
from pipeline.report.events import _done
from pipeline.report.intervals import FEWEST_CLUSTERS, Cluster, difference, ratio
from pipeline.report.span import Span
from pipeline.report.strides import StrideFold, quantiles, stretches
from pipeline.report.words import bounds, days_between, hours, number, percent, signed

DAY = 24 * 3600 * 10**9
SPAN = Span(dt.date(2026, 6, 1), dt.date(2026, 6, 20), "Europe/Berlin")
CLUSTERS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 50)).map(lambda p: Cluster(min(p), p[1])),
    min_size=FEWEST_CLUSTERS,
    max_size=20,
)


def bout(start_ns: int, duration_s: float, continues: bool = False, device: str = "insole-1"):
    return {
        "device": device,
        "time_ns": start_ns,
        "duration_s": duration_s,
        "continues": continues,
    }


# -- days -----------------------------------------------------------------------------------------


def test_days_of_a_zone_with_daylight_saving() -> None:
    span = Span(dt.date(2026, 10, 24), dt.date(2026, 10, 26), "Europe/Berlin")
    lengths = [b - a for a, b in zip(span.edges_ns, span.edges_ns[1:], strict=False)]
    assert [length / 3.6e12 for length in lengths] == [24, 25, 24]
    assert span.clock_changes == (dt.date(2026, 10, 25),)
    assert span.index(span.edges_ns[1] + int(24.5 * 3.6e12)) == 1


def test_a_day_whose_midnight_is_skipped_begins_with_its_first_moment() -> None:
    span = Span(dt.date(2026, 9, 5), dt.date(2026, 9, 6), "America/Santiago")
    assert span.local(span.edges_ns[1]).isoformat() == "2026-09-06T01:00:00-03:00"


def test_an_empty_range_is_refused_and_so_is_a_very_long_one() -> None:
    with pytest.raises(ReportError, match="is empty: --from comes first"):
        Span(dt.date(2026, 6, 2), dt.date(2026, 6, 1), "UTC")
    with pytest.raises(ReportError, match="shorten"):
        Span(dt.date(2020, 6, 2), dt.date(2026, 6, 1), "UTC")


@pytest.mark.parametrize(("days", "each"), [(1, 0), (2, 1), (7, 3), (28, 14), (90, 28)])
def test_earlier_and_later_days_never_overlap(days: int, each: int) -> None:
    first = dt.date(2026, 1, 1)
    earlier, later = Span(first, first + dt.timedelta(days=days - 1), "UTC").periods
    assert (len(earlier), len(later)) == (each, each)
    assert not set(earlier) & set(later)


def test_windows_cover_the_range_once() -> None:
    windows = SPAN.windows(7)
    assert [(b - a) // DAY for a, b in windows] == [7, 7, 6]
    assert (windows[0][0], windows[-1][1]) == (SPAN.start_ns, SPAN.stop_ns)


# -- intervals ------------------------------------------------------------------------------------


@given(CLUSTERS)
def test_an_interval_lies_within_what_single_days_had(clusters: list[Cluster]) -> None:
    found = ratio(clusters)
    shares = [cluster.hits / cluster.of for cluster in clusters]
    assert found.interval is not None
    assert min(shares) - 1e-12 <= found.interval.low <= found.interval.high
    assert found.interval.high <= max(shares) + 1e-12
    assert found == ratio(clusters)


@given(CLUSTERS, st.integers(2, 9))
def test_more_strides_of_the_same_days_make_no_interval_narrower(
    clusters: list[Cluster], times: int
) -> None:
    """The point of clusters: strides of a day are alike, so more of them say nothing new."""
    more = [Cluster(c.hits * times, c.of * times) for c in clusters]
    first, second = ratio(clusters).interval, ratio(more).interval
    assert first == pytest.approx(second)


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = random.Random(5)
    hits = 0
    for _ in range(60):
        days = []
        for _ in range(20):
            share = min(1.0, max(0.0, rng.gauss(0.3, 0.08)))  # days differ
            days.append(Cluster(sum(rng.random() < share for _ in range(60)), 60))
        interval = ratio(days).interval
        assert interval is not None
        hits += interval.low <= 0.3 <= interval.high
    assert 51 <= hits <= 60


def test_few_days_make_no_interval() -> None:
    few = [Cluster(1, 10)] * (FEWEST_CLUSTERS - 1)
    assert ratio(few).interval is None
    assert ratio(few).value == pytest.approx(0.1)
    assert difference(few, [Cluster(1, 10)] * 20) is None
    assert ratio([]).value is None
    assert ratio([Cluster(0, 0)]).clusters == 0


# -- strides --------------------------------------------------------------------------------------


def test_a_bout_and_those_that_continue_it_are_one_stretch() -> None:
    start = SPAN.start_ns
    bouts = [
        bout(start, 600, continues=True),
        bout(start + 601 * 10**9, 60),
        bout(start + 700 * 10**9, 5, continues=True),
        bout(start + 800 * 10**9, 5),
        bout(start, 30, device="insole-2"),
    ]
    found = [(s.device, (s.stop_ns - s.start_ns) / 1e9) for s in stretches(bouts)]
    assert found == [("insole-1", 661), ("insole-1", 5), ("insole-1", 5), ("insole-2", 30)]


def test_drags_are_counted_by_minutes_into_the_stretch() -> None:
    start = SPAN.start_ns
    fold = StrideFold(SPAN, [bout(start, 600, continues=True), bout(start + 601 * 10**9, 100)])
    fold.add(rows_of_strides([start + s * 10**9 for s in (0, 30, 70)]))
    fold.add(rows_of_strides([start + s * 10**9 for s in (80, 650)], toe_drag="scuff"))
    fold.add(rows_of_strides([start + 90 * 10**9], toe_drag="full", valid_swing=False))
    fold.add(rows_of_strides([start + 900 * 10**9]))  # after the stretch
    assert fold.minutes == {("left", 0, 0): [2, 0], ("left", 0, 1): [2, 1], ("left", 0, 10): [1, 1]}
    assert fold.minute_clusters("left", range(2)) == [Cluster(1, 4)]
    (total,) = fold.by_orthosis("left").values()
    assert (total.strides, total.valid_swings, total.drags) == (7, 6, 2)
    assert fold.by_orthosis("right") == {}


def test_an_unknown_strike_or_pitch_is_in_no_denominator() -> None:
    fold = StrideFold(SPAN, [])
    fold.add(rows_of_strides([SPAN.start_ns], strike="unknown", pitch_at_contact_deg=None))
    fold.add(rows_of_strides([SPAN.start_ns + 1], strike="toe"))
    (total,) = fold.by_orthosis("left").values()
    assert (total.known_strikes, total.heel_first, total.pitch_strides) == (1, 0, 1)


def test_quantiles_are_linear_between_neighbours() -> None:
    assert quantiles([3.0, 1.0, 2.0, 4.0], (0.0, 0.5, 1.0)) == [1.0, 2.5, 4.0]
    assert quantiles([7.0], (0.1, 0.9)) == [7.0, 7.0]


# -- with and without -----------------------------------------------------------------------------


def folded(days: int, each: int, orthoses: tuple[str, ...] = ("afo", "none")) -> StrideFold:
    """Strides of days with and days without; without, every second swing drags."""
    bouts = [
        bout(SPAN.edges_ns[day] + hour * 3600 * 10**9, 3000)
        for day in range(2 * days)
        for hour in range(3)
    ]
    fold = StrideFold(SPAN, bouts)
    for day in range(2 * days):
        worn = orthoses[day % 2]
        for n in range(each):
            start = SPAN.edges_ns[day] + (n % 3) * 3600 * 10**9 + n * 10**9
            drag = "scuff" if worn == "none" and n % 2 else "none"
            fold.add(rows_of_strides([start], orthosis=worn, toe_drag=drag))
    return fold


def test_a_comparison_resamples_days() -> None:
    found = compare(folded(8, 40), "left", "afo")
    assert (found.refused, found.clusters, found.shared_days) == ("", "days", 0)
    assert found.swings == {"afo": 320, "none": 320}
    drags, heel, pitch = found.numbers
    assert (drags.worn.value, drags.without.value) == (0.0, 0.5)
    assert drags.is_clear
    assert drags.favours_orthosis
    assert not heel.is_clear
    assert pitch.worn.value == pytest.approx(12.0)


def test_few_days_are_resampled_by_stretches_of_walking() -> None:
    found = compare(folded(4, 90), "left", "afo")
    assert found.clusters == "stretches of walking"
    assert found.numbers[0].worn.clusters == 12
    assert found.numbers[0].interval is not None


def test_under_200_valid_swings_nothing_is_compared() -> None:
    found = compare(folded(4, 49), "left", "afo")
    assert found.numbers == ()
    assert found.refused == (
        "Not compared: only 196 valid swings with brace (AFO) and 196 valid swings without "
        "orthosis; 200 of each are needed."
    )
    unknown = compare(folded(8, 40, ("afo", "")), "left", "afo")
    assert "only 0 valid swings without orthosis" in unknown.refused
    assert "For 320 valid swings nobody said what was worn." in unknown.refused


def test_sets_count_up_to_the_dose_of_the_right_side() -> None:
    def one(side: str | None, complete: bool | None = True) -> dict[str, object]:
        return {"side": side, "is_complete": complete}

    left = Dose(exercise="toe_taps", side="left", sets=2, seconds=30)
    both = Dose(exercise="toe_taps", sets=1, seconds=30)
    assert _done([left], [one("left")] * 3) == 2
    assert _done([left], [one("right")] * 3) == 0
    assert _done([left], [one("left", complete=False)]) == 0
    assert _done([both, left], [one("left")] * 2) == 2
    assert _done([both, left], [one("left")] * 3) == 3
    assert _done([both, left], [one("left"), one("right")]) == 2


# -- words ----------------------------------------------------------------------------------------


def test_numbers_in_words() -> None:
    thin = "\N{NARROW NO-BREAK SPACE}"
    assert number(12345) == f"12{thin}345"
    assert number(-0.04, 1) == "0.0"
    assert number(-2.06, 1) == "−2.1"
    assert number(None) == "not known"
    assert signed(0.5, 1) == "+0.5"
    assert percent(1, 0) == "not known"
    assert percent(1, 3) == f"33{thin}%"
    assert percent(1, 100_000, 1) == f"under 0.1{thin}%"
    assert percent(99_999, 100_000) == f"over 99{thin}%"
    assert percent(0, 7) == f"0{thin}%"
    assert percent(7, 7) == f"100{thin}%"
    assert bounds(None) == "not known"
    assert [hours(s) for s in (None, 90, 1800, 9000)] == ["not known", "90 s", "30 min", "2.5 h"]
    assert days_between(dt.date(2026, 1, 3), dt.date(2026, 1, 9)) == "3 to 9 Jan 2026"
    assert days_between(dt.date(2025, 12, 3), dt.date(2026, 1, 9)) == "3 Dec 2025 to 9 Jan 2026"

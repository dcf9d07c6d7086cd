"""Names are checked when the dashboards are built; committed files are what the code builds."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from grafana import build as builder
from grafana.boards import Board
from grafana.commands import dashboards
from grafana.errors import GrafanaError, PlacementError, QueryError, StaleFilesError
from grafana.files import yaml_text
from grafana.panels import about
from grafana.queries import Query, last, names, tag_values
from grafana.targets import Target


def test_the_committed_files_are_what_the_code_builds() -> None:
    builder.check()


def test_building_twice_gives_the_same_bytes() -> None:
    assert builder.build() == builder.build()


@pytest.mark.parametrize(
    "query",
    [
        Query("strides", "count({strike})"),
        Query("stride", "count({stryke})"),
        Query("stride", "count({strike})", "{foot} = 'left'"),
        Query("daily", "{steps}", group_by="{sid}"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(query: Query) -> None:
    with pytest.raises(QueryError, match=r"no measurement|has no") as caught:
        query.text()
    assert isinstance(caught.value, GrafanaError)
    assert "stride" in str(caught.value)


def test_an_unknown_name_of_a_variable_is_refused() -> None:
    with pytest.raises(QueryError, match="it has"):
        tag_values("status", "person")


def test_a_query_is_written_with_quoted_names_and_a_time() -> None:
    query = Query("daily", ('{steps} AS "steps"', "{worn_s}"), "{side} = 'both'", last("24h"))
    assert query.text() == (
        'SELECT "steps" AS "steps", "worn_s" FROM "daily" WHERE "side" = \'both\' AND '
        "time > ${__to}ms - 24h AND time <= ${__to}ms"
    )
    assert query.datasource == "heelfirst-rollups"
    assert names("stride", "${__to} {strike} $timeFilter") == '${__to} "strike" $timeFilter'


def test_long_ranges_read_the_rollups() -> None:
    assert Query("stride", "{strike}").datasource == "heelfirst-events"
    for table in ("hourly", "daily", "day_hours", "completeness", "programme", "mark"):
        assert Query(table, "").datasource == "heelfirst-rollups"


def test_a_table_of_two_tags_is_refused() -> None:
    two = Query("status", "last({online})", group_by="{patient}, {device}")
    Target(two)
    with pytest.raises(QueryError, match="one tag"):
        Target(two, result="table")


def test_a_panel_wider_than_the_grid_is_refused() -> None:
    with pytest.raises(PlacementError, match="24"):
        Board("u", "t", "d", "now-1h", "").add(about("x"), 25, 1)


def test_check_names_what_is_missing_changed_and_too_many(tmp_path: Path) -> None:
    builder.write(tmp_path)
    builder.check(tmp_path)
    (tmp_path / "dashboards" / "clinic.json").unlink()
    (tmp_path / "dashboards" / "walk.json").write_text("{}")
    (tmp_path / "dashboards" / "old.json").write_text("{}")
    with pytest.raises(StaleFilesError, match="dashboards build") as caught:
        builder.check(tmp_path)
    assert caught.value.files == (
        "dashboards/clinic.json: missing",
        "dashboards/old.json: not built by anything",
        "dashboards/walk.json: differs",
    )
    assert builder.write(tmp_path) == [
        "dashboards/clinic.json",
        "dashboards/old.json",
        "dashboards/walk.json",
    ]
    builder.check(tmp_path)


def test_the_check_command_ends_with_1_where_files_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CliRunner().invoke(dashboards, ["check"]).exit_code == 0
    monkeypatch.setattr(builder, "check", _stale)
    result = CliRunner().invoke(dashboards, ["check"])
    assert result.exit_code == 1
    assert "dashboards/clinic.json: differs" in result.output
    assert "heelfirst dashboards build" in result.output


def _stale() -> None:
    raise StaleFilesError(["dashboards/clinic.json: differs"])


def test_the_build_command_writes_nothing_where_all_is_built() -> None:
    result = CliRunner().invoke(dashboards, ["build"])
    assert (result.exit_code, result.output) == (0, "0 files changed\n")


TEXTS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")))
SCALARS = st.one_of(TEXTS, st.integers(), st.booleans(), st.none())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.from_regex(r"[a-z_]{3,8}", fullmatch=True), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["groups", "name", "orgId"]), TREES, min_size=1))
def test_yaml_is_read_back_as_it_was(tree: dict[str, object]) -> None:
    assert yaml.safe_load(yaml_text(tree)) == tree  # type: ignore[arg-type] # any tree will do

"""The table of `make soak` and what lets it be stopped and taken up again."""

from pathlib import Path

from soak_results import Dose, Outcome, known, note, passed, round_robin, table

DOSES = [Dose("a1", "24", 500), Dose("a2", "24", 500), Dose("b", "3", 100)]


def test_a_stopped_run_goes_on_with_what_is_left_and_what_failed(tmp_path: Path) -> None:
    path = tmp_path / "out" / "soak.jsonl"
    assert passed(path) == set()
    note(path, Outcome("a1", "24", 500, 0, 12.0))
    note(path, Outcome("a2", "24", 500, 1, 3.0))
    assert passed(path) == {"a1"}
    note(path, Outcome("a2", "24", 500, 0, 14.0))
    with path.open("a") as file:
        file.write('{"test": "b", "fau')
    assert passed(path) == {"a1", "a2"}


def test_the_table_tells_part_from_whole_and_counts_violations(tmp_path: Path) -> None:
    path = tmp_path / "soak.jsonl"
    note(path, Outcome("a1", "24", 500, 1, 12.4))
    note(path, Outcome("b", "3", 100, 0, 2.0))
    assert table(DOSES, known(path).values())[2:] == [
        "| 3 | 100 | 100 | 0 | 2 |",
        "| 24 | 500 | 1000 | 1 | 12 |",
    ]


def test_every_fault_gets_its_turn_before_one_gets_its_second() -> None:
    assert round_robin(DOSES) == ["a1", "b", "a2"]

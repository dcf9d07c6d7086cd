"""The evaluation end to end on few recordings: it runs as `analyse` does, and hides nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from edge import evaluate as evaluation
from edge.analyse import analyse
from hw.reference import Research
from hw.research import read_folder
from kernels.evaluation.signals import run


@pytest.fixture(scope="module")
def research(recordings):
    return read_folder(recordings)


@pytest.fixture(scope="module")
def small(research):
    """The motion-capture walk and one insole walk."""
    return replace(
        research, insole_walks=research.insole_walks[:1], force_walks=(), absent=("gaitpdb",)
    )


@pytest.fixture(scope="module")
def shares():
    return []


@pytest.fixture(scope="module")
def figures(small, shares):
    return evaluation.evaluate(small, shares.append)


def by_name(figures, data, name):
    return next(f for f in figures if f.data.startswith(data) and f.name == name)


def test_the_kernel_runs_as_analyse_runs_it(research):
    recording = research.insole_walks[2].recording
    found = run(evaluation._signals(recording))
    wanted = analyse(recording)
    strides = sorted((s for v in found.strides.values() for s in v), key=lambda s: s.time_ns)
    assert repr(strides) == repr(wanted.strides)
    events = sorted((e for v in found.events.values() for e in v), key=lambda e: e.time_ns)
    assert len(events) == len(wanted.events)


def test_figures_reached_on_the_motion_capture_walk(figures):
    for name in (
        "contacts within 50 ms, both feet",
        "contact, mean error, offset removed, both feet",
        "contact, constant offset, both feet",
        "toe off, mean error, offset removed, both feet",
        "pitch at contact, mean error, both feet",
        "stride length, mean error, both feet",
        "toe clearance without fit, mean error, both feet",
        "toe clearance with fit, mean error, both feet",
    ):
        figure = by_name(figures, "gaitmap", name)
        assert figure.reached, figure
        assert figure.n >= 52
        assert figure.provenance == "tuned on"


def test_a_figure_over_both_feet_rests_on_both(figures):
    parts = [
        by_name(figures, "gaitmap", f"stride length, mean error, {who}")
        for who in ("left", "right", "both feet")
    ]
    assert parts[0].n + parts[1].n == parts[2].n
    mean = (parts[0].n * parts[0].ours + parts[1].n * parts[1].ours) / parts[2].n
    assert parts[2].ours == pytest.approx(mean)


def test_an_absent_data_set_is_a_missed_goal(figures):
    absent = figures[0]
    assert (absent.data, absent.reached) == ("gaitpdb", False)
    assert "does not hold" in absent.reason


def test_strike_types_of_real_strides_made_toe_first(figures):
    right = by_name(figures, "perturbed strides", "strike types right")
    assert right.n >= 40
    assert right.reached, right


def test_every_missed_goal_has_a_reason_and_nothing_else_has_one_from_the_table(figures):
    for figure in figures:
        if figure.reached is False:
            assert figure.reason
        assert np.isnan(figure.interval[0]) or figure.interval[0] <= figure.interval[1]


def test_progress_rises_to_one(figures, shares):
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_json_and_table_say_the_same(figures):
    rows = json.loads(evaluation.to_json(figures))
    assert [r["name"] for r in rows] == [f.name for f in figures]
    console = Console(width=220)
    with console.capture() as shown:
        console.print(evaluation.render(figures))
    text = shown.get()
    for figure in figures:
        if figure.reached is False:
            assert figure.reason.split(";")[0][:40] in text
    missed = sum(f.reached is False for f in figures)
    goals = sum(f.goal is not None for f in figures)
    assert f"{goals - missed} of {goals} goals reached" in text


def test_nothing_to_evaluate_gives_only_what_is_absent():
    figures = evaluation.evaluate(Research(absent=("gaitmap", "gaitpdb")))
    assert [f.reached for f in figures] == [False, False]


def test_the_example_of_the_readme_runs(research, monkeypatch, capsys):
    readme = Path(evaluation.__file__).parent.parent / "kernels" / "evaluation" / "README.md"
    code = readme.read_text().split("```python\n")[1].split("```")[0]
    one = Research(motion_capture=research.motion_capture, absent=("gaitpdb",))
    monkeypatch.setattr("hw.research.read_folder", lambda _: one)
    names: dict[str, object] = {}
    exec(compile(code, str(readme), "exec"), names)
    assert names["missed"][0].data == "gaitpdb"
    assert "goals reached" in capsys.readouterr().out

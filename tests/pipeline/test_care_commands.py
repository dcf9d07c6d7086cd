"""`heelfirst patients`: what it says, what it refuses, and that every change is logged."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.care.commands import patients
from pipeline.care.errors import CareError
from pipeline.errors import RegistryError
from pipeline.journal import Journal

RUNNER = CliRunner()


class Desk:
    """The command line with a registry of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "pipeline.toml"
        self.config.write_text(
            f'[registry]\npath = "{folder / "registry.db"}"\n[care]\nzone = "Europe/Berlin"\n'
        )
        self.patient = self.say("add", "--device", "insole-1", "--label", "Example Person").strip()

    def run(self, *words: str) -> Result:
        return RUNNER.invoke(patients, [*words, "--config", str(self.config)])

    def say(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result
        return result.stdout

    def refused(self, *words: str) -> str:
        result = self.run(*words)
        assert isinstance(result.exception, (CareError, RegistryError)), result
        return str(result.exception)

    def log(self) -> list[tuple[str, str, dict[str, object]]]:
        entries = Journal(self.folder / "journal.jsonl").entries()
        return [(entry.action, entry.subject, dict(entry.detail)) for entry in entries]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_set_says_what_changed_and_where_it_goes(desk: Desk) -> None:
    said = desk.say("set", desk.patient, "drags=7", "steps_per_day=3000", "affected=left")
    assert said.splitlines() == [
        "affected: as the device says -> left",
        "drags: 5 -> 7",
        "steps_per_day: 4000 -> 3000",
        f"{desk.patient}: revision 1, goes to insole-1",
    ]
    assert desk.say("set", desk.patient, "drags=7") == "nothing changes: it is so already\n"
    assert desk.log()[2:] == [
        (
            "setting",
            desk.patient,
            {
                "affected.old": "as the device says",
                "affected.new": "left",
                "steps_per_day.old": "4000",
                "steps_per_day.new": "3000",
            },
        ),
        ("threshold", desk.patient, {"drags.old": "5", "drags.new": "7"}),
    ]


def test_consent_ends_and_is_logged(desk: Desk) -> None:
    assert "consent_until: none -> 2026-12-31" in desk.say(
        "set", desk.patient, "consent_until=2026-12-31"
    )
    assert desk.log()[-1][0] == "consent"
    assert "2026-12-31 -> none" in desk.say("set", desk.patient, "consent_until=none")


def test_a_mistake_changes_nothing_at_all(desk: Desk) -> None:
    before = desk.log()
    assert "Did you mean drags?" in desk.refused("set", desk.patient, "affected=left", "dargs=7")
    assert "no KEY=VALUE" in desk.refused("set", desk.patient, "drags")
    assert desk.log() == before
    assert "as the device says" in desk.say("show", desk.patient)


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("set", "drags=7"),
        ("plan",),
        ("plan", "add", "toe_taps", "--reps", "10"),
        ("orthosis", "afo"),
        ("note", "text"),
    ],
)
def test_an_unknown_patient_is_a_clear_word(desk: Desk, words: tuple[str, ...]) -> None:
    command, *rest = words
    said = desk.refused(command, "p000000000000", *rest)
    assert "no patient 'p000000000000'" in said
    assert "heelfirst patients list" in said


def test_a_plan_grows_and_shrinks(desk: Desk) -> None:
    assert "no exercises" in desk.say("plan", desk.patient)
    desk.say("plan", desk.patient, "add", "Toe taps", "--sets", "3", "--reps", "10", "--hold", "2")
    desk.say("plan", desk.patient, "add", "heel-walk", "--seconds", "60", "--days", "Mon, friday")
    assert desk.say("plan", desk.patient, "show").splitlines() == [
        "toe taps: 3 sets of 10, hold 2 s",
        "heel walk: 1 set of 60 s, mon fri",
    ]
    said = desk.say("plan", desk.patient, "remove", "toe_taps")
    assert said.startswith("plan: toe taps: 3 sets of 10, hold 2 s; heel walk")
    assert [action for action, _, _ in desk.log()[2:]] == ["plan"] * 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("add", "toe_tabs", "--reps", "5"), "Did you mean toe_taps?"),
        (("add", "squats", "--reps", "5"), "Known are: ankle_dorsiflexion, heel_walk"),
        (("add",), "which exercise?"),
        (("add", "toe_taps"), "how much is one set?"),
        (("add", "toe_taps", "--reps", "5", "--days", "mon,xyz"), "no weekday 'xyz'"),
        (("remove", "step_ups"), "the plan holds no step_ups"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(desk: Desk, words: tuple[str, ...], problem: str) -> None:
    assert problem in desk.refused("plan", desk.patient, *words)
    assert len(desk.log()) == 2


def test_orthoses_follow_and_overlaps_are_refused(desk: Desk) -> None:
    said = desk.say("orthosis", desk.patient, "afo", "--from", "2026-03-01", "--to", "2026-03-31")
    assert said.startswith("orthosis: afo, 2026-03-01 to 2026-03-31\n")
    overlap = desk.refused("orthosis", desk.patient, "fes", "--from", "2026-03-20")
    assert "overlaps afo, 2026-03-01 to 2026-03-31" in overlap
    command = overlap.partition("heelfirst patients ")[2].split()
    desk.say(*command)  # the remedy can be typed as it stands
    desk.say("orthosis", desk.patient, "fes", "--from", "2026-03-20T08:00")
    ended = desk.say("orthosis", desk.patient, "none", "--from", "2026-04-01T12:30")
    assert "-> fes, 2026-03-20 08:00 to 2026-04-01 12:30" in ended
    gone = desk.say("orthosis", desk.patient, "remove", "--from", "2026-03-01")
    assert "orthosis: afo, 2026-03-01 to 2026-03-19 -> removed" in gone
    assert "which span?" in desk.refused("orthosis", desk.patient, "remove")


def test_a_span_from_now_can_be_removed_by_the_begin_that_is_shown(desk: Desk) -> None:
    said = desk.say("orthosis", desk.patient, "afo")
    day, time = said.split()[2:4]
    desk.say("orthosis", desk.patient, "remove", "--from", f"{day}T{time}")
    assert "orthosis" not in desk.say("show", desk.patient)


def test_a_note_without_names_is_kept(desk: Desk) -> None:
    assert "a word of the patient's label" in desk.refused("note", desk.patient, "Example was ill")
    desk.say("note", desk.patient, "a new shoe", "--at", "2026-03-01T14:30")
    assert "2026-03-01 14:30 a new shoe" in desk.say("show", desk.patient)
    assert desk.log()[-1] == (
        "note",
        desk.patient,
        {"note.old": "", "note.new": "10 characters"},
    )


def test_a_device_changes_hands(desk: Desk) -> None:
    other = desk.say("add").strip()
    said = desk.say("assign", "insole-1", other, "--from", "2026-03-01")
    assert said == f"insole-1: {other} from 2026-03-01 on\n"
    assert "nobody" in desk.say("assign", "insole-1", "nobody")
    assert "no patient" in desk.refused("assign", "insole-1", "p000000000000")
    assert [action for action, _, _ in desk.log()] == ["patient", "assign", "patient"] + [
        "assign"
    ] * 2


def test_no_label_is_in_the_journal_or_in_what_is_shown(desk: Desk) -> None:
    desk.say("set", desk.patient, "drags=7")
    assert "Example" not in (desk.folder / "journal.jsonl").read_text()
    assert "Example" not in desk.say("show", desk.patient)
    assert "Example" in desk.say("list")

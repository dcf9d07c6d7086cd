"""Every word of the page comes from one table, the same in each language."""

import re
from html.parser import HTMLParser
from importlib import resources
from string import Formatter

import pytest

from edge.alerts.rules import RULES
from edge.events import SENSOR_FAULT
from edge.exercises.guide import Phase, WordKey
from edge.page.messages import MESSAGES
from edge.page.words import fill, say
from edge.wire.types import ExerciseName, Orthosis

STATIC = resources.files("edge.page").joinpath("static")
FILES = {item.name: item.read_text("utf-8") for item in STATIC.iterdir()}
PAGES = [name for name in FILES if name.endswith(".html")]
SCRIPTS = [name for name in FILES if name.endswith(".js")]
ENGLISH = MESSAGES["en"]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", [code for code in MESSAGES if code != "en"])
def test_languages_have_the_same_keys_and_the_same_places_for_numbers(language):
    table = MESSAGES[language]
    assert table.keys() == ENGLISH.keys()
    assert {k: places(v) for k, v in table.items()} == {k: places(v) for k, v in ENGLISH.items()}
    assert all(text.strip() for text in table.values())


def test_german_is_not_english():
    same = {key for key, text in MESSAGES["de"].items() if text == ENGLISH[key]}
    assert same <= {"name", "pair.code", "say.count", "say.rest_left", "sharing.percent"}


class _Texts(HTMLParser):
    """Gathers what a reader would read or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        spoken = ("alt", "title", "placeholder", "aria-label")
        self.found += [value for name, value in attrs if name in spoken and value]

    def handle_data(self, data):
        self.found += [data.strip()] if data.strip() else []


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_no_text_of_their_own(name):
    reader = _Texts()
    reader.feed(FILES[name])
    assert [text for text in reader.found if re.sub(r"\{[\w.]+\}|[ ·]", "", text)] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_have_no_text_of_their_own(name):
    """A literal with two words, or one with a capital letter that is shown, is a text."""
    code = re.sub(r"(^|\s)//[^\n]*", "", FILES[name])
    found = re.findall(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`', code)
    literals = [re.sub(r"\$\{[^}]*\}", "", plain or template) for plain, template in found]
    words = r"[A-Za-zÄÖÜäöüß]{2,}"
    texts = [one for one in literals if re.search(rf"{words}[,.!?:]?\s+{words}", one)]
    texts += [one for one in literals if re.fullmatch(r"[A-ZÄÖÜ][a-zäöüß]+", one)]
    drawn = ("translate(", "M", "rotate(", "querySelector", "a.first", "@")
    assert [one for one in texts if not one.startswith(drawn) and "[" not in one] == []


@pytest.mark.parametrize("name", [*PAGES, *SCRIPTS])
def test_every_key_that_is_used_is_in_the_table(name):
    used = set(re.findall(r'\bdata-t(?:-label)?="([\w.]+)"', FILES[name]))
    used |= set(re.findall(r'\bt\("([\w.]+)"', FILES[name]))
    used |= set(
        re.findall(
            r'"((?:today|state|about|link|sharing|guide|practice|alerts)\.[\w.]+)"', FILES[name]
        )
    )
    assert used <= ENGLISH.keys()


def test_every_word_that_python_names_is_in_the_table():
    folder = resources.files("edge.page")
    sources = [
        folder.joinpath(f"{n}.py").read_text("utf-8") for n in ("actions", "pairing", "routes")
    ]
    used = {key for text in sources for key in re.findall(r'"((?:pair|refused)\.\w+)"', text)}
    assert len(used) > 6
    assert used <= ENGLISH.keys()


def test_every_value_that_is_shown_by_name_has_words():
    names = [f"exercise.{name}" for name in ExerciseName.__args__]
    names += [f"how.{name}" for name in ExerciseName.__args__]
    names += [f"day.{name}" for name in Orthosis.__args__]
    names += [f"guide.{name}" for name in Phase.__args__]
    names += [f"say.{name}" for name in WordKey.__args__]
    names += [f"reminder.{name}" for name in ("long_sitting", "legs_crossed")]
    names += [
        f"state.{s}" for s in ("heel", "flat", "toe", "unsure", "rest", "off", "wait", "nodata")
    ]
    names += [f"alert.{rule.name}" for rule in RULES] + [f"alert.{SENSOR_FAULT}"]
    assert [name for name in names if name not in ENGLISH] == []


@pytest.mark.parametrize("language", MESSAGES)
def test_what_it_is_not_is_said_plainly(language):
    text = say(language, "not_a_device").lower()
    wanted = {
        "en": ("not a medical device", "no fall alarm", "no diagnosis", "no stimulation"),
        "de": ("kein medizinprodukt", "kein sturzalarm", "keine diagnose", "keine stimulation"),
    }
    assert all(word in text for word in wanted[language])


def test_filled_page_escapes_and_labels():
    page = '<p data-t="alerts.yes" data-t-label="nav.label"></p><i>{problem}</i>'
    filled = fill(page, "de", {"problem": "<b>"})
    labelled = 'data-t="alerts.yes" data-t-label="nav.label" aria-label="Bereiche"'
    assert filled == f"<p {labelled}>Ja</p><i>&lt;b&gt;</i>"

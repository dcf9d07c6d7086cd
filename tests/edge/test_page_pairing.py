"""Pairing: the right code, wrong ones, a pause; cookies that are ours and those that are not."""

import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.page.errors import PageError
from edge.page.pairing import CODE_S, COOKIE_S, TRIES, Pairing, code_file, new_code, unpair


class Door:
    """A pairing with clocks that a test moves."""

    def __init__(self, folder):
        self.folder = folder
        self.wall_s = 1_790_000_000.0
        self.mono_s = 1000.0
        self.code = new_code(folder)
        self._date()
        self.pairing = Pairing(folder, lambda: self.wall_s, lambda: self.mono_s)

    def _date(self):
        os.utime(code_file(self.folder), (self.wall_s, self.wall_s))

    def renew(self):
        self.code = new_code(self.folder)
        self._date()

    @property
    def wrong(self):
        return f"{(int(self.code) + 1) % 10**6:06d}"


@pytest.fixture
def door(tmp_path):
    return Door(tmp_path)


def test_right_code_gives_a_cookie_that_holds_and_expires(door):
    cookie = door.pairing.pair(door.code).cookie
    assert door.pairing.is_paired(cookie)
    door.wall_s += COOKIE_S - 1
    assert door.pairing.is_paired(cookie)
    door.wall_s += 2
    assert not door.pairing.is_paired(cookie)


def test_spaces_in_a_code_are_forgiven(door):
    assert door.pairing.pair(f" {door.code[:3]} {door.code[3:]} ").cookie


def test_five_wrong_codes_make_a_pause_also_for_the_right_one(door):
    answers = [door.pairing.pair(door.wrong) for _ in range(TRIES)]
    assert [a.number for a in answers] == [4, 3, 2, 1, 1]
    assert {a.problem for a in answers[:-1]} == {"pair.wrong"}
    assert answers[-1].problem == "pair.paused"
    assert door.pairing.pair(door.code).problem == "pair.paused"
    door.mono_s += 59
    assert door.pairing.pair(door.code).problem == "pair.paused"
    door.mono_s += 2
    assert door.pairing.pair(door.code).cookie


def test_pauses_grow_to_an_hour(door):
    minutes = []
    for _ in range(9):
        answers = [door.pairing.pair(door.wrong) for _ in range(TRIES)]
        minutes.append(answers[-1].number)
        door.mono_s += 3601
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_at_most_150_wrong_codes_a_day(door):
    tries = 0
    while door.mono_s < 1000 + 86400:
        if door.pairing.pair(door.wrong).problem == "pair.wrong":
            tries += 1
        door.mono_s += 1
    assert tries < 150


def test_code_runs_out(door):
    door.wall_s += CODE_S + 1
    assert door.pairing.pair(door.code).problem == "pair.expired"
    door.renew()
    assert door.pairing.pair(door.code).cookie


def test_new_code_makes_the_one_before_void(door):
    old = door.code
    while door.code == old:
        door.renew()
    assert door.pairing.pair(old).problem == "pair.wrong"
    assert door.pairing.pair(door.code).cookie


def test_without_a_file_there_is_no_code(door):
    code_file(door.folder).unlink()
    assert door.pairing.pair(door.code).problem == "pair.expired"
    assert door.pairing.pair("").problem == "pair.expired"


def test_empty_file_is_no_code(door):
    code_file(door.folder).write_text("")
    assert door.pairing.pair("").problem == "pair.expired"


@pytest.mark.parametrize("name", ["page-code", "page-key"])
def test_secrets_are_their_owners_alone(door, name):
    door.pairing.pair(door.code)
    assert (door.folder / name).stat().st_mode & 0o777 == 0o600


@given(place=st.integers(0, 200), letter=st.sampled_from(string.hexdigits[:16]))
def test_cookie_with_one_letter_changed_is_refused(tmp_path_factory, place, letter):
    door = Door(tmp_path_factory.mktemp("door"))
    cookie = door.pairing.pair(door.code).cookie
    place %= len(cookie)
    forged = cookie[:place] + letter + cookie[place + 1 :]
    assert door.pairing.is_paired(forged) == (forged == cookie)


@given(st.text(max_size=120))
def test_any_text_is_no_cookie(tmp_path_factory, text):
    assert not Door(tmp_path_factory.mktemp("door")).pairing.is_paired(text)


def test_cookie_of_another_box_is_refused(door, tmp_path):
    (tmp_path / "other").mkdir()
    other = Door(tmp_path / "other")
    assert not door.pairing.is_paired(other.pairing.pair(other.code).cookie)


def test_cookie_survives_a_restart(door):
    cookie = door.pairing.pair(door.code).cookie
    again = Pairing(door.folder, lambda: door.wall_s, lambda: door.mono_s)
    assert again.is_paired(cookie)


def test_unpairing_disconnects_all_while_it_runs(door):
    cookie = door.pairing.pair(door.code).cookie
    unpair(door.folder)
    assert not door.pairing.is_paired(cookie)


def test_key_that_others_can_read_is_replaced(door):
    cookie = door.pairing.pair(door.code).cookie
    (door.folder / "page-key").chmod(0o644)
    again = Pairing(door.folder, lambda: door.wall_s, lambda: door.mono_s)
    assert not again.is_paired(cookie)
    assert (door.folder / "page-key").stat().st_mode & 0o777 == 0o600


def test_folder_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PageError) as caught:
        new_code(tmp_path / "file" / "state")
    assert "writable" in caught.value.remedy

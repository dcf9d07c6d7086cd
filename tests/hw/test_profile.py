from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw import profile as profiles
from hw.profile import ProfileError
from hw.source import FootProfile, Profile

DESIGN = """
name = "an insole"
foot_length_m = 0.27             # optional
[cells]
unit = "N"                       # N, kPa, N/cm2, raw
x = [0.05, 0.40, 0.95]           # per cell: heel 0 .. toe 1
y = [0.5, 0.7, 0.2]              # per cell: medial 0 .. lateral 1
[imu]
mount = "foot"                   # foot, shank
acceleration = "m/s2"            # m/s2, g
angular_rate = "rad/s"           # rad/s, deg/s
axes = ["x", "y", "z"]
to_toe_m = [0.15, -0.06, -0.08]  # optional
[left]                           # [left] and [right] override any of it for one foot
imu.axes = ["x", "-y", "z"]
"""


def test_the_documented_format_is_read() -> None:
    profile = profiles.parse(DESIGN)
    right = FootProfile(
        x=(0.05, 0.40, 0.95),
        y=(0.5, 0.7, 0.2),
        cell_unit="N",
        mount="foot",
        to_toe_m=(0.15, -0.06, -0.08),
    )
    assert profile.name == "an insole"
    assert profile.foot_length_m == 0.27
    assert profile.claim == "spec-tested"
    assert profile.right == right
    assert profile.left.axes == ("x", "-y", "z")
    assert profile.left.to_toe_m == right.to_toe_m


def test_a_side_may_have_cells_of_its_own() -> None:
    profile = profiles.parse(DESIGN + "cells.x = [0.1, 0.9]\ncells.y = [0.5, 0.5]\n")
    assert profile.left.x == (0.1, 0.9)
    assert len(profile.right.x) == 3


def test_a_device_without_imu_has_no_mount() -> None:
    profile = profiles.parse('name = "p"\n[cells]\nx = [0.1]\ny = [0.5]\n')
    assert profile.left.mount is None


def test_a_device_without_cells_has_none() -> None:
    profile = profiles.parse('name = "p"\n[imu]\nmount = "shank"\n')
    assert (profile.left.x, profile.left.mount) == ((), "shank")


BAD = {
    "unknown key, nearest named": (
        DESIGN.replace("foot_length_m", "foot_lenght_m"),
        "foot_lenght_m",
        "did you mean foot_length_m",
    ),
    "unknown key in a table": (DESIGN.replace("mount =", "mounted ="), "imu.mounted", "mount"),
    "unknown key of one side": (DESIGN + "imu.axis = 1\n", "left.imu.axis", "axes"),
    "unknown table": (DESIGN + "[rigth]\n", "rigth", "did you mean right"),
    "no name": (DESIGN.replace('name = "an insole"', ""), "name", "add name"),
    "wrong type": (DESIGN.replace("0.27 ", '"27 cm" '), "foot_length_m", "metres"),
    "length in cm": (DESIGN.replace("0.27 ", "27.0 "), "foot_length_m", "metres"),
    "unknown unit": (DESIGN.replace('unit = "N"', 'unit = "psi"'), "cells.unit", "kPa"),
    "cell outside": (DESIGN.replace("0.95", "1.05"), "cells.x[2]", "0 to 1"),
    "cell not a number": (DESIGN.replace("0.95", "nan"), "cells.x[2]", "0 to 1"),
    "y shorter than x": (DESIGN.replace("0.5, 0.7, 0.2", "0.5, 0.7"), "cells.y", "one y per cell"),
    "axes twice": (DESIGN.replace('["x", "y", "z"]', '["x", "x", "z"]'), "imu.axes", "once"),
    "axes of one side": (DESIGN.replace('"-y"', '"-w"'), "left.imu.axes", "once"),
    "two axes": (DESIGN.replace('["x", "y", "z"]', '["x", "y"]'), "imu.axes", "three device axes"),
    "lever not a number": (DESIGN.replace("-0.08", "nan"), "imu.to_toe_m[2]", "in metres"),
    "no mount": (DESIGN.replace('mount = "foot"', ""), "imu.mount", "say where it sits"),
    "not TOML": ("name = ", "", "correct that line"),
    "no sensor": ('name = "p"', "", "[cells]"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_profile_says_what_and_how(case: str, tmp_path: Path) -> None:
    text, key, hint = BAD[case]
    path = tmp_path / "device.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        profiles.load(path)
    assert caught.value.key == key
    assert caught.value.path == str(path)
    assert hint in caught.value.remedy
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"nowhere\.toml"):
        profiles.load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("name", profiles.shipped_names())
def test_every_shipped_profile_is_valid(name: str) -> None:
    assert profiles.shipped(name).name


def test_an_unknown_shipped_profile_names_the_nearest() -> None:
    with pytest.raises(ProfileError, match="did you mean moticon_opengo"):
        profiles.shipped("moticon")


places = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(places, st.sampled_from(["N", "kPa", "N/cm2", "raw"]), st.sampled_from(["foot", "shank"]))
def test_toml_and_json_give_the_profile_back(x: list[float], unit: str, mount: str) -> None:
    text = (
        f'name = "p"\n[cells]\nunit = "{unit}"\nx = {x}\ny = {x[::-1]}\n[imu]\nmount = "{mount}"\n'
    )
    profile = profiles.parse(text)
    assert profile.left.x == tuple(x)
    assert profile.right.y == tuple(x[::-1])
    again: Profile = profiles.decode(profiles.encode(profile), "recording")
    assert again == profile

"""What hw/README.md shows is true."""

import re
from pathlib import Path

from hw import profile as profiles
from hw.registry import DRIVERS

TEXT = (Path(profiles.__file__).parent / "README.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_first_example_runs() -> None:
    exec(compile(examples("python")[0], "hw/README.md", "exec"), {})


def test_the_profile_shown_is_one() -> None:
    profile = profiles.parse(examples("toml")[0], "hw/README.md")
    assert profile.left.axes == ("x", "-y", "z")


def test_every_shipped_profile_stands_with_its_claim_level() -> None:
    rows = [[cell.strip() for cell in line.split("|")] for line in TEXT.splitlines()]
    table = {row[1].split(" ")[0]: row[-2] for row in rows if len(row) == 7}
    for name in profiles.shipped_names():
        profile = profiles.shipped(name)
        assert table[name] == profile.claim
        assert len(profile.left.x) in (6, 8, 16)


def test_the_drivers_exist() -> None:
    assert {"virtual", "replay"} <= set(DRIVERS)

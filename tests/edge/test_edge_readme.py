"""The room's README: its code runs, its table holds every setting."""

import re
from pathlib import Path

import msgspec

import edge.config
from edge.config import AgentConfig

README = Path(edge.config.__file__).with_name("README.md").read_text(encoding="utf-8")


def keys(section: type[msgspec.Struct], prefix: str = "") -> set[str]:
    found = set()
    for field in msgspec.structs.fields(section):
        is_section = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        name = f"{prefix}{field.name}"
        found |= keys(field.type, f"{name}.") if is_section else {name}
    return found


def test_every_setting_is_in_the_table():
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    for key in keys(AgentConfig):
        section, _, last = key.rpartition(".")
        assert f"`{key}`" in table or (f"`{section}." in table and f"`.{last}`" in table), key


def test_the_python_in_it_runs(recordings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("walk.txt").symlink_to(recordings / "moticon_opengo" / "230927_102231.txt")
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README", "exec"), {})
    assert (tmp_path / "out" / "strides.csv").read_text().count("\n") > 5


def test_every_module_of_the_room_is_named():
    folder = Path(edge.config.__file__).parent
    ours = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    missing = {name for name in ours if f"`{name}`" not in README}
    assert missing <= {"enrol.py", "errors.py"}

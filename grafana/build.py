"""All files of this room that are made: dashboards, and the provisioning of compose.yaml."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from grafana.errors import StaleFilesError
from grafana.provisioning import COMPOSE, provisioning_files

if TYPE_CHECKING:
    from grafana.boards import Board

__all__ = ["DASHBOARDS", "HERE", "build", "check", "write"]

HERE: Final = Path(__file__).resolve().parent
DASHBOARDS: Final = "dashboards"
PROVISIONING: Final = "provisioning"


def boards() -> "dict[str, Callable[[], Board]]":
    """Return what makes each dashboard, by its file's name.

    A dashboard needs the development extra (grafana-foundation-sdk); installing one does not.
    """
    from grafana.clinic import clinic
    from grafana.devices import devices
    from grafana.patient import patient
    from grafana.walk import walk

    return {"clinic": clinic, "patient": patient, "walk": walk, "devices": devices}


def build() -> dict[str, str]:
    """Return every made file by its path below this room's folder.

    Raises
    ------
    QueryError
        A query over a name that is not stored.
    """
    files = {f"{DASHBOARDS}/{name}.json": make().as_json() for name, make in boards().items()}
    for path, text in provisioning_files(COMPOSE).items():
        files[f"{PROVISIONING}/{path}"] = text
    return files


def write(folder: Path = HERE) -> list[str]:
    """Write every made file, remove made ones that are no more; return the paths changed."""
    files = build()
    changed = []
    for path, text in files.items():
        target = folder / path
        if not target.is_file() or target.read_text() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            changed.append(path)
    for path in _present(folder) - set(files):
        (folder / path).unlink()
        changed.append(path)
    return sorted(changed)


def check(folder: Path = HERE) -> None:
    """Raise `StaleFilesError` where the files of the folder are not what the code builds."""
    files = build()
    present = _present(folder)
    wrong = [f"{path}: missing" for path in set(files) - present]
    wrong += [f"{path}: not built by anything" for path in present - set(files)]
    for path in present & set(files):
        if (folder / path).read_text() != files[path]:
            wrong.append(f"{path}: differs")
    if wrong:
        raise StaleFilesError(sorted(wrong))


def _present(folder: Path) -> set[str]:
    found = [*folder.glob(f"{DASHBOARDS}/*.json"), *folder.glob(f"{PROVISIONING}/*/*.yaml")]
    return {path.relative_to(folder).as_posix() for path in found}

"""Puts the committed dashboards and one clinic's provisioning where a Grafana reads them."""

import shutil
from pathlib import Path

from grafana.build import DASHBOARDS, HERE
from grafana.provisioning import Clinic, provisioning_files

__all__ = ["install"]


def install(clinic: Clinic, provisioning: Path, dashboards: Path) -> list[Path]:
    """Write the files of a clinic and return their paths; other clinics' files stay.

    Raises
    ------
    OSError
        A folder that cannot be written: Grafana's belong to root.
    """
    dashboards.mkdir(parents=True, exist_ok=True)
    boards = sorted((HERE / DASHBOARDS).glob("*.json"))
    made = [Path(shutil.copyfile(board, dashboards / board.name)) for board in boards]
    for path, text in provisioning_files(clinic).items():
        target = provisioning / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        made.append(target)
    return made

"""From two databases and a patient's record to two files."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.care.record import PatientRecord
from pipeline.report.errors import NoData, ReportError
from pipeline.report.facts import Facts, find
from pipeline.report.material import Material, gather
from pipeline.report.render import as_html, as_pdf
from pipeline.report.span import Span
from pipeline.report.view import view
from pipeline.report.words import days_between, plural
from pipeline.store import Store

__all__ = ["Report", "make_report", "write_report"]

Progress = Callable[[str, float], None]
"""Told what is being done and its share from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is on no disk yet."""

    facts: Facts
    html: str
    pdf: bytes


async def make_report(
    store: Store,
    rollups: Store,
    record: PatientRecord,
    span: Span,
    *,
    version: str,
    orthosis: Literal["afo", "fes"] | None = None,
    progress: Progress = lambda what, share: None,
) -> Report:
    """Return the report of a patient; the same stored points make the same bytes.

    Parameters
    ----------
    store, rollups : Store
        The database of events and that of the daily numbers.
    orthosis : {"afo", "fes"} or None
        What walking without is compared with.

    Raises
    ------
    NoData
        Nothing came of the patient in the span.
    ReportError
        Strides came, but no daily numbers are computed; or no PDF can be made on this machine.
    StoreUnavailable
        A store cannot be read now.
    """
    material = await gather(
        store,
        rollups,
        record,
        span,
        orthosis is not None,
        lambda share: progress("reading strides", share),
    )
    if material.is_empty:
        raise NoData(record.patient, _nothing(material))
    facts = find(material, orthosis)
    if facts.worn.not_computed and not material.daily:
        raise ReportError(_not_computed(record, span))
    variables = view(facts, version, lambda share: progress("drawing", share))
    html = as_html(variables)
    progress("setting pages", 0.0)
    return Report(facts, html, as_pdf(html))


def _nothing(material: Material) -> str:
    span = material.span
    when = days_between(span.first, span.last)
    return (
        f"nothing of {material.record.patient} is stored from {when} "
        f"({plural(len(span.days), 'day')}, {span.zone}), so there is no report. That says nothing "
        "about how the person walked: look at the device (`heelfirst doctor`) or at another range"
    )


def _not_computed(record: PatientRecord, span: Span) -> str:
    remedy = f"heelfirst pipeline rollup --patient {record.patient} --from {span.first} --to "
    return (
        f"strides of {record.patient} are stored, but the daily numbers of these days are not "
        f"computed yet; `{remedy}{span.last}` does it, or wait while the pipeline runs"
    )


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write both files, readable by their owner alone, and return their paths.

    Each is written aside and then renamed: nobody ever sees half of a report.
    """
    material = report.facts.material
    span = material.span
    stem = f"heelfirst-{material.record.patient}-{span.first}-{span.last}"
    folder.mkdir(parents=True, exist_ok=True)
    contents = {f"{stem}.html": report.html.encode(), f"{stem}.pdf": report.pdf}
    drafts = {folder / f".{name}.draft": folder / name for name in contents}
    try:
        for draft, content in zip(drafts, contents.values(), strict=True):
            _write_private(draft, content)
        for draft, path in drafts.items():
            draft.replace(path)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    html, pdf = drafts.values()
    return html, pdf


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

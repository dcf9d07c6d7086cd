"""The report's bytes: one HTML file that needs no other, and the PDF of the same HTML."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, Final

from pipeline.report.errors import ReportError

__all__ = ["as_html", "as_pdf"]

_FOLDER: Final = Path(__file__).parent
_FIGURE: Final = re.compile(r'<svg role="img".*?<title[^>]*>(?P<title>.*?)<.*?</svg>', re.DOTALL)


def as_html(variables: dict[str, Any]) -> str:
    """Return the report as HTML; the same variables make the same text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(variables)


def as_pdf(html: str) -> bytes:
    """Return the PDF of a report's HTML; the same HTML makes the same bytes.

    Its dates are those that the HTML names, its identifier is made from the HTML. It loads nothing.

    Raises
    ------
    ReportError
        WeasyPrint's libraries (Pango) are not on this machine.
    """
    try:
        from weasyprint import HTML  # type: ignore[import-untyped] # ships no type hints
        from weasyprint.urls import URLFetcher  # type: ignore[import-untyped] # the same
    except OSError as error:
        remedy = "sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0"
        raise ReportError(f"no PDF can be made here ({error}); {remedy}") from None

    identifier = hashlib.sha256(html.encode()).digest()[:16]
    fetcher = URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    document = HTML(string=_FIGURE.sub(_as_image, html), url_fetcher=fetcher)
    return bytes(document.write_pdf(pdf_identifier=identifier))


def _as_image(svg: re.Match[str]) -> str:
    """Return a figure as an image: WeasyPrint would take inline SVG for unknown CSS, slowly."""
    data = base64.b64encode(svg.group().encode()).decode()
    return f'<img alt="{svg["title"]}" src="data:image/svg+xml;base64,{data}">'

"""What keeps a report from being made."""

from pipeline.errors import PipelineError

__all__ = ["NoData", "ReportError"]


class ReportError(PipelineError, ValueError):
    """A report that cannot be made as it was asked for; the message says what to do."""


class NoData(ReportError):  # noqa: N818 - says what was met: there is no data
    """Nothing of the patient is stored in the range: no file is written, and nothing is known.

    Attributes
    ----------
    patient : str
    """

    def __init__(self, patient: str, message: str) -> None:
        super().__init__(message)
        self.patient = patient

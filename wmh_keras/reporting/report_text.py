"""Results and methods in words, every number out of the study."""

import dataclasses

from wmh_keras.reporting.report_methods import methods_paragraphs
from wmh_keras.reporting.report_results import results_paragraphs
from wmh_keras.reporting.study import Study


@dataclasses.dataclass(frozen=True)
class TextSection:
    """A part of a manuscript.

    Attributes:
        title: such as "Results".
        paragraphs: plain text.
    """

    title: str
    paragraphs: tuple[str, ...]


def manuscript_text(study: Study) -> tuple[TextSection, ...]:
    """Methods and results of the evaluation, ready to be copied.

    Args:
        study: what is reported.

    Returns:
        Two sections; what the study does not have is not spoken of.
    """
    return (
        TextSection("Methods", tuple(methods_paragraphs(study))),
        TextSection("Results", tuple(results_paragraphs(study))),
    )

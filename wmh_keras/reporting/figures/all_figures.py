"""Every figure of a report, in order."""

from collections.abc import Iterator

from wmh_keras.reporting.figures.data_distribution import (
    draw_data_distribution,
)
from wmh_keras.reporting.figures.examples import draw_examples
from wmh_keras.reporting.figures.found_lesions import draw_found_lesions
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.lesion_sizes import draw_lesion_sizes
from wmh_keras.reporting.figures.mean_curves import (
    draw_precision_recall,
    draw_roc,
)
from wmh_keras.reporting.figures.network import draw_network
from wmh_keras.reporting.figures.patient_flow import draw_patient_flow
from wmh_keras.reporting.figures.rating_workflow import draw_rating_workflow
from wmh_keras.reporting.figures.scores_by_model import draw_scores_by_model
from wmh_keras.reporting.figures.sites import draw_sites
from wmh_keras.reporting.figures.training import draw_training
from wmh_keras.reporting.figures.volume_agreement import (
    draw_volume_agreement,
)
from wmh_keras.reporting.study import Study

_FIGURES = (
    draw_patient_flow,
    draw_examples,
    draw_lesion_sizes,
    draw_data_distribution,
    draw_network,
    draw_training,
    draw_rating_workflow,
    draw_roc,
    draw_precision_recall,
    draw_scores_by_model,
    draw_volume_agreement,
    draw_found_lesions,
    draw_sites,
)
NUM_FIGURES = len(_FIGURES)


def make_figures(study: Study) -> Iterator[Illustration]:
    """Yields every figure, one at a time, since some hold large pictures.

    Args:
        study: what the report is about.

    Yields:
        Each as itself, or with `missing` saying why it is not there.

    Raises:
        UserError: a file of an evaluation cannot be read.
    """
    for draw in _FIGURES:
        yield draw(study)

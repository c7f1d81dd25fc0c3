"""Every table of a report, in order."""

from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.all_scores import all_scores_table
from wmh_keras.reporting.tables.automatic_grades import automatic_grades_table
from wmh_keras.reporting.tables.head_to_head import head_to_head_table
from wmh_keras.reporting.tables.lesions import lesions_table
from wmh_keras.reporting.tables.pairwise import pairwise_table
from wmh_keras.reporting.tables.rater_pairs import rater_pairs_table
from wmh_keras.reporting.tables.ratings import ratings_table
from wmh_keras.reporting.tables.sites import sites_table
from wmh_keras.reporting.tables.size_classes import size_classes_table
from wmh_keras.reporting.tables.spacings import spacings_table
from wmh_keras.reporting.tables.table import Table
from wmh_keras.reporting.tables.volume_agreement import volume_agreement_table


def make_tables(study: Study) -> list[Table]:
    """Makes all tables; one that cannot be made says what is missing.

    Args:
        study: evaluations, and what else the user gave.

    Returns:
        Tables 1 to 5 of the paper, then the supplementary ones S1 to S6.
    """
    return [
        lesions_table(study),
        spacings_table(study),
        size_classes_table(study),
        head_to_head_table(study),
        ratings_table(study),
        all_scores_table(study),
        sites_table(study),
        pairwise_table(study),
        volume_agreement_table(study),
        rater_pairs_table(study),
        automatic_grades_table(study),
    ]

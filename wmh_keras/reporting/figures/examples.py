"""Figure 2 A: the best, the median and the worst patient."""

import dataclasses
import math
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep.errors import UserError
from wmh_keras.evaluation.results import EvaluationResults, PatientResult
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import WIDTH, literal, new_figure
from wmh_keras.reporting.study import Study

NAME = "figure_2a_examples"
TITLE = "Figure 2 A. Examples"
_TITLE_INCHES = 0.35


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A volume that stands for the others.

    Attributes:
        role: such as "Best".
        volume: which one.
        picture: its file.
    """

    role: str
    volume: PatientResult
    picture: Path


def choose_examples(evaluation: EvaluationResults) -> tuple[Example, ...]:
    """Chooses the best, the median and the worst volume by Dice.

    Volumes need a Dice and a picture. Those whose reference holds no lesion,
    where Dice can be 0 and 1 alone, are taken only where there is no other.
    Equal ones keep the order of the rows; of an even number the better of
    the two in the middle is the median.

    Args:
        evaluation: the model's.

    Returns:
        Three, best first; fewer where there are fewer volumes.
    """
    known = [
        volume
        for volume in evaluation.volumes
        if not math.isnan(volume.scores.dice)
        and volume.key.identity in evaluation.pictures
    ]
    filled = [v for v in known if v.scores.reference_lesions]
    ranked = sorted(filled or known, key=lambda volume: -volume.scores.dice)
    places = {"Best": 0, "Median": (len(ranked) - 1) // 2, "Worst": -1}
    if len(ranked) < 3:
        places = {"Best": 0, "Worst": -1} if len(ranked) == 2 else {}
        places = places or ({"Only patient": 0} if ranked else {})
    return tuple(
        Example(
            role,
            ranked[place],
            evaluation.pictures[ranked[place].key.identity],
        )
        for role, place in places.items()
    )


def draw_examples(study: Study) -> Illustration:
    """Shows the pictures of the first model's examples.

    Args:
        study: what the report is about.

    Raises:
        UserError: a picture cannot be read.
    """
    evaluation = study.evaluations[0]
    examples = choose_examples(evaluation)
    if not examples:
        return Illustration(
            NAME,
            TITLE,
            missing="The evaluation holds no pictures. wmh-evaluate writes "
            "them, unless --nopictures is given, where the FLAIR is known: of "
            "a model always, of files with --images=FOLDER or the column "
            "flair of --pairs.",
        )
    pictures = [_read(example.picture) for example in examples]
    heights = [
        WIDTH * picture.shape[0] / picture.shape[1] + _TITLE_INCHES
        for picture in pictures
    ]
    figure = new_figure(sum(heights))
    panels = figure.subplots(
        len(examples), 1, squeeze=False, height_ratios=heights
    )
    for axes, example, picture in zip(
        panels.flat, examples, pictures, strict=True
    ):
        axes.imshow(picture, interpolation="none")
        axes.axis("off")
        scores = example.volume.scores
        axes.set_title(
            literal(
                f"{example.role}: {example.volume.key}, Dice {scores.dice:.3f}"
            ),
            loc="left",
            fontsize=11,
        )
    caption = (
        f"Patients by Dice of {evaluation.name}: FLAIR above, below it the "
        "reference outlined in blue and the prediction in orange (dashed "
        "in both where they coincide). Of an even number, the median is the "
        "better of the two in the middle."
    )
    return Illustration(NAME, TITLE, caption, figure)


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected a picture of the evaluation: {error}; run "
            "wmh-evaluate again"
        ) from error

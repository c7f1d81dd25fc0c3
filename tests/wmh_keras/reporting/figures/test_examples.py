import dataclasses
import math

import numpy as np
import pytest
from PIL import Image

from data_prep.errors import UserError
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.reporting.figures.examples import choose_examples, draw_examples


@pytest.fixture
def evaluate(study, tmp_path):
    """Makes an evaluation of volumes with these Dice, each with a picture."""

    def make(dice, lesions=None):
        volumes, pictures = [], {}
        template = study.evaluations[0].volumes[0]
        for i, value in enumerate(dice):
            key = VolumeKey(f"s{i}")
            scores = dataclasses.replace(
                template.scores,
                dice=value,
                reference_lesions=lesions[i] if lesions else 3,
            )
            volumes.append(
                dataclasses.replace(template, key=key, scores=scores)
            )
            path = tmp_path / f"{i}.png"
            grey = np.full((20 + i, 60), 10 * i, np.uint8)
            Image.fromarray(grey).save(path)
            pictures[key.identity] = path
        return dataclasses.replace(
            study.evaluations[0], volumes=tuple(volumes), pictures=pictures
        )

    return make


def chosen(evaluation):
    return {
        example.role: example.volume.key.subject_id
        for example in choose_examples(evaluation)
    }


def test_best_median_and_worst(evaluate):
    picked = chosen(evaluate([0.4, 0.9, 0.1, 0.6, 0.5]))
    assert picked == {"Best": "s1", "Median": "s4", "Worst": "s2"}


def test_volumes_without_dice_or_picture_do_not_count(evaluate):
    evaluation = evaluate([math.nan, 0.9, 0.1, 0.6, 0.0])
    pictures = dict(evaluation.pictures)
    del pictures[("s4", "", "")]
    evaluation = dataclasses.replace(evaluation, pictures=pictures)
    assert chosen(evaluation) == {"Best": "s1", "Median": "s3", "Worst": "s2"}


def test_ties_keep_the_order_of_the_rows_and_differ(evaluate):
    picked = chosen(evaluate([0.5, 0.5, 0.5]))
    assert picked == {"Best": "s0", "Median": "s1", "Worst": "s2"}
    assert chosen(evaluate([0.5, 0.7, 0.6, 0.8]))["Median"] == "s1"


def test_patients_without_reference_lesions_only_if_there_are_no_others(
    evaluate,
):
    evaluation = evaluate([1.0, 0.5, 0.6, 0.7, 0.0], lesions=[0, 2, 2, 2, 0])
    assert chosen(evaluation) == {"Best": "s3", "Median": "s2", "Worst": "s1"}
    assert chosen(evaluate([1.0], lesions=[0])) == {"Only patient": "s0"}


@pytest.mark.parametrize(
    ("dice", "roles"),
    [
        ([], []),
        ([0.5], ["Only patient"]),
        ([0.5, 0.7], ["Best", "Worst"]),
        ([0.5, 0.7, 0.6], ["Best", "Median", "Worst"]),
    ],
)
def test_few_patients(evaluate, dice, roles):
    assert list(chosen(evaluate(dice))) == roles


def test_the_figure_shows_these_pictures_with_their_dice(study, evaluate):
    evaluation = evaluate([0.41, 0.92, 0.13])
    one = dataclasses.replace(study, evaluations=(evaluation,), comparison=None)
    figure = draw_examples(one).figure
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "Best: subject s1, Dice 0.920",
        "Median: subject s0, Dice 0.410",
        "Worst: subject s2, Dice 0.130",
    ]
    greys = [int(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes]
    assert greys == [10, 0, 20]


def test_no_pictures(study):
    illustration = draw_examples(study)
    assert illustration.figure is None
    assert "FLAIR" in illustration.missing


def test_a_damaged_picture_is_named(study, evaluate):
    evaluation = evaluate([0.4])
    next(iter(evaluation.pictures.values())).write_bytes(b"nothing")
    broken = dataclasses.replace(
        study, evaluations=(evaluation,), comparison=None
    )
    with pytest.raises(UserError, match=r"0\.png.*expected a picture"):
        draw_examples(broken)

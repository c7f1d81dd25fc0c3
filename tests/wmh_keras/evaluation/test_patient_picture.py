import numpy as np
from PIL import Image

from data_prep.volume import Volume
from wmh_keras.evaluation.patient import evaluate_patient
from wmh_keras.evaluation.patient_picture import (
    describe,
    name_pictures,
    write_picture,
)
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.pictures.overlay import PREDICTION_COLOUR, REFERENCE_COLOUR

SHAPE = (40, 40, 6)


def draw(path, reference, prediction, rules=None):
    """Writes the picture; says which outlines are in it, below the title."""
    rules = rules or Rules()
    head = np.zeros(SHAPE, np.float32)
    head[4:36, 4:36] = 100
    flair = Volume(head, np.diag([1.0, 1.0, 5.0, 1.0]))
    mask = flair.with_data(reference)
    result = evaluate_patient(VolumeKey("x"), mask, prediction, rules=rules)
    write_picture(path, result, flair, mask, prediction, rules)
    pixels = np.asarray(Image.open(path).convert("RGB"))[60:-40].astype(int)
    return result, [
        bool((np.abs(pixels - colour).max(axis=2) < 12).any())
        for colour in (REFERENCE_COLOUR, PREDICTION_COLOUR)
    ]


def masks():
    reference = np.zeros(SHAPE, np.uint8)
    reference[8:14, 8:14, 2] = 1
    reference[20:26, 20:26, 3] = 2
    prediction = np.zeros_like(reference)
    prediction[30:32, 30:32, 4] = 1
    return reference, prediction


def test_both_masks_are_outlined_and_told_of(tmp_path):
    result, seen = draw(tmp_path / "a.png", *masks())
    assert seen == [True, True]
    assert describe(result) == (
        "reference 0.18 ml, predicted 0.02 ml; 0 of 1 reference lesions "
        "found, 0 of 1 predicted lesions right"
    )


def test_only_what_was_scored_is_drawn(tmp_path):
    reference, prediction = masks()
    rules = Rules(min_lesion_mm3=21.0)
    _, seen = draw(tmp_path / "a.png", reference, prediction, rules)
    assert seen == [True, False], "the small lesion was removed"
    on_label_2 = (reference == 2).astype(np.uint8)
    _, seen = draw(tmp_path / "b.png", reference, on_label_2)
    assert seen == [True, False], "label 2 is left out"


def test_two_empty_masks_have_a_picture(tmp_path):
    nothing = np.zeros(SHAPE, np.uint8)
    _, seen = draw(tmp_path / "a.png", nothing, nothing)
    assert seen == [False, False]


def test_every_volume_has_a_name_of_its_own():
    keys = [
        VolumeKey("01", "2", "3"),
        VolumeKey("01_ses-2_run-3"),
        VolumeKey("a/b"),
        VolumeKey("A:b"),
        VolumeKey("é 1"),
    ]
    assert list(name_pictures(keys).values()) == [
        "sub-01_ses-2_run-3.png",
        "sub-01_ses-2_run-3-2.png",
        "sub-a-b.png",
        "sub-A-b-2.png",
        "sub-é_1.png",
    ]

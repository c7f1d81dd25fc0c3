"""One picture a volume: the FLAIR with reference and prediction outlined."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from data_prep.volume import Volume
from wmh_keras.evaluation.layout import PICTURE_SUFFIX
from wmh_keras.evaluation.patient import as_counted
from wmh_keras.evaluation.results import MASKS, Identity, PatientResult
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.pictures.comparison import write_comparison


def write_picture(
    path: Path,
    result: PatientResult,
    flair: Volume,
    reference: Volume,
    prediction: np.ndarray,
    rules: Rules,
) -> None:
    """Draws what was scored: without small lesions and label 2.

    Args:
        path: the PNG file.
        result: of the volume.
        flair: the image, on the reference's grid.
        reference: labels 0/1/2.
        prediction: (x, y, z) labels 0/1.
        rules: as it was scored.
    """
    write_comparison(
        path,
        flair,
        reference.data,
        as_counted(reference, prediction, rules),
        title=f"{label_of(result.key)}: Dice {result.scores.dice:.2f}",
        subtitle=describe(result),
    )


def describe(result: PatientResult) -> str:
    """Volumes and lesions of a volume in one line."""
    scores = result.scores
    counted = []
    for mask, verb in zip(MASKS, ("found", "right"), strict=True):
        lesions = [lesion for lesion in result.lesions if lesion.mask == mask]
        right = sum(lesion.found for lesion in lesions)
        counted.append(f"{right} of {len(lesions)} {mask} lesions {verb}")
    return (
        f"reference {scores.reference_volume_ml:.2f} ml, "
        f"predicted {scores.predicted_volume_ml:.2f} ml; {', '.join(counted)}"
    )


def label_of(key: VolumeKey) -> str:
    """The volume in BIDS's words: "sub-012 ses-1"."""
    parts = [f"sub-{key.subject_id}"]
    parts += [f"ses-{key.session}"] if key.session else []
    parts += [f"run-{key.run}"] if key.run else []
    return " ".join(parts)


def name_pictures(keys: Iterable[VolumeKey]) -> dict[Identity, str]:
    """A file name for each volume; none is given twice.

    Args:
        keys: of the volumes; a series, so that names do not depend on which
            of them can be drawn.
    """
    names: dict[Identity, str] = {}
    # Some file systems take upper and lower case for the same.
    taken: set[str] = set()
    for key in keys:
        stem = re.sub(r"[^\w.-]", "-", label_of(key).replace(" ", "_"))
        name, number = f"{stem}{PICTURE_SUFFIX}", 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}{PICTURE_SUFFIX}"
        taken.add(name.lower())
        names[key.identity] = name
    return names

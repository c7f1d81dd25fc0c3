"""Which volumes a training fits, and which it validates on."""

import hashlib
import json
from collections.abc import Sequence

from data_prep.errors import UserError
from data_prep.messages import listed
from wmh_keras.datasets import PreparedData, VolumeRecord, read_subjects
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.lesion_masks import LesionMasks


def choose_records(
    data: PreparedData, config: TrainingConfig
) -> tuple[list[VolumeRecord], list[VolumeRecord]]:
    """Chooses the volumes to fit and those to validate on.

    Raises:
      UserError: Unknown splits or subjects, volumes without a reference, no
        volumes, no lesion in any, or a subject in both.
    """
    training = _select(data, config.train_split, config.train_subjects)
    validation = _select(
        data, config.validation_split, config.validation_subjects
    )
    both = {r.subject_id for r in training} & {r.subject_id for r in validation}
    if both:
        raise UserError(
            f"{len(both)} subjects would be both fitted and validated on: "
            f"{listed(sorted(both))}; change the splits or the lists"
        )
    check_lesions(training, validation)
    return training, validation


def check_lesions(
    training: Sequence[VolumeRecord], validation: Sequence[VolumeRecord]
) -> None:
    """Checks that there is something to learn, and to choose a model by.

    Without a lesion the Dice is 1 where nothing is predicted: the emptiest
    model would be the best.

    Raises:
      UserError: All references to fit, or to validate on, are empty.
    """
    for records, purpose in ((training, "fit"), (validation, "validate on")):
        if all(record.num_lesions == 0 for record in records):
            named = listed((record.volume_id for record in records), 5)
            raise UserError(
                f"none of the {len(records)} volumes to {purpose} has a lesion "
                f"(label 1) in its reference ({named}); choose other splits or "
                "subjects, or see whether their masks were prepared rightly "
                "(wmh-prepare --mask_value)"
            )


def check_lesion_masks(
    lesion_masks: LesionMasks | None,
    training: Sequence[VolumeRecord],
    validation: Sequence[VolumeRecord],
) -> None:
    """Checks that masks can be painted, and are of nobody who validates.

    Raises:
      UserError: No volume to fit has as many slices as they, so that none
        lies on their grid; or somebody whose lesions are painted validates,
        as far as the names of the files tell.
    """
    if lesion_masks is None:
        return
    count = lesion_masks.slices_each
    if all(record.num_slices != count for record in training):
        raise UserError(
            f"--lesion_masks: none of the {len(training)} volumes to fit has "
            f"{count} slices as the masks have, so none lies on their grid; "
            "bring masks and volumes to one space, or leave the flag out"
        )
    both = lesion_masks.subjects & {r.subject_id for r in validation}
    if both:
        raise UserError(
            f"--lesion_masks has masks of {len(both)} subjects to validate "
            f"on: {listed(sorted(both))}; take them out of the folder"
        )


def data_fingerprint(
    data: PreparedData,
    training: Sequence[VolumeRecord],
    validation: Sequence[VolumeRecord],
    lesion_masks: LesionMasks | None = None,
) -> str:
    """Returns a digest that stands for the volumes of a training.

    And for the lesion masks of other patients, where it paints them.

    It changes with the preparation and with the choice of volumes, never with
    paths.
    """
    parts = [
        data.identity,
        [record.volume_id for record in training],
        [record.volume_id for record in validation],
    ]
    if lesion_masks is not None:
        parts.append(lesion_masks.digest)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def select_labelled(data: PreparedData, split: str) -> list[VolumeRecord]:
    """Chooses the volumes of a split, or of several joined by "+".

    Raises:
      UserError: An unknown split, or volumes without a reference.
    """
    records = data.select(split)
    unlabelled = [r.volume_id for r in records if not r.has_mask]
    if unlabelled:
        raise UserError(
            f"split {split}: {len(unlabelled)} volumes in {data.data_dir} "
            f"have no reference: {listed(unlabelled, 5)}"
        )
    return records


def _select(
    data: PreparedData, split: str, list_file: str
) -> list[VolumeRecord]:
    if list_file:
        return data.select(subjects=read_subjects(list_file))
    return select_labelled(data, split)

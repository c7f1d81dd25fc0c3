"""Whether volumes may decide on settings: who has been fitted may not."""

import dataclasses
from collections.abc import Sequence

from data_prep.errors import UserError
from data_prep.messages import listed
from data_prep.subject_digest import subject_digest
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.evaluation.training_overlap import seen_among
from wmh_keras.model_info import ModelInfo

VALIDATED = (
    "validation subjects chose the model too: their scores here are not those "
    "of unseen subjects; evaluate the choice on a test set"
)
UNSEEN = (
    "no model had seen its subjects, but the choice has now: their scores here "
    "are the best of the grid; evaluate the choice on other subjects"
)


@dataclasses.dataclass(frozen=True)
class Standing:
    """What the subjects are to the models.

    Attributes:
        note: what their scores are good for.
        warnings: what speaks against the choice.
    """

    note: str
    warnings: tuple[str, ...] = ()


def check_standing(
    infos: Sequence[ModelInfo],
    data: PreparedData,
    records: Sequence[VolumeRecord],
) -> Standing:
    """Checks that no subject was fitted: its probabilities are too sure.

    Args:
        infos: the models; the mean of all predicts every subject.
        data: where the volumes come from.
        records: the volumes.

    Raises:
        UserError: a model was fitted on some of them.
    """
    subjects = sorted({record.subject_id for record in records})
    note, warnings = UNSEEN, []
    for info in infos:
        seen = seen_among(info, subjects)
        if not seen:
            continue
        note = VALIDATED
        place = f"{info.folder}: {len(seen)} of the subjects"
        if info.fitted_subjects is None:
            warnings.append(
                f"{place} ({listed(seen)}) were in the training or validation "
                "of this model, and it does not tell which: the choice is for "
                "new scans only if they were validated on alone"
            )
            continue
        fitted = set(info.fitted_subjects).intersection(
            map(subject_digest, seen)
        )
        names = [name for name in seen if subject_digest(name) in fitted]
        if names:
            _refuse_or_warn(info, data, names, warnings)
    return Standing(note, tuple(warnings))


def _refuse_or_warn(
    info: ModelInfo,
    data: PreparedData,
    names: Sequence[str],
    warnings: list[str],
) -> None:
    known = {info.data_identity, *info.origin.data_identities}
    if data.identity in known:
        raise UserError(
            f"{info.folder}: was fitted on {len(names)} of the subjects to "
            f"calibrate on ({listed(names)}): its probabilities are too sure "
            "of them, and the choice would be wrong for new scans; "
            + _way_out(info)
        )
    warnings.append(
        f"{info.folder}: was fitted on {len(names)} subjects of these names "
        f"({listed(names)}) in another data set: if they are the same people, "
        "the choice is wrong for new scans"
    )


def _way_out(info: ModelInfo) -> str:
    # The first model may have been fitted on those that validated this one.
    if info.origin.weights_sha256:
        return (
            "give subjects that neither it nor the model whose weights it "
            "started from has seen, as --subjects=FILE or in another data set"
        )
    return (
        "give those that it was validated on, such as --split=validation, or "
        "others that it has not seen, as --subjects=FILE"
    )

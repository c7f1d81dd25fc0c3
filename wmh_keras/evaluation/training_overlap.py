"""Whether models are evaluated on subjects that they have seen."""

from collections.abc import Iterable, Sequence

from data_prep.messages import listed
from data_prep.subject_digest import subjects_among
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.model_info import ModelInfo


def find_training_overlap(
    infos: Sequence[ModelInfo],
    data: PreparedData,
    records: Sequence[VolumeRecord],
) -> tuple[str, ...]:
    """Warns where models are evaluated on subjects that they have seen.

    Fitted or validated on: both make the scores too good. In another data
    set than the model's, equal ids may be other people, and the warning says
    so.

    Args:
        infos: the models, which know their subjects by their digests.
        data: where the volumes come from.
        records: the evaluated volumes.

    Returns:
        At most one warning a model; empty where no id has been seen.
    """
    return tuple(
        warning
        for info in infos
        for warning in _overlap_of(
            info,
            data,
            records,
            "the model" if len(infos) == 1 else f"the model {info.folder}",
        )
    )


def seen_among(info: ModelInfo, subjects: Iterable[str]) -> list[str]:
    """Names the subjects that a model has seen, sorted, each once.

    Args:
        info: the model, or what its weights started from.
        subjects: ids to look for.
    """
    return subjects_among(info.seen_subjects, subjects)


def _overlap_of(
    info: ModelInfo,
    data: PreparedData,
    records: Sequence[VolumeRecord],
    name: str,
) -> tuple[str, ...]:
    subjects = seen_among(info, (record.subject_id for record in records))
    if not subjects:
        return ()
    consequence = "the scores are not those of unseen subjects"
    if info.data_identity != data.identity:
        consequence += ", unless other people bear the same ids here"
    return (
        f"{len(subjects)} of the evaluated subjects ({listed(subjects, 5)}) "
        f"were in the training or validation of {name}: {consequence}",
    )

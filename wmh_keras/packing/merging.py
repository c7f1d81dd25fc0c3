"""What a model is that is made of several."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

from data_prep.errors import UserError
from wmh_keras.inference.ensemble import MaskSettings
from wmh_keras.model_info import ModelInfo, Origin
from wmh_keras.plausibility.training_range import TrainingRange, merge_ranges


def check_alike(infos: Sequence[ModelInfo]) -> None:
    """Checks that models can be the members of one.

    Args:
      infos: the models, at least one.

    Raises:
      UserError: another network, other arguments or another preprocessing;
        or the same weights twice, which would have two votes.
    """
    first, *others = infos
    for info in others:
        for name in ("network", "network_arguments", "preprocess"):
            ours, theirs = (i.to_json()[name] for i in (first, info))
            if ours != theirs:
                raise UserError(
                    f"{info.folder}: expected {name} {ours} as in "
                    f"{first.folder}, received {theirs}; a model folder holds "
                    "networks of one kind. Several folders are an ensemble "
                    "too: wmh-predict --model=A --model=B"
                )
    owners: dict[str, ModelInfo] = {}
    for info in infos:
        for member in info.members:
            digest = member.source_sha256 or info.files[member.file]
            if digest in owners:
                raise UserError(
                    f"{info.folder / member.file}: the weights are in "
                    f"{owners[digest].folder} too, and would have two votes; "
                    "name them once"
                )
            owners[digest] = info


def merge_infos(
    infos: Sequence[ModelInfo], settings: MaskSettings
) -> ModelInfo:
    """Says what the model is that several make together.

    It has seen whom any of them has seen. Scores of an ensemble nobody has
    measured yet: the members keep their own.

    Args:
      infos: the models, alike, at least one.
      settings: that count.

    Returns:
      Without members and files.
    """
    first = infos[0]
    return ModelInfo(
        network=first.network,
        network_arguments=first.network_arguments,
        preprocess=first.preprocess,
        threshold=settings.threshold,
        min_lesion_mm3=settings.min_lesion_mm3,
        data_identity=_joined(info.data_identity for info in infos),
        seen_subjects=tuple(
            sorted({s for i in infos for s in i.seen_subjects})
        ),
        fitted_subjects=_merge_fitted(infos),
        training_range=_merge_seen(infos),
        origin=_merge_origins([info.origin for info in infos]),
        scores=first.scores if len(infos) == 1 else {},
        versions={
            package: _joined(i.versions.get(package, "") for i in infos)
            for package in sorted({p for i in infos for p in i.versions})
        },
    )


def _merge_seen(infos: Sequence[ModelInfo]) -> TrainingRange | None:
    """Joins the ranges; the volumes are of all people that were fitted."""
    joined = merge_ranges([info.training_range for info in infos])
    fitted = _merge_fitted(infos)
    if joined is None or fitted is None:
        return joined
    # Folds share most of their people, and each has at least one volume.
    volumes = max(joined.volumes, len(fitted))
    return dataclasses.replace(joined, volumes=volumes)


def _merge_fitted(infos: Sequence[ModelInfo]) -> tuple[str, ...] | None:
    fitted = [info.fitted_subjects for info in infos]
    if None in fitted:
        return None  # nobody knows of all of them
    return tuple(sorted({subject for each in fitted for subject in each}))


def _merge_origins(origins: Sequence[Origin]) -> Origin:
    identities = dict.fromkeys(i for o in origins for i in o.data_identities)
    digests = sorted({o.weights_sha256 for o in origins})
    merged = digests[0]
    if len(digests) > 1:
        # Not that of a file: it says that there was one, and which.
        merged = hashlib.sha256("+".join(digests).encode()).hexdigest()
    return dataclasses.replace(
        origins[0],
        weights_sha256=merged,
        data_identities=tuple(identities),
    )


def _joined(texts: Iterable[str]) -> str:
    return "+".join(sorted(set(texts) - {""}))

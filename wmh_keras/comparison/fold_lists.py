"""The folds of a cross-validation, and their lists of subjects."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import UserError
from data_prep.files import write_text
from data_prep.folds import assign_folds, hold_out, leave_one_site_out
from data_prep.messages import listed
from data_prep.splits import SPLITS
from wmh_keras.comparison.request import CrossValidation
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.evaluation.fold_models import FIT_ONLY_FILE
from wmh_keras.training.subjects import select_labelled

_PARTS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Fold:
    """One fold: who is fitted, validated on, and left out.

    Attributes:
        name: "fold_1" and so on; also of its folder.
        train: subjects to fit, sorted as the others.
        validation: those that drive the schedule and the model choice.
        test: those that the model predicts, and never sees.
        site: which site they are; "" where folds are not sites.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    site: str = ""


def make_folds(data: PreparedData, choice: CrossValidation) -> tuple[Fold, ...]:
    """Makes the folds: the same data and choice give the same.

    Args:
        data: whose subjects are shared out, with all their volumes.
        choice: how.

    Raises:
        UserError: unknown splits or subjects, too few subjects or sites.
    """
    sites: dict[str, set[str]] = {}
    for record in select_subjects(data, choice):
        sites.setdefault(record.subject_id, set()).add(record.site)
    for subject in set(choice.fit_only):
        del sites[subject]
    if not sites:
        raise UserError(
            "--fit_only_subjects: expected some subjects of the "
            "cross-validation to be left to test on, found all of them in the "
            "list; shorten it, or see --cv_splits"
        )
    site_of = {subject: min(found) for subject, found in sites.items()}
    if choice.num_folds:
        tests = assign_folds(site_of, choice.num_folds, choice.seed)
        names = [""] * len(tests)
    else:
        by_site = leave_one_site_out(sites)
        names, tests = list(by_site), list(by_site.values())
    folds = []
    for number, (site, test) in enumerate(zip(names, tests, strict=True), 1):
        name = f"fold_{number}"
        rest = {s: place for s, place in site_of.items() if s not in set(test)}
        try:
            train, validation = hold_out(
                # Not the same ones in each fold.
                rest,
                choice.validation_fraction,
                f"{choice.seed} {name}",
            )
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        train = sorted({*train, *choice.fit_only})
        folds.append(
            Fold(name, tuple(train), tuple(validation), tuple(test), site)
        )
    return tuple(folds)


def select_subjects(
    data: PreparedData, choice: CrossValidation
) -> list[VolumeRecord]:
    """The volumes that take part; each subject with all that it has.

    Raises:
        UserError: an unknown split or subject, or volumes without a reference.
    """
    known = {record.subject_id for record in data.select()}
    unknown = sorted(set(choice.fit_only) - known)
    if unknown:
        raise UserError(
            "--fit_only_subjects: expected subjects with a mask in "
            f"{data.data_dir}, found none of {len(unknown)} of them there: "
            f"{listed(unknown)}"
        )
    present = [name for name in SPLITS if name in data.split_names]
    records = select_labelled(data, choice.splits or "+".join(present))
    subjects = {record.subject_id for record in records}
    return data.select(subjects=subjects | set(choice.fit_only))


def list_of(folder: Path, fold: Fold, part: str) -> Path:
    """The text file of one part: "train", "validation" or "test"."""
    return folder / fold.name / f"{part}.txt"


def check_lists(folder: Path, folds: Sequence[Fold]) -> None:
    """Checks that lists which are there already say the same.

    Args:
        folder: of all folds; may be missing.
        folds: as they are to be.

    Raises:
        UserError: lists of other folds.
    """
    expected = _texts(folder, folds)
    present = {*folder.glob("fold_*/*.txt"), *folder.glob(FIT_ONLY_FILE)}
    differ = sorted(
        path
        for path in present
        if path not in expected or path.read_bytes() != expected[path].encode()
    )
    if differ:
        raise UserError(
            f"{differ[0]}: is of other folds: --num_folds, --seed, "
            "--cv_splits, --validation_fraction, --fit_only_subjects or the "
            "subjects were others when this comparison was begun; give the "
            "same, or take another --workdir"
        )


def write_lists(folder: Path, folds: Sequence[Fold]) -> None:
    """Writes the lists, one subject a line; who is only fitted in one too."""
    for path, text in _texts(folder, folds).items():
        write_text(path, text)


def _texts(folder: Path, folds: Sequence[Fold]) -> dict[Path, str]:
    lists = {
        list_of(folder, fold, part): getattr(fold, part)
        for fold in folds
        for part in _PARTS
    }
    # Everybody else is left out by one fold.
    fit_only = set.intersection(*(set(fold.train) for fold in folds))
    if fit_only:
        lists[folder / FIT_ONLY_FILE] = sorted(fit_only)
    return {
        path: "".join(f"{subject}\n" for subject in subjects)
        for path, subjects in lists.items()
    }

"""Where the results of each scan go, known before any work starts."""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from data_prep.cases.case import Case
from data_prep.cases.listing import bullet_list
from data_prep.errors import UserError
from data_prep.nifti import nifti_stem

# Bytes: 255 on the usual file systems, less what a temporary name adds.
_LONGEST_NAME = 255 - 14


@dataclasses.dataclass(frozen=True)
class ScanOutputs:
    """The files of one scan, all in one folder.

    Attributes:
      folder: where they lie.
      mask: uint8 NIfTI.
      probability: float32 NIfTI.
      lesions: CSV, one row a lesion.
      overview: PNG of slices with the outline.
      record: JSON that is written last and says that the rest is complete.
      uncertainty: float32 NIfTI, how far the members of an ensemble
        disagree. Of a single network there is none, and one of an earlier
        run is removed.
      sidecars: JSON beside mask, probability and uncertainty; BIDS only.
      flair: where the FLAIR is copied to, on whose grid the mask is; None
        where the user has it already (all but converted DICOM).
      dicom_seg: the mask as a DICOM Segmentation object, where it is asked
        for; None where the input is not DICOM.
    """

    folder: Path
    mask: Path
    probability: Path
    lesions: Path
    overview: Path
    record: Path
    uncertainty: Path
    sidecars: tuple[Path, ...] = ()
    flair: Path | None = None
    dicom_seg: Path | None = None

    @property
    def of_ensembles(self) -> tuple[Path, ...]:
        """What only an ensemble has: the map of its disagreement."""
        return (self.uncertainty, *self.sidecars[2:])

    @property
    def results(self) -> tuple[Path, ...]:
        """Every file but the record, those of an ensemble included."""
        return (
            self.mask,
            self.probability,
            self.lesions,
            self.overview,
            self.uncertainty,
            *self.sidecars,
            *(p for p in (self.flair, self.dicom_seg) if p is not None),
        )


@dataclasses.dataclass(frozen=True)
class Job:
    """One scan and where its results go."""

    case: Case
    outputs: ScanOutputs


def plan_jobs(
    cases: Sequence[Case],
    output_dir: str | os.PathLike,
    *,
    is_bids: bool,
    input_dir: Path | None = None,
) -> list[Job]:
    """Gives every case its output paths, which mirror the input's folders.

    `a/X.nii.gz` becomes `a/X_mask.nii.gz` and so on. Of a BIDS data set,
    `sub-01_ses-1_FLAIR.nii.gz` becomes `sub-01_ses-1_label-WMH_mask.nii.gz`
    and `…_probseg.nii.gz`, with sidecars, as BIDS derivatives ask for it.
    BIDS has no suffix for an uncertainty, and a validator would refuse one
    that it does not know. It says `desc` where one source has several maps of
    a kind: `…_label-WMH_desc-disagreement_probseg.nii.gz`.

    Args:
      cases: with a `relative_path` each.
      output_dir: the folder that all of it goes below.
      is_bids: whether the input is a BIDS data set.
      input_dir: the input's folder, where it is one: an image that does not
        lie below it was converted from DICOM, and is copied to the results.

    Returns:
      One job a case, in the same order.

    Raises:
      UserError: two cases would write the same file, or a case an input; a
        name that is too long for a file.
    """
    root = Path(output_dir)
    name_outputs = _bids_outputs if is_bids else _plain_outputs
    jobs = []
    for case in cases:
        outputs = name_outputs(case, root)
        if input_dir and not Path(case.flair).is_relative_to(input_dir):
            outputs = _with_flair(outputs, case)
        if case.dicom_files:
            outputs = _with_dicom_seg(outputs)
        jobs.append(Job(case, outputs))
    _check_lengths(jobs)
    _check_collisions(jobs)
    return jobs


def _plain_outputs(case: Case, root: Path) -> ScanOutputs:
    folder, stem = _folder_and_stem(case, root)
    return ScanOutputs(
        folder=folder,
        mask=folder / f"{stem}_mask.nii.gz",
        probability=folder / f"{stem}_probability.nii.gz",
        lesions=folder / f"{stem}_lesions.csv",
        overview=folder / f"{stem}_overview.png",
        record=folder / f"{stem}_prediction.json",
        uncertainty=folder / f"{stem}_uncertainty.nii.gz",
    )


def _bids_outputs(case: Case, root: Path) -> ScanOutputs:
    folder, stem = _folder_and_stem(case, root)
    stem = _with_label(re.sub(r"_?FLAIR$", "", stem, flags=re.IGNORECASE))
    uncertain = _with_description(stem, "disagreement")
    return ScanOutputs(
        folder=folder,
        mask=folder / f"{stem}_mask.nii.gz",
        probability=folder / f"{stem}_probseg.nii.gz",
        lesions=folder / f"{stem}_lesions.csv",
        overview=folder / f"{stem}_overview.png",
        record=folder / f"{stem}_prediction.json",
        uncertainty=folder / f"{uncertain}_probseg.nii.gz",
        sidecars=(
            folder / f"{stem}_mask.json",
            folder / f"{stem}_probseg.json",
            folder / f"{uncertain}_probseg.json",
        ),
    )


def _with_flair(outputs: ScanOutputs, case: Case) -> ScanOutputs:
    stem = nifti_stem(case.relative_path or case.flair)
    return dataclasses.replace(outputs, flair=outputs.folder / f"{stem}.nii.gz")


def _with_dicom_seg(outputs: ScanOutputs) -> ScanOutputs:
    name = f"{nifti_stem(outputs.mask)}.dcm"
    return dataclasses.replace(outputs, dicom_seg=outputs.folder / name)


def _folder_and_stem(case: Case, root: Path) -> tuple[Path, str]:
    path = PurePosixPath(case.relative_path or Path(case.flair).name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(
            f"{case.flair}: expected a file below the input folder, received "
            f"{path}"
        )
    return root.joinpath(*path.parent.parts), nifti_stem(path.name)


def _with_label(stem: str) -> str:
    """Adds label-WMH where BIDS wants it: last, but before `desc`."""
    entities = stem.split("_")
    place = next(
        (i for i, part in enumerate(entities) if part.startswith("desc-")),
        len(entities),
    )
    return "_".join([*entities[:place], "label-WMH", *entities[place:]])


def _with_description(stem: str, word: str) -> str:
    """Adds a `desc`, the last entity of BIDS, or puts a word into it."""
    if re.search(r"_desc-[^_]+$", stem):
        return stem + word.capitalize()
    return f"{stem}_desc-{word}"


def _check_lengths(jobs: Sequence[Job]) -> None:
    for job in jobs:
        longest = max(
            len(os.fsencode(path.name))
            for path in (*job.outputs.results, job.outputs.record)
        )
        if longest > _LONGEST_NAME:
            raise UserError(
                f"{job.case.flair}: expected a shorter name, since its results "
                f"are named after it and may have {_LONGEST_NAME} bytes, "
                f"received one that makes {longest}; rename the file"
            )


def _check_collisions(jobs: Sequence[Job]) -> None:
    owners: dict[Path, Case] = {}
    inputs = {
        Path(path).resolve() for job in jobs for _, path in job.case.images
    }
    problems = []
    for job in jobs:
        for path in (*job.outputs.results, job.outputs.record):
            if path.resolve() in inputs:
                problems.append(f"{job.case.flair}: would replace {path}")
        shared = [path for path in job.outputs.results if path in owners]
        if shared:
            problems.append(
                f"{owners[shared[0]].flair} and {job.case.flair}: both would "
                f"write {shared[0]}"
            )
        owners |= dict.fromkeys(job.outputs.results, job.case)
    if problems:
        raise UserError(
            f"nothing was written: some results would replace others; rename "
            f"or leave out one of each:\n{bullet_list(problems)}"
        )

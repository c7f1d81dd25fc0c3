"""What a run will do, planned and done, whatever it is that segments."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.cases import find_images
from data_prep.cases.bids import is_bids_dataset, is_derivative
from data_prep.dicom_seg import check_highdicom
from data_prep.errors import UserError
from wmh_keras.prediction import bids_derivative
from wmh_keras.prediction.bids_selection import Selection, select_cases
from wmh_keras.prediction.cohort import named_write_errors, predict_cohort
from wmh_keras.prediction.output_folder import (
    check_apart,
    check_output_dir,
    locked_output,
)
from wmh_keras.prediction.outputs import Job, plan_jobs
from wmh_keras.prediction.records import (
    Settings,
    check_earlier,
    warn_of_changed_masks,
)
from wmh_keras.prediction.result import Result, result_of
from wmh_keras.prediction.scan import RunInfo

if TYPE_CHECKING:
    from wmh_keras.inference.segmenter import Segmenter


@dataclasses.dataclass(frozen=True)
class Scans:
    """What the user wants segmented, and where to.

    Attributes:
      input_path: file, folder, DICOM folder, BIDS data set or manifest.
      output_dir: where the results go.
      series: of a DICOM folder, the series to take.
      overwrite: do again what is done.
      images: role to file, of the further images of one NIfTI file.
      dicom_seg: write masks of DICOM series as DICOM too.
      selection: of a BIDS data set, the participants and sessions; None
        takes all that is there.
      summarize: write the table and the page. Without them, several processes
        may write into one output folder, each with participants of its own.
    """

    input_path: Path
    output_dir: Path
    series: str | None = None
    overwrite: bool = False
    images: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dicom_seg: bool = False
    selection: Selection | None = None
    summarize: bool = True


@dataclasses.dataclass(frozen=True)
class ScanPlan:
    """What will be done, known before any file is written.

    Attributes:
      settings: what decides the results.
      is_bids: whether the output becomes a BIDS derivative.
      waiting: the scans to segment.
      done: the scans that have just this result already.
      warnings: what was passed over when the images were looked for.
      precision: that the networks compute in.
    """

    settings: Settings
    is_bids: bool
    waiting: Sequence[Job]
    done: Sequence[Job]
    warnings: Sequence[str] = ()
    precision: str = "fp32"

    def describe(self, limit: int | None = None, remark: str = "") -> list[str]:
        """Returns lines that list the scans.

        Args:
          limit: the most scans to list; None lists all.
          remark: stands behind the model's name.
        """
        lines = [
            f"{len(self.waiting)} to segment, {len(self.done)} already done; "
            f"model {self.settings.model}{remark}, threshold "
            f"{self.settings.threshold:g}, min_lesion_mm3 "
            f"{self.settings.min_lesion_mm3:g}"
        ]
        entries = [f"  {_name(job)}" for job in self.waiting]
        entries += [f"  {_name(job)} (already done)" for job in self.done]
        lines += entries[:limit]
        if len(entries) > len(entries[:limit]):
            lines.append(f"  … and {len(entries) - limit} more")
        return [*lines, *(f"warning: {text}" for text in self.warnings)]


def plan_scans(
    scans: Scans,
    settings: Settings,
    *,
    channels: tuple[str, ...],
    precision: str = "fp32",
) -> ScanPlan:
    """Finds the images, names their results and checks what is there.

    Writes nothing, but for converted DICOM series in a temporary folder.

    Args:
      scans: what the user wants.
      settings: what decides the results.
      channels: roles of the images of a scan, the FLAIR first.
      precision: that the networks compute in.

    Raises:
      UserError: no images; two images with one result; an output folder that
        holds something else.
    """
    if scans.dicom_seg:
        check_highdicom()
    path = scans.input_path.absolute()
    warnings: list[str] = []
    cases = find_images(
        path,
        channels=channels,
        images=scans.images,
        series=scans.series,
        warn=warnings.append,
    )
    is_bids = is_bids_dataset(path) and not is_derivative(path)
    if is_bids:
        wanted = scans.selection or Selection()
        cases = select_cases(path, cases, wanted, warnings.append)
    check_output_dir(scans.output_dir)
    if is_bids:
        bids_derivative.check_output_dir(path, scans.output_dir)
    jobs = plan_jobs(
        cases,
        scans.output_dir,
        is_bids=is_bids,
        input_dir=path if path.is_dir() else None,
    )
    check_apart(jobs, path, scans.output_dir)
    _check_dicom_seg(scans, jobs)
    waiting, done = check_earlier(
        jobs,
        settings,
        overwrite=scans.overwrite,
        precision=precision,
        dicom_seg=scans.dicom_seg,
    )
    warnings += warn_of_changed_masks(done)
    return ScanPlan(
        settings, is_bids, waiting, done, tuple(warnings), precision
    )


def segment_scans(
    scans: Scans,
    planned: ScanPlan,
    make_segmenter: "Callable[[], Segmenter]",
    run: RunInfo,
) -> Result:
    """Does what was planned.

    Args:
      scans: what the user wants.
      planned: what `plan_scans` gave for it.
      make_segmenter: called once, where there is something to do.
      run: settings and names; its `dicom_seg` is that of `scans`.

    Raises:
      UserError: the output folder cannot be written to, or another process
        writes there.
    """
    folder = scans.output_dir
    with locked_output(folder, _subjects_to_lock(scans, planned)):
        # Another process may have written since this was planned.
        waiting, done = check_earlier(
            planned.waiting,
            planned.settings,
            overwrite=scans.overwrite,
            precision=planned.precision,
            dicom_seg=scans.dicom_seg,
        )
        if planned.is_bids:
            with named_write_errors(folder):
                bids_derivative.write_description(scans.input_path, folder)
        made = predict_cohort(
            waiting,
            make_segmenter,
            run,
            folder,
            summarize=scans.summarize,
        )
    return result_of(
        folder,
        made,
        [*planned.done, *done],
        dicom_seg=scans.dicom_seg,
        has_summary=scans.summarize,
    )


def _subjects_to_lock(scans: Scans, planned: ScanPlan) -> set[str] | None:
    """Names the subjects whose folders are kept; None for all of the output.

    Processes side by side name their subjects, and leave table and page.
    """
    if scans.summarize or not (scans.selection or Selection()).subjects:
        return None
    return {job.case.subject_id for job in planned.waiting}


def _name(job: Job) -> str:
    source = job.case.relative_path or job.case.flair
    return f"{source} -> {job.outputs.mask.name}"


def _check_dicom_seg(scans: Scans, jobs: Sequence[Job]) -> None:
    is_dicom = any(job.outputs.dicom_seg is not None for job in jobs)
    if scans.dicom_seg and not is_dicom:
        raise UserError(
            f"--dicom_seg: expected a DICOM folder as --input, received "
            f"{scans.input_path}: a DICOM segmentation is of a DICOM series"
        )

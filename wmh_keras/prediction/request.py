"""A whole prediction: from what the user asked for to what was written."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_prep.cases import find_images
from data_prep.cases.bids import is_bids_dataset, is_derivative
from data_prep.dicom_seg import check_highdicom
from data_prep.errors import UserError
from wmh_keras import artifacts
from wmh_keras.inference.engine import Engine, choose_engine
from wmh_keras.inference.ensemble import (
    as_ensemble,
    channels_of,
    common_settings,
    count_members,
    ensemble_identity,
)
from wmh_keras.model_info import ModelInfo
from wmh_keras.prediction import bids_derivative, records
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


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
      input_path: file, folder, DICOM folder, BIDS data set or manifest.
      model_paths: work folders or model folders; several are an ensemble.
      output_dir: where the results go.
      series: of a DICOM folder, the series to take.
      threshold: None takes the models'.
      min_lesion_mm3: None takes the models'.
      test_time_flips: one of `flips.FLIPS`.
      overwrite: do again what is done.
      batch_size: slices in a batch.
      engine: one of `distribution.ENGINES`.
      precision: one of `engine.PRECISIONS`.
      images: role to file, of the further images of one NIfTI file.
      dicom_seg: write masks of DICOM series as DICOM too.
      selection: of a BIDS data set, the participants and sessions; None
        takes all that is there.
      summarize: write the table and the page. Without them, several processes
        may write into one output folder, each with participants of its own.
    """

    input_path: Path
    model_paths: tuple[Path, ...]
    output_dir: Path
    series: str | None = None
    threshold: float | None = None
    min_lesion_mm3: float | None = None
    test_time_flips: str = "none"
    overwrite: bool = False
    batch_size: int = 8
    engine: str = "auto"
    precision: str = "fp32"
    images: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dicom_seg: bool = False
    selection: Selection | None = None
    summarize: bool = True


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be done, known before any file is written.

    Attributes:
      infos: the models.
      settings: what decides the results.
      is_bids: whether the output becomes a BIDS derivative.
      waiting: the scans to segment.
      done: the scans that have just this result already.
      warnings: what was passed over when the images were looked for.
    """

    infos: Sequence[ModelInfo]
    settings: Settings
    is_bids: bool
    waiting: Sequence[Job]
    done: Sequence[Job]
    warnings: Sequence[str] = ()

    def describe(self, limit: int | None = None) -> list[str]:
        """Returns lines that list the scans, at most `limit` of them."""
        lines = [
            f"{len(self.waiting)} to segment, {len(self.done)} already done; "
            f"{self._describe_models()}, threshold "
            f"{self.settings.threshold:g}, min_lesion_mm3 "
            f"{self.settings.min_lesion_mm3:g}"
        ]
        entries = [f"  {_name(job)}" for job in self.waiting]
        entries += [f"  {_name(job)} (already done)" for job in self.done]
        lines += entries[:limit]
        if len(entries) > len(entries[:limit]):
            lines.append(f"  … and {len(entries) - limit} more")
        return [*lines, *(f"warning: {text}" for text in self.warnings)]

    def _describe_models(self) -> str:
        text = f"model {self.settings.model}"
        members = count_members(self.infos)
        return text if members == 1 else f"{text} ({members} networks)"


def plan(request: Request) -> Plan:
    """Finds the images, names their results and checks what is there.

    Writes nothing, but for converted DICOM series in a temporary folder.

    Raises:
      UserError: no usable model; no images; two images with one result; an
        output folder that holds something else.
    """
    if request.dicom_seg:
        check_highdicom()
    infos = as_ensemble(
        [artifacts.read_model_info(path) for path in request.model_paths]
    )
    settings = _settings(request, infos)
    path = request.input_path.absolute()
    warnings: list[str] = []
    cases = find_images(
        path,
        channels=channels_of(infos),
        images=request.images,
        series=request.series,
        warn=warnings.append,
    )
    if request.selection is not None:
        cases = select_cases(path, cases, request.selection, warnings.append)
    is_bids = is_bids_dataset(path) and not is_derivative(path)
    check_output_dir(request.output_dir)
    if is_bids:
        bids_derivative.check_output_dir(path, request.output_dir)
    jobs = plan_jobs(
        cases,
        request.output_dir,
        is_bids=is_bids,
        input_dir=path if path.is_dir() else None,
    )
    check_apart(jobs, path, request.output_dir)
    _check_dicom_seg(request, jobs)
    waiting, done = check_earlier(
        jobs,
        settings,
        overwrite=request.overwrite,
        precision=request.precision,
        dicom_seg=request.dicom_seg,
    )
    warnings += warn_of_changed_masks(done)
    return Plan(infos, settings, is_bids, waiting, done, tuple(warnings))


def predict(request: Request, planned: Plan) -> Result:
    """Does what was planned; the engine is loaded only where there is work.

    Returns:
      What was done and what failed.

    Raises:
      UserError: the model's weights are damaged, or the output folder cannot
        be written to.
    """
    subjects = _subjects_to_lock(request, planned)
    with locked_output(request.output_dir, subjects):
        made = _predict(request, planned)
    return result_of(
        request.output_dir,
        made,
        planned.done,
        dicom_seg=request.dicom_seg,
        has_summary=request.summarize,
    )


def _subjects_to_lock(request: Request, planned: Plan) -> set[str] | None:
    """Names the subjects whose folders are kept; None for all of the output.

    Processes side by side name their subjects, and leave table and page.
    """
    if request.summarize or not (request.selection or Selection()).subjects:
        return None
    return {job.case.subject_id for job in planned.waiting}


def _predict(request: Request, planned: Plan) -> list[records.Record]:
    engine = Engine("")
    if planned.waiting:
        engine = choose_engine(request.engine, request.precision)
    if planned.is_bids:
        with named_write_errors(request.output_dir):
            bids_derivative.write_description(
                request.input_path, request.output_dir
            )
    run = RunInfo(
        planned.settings,
        engine,
        bids_derivative.describe_models(planned.infos, request.test_time_flips),
        dicom_seg=request.dicom_seg,
    )

    def make_segmenter():  # noqa: ANN202  (naming its type imports Keras)
        from wmh_keras.inference.loading import load_segmenter

        return load_segmenter(
            planned.infos,
            threshold=planned.settings.threshold,
            min_lesion_mm3=planned.settings.min_lesion_mm3,
            batch_size=request.batch_size,
            flips=request.test_time_flips,
            engine=engine,
        )

    return predict_cohort(
        planned.waiting,
        make_segmenter,
        run,
        request.output_dir,
        summarize=request.summarize,
    )


def _name(job: Job) -> str:
    source = job.case.relative_path or job.case.flair
    return f"{source} -> {job.outputs.mask.name}"


def _settings(request: Request, infos: Sequence[ModelInfo]) -> Settings:
    common = common_settings(
        infos,
        threshold=request.threshold,
        min_lesion_mm3=request.min_lesion_mm3,
    )
    return Settings(
        model=ensemble_identity(infos, request.test_time_flips),
        threshold=common.threshold,
        min_lesion_mm3=common.min_lesion_mm3,
    )


def _check_dicom_seg(request: Request, jobs: Sequence[Job]) -> None:
    is_dicom = any(job.outputs.dicom_seg is not None for job in jobs)
    if request.dicom_seg and not is_dicom:
        raise UserError(
            f"--dicom_seg: expected a DICOM folder as --input, received "
            f"{request.input_path}: a DICOM segmentation is of a DICOM series"
        )

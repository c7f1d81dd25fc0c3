"""What makes an output folder a BIDS derivative: description and sidecars."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from data_prep.cases.listing import PROGRAM_NAME, is_own_folder
from data_prep.errors import UserError
from data_prep.files import write_json, write_text
from data_prep.version import __version__
from wmh_keras.inference.ensemble import model_identity
from wmh_keras.model_info import ModelInfo
from wmh_keras.prediction.outputs import Job
from wmh_keras.prediction.records import Settings

DESCRIPTION_FILE = "dataset_description.json"
_BIDS_VERSION = "1.8.0"  # the first with BIDS URIs and DatasetLinks
_LINK = "raw"
# What a validator would not know.
_IGNORED = (
    "*_lesions.csv",
    "*_overview.png",
    "*_prediction.json",
    "volumes.csv",
    "index.html",
)


def check_output_dir(input_dir: str | os.PathLike, output_dir: str) -> None:
    """Checks that a folder can become a derivative, before any work.

    Raises:
      UserError: the output would go into the raw data set itself, or into a
        data set that another program made.
    """
    root = Path(output_dir)
    if root.resolve() == Path(input_dir).resolve():
        raise UserError(
            f"{output_dir}: this is the BIDS data set itself, results would "
            f"mix with raw data; take "
            f"{Path(output_dir, 'derivatives', PROGRAM_NAME)}"
        )
    if (root / DESCRIPTION_FILE).exists() and not is_own_folder(root):
        raise UserError(
            f"{root / DESCRIPTION_FILE}: expected no data set there, or one "
            f"that {PROGRAM_NAME} made; take another --output_dir"
        )


def write_description(
    input_dir: str | os.PathLike, output_dir: str | os.PathLike
) -> None:
    """Writes dataset_description.json and .bidsignore."""
    root = Path(output_dir)
    link = _relative_uri(Path(input_dir), root)
    write_json(
        root / DESCRIPTION_FILE,
        {
            "Name": "White matter hyperintensities found by wmh-keras",
            "BIDSVersion": _BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [
                {
                    "Name": PROGRAM_NAME,
                    "Version": __version__,
                    "Description": "Automatic segmentation; research "
                    "software, not a medical device",
                }
            ],
            "SourceDatasets": [{"URL": link}],
            "DatasetLinks": {_LINK: link},
        },
    )
    write_text(root / ".bidsignore", "\n".join(_IGNORED) + "\n")


def describe_models(self) -> str:
    text = f"model {self.settings.model}"
    members = count_members(self.infos)
    return text if members == 1 else f"{text} ({members} networks)"


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of it.

    Attributes:
      output_dir: where everything lies.
      segmented: records of the scans that this run segmented.
      failed: records of those that could not be.
      num_skipped: scans that were done before.
    """

    output_dir: Path
    segmented: Sequence[Record]
    failed: Sequence[Record]
    num_skipped: int

    def describe(self) -> list[str]:
        """Returns lines for the user."""
        lines = [
            f"{len(self.segmented)} segmented, {self.num_skipped} already "
            f"done, {len(self.failed)} failed",
        ]
        lines += [f"  failed: {record.row['error']}" for record in self.failed]
        warnings = [
            f"  warning: {record.row['file']}: {warning}"
            for record in self.segmented
            for warning in record.warnings
        ]
        lines += warnings[:_MAX_WARNINGS]
        if len(warnings) > _MAX_WARNINGS:
            more = len(warnings) - _MAX_WARNINGS
            lines.append(f"  … and {more} more warnings, in {VOLUMES_FILE}")
        lines += [
            f"table: {self.output_dir / VOLUMES_FILE}",
            f"page:  {self.output_dir / PAGE_FILE}",
        ]
        return lines


def plan(request: Request) -> Plan:
    """Finds the images, names their results and checks what is there.

    Writes nothing, but for converted DICOM series in a temporary folder.

    Raises:
      UserError: no usable model; no images; two images with one result; an
        output folder that holds something else.
    """
    infos = as_ensemble(
        [artifacts.read_model_info(path) for path in request.model_paths]
    )
    settings = _settings(request, infos)
    path = request.input_path.absolute()
    warnings: list[str] = []
    cases = find_images(path, series=request.series, warn=warnings.append)
    is_bids = is_bids_dataset(path) and not is_derivative(path)
    _check_output_dir(request.output_dir)
    if is_bids:
        bids_derivative.check_output_dir(path, request.output_dir)
    jobs = plan_jobs(
        cases,
        request.output_dir,
        is_bids=is_bids,
        input_dir=path if path.is_dir() else None,
    )
    _check_apart(jobs, path, request.output_dir)
    waiting, done = check_earlier(jobs, settings, overwrite=request.overwrite)
    warnings += warn_of_changed_masks(done)
    return Plan(infos, settings, is_bids, waiting, done, tuple(warnings))


def predict(request: Request, planned: Plan) -> Result:
    """Does what was planned; Keras is loaded only where there is work.

    Returns:
      What was done and what failed.

    Raises:
      UserError: the model's weights are damaged, or the output folder cannot
        be written to.
    """
    with locked_folder(request.output_dir, "another process writes there"):
        made = _predict(request, planned)
    failed = [r for r in made if r.status == records.FAILED]
    return Result(
        output_dir=request.output_dir,
        segmented=[r for r in made if r.status != records.FAILED],
        failed=failed,
        num_skipped=len(planned.done),
    )


def _predict(request: Request, planned: Plan) -> list[records.Record]:
    engine = ""
    if planned.waiting:
        engine = distribution.choose_engine(request.engine)
    if planned.is_bids:
        with named_write_errors(request.output_dir):
            bids_derivative.write_description(
                request.input_path, request.output_dir
            )
    run = RunInfo(
        planned.settings,
        engine,
        _describe_models(planned.infos, request.test_time_flips),
    )

    def make_segmenter():  # noqa: ANN202  (naming its type imports Keras)
        from wmh_keras.inference.loading import load_segmenter

        return load_segmenter(
            planned.infos,
            threshold=planned.settings.threshold,
            min_lesion_mm3=planned.settings.min_lesion_mm3,
            batch_size=request.batch_size,
            flips=request.test_time_flips,
        )

    return predict_cohort(
        planned.waiting, make_segmenter, run, request.output_dir
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


def describe_models(infos: Sequence[ModelInfo], flips: str) -> dict[str, Any]:
    """Says what is known of the models, for the sidecars.

    Args:
      infos: the models, at least one.
      flips: the test-time flips.

    Returns:
      JSON values: of one model its own, of several a list under "Ensemble".
    """
    each = [
        {
            "Network": info.network,
            "DataIdentity": info.data_identity,
            "Versions": dict(info.versions),
        }
        for info in infos
    ]
    described = each[0]
    if len(infos) > 1:
        named = zip(infos, each, strict=True)
        described = {
            "Ensemble": [
                {"Identity": model_identity(i), **about} for i, about in named
            ]
        }
    if flips != "none":
        described["TestTimeFlips"] = flips
    return described


def write_sidecars(
    job: Job,
    settings: Settings,
    model: Mapping[str, Any],
    *,
    has_uncertainty: bool = False,
) -> None:
    """Writes the JSON beside mask, probability map and uncertainty.

    All lie on the FLAIR's own grid, so that the FLAIR is the spatial
    reference.

    Args:
      job: of a BIDS data set, with sidecars planned.
      settings: what decided the result.
      model: what is known of the model, as JSON values.
      has_uncertainty: whether the map of an ensemble's disagreement is there.
    """
    relative = quote(str(PurePosixPath(job.case.relative_path)))
    source = f"bids:{_LINK}:{relative}"
    common = {
        "Sources": [source],
        "SpatialReference": source,
        "Label": "WMH",
        "Model": {"Identity": settings.model, **model},
    }
    mask, probability, uncertainty = job.outputs.sidecars
    write_json(
        mask,
        {
            "Description": "White matter hyperintensities, 1 inside",
            "Type": "Lesion",
            **common,
            "Threshold": settings.threshold,
            "MinLesionVolume": settings.min_lesion_mm3,
            "MinLesionVolumeUnits": "mm^3",
        },
    )
    write_json(
        probability,
        {
            "Description": "Probability of white matter hyperintensity",
            "Manual": False,
            **common,
        },
    )
    if has_uncertainty:
        write_json(
            uncertainty,
            {
                "Description": "Disagreement of an ensemble, no probability: "
                "the population standard deviation of its members' "
                "probabilities of white matter hyperintensity, 0 to 0.5",
                "Manual": False,
                **common,
            },
        )


def _relative_uri(target: Path, start: Path) -> str:
    """Returns the way from `start` to `target`, so that both can move."""
    try:
        relative = os.path.relpath(target.resolve(), start.resolve())
    except ValueError:  # another drive
        return target.resolve().as_uri()
    return quote(Path(relative).as_posix())

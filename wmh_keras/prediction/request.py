"""A whole prediction: from what the user asked for to what was written."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from data_prep.cases import find_images
from data_prep.cases.bids import is_bids_dataset, is_derivative
from data_prep.errors import UserError
from data_prep.files import locked_folder
from wmh_keras import artifacts, distribution
from wmh_keras.inference.ensemble import (
    as_ensemble,
    common_settings,
    count_members,
    ensemble_identity,
)
from wmh_keras.model_info import ModelInfo
from wmh_keras.prediction import bids_derivative, records
from wmh_keras.prediction.cohort import named_write_errors, predict_cohort
from wmh_keras.prediction.outputs import Job, plan_jobs
from wmh_keras.prediction.records import (
    Record,
    Settings,
    check_earlier,
    warn_of_changed_masks,
)
from wmh_keras.prediction.scan import RunInfo
from wmh_keras.prediction.summary import PAGE_FILE, VOLUMES_FILE

# Lines of warnings at the end of a run; all of them are in the table.
_MAX_WARNINGS = 20


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
      engine: "auto", "jax" or "tensorflow".
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

    def _check_apart(jobs: Sequence[Job], path: Path, output_dir: Path) -> None:
    """Refuses converted DICOM inside the DICOM folder itself.

    The converted image is kept with its results; there, the next run would
    find it in place of the DICOM files.
    """
    converted = any(job.outputs.flair is not None for job in jobs)
    if converted and output_dir.resolve().is_relative_to(path.resolve()):
        raise UserError(
            f"--output_dir={output_dir}: lies in the DICOM folder {path}; "
            f"take a folder outside of it"
        )


def _check_output_dir(output_dir: Path) -> None:
    for folder in (output_dir, *output_dir.absolute().parents):
        if folder.exists():
            if not folder.is_dir():
                raise UserError(
                    f"--output_dir={output_dir}: expected a folder, but "
                    f"{folder} is a file"
                )
            return

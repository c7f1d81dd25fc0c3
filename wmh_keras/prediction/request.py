"""A whole prediction: from what the user asked for to what was written."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from data_prep.messages import listed
from data_prep.subject_digest import subjects_among
from wmh_keras import artifacts
from wmh_keras.inference.engine import Engine, choose_engine
from wmh_keras.inference.ensemble import (
    as_ensemble,
    channels_of,
    common_settings,
    count_members,
    ensemble_checksum,
    ensemble_identity,
    ensemble_name,
    seen_by,
)
from wmh_keras.model_info import ModelInfo
from wmh_keras.prediction import bids_derivative
from wmh_keras.prediction.likeness import expectations_of
from wmh_keras.prediction.planning import (
    ScanPlan,
    Scans,
    plan_scans,
    segment_scans,
)
from wmh_keras.prediction.records import Settings
from wmh_keras.prediction.result import Result
from wmh_keras.prediction.scan import RunInfo


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
      scans: what is to be segmented, and where to.
      model_paths: work folders or model folders; several are an ensemble.
      threshold: None takes the models'.
      min_lesion_mm3: None takes the models'.
      test_time_flips: one of `flips.FLIPS`.
      batch_size: slices in a batch.
      engine: one of `distribution.ENGINES`.
      precision: one of `engine.PRECISIONS`.
    """

    scans: Scans
    model_paths: tuple[Path, ...]
    threshold: float | None = None
    min_lesion_mm3: float | None = None
    test_time_flips: str = "none"
    batch_size: int = 8
    engine: str = "auto"
    precision: str = "fp32"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be done, known before any file is written.

    Attributes:
      infos: the models.
      scans: what is to be done with them.
    """

    infos: Sequence[ModelInfo]
    scans: ScanPlan

    def describe(self, limit: int | None = None) -> list[str]:
        """Returns lines that list the scans, at most `limit` of them."""
        members = count_members(self.infos)
        facts = [ensemble_name(self.infos)]
        facts.append("" if members == 1 else f"{members} networks")
        remark = ", ".join(filter(None, facts))
        return self.scans.describe(limit, f" ({remark})" if remark else "")


def plan(request: Request) -> Plan:
    """Finds the images, names their results and checks what is there.

    Raises:
      UserError: no usable model, or as for `plan_scans`.
    """
    infos = as_ensemble(
        [artifacts.read_model_info(path) for path in request.model_paths]
    )
    scans = plan_scans(
        request.scans,
        _settings(request, infos),
        channels=channels_of(infos),
        precision=request.precision,
    )
    warnings = [*scans.warnings, *_warn_of_seen(infos, scans)]
    return Plan(infos, dataclasses.replace(scans, warnings=warnings))


def _warn_of_seen(infos: Sequence[ModelInfo], scans: ScanPlan) -> list[str]:
    ids = [job.case.subject_id for job in (*scans.waiting, *scans.done)]
    subjects = subjects_among(seen_by(infos), ids)
    if not subjects:
        return []
    return [
        f"the model has seen subjects of these ids: {listed(subjects, 5)}. "
        "Unless other people bear them, their masks are better than those of "
        "new subjects, and no test of the model"
    ]


def predict(request: Request, planned: Plan) -> Result:
    """Does what was planned; the engine is loaded only where there is work.

    Returns:
      What was done and what failed.

    Raises:
      UserError: the model's weights are damaged, or as for `segment_scans`.
    """
    engine = Engine("")
    if planned.scans.waiting:
        engine = choose_engine(request.engine, request.precision)
    settings = planned.scans.settings
    run = RunInfo(
        settings,
        engine,
        bids_derivative.describe_models(planned.infos, request.test_time_flips),
        dicom_seg=request.scans.dicom_seg,
        expectations=expectations_of(planned.infos),
        model_name=ensemble_name(planned.infos),
        model_checksum=ensemble_checksum(planned.infos),
        channels=channels_of(planned.infos),
        seen_subjects=seen_by(planned.infos),
    )

    def make_segmenter():  # noqa: ANN202  (naming its type imports Keras)
        from wmh_keras.inference.loading import load_segmenter

        return load_segmenter(
            planned.infos,
            threshold=settings.threshold,
            min_lesion_mm3=settings.min_lesion_mm3,
            batch_size=request.batch_size,
            flips=request.test_time_flips,
            engine=engine,
        )

    return segment_scans(request.scans, planned.scans, make_segmenter, run)


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

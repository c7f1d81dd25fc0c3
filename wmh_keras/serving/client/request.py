"""A whole prediction by a server: what `prediction.request` is for models."""

import dataclasses
from pathlib import Path

from data_prep.errors import UserError
from wmh_keras import artifacts
from wmh_keras.inference.engine import Engine
from wmh_keras.prediction.planning import (
    ScanPlan,
    Scans,
    plan_scans,
    segment_scans,
)
from wmh_keras.prediction.records import Settings
from wmh_keras.prediction.result import Result
from wmh_keras.prediction.scan import RunInfo
from wmh_keras.serving.client.connection import Connection, connect
from wmh_keras.serving.client.errors import RunEndedError
from wmh_keras.serving.client.remote_segmenter import RemoteSegmenter
from wmh_keras.serving.client.retries import PatientTransport, RetryPolicy
from wmh_keras.serving.client.route import Route
from wmh_keras.serving.client.served_model import ServedModel, open_model

MODEL_NAME = "wmh"


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
      scans: what is to be segmented, and where to.
      connection: where the server is.
      model_name: of the model at the server.
      model_version: None takes the highest that is available.
      expected_models: folders of the model, or models, that it has to be.
      threshold: None takes the model's.
      min_lesion_mm3: None takes the model's.
      route: how volumes travel.
      policy: how often to ask again.
    """

    scans: Scans
    connection: Connection
    model_name: str = MODEL_NAME
    model_version: int | None = None
    expected_models: tuple[Path, ...] = ()
    threshold: float | None = None
    min_lesion_mm3: float | None = None
    route: Route = dataclasses.field(default_factory=Route)
    policy: RetryPolicy = dataclasses.field(default_factory=RetryPolicy)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be done, known before any file is written.

    Attributes:
      served: the model, checked; its connection is open.
      segmenter: asks it.
      scans: what is to be done with it.
    """

    served: ServedModel
    segmenter: RemoteSegmenter
    scans: ScanPlan

    def describe(self, limit: int | None = None) -> list[str]:
        """Returns lines that list the scans, at most `limit` of them."""
        lines = self.scans.describe(limit)
        if self.served.is_trusted:
            lines.append(
                "warning: the served model does not say what it is; --model is "
                "trusted for its preprocessing and threshold"
            )
        return lines


def plan(request: Request) -> Plan:
    """Asks the server for the model, then plans the scans.

    Raises:
      UserError: no answer or no such model, or as for `plan_scans`.
    """
    expected = [
        artifacts.read_model_info(path) for path in request.expected_models
    ]
    transport = PatientTransport(connect(request.connection), request.policy)
    try:
        served = open_model(
            transport, request.model_name, request.model_version, expected
        )
    except BaseException:
        transport.close()
        raise
    segmenter = RemoteSegmenter(
        served,
        threshold=request.threshold,
        min_lesion_mm3=request.min_lesion_mm3,
        route=request.route,
    )
    settings = Settings(
        model=served.identity,
        threshold=segmenter.threshold,
        min_lesion_mm3=segmenter.min_lesion_mm3,
    )
    scans = plan_scans(request.scans, settings, channels=segmenter.channels)
    return Plan(served, segmenter, scans)


def predict(request: Request, planned: Plan) -> Result:
    """Does what was planned, and closes the connection.

    Raises:
      UserError: the server went away or refuses everything: the run ends and
        the same command goes on; or as for `segment_scans`.
    """
    served = planned.served
    run = RunInfo(
        planned.scans.settings,
        Engine(f"serving ({request.connection.protocol})"),
        {
            "Server": served.transport.address,
            "Name": served.model.name,
            "Version": served.model.version,
        },
        dicom_seg=request.scans.dicom_seg,
        channels=planned.segmenter.channels,
    )
    try:
        return segment_scans(
            request.scans, planned.scans, lambda: planned.segmenter, run
        )
    except RunEndedError as error:
        raise UserError(
            f"{error}\nThe run has stopped; what is done is kept, the same "
            "command goes on."
        ) from error
    finally:
        served.transport.close()

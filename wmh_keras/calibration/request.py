"""What the user asks for."""

import dataclasses
from pathlib import Path

from wmh_keras.calibration.choice import CRITERIA
from wmh_keras.calibration.grid import DEFAULT_GRID, Grid
from wmh_keras.evaluation.request import ModelRequest, OutOfFoldRequest


@dataclasses.dataclass(frozen=True)
class CalibrationRequest:
    """Choose threshold and minimum lesion size of a model.

    Attributes:
        source: who is predicted by what. Its threshold and minimum size say
            nothing here, but have to be given, so that models may differ.
        output_dir: where the results go; made if need be.
        grid: the settings that are tried.
        criterion: the mean that is to be highest, one of `choice.CRITERIA`.
        by_site: gives every site the same weight; else every subject has it.
        overwrite: replaces the results of another calibration.
        write_to: models into whose model.json the choice goes.
        num_workers: volumes scored at a time; changes no result.
    """

    source: ModelRequest | OutOfFoldRequest
    output_dir: Path
    grid: Grid = DEFAULT_GRID
    criterion: str = CRITERIA[0]
    by_site: bool = True
    overwrite: bool = False
    write_to: tuple[Path, ...] = ()
    num_workers: int = 1

    @property
    def models(self) -> tuple[Path, ...]:
        """The models that predict everyone; none in a cross-validation."""
        return getattr(self.source, "models", ())

"""Labels of heads without manual masks, as far as a model is sure of them.

Self-training: what a model says of scans that nobody has drawn teaches the next
one. Lee, Pseudo-Label, ICML Workshop 2013; Xie et al., Self-training with Noisy
Student, CVPR 2020, whose student sees the images harder than its teacher did.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from data_prep.brain_region import IGNORED
from data_prep.cases import Case
from data_prep.errors import UsageError, UserError, VolumeError
from data_prep.nifti import nifti_stem, read_volume
from data_prep.volume import Volume, check_same_grid

LESION = 1
# As wmh-predict names them: of BIDS data sets, and of anything else.
_BIDS_ENDING = "_label-WMH_probseg.nii.gz"
_PLAIN_ENDING = "_probability.nii.gz"


@dataclasses.dataclass(frozen=True)
class PredictedLabels:
    """Where a model is sure enough of a lesion, or of none.

    Attributes:
      folder: that wmh-predict wrote the probabilities of the heads into.
      lesion_from: probability from which on a voxel is a lesion.
      tissue_below: probability below which it is none.

    Raises:
      UsageError: the second is not below the first.
      UserError: there are no probabilities in the folder.
    """

    folder: Path
    lesion_from: float = 0.5
    tissue_below: float = 0.1

    def __post_init__(self) -> None:
        if self.tissue_below > self.lesion_from:
            raise UsageError(
                "--tissue_below: expected at most --lesion_from "
                f"({self.lesion_from:g}), received {self.tissue_below:g}"
            )
        if not self._files:
            raise UserError(
                f"--predictions={self.folder}: expected a folder that "
                f"wmh-predict wrote, with files *{_BIDS_ENDING} or "
                f"*{_PLAIN_ENDING}; found none"
            )

    def __str__(self) -> str:
        """What the labels are made by, as the output's description says."""
        return (
            f"1 from probability {self.lesion_from:g} on, 0 below "
            f"{self.tissue_below:g}"
        )

    def apply(
        self, case: Case, flair: Volume, labels: np.ndarray
    ) -> np.ndarray:
        """Decides what is ignored, as far as the model is sure.

        Args:
          case: the head.
          flair: its image.
          labels: uint8 (x, y, z) from `partial_labels`. What is 0 there stays
            0, whatever the model says.

        Returns:
          uint8 (x, y, z) of 0, 1 and `IGNORED`.

        Raises:
          VolumeError: the model has not predicted this head, or its
            probabilities cannot be used.
        """
        path = self._file_of(case)
        probability = read_volume(path)
        try:
            check_same_grid(probability, flair)
        except VolumeError as error:
            raise VolumeError(f"{path}: {error}") from error
        values = probability.data
        if values.min() < 0 or values.max() > 1:
            raise VolumeError(
                f"{path}: expected probabilities of 0 to 1, received "
                f"{values.min():g} to {values.max():g}"
            )
        decided = np.select(
            [values >= self.lesion_from, values < self.tissue_below],
            [LESION, 0],
            IGNORED,
        )
        return np.where(labels == IGNORED, decided, labels).astype(np.uint8)

    @functools.cached_property
    def _files(self) -> dict[str, list[Path]]:
        """The probabilities by file name."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self.folder.rglob("*.nii.gz")):
            if path.name.endswith((_BIDS_ENDING, _PLAIN_ENDING)):
                found.setdefault(path.name, []).append(path)
        return found

    def _file_of(self, case: Case) -> Path:
        stem = nifti_stem(case.flair)
        names = (
            stem.removesuffix("_FLAIR") + _BIDS_ENDING,
            stem + _PLAIN_ENDING,
        )
        paths = [path for name in names for path in self._files.get(name, ())]
        if len(paths) != 1:
            received = ", ".join(map(str, paths)) or "none"
            raise VolumeError(
                f"expected one file {' or '.join(names)} in {self.folder}, "
                f"received {received}; run wmh-predict on the same heads"
            )
        return paths[0]

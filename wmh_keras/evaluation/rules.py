"""The rules that an evaluation counts lesions by."""

import dataclasses
from typing import Any

from data_prep.size_classes import DEFAULT_RULE, SizeRule
from wmh_keras.metrics.lesion import ANY_OVERLAP, PAPER_OVERLAP

SAME, ANY = "same", "any"


@dataclasses.dataclass(frozen=True)
class Rules:
    """What decides the scores beside the masks themselves.

    Attributes:
        size: how lesions are told apart by size, and what a lesion is: with a
            2-D unit, a component within a slice. The Challenge scores are
            always those of 3-D lesions.
        lesion_overlap: share of a reference lesion that has to be predicted
            for it to be found, above 0 and at most 1.
        lesion_precision: when a predicted lesion is a match: "same", if that
            share of it is reference; "any", if one voxel is.
        min_lesion_mm3: smaller predicted lesions (in 3-D) are removed before
            every score but those of the curves; 0 keeps all.

    Raises:
        ValueError: a value that is not allowed.
    """

    size: SizeRule = DEFAULT_RULE
    lesion_overlap: float = PAPER_OVERLAP
    lesion_precision: str = SAME
    min_lesion_mm3: float = 0.0

    def __post_init__(self) -> None:
        """Checks the fields."""
        if not 0 < self.lesion_overlap <= 1:
            raise ValueError(
                "lesion_overlap: expected above 0 and at most 1, received "
                f"{self.lesion_overlap}"
            )
        if self.lesion_precision not in (SAME, ANY):
            raise ValueError(
                f"lesion_precision: expected {SAME!r} or {ANY!r}, received "
                f"{self.lesion_precision!r}"
            )
        if not 0 <= self.min_lesion_mm3 < float("inf"):
            raise ValueError(
                "min_lesion_mm3: expected 0 or more, received "
                f"{self.min_lesion_mm3}"
            )

    @property
    def overlaps(self) -> dict[str, float]:
        """The keyword arguments of `metrics.lesion.score_lesions`."""
        same = self.lesion_precision == SAME
        return {
            "recall_overlap": self.lesion_overlap,
            "precision_overlap": self.lesion_overlap if same else ANY_OVERLAP,
        }

    def to_json(self) -> dict[str, Any]:
        """JSON types; equal for equal rules."""
        return dataclasses.asdict(self)


DEFAULT_RULES = Rules()
